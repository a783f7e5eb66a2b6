// How many bytes of records go into one unit: as many as the warehouse was seen to take at once. Lives as long as its runner.

/** Bytes of records, however few they are. */
const MAX_BYTES = 32 * 1024 * 1024;
/** With less than this in a unit it is not the records that fill a warehouse's memory. */
const MIN_BYTES = 64 * 1024;
/** Units that are taken at the limit before a larger one is tried; twice as many after each that is refused. */
const FIRST_PATIENCE = 64;
const MAX_PATIENCE = 4096;

/** Records that wait for their unit. */
export interface Waiting {
  /** Bytes of them, with keys and headers. */
  readonly size: number;
  /** Of that what each has above 4 KiB. */
  readonly large: number;
}

/**
 * Starts at 32 MiB. It is half of what the warehouse refused, and stays there for 64 units of about that size; then it doubles. When
 * the warehouse refuses that, it halves again and stays for twice as many. So what took the memory for a moment (a query beside
 * the writer) makes units small for a while only, and what takes it for good costs a refused unit now and then.
 */
export class UnitLimit {
  #bytes = MAX_BYTES;
  #patience = FIRST_PATIENCE / 2;
  #taken = 0;
  #tried = 0;

  /** A unit with so many bytes is due. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether no more should wait. `largeBytes` is how much of large records the warehouse wants in a unit at most. */
  isReachedBy({ size, large }: Waiting, largeBytes = Infinity): boolean {
    return size >= this.#bytes || large >= largeBytes;
  }

  /** To be called before a unit is written. */
  trying({ size }: Pick<Waiting, "size">): void {
    this.#tried = size;
  }

  /** To be called when it is. */
  taken(): void {
    if (this.#bytes >= MAX_BYTES || this.#tried < this.#bytes / 2 || ++this.#taken < this.#patience) return;
    this.#bytes *= 2;
    this.#taken = 0;
  }

  /** Halves it, for the unit that was tried did not fit; says whether that was possible. */
  halve(): boolean {
    if (this.#bytes <= MIN_BYTES) return false;
    this.#bytes = Math.max(MIN_BYTES, Math.min(this.#bytes, this.#tried || this.#bytes) / 2);
    this.#patience = Math.min(MAX_PATIENCE, 2 * this.#patience);
    this.#taken = 0;
    return true;
  }
}
