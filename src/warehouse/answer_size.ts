// How much an answer may hold: rows are bounded by their number elsewhere, and cells by nothing. Must not know who asks, nor
// which warehouse answers.
import { QueryTooLargeError } from "../errors.ts";
import type { HeldBytes } from "./warehouse.ts";

/** What a number, a boolean or the bookkeeping of a value is counted as, bytes. */
const BYTES_OF_VALUE = 8;
const MEBIBYTE = 1 << 20;

/** Adds up the rows of one answer. */
export class AnswerSize {
  #bytes = 0;

  /** Without a limit nothing is counted. `held` is told of what is. */
  constructor(private readonly maxBytes: number | undefined, private readonly held?: HeldBytes) {}

  /**
   * Counts a row of JSON values. Throws `QueryTooLargeError` when the rows so far are too large, and what `held` throws when
   * they and other answers are.
   */
  add(row: readonly unknown[]): void {
    if (this.maxBytes === undefined) return;
    const before = this.#bytes;
    this.#count(row);
    if (this.#bytes > this.maxBytes) {
      throw new QueryTooLargeError(
        `The answer is larger than ${Math.ceil(this.maxBytes / MEBIBYTE)} MiB: ask for fewer rows or columns`,
      );
    }
    this.held?.grow(this.#bytes - before);
  }

  #count(value: unknown): void {
    this.#bytes += BYTES_OF_VALUE;
    if (typeof value === "string") this.#bytes += value.length;
    else if (Array.isArray(value)) { for (const item of value) this.#count(item); }
    else if (typeof value === "object" && value !== null) {
      for (const name in value) {
        this.#bytes += name.length;
        this.#count((value as Readonly<Record<string, unknown>>)[name]);
      }
    }
  }
}
