// Hopping windows: of one size, one beginning at every advance, anchored to the epoch.

import type { OverlappingWindows } from "./window_kind.ts";

/** Windows of `sizeMs`, one every `advanceMs`. */
export function hoppingWindows(sizeMs: number, advanceMs: number): OverlappingWindows {
  if (!(advanceMs > 0) || !(sizeMs >= advanceMs) || sizeMs % advanceMs !== 0) {
    throw new Error(
      `Cannot make windows of ${sizeMs} ms every ${advanceMs} ms: the size must be a multiple of the advance`,
    );
  }
  return {
    shape: "overlapping",
    config: { window: "hopping", sizeMs, advanceMs },
    nested: false,
    assign: (time) => (Math.floor(time / advanceMs) + 1) * advanceMs,
    lastOf: (pane) => pane - advanceMs + sizeMs,
    startOf: (end) => end - sizeMs,
    count: (first, last) => (last - first) / advanceMs + 1,
    closedAt: (time) => Math.floor(time / advanceMs) * advanceMs,
  };
}
