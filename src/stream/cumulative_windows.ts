// Cumulative windows: from the start of a period to each of its steps, so that the last window of a period is all of it. The
// periods are of one size, anchored to the epoch, or the days of a time zone.

import { LocalCalendar } from "./local_day.ts";
import type { OverlappingWindows, Window } from "./window_kind.ts";

/** Windows from the start of each period of `sizeMs` to each `stepMs` of it. */
export function cumulativeWindows(sizeMs: number, stepMs: number): OverlappingWindows {
  if (!(stepMs > 0) || !(sizeMs >= stepMs) || sizeMs % stepMs !== 0) {
    throw new Error(
      `Cannot make windows of up to ${sizeMs} ms by ${stepMs} ms: the size must be a multiple of the step`,
    );
  }
  const periodOf = (time: number) => {
    const start = Math.floor(time / sizeMs) * sizeMs;
    return { start, end: start + sizeMs };
  };
  return cumulative({ window: "cumulative", sizeMs, stepMs }, periodOf, stepMs);
}

/** Windows from each midnight in an IANA time zone to each `stepMs` of the day, and to the next midnight. */
export function cumulativeDayWindows(timeZone: string, stepMs: number): OverlappingWindows {
  if (!(stepMs > 0)) throw new Error(`Cannot make windows by ${stepMs} ms: the step must be positive`);
  const calendar = new LocalCalendar();
  calendar.dayOf(0, timeZone); // throws for an unknown zone now, and not for every element
  return cumulative({ window: "cumulative day", timeZone, stepMs }, (time) => calendar.dayOf(time, timeZone), stepMs);
}

/** `periodOf` gives the period that holds a time; each period begins where another ends. */
function cumulative(
  config: OverlappingWindows["config"],
  periodOf: (time: number) => Window,
  stepMs: number,
): OverlappingWindows {
  // Elements come in runs of the same period: the last one is kept.
  let last: Window = { start: NaN, end: NaN };
  const holding = (time: number) => time >= last.start && time < last.end ? last : last = periodOf(time);
  /** The period of the window that ends at `end`. */
  const endingIn = (end: number) => {
    const period = holding(end);
    return period.start < end ? period : holding(period.start - 1);
  };
  return {
    shape: "overlapping",
    config,
    nested: true,
    assign(time) {
      if (time === -Infinity) return time;
      const { start, end } = holding(time);
      return Math.min(end, start + (Math.floor((time - start) / stepMs) + 1) * stepMs);
    },
    lastOf: (pane) => endingIn(pane).end,
    startOf: (end) => end === -Infinity ? end : endingIn(end).start,
    count: (first, last) => Math.ceil((last - first) / stepMs) + 1,
    closedAt(time) {
      if (time === -Infinity) return time;
      const { start } = holding(time);
      return start + Math.floor((time - start) / stepMs) * stepMs;
    },
  };
}
