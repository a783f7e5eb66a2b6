// Event time of one partition: how far events and, when idle, the clock have brought it.

/** How a partition's event time moves. All in milliseconds. */
export interface WatermarkSettings {
  /** How much later than a newer event an event may come and still be on time. */
  readonly maxOutOfOrdernessMs: number;
  /** How long a caught-up partition stays silent before the clock moves its watermark. `Infinity` never. */
  readonly idleAfterMs: number;
}

/**
 * A partition's watermark.
 *
 * Events move it: greatest event time less the allowed disorder. While a caught-up partition is silent its watermark goes on
 * at the pace of the clock, from where its events stood: its last windows close without a next event, and old events
 * stay old. A partition that never had an event goes along with the others. Only the part that events have moved decides
 * what is late: a silence closes windows early but never makes a record late; such a record corrects them.
 */
export class PartitionWatermark {
  #maxEventTime: number;
  #watermark: number;
  /** Where events had brought the watermark when the silence began. */
  #stood: number;
  #quietSince: number | undefined;
  #idle = false;

  /** Begins anew, or from where an earlier run was. */
  constructor(
    private readonly settings: WatermarkSettings,
    restored: { readonly maxEventTime: number | null; readonly watermark: number | null } = {
      maxEventTime: null,
      watermark: null,
    },
  ) {
    this.#maxEventTime = restored.maxEventTime ?? -Infinity;
    this.#watermark = this.#stood = Math.max(restored.watermark ?? -Infinity, this.eventWatermark);
  }

  /** Greatest event time seen, epoch milliseconds; `-Infinity` before the first event. */
  get maxEventTime(): number {
    return this.#maxEventTime;
  }

  /** What events alone have moved, epoch milliseconds. */
  get eventWatermark(): number {
    return this.#maxEventTime - this.settings.maxOutOfOrdernessMs;
  }

  /** Never goes back, epoch milliseconds. */
  get current(): number {
    return this.#watermark;
  }

  /** Caught up and silent for so long that the clock moves the watermark: what events have said is the present. */
  get idle(): boolean {
    return this.#idle;
  }

  /** An event of this time has come; returns the event watermark just before it. */
  observe(time: number): number {
    const before = this.eventWatermark;
    if (time > this.#maxEventTime) {
      this.#maxEventTime = time;
      this.#stood = this.eventWatermark;
      if (this.#stood > this.#watermark) this.#watermark = this.#stood;
    }
    return before;
  }

  /** Records have come (or are waiting): the idle clock starts over. */
  busy(): void {
    this.#quietSince = undefined;
    this.#idle = false;
  }

  /** Brings the watermark to where it once was. */
  advance(watermark: number): void {
    this.#watermark = this.#stood = Math.max(this.#watermark, watermark);
  }

  /**
   * The partition is caught up and silent at `now`, milliseconds of a clock that never goes back; returns whether the watermark
   * has moved. `others` is the least watermark of the topic's partitions that have had events.
   */
  quiet(now: number, others = -Infinity): boolean {
    this.#quietSince ??= now;
    const silentMs = now - this.#quietSince;
    if (silentMs < this.settings.idleAfterMs) return false;
    this.#idle = this.#maxEventTime > -Infinity;
    const moved = this.#idle ? this.#stood + silentMs : others;
    if (!(moved > this.#watermark)) return false;
    this.#watermark = moved;
    return true;
  }
}
