// Keeps count of a domain's run and tells the observer: totals, positions, lag.

import type { PartitionBounds } from "../log/log.ts";
import type { Claim, Unit } from "../warehouse/warehouse.ts";
import type { Copies } from "./dead_letter_topic.ts";
import type { Ingested } from "./ingest.ts";
import type { CheckpointSummary, Observer } from "./options.ts";
import type { Pending } from "./pending.ts";
import type { DomainStatus, DomainTotals, PartitionStatus } from "./status.ts";

/** See `CheckpointSummary`. */
type Durations = Pick<CheckpointSummary, "durationMs" | "processingMs">;

/** A unit that was committed. */
export interface Committed {
  readonly unit: Unit;
  readonly pending: Pending;
  /** What the dead letter topic did not take as it was. */
  readonly copies: Copies;
  /** The keys that were held by operator when it was cut. */
  readonly openWindows: Readonly<Record<string, number>>;
  readonly took: Durations;
}

export class Progress {
  phase: DomainStatus["phase"] = "starting";
  lastError: string | null = null;
  pausedPartitions = 0;
  #lastCheckpointAt: number | null = null;
  #totals: DomainTotals = { records: 0, accepted: 0, deadLetters: 0, late: 0, checkpoints: 0, restarts: 0 };
  #partitions = new Map<number, PartitionStatus>();
  #openWindows: Readonly<Record<string, number>> = {};

  constructor(
    private readonly domain: string,
    private readonly topic: string,
    private readonly now: () => number,
    private readonly observer: Observer | undefined,
  ) {}

  /** A new assignment, and where it starts. */
  assigned(claims: readonly Claim[]): void {
    this.#partitions = new Map(
      claims.map((
        { partition, nextOffset, watermark },
      ) => [partition, { partition, nextOffset, highOffset: null, watermark }]),
    );
  }

  /** The log's ends, as just asked. */
  bounds(bounds: ReadonlyMap<number, PartitionBounds>): void {
    for (const [partition, { high }] of bounds) {
      const status = this.#partitions.get(partition);
      if (status) this.#partitions.set(partition, { ...status, highOffset: Math.max(high, status.nextOffset) });
    }
  }

  /** A log batch was taken. */
  taken({ batch }: Ingested): void {
    const status = this.#partitions.get(batch.partition);
    if (status && (status.highOffset ?? 0) < batch.nextOffset) {
      this.#partitions.set(batch.partition, { ...status, highOffset: batch.nextOffset });
    }
  }

  /** A unit was committed. */
  committed(committed: Committed): void {
    const { unit, pending, openWindows } = committed;
    const t = this.#totals;
    this.#totals = {
      ...t,
      records: t.records + pending.records,
      accepted: t.accepted + pending.accepted,
      deadLetters: t.deadLetters + pending.dead.length,
      late: t.late + pending.late.length,
      checkpoints: t.checkpoints + 1,
    };
    for (const { partition, to } of unit.moves) {
      const highOffset = Math.max(this.#partitions.get(partition)?.highOffset ?? 0, to.nextOffset);
      this.#partitions.set(partition, { partition, nextOffset: to.nextOffset, highOffset, watermark: to.watermark });
    }
    this.#openWindows = openWindows;
    this.#lastCheckpointAt = this.now();
    this.lastError = null;
    this.observer?.checkpoint(this.domain, this.#summary(committed));
  }

  restarted(error: unknown): void {
    this.#totals = { ...this.#totals, restarts: this.#totals.restarts + 1 };
    this.lastError = error instanceof Error ? error.message : String(error);
    this.observer?.restart(this.domain, error);
  }

  get checkpoints(): number {
    return this.#totals.checkpoints;
  }

  status(): DomainStatus {
    return {
      domain: this.domain,
      topic: this.topic,
      phase: this.phase,
      lastError: this.lastError,
      lastCheckpointAt: this.#lastCheckpointAt,
      totals: this.#totals,
      partitions: [...this.#partitions.values()].sort((a, b) => a.partition - b.partition),
      openWindows: this.#openWindows,
      pausedPartitions: this.pausedPartitions,
    };
  }

  #summary({ unit, pending, copies, took }: Committed): CheckpointSummary {
    const now = this.now();
    const lateBy = new Map<string, number>();
    for (const { operator } of pending.late) lateBy.set(operator, (lateBy.get(operator) ?? 0) + 1);
    return {
      topic: this.topic,
      records: pending.records,
      accepted: pending.accepted,
      deadLetters: pending.dead.map(({ stage, reason }) => ({ stage, reason })),
      copiesCut: copies.cut,
      copiesLeftOut: copies.leftOut,
      late: [...lateBy].map(([operator, count]) => ({ operator, count })),
      rows: rowsOf(unit),
      upserts: unit.upserts,
      bytes: pending.bytes,
      ages: pending.times.map(({ mean, records }) => ({ ageMs: now - mean, records })),
      ...took,
    };
  }
}

function rowsOf({ appends, upserts, deletes, state }: Unit): number {
  const appended = appends.map(({ cells }) => cells.length);
  const keyed = [...upserts, ...deletes].map(({ rows }) => rows.length);
  return [...appended, ...keyed, state.length].reduce((sum, rows) => sum + rows, 0);
}
