// One generation of a Kafka subscription: bounded queues of what was fetched and not yet pulled, one for each partition.
// Knows nothing of either client: the subscription fetches, pauses and seeks for it.

import type { Clock } from "../../clock.ts";
import { type Damage, LogDamagedError, LogDivergedError } from "../../errors.ts";
import type { Codecs } from "./codecs.ts";
import type { DamagedStretch, FetchedPartition, RecordBatch } from "./fetch.ts";
import { RecordReader } from "./records.ts";
import type { Generation, LogBatch, LogRecord, PartitionBounds, PartitionLook } from "../log.ts";
import { Pull } from "../pull.ts";

const BATCH_RECORDS = 1000;
const BATCH_BYTES = 1 << 20;
/** So many answers in a row must have been empty: two of them before and after an outage say nothing. */
const UNSERVED_ANSWERS = 5;

/** What the subscription does for its generation; nothing of it throws. */
export interface Fetching {
  pause(partitions: readonly number[]): void;
  resume(partitions: readonly number[]): void;
  seek(partition: number, offset: number): void;
  bounds(partitions: readonly number[]): Promise<ReadonlyMap<number, PartitionBounds>>;
  commit(offsets: ReadonlyMap<number, number>): Promise<void>;
  /** The generation has failed for good. */
  failed(failure: unknown): void;
}

export interface KafkaGenerationOptions {
  readonly id: number;
  readonly topic: string;
  readonly partitions: readonly number[];
  readonly codecs: Codecs;
  readonly clock: Clock;
  /** Held of each partition before it is paused; below half of it the partition goes on. */
  readonly partitionBytes: number;
  /** How long an answer of the broker counts as recent, in milliseconds. */
  readonly recentMs: number;
  /** How long the broker may give nothing where it says that there is something, in milliseconds. */
  readonly unservedMs: number;
}

/** A reader's place in one partition. */
interface Place {
  readonly partition: number;
  /** Where the next fetch must begin. */
  expected: number;
  /** The offset after everything that `next` has handed out. */
  handedOut: number;
  readonly queue: FetchedPartition[];
  /** The next batch of the first in the queue, and the reader of the one begun. */
  batchIndex: number;
  reader: RecordReader | undefined;
  queuedBytes: number;
  paused: boolean;
  outOfRange: boolean;
  /** Since when, and how often in a row, the broker gave nothing where it says that there is something. */
  unserved: { readonly sinceMs: number; answers: number } | undefined;
  /** What cannot be read behind everything that is queued: nothing more is fetched. */
  damage: Damage | undefined;
  /** Whether `next` has told of it. */
  setAside: boolean;
  /** The end for readers as the broker last said it, and when. */
  end: { readonly offset: number; readonly atMs: number } | undefined;
}

/** A batch to read on in, and the offset after everything before it. */
interface Reading {
  readonly batch: RecordBatch;
  readonly into: LogRecord[];
  readonly nextOffset: number;
}

export class KafkaGeneration implements Generation {
  readonly id: number;
  readonly topic: string;
  readonly partitions: readonly number[];
  readonly #pull: Pull;
  readonly #places = new Map<number, Place>();
  readonly #looks = new Map<number, PartitionLook>();

  constructor(readonly fetching: Fetching, readonly options: KafkaGenerationOptions) {
    this.id = options.id;
    this.topic = options.topic;
    this.partitions = options.partitions;
    this.#pull = new Pull(options.clock, options.partitions);
  }

  get signal(): AbortSignal {
    return this.#pull.signal;
  }

  /** Ends the generation and forgets what is queued; `failure` is what `next` then rejects with. */
  end(failure?: unknown): void {
    this.#pull.end(failure);
    this.#places.clear();
  }

  /** Ends the generation and the subscription; `next` rejects with `failure`. The first failure stays. */
  fail(failure: unknown): void {
    if (this.signal.aborted) return;
    this.end(failure);
    this.fetching.failed(failure);
  }

  bounds(): Promise<ReadonlyMap<number, PartitionBounds>> {
    return this.fetching.bounds(this.partitions);
  }

  start(positions: ReadonlyMap<number, number>): Promise<void> {
    const missing = this.partitions.find((partition) => positions.get(partition) === undefined);
    if (missing !== undefined) return Promise.reject(new RangeError(`Partition ${missing} has no start position`));
    if (this.signal.aborted) return Promise.resolve();
    for (const partition of this.partitions) {
      const position = positions.get(partition)!;
      this.#places.set(partition, newPlace(partition, position));
      this.fetching.seek(partition, position);
    }
    this.fetching.resume(this.partitions);
    return Promise.resolve();
  }

  /**
   * Takes what was fetched from `fromOffset` into the queue; false when it is not what comes next. Runs inside the client's
   * handler of answers and must not wait.
   */
  enqueue(fetched: FetchedPartition, fromOffset: number): boolean {
    const place = this.#places.get(fetched.partition);
    if (place === undefined || place.paused || place.damage !== undefined) return false;
    if (fromOffset !== place.expected) {
      this.fetching.seek(fetched.partition, place.expected);
      return false;
    }
    place.unserved = undefined;
    place.queue.push(fetched);
    place.expected = fetched.nextOffset!;
    place.queuedBytes += fetched.bytes;
    if (place.queuedBytes >= this.options.partitionBytes) {
      place.paused = true;
      place.end = undefined;
      this.fetching.pause([fetched.partition]);
    }
    this.#pull.wake();
    return true;
  }

  /** The broker answered a fetch from `fromOffset`: notes where the log ends for readers. */
  answered({ partition, highWatermark, lastStableOffset }: FetchedPartition, fromOffset: number): void {
    const readableEnd = lastStableOffset >= 0 ? Math.min(lastStableOffset, highWatermark) : highWatermark;
    const atMs = this.options.clock.monotonic();
    this.#looks.set(partition, { end: highWatermark, readableEnd, atMs });
    const place = this.#places.get(partition);
    if (place === undefined || place.paused || place.damage !== undefined || fromOffset !== place.expected) return;
    place.end = { offset: readableEnd, atMs };
  }

  /** The partition cannot be read just now, for the reason given. What was known of it stays, and ages. */
  blocked(partition: number, obstacle: string): void {
    const look = this.#looks.get(partition) ?? { end: 0, readableEnd: 0, atMs: -Infinity };
    this.#looks.set(partition, { ...look, obstacle });
  }

  /** What the log holds at `fromOffset` cannot be read: the partition is set aside once what is queued has been taken. */
  damaged(partition: number, fromOffset: number, { to, why }: DamagedStretch): void {
    const place = this.#places.get(partition);
    if (place?.expected !== fromOffset || place.damage !== undefined) return;
    this.#stopAt(place, { from: fromOffset, to, reason: "unreadable", why });
  }

  /**
   * The broker gave nothing from `fromOffset` on and says that there is something. Where that lasts it has lost its way: in a
   * batch with a wrong length it finds nothing, and says so in no other way.
   */
  unserved(partition: number, fromOffset: number): void {
    const place = this.#places.get(partition);
    if (place?.expected !== fromOffset || place.damage !== undefined) return;
    const { clock, unservedMs } = this.options;
    place.unserved ??= { sinceMs: clock.monotonic(), answers: 0 };
    place.unserved.answers += 1;
    if (clock.monotonic() - place.unserved.sinceMs < unservedMs || place.unserved.answers < UNSERVED_ANSWERS) return;
    const why = `for ${
      Math.round(unservedMs / 1000)
    } s the broker has given none of the records that it says are there`;
    this.damaged(partition, fromOffset, { to: undefined, why });
  }

  skip(partition: number, offset: number): void {
    if (this.signal.aborted) return;
    this.#places.set(partition, newPlace(partition, offset));
    this.fetching.seek(partition, offset);
    this.fetching.resume([partition]);
  }

  /** The log does not hold `fromOffset`: deleted, or for another reason, which fails. Only if that is what comes next. */
  async outOfRange(partition: number, fromOffset: number): Promise<void> {
    const place = this.#places.get(partition);
    if (place?.expected !== fromOffset || place.outOfRange) return;
    place.outOfRange = true; // the broker answers at once and is asked again until this has ended
    const bounds = await this.fetching.bounds([partition]).catch(() => undefined);
    const held = bounds?.get(partition);
    if (bounds === undefined || (held !== undefined && fromOffset >= held.low && fromOffset <= held.high)) {
      place.outOfRange = false; // nobody knows just now, or a replica lagged behind: asked again, they may know better
      return;
    }
    if (held !== undefined && fromOffset < held.low) {
      if (this.#places.get(partition) !== place) return;
      const why = `the log begins at ${held.low} now`;
      return this.#stopAt(place, { from: fromOffset, to: held.low, reason: "deleted", why });
    }
    this.fail(
      new LogDivergedError(
        `"${this.topic}" partition ${partition} ${
          held ? `holds offsets ${held.low} to ${held.high}` : "does not hold it"
        }, but ${fromOffset} is expected next: the topic was created anew or its records were deleted`,
      ),
    );
  }

  next(waitMs: number): Promise<LogBatch | undefined> {
    return this.#pull.next(waitMs, () => this.#takeNext());
  }

  caughtUp(partition: number): boolean {
    const place = this.#places.get(partition);
    if (place?.end === undefined || place.paused || place.damage !== undefined || place.queue.length > 0) return false;
    return place.handedOut >= place.end.offset &&
      this.options.clock.monotonic() - place.end.atMs <= this.options.recentMs;
  }

  look(partition: number): PartitionLook | undefined {
    return this.#looks.get(partition);
  }

  paused(): number {
    return this.#places.values().reduce((count, { paused }) => count + (paused ? 1 : 0), 0);
  }

  async commit(offsets: ReadonlyMap<number, number>): Promise<void> {
    if (!this.signal.aborted && offsets.size > 0) await this.fetching.commit(offsets);
  }

  #takeNext(): LogBatch | undefined {
    return this.#pull.inTurn((partition) => {
      const place = this.#places.get(partition);
      if (place === undefined || place.setAside) return undefined;
      const batch = place.queue.length > 0 ? this.#take(place) : undefined;
      if (batch !== undefined || place.damage === undefined) return batch;
      place.setAside = true;
      throw new LogDamagedError(place.damage);
    });
  }

  /** Nothing is fetched of the partition any more; what is queued is still handed out. */
  #stopAt(place: Place, damage: Omit<Damage, "topic" | "partition">): void {
    place.damage = { topic: this.topic, partition: place.partition, ...damage };
    place.end = undefined;
    this.fetching.pause([place.partition]);
    this.#pull.wake();
  }

  /** Decodes about a thousand records of the partition; undefined when the first of them cannot be read. */
  #take(place: Place): LogBatch | undefined {
    const records: LogRecord[] = [];
    let bytes = 0;
    let nextOffset = place.handedOut;
    while (place.queue.length > 0 && records.length < BATCH_RECORDS && bytes < BATCH_BYTES) {
      const fetched = place.queue[0]!;
      const batch = fetched.batches[place.batchIndex];
      if (batch === undefined) {
        nextOffset = fetched.nextOffset!;
        this.#drop(place, fetched);
        continue;
      }
      const isReadable = this.#read(place, { batch, into: records, nextOffset });
      const isDone = isReadable && place.reader === undefined;
      nextOffset = Math.max(nextOffset, isDone ? batch.lastOffset + 1 : (records.at(-1)?.offset ?? -1) + 1);
      bytes += batch.records.length;
    }
    // What follows the last record may hold nothing to see: account for it now rather than with an empty batch later.
    if (place.queue[0]?.batches.length === place.batchIndex && place.reader === undefined) {
      nextOffset = place.queue[0].nextOffset!;
      this.#drop(place, place.queue[0]);
    }
    if (nextOffset === place.handedOut) return undefined;
    place.handedOut = nextOffset;
    return { partition: place.partition, records, nextOffset };
  }

  /** Reads on in the batch; its reader stays open when there is more. False where it cannot be read. */
  #read(place: Place, { batch, into, nextOffset }: Reading): boolean {
    try {
      place.reader ??= new RecordReader(batch, this.options.codecs);
      const before = into.length;
      do place.reader.read(into, BATCH_RECORDS, place.handedOut); while (into.length === before && !place.reader.done);
    } catch (cause) {
      // The checksum is right, and the records are not: those before are handed out, what follows is fetched again.
      place.queue.length = 0;
      place.reader = undefined;
      const from = Math.max(nextOffset, (into.at(-1)?.offset ?? -1) + 1);
      const why = cause instanceof Error ? cause.message : String(cause);
      this.#stopAt(place, { from, to: batch.lastOffset + 1, reason: "unreadable", why });
      return false;
    }
    if (place.reader.done) {
      place.reader = undefined;
      place.batchIndex += 1;
    }
    return true;
  }

  /** Forgets the first of the queue; a paused partition goes on when half of its room is free. */
  #drop(place: Place, fetched: FetchedPartition): void {
    place.queue.shift();
    place.batchIndex = 0;
    place.queuedBytes -= fetched.bytes;
    if (place.paused && place.damage === undefined && place.queuedBytes <= this.options.partitionBytes / 2) {
      place.paused = false;
      this.fetching.resume([place.partition]);
    }
  }
}

function newPlace(partition: number, position: number): Place {
  return {
    partition,
    expected: position,
    handedOut: position,
    queue: [],
    batchIndex: 0,
    reader: undefined,
    queuedBytes: 0,
    paused: false,
    outOfRange: false,
    unserved: undefined,
    damage: undefined,
    setAside: false,
    end: undefined,
  };
}
