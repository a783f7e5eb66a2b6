// Appending to the embedded log: records become segments, and produces that arrive together share one commit.
// Knows nothing of groups or readers.

import { setImmediate } from "node:timers";
import { crc32 } from "node:zlib";
import { LogRefusedError, RecordTooLargeError } from "../../errors.ts";
import type { EmbeddedFile } from "./file.ts";
import { SegmentWriter } from "./segment.ts";
import type { NewRecord, RecordPosition } from "../log.ts";
import { partitionOfKey } from "../murmur2.ts";

const SEGMENT_RECORDS = 1000;
const SEGMENT_BYTES = 512 * 1024;
/** Kafka's default `max.message.bytes` is 1 MiB: what one log takes the other takes too. */
const RECORD_MAX_BYTES = 1024 * 1024;

const encoder = new TextEncoder();

/** Where records go. */
export interface ProducerTopic {
  readonly id: number;
  readonly name: string;
  readonly partitions: number;
}

interface Chunk {
  readonly topicId: number;
  readonly partition: number;
  readonly writer: SegmentWriter;
}

/** One call of `produce`, encoded and waiting for its commit. */
interface Pending {
  readonly chunks: readonly Chunk[];
  /** Partition of each record, in order. */
  readonly partitions: Uint16Array;
  readonly done: PromiseWithResolvers<readonly RecordPosition[]>;
}

export class EmbeddedProducer {
  #pending: Pending[] = [];
  #flushing = false;
  #turn = Math.floor(Math.random() * 1000);

  constructor(readonly file: EmbeddedFile, private readonly recordMaxBytes = RECORD_MAX_BYTES) {}

  /** Appends `records`; the promise resolves when they are on disk. Errors: as `EmbeddedFile.write`. */
  produce(topic: ProducerTopic, records: readonly NewRecord[]): Promise<readonly RecordPosition[]> {
    if (records.length === 0) return Promise.resolve([]);
    const done = Promise.withResolvers<readonly RecordPosition[]>();
    this.#pending.push({ ...this.#encode(topic, records), done });
    if (!this.#flushing) {
      this.#flushing = true;
      setImmediate(() => void this.#flush());
    }
    return done.promise;
  }

  /** Resolves when nothing is waiting to be written. */
  async drain(): Promise<void> {
    while (this.#flushing) await new Promise<void>((resolve) => void setImmediate(resolve));
  }

  #encode(topic: ProducerTopic, records: readonly NewRecord[]): Pick<Pending, "chunks" | "partitions"> {
    const partitions = new Uint16Array(records.length);
    const open = new Map<number, Chunk>();
    const chunks: Chunk[] = [];
    const now = this.file.clock.now();
    for (let i = 0; i < records.length; i++) {
      const record = records[i]!;
      const key = typeof record.key === "string" ? encoder.encode(record.key) : record.key ?? null;
      const partition = record.partition ?? this.#choose(key, topic.partitions);
      if (!(partition >= 0 && partition < topic.partitions)) {
        throw new LogRefusedError(`"${topic.name}" has ${topic.partitions} partitions: there is no ${partition}`);
      }
      partitions[i] = partition;
      let chunk = open.get(partition);
      if (chunk === undefined || isFull(chunk.writer)) {
        chunk = { topicId: topic.id, partition, writer: new SegmentWriter() };
        open.set(partition, chunk);
        chunks.push(chunk);
      }
      const bytes = chunk.writer.add(record, key, record.timestamp ?? now);
      if (bytes > this.recordMaxBytes) {
        throw new RecordTooLargeError(
          `A record for "${topic.name}" has ${bytes} bytes, the limit is ${this.recordMaxBytes}`,
        );
      }
    }
    return { chunks, partitions };
  }

  /** As Kafka: by the key's hash, without a key in turn. */
  #choose(key: Uint8Array | null, partitions: number): number {
    return key === null ? this.#turn++ % partitions : partitionOfKey(key, partitions);
  }

  async #flush(): Promise<void> {
    while (this.#pending.length > 0) {
      const batch = this.#pending;
      this.#pending = [];
      try {
        const bases = await this.file.write("records", () => this.#append(batch));
        for (const [i, pending] of batch.entries()) pending.done.resolve(positionsOf(pending, bases[i]!));
      } catch (cause) {
        for (const pending of batch) pending.done.reject(cause);
      }
    }
    this.#flushing = false;
  }

  /** Writes everything in `batch`; returns for each produce its first offset in each partition. */
  #append(batch: readonly Pending[]): Map<number, number>[] {
    const ends = new Map<string, number>();
    const joined = new Map<string, Chunk>();
    const bases = batch.map(({ chunks }) => {
      const base = new Map<number, number>();
      for (const chunk of chunks) {
        const place = `${chunk.topicId}/${chunk.partition}`;
        const end = ends.get(place) ?? this.#end(chunk);
        if (!base.has(chunk.partition)) base.set(chunk.partition, end);
        ends.set(place, end + chunk.writer.count);
        this.#join(joined, place, chunk, end);
      }
      return base;
    });
    for (const [place, chunk] of joined) this.#insert(chunk, ends.get(place)!);
    return bases;
  }

  /** Small chunks of the same partition become one segment; a full one is written first. */
  #join(joined: Map<string, Chunk>, place: string, chunk: Chunk, end: number): void {
    const waiting = joined.get(place);
    if (waiting === undefined) return void joined.set(place, chunk);
    if (isFull(waiting.writer) || isFull(chunk.writer)) {
      this.#insert(waiting, end);
      joined.set(place, chunk);
      return;
    }
    // The writer of a produce stays as it is: the transaction may run again.
    const writer = new SegmentWriter(waiting.writer.byteLength + chunk.writer.byteLength);
    writer.append(waiting.writer.bytes(), waiting.writer.count);
    writer.append(chunk.writer.bytes(), chunk.writer.count);
    joined.set(place, { ...chunk, writer });
  }

  #insert({ topicId, partition, writer }: Chunk, end: number): void {
    const bytes = writer.bytes();
    this.file.run(
      `INSERT INTO segments (topic_id, partition, base_offset, last_offset, bytes, crc, created_ms, records)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      topicId,
      partition,
      end - writer.count,
      end - 1,
      bytes.length,
      crc32(bytes),
      this.file.clock.now(),
      bytes,
    );
    this.file.run("UPDATE partitions SET high = ? WHERE topic_id = ? AND partition = ?", end, topicId, partition);
  }

  #end({ topicId, partition }: Chunk): number {
    return this.file.get<{ high: number }>(
      "SELECT high FROM partitions WHERE topic_id = ? AND partition = ?",
      topicId,
      partition,
    )!.high;
  }
}

function isFull(writer: SegmentWriter): boolean {
  return writer.count >= SEGMENT_RECORDS || writer.byteLength >= SEGMENT_BYTES;
}

function positionsOf({ partitions }: Pending, bases: Map<number, number>): RecordPosition[] {
  return Array.from(partitions, (partition) => {
    const offset = bases.get(partition)!;
    bases.set(partition, offset + 1);
    return { partition, offset };
  });
}
