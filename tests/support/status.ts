// A domain's status for tests: one that runs and is well, but for what a test says.
import type { DomainStatus, PartitionStatus } from "../../src/engine/status.ts";

/** A partition that is read to its end. */
export function partitionStatus(overrides: Partial<PartitionStatus> = {}): PartitionStatus {
  return {
    partition: 0,
    nextOffset: 0,
    highOffset: 0,
    readableOffset: 0,
    lag: 0,
    confirmedAt: 0,
    watermark: null,
    obstacle: null,
    ...overrides,
  };
}

export function domainStatus(overrides: Partial<DomainStatus> = {}): DomainStatus {
  return {
    domain: "trains",
    topic: "ats_telemetry",
    phase: "running",
    lastError: null,
    retryAt: null,
    standstill: null,
    lastCheckpointAt: null,
    totals: { records: 0, accepted: 0, deadLetters: 0, late: 0, checkpoints: 0, restarts: 0 },
    partitions: [],
    openWindows: {},
    pausedPartitions: 0,
    ...overrides,
  };
}
