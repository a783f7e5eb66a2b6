// Event time of one partition: how far events and, when idle, the clock have brought it.

/** How a partition's event time moves. All in milliseconds. */
export interface WatermarkSettings {
  /** How much later than a newer event an event may come and still be on time. */
  readonly maxOutOfOrdernessMs: number;
  /** How long a caught-up partition stays silent before the wall clock moves its watermark. `Infinity` never. */
  readonly idleAfterMs: number;
}

/**
 * A partition's watermark.
 *
 * Events move it: greatest event time less the allowed disorder. A caught-up, silent partition's follows the wall clock at
 * the same distance, so its last windows close without a next event. Only the part that events have moved decides
 * what is late: a silence closes windows early but never makes a record late; such a record corrects them.
 */
export class PartitionWatermark {
  #maxEventTime: number;
  #watermark: number;
  #quietSince: number | undefined;
  #idle = false;

  constructor(
    private readonly settings: WatermarkSettings,
    restored: { readonly maxEventTime: number | null; readonly watermark: number | null } = {
      maxEventTime: null,
      watermark: null,
    },
  ) {
    this.#maxEventTime = restored.maxEventTime ?? -Infinity;
    this.#watermark = Math.max(restored.watermark ?? -Infinity, this.eventWatermark);
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
      if (this.eventWatermark > this.#watermark) this.#watermark = this.eventWatermark;
    }
    return before;
  }

  /** Records have come (or are waiting): the idle clock starts over. */
  busy(): void {
    this.#quietSince = undefined;
    this.#idle = false;
  }

  /** The partition is caught up and silent at wall time `now`; returns whether the watermark has moved. */
  quiet(now: number): boolean {
    // A clock that steps back must not make the silence begin in the future.
    if (this.#quietSince === undefined || now < this.#quietSince) this.#quietSince = now;
    if (this.#maxEventTime === -Infinity || now - this.#quietSince < this.settings.idleAfterMs) return false;
    this.#idle = true;
    const idle = now - this.settings.maxOutOfOrdernessMs;
    if (idle <= this.#watermark) return false;
    this.#watermark = idle;
    return true;
  }
}
