// The event time of a generation's partitions: what silence does to their watermarks, and when a watermark is worth writing
// down. A merged row is final when every partition of the topic has passed its window, so the watermark of a partition that
// has nothing to write matters to the rows of the others.

import type { Generation } from "../log/log.ts";
import type { Batch } from "@freshet/stream";
import type { Claim } from "../warehouse/warehouse.ts";
import { AwaitedEnds } from "./awaited_ends.ts";
import type { PartitionIngest } from "./ingest.ts";
import type { SharedTopic } from "./shared_topic.ts";

export interface EventTimeOptions {
  readonly partitions: ReadonlyMap<number, PartitionIngest>;
  readonly generation: Pick<Generation, "caughtUp">;
  readonly claims: readonly Claim[];
  /** When partitions of the topic belong to other members. */
  readonly shared: SharedTopic | undefined;
  readonly push: (batch: Batch<unknown>) => Promise<void>;
  /** The end of something that is told outside once all partitions have passed it, epoch milliseconds, if there is such a thing. */
  readonly firstEnd: () => number | undefined;
}

export class EventTime {
  readonly #awaited = new AwaitedEnds();
  /** Silence has moved a watermark since they were last written. */
  #isUnwritten = false;

  constructor(private readonly options: EventTimeOptions) {
    // Rows that were made before may wait for the partitions that are behind.
    for (const { watermark } of options.claims) if (watermark !== null) this.#awaited.add(watermark);
  }

  /** Rows of windows that end then have been made. */
  madeRows(ends: Iterable<number>): void {
    for (const end of ends) this.#awaited.add(end);
  }

  /** The watermarks as they are now are being written. */
  written(): void {
    this.#isUnwritten = false;
    this.#awaited.drop(this.#least(() => true));
  }

  /**
   * Lets the watermarks of silent partitions go on. Says whether that makes rows final: only then is it worth a checkpoint, a
   * clock that ticks must not keep a warehouse awake. `now`: by the monotonic clock. `canAsk`: whether the warehouse may be asked just now.
   */
  async tick(now: number, canAsk: boolean): Promise<boolean> {
    const { partitions, generation, shared, push, firstEnd } = this.options;
    const isDue = canAsk && shared?.isDue(now) === true;
    const mustRead = isDue || (canAsk && shared?.isAwaited(now, firstEnd()) === true);
    if (mustRead) await shared!.read();
    const others = this.#othersWatermark();
    for (const [partition, ingest] of partitions) {
      if (!generation.caughtUp(partition)) {
        ingest.watermark.busy();
      } else if (ingest.watermark.quiet(now, others)) {
        this.#isUnwritten = true;
        await push(ingest.batch());
      }
    }
    const least = this.#least(() => true);
    if (mustRead) shared!.done(now, least);
    return this.#isUnwritten && (isDue || this.#awaited.reachedBy(least));
  }

  /**
   * What all partitions of the topic have passed, those of the others as last read; `closedUpTo` says up to where a partition
   * is closed wherever its watermark stands. Epoch milliseconds.
   */
  passedUpTo(closedUpTo: (partition: number) => number): number {
    const { partitions, shared } = this.options;
    const own = [...partitions].map(([partition, { watermark }]) => Math.max(watermark.current, closedUpTo(partition)));
    return Math.min(...own, shared?.passedUpTo ?? Infinity);
  }

  /** The least watermark of the topic's partitions that have had events: of our own, or else of the others'. */
  #othersWatermark(): number {
    const own = this.#least(({ watermark }) => watermark.maxEventTime > -Infinity);
    return own > -Infinity ? own : this.options.shared?.leastWatermark ?? -Infinity;
  }

  /** The least watermark of the partitions that `counts` holds for; `-Infinity` when there is none. */
  #least(counts: (ingest: PartitionIngest) => boolean): number {
    const watermarks = [...this.options.partitions.values()].filter(counts).map(({ watermark }) => watermark.current);
    return watermarks.length === 0 ? -Infinity : Math.min(...watermarks);
  }
}
