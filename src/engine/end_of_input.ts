// At the end of an input either everything closes that was read (windows, sessions, episodes; what comes in a later run corrects
// them), or time goes on only to where it stood before, and nothing else closes.

import type { Batch, Output } from "@freshet/stream";
import { isJoined, operatorOf } from "./episodes.ts";
import type { PartitionIngest } from "./ingest.ts";
import type { TimeBefore } from "./options.ts";
import type { Pending } from "./pending.ts";
import type { RestoredPipeline } from "./pipeline.ts";

export interface EndedInput {
  readonly pipeline: RestoredPipeline;
  readonly partitions: ReadonlyMap<number, PartitionIngest>;
  readonly push: (batch: Batch<unknown>) => Promise<void>;
}

/** Closes everything that is open in any of the partitions. */
export async function closeAll({ partitions, push }: EndedInput): Promise<void> {
  for (const ingest of partitions.values()) await push(ingest.batch([], { ended: true }));
}

/**
 * Notes what the end of the input has closed. What one partition has closed is closed in all of them where rows are merged, or
 * sessions and alerts joined: such a row is final when every partition has closed its window. `now`: epoch milliseconds.
 */
export function noteClosed({ pipeline, partitions }: EndedInput, pending: Pending, now: number): void {
  const { state, outputs } = pipeline;
  const merged = new Set(outputs.flatMap(mergedOperator));
  for (const operator of state.operators) {
    const upTo = Math.max(...Array.from(partitions.keys(), (partition) => state.closedUpTo(operator, partition)));
    for (const partition of partitions.keys()) {
      if (merged.has(operator)) state.close(operator, partition, upTo);
      const closedUpTo = state.closedUpTo(operator, partition);
      if (closedUpTo > -Infinity) pending.addClosed(operator, partition, { upTo: closedUpTo, now });
    }
  }
}

/** The operator of an output whose rows are merged or joined. */
function mergedOperator(output: Output<unknown>): readonly string[] {
  if (output.kind === "windows" || output.kind === "sessions") return [output.name];
  return isJoined(output) ? [operatorOf(output)] : [];
}

/** Event time goes on to where it was when the records were worked off before. */
export async function resumeTime(
  { pipeline, partitions, push }: EndedInput,
  { watermarks, closed }: TimeBefore,
): Promise<void> {
  for (const { operator, partition, upTo } of closed) pipeline.state.close(operator, partition, upTo);
  for (const [partition, ingest] of partitions) {
    ingest.watermark.advance(watermarks.get(partition) ?? -Infinity);
    await push(ingest.batch());
  }
}
