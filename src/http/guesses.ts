// Wrong tokens, counted by address: who has sent many waits, and nobody else does. Must not know what a right token is.
import type { Context } from "hono";
import type { Refusal } from "./problem.ts";
import { Buckets } from "./rate_limit.ts";

/** Wrong tokens that an address may send at once, and in each minute. */
const GUESSES = 20;

export interface GuessesOptions {
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  readonly addressOf: (c: Context) => string;
}

/** The wrong tokens of all addresses. */
export class Guesses {
  readonly #buckets: Buckets;

  constructor(private readonly options: GuessesOptions) {
    this.#buckets = new Buckets({ perSecond: GUESSES / 60, burst: GUESSES, now: options.now });
  }

  /** Why an address must wait before another token of its is looked at; `undefined` when it need not. */
  waitOf(c: Context): Refusal | undefined {
    if (this.#buckets.size === 0) return undefined;
    const retryAfter = this.#buckets.waitOf(this.options.addressOf(c));
    if (retryAfter === undefined) return undefined;
    return { code: "too_many_guesses", detail: "Too many wrong tokens came from this address", retryAfter };
  }

  /** A token was wrong. */
  count(c: Context): void {
    this.#buckets.take(this.options.addressOf(c));
  }
}
