// Sessions: elements with less than a gap of event time between neighbours.

import type { MergingWindows } from "./window_kind.ts";

/** Windows that end `gapMs` after their last element. */
export function sessionWindows(gapMs: number): MergingWindows {
  if (!(gapMs > 0)) throw new Error(`Cannot make sessions with a gap of ${gapMs} ms: it must be positive`);
  return {
    shape: "merging",
    config: { window: "session", gapMs },
    gapMs,
    forgottenAt({ last }, next, allowedLatenessMs) {
      const alone = last + 2 * gapMs + allowedLatenessMs;
      if (!next || next.start - last >= 2 * gapMs) return alone;
      return Math.max(alone, next.last + gapMs + allowedLatenessMs);
    },
  };
}
