// Where the keys of a table are in the file: eight bytes for each, found by a hash. Knows no keys: who asks compares them.

import type { SnapshotReader, SnapshotWriter } from "./snapshot.ts";

const EMPTY = 0;
const DELETED = 0xffff_ffff;
const FEWEST_SLOTS = 16;

/** Hash of a text: FNV-1a over its UTF-16 units, mixed so that the low bits hold all of it. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

/** Addresses by hash, with open addressing. An address is from 1 to 2^32 - 2. */
export class SpillIndex {
  #hashes = new Uint32Array(FEWEST_SLOTS);
  #addresses = new Uint32Array(FEWEST_SLOTS);
  #size = 0;
  /** Slots that are not empty, deleted ones among them. */
  #used = 0;

  /** Keys held. */
  get size(): number {
    return this.#size;
  }

  /** The address of the key with this hash for which `is` holds; 0 where there is none. */
  find(hash: number, is: (address: number) => boolean): number {
    const slot = this.#slotOf(hash, is);
    return slot < 0 ? 0 : this.#addresses[slot]!;
  }

  /** Adds a key that is not there. */
  add(hash: number, address: number): void {
    if ((this.#used + 1) * 4 > this.#addresses.length * 3) this.#rehash();
    const mask = this.#addresses.length - 1;
    let slot = hash & mask;
    while (this.#addresses[slot] !== EMPTY) slot = (slot + 1) & mask;
    this.#hashes[slot] = hash;
    this.#addresses[slot] = address;
    this.#size++;
    this.#used++;
  }

  /** The key at one address is at another one from now on. */
  move(hash: number, from: number, to: number): void {
    const slot = this.#slotOf(hash, (at) => at === from);
    if (slot >= 0) this.#addresses[slot] = to;
  }

  /** Takes out the key at the address. */
  delete(hash: number, address: number): void {
    const slot = this.#slotOf(hash, (at) => at === address);
    if (slot < 0) return;
    this.#addresses[slot] = DELETED;
    this.#size--;
  }

  /** All addresses, lowest first. */
  addresses(): Uint32Array {
    return this.#addresses.filter((address) => address !== EMPTY && address !== DELETED).sort();
  }

  /** Writes all of it into a snapshot. */
  save(snapshot: SnapshotWriter): void {
    snapshot.json([this.#size, this.#used]);
    snapshot.words(this.#hashes);
    snapshot.words(this.#addresses);
  }

  /** Becomes what a snapshot has. */
  load(snapshot: SnapshotReader): void {
    [this.#size, this.#used] = snapshot.json<[number, number]>();
    this.#hashes = snapshot.words();
    this.#addresses = snapshot.words();
  }

  #slotOf(hash: number, is: (address: number) => boolean): number {
    const [hashes, addresses] = [this.#hashes, this.#addresses];
    const mask = addresses.length - 1;
    for (let slot = hash & mask; addresses[slot] !== EMPTY; slot = (slot + 1) & mask) {
      if (hashes[slot] === hash && addresses[slot] !== DELETED && is(addresses[slot]!)) return slot;
    }
    return -1;
  }

  /** Makes room, and forgets deleted slots. */
  #rehash(): void {
    const [hashes, addresses] = [this.#hashes, this.#addresses];
    let slots = FEWEST_SLOTS;
    while (slots < 2 * this.#size + 2) slots *= 2;
    this.#hashes = new Uint32Array(slots);
    this.#addresses = new Uint32Array(slots);
    this.#size = this.#used = 0;
    addresses.forEach((address, slot) => {
      if (address !== EMPTY && address !== DELETED) this.add(hashes[slot]!, address);
    });
  }
}
