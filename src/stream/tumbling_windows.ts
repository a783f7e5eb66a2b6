// Tumbling windows: of one size, one after the other, anchored to the epoch.

import type { SeparateWindows, Window } from "./window_kind.ts";

/** Windows of `sizeMs`. */
export function tumblingWindows<T>(sizeMs: number): SeparateWindows<T> {
  if (!(sizeMs > 0)) throw new Error(`Cannot make windows of ${sizeMs} ms: the size must be positive`);
  // Elements come in runs of the same window: the last one is kept.
  let last: Window = { start: NaN, end: NaN };
  return {
    shape: "separate",
    config: { window: "tumbling", sizeMs },
    assign(_value, time) {
      if (time >= last.start && time < last.end) return last;
      const start = Math.floor(time / sizeMs) * sizeMs;
      return last = { start, end: start + sizeMs };
    },
  };
}
