// Where a partition goes on: after what the warehouse has, and for the first time not before what the log still holds.

import { LogDivergedError } from "../errors.ts";
import type { PartitionBounds } from "../log/log.ts";
import type { Claim } from "../warehouse/warehouse.ts";
import type { RunnerOptions } from "./options.ts";

/**
 * The claim to go on from, given what the log still holds.
 * Errors: `LogDivergedError` when the log ends before it.
 */
export function startingPoint(
  claim: Claim,
  { low, high }: PartitionBounds,
  { domain }: Pick<RunnerOptions, "domain">,
): Claim {
  const at = `partition ${claim.partition} of "${domain.topic}"`;
  if (claim.nextOffset > high) {
    throw new LogDivergedError(
      `The warehouse has read ${at} up to offset ${claim.nextOffset}, but the log ends at ${high}: the topic was recreated ` +
        `or truncated. To begin again with it: "freshet sql reset ${domain.name}" prints the SQL`,
    );
  }
  // What was deleted ahead of a position is damage, which the log tells; before the first read it is only the beginning.
  return claim.nextOffset > 0 || low === 0 ? claim : { ...claim, nextOffset: low, lastTimestamp: null };
}

/** Where reading begins: at the record before the claim, where there is one, to see whether it is the one that was read. */
export function verifiedFrom(claim: Claim, low: number): number {
  return claim.lastTimestamp !== null && claim.nextOffset > low ? claim.nextOffset - 1 : claim.nextOffset;
}
