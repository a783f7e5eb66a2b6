// Where a partition goes on: after what the warehouse has, and not before what the log still holds.

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
  { domain, logger }: Pick<RunnerOptions, "domain" | "logger">,
): Claim {
  const at = `partition ${claim.partition} of "${domain.topic}"`;
  if (claim.nextOffset > high) {
    throw new LogDivergedError(
      `The warehouse has read ${at} up to offset ${claim.nextOffset}, but the log ends at ${high}: the topic was recreated ` +
        `or truncated. To begin again with it: "freshet sql reset ${domain.name}" prints the SQL`,
    );
  }
  if (claim.nextOffset >= low) return claim;
  if (claim.nextOffset > 0) {
    logger.error("Records were deleted from the log before they were read: offsets {from} to {to} of {at} are lost", {
      from: claim.nextOffset,
      to: low - 1,
      at,
      domain: domain.name,
    });
  }
  return { ...claim, nextOffset: low, lastTimestamp: null };
}

/** Where reading begins: at the record before the claim, where there is one, to see whether it is the one that was read. */
export function verifiedFrom(claim: Claim, low: number): number {
  return claim.lastTimestamp !== null && claim.nextOffset > low ? claim.nextOffset - 1 : claim.nextOffset;
}
