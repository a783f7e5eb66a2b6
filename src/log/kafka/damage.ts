// What of a broker's answer cannot be read, or is missing from it although it should be there. Knows nothing of clients.

import { CORRUPT_MESSAGE, type DamagedStretch, type FetchedPartition } from "./fetch.ts";

/** An answer with less in it was not full: it left out no partition for want of room. */
const ROOMY_BYTES = 1024 * 1024;

/** What cannot be read at the offset that was asked for, if anything. */
export function damageIn(
  { errorCode, damage, nextOffset }: FetchedPartition,
  fromOffset: number,
): DamagedStretch | undefined {
  if (errorCode === CORRUPT_MESSAGE) return { to: undefined, why: "the broker says that what it holds is corrupt" };
  // With a damaged offset a batch is found for offsets that are not in it.
  if (damage && (damage.to ?? Infinity) > fromOffset) return damage;
  if (nextOffset === undefined || nextOffset > fromOffset) return undefined;
  return { to: undefined, why: `the broker answers with a batch that says that it ends at offset ${nextOffset - 1}` };
}

/** Whether the broker says that it has records behind `fromOffset` and gave none; it means something where the answer had room. */
export function isUnserved(fetched: FetchedPartition, fromOffset: number): boolean {
  const { errorCode, bytes, highWatermark, lastStableOffset: stable, preferredReadReplica } = fetched;
  const end = stable >= 0 ? Math.min(stable, highWatermark) : highWatermark;
  return errorCode === 0 && bytes === 0 && preferredReadReplica < 0 && fromOffset < end;
}

/** Whether nothing kept the broker from giving what it has. */
export function isRoomy(throttleMs: number, partitions: readonly FetchedPartition[]): boolean {
  return throttleMs === 0 && partitions.reduce((sum, { bytes }) => sum + bytes, 0) < ROOMY_BYTES;
}
