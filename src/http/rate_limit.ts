// A limit on how often one client asks: a bucket of tokens per address that fills evenly. Own code, because the kept
// libraries keep a timer or an unbounded number of addresses, and read the clock themselves.
import type { Context, MiddlewareHandler } from "hono";
import { problem } from "./problem.ts";

export interface RateLimit {
  /** Requests per second that one address may send for long; a second's worth at once. `Infinity` for no limit. */
  readonly perSecond: number;
  /** Requests that may come at once; a second's worth, and one at least, when left out. */
  readonly burst?: number;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** Requests that are let through, and not counted. */
  readonly spares?: (c: Context) => boolean;
}

/** Addresses that are remembered; the longest unseen is forgotten first, which gives it a full bucket. */
const MAX_ADDRESSES = 10_000;

/** Buckets by address. */
export class Buckets {
  readonly #buckets = new Map<string, { tokens: number; at: number }>();

  constructor(readonly limit: RateLimit, readonly maxAddresses: number = MAX_ADDRESSES) {}

  get size(): number {
    return this.#buckets.size;
  }

  /** Takes a token; when there is none, says after how many seconds there will be. */
  take(address: string): { readonly ok: true } | { readonly ok: false; readonly retryAfter: number } {
    const { perSecond, now } = this.limit;
    const at = now();
    const tokens = this.#tokensOf(address, at);
    this.#remember(address, { tokens: tokens >= 1 ? tokens - 1 : tokens, at });
    return tokens >= 1 ? { ok: true } : { ok: false, retryAfter: (1 - tokens) / perSecond };
  }

  /** After how many seconds there will be a token; `undefined` when there is one. Takes none. */
  waitOf(address: string): number | undefined {
    const tokens = this.#tokensOf(address, this.limit.now());
    return tokens >= 1 ? undefined : (1 - tokens) / this.limit.perSecond;
  }

  #tokensOf(address: string, at: number): number {
    const { perSecond, burst = Math.max(1, perSecond) } = this.limit;
    const known = this.#buckets.get(address);
    return known === undefined ? burst : Math.min(burst, known.tokens + (at - known.at) * perSecond / 1000);
  }

  /** Seen last goes last. */
  #remember(address: string, bucket: { tokens: number; at: number }): void {
    this.#buckets.delete(address);
    this.#buckets.set(address, bucket);
    if (this.#buckets.size <= this.maxAddresses) return;
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}

/** Answers 429 with Retry-After to a client that asks too often; `addressOf` says whose request it is. */
export function limitRate(limit: RateLimit, addressOf: (c: Context) => string): MiddlewareHandler {
  if (limit.perSecond === Infinity) return (_c, next) => next();
  const buckets = new Buckets(limit);
  return (c, next) => {
    if (limit.spares?.(c)) return next();
    const taken = buckets.take(addressOf(c));
    if (taken.ok) return next();
    return Promise.resolve(problem(c, {
      code: "too_many_requests",
      detail: `More than ${limit.perSecond} requests a second came from this address`,
      retryAfter: taken.retryAfter,
    }));
  };
}
