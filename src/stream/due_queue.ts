// Places by when they are due, sixteen bytes for each: a binary heap in arrays without objects. It grows array by array, for one
// that is copied into a larger one takes the memory of both.

/** Where a key is in the file, and the hash of it. */
export interface Place {
  readonly address: number;
  readonly hash: number;
}

const CHUNK_BITS = 14;
const CHUNK = 1 << CHUNK_BITS;

interface Chunk {
  readonly dues: Float64Array;
  readonly addresses: Uint32Array;
  readonly hashes: Uint32Array;
}

/** Places by when they are due, the earliest first. */
export class DueQueue {
  readonly #chunks: Chunk[] = [];
  #size = 0;

  /** When the first is due; `Infinity` when there is none. */
  get next(): number {
    return this.#size === 0 ? Infinity : this.#dueOf(0);
  }

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** Adds a place. */
  add(due: number, { address, hash }: Place): void {
    if (this.#size >>> CHUNK_BITS === this.#chunks.length) this.#grow();
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (this.#dueOf(parent) <= due) break;
      this.#copy(parent, at);
      at = parent;
    }
    const { dues, addresses, hashes } = this.#chunks[at >>> CHUNK_BITS]!;
    const slot = at & (CHUNK - 1);
    dues[slot] = due;
    addresses[slot] = address;
    hashes[slot] = hash;
  }

  /** Takes out the first. There must be one. */
  take(): Place {
    const { addresses, hashes } = this.#chunks[0]!;
    const first = { address: addresses[0]!, hash: hashes[0]! };
    this.#size--;
    if (this.#size > 0) this.#sink();
    if (this.#size + CHUNK <= (this.#chunks.length - 1) * CHUNK) this.#chunks.pop();
    return first;
  }

  /** Drops the places that are not `kept`. */
  filter(kept: (place: Place) => boolean): void {
    const size = this.#size;
    // What is read comes never before what has been put back by then.
    this.#size = 0;
    for (let at = 0; at < size; at++) {
      const { dues, addresses, hashes } = this.#chunks[at >>> CHUNK_BITS]!;
      const slot = at & (CHUNK - 1);
      const [due, place] = [dues[slot]!, { address: addresses[slot]!, hash: hashes[slot]! }];
      if (kept(place)) this.add(due, place);
    }
    this.#chunks.length = Math.ceil(this.#size / CHUNK);
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
    target.hashes[here] = source.hashes[there]!;
  }

  #grow(): void {
    this.#chunks.push({
      dues: new Float64Array(CHUNK),
      addresses: new Uint32Array(CHUNK),
      hashes: new Uint32Array(CHUNK),
    });
  }
}
