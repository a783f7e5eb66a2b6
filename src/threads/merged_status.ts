// The status of a domain that runs in several threads: the process as a whole, as if it ran in one.

import type { DomainStatus, DomainTotals, PartitionStatus, Phase } from "../engine/status.ts";

/** What one thread's phase makes of the whole: the first that any thread is in. */
const PHASES: readonly Phase[] = [
  "failed",
  "restarting",
  "draining",
  "starting",
  "joining",
  "running",
  "standby",
  "stopped",
];

/** The totals of two together. */
export function added(a: DomainTotals, b: DomainTotals): DomainTotals {
  return {
    records: a.records + b.records,
    accepted: a.accepted + b.accepted,
    deadLetters: a.deadLetters + b.deadLetters,
    late: a.late + b.late,
    checkpoints: a.checkpoints + b.checkpoints,
    restarts: a.restarts + b.restarts,
  };
}

/** The statuses, at least one, as one; of so many partitions that the topic has. */
export function mergedStatus(statuses: readonly DomainStatus[], topicPartitions: number): DomainStatus {
  const [first] = statuses as readonly [DomainStatus];
  const partitions = partitionsOf(statuses);
  return {
    domain: first.domain,
    topic: first.topic,
    phase: PHASES.find((phase) => statuses.some((status) => status.phase === phase))!,
    lastError: statuses.find(({ lastError }) => lastError !== null)?.lastError ?? null,
    retryAt: null,
    standstill: statuses.flatMap(({ standstill }) => standstill ?? []).sort((a, b) => a.since - b.since)[0] ?? null,
    lastCheckpointAt: greatest(statuses.map(({ lastCheckpointAt }) => lastCheckpointAt)),
    totals: statuses.map(({ totals }) => totals).reduce(added),
    ...statuses.some(({ isShared }) => isShared) && partitions.length < topicPartitions && { isShared: true },
    partitions,
    openWindows: summed(statuses.map(({ openWindows }) => openWindows)),
    pausedPartitions: statuses.reduce((sum, { pausedPartitions }) => sum + pausedPartitions, 0),
  };
}

/** Each partition once: while the group shares them out anew, one thread may still name what another has gone on with. */
function partitionsOf(statuses: readonly DomainStatus[]): readonly PartitionStatus[] {
  const byNumber = new Map<number, PartitionStatus>();
  for (const partition of statuses.flatMap(({ partitions }) => partitions)) {
    const known = byNumber.get(partition.partition);
    if (known === undefined || known.nextOffset < partition.nextOffset) byNumber.set(partition.partition, partition);
  }
  return [...byNumber.values()].sort((a, b) => a.partition - b.partition);
}

function greatest(moments: readonly (number | null)[]): number | null {
  const known = moments.filter((moment) => moment !== null);
  return known.length === 0 ? null : Math.max(...known);
}

function summed(counts: readonly Readonly<Record<string, number>>[]): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const [name, count] of counts.flatMap((each) => Object.entries(each))) sums[name] = (sums[name] ?? 0) + count;
  return sums;
}
