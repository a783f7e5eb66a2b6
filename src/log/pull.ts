// What the generations of every log share: batches are pulled one by one, the partitions take turns, and a busy reader gives
// way to sockets and timers. Must not know where records come from.

import { setImmediate } from "node:timers/promises";
import type { Clock } from "../clock.ts";
import { Wakeup } from "./wakeup.ts";
import type { LogBatch } from "./log.ts";

/** Reading and decoding are synchronous: a reader that is never short of records gives way this often. */
const HOLD_EVENT_LOOP_MS = 8;

export class Pull {
  readonly #clock: Clock;
  readonly #partitions: readonly number[];
  readonly #ending = new AbortController();
  readonly #wakeup: Wakeup;
  #failure: unknown;
  #turn = 0;
  #gaveWayAt = performance.now();

  constructor(clock: Clock, partitions: readonly number[]) {
    this.#clock = clock;
    this.#partitions = partitions;
    this.#wakeup = new Wakeup(clock);
  }

  /** Aborted by `end`. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /** Ends what waits and what comes; `failure` is what `next` then rejects with. The first end counts. */
  end(failure?: unknown): void {
    if (!this.signal.aborted) this.#failure = failure;
    this.#ending.abort();
    this.#wakeup.wake();
  }

  /** There may be more to take. */
  wake(): void {
    this.#wakeup.wake();
  }

  /** What `take` gives; asked again each time it is woken, for `waitMs` or to the end, `undefined` then. */
  async next(waitMs: number, take: () => LogBatch | undefined): Promise<LogBatch | undefined> {
    if (performance.now() - this.#gaveWayAt > HOLD_EVENT_LOOP_MS) {
      await setImmediate();
      this.#gaveWayAt = performance.now();
    }
    const waitUntil = this.#clock.monotonic() + waitMs;
    while (!this.signal.aborted) {
      const batch = take();
      if (batch !== undefined) return batch;
      const leftMs = waitUntil - this.#clock.monotonic();
      if (leftMs <= 0) return undefined;
      await this.#wakeup.wait(leftMs);
      this.#gaveWayAt = performance.now();
    }
    if (this.#failure !== undefined) throw this.#failure;
    return undefined;
  }

  /** What `take` gives for the first partition that it has something for; the search begins behind the last such. */
  inTurn<T>(take: (partition: number) => T | undefined): T | undefined {
    const count = this.#partitions.length;
    for (let i = 0; i < count; i++) {
      const turn = (this.#turn + i) % count;
      const taken = take(this.#partitions[turn]!);
      if (taken === undefined) continue;
      this.#turn = turn + 1;
      return taken;
    }
    return undefined;
  }
}
