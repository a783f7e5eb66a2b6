// Waiting for either a signal or a time, without leaking timers. Knows nothing of logs.

import type { Clock } from "../clock.ts";

/** One waiter waits until it is woken or the time is over; a wake-up while nobody waits is kept. */
export class Wakeup {
  #sleeper: AbortController | undefined;
  #woken = false;

  constructor(readonly clock: Clock) {}

  /** Ends the present or the next wait. */
  wake(): void {
    this.#woken = true;
    this.#sleeper?.abort();
  }

  /** Resolves when woken (true) or after `ms` milliseconds (false). */
  async wait(ms: number): Promise<boolean> {
    if (!this.#woken && ms > 0) {
      this.#sleeper = new AbortController();
      await this.clock.sleep(ms, this.#sleeper.signal).catch(() => {});
      this.#sleeper = undefined;
    }
    const woken = this.#woken;
    this.#woken = false;
    return woken;
  }
}
