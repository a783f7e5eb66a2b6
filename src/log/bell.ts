// Waiting for either a signal or a time, without leaking timers. Knows nothing of logs.

import type { Clock } from "../clock.ts";

/** One waiter waits until somebody rings or the time is over; a ring while nobody waits is kept. */
export class Bell {
  #sleeper: AbortController | undefined;
  #rung = false;

  constructor(readonly clock: Clock) {}

  /** Ends the present or the next wait. */
  ring(): void {
    this.#rung = true;
    this.#sleeper?.abort();
  }

  /** Resolves after a ring (true) or after `ms` milliseconds (false). */
  async wait(ms: number): Promise<boolean> {
    if (!this.#rung && ms > 0) {
      this.#sleeper = new AbortController();
      await this.clock.sleep(ms, this.#sleeper.signal).catch(() => {});
      this.#sleeper = undefined;
    }
    const rung = this.#rung;
    this.#rung = false;
    return rung;
  }
}
