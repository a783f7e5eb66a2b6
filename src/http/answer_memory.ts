// How many bytes the answers may hold together that are read, or wait for their clients to take them. Must not know who asks,
// nor what of.
import { QueryBusyError } from "../errors.ts";

/** Of all answers of users. */
const TOTAL_BYTES = 64 * 1024 * 1024;

/** Of all answers together. */
export class AnswerMemory {
  #held = 0;

  constructor(private readonly totalBytes = TOTAL_BYTES) {}

  get held(): number {
    return this.#held;
  }

  /** An answer that holds nothing yet. */
  begin(): HeldAnswer {
    return new HeldAnswer((bytes) => {
      if (bytes > 0 && this.#held + bytes > this.totalBytes) {
        throw new QueryBusyError(
          "Other answers that are read or taken hold the memory for answers: ask again in a while, or for fewer rows",
        );
      }
      this.#held += bytes;
    });
  }
}

/** What one answer holds, until it is released. */
export class HeldAnswer {
  #bytes = 0;

  constructor(private readonly take: (bytes: number) => void) {}

  /** It holds so much more. Throws `QueryBusyError` when there is not as much. */
  grow(bytes: number): void {
    this.take(bytes);
    this.#bytes += bytes;
  }

  /** Nobody asks for its rows any more. */
  release(): void {
    this.take(-this.#bytes);
    this.#bytes = 0;
  }
}
