// A topic whose other partitions belong to other members of the group. A merged row is final when every partition has passed
// its window, so a member whose partitions are silent has to write their watermarks down as long as others make rows.

import type { Log } from "../log/log.ts";
import type { Writer } from "../warehouse/warehouse.ts";

export interface SharedTopicOptions {
  readonly log: Pick<Log, "topics">;
  readonly writer: Pick<Writer, "positions">;
  readonly topic: string;
  /** The partitions of the others. */
  readonly partitions: readonly number[];
  /** How far apart watermarks are worth writing, milliseconds. */
  readonly everyMs: number;
  /** How long after a record the window that holds it may end, milliseconds. */
  readonly sizeMs: number;
}

/** A partition that is further behind than this is written down no more often than this. */
const FAR_BEHIND_MS = 3_600_000;

export class SharedTopic {
  /** Where the others' partitions end in the log, in their order. */
  #ends: readonly number[] = [];
  /** Whether the others have written all that is there. */
  #areDone = false;
  /** Whether the others may have rows that wait for our partitions. */
  #isAwaited = false;
  #dueAt = -Infinity;
  #leastWatermark = -Infinity;
  #passedUpTo = -Infinity;
  #greatestTime = -Infinity;

  constructor(private readonly options: SharedTopicOptions) {}

  /** The least watermark of the others' partitions that have had events, as last read; `-Infinity` when there is none. */
  get leastWatermark(): number {
    return this.#leastWatermark;
  }

  /** What all of the others' partitions have passed, also those without events, as last read; `-Infinity` when one has none. */
  get passedUpTo(): number {
    return this.#passedUpTo;
  }

  /** Looks whether records have come to the others. */
  async look(): Promise<void> {
    const { log, topic, partitions } = this.options;
    const [info] = await log.topics([topic]);
    const ends = partitions.map((partition) => info?.partitions[partition]?.high ?? 0);
    if (ends.join() === this.#ends.join()) return;
    this.#ends = ends;
    this.#isAwaited = true;
  }

  /** Whether it is time to read the others' watermarks, and to write our own down for their sake. */
  isDue(now: number): boolean {
    return this.#isAwaited && now >= this.#dueAt;
  }

  /** Whether it is time to look whether the others have passed the end of something of ours. Epoch milliseconds. */
  isAwaited(now: number, end: number | undefined): boolean {
    return end !== undefined && end > this.#passedUpTo && now >= this.#dueAt;
  }

  /** Reads how far the others are. */
  async read(): Promise<void> {
    const { writer, topic, partitions } = this.options;
    const positions = await writer.positions(topic, partitions);
    const known = new Map(positions.map((position) => [position.partition, position]));
    this.#areDone = partitions.every((partition, i) => (known.get(partition)?.nextOffset ?? 0) >= (this.#ends[i] ?? 0));
    this.#passedUpTo = Math.min(...partitions.map((partition) => known.get(partition)?.watermark ?? -Infinity));
    const active = positions.filter(({ maxEventTime }) => maxEventTime !== null);
    if (active.length === 0) return;
    this.#leastWatermark = Math.min(...active.map(({ watermark }) => watermark ?? -Infinity));
    this.#greatestTime = Math.max(...active.map(({ maxEventTime }) => maxEventTime!));
  }

  /** Our watermarks, of which `least` is the least, are being written, or have not moved. */
  done(now: number, least: number): void {
    const { everyMs, sizeMs } = this.options;
    this.#isAwaited = !this.#areDone || least < this.#greatestTime + sizeMs;
    const isFarBehind = least > -Infinity && this.#greatestTime - least > FAR_BEHIND_MS;
    this.#dueAt = now + (isFarBehind ? Math.max(everyMs, FAR_BEHIND_MS) : everyMs);
  }
}
