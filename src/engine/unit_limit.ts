// How many bytes of records go into one unit: as many as the warehouse was seen to take at once. Lives as long as its runner.

/** Bytes of records, however few they are. */
const MOST_BYTES = 32 * 1024 * 1024;
/** With less than this in a unit it is not the records that fill a warehouse's memory. */
const LEAST_BYTES = 64 * 1024;

export class UnitLimit {
  #bytes = MOST_BYTES;

  /** A unit with so many bytes is due. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Halves it; says whether that was possible. */
  halve(): boolean {
    if (this.#bytes <= LEAST_BYTES) return false;
    this.#bytes /= 2;
    return true;
  }
}
