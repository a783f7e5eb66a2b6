// The metadata of raw rows, in the shape of the Snowflake Kafka connector, as bytes: where a record came from and when. What
// most records are like is put together of bytes; for any other there is a text. Must not know what records say.

import type { HeaderValue, LogRecord } from "../log/log.ts";
import type { SchemaRef } from "../log/wire_format.ts";
import { printable } from "./text.ts";

const encoder = new TextEncoder();

/** Rows share a run of bytes of this size. */
const RUN_BYTES = 64 * 1024;
/** Digits of the largest whole number that is written digit by digit. */
const MAX_DIGITS = 16;
const TEN_MILLION = 10_000_000;
/** Of the digits that differ from one record to the next. */
const [OFFSET_END, TIME_END] = [10_000, TEN_MILLION];
const [ZERO, QUOTE, BACKSLASH, SPACE, LAST_ASCII] = [48, 34, 92, 32, 127];

export interface MetadataOptions {
  readonly topic: string;
  readonly partition: number;
  /** What the record's timestamp is called besides `CreateTime`, if anything. */
  readonly timestampName?: string;
}

/** Writes the metadata of one partition's records. */
export class MetadataWriter {
  readonly #start: string;
  /** Before the record's timestamp, where that has a name of its own. */
  readonly #timestampName: string;
  readonly #pieces: Readonly<Record<"start" | "key" | "name" | "times", Uint8Array>>;
  /** Bytes of all pieces and numbers, at most. */
  readonly #most: number;
  #pushedAt = NaN;
  #end = new Uint8Array(0);
  #run = new Uint8Array(0);
  #at = 0;
  /** The one written last in this run, which the next one is like but for its numbers and its key. */
  #last: Written | undefined;

  constructor({ topic, partition, timestampName }: MetadataOptions) {
    this.#start = `{"topic":${JSON.stringify(topic)},"partition":${partition},"offset":`;
    this.#timestampName = timestampName === undefined ? "" : `,${JSON.stringify(timestampName)}:`;
    this.#pieces = {
      start: encoder.encode(this.#start),
      key: encoder.encode(`,"key":"`),
      name: encoder.encode(this.#timestampName),
      times: encoder.encode(`,"headers":{},"CreateTime":`),
    };
    this.#most = Object.values(this.#pieces).reduce((sum, { length }) => sum + length, 1 + 3 * MAX_DIGITS);
  }

  /** The metadata of a record as JSON, in UTF-8. `pushedAt`: epoch milliseconds. */
  write(record: LogRecord, schema: SchemaRef | undefined, pushedAt: number): Uint8Array {
    if (pushedAt !== this.#pushedAt) {
      this.#pushedAt = pushedAt;
      this.#end = encoder.encode(`,"SnowflakeConnectorPushTime":${pushedAt}}`);
      this.#last = undefined;
    }
    const isUsual = schema === undefined && isWhole(record.offset) && isWhole(record.timestamp) &&
      hasNone(record.headers) && (record.key === null || isPlain(record.key));
    return isUsual ? this.#usual(record) : encoder.encode(this.#text(record, schema, pushedAt));
  }

  #usual({ offset, key, timestamp }: LogRecord): Uint8Array {
    const { start, key: beforeKey, name, times } = this.#pieces;
    const keyLength = key === null ? -1 : key.length;
    const most = this.#most + Math.max(0, keyLength) + this.#end.length;
    if (this.#at + most > this.#run.length) {
      [this.#run, this.#at, this.#last] = [new Uint8Array(Math.max(RUN_BYTES, most)), 0, undefined];
    }
    const from = this.#at;
    const last = this.#last;
    if (last !== undefined && isAlike(last, offset, keyLength, timestamp)) {
      return this.#again(last, offset, key, timestamp);
    }
    this.#put(start);
    this.#putNumber(offset);
    const offsetEnd = this.#at - from;
    if (key !== null) {
      this.#put(beforeKey);
      this.#put(key);
      this.#run[this.#at++] = QUOTE;
    }
    const keyEnd = this.#at - from - 1;
    if (name.length > 0) {
      this.#put(name);
      this.#putNumber(timestamp);
    }
    const nameEnd = name.length > 0 ? this.#at - from : 0;
    this.#put(times);
    this.#putNumber(timestamp);
    const timeEnd = this.#at - from;
    this.#put(this.#end);
    const length = this.#at - from;
    this.#last = { from, length, keyLength, keyEnd, offset, offsetEnd, timestamp, nameEnd, timeEnd };
    return this.#run.subarray(from, this.#at);
  }

  /** What was written last, with other numbers of as many digits and another key of that length. */
  #again(last: Written, offset: number, key: Uint8Array | null, timestamp: number): Uint8Array {
    const [run, from] = [this.#run, this.#at];
    const end = from + last.length;
    run.copyWithin(from, last.from, last.from + last.length);
    if (key !== null) {
      for (let i = 0, to = from + last.keyEnd - key.length; i < key.length; i++) {
        run[to + i] = key[i]!;
      }
    }
    if (offset !== last.offset) overwrite(run, from + last.offsetEnd, offset, OFFSET_END);
    if (timestamp !== last.timestamp) {
      if (last.nameEnd > 0) overwrite(run, from + last.nameEnd, timestamp, TIME_END);
      overwrite(run, from + last.timeEnd, timestamp, TIME_END);
    }
    last.from = from;
    last.offset = offset;
    last.timestamp = timestamp;
    this.#at = end;
    return run.subarray(from, end);
  }

  #put(bytes: Uint8Array): void {
    const [run, at, { length }] = [this.#run, this.#at, bytes];
    for (let i = 0; i < length; i++) run[at + i] = bytes[i]!;
    this.#at = at + length;
  }

  /** A whole number, digit by digit; in two halves, as those are quick to divide. */
  #putNumber(value: number): void {
    const high = Math.floor(value / TEN_MILLION);
    if (high === 0) return this.#putDigits(value, 1);
    if (high >= TEN_MILLION) this.#putNumber(high);
    else this.#putDigits(high, 1);
    this.#putDigits(value - high * TEN_MILLION, 7);
  }

  #putDigits(value: number, least: number): void {
    let digits = least;
    for (let over = 10 ** least; over <= value; over *= 10) digits++;
    const run = this.#run;
    let rest = value | 0;
    for (let at = this.#at + digits - 1; at >= this.#at; at--) {
      const tenth = (rest / 10) | 0;
      run[at] = ZERO + rest - 10 * tenth;
      rest = tenth;
    }
    this.#at += digits;
  }

  #text(record: LogRecord, schema: SchemaRef | undefined, pushedAt: number): string {
    let json = this.#start + record.offset;
    if (record.key !== null) json += `,"key":${JSON.stringify(printable(record.key).text)}`;
    if (schema !== undefined) {
      json += typeof schema === "number" ? `,"schema_id":${schema}` : `,"schema_guid":"${schema}"`;
    }
    let headers = "";
    for (const name in record.headers) {
      const content = record.headers[name]!;
      const text = content === null || content instanceof Uint8Array ? textOf(content) : content.map(textOf);
      headers += `${headers && ","}${JSON.stringify(name)}:${JSON.stringify(text)}`;
    }
    if (this.#timestampName !== "") json += this.#timestampName + record.timestamp;
    return `${json},"headers":{${headers}},"CreateTime":${record.timestamp},"SnowflakeConnectorPushTime":${pushedAt}}`;
  }
}

/** Where the parts of what was written end, from where it begins. */
interface Written {
  from: number;
  readonly length: number;
  /** -1 where the record has no key. */
  readonly keyLength: number;
  readonly keyEnd: number;
  offset: number;
  readonly offsetEnd: number;
  timestamp: number;
  /** 0 where the timestamp has no name of its own. */
  readonly nameEnd: number;
  readonly timeEnd: number;
}

function isAlike(last: Written, offset: number, keyLength: number, timestamp: number): boolean {
  return keyLength === last.keyLength && isAlikeBefore(offset, last.offset, OFFSET_END) &&
    isAlikeBefore(timestamp, last.timestamp, TIME_END);
}

/** Whether two numbers have the same digits before the last ones, which `end` is the power of ten of. */
function isAlikeBefore(value: number, other: number, end: number): boolean {
  return value === other || value >= end && Math.floor(value / end) === Math.floor(other / end);
}

/** Writes the last digits of a number that ends at `at`. */
function overwrite(run: Uint8Array, at: number, value: number, end: number): void {
  let rest = (value - Math.floor(value / end) * end) | 0;
  for (let over = end, i = at - 1; over > 1; over /= 10, i--) {
    const tenth = (rest / 10) | 0;
    run[i] = ZERO + rest - 10 * tenth;
    rest = tenth;
  }
}

const textOf = (header: HeaderValue) => header && printable(header).text;

const isWhole = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

function hasNone(headers: LogRecord["headers"]): boolean {
  for (const _ in headers) return false;
  return true;
}

/** Whether the bytes are text that JSON writes as it is. */
function isPlain(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte < SPACE || byte > LAST_ASCII || byte === QUOTE || byte === BACKSLASH) return false;
  }
  return true;
}
