// One thing at a time, in a random order: whoever calls a port waits for a turn, and the test decides who goes on. So a seed
// is a schedule, and an instance that gets no turn any more has crashed.

import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../../src/clock.ts";
import type { Random } from "./random.ts";

/** What one simulated process waits with. */
export interface Gate {
  readonly clock: Clock;
  readonly random: Random;
  /** Resolves when it is this one's turn: at `notBefore` (epoch milliseconds) or later, or once `ready` is true. */
  turn(notBefore?: number, ready?: () => boolean): Promise<void>;
  /** What goes wrong at a place, if anything. */
  fault(place: Place): boolean;
}

/** Where something can go wrong. */
export type Place =
  | "log.next"
  | "log.produce"
  | "log.bounds"
  | "warehouse.call"
  | "commit.refused"
  | "commit.lost before"
  | "commit.lost after";

interface Waiting {
  readonly owner: object;
  readonly notBefore: number;
  readonly ready: () => boolean;
  readonly resolve: () => void;
}

export class Turns {
  /** Since the beginning, by the monotonic clock. */
  #now: number;
  /** What the wall clock shows more. */
  #ahead = 0;
  #waiting: Waiting[] = [];
  readonly #crashed = new WeakSet<object>();

  constructor(readonly random: Random, startsAt: number) {
    this.#now = startsAt;
  }

  /** The wall clock. */
  now(): number {
    return this.#now + this.#ahead;
  }

  /** Moves the wall clock, also back. */
  setNow(now: number): void {
    this.#ahead = now - this.#now;
  }

  gate(owner: object, fault: (place: Place) => boolean = () => false): Gate {
    const turn = (notBefore = -Infinity, ready: () => boolean = () => false) =>
      new Promise<void>((resolve) => {
        if (!this.#crashed.has(owner)) this.#waiting.push({ owner, notBefore, ready, resolve });
      });
    const clock: Clock = {
      now: () => this.now(),
      monotonic: () => this.#now,
      sleep: async (ms, signal) => {
        signal?.throwIfAborted();
        await turn(this.#now + ms);
        signal?.throwIfAborted();
      },
    };
    return { clock, random: this.random, turn, fault };
  }

  /** Its promises are never kept: to the rest of the world it has crashed. */
  crash(owner: object): void {
    this.#crashed.add(owner);
    this.#waiting = this.#waiting.filter((waiting) => waiting.owner !== owner);
  }

  /** Gives somebody a turn and waits until everything that follows from it waits again; false when nobody waits. */
  async next(): Promise<boolean> {
    await setImmediate();
    if (this.#waiting.length === 0) return false;
    const isReady = ({ notBefore, ready }: Waiting) => notBefore <= this.#now || ready();
    let ready = this.#waiting.filter(isReady);
    if (ready.length === 0) {
      this.#now = Math.min(...this.#waiting.map(({ notBefore }) => notBefore));
      ready = this.#waiting.filter(isReady);
    }
    const next = this.random.pick(ready);
    this.#waiting.splice(this.#waiting.indexOf(next), 1);
    this.#now += this.random.below(4);
    next.resolve();
    await setImmediate();
    return true;
  }
}
