// What a running domain says of itself: read by `status`, `/health`, `/metrics` and the dashboard.

export interface PartitionStatus {
  readonly partition: number;
  /** Offset after the last committed record. */
  readonly nextOffset: number;
  /** Log end as of the last look; `null` before the first. */
  readonly highOffset: number | null;
  /** Epoch milliseconds, `null` before the first event. */
  readonly watermark: number | null;
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

export interface DomainStatus {
  readonly domain: string;
  readonly topic: string;
  readonly phase: "starting" | "waiting" | "running" | "restarting" | "draining" | "stopped" | "failed";
  /** Message of the last failure, if any. */
  readonly lastError: string | null;
  /** Epoch milliseconds. */
  readonly lastCheckpointAt: number | null;
  readonly totals: DomainTotals;
  readonly partitions: readonly PartitionStatus[];
  /** Open windows and sessions by operator. */
  readonly openWindows: Readonly<Record<string, number>>;
  /** Partitions that are not read just now because what was read of them waits to be taken. */
  readonly pausedPartitions: number;
}
