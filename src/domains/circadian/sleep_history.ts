// What is kept of a user's sleep to tell the body clock's phase: the sleeps of the last two weeks. Must not know advice.

import { type Accumulator, days } from "@freshet/stream";

/** One sleep, as it is kept. */
export interface Sleep {
  /** Waking, epoch milliseconds. */
  readonly end: number;
  readonly hours: number;
  /** IANA time zone that the user woke up in. */
  readonly timeZone: string;
  /** Local date of waking, `YYYY-MM-DD`. */
  readonly date: string;
  /** Local clock time of waking, hours from midnight. */
  readonly wakeHour: number;
}

/** Sleeps that ended longer than this before the newest one no longer count. */
export const HISTORY_MS = days(14);
/** At most so many sleeps are kept: the newest. Bounds what a user with many naps, or a broken device, costs. */
export const MAX_SLEEPS = 64;

type Stored = [end: number, hours: number, timeZone: string, date: string, wakeHour: number];

function compare(a: Stored, b: Stored): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! < b[i]! ? 1 : -1;
  return 0;
}

/** Newest first, each once, no older and no more than may be. The same whatever the order in which sleeps came. */
function tidy(sleeps: Stored[]): Stored[] {
  sleeps.sort(compare);
  const newest = sleeps[0]?.[0] ?? 0;
  const kept = sleeps.filter((sleep, i) =>
    sleep[0] > newest - HISTORY_MS && (i === 0 || compare(sleep, sleeps[i - 1]!) !== 0)
  );
  return kept.slice(0, MAX_SLEEPS);
}

/** Keeps the recent sleeps, newest first, and makes of them what `result` says. A sleep that is told twice counts once. */
export function sleepHistory<T, R>(
  sleepIn: (value: T) => Sleep,
  result: (sleeps: readonly Sleep[]) => R,
): Accumulator<T, Stored[], R> {
  return {
    kind: "sleep history",
    initial: () => [],
    add(acc, value) {
      const { end, hours, timeZone, date, wakeHour } = sleepIn(value);
      return tidy([...acc, [end, hours, timeZone, date, wakeHour]]);
    },
    merge: (a, b) => tidy([...a, ...b]),
    result: (acc) =>
      result(acc.map(([end, hours, timeZone, date, wakeHour]) => ({ end, hours, timeZone, date, wakeHour }))),
  };
}

/** The longest sleep of each local date of waking, newest first: naps left out. Of equals the earlier. */
export function mainSleeps(sleeps: readonly Sleep[]): Sleep[] {
  const byDate = new Map<string, Sleep>();
  for (const sleep of sleeps) {
    const known = byDate.get(sleep.date);
    if (!known || sleep.hours > known.hours || (sleep.hours === known.hours && sleep.end < known.end)) {
      byDate.set(sleep.date, sleep);
    }
  }
  return [...byDate.values()].sort((a, b) => b.end - a.end);
}
