// The records of several partitions in one order: by their timestamps, and within a partition as they lie there. Knows nothing
// of what becomes of them.

import type { Generation, LogBatch, LogRecord } from "./log/log.ts";

/** Records that wait for older ones of other partitions; beyond that the oldest there are go first. */
const MAX_WAITING = 50_000;

/** A record and its partition. */
export interface PlacedRecord {
  readonly partition: number;
  readonly record: LogRecord;
}

/** What waits of a partition. */
interface Waiting {
  readonly partition: number;
  records: LogRecord[];
  /** Of the first that waits. */
  at: number;
  /** The offset after the last that has been taken. */
  nextOffset: number;
}

/** Merges the partitions of a generation. */
export class MergedPartitions {
  readonly #partitions: readonly Waiting[];
  #waiting = 0;

  /** `positions`: where each partition begins. */
  constructor(
    private readonly generation: Pick<Generation, "caughtUp">,
    positions: ReadonlyMap<number, number>,
  ) {
    this.#partitions = [...positions].map(([partition, nextOffset]) => ({ partition, records: [], at: 0, nextOffset }));
  }

  /** Adds what the generation has handed out. */
  take(batch: LogBatch | undefined): void {
    const of = batch && this.#partitions.find(({ partition }) => partition === batch.partition);
    if (!of) return;
    of.records = [...of.records.slice(of.at), ...batch.records];
    of.at = 0;
    of.nextOffset = batch.nextOffset;
    this.#waiting += batch.records.length;
  }

  /** What comes next of a partition begins at the offset: what lies before it, and was not taken, never comes. */
  skipTo(partition: number, offset: number): void {
    const of = this.#partitions.find((one) => one.partition === partition);
    if (of) of.nextOffset = offset;
  }

  /** Whether older records than those that wait may still come. */
  get mustWait(): boolean {
    return this.#waiting === 0 || (this.#waiting < MAX_WAITING && this.#partitions.some((of) => this.#isAwaited(of)));
  }

  /** Whether everything has been taken that there is. */
  get isAtEnd(): boolean {
    return this.#waiting === 0 && !this.#partitions.some((of) => this.#isAwaited(of));
  }

  /** The oldest records that wait, at most `most`: as many as no record that is still to come can be before. */
  oldest(most: number): PlacedRecord[] {
    const oldest: PlacedRecord[] = [];
    while (oldest.length < most && this.#waiting > 0) {
      const of = this.#oldestOf();
      oldest.push({ partition: of.partition, record: of.records[of.at++]! });
      this.#waiting--;
      if (this.mustWait) break;
    }
    return oldest;
  }

  /** Up to where each partition's records have been given by {@link oldest}. */
  given(): Map<number, number> {
    return new Map(
      this.#partitions.map(({ partition, records, at, nextOffset }) => [partition, records[at]?.offset ?? nextOffset]),
    );
  }

  #oldestOf(): Waiting {
    let oldest: Waiting | undefined;
    for (const of of this.#partitions) {
      const [next, least] = [of.records[of.at], oldest?.records[oldest.at]];
      if (next && (!least || next.timestamp < least.timestamp)) oldest = of;
    }
    return oldest!;
  }

  /** Whether a partition has no record that waits, and may have some in the log. */
  #isAwaited({ partition, records, at }: Waiting): boolean {
    return at === records.length && !this.generation.caughtUp(partition);
  }
}
