// What time it is in the simulations of this process that hurry: whoever makes an event beside one dates it like the rest, or all
// that is simulated after it would be late; and whoever judges an event does so by that time.
import type { Clock } from "../clock.ts";

/** Event time of one simulation that hurries from `start` to the present at `speed`, and the wall clock's when it has got there. */
export class SimulatedTime {
  /** Of the newest record that the log has. */
  #reached = -Infinity;
  /** Of the newest record that is being sent. */
  #newest = -Infinity;
  #begin: { readonly start: number; readonly wall: number; readonly speed: number } | undefined;

  constructor(
    private readonly clock: Pick<Clock, "now">,
    /** What time it is before the simulation begins, epoch milliseconds. */
    private readonly before: (now: number) => number,
  ) {}

  begin({ start, speed }: { readonly start: number; readonly speed: number }): void {
    this.#begin = { start, speed, wall: this.clock.now() };
    this.#reached = this.#newest = start;
  }

  /** Told the event time of the newest record before it is sent, epoch milliseconds. */
  send(timestamp: number): void {
    this.#newest = timestamp;
  }

  /** Told the event time of the newest record when the log has it, epoch milliseconds. */
  reach(timestamp: number): void {
    this.#reached = timestamp;
  }

  /**
   * What an event that is made now is dated, epoch milliseconds. Not what is due by now: records are sent some at a time, and a
   * busy log takes them later.
   */
  now(): number {
    return this.#wall() ?? this.#reached;
  }

  /** What events are judged by, epoch milliseconds: nothing that was simulated is later. */
  newest(): number {
    return this.#wall() ?? this.#newest;
  }

  /** The wall clock, when the simulation has got there. */
  #wall(): number | undefined {
    const wall = this.clock.now();
    if (!this.#begin) return this.before(wall);
    const { start, speed, wall: begun } = this.#begin;
    return speed === Infinity || start + (wall - begun) * speed >= wall ? wall : undefined;
  }
}
