// Where a partition goes on: after what the warehouse has, and for the first time not before what the log still holds.

import { LogDivergedError } from "../errors.ts";
import type { PartitionBounds } from "../log/log.ts";
import type { Claim } from "../warehouse/warehouse.ts";
import type { RunnerOptions } from "./options.ts";
import type { RecordBefore } from "./topic_identity.ts";

/** The claims beyond the end of the log. Of all is asked, because a topic that was made anew is one in all its partitions. */
export function beyondTheLog(claims: readonly Claim[], bounds: ReadonlyMap<number, PartitionBounds>): readonly Claim[] {
  return claims.filter(({ partition, nextOffset }) => nextOffset > (bounds.get(partition)?.high ?? Infinity));
}

/** Errors: `LogDivergedError` when the log ends before every position that there is. */
export function checkSameTopic(
  claims: readonly Claim[],
  bounds: ReadonlyMap<number, PartitionBounds>,
  { domain }: Pick<RunnerOptions, "domain">,
): void {
  const beyond = beyondTheLog(claims, bounds);
  const [first] = beyond;
  const isRead = ({ partition, nextOffset }: Claim) => nextOffset > 0 && bounds.has(partition);
  if (first === undefined || claims.some((claim) => isRead(claim) && !beyond.includes(claim))) return;
  throw new LogDivergedError(
    `The warehouse has read partition ${first.partition} of "${domain.topic}" up to offset ${first.nextOffset}, but the log ` +
      `ends at ${bounds.get(first.partition)!.high}: the topic was recreated or truncated. To begin again with it: ` +
      `"freshet sql reset ${domain.name}" prints the SQL`,
  );
}

/**
 * The claim to go on from; while a partition has no leader to tell its bounds, the claim as it is. What was deleted ahead of a
 * position is damage, which the log tells; before the first read it is only the beginning.
 */
export function startingPoint(claim: Claim, { low }: Pick<PartitionBounds, "low"> = { low: 0 }): Claim {
  return claim.nextOffset > 0 || low === 0 ? claim : { ...claim, nextOffset: low, lastTimestamp: null };
}

/** The record before the claim, where it can show whether the topic is the one that was read. */
export function recordBefore(
  { nextOffset, lastTimestamp }: Claim,
  { low }: Pick<PartitionBounds, "low"> = { low: 0 },
): RecordBefore | undefined {
  return lastTimestamp !== null && nextOffset > low ? { offset: nextOffset - 1, timestamp: lastTimestamp } : undefined;
}

/** Where reading begins: at the record before the claim, where there is one; at the end of a log that ends before it. */
export function readingFrom(claim: Claim, bounds?: PartitionBounds): number {
  return Math.min(recordBefore(claim, bounds)?.offset ?? claim.nextOffset, bounds?.high ?? Infinity);
}
