// Posts simulated records to an HTTP address, as many clients would: several connections, and patience with a server that asks
// for it. Knows nothing of domains or pacing.
import { ExponentialBackoff, type IBackoff } from "cockatiel";
import type { Clock } from "../clock.ts";
import { connectFailure, FreshetError, messageIn } from "../errors.ts";
import type { NewRecord } from "../log/log.ts";
import { addToSketch, emptySketch, quantileOf } from "@freshet/stream";
import { UsageError } from "./context.ts";

/** The server cannot be reached, or asks for patience without end. */
export class TargetUnavailableError extends FreshetError {
  readonly code = "target_unavailable";
  /** Its retries are behind it. */
  readonly retriable = false;
}

export interface PosterOptions {
  readonly url: URL;
  /** Bearer token. */
  readonly token?: string;
  readonly connections: number;
  readonly clock: Clock;
  /** Aborted to give up waiting; what is on its way is finished. */
  readonly signal: AbortSignal;
  /** Of HTTP; for tests. */
  readonly fetch?: typeof fetch;
}

/** A record's JSON; empty for one that has none. */
type Posted = Pick<NewRecord, "value">;

/** What became of the records so far. */
export interface PostTotals {
  readonly accepted: number;
  /** Records that the server refused, by status. */
  readonly refused: ReadonlyMap<number, number>;
  /** Records of which nobody can say whether they were published. */
  readonly uncertain: number;
  /** Answers 429 and 503, after which the record was sent again. */
  readonly deferred: number;
  /** Milliseconds from sending to an answer that took the record; `null` before the first. */
  readonly latencyMs: { readonly p50: number | null; readonly p99: number | null };
}

const TIMEOUT_MS = 30_000;
/** Tries of one record. */
const MAX_TRIES = 20;
const FIRST_PAUSE_MS = 200;
const MAX_PAUSE_MS = 10_000;
/** The longest that a `Retry-After` is obeyed. */
const MAX_RETRY_AFTER_MS = 60_000;
/** Answers that no other record will change: what to look at. */
const WRONG_TARGET: ReadonlyMap<number, string> = new Map([
  [401, "set FRESHET_API_TOKEN or FRESHET_INGEST_TOKEN to its token"],
  [403, "set FRESHET_API_TOKEN or FRESHET_INGEST_TOKEN to its token"],
  [404, "check the address, and that the run there has the domain"],
  [405, "check the address: the path takes no POST"],
  [421, "check the address: the server does not answer to that name"],
]);

export class HttpPoster {
  readonly #options: PosterOptions;
  readonly #refused = new Map<number, number>();
  readonly #latency = emptySketch();
  #accepted = 0;
  #uncertain = 0;
  #deferred = 0;
  /** Until when the server wants to be left alone, epoch milliseconds. */
  #quietUntil = 0;

  constructor(options: PosterOptions) {
    this.#options = options;
  }

  get totals(): PostTotals {
    return {
      accepted: this.#accepted,
      refused: this.#refused,
      uncertain: this.#uncertain,
      deferred: this.#deferred,
      latencyMs: { p50: quantileOf(this.#latency, 0.5), p99: quantileOf(this.#latency, 0.99) },
    };
  }

  /**
   * Resolves when each record has an answer, or the signal was aborted. Rejects with `UsageError` when the address is wrong,
   * with `TargetUnavailableError` when nobody is there.
   */
  async post(records: readonly Posted[]): Promise<void> {
    const queue = records.values();
    const failed = new AbortController();
    const workers = Array.from({ length: Math.min(this.#options.connections, records.length) }, async () => {
      try {
        for (const record of queue) {
          if (failed.signal.aborted || this.#options.signal.aborted) return;
          await this.#deliver(record, failed.signal);
        }
      } catch (error) {
        failed.abort(error);
      }
    });
    await Promise.all(workers);
    failed.signal.throwIfAborted();
  }

  /** Sends a record until it is taken or refused. */
  async #deliver(record: Posted, failed: AbortSignal): Promise<void> {
    const { clock, signal } = this.#options;
    const stop = AbortSignal.any([signal, failed]);
    let backoff: IBackoff<unknown> = new ExponentialBackoff({
      initialDelay: FIRST_PAUSE_MS,
      maxDelay: MAX_PAUSE_MS,
    }).next();
    for (let tries = 1;; tries++) {
      while (clock.monotonic() < this.#quietUntil && !stop.aborted) {
        await clock.sleep(this.#quietUntil - clock.monotonic(), stop).catch(() => {});
      }
      if (stop.aborted) return;
      const unsettled = await this.#send(record);
      if (!unsettled) return;
      if (tries >= MAX_TRIES) {
        throw new TargetUnavailableError(`${this.#options.url} took nothing in ${tries} tries: ${unsettled.why}`);
      }
      const waitMs = unsettled.retryAfterMs || backoff.duration;
      backoff = (backoff as ReturnType<ExponentialBackoff<unknown>["next"]>).next({});
      this.#quietUntil = Math.max(this.#quietUntil, clock.monotonic() + waitMs);
    }
  }

  /** Sends it once. Returns why it must be sent again, if so. */
  async #send({ value }: Posted): Promise<{ why: string; retryAfterMs?: number } | undefined> {
    const { url, token, clock, fetch = globalThis.fetch } = this.#options;
    const headers: Record<string, string> = { "content-type": "application/json" };
    if (token !== undefined) headers.authorization = `Bearer ${token}`;
    const begin = performance.now();
    let response: Response;
    try {
      const body = (value ?? "") as BodyInit;
      response = await fetch(url, { method: "POST", headers, body, signal: AbortSignal.timeout(TIMEOUT_MS) });
      // A connection is used again only when its answer was read to the end.
      await response.arrayBuffer();
    } catch (error) {
      return { why: connectFailure(error) ?? messageIn(error) };
    }
    const { status } = response;
    if (response.ok) {
      this.#accepted++;
      addToSketch(this.#latency, performance.now() - begin);
    } else if (status === 429 || status === 503) {
      this.#deferred++;
      return {
        why: `it answered ${status}`,
        retryAfterMs: retryAfter(response.headers.get("retry-after"), clock.now()),
      };
    } else if (WRONG_TARGET.has(status)) {
      throw new UsageError(`${url} answered ${status}: ${WRONG_TARGET.get(status)}`);
    } else if (status >= 500) {
      this.#uncertain++;
    } else {
      this.#refused.set(status, (this.#refused.get(status) ?? 0) + 1);
    }
  }
}

/** Milliseconds that a `Retry-After` asks for, in seconds or as a date; `undefined` when it says nothing. */
export function retryAfter(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS) : undefined;
}

/** `990 accepted, 10 refused (422: 8, 413: 2), …`, for people. */
export function totalsLine({ accepted, refused, uncertain, deferred, latencyMs }: PostTotals): string {
  const count = (n: number) => n.toLocaleString("en");
  const byStatus = [...refused].toSorted(([a], [b]) => a - b);
  const refusedCount = byStatus.reduce((sum, [, n]) => sum + n, 0);
  const parts = [`${count(accepted)} accepted`];
  const statuses = byStatus.map(([status, n]) => `${status}: ${count(n)}`).join(", ");
  parts.push(refusedCount === 0 ? "0 refused" : `${count(refusedCount)} refused (${statuses})`);
  if (uncertain > 0) parts.push(`${count(uncertain)} without a clear answer`);
  if (deferred > 0) parts.push(`${count(deferred)} answers 429 or 503, sent again later`);
  const { p50, p99 } = latencyMs;
  if (p50 !== null && p99 !== null) parts.push(`p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`);
  return parts.join(", ");
}
