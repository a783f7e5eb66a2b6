// What one activity adds to a user's local day, in the user's own time zone. Must not know how it is summed up.

import { LocalCalendar } from "@freshet/stream";
import { hoursOf, type UserActivity } from "./activity.ts";
import type { Sleep } from "./sleep_history.ts";
import { offsetMsAt, timeZoneNamed } from "./time_zone.ts";

const HOUR_MS = 3_600_000;

/** An activity as its local day sees it. */
export interface Fact {
  readonly userId: string;
  readonly kind: UserActivity["activity_type"];
  readonly timeZone: string;
  /** Local date that it belongs to, `YYYY-MM-DD`: of its event time, so sleep belongs to the day of waking. */
  readonly date: string;
  /** Event time, epoch milliseconds. */
  readonly time: number;
  /** How long it took; `null` when nobody has said. */
  readonly hours: number | null;
  /** Of light that was measured, lux times hours; else `null`. */
  readonly luxHours: number | null;
}

const calendar = new LocalCalendar();

/** The fact of an activity at its event time. */
export function factOf(event: UserActivity, time: number): Fact {
  const timeZone = timeZoneNamed(event.time_zone)!;
  const hours = hoursOf(event);
  return {
    userId: event.user_id,
    kind: event.activity_type,
    timeZone,
    date: calendar.dayOf(time, timeZone).date,
    time,
    hours,
    luxHours: event.activity_type === "light" ? luxHoursOf(event.lux, hours) : null,
  };
}

const luxHoursOf = (lux: number | null | undefined, hours: number | null) =>
  typeof lux === "number" && hours !== null ? lux * hours : null;

/** A sleep whose length is known. */
export type MeasuredSleep = Fact & { readonly hours: number };

/** Whether a fact is a sleep whose length is known. */
export const isMeasuredSleep = (fact: Fact): fact is MeasuredSleep => fact.kind === "sleep" && fact.hours !== null;

/**
 * What the local clock shows at an instant, as hours after midnight of the day of `date`: negative the evening before. By the
 * clock and not by hours gone by, so half past three is 3.5 also on the day that clocks change.
 */
function clockHour(timeMs: number, { timeZone, date }: Fact): number {
  return (timeMs + offsetMsAt(timeMs, timeZone) - Date.parse(date)) / HOUR_MS;
}

/** The middle of a sleep by the local clock, in hours after midnight of the day of waking. */
export function midpointHour(fact: Fact): number {
  return clockHour(fact.time - (fact.hours ?? 0) * HOUR_MS / 2, fact);
}

/** A sleep as the history keeps it, to the millisecond. */
export function sleepIn(fact: MeasuredSleep): Sleep {
  const { time, hours, timeZone, date } = fact;
  const end = Math.round(time);
  return { end, hours, timeZone, date, wakeHour: clockHour(end, fact) };
}
