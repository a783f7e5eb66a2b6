// Ends of windows whose merged rows wait for other partitions: such a row is final when every partition's watermark has
// passed it, so the watermark of a partition that has nothing to write must be written all the same.

/** Beyond so many ends every second one is left out: its rows become final with the next one. */
const MAX_ENDS = 4096;

export class AwaitedEnds {
  #ends = new Set<number>();

  /** A row of a window that ends at `end` has been made. Epoch milliseconds. */
  add(end: number): void {
    this.#ends.add(end);
    if (this.#ends.size > MAX_ENDS) this.#thin();
  }

  /** Whether a watermark of `upTo` makes rows final. */
  reachedBy(upTo: number): boolean {
    for (const end of this.#ends) if (end <= upTo) return true;
    return false;
  }

  /** Rows of windows that end at `upTo` or before are final now. */
  drop(upTo: number): void {
    for (const end of this.#ends) if (end <= upTo) this.#ends.delete(end);
  }

  /** Leaves out every second end, and keeps the last. */
  #thin(): void {
    const ascending = [...this.#ends].sort((a, b) => a - b);
    this.#ends = new Set(ascending.filter((_, i) => (ascending.length - i) % 2 === 1));
  }
}
