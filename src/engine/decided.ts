// What became of records whose raw rows went ahead of their unit, looked up by offset.

import { holds } from "../warehouse/offset_ranges.ts";
import type { Decided } from "../warehouse/warehouse.ts";

/** `undefined` for a record that was not come to. */
export function decisionOn({ before, accepted }: Decided, offset: number): "accepted" | "not accepted" | undefined {
  if (offset >= before) return undefined;
  return holds(accepted, offset) ? "accepted" : "not accepted";
}
