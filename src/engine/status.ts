// What a running domain says of itself: read by `status`, the health routes, `/metrics` and the dashboard.

import type { Damage } from "../errors.ts";

/** A stretch that cannot be read, at which a partition has stopped. */
export type StoppedAt = Pick<Damage, "from" | "to" | "reason" | "why" | "beginsAt">;

export interface PartitionStatus {
  readonly partition: number;
  /** Offset after the last committed record. */
  readonly nextOffset: number;
  /** Offset after the last record that the log holds, as it last said; `null` before the first look. */
  readonly highOffset: number | null;
  /** Offset where a reader must stop now: below `highOffset` while a transaction is open. */
  readonly readableOffset: number | null;
  /** Records up to `highOffset` that are not yet committed to the warehouse; those that were deleted do not count. */
  readonly lag: number | null;
  /** When the log last said so, epoch milliseconds. The older, the less the lag says. */
  readonly confirmedAt: number | null;
  /** Epoch milliseconds, `null` before the first event. */
  readonly watermark: number | null;
  /** Why the partition cannot be read just now, for people: "has no leader". */
  readonly obstacle: string | null;
  /** Where and why the partition has stopped, while the others go on; absent when it has not. */
  readonly stopped?: StoppedAt;
}

/** A partition of a topic, as far as there is a keyed copy of it. */
export interface CopiedPartition {
  readonly partition: number;
  /** Offset after the last record that is in the copy. */
  readonly nextOffset: number;
  /** Offset after the last record that the log holds, as it last said. */
  readonly highOffset: number;
  /** Records up to `highOffset` that are not in the copy yet. */
  readonly lag: number;
  /** Where and why the partition has stopped, while the others go on; absent when it has not. */
  readonly stopped?: StoppedAt;
}

/** How far the keyed copy has come that a domain reads. */
export interface CopyStatus {
  /** The topic that is copied. */
  readonly topic: string;
  readonly partitions: readonly CopiedPartition[];
}

/** Totals since the process started. */
export interface DomainTotals {
  readonly records: number;
  readonly accepted: number;
  readonly deadLetters: number;
  readonly late: number;
  readonly checkpoints: number;
  readonly restarts: number;
}

/** What a domain is doing. `standby`: a member of its group whose partitions are all owned by others. */
export type Phase = "starting" | "joining" | "standby" | "running" | "restarting" | "draining" | "stopped" | "failed";

/** What holds a domain up. */
export type StandstillKind =
  /** It cannot become, or stay, a member of its group. */
  | "joining"
  /** The log does not answer. */
  | "unreachable"
  /** Some partitions cannot be read just now. */
  | "partition_blocked"
  /** A partition has stopped at damage, and waits for somebody to say what is to be done. */
  | "partition_stopped"
  /** A transaction that is open hides the records after it. */
  | "open_transaction"
  /** Its group shares the partitions out again and again, and nothing is committed in between. */
  | "rebalancing"
  /** Records can be read, and none are committed. */
  | "stalled";

/** A domain that does not get on although it should. */
export interface Standstill {
  readonly kind: StandstillKind;
  /** For people. */
  readonly reason: string;
  /** Epoch milliseconds. */
  readonly since: number;
}

export interface DomainStatus {
  readonly domain: string;
  readonly topic: string;
  readonly phase: Phase;
  /** Message of the last failure, if any. */
  readonly lastError: string | null;
  /** When a failed domain is tried again, epoch milliseconds. */
  readonly retryAt: number | null;
  readonly standstill: Standstill | null;
  /** Epoch milliseconds. */
  readonly lastCheckpointAt: number | null;
  readonly totals: DomainTotals;
  /** Whether other processes have partitions of the topic, and so write to the same tables; absent where none has. */
  readonly isShared?: true;
  readonly partitions: readonly PartitionStatus[];
  /** Of the keyed copy that the domain reads, where it is made; absent where the domain reads its topic. */
  readonly copy?: CopyStatus;
  /** Keys of state by operator: open windows and sessions mostly, but the newest rows and running sums, too. */
  readonly openWindows: Readonly<Record<string, number>>;
  /** Partitions that are not read just now because what was read of them waits to be taken. */
  readonly pausedPartitions: number;
}

/** Records that wait in a partition: those that were deleted before they were read do not. */
export function lagOf(partition: { readonly nextOffset: number; readonly low: number; readonly high: number }): number {
  return Math.max(0, partition.high - Math.max(partition.nextOffset, partition.low));
}

/**
 * Records that wait in the partitions of a domain, and those that its keyed copy has not yet; `null` when that is not known of
 * any of them.
 */
export function totalLag({ partitions, copy }: Pick<DomainStatus, "partitions" | "copy">): number | null {
  const known = [...partitions, ...copy?.partitions ?? []].filter(({ lag }) => lag !== null);
  return known.length === 0 ? null : known.reduce((sum, { lag }) => sum + lag!, 0);
}

/** A moment of a status, epoch milliseconds, in ISO 8601; `null` for none, and for one before or after all time. */
export function timeText(at: number | null): string | null {
  return at === null || !Number.isFinite(at) ? null : new Date(at).toISOString();
}

/**
 * Whether a domain does what it is there for: it runs, stands by, or waits for its group to share out the partitions. One that
 * has failed is well again when it has committed something, or nothing waits for it.
 */
export function isWell(status: DomainStatus): boolean {
  const { phase, standstill, lastError } = status;
  if (standstill !== null) return false;
  if (phase === "standby") return true;
  return (phase === "running" || phase === "joining") && (lastError === null || totalLag(status) === 0);
}
