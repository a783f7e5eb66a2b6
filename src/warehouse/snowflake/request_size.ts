// How many bytes of rows go into one request: as many as is set, and fewer once Snowflake, or a proxy on the way, has refused
// one for its size. Shared by all writers of an account. Must not know what is in a request.

/** A single row that is more than fits into a request: only leaving it out helps. */
export class RowTooLargeError extends Error {
  constructor(readonly bytes: number, cause: unknown) {
    super(`A row of ${bytes} bytes is larger than a request to Snowflake may be (${(cause as Error).message})`, {
      cause,
    });
    this.name = "RowTooLargeError";
  }
}

export class RequestSize {
  #bytes: number;
  readonly #onWarning: (message: string) => void;

  constructor(bytes: number, onWarning: (message: string) => void) {
    this.#bytes = bytes;
    this.#onWarning = onWarning;
  }

  /** Of rows, as they are in the request before it is compressed. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A request with so many bytes of rows was refused: from now on there are at most half as many. */
  refused(bytes: number, why: string): void {
    const half = Math.floor(bytes / 2);
    if (half >= this.#bytes) return;
    this.#bytes = half;
    this.#onWarning(
      `Snowflake refused a request with ${bytes} bytes of rows for its size: they go in requests of at most ${half} now ` +
        `(SNOWFLAKE_REQUEST_BYTES=${half} begins with that): ${why}`,
    );
  }
}
