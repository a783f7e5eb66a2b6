// The partitions of a topic while they are copied: where each has come, and which have stopped at damage while the others go on.
// Knows nothing of what becomes of the records.

import type { Clock } from "./clock.ts";
import type { CopiedPartition } from "./engine/status.ts";
import { type Damage, LogDamagedError } from "./errors.ts";
import type { Generation, LogBatch, PartitionBounds } from "./log/log.ts";
import { MergedPartitions, type PlacedRecord } from "./merged_partitions.ts";

/** How often the log is asked whether it can be read again, milliseconds. */
const RETRY_MS = 60_000;

/** A partition that has stopped. */
interface Stop {
  readonly damage: Damage;
  /** By the monotonic clock, milliseconds. */
  readonly sinceMs: number;
  retryAtMs: number;
  /** Whether it was begun again at the damage: what comes next can be read. */
  isTried: boolean;
}

export interface CopiedPartitionsOptions {
  readonly generation: Generation;
  /** Where each partition begins. */
  readonly positions: ReadonlyMap<number, number>;
  readonly bounds: ReadonlyMap<number, PartitionBounds>;
  readonly clock: Clock;
}

export class CopiedPartitions {
  readonly #merged: MergedPartitions;
  readonly #stopped = new Map<number, Stop>();

  constructor(private readonly options: CopiedPartitionsOptions) {
    const { generation, positions } = options;
    // Nobody waits for what a stopped partition may still have.
    const caughtUp = (partition: number) => this.#stopped.has(partition) || generation.caughtUp(partition);
    this.#merged = new MergedPartitions({ caughtUp }, positions);
  }

  /** See {@link MergedPartitions}. */
  get mustWait(): boolean {
    return this.#merged.mustWait;
  }

  get isAtEnd(): boolean {
    return this.#merged.isAtEnd;
  }

  oldest(most: number): PlacedRecord[] {
    return this.#merged.oldest(most);
  }

  /** Up to where each partition is copied, once what {@link oldest} gave is. */
  given(): Map<number, number> {
    return this.#merged.given();
  }

  /** Takes the next batch, if one comes in time. Resolves with damage that it meets, and that was not told before. */
  async take(waitMs: number): Promise<Damage | undefined> {
    try {
      const batch = await this.options.generation.next(waitMs);
      if (batch === undefined || !this.#isWanted(batch.partition)) return undefined;
      const damage = this.#doubtOf(batch);
      if (damage !== undefined) return this.#met(damage);
      this.#stopped.delete(batch.partition);
      this.#merged.take(batch);
    } catch (error) {
      if (!(error instanceof LogDamagedError)) throw error;
      return this.#met(error.damage);
    }
  }

  /** What was taken for the position of a partition, of which nothing has come yet, is this one. */
  beginsAt(partition: number, offset: number): void {
    this.#merged.skipTo(partition, offset);
  }

  /** The partition stays where its damage is; the others go on. */
  stop(damage: Damage): void {
    const sinceMs = this.options.clock.monotonic();
    this.#stopped.set(damage.partition, { damage, sinceMs, retryAtMs: sinceMs + RETRY_MS, isTried: false });
  }

  /** The partition goes on at the offset. */
  goOn(partition: number, offset: number): void {
    this.#stopped.delete(partition);
    this.#merged.skipTo(partition, offset);
    this.options.generation.skip(partition, offset);
  }

  /** Looks now and then whether stopped partitions can be read again. */
  retry(): void {
    const now = this.options.clock.monotonic();
    for (const [partition, stop] of this.#stopped) {
      // What comes at the end of a topic that lacks what was copied of it is another topic's, as far as anybody can tell.
      if (now < stop.retryAtMs || stop.damage.beginsAt !== undefined) continue;
      stop.retryAtMs = now + RETRY_MS;
      stop.isTried = true;
      this.options.generation.skip(partition, stop.damage.from);
    }
  }

  /** Where a partition has stopped. */
  stopAt(partition: number): Damage | undefined {
    return this.#stopped.get(partition)?.damage;
  }

  /** The stop that has lasted longest. */
  get firstStop(): Pick<Stop, "damage" | "sinceMs"> | undefined {
    const [first] = this.#stopped.values();
    return first;
  }

  status(): readonly CopiedPartition[] {
    const { generation, bounds } = this.options;
    return [...this.given()].map(([partition, nextOffset]) => {
      const { low = 0, high = 0 } = bounds.get(partition) ?? {};
      const highOffset = Math.max(high, generation.look(partition)?.end ?? 0);
      const { from, to, reason, why, beginsAt } = this.stopAt(partition) ?? {};
      return {
        ...{ partition, nextOffset, highOffset, lag: Math.max(0, highOffset - Math.max(nextOffset, low)) },
        ...from !== undefined &&
          { stopped: { from, to, reason: reason!, why: why!, ...beginsAt !== undefined && { beginsAt } } },
      };
    }).toSorted((a, b) => a.partition - b.partition);
  }

  /** Of a partition that stopped at records in doubt there may come more: those are not its turn. */
  #isWanted(partition: number): boolean {
    return this.#stopped.get(partition)?.isTried ?? true;
  }

  /** In a copy nobody would see that what the records say is in doubt. */
  #doubtOf({ partition, records: [first], nextOffset: to, damage: why }: LogBatch): Damage | undefined {
    if (why === undefined || first === undefined) return undefined;
    return { topic: this.options.generation.topic, partition, from: first.offset, to, reason: "unreadable", why };
  }

  #met(damage: Damage): Damage | undefined {
    this.#merged.skipTo(damage.partition, damage.from);
    const stop = this.#stopped.get(damage.partition);
    if (stop?.damage.from !== damage.from || stop.damage.to !== damage.to) return damage;
    stop.isTried = false;
  }
}
