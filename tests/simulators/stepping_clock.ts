// A clock that moves when somebody sleeps: waiting takes no time and is written down.
import type { Clock } from "../../src/clock.ts";

/** Starts at `now`; each sleep moves it on by its length. */
export class SteppingClock implements Clock {
  readonly slept: number[] = [];
  constructor(private time: number) {}
  now(): number {
    return this.time;
  }
  monotonic(): number {
    return this.time;
  }
  /** Time passes by other means than sleeping. */
  pass(ms: number): void {
    this.time += ms;
  }
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.slept.push(ms);
    this.time += ms;
    await Promise.resolve();
    signal?.throwIfAborted();
  }
}
