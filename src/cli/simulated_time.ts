// What time it is in the simulations of this process: whoever makes an event beside one dates it like the rest, or all that is
// simulated after it would be late.
import type { Clock } from "../clock.ts";

/**
 * Event time of one simulation: that of its newest record while it hurries from `start` to the present at `speed`, and the
 * wall clock's when it has got there. Not what is due by now: records are sent some at a time, and a busy log takes them later.
 */
export class SimulatedTime {
  #reached = -Infinity;
  #begin: { readonly start: number; readonly wall: number; readonly speed: number } | undefined;

  constructor(
    private readonly clock: Pick<Clock, "now">,
    /** What time it is before the simulation begins, epoch milliseconds. */
    private readonly before: (now: number) => number,
  ) {}

  begin({ start, speed }: { readonly start: number; readonly speed: number }): void {
    this.#begin = { start, speed, wall: this.clock.now() };
    this.#reached = start;
  }

  /** Told the event time of the newest record, epoch milliseconds. */
  reach(timestamp: number): void {
    this.#reached = timestamp;
  }

  /** Epoch milliseconds. */
  now(): number {
    const wall = this.clock.now();
    if (!this.#begin) return this.before(wall);
    const { start, speed, wall: begun } = this.#begin;
    return speed === Infinity || start + (wall - begun) * speed >= wall ? wall : this.#reached;
  }
}
