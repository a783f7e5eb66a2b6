// How much an answer may hold: rows are bounded by their number elsewhere, and cells by nothing. Must not know who asks, nor
// which warehouse answers.
import { QueryTooLargeError } from "../errors.ts";

/** What a number, a boolean or the bookkeeping of a value is counted as, bytes. */
const BYTES_OF_VALUE = 8;
const MEBIBYTE = 1 << 20;

/** Adds up the rows of one answer. */
export class AnswerSize {
  #bytes = 0;

  /** Without a limit nothing is counted. */
  constructor(private readonly maxBytes: number | undefined) {}

  /** Counts a row of JSON values. Throws `QueryTooLargeError` when the rows so far are too large. */
  add(row: readonly unknown[]): void {
    if (this.maxBytes === undefined) return;
    this.#count(row);
    if (this.#bytes > this.maxBytes) {
      throw new QueryTooLargeError(
        `The answer is larger than ${Math.ceil(this.maxBytes / MEBIBYTE)} MiB: ask for fewer rows or columns`,
      );
    }
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
