// From log batches to batches of events: decode, validate, event time, watermark. What fails on the way becomes a dead letter,
// what passes gets its raw row.

import { timeFault } from "./time_fault.ts";
import type { z } from "zod";
import type { Clock } from "../clock.ts";
import type { Domain, TimeSettings } from "../domains/domain.ts";
import type { LogBatch, LogRecord, NewRecord, WrittenSchemas } from "../log/log.ts";
import { schemaHeader } from "../log/wire_format.ts";
import { type Batch, days, type Element, PartitionInput, type PartitionWatermark } from "@freshet/stream";
import { holds } from "../warehouse/offset_ranges.ts";
import type { Decided, Position, Row } from "../warehouse/warehouse.ts";
import type { DeadLetter, Verdict } from "./dead_letter.ts";
import { type Decoded, decodeJson } from "./decode.ts";
import { MetadataWriter } from "./metadata.ts";
import { OlderForms, type ReadEvent } from "./older_forms.ts";
import { NOT_MINE, readerOf, type SchemaReader } from "./schema_reader/mod.ts";
import { invalid, notTaken, untimely } from "./verdicts.ts";
import { isText, oneByOne, reading, type TextReader } from "./text.ts";

/** A partition whose watermark is this far behind the wall clock is worked through as history, unless the domain says otherwise. */
const BACKFILL_AFTER_MS = days(7);

/** Verdicts on records that an operator or the warehouse refused in an earlier pass, by partition and offset. */
export class Condemned {
  readonly #verdicts = new Map<number, Map<number, Verdict>>();

  /** Returns whether that is new: of several verdicts on a record the first stays. */
  add(partition: number, offset: number, verdict: Verdict): boolean {
    let verdicts = this.#verdicts.get(partition);
    if (!verdicts) this.#verdicts.set(partition, verdicts = new Map());
    if (verdicts.has(offset)) return false;
    verdicts.set(offset, verdict);
    return true;
  }

  get(partition: number, offset: number): Verdict | undefined {
    return this.#verdicts.size === 0 ? undefined : this.#verdicts.get(partition)?.get(offset);
  }

  /** Forgets the partition's records before `offset`: they are committed and do not come again. */
  forget(partition: number, offset: number): void {
    const verdicts = this.#verdicts.get(partition);
    if (!verdicts) return;
    for (const known of [...verdicts.keys()]) if (known < offset) verdicts.delete(known);
    if (verdicts.size === 0) this.#verdicts.delete(partition);
  }

  get size(): number {
    return this.#verdicts.values().reduce((sum, { size }) => sum + size, 0);
  }
}

/** What became of a log batch. */
export interface Ingested {
  readonly batch: Batch<unknown>;
  /** One row for each element of the batch, and for records that are kept there alone. */
  readonly raw: readonly Element<Row>[];
  readonly dead: readonly DeadLetter[];
  /** Of the records' values. */
  readonly bytes: number;
  /** Bytes of everything: keys and headers, too. */
  readonly size: number;
  /** Of that what each record has above 4 KiB. */
  readonly large: number;
  /** Records that were read straight from their bytes, by the schema. */
  readonly readBySchema: number;
}

/** A record's JSON, and the event that it is. */
interface ReadRecord extends Omit<Decoded, "json" | "text"> {
  readonly event: unknown;
  /** Of the event, epoch milliseconds; `NaN` where it has none. */
  readonly time: number;
}

/** A record that is no event, and is kept in the raw table with these columns. */
interface RawOnly extends Omit<Decoded, "json" | "text"> {
  readonly rawOnly: Row;
}

/** What a record may have and not be large. */
const SMALL_RECORD_BYTES = 4 * 1024;

/** Bytes of a record: value, key and headers. Of text it counts the characters. */
export function sizeOf({ key, value, headers }: Pick<NewRecord, "key" | "value" | "headers">): number {
  let size = (key?.length ?? 0) + (value?.length ?? 0);
  for (const name in headers) {
    for (const content of [headers[name]!].flat()) size += name.length + (content?.length ?? 0);
  }
  return size;
}

/** Records worked on in one turn of the JavaScript thread: a few milliseconds. */
const SLICE_RECORDS = 500;
/** Bytes of records in one turn, so that a unit ends where its limit is. */
const SLICE_BYTES = 1024 * 1024;

/** A log batch in pieces, each worked on in one turn of the JavaScript thread; the last one ends where the batch does. */
export function* slices(batch: LogBatch): Generator<LogBatch> {
  const { records, nextOffset } = batch;
  for (let from = 0, to = 0; from === 0 || from < records.length; from = to) {
    for (let bytes = 0; to < records.length && to - from < SLICE_RECORDS && bytes < SLICE_BYTES; to++) {
      bytes += sizeOf(records[to]!);
    }
    if (from === 0 && to === records.length) return yield batch;
    yield { ...batch, records: records.slice(from, to), nextOffset: records[to]?.offset ?? nextOffset };
  }
}

/** What became of a record whose raw row may have gone ahead of its unit; `undefined` for one that was not come to. */
export function decisionOn({ before, accepted }: Decided, offset: number): "accepted" | "not accepted" | undefined {
  if (offset >= before) return undefined;
  return holds(accepted, offset) ? "accepted" : "not accepted";
}

export interface PartitionIngestOptions {
  readonly domain: Domain;
  readonly time: TimeSettings;
  readonly partition: number;
  readonly condemned: Condemned;
  readonly clock: Clock;
  /** Of the log's registry, when it has one. */
  readonly schemas?: WrittenSchemas;
  /** See `RunnerOptions`. */
  readonly eventNow?: () => number;
}

/** A partition's way into the pipeline. */
export class PartitionIngest {
  readonly watermark: PartitionWatermark;
  /** What became of the next records before. */
  decided: Decided | undefined;
  private readonly domain: Domain;
  private readonly time: TimeSettings;
  private readonly partition: number;
  private readonly condemned: Condemned;
  private readonly clock: Clock;
  private readonly schemas: WrittenSchemas | undefined;
  private readonly eventNow: () => number;
  readonly #input: PartitionInput;
  readonly #bySchema: SchemaReader;
  #lastTimestamp: number | null;
  readonly #metadata: MetadataWriter;
  /** How records may be read that do not fit the domain's own form. */
  readonly #older: OlderForms | undefined;
  /** Of the batch that is being taken. */
  #reader: TextReader = oneByOne;
  /** What events of the batch that is being taken are judged by, epoch milliseconds. */
  #present = 0;

  constructor(
    from: Position,
    { domain, time, partition, condemned, clock, schemas, eventNow = () => clock.now() }: PartitionIngestOptions,
  ) {
    this.domain = domain;
    this.time = time;
    this.partition = partition;
    this.condemned = condemned;
    this.clock = clock;
    this.schemas = schemas;
    this.eventNow = eventNow;
    this.#input = new PartitionInput(partition, time, from);
    this.watermark = this.#input.watermark;
    this.#lastTimestamp = from.lastTimestamp;
    this.#older = domain.older && new OlderForms(domain, domain.older);
    this.#bySchema = readerOf(domain.schema);
    this.#metadata = new MetadataWriter({ topic: domain.topic, partition, timestampName: domain.raw.timestampName });
  }

  /** As far as batches have been taken. */
  get position(): Position {
    return { ...this.#input.position, lastTimestamp: this.#lastTimestamp };
  }

  /** Goes on at `offset`, with what is before it unread. Event time stays where it is. */
  skipTo(offset: number): void {
    this.#input.nextOffset = offset;
    this.#lastTimestamp = null;
  }

  /** Takes the partition's next batch. */
  take(log: LogBatch): Ingested {
    const now = this.clock.now();
    this.#present = this.eventNow();
    const elements: Element<unknown>[] = [];
    const raw: Element<Row>[] = [];
    const dead: DeadLetter[] = [];
    let [bytes, size, large] = [0, 0, 0];
    const { counts } = this.#bySchema;
    const readBefore = counts.read;
    if (log.damage !== undefined) this.#condemn(log.records, log.damage);
    const first = log.records[0];
    this.#reader = reading(first?.key ?? first?.value, log.records.at(-1)?.value);
    for (const record of log.records) {
      bytes += record.value?.length ?? 0;
      const recordSize = sizeOf(record);
      size += recordSize;
      large += Math.max(0, recordSize - SMALL_RECORD_BYTES);
      const verdict = this.#accept(record, now, elements, raw);
      if (verdict) dead.push({ ...verdict, partition: this.partition, record, seenAt: now });
    }
    this.#reader = oneByOne;
    this.#input.nextOffset = log.nextOffset;
    const lastRecord = log.records.at(-1);
    if (lastRecord) {
      this.#lastTimestamp = lastRecord.offset === log.nextOffset - 1 ? lastRecord.timestamp : null;
      this.watermark.busy();
    }
    return { batch: this.batch(elements), raw, dead, bytes, size, large, readBySchema: counts.read - readBefore };
  }

  /** Records of a damaged stretch: each is a dead letter with the bytes that are there. */
  #condemn(records: readonly LogRecord[], damage: string): void {
    const verdict: Verdict = { stage: "decode", reason: "damaged", detail: `${damage}: a record here may be another` };
    for (const { offset } of records) this.condemned.add(this.partition, offset, verdict);
  }

  /** A batch at the present position; without elements it tells the time, asks for early rows, or that the input ends here. */
  batch(
    elements: readonly Element<unknown>[] = [],
    options: { readonly early?: boolean; readonly ended?: boolean } = {},
  ): Batch<unknown> {
    return this.#input.batch(elements, { ...options, backfill: this.#isBackfill() });
  }

  /** Whether events are still far behind the clock. A partition that is silent at its end has reached the present, however old that is. */
  #isBackfill(): boolean {
    const { eventWatermark, idle } = this.watermark;
    return !idle && this.eventNow() - eventWatermark > (this.time.backfillAfterMs ?? BACKFILL_AFTER_MS);
  }

  #accept(record: LogRecord, now: number, elements: Element<unknown>[], raw: Element<Row>[]): Verdict | undefined {
    const condemned = this.condemned.get(this.partition, record.offset);
    if (condemned) return condemned;
    const read = this.#readBySchema(record) ?? this.#read(record);
    if ("stage" in read) return read;
    const before = this.decided && decisionOn(this.decided, record.offset);
    if ("rawOnly" in read) {
      if (before === "not accepted") return notTaken();
      raw.push(this.#keptRaw(record, read, now));
      return undefined;
    }
    const { event, time } = read;
    const fault = timeFault(time, this.#present, this.time.maxFutureSkewMs);
    // By another moment's clock it was not.
    if (fault && !(fault === "in the future" && before === "accepted")) return untimely(fault, time - this.#present);
    if (before === "not accepted") return notTaken();
    const { offset } = record;
    const element = { value: event, time, offset, watermark: this.watermark.eventWatermark };
    let row: Row;
    try {
      row = this.#rawRow(record, read, element, now);
    } catch (error) {
      return { stage: "operator", reason: "operator_error", detail: `${this.domain.raw.table}: ${error}` };
    }
    this.watermark.observe(time);
    elements.push(element);
    raw.push({ value: row, time, offset, watermark: element.watermark });
    return undefined;
  }

  /** The quick way: records laid out as others before, which the schema certainly accepts. */
  #readBySchema(record: LogRecord): ReadRecord | undefined {
    const { value } = record;
    if (value === null || (this.schemas && schemaHeader(record))) return undefined;
    const event = this.#bySchema.read(value);
    if (event === NOT_MINE) return undefined;
    const [isAscii, isPlain] = [this.#bySchema.wasAscii(), this.#bySchema.wasPlain()];
    const content = isPlain && (isAscii || isText(value)) ? value : this.#reader.read(value);
    if (content === undefined) return undefined;
    const time = this.#timeOf(event);
    return typeof time !== "number" || Number.isNaN(time) ? undefined : { event, time, content };
  }

  /** The way for any record. */
  #read(record: LogRecord): ReadRecord | RawOnly | Verdict {
    const decoded = decodeJson(record, this.schemas, this.#reader);
    if ("stage" in decoded) return decoded;
    const older = this.#older;
    const usual = older?.isUsual ? this.#readOlder(older, record, decoded) : undefined;
    if (usual !== undefined) return { ...decoded, ...usual };
    let parsed: z.ZodSafeParseResult<unknown>;
    try {
      parsed = this.domain.schema.safeParse(decoded.json);
    } catch (error) {
      // A schema's own functions may throw.
      return { stage: "validate", reason: "schema_error", detail: String(error) };
    }
    const time = parsed.success ? this.#timeOf(parsed.data) : NaN;
    if (typeof time !== "number") return time;
    const isMarked = parsed.success && older?.mark !== undefined && (decoded.json as Row)[older.mark] !== undefined;
    if (older !== undefined && (Number.isNaN(time) || isMarked)) {
      const read = this.#readOlder(older, record, decoded);
      if (read !== undefined) return { ...decoded, ...read };
    }
    if (!parsed.success) {
      const rawOnly = this.domain.rawOnly?.(decoded.json);
      if (rawOnly !== undefined) return { ...decoded, rawOnly };
      return invalid(older?.fewerIssues(parsed.error.issues) ?? parsed.error.issues);
    }
    if (decoded.schema === undefined && !isMarked) this.#bySchema.learn(record.value!, decoded.json, parsed.data);
    return { ...decoded, event: parsed.data, time };
  }

  /** The event's time, epoch milliseconds, `NaN` where it has none; a verdict where the domain's function throws. */
  #timeOf(event: unknown): number | Verdict {
    try {
      return this.domain.eventTime(event);
    } catch (error) {
      return { stage: "time", reason: "invalid_timestamp", detail: String(error) };
    }
  }

  /** The record in an older form; `undefined` also where that throws: the domain's own form is what is complained of. */
  #readOlder(older: OlderForms, record: LogRecord, { json }: Decoded): ReadEvent | undefined {
    try {
      return older.read(json, record.timestamp);
    } catch {
      return undefined;
    }
  }

  /** The row of a record that is no event, and is kept in the raw table. */
  #keptRaw(record: LogRecord, { content, schema, rawOnly }: RawOnly, now: number): Element<Row> {
    const { offset, timestamp: time } = record;
    const { raw } = this.domain;
    const value = { ...rawOnly, [raw.metadata]: this.#metadata.write(record, schema, now), [raw.content]: content };
    return { value, time, offset, watermark: this.watermark.eventWatermark };
  }

  /** The row as the Snowflake Kafka connector lays it out: metadata made here, content as it came. */
  #rawRow(record: LogRecord, { content, schema }: ReadRecord, element: Element<unknown>, now: number): Row {
    const { raw } = this.domain;
    const row: Record<string, unknown> = raw.columns ? { ...raw.columns(element.value, element, this.partition) } : {};
    row[raw.metadata] = this.#metadata.write(record, schema, now);
    row[raw.content] = content;
    return row;
  }
}
