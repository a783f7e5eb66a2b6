// What became of records whose raw rows went ahead of their unit, looked up by offset.

import type { Decided } from "../warehouse/warehouse.ts";

/** `undefined` for a record that was not come to. */
export function decisionOn({ before, accepted }: Decided, offset: number): "accepted" | "not accepted" | undefined {
  if (offset >= before) return undefined;
  let [low, high] = [0, accepted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (accepted[middle]!.to <= offset) low = middle + 1;
    else high = middle;
  }
  const range = accepted[low];
  return range !== undefined && range.from <= offset ? "accepted" : "not accepted";
}
