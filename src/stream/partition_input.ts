// One partition's way in: its batches, with what they say of event time. Reads no clock: who knows the time says it.

import type { Batch, Element } from "./batch.ts";
import { PartitionWatermark, type WatermarkSettings } from "./watermark.ts";

/** How far a partition has been worked off, to be stored with what that made. */
export interface PartitionPosition {
  /** Offset of the next record. */
  readonly nextOffset: number;
  /** Epoch milliseconds; `null` before the first event. */
  readonly watermark: number | null;
  /** Greatest event time so far, epoch milliseconds; `null` before the first event. */
  readonly maxEventTime: number | null;
}

/** What a batch asks of the operators, and what it says of the input. */
export interface BatchOptions {
  /** See {@link Batch.early}. */
  readonly early?: boolean;
  /** See {@link Batch.backfill}. */
  readonly backfill?: boolean;
  /** See {@link Batch.ended}. */
  readonly ended?: boolean;
}

/** The start of a partition that nobody has read. */
const START: PartitionPosition = { nextOffset: 0, watermark: null, maxEventTime: null };

/** Makes the batches of one partition, in the order of its log. */
export class PartitionInput {
  /** How far event time has come. */
  readonly watermark: PartitionWatermark;
  /** Offset after the last record taken. */
  nextOffset: number;
  /** The watermark of the batch before. */
  #closedBefore: number;

  /** Begins anew, or from where an earlier run was. */
  constructor(
    /** Number of the partition. */
    readonly partition: number,
    settings: WatermarkSettings,
    from: PartitionPosition = START,
  ) {
    this.watermark = new PartitionWatermark(settings, from);
    this.nextOffset = from.nextOffset;
    this.#closedBefore = from.watermark ?? -Infinity;
  }

  /** As far as batches have been made. */
  get position(): PartitionPosition {
    return {
      nextOffset: this.nextOffset,
      watermark: finite(this.watermark.current),
      maxEventTime: finite(this.watermark.maxEventTime),
    };
  }

  /** A batch up to the present offset and watermark; without elements it moves event time, or asks for something. */
  batch<T>(
    elements: readonly Element<T>[],
    { early = false, backfill = false, ended = false }: BatchOptions = {},
  ): Batch<T> {
    const closedBefore = this.#closedBefore;
    this.#closedBefore = this.watermark.current;
    return {
      partition: this.partition,
      elements,
      nextOffset: this.nextOffset,
      watermark: this.watermark.current,
      closedBefore,
      eventWatermark: this.watermark.eventWatermark,
      early,
      backfill,
      ended,
      side: { late: [], failed: [] },
    };
  }
}

const finite = (ms: number): number | null => Number.isFinite(ms) ? ms : null;
