// The bytes of a segment: consecutive records of one partition in one blob, as Kafka's record batches are.
// Knows nothing of SQLite. Offsets are not in the bytes, so the segments of several produces can be joined.
//
// A record: u32 key length + 1 (0 = null), u32 value length + 1 (0 = null), f64 timestamp, u32 bytes of headers;
// then key, value, headers. A header: u32 bytes of name, u32 bytes of value (all bits set = null), name, value. Little endian.

import { HeadersBuilder } from "../headers.ts";
import type { LogRecord, NewRecord } from "../log.ts";

const RECORD_HEAD_BYTES = 20;
const HEADER_HEAD_BYTES = 8;
const NULL_HEADER = 0xffff_ffff;
const NO_HEADERS: LogRecord["headers"] = Object.freeze({});
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Encodes records one after another into a buffer that grows. */
export class SegmentWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #end = 0;
  count = 0;

  constructor(capacityBytes = 4096) {
    this.#bytes = new Uint8Array(capacityBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Bytes written so far. */
  get byteLength(): number {
    return this.#end;
  }

  /** What was written; a view that the next `add` may invalidate. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#end);
  }

  /** Appends one record and returns its encoded size in bytes. `key` stands for the record's own key. */
  add(record: NewRecord, key: string | Uint8Array | null, timestamp: number): number {
    const start = this.#end;
    this.#reserve(RECORD_HEAD_BYTES);
    this.#end += RECORD_HEAD_BYTES;
    const keyBytes = this.#put(key);
    const valueBytes = this.#put(record.value);
    const headerBytes = record.headers === undefined ? 0 : this.#putHeaders(record.headers);
    this.#view.setUint32(start, keyBytes + 1, true);
    this.#view.setUint32(start + 4, valueBytes + 1, true);
    this.#view.setFloat64(start + 8, timestamp, true);
    this.#view.setUint32(start + 16, headerBytes, true);
    this.count += 1;
    return this.#end - start;
  }

  /** Appends records that are encoded already. */
  append(bytes: Uint8Array, count: number): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
    this.count += count;
  }

  #putHeaders(headers: NonNullable<NewRecord["headers"]>): number {
    const start = this.#end;
    for (const name in headers) {
      const value = headers[name]!;
      if (value === null || typeof value === "string" || value instanceof Uint8Array) this.#putHeader(name, value);
      else for (const each of value) this.#putHeader(name, each);
    }
    return this.#end - start;
  }

  #putHeader(name: string, value: string | Uint8Array | null): void {
    const head = this.#end;
    this.#reserve(HEADER_HEAD_BYTES);
    this.#end += HEADER_HEAD_BYTES;
    const nameBytes = this.#put(name);
    const valueBytes = this.#put(value);
    this.#view.setUint32(head, nameBytes, true);
    this.#view.setUint32(head + 4, valueBytes < 0 ? NULL_HEADER : valueBytes, true);
  }

  /** Returns the bytes written, -1 for null. */
  #put(value: string | Uint8Array | null): number {
    if (value === null) return -1;
    if (typeof value === "string") {
      this.#reserve(value.length * 3);
      const { written } = encoder.encodeInto(value, this.#bytes.subarray(this.#end));
      this.#end += written;
      return written;
    }
    this.#reserve(value.length);
    this.#bytes.set(value, this.#end);
    this.#end += value.length;
    return value.length;
  }

  #reserve(bytes: number): void {
    const needed = this.#end + bytes;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.bytes());
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}

/**
 * Decodes the records of a segment that starts at `baseOffset` into `into`, leaving out those below `fromOffset`.
 * Keys and values are views of `bytes`. Throws `RangeError` when the bytes are not `count` whole records.
 */
export function decodeSegment(
  bytes: Uint8Array,
  segment: { readonly baseOffset: number; readonly count: number; readonly fromOffset: number },
  into: LogRecord[],
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const endOffset = segment.baseOffset + segment.count;
  let at = 0;
  for (let offset = segment.baseOffset; offset < endOffset; offset++) {
    const keyLength = view.getUint32(at, true) - 1;
    const valueLength = view.getUint32(at + 4, true) - 1;
    const headersLength = view.getUint32(at + 16, true);
    const keyAt = at + RECORD_HEAD_BYTES;
    const valueAt = keyLength > 0 ? keyAt + keyLength : keyAt;
    const headersAt = valueLength > 0 ? valueAt + valueLength : valueAt;
    if (headersAt + headersLength > bytes.length) throw new RangeError("A record reaches beyond its segment");
    if (offset >= segment.fromOffset) {
      into.push({
        offset,
        key: keyLength < 0 ? null : bytes.subarray(keyAt, valueAt),
        value: valueLength < 0 ? null : bytes.subarray(valueAt, headersAt),
        timestamp: view.getFloat64(at + 8, true),
        headers: headersLength === 0 ? NO_HEADERS : decodeHeaders(bytes, headersAt, headersAt + headersLength),
      });
    }
    at = headersAt + headersLength;
  }
  if (at !== bytes.length) throw new RangeError("A segment is longer than its records");
}

function decodeHeaders(bytes: Uint8Array, from: number, to: number): LogRecord["headers"] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headers = new HeadersBuilder();
  for (let at = from; at < to;) {
    const nameAt = at + HEADER_HEAD_BYTES;
    const valueAt = nameAt + view.getUint32(at, true);
    const length = view.getUint32(at + 4, true);
    const end = length === NULL_HEADER ? valueAt : valueAt + length;
    const value = length === NULL_HEADER ? null : bytes.subarray(valueAt, end);
    headers.add(decoder.decode(bytes.subarray(nameAt, valueAt)), value);
    at = end;
  }
  return headers.build();
}
