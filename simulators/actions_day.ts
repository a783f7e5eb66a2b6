// How busy the web shop is by the hour of the day and the weekday: quiet nights, evenings when everybody looks around. Times are
// UTC. Knows nothing of visits.

import { inWeek } from "./week.ts";

/** By hour, from 0, against the busiest of the week. */
const WEEKDAY = [
  ...[0.20, 0.12, 0.08, 0.06, 0.07, 0.12, 0.25, 0.42, 0.55, 0.62, 0.66, 0.70],
  ...[0.78, 0.72, 0.66, 0.66, 0.70, 0.74, 0.80, 0.92, 1.00, 0.94, 0.68, 0.38],
];
const WEEKEND = [
  ...[0.30, 0.20, 0.13, 0.09, 0.07, 0.08, 0.13, 0.24, 0.40, 0.56, 0.68, 0.74],
  ...[0.76, 0.78, 0.80, 0.82, 0.82, 0.80, 0.80, 0.86, 0.92, 0.86, 0.66, 0.44],
];
const WEEK = { weekday: WEEKDAY, weekend: WEEKEND };

/** How busy it is at a time, from 0 to 1, between the hours in a straight line. */
export function busyAt(timestamp: number): number {
  return inWeek(WEEK, timestamp);
}

/** Mean over a week. */
export const MEAN_BUSY = (5 * mean(WEEKDAY) + 2 * mean(WEEKEND)) / 7;

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
