// Places by when they are due, sixteen bytes for each: a binary heap in arrays without objects.

/** Where a key is in the file, and the hash of it. */
export interface Place {
  readonly address: number;
  readonly hash: number;
}

/** Places by when they are due, the earliest first. */
export class DueQueue {
  #dues = new Float64Array(16);
  #addresses = new Uint32Array(16);
  #hashes = new Uint32Array(16);
  #size = 0;

  /** When the first is due; `Infinity` when there is none. */
  get next(): number {
    return this.#size === 0 ? Infinity : this.#dues[0]!;
  }

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** Adds a place. */
  add(due: number, { address, hash }: Place): void {
    if (this.#size === this.#dues.length) this.#grow();
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (this.#dues[parent]! <= due) break;
      this.#copy(parent, at);
      at = parent;
    }
    this.#dues[at] = due;
    this.#addresses[at] = address;
    this.#hashes[at] = hash;
  }

  /** Takes out the first. There must be one. */
  take(): Place {
    const first = { address: this.#addresses[0]!, hash: this.#hashes[0]! };
    this.#size--;
    if (this.#size > 0) this.#sink();
    return first;
  }

  /** Puts the last one, which is behind the others now, in the place of the first, and in order. */
  #sink(): void {
    const last = this.#size;
    const due = this.#dues[last]!;
    let at = 0;
    for (let child = 1; child < this.#size; child = 2 * at + 1) {
      if (child + 1 < this.#size && this.#dues[child + 1]! < this.#dues[child]!) child++;
      if (this.#dues[child]! >= due) break;
      this.#copy(child, at);
      at = child;
    }
    this.#copy(last, at);
  }

  #copy(from: number, to: number): void {
    this.#dues[to] = this.#dues[from]!;
    this.#addresses[to] = this.#addresses[from]!;
    this.#hashes[to] = this.#hashes[from]!;
  }

  #grow(): void {
    const dues = new Float64Array(2 * this.#size);
    const addresses = new Uint32Array(2 * this.#size);
    const hashes = new Uint32Array(2 * this.#size);
    dues.set(this.#dues);
    addresses.set(this.#addresses);
    hashes.set(this.#hashes);
    [this.#dues, this.#addresses, this.#hashes] = [dues, addresses, hashes];
  }
}
