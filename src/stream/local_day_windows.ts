// Days by the local clock of each element.

import { LocalCalendar } from "./local_day.ts";
import type { SeparateWindows } from "./window_kind.ts";

/** Local days, in the IANA time zone that each element names. The zone must be a part of the key. */
export function localDayWindows<T>(zoneOf: (value: T) => string): SeparateWindows<T> {
  const calendar = new LocalCalendar();
  return {
    shape: "separate",
    config: { window: "local day" },
    assign: (value, time) => calendar.dayOf(time, zoneOf(value)),
  };
}
