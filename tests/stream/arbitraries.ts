// Random events: with small numbers, so that windows, gaps and latenesses meet at their bounds all the time.

import fc from "fast-check";
import type { Event } from "./feed.ts";

/** A step on the way of event time: the clock goes on, an event comes from a little before it. */
const step = fc.record({
  key: fc.constantFrom("a", "b"),
  on: fc.oneof({ weight: 12, arbitrary: fc.nat(4) }, { weight: 1, arbitrary: fc.integer({ min: 20, max: 400 }) }),
  back: fc.oneof({ weight: 4, arbitrary: fc.nat(6) }, { weight: 3, arbitrary: fc.nat(80) }),
  x: fc.integer({ min: -50, max: 50 }),
});

/** Events in any order: mostly a little late, some very late, now and then after a long silence. */
export const events: fc.Arbitrary<Event[]> = fc.array(step, { maxLength: 60, size: "max" }).map((steps) => {
  let clock = 100;
  return steps.map(({ key, on, back, x }) => {
    clock += on;
    return { key, time: clock - back, x };
  });
});

/** Events in the order of their times, and the same ones in an order in which none is more than `disorder` behind. */
export function disordered(disorder: number): fc.Arbitrary<readonly [Event[], Event[]]> {
  const jittered = fc.array(fc.tuple(step, fc.nat(disorder)), { maxLength: 60, size: "max" });
  return jittered.map((steps) => {
    let clock = 100;
    const timed = steps.map(([{ key, on, x }, jitter]) => {
      clock += on;
      return { event: { key, time: clock, x }, arrival: clock + jitter };
    });
    const arrived = timed.toSorted((a, b) => a.arrival - b.arrival);
    return [timed.map(({ event }) => event), arrived.map(({ event }) => event)] as const;
  });
}

/** One batch's share of the events, and whether it asks for early rows. */
export interface Cut {
  readonly size: number;
  readonly emit: boolean;
}

export const cuts: fc.Arbitrary<Cut[]> = fc.array(fc.record({ size: fc.nat(8), emit: fc.boolean() }), {
  minLength: 1,
  maxLength: 12,
  size: "max",
});

/** The events in batches; the cuts are used over and over. */
export function cutUp(
  events: readonly Event[],
  cuts: readonly Cut[],
): { readonly events: Event[]; readonly emit: boolean }[] {
  const batches: { events: Event[]; emit: boolean }[] = [];
  const usable = cuts.some(({ size }) => size > 0) ? cuts : [{ size: 1, emit: false }];
  for (let at = 0, i = 0; at < events.length; i++) {
    const { size, emit } = usable[i % usable.length]!;
    batches.push({ events: events.slice(at, at + size), emit });
    at += size;
  }
  return batches;
}
