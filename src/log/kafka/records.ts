// Records out of a record batch, a few at a time. Knows Kafka's record format (magic 2) and nothing of kafkajs.

import type { Codecs } from "./codecs.ts";
import type { RecordBatch } from "./fetch.ts";
import { HeadersBuilder } from "../headers.ts";
import type { LogRecord } from "../log.ts";

/** What one batch may unfold to. Brokers take batches of 1 MiB by default, so this allows for 64-fold compression. */
export const MAX_UNFOLDED_BYTES = 64 * 1024 * 1024;

const NO_HEADERS: LogRecord["headers"] = Object.freeze({});
const NO_BYTES = new Uint8Array(0);
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Reads the records of one batch in order. Keys and values are views of the batch's bytes. */
export class RecordReader {
  readonly #batch: RecordBatch;
  readonly #bytes: Uint8Array;
  #at = 0;
  #left: number;

  /** Unfolds the batch. Throws when it is damaged or unfolds to more than the limit. */
  constructor(batch: RecordBatch, codecs: Codecs) {
    this.#batch = batch;
    this.#left = batch.count;
    this.#bytes = batch.codec === 0 ? batch.records : unfold(batch, codecs);
  }

  /** Whether all records have been read. */
  get done(): boolean {
    return this.#left === 0;
  }

  /**
   * Reads up to `limit` records into `into`, leaving out those below `fromOffset`. Throws when one is damaged; those before it
   * are in `into` then.
   */
  read(into: LogRecord[], limit: number, fromOffset: number): void {
    const stopAt = Math.max(0, this.#left - limit);
    while (this.#left > stopAt) {
      const record = this.#record();
      if (this.#left === 1 && this.#at !== this.#bytes.length) {
        throw new RangeError("A batch is longer than its records");
      }
      this.#left -= 1;
      if (record.offset >= fromOffset) into.push(record);
    }
  }

  #record(): LogRecord {
    const length = this.#varint();
    const end = this.#at + length;
    if (length < 0 || end > this.#bytes.length) throw new RangeError("A record reaches beyond its batch");
    this.#at += 1; // attributes, unused
    const timestampDelta = this.#varlong();
    const offset = this.#batch.baseOffset + this.#varint();
    const key = this.#nullableBytes();
    const value = this.#nullableBytes();
    const headerCount = this.#varint();
    const headers = headerCount === 0 ? NO_HEADERS : this.#headers(headerCount, end);
    if (this.#at !== end) throw new RangeError("A record does not end where it says");
    const timestamp = this.#batch.appendTimestamp ?? sum(this.#batch.baseTimestamp, timestampDelta);
    return { offset, key, value, timestamp, headers };
  }

  #headers(count: number, end: number): LogRecord["headers"] {
    if (count < 0 || count > end - this.#at) throw new RangeError("A record has more headers than bytes");
    const headers = new HeadersBuilder();
    for (let i = 0; i < count; i++) {
      const name = decoder.decode(this.#nullableBytes() ?? NO_BYTES);
      headers.add(name, this.#nullableBytes());
    }
    return headers.build();
  }

  #nullableBytes(): Uint8Array | null {
    const length = this.#varint();
    if (length < 0) return null;
    const start = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) throw new RangeError("A field reaches beyond its batch");
    return this.#bytes.subarray(start, this.#at);
  }

  /** A zigzag varint of 32 bits. */
  #varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#bytes[this.#at++]!;
      value |= (byte & 0x7f) << shift;
      if (!(byte >= 0x80)) return value >>> 1 ^ -(value & 1);
    }
    throw new RangeError("A number is longer than 32 bits");
  }

  /** A zigzag varint of 64 bits: a bigint where a number would not be exact. */
  #varlong(): number | bigint {
    const start = this.#at;
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.#bytes[this.#at++]!;
      value += (byte & 0x7f) * factor;
      if (!(byte >= 0x80)) {
        if (value > Number.MAX_SAFE_INTEGER) return this.#longVarlong(start);
        return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      }
      factor *= 128;
    }
    throw new RangeError("A number is longer than 64 bits");
  }

  #longVarlong(start: number): bigint {
    let value = 0n;
    for (let at = start, shift = 0n; at < this.#at; at++, shift += 7n) {
      value |= BigInt(this.#bytes[at]! & 0x7f) << shift;
    }
    return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n));
  }
}

/** Rounded once, so that it is the same number whichever of its parts is large. */
function sum(a: number | bigint, b: number | bigint): number {
  return typeof a === "number" && typeof b === "number" ? a + b : Number(BigInt(a) + BigInt(b));
}

function unfold(batch: RecordBatch, codecs: Codecs): Uint8Array {
  const decompress = codecs.decompress.get(batch.codec);
  if (decompress === undefined) throw new RangeError(`Codec ${batch.codec} is unknown`);
  const bytes = decompress(batch.records, MAX_UNFOLDED_BYTES);
  // Views of a pooled Buffer are fine; what matters is a plain Uint8Array, whose views cost half of a Buffer's.
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
