// Keeps count of a domain's run and tells the observer: totals, positions, lag, standstills.

import type { Clock } from "../clock.ts";
import { type Damage, LogDamagedError } from "../errors.ts";
import type { Generation, PartitionBounds, Subscription } from "../log/log.ts";
import type { Claim, Unit } from "../warehouse/warehouse.ts";
import type { Copies } from "./dead_letter_topic.ts";
import type { Ingested } from "./ingest.ts";
import type { CheckpointSummary, Observer } from "./options.ts";
import type { Pending } from "./pending.ts";
import { type PartitionView, type Stand, type StandstillPatience, StandstillWatch } from "./standstill.ts";
import { type DomainStatus, type DomainTotals, lagOf, type Phase, type StoppedAt } from "./status.ts";

/** See `CheckpointSummary`. */
type Durations = Pick<CheckpointSummary, "durationMs" | "processingMs">;

/** A unit that was committed. */
export interface Committed {
  readonly unit: Unit;
  readonly pending: Pending;
  /** The keys that were held by operator when it was cut. */
  readonly stateKeys: Readonly<Record<string, number>>;
  readonly took: Durations;
}

/** What is known of a partition that is being read. */
interface Place {
  readonly partition: number;
  nextOffset: number;
  takenOffset: number;
  watermark: number | null;
  /** The log's ends as it was last asked for them; a reader's end is not beyond the log's. */
  low: number;
  high: number;
  /** When it was last asked, if it was. */
  askedMs: number;
  /** When the partition became ours. */
  readonly sinceMs: number;
}

/** A partition that has stopped: where, why for people, and since when. */
interface Stopped {
  readonly at: StoppedAt;
  readonly why: string;
  readonly sinceMs: number;
}

export interface ProgressOptions {
  readonly domain: string;
  readonly topic: string;
  readonly clock: Clock;
  readonly patience: StandstillPatience;
  readonly observer: Observer | undefined;
}

export class Progress {
  phase: Phase = "starting";
  lastError: string | null = null;
  /** When a failed domain is tried again, epoch milliseconds. */
  retryAt: number | null = null;
  /** Where the present membership is told, and the present generation. */
  subscription: Pick<Subscription, "membership"> | undefined;
  #generation: Pick<Generation, "look" | "paused"> | undefined;
  #lastCheckpointAt: number | null = null;
  #totals: DomainTotals = { records: 0, accepted: 0, deadLetters: 0, late: 0, checkpoints: 0, restarts: 0 };
  #places = new Map<number, Place>();
  #stateKeys: Readonly<Record<string, number>> = {};
  #generations = 0;
  #isShared = false;
  readonly #standstill: StandstillWatch;
  readonly #stopped = new Map<number, Stopped>();

  constructor(private readonly options: ProgressOptions) {
    this.#standstill = new StandstillWatch(options.patience);
  }

  /** A new generation, where it starts, and of how many partitions it has some. */
  assigned(
    generation: Pick<Generation, "look" | "paused">,
    claims: readonly Claim[],
    partitions = claims.length,
  ): void {
    this.#stopped.clear();
    this.#isShared = claims.length < partitions;
    this.#generation = generation;
    this.#generations++;
    const sinceMs = this.options.clock.monotonic();
    this.#places = new Map(claims.map(({ partition, nextOffset, watermark }) => [partition, {
      partition,
      nextOffset,
      takenOffset: nextOffset,
      watermark,
      low: 0,
      high: nextOffset,
      askedMs: -Infinity,
      sinceMs,
    }]));
  }

  /** A partition has stopped at a stretch that cannot be read. */
  setAside(damage: Damage): void {
    const { from, to, reason, why } = damage;
    // It is told again whenever the partition is tried again.
    const sinceMs = this.#stopped.get(damage.partition)?.sinceMs ?? this.options.clock.monotonic();
    this.#stopped.set(damage.partition, {
      at: { from, to, reason, why },
      why: new LogDamagedError(damage).message,
      sinceMs,
    });
  }

  /** It goes on. */
  goesOn(partition: number): void {
    this.#stopped.delete(partition);
  }

  /** The log's ends, as just asked. */
  bounds(bounds: ReadonlyMap<number, PartitionBounds>): void {
    const askedMs = this.options.clock.monotonic();
    for (const [partition, { low, high }] of bounds) {
      const place = this.#places.get(partition);
      if (place) Object.assign(place, { low, high: Math.max(high, place.takenOffset), askedMs });
    }
  }

  /** A log batch was taken. */
  taken({ batch }: Ingested): void {
    const place = this.#places.get(batch.partition);
    if (!place) return;
    place.takenOffset = Math.max(place.takenOffset, batch.nextOffset);
    place.high = Math.max(place.high, batch.nextOffset);
  }

  /** A unit was committed. */
  committed(committed: Committed): void {
    const { unit, pending, stateKeys } = committed;
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
      const place = this.#places.get(partition);
      if (place) Object.assign(place, { nextOffset: to.nextOffset, watermark: to.watermark });
    }
    this.#stateKeys = stateKeys;
    this.#lastCheckpointAt = this.options.clock.now();
    this.lastError = null;
    this.options.observer?.checkpoint?.(this.options.domain, this.#summary(committed));
  }

  /** The dead letter topic has not taken some of its copies as they were. */
  copiesChanged(copies: Copies): void {
    this.options.observer?.deadLetterCopies?.(this.options.domain, copies);
  }

  restarted(error: unknown): void {
    this.#totals = { ...this.#totals, restarts: this.#totals.restarts + 1 };
    this.lastError = error instanceof Error ? error.message : String(error);
    this.options.observer?.restart?.(this.options.domain, error);
  }

  /** Looks whether the domain stands still. */
  look(): void {
    this.#stand(this.#views());
  }

  get checkpoints(): number {
    return this.#totals.checkpoints;
  }

  status(): DomainStatus {
    const { domain, topic } = this.options;
    const views = this.#views();
    const stand = this.#stand(views);
    return {
      domain,
      topic,
      phase: this.phase,
      lastError: this.lastError,
      retryAt: this.retryAt,
      standstill: stand ? { kind: stand.kind, reason: stand.reason, since: this.#wall(stand.sinceMs) } : null,
      lastCheckpointAt: this.#lastCheckpointAt,
      totals: this.#totals,
      ...this.#isShared && { isShared: true },
      partitions: views.map((view) => this.#partitionStatus(view)),
      openWindows: this.#stateKeys,
      pausedPartitions: this.phase === "running" ? this.#generation?.paused?.() ?? 0 : 0,
    };
  }

  #stand(views: readonly PartitionView[]): Stand | undefined {
    const { phase, subscription } = this;
    const view = {
      phase,
      partitions: views.filter(({ partition }) => !this.#stopped.has(partition)),
      stopped: [...this.#stopped.values()],
      membership: subscription?.membership(),
      turns: this.#generations + this.#totals.restarts,
    };
    return this.#standstill.look(view, this.options.clock.monotonic());
  }

  #views(): PartitionView[] {
    return [...this.#places.values()].sort((a, b) => a.partition - b.partition).map((place) => {
      const { partition, nextOffset, takenOffset, askedMs, sinceMs, high } = place;
      const look = this.#generation?.look(partition);
      const toldMs = Math.max(askedMs, look?.atMs ?? -Infinity);
      const isTold = toldMs > -Infinity;
      return {
        partition,
        nextOffset,
        takenOffset,
        highOffset: isTold ? Math.max(high, look?.end ?? 0) : null,
        // Both may be old: a reader's end only rises.
        readableOffset: isTold ? Math.max(high, look?.readableEnd ?? 0) : null,
        // What is asked aside is no sign that the partition can be read.
        confirmedMs: Math.max(sinceMs, look?.obstacle === undefined ? toldMs : look.atMs),
        obstacle: look?.obstacle ?? null,
      };
    });
  }

  #partitionStatus({ partition, nextOffset, highOffset, readableOffset, confirmedMs, obstacle }: PartitionView) {
    const { low, watermark } = this.#places.get(partition)!;
    const stopped = this.#stopped.get(partition)?.at;
    return {
      partition,
      nextOffset,
      highOffset,
      readableOffset,
      lag: highOffset === null ? null : lagOf({ nextOffset, low, high: highOffset }),
      confirmedAt: highOffset === null ? null : this.#wall(confirmedMs),
      watermark,
      obstacle,
      ...stopped && { stopped },
    };
  }

  /** A moment of the monotonic clock by the wall clock of now. */
  #wall(atMs: number): number {
    const { clock } = this.options;
    return Math.round(clock.now() - (clock.monotonic() - atMs));
  }

  #summary({ unit, pending, took }: Committed): CheckpointSummary {
    const now = this.options.clock.now();
    const lateBy = new Map<string, number>();
    for (const { operator } of pending.late) lateBy.set(operator, (lateBy.get(operator) ?? 0) + 1);
    return {
      topic: this.options.topic,
      records: pending.records,
      accepted: pending.accepted,
      kinds: pending.kinds,
      deadLetters: pending.dead.map(({ stage, reason }) => ({ stage, reason })),
      late: [...lateBy].map(([operator, count]) => ({ operator, count })),
      readBySchema: pending.readBySchema,
      skippedOffsets: pending.skippedOffsets,
      rows: rowsOf(unit),
      upserts: unit.upserts,
      alertEvents: pending.alertEvents,
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
