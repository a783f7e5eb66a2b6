// Addresses by when they are due, eight bytes for each: a binary heap in arrays without objects. It grows array by array, for one
// that is copied into a larger one takes the memory of both.

import type { SnapshotReader, SnapshotWriter } from "./snapshot.ts";

/** Times are told apart by so much, milliseconds, so that 32 bits hold each from 1970 to 2109. */
export const GRAIN_MS = 1024;
const LAST_GRAIN = 2 ** 32 - 1;

/** The grain that a time is in, epoch milliseconds. Times before 1970 are all in the first, those from 2109 on in the last. */
export function grainOf(time: number): number {
  return Math.min(Math.max(Math.floor(time / GRAIN_MS), 0), LAST_GRAIN);
}

const CHUNK_BITS = 14;
const CHUNK = 1 << CHUNK_BITS;

interface Chunk {
  /** In grains. */
  readonly dues: Uint32Array;
  readonly addresses: Uint32Array;
}

/** Addresses by when they are due, the earliest first. They are told a grain early, and never late. */
export class DueQueue {
  readonly #chunks: Chunk[] = [];
  #size = 0;

  /** Whether the first is due at a time, epoch milliseconds. */
  isDue(now: number): boolean {
    return this.#size > 0 && this.#dueOf(0) <= grainOf(now);
  }

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** Adds an address; `due` is epoch milliseconds. */
  add(due: number, address: number): void {
    this.#add(grainOf(due), address);
  }

  #add(due: number, address: number): void {
    if (this.#size >>> CHUNK_BITS === this.#chunks.length) this.#grow();
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (this.#dueOf(parent) <= due) break;
      this.#copy(parent, at);
      at = parent;
    }
    const { dues, addresses } = this.#chunks[at >>> CHUNK_BITS]!;
    const slot = at & (CHUNK - 1);
    dues[slot] = due;
    addresses[slot] = address;
  }

  /** Takes out the first. There must be one. */
  take(): number {
    const first = this.#chunks[0]!.addresses[0]!;
    this.#size--;
    if (this.#size > 0) this.#sink();
    if (this.#size + CHUNK <= (this.#chunks.length - 1) * CHUNK) this.#chunks.pop();
    return first;
  }

  /** Drops the addresses that are not `kept`. */
  filter(kept: (address: number) => boolean): void {
    const size = this.#size;
    // What is read comes never before what has been put back by then.
    this.#size = 0;
    for (let at = 0; at < size; at++) {
      const { dues, addresses } = this.#chunks[at >>> CHUNK_BITS]!;
      const slot = at & (CHUNK - 1);
      const [due, address] = [dues[slot]!, addresses[slot]!];
      if (kept(address)) this.#add(due, address);
    }
    this.#chunks.length = Math.ceil(this.#size / CHUNK);
  }

  /** Writes all of it into a snapshot. */
  save(snapshot: SnapshotWriter): void {
    snapshot.json([this.#size, this.#chunks.length]);
    for (const { dues, addresses } of this.#chunks) {
      snapshot.words(dues);
      snapshot.words(addresses);
    }
  }

  /** Becomes what a snapshot has. */
  load(snapshot: SnapshotReader): void {
    const [size, chunks] = snapshot.json<[number, number]>();
    this.#size = size;
    this.#chunks.length = 0;
    for (let i = 0; i < chunks; i++) this.#chunks.push({ dues: snapshot.words(), addresses: snapshot.words() });
  }

  /** Puts the last one, which is behind the others now, in the place of the first, and in order. */
  #sink(): void {
    const last = this.#size;
    const due = this.#dueOf(last);
    let at = 0;
    for (let child = 1; child < this.#size; child = 2 * at + 1) {
      if (child + 1 < this.#size && this.#dueOf(child + 1) < this.#dueOf(child)) child++;
      if (this.#dueOf(child) >= due) break;
      this.#copy(child, at);
      at = child;
    }
    this.#copy(last, at);
  }

  #dueOf(at: number): number {
    return this.#chunks[at >>> CHUNK_BITS]!.dues[at & (CHUNK - 1)]!;
  }

  #copy(from: number, to: number): void {
    const [source, target] = [this.#chunks[from >>> CHUNK_BITS]!, this.#chunks[to >>> CHUNK_BITS]!];
    const [there, here] = [from & (CHUNK - 1), to & (CHUNK - 1)];
    target.dues[here] = source.dues[there]!;
    target.addresses[here] = source.addresses[there]!;
  }

  #grow(): void {
    this.#chunks.push({ dues: new Uint32Array(CHUNK), addresses: new Uint32Array(CHUNK) });
  }
}
