// A record batch to be produced, as bytes (magic 2). Our own, because the package's writer damages timestamps that are 24 days
// or more away from the batch's first one. Knows nothing of requests. Source: the Kafka protocol guide, "Record Batch".

import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import type { HeaderValue, NewRecord } from "../../log.ts";

const MAGIC = 2;
const GZIP = 1;
const HEAD_BYTES = 61;
/** The checksum is of all that follows it. */
const CHECKED_FROM = 21;

export interface BatchOptions {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** How many records this producer has sent to the partition before. */
  readonly baseSequence: number;
  readonly compressed: boolean;
  readonly crc32c: (bytes: Uint8Array) => number;
}

export function encodeBatch(records: readonly NewRecord[], options: BatchOptions): Buffer {
  const now = Date.now();
  const base = records[0]!.timestamp ?? now;
  const writer = new ByteWriter();
  let latest = base;
  for (const [offsetDelta, record] of records.entries()) {
    const timestamp = record.timestamp ?? now;
    latest = Math.max(latest, timestamp);
    writeRecord(writer, record, { offsetDelta, timestampDelta: timestamp - base });
  }
  const body = options.compressed ? gzipSync(writer.bytes()) : writer.bytes();
  const batch = Buffer.alloc(HEAD_BYTES + body.length);
  batch.writeInt32BE(batch.length - 12, 8);
  batch.writeInt32BE(-1, 12); // the leader's epoch: the broker fills it in
  batch.writeInt8(MAGIC, 16);
  batch.writeInt16BE(options.compressed ? GZIP : 0, CHECKED_FROM);
  batch.writeInt32BE(records.length - 1, 23);
  batch.writeBigInt64BE(BigInt(base), 27);
  batch.writeBigInt64BE(BigInt(latest), 35);
  batch.writeBigInt64BE(options.producerId, 43);
  batch.writeInt16BE(options.producerEpoch, 51);
  batch.writeInt32BE(options.baseSequence, 53);
  batch.writeInt32BE(records.length, 57);
  batch.set(body, HEAD_BYTES);
  batch.writeUInt32BE(options.crc32c(batch.subarray(CHECKED_FROM)), 17);
  return batch;
}

function writeRecord(
  writer: ByteWriter,
  { key, value, headers }: NewRecord,
  { offsetDelta, timestampDelta }: { readonly offsetDelta: number; readonly timestampDelta: number },
): void {
  const record = new ByteWriter();
  record.varint(0); // attributes: one byte, none is used
  record.varint(timestampDelta);
  record.varint(offsetDelta);
  record.sized(key);
  record.sized(value);
  const entries = Object.entries(headers ?? {}).flatMap(([name, values]) =>
    (Array.isArray(values) ? values as readonly HeaderValue[] : [values as string | HeaderValue]).map((one) =>
      [name, one] as const
    )
  );
  record.varint(entries.length);
  for (const [name, one] of entries) {
    record.sized(name);
    record.sized(one);
  }
  const bytes = record.bytes();
  writer.varint(bytes.length);
  writer.append(bytes);
}

/** Bytes one after another, in a buffer that grows. */
class ByteWriter {
  #buffer = Buffer.allocUnsafe(256);
  #at = 0;

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  append(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#buffer.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** A zigzag varint, exact up to 2^52. */
  varint(value: number): void {
    this.#room(10);
    let left = value >= 0 ? value * 2 : -value * 2 - 1;
    while (left >= 0x80) {
      this.#buffer[this.#at++] = left % 0x80 | 0x80;
      left = Math.floor(left / 0x80);
    }
    this.#buffer[this.#at++] = left;
  }

  /** Length and bytes; -1 for null. */
  sized(value: string | Uint8Array | null | undefined): void {
    if (value === null || value === undefined) return this.varint(-1);
    const bytes = typeof value === "string" ? Buffer.from(value) : value;
    this.varint(bytes.length);
    this.append(bytes);
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at + bytes));
    grown.set(this.#buffer.subarray(0, this.#at));
    this.#buffer = grown;
  }
}
