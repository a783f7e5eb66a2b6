// How much there is of something by the hour of the day and the weekday, the same every week. Times are UTC, epoch milliseconds.
// Knows nothing of what there is.

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** By hour, from 0. */
export interface Week {
  readonly weekday: readonly number[];
  readonly weekend: readonly number[];
}

/** How much there is at a time, between the hours in a straight line. */
export function inWeek(week: Week, timestamp: number): number {
  const hour = Math.floor(timestamp / HOUR_MS) * HOUR_MS;
  const share = (timestamp - hour) / HOUR_MS;
  return (1 - share) * inHour(week, hour) + share * inHour(week, hour + HOUR_MS);
}

function inHour({ weekday, weekend }: Week, timestamp: number): number {
  const isWeekend = new Date(timestamp).getUTCDay() % 6 === 0;
  return (isWeekend ? weekend : weekday)[Math.floor(timestamp % DAY_MS / HOUR_MS)]!;
}
