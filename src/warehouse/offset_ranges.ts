// Offsets in order, kept as stretches without a hole: a partition's rows are mostly that.

import type { OffsetRange } from "./warehouse.ts";

/** Adds an offset behind those that are in. */
export function addOffset(ranges: { from: number; to: number }[], offset: number): void {
  const last = ranges.at(-1);
  if (last?.to === offset) last.to = offset + 1;
  else ranges.push({ from: offset, to: offset + 1 });
}

/** Offsets of `all`, before `end`, that are not in `some`. Both in order. */
export function missingFrom(all: readonly OffsetRange[], some: readonly OffsetRange[], end: number): number[] {
  const missing: number[] = [];
  let next = 0;
  for (const { from, to } of all) {
    for (let offset = from; offset < Math.min(to, end); offset++) {
      while (next < some.length && some[next]!.to <= offset) next++;
      const range = some[next];
      if (range === undefined || offset < range.from) missing.push(offset);
    }
  }
  return missing;
}

/** Whether the offset is in one of the ranges, which are in order. */
export function holds(ranges: readonly OffsetRange[], offset: number): boolean {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ranges[middle]!.to <= offset) low = middle + 1;
    else high = middle;
  }
  const range = ranges[low];
  return range !== undefined && range.from <= offset;
}
