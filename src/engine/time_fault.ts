// Which event times are taken: the same for the pipeline and for events over HTTP, so that what is acknowledged is taken.

/**
 * 15 October 1582, epoch milliseconds: the Gregorian calendar, which every warehouse has, begins there. What is after the year
 * 9999 is in the future.
 */
const FIRST_TIME = Date.UTC(1582, 9, 15);

export type TimeFault = "not a time" | "before the calendar" | "in the future";

/** What is wrong with an event time (epoch milliseconds), if anything. */
export function timeFault(time: number, now: number, maxFutureSkewMs: number): TimeFault | undefined {
  if (!Number.isFinite(time)) return "not a time";
  if (time < FIRST_TIME) return "before the calendar";
  return time > now + maxFutureSkewMs ? "in the future" : undefined;
}
