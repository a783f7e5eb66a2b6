// Fetch answers for tests, written by kafkajs's own encoder, which shares nothing with our decoder.

import { Buffer } from "node:buffer";
import encodeRecord from "kafkajs/src/protocol/recordBatch/record/v0/index.js";
import batchModule from "kafkajs/src/protocol/recordBatch/v0/index.js";
import { crc32c } from "@platformatic/wasm-utils/bundled";

interface Encoded {
  readonly buffer: Uint8Array;
}

export interface TestRecord {
  readonly offsetDelta: number;
  /** As text where it is beyond 2^53. */
  readonly timestampDelta?: number | string;
  readonly key?: Uint8Array | null;
  readonly value?: Uint8Array | null;
  readonly headers?: Readonly<Record<string, Uint8Array | readonly Uint8Array[]>>;
}

export interface TestBatch {
  readonly baseOffset: number;
  readonly records: readonly TestRecord[];
  /** Beyond the last record when compaction removed what followed. */
  readonly lastOffsetDelta?: number;
  readonly producerId?: number;
  readonly transactional?: boolean;
  readonly control?: "abort" | "commit";
  readonly timestamp?: number | string;
  readonly appendTime?: boolean;
}

const { RecordBatch } = batchModule as unknown as { RecordBatch(options: Record<string, unknown>): Promise<Encoded> };

/** kafkajs writes only Buffers as they are. */
function encode({ key, value, headers, ...rest }: TestRecord): Encoded {
  const buffer = (bytes: Uint8Array | null | undefined) => bytes ? Buffer.from(bytes) : null;
  const copies = Object.entries(headers ?? {}).map(([name, bytes]) => [
    name,
    bytes instanceof Uint8Array ? buffer(bytes) : bytes.map(buffer),
  ]);
  const record = {
    timestampDelta: 0,
    ...rest,
    key: buffer(key),
    value: buffer(value),
    headers: Object.fromEntries(copies),
  };
  return (encodeRecord as unknown as (record: unknown) => Encoded)(record);
}

/** The bytes of one record batch. */
export async function batchBytes(batch: TestBatch): Promise<Buffer> {
  const records = batch.control === undefined
    ? batch.records
    : [{ offsetDelta: 0, key: Buffer.from([0, 0, 0, batch.control === "abort" ? 0 : 1]), value: Buffer.alloc(6) }];
  const timestamp = batch.timestamp ?? 1_700_000_000_000;
  const encoded = await RecordBatch({
    firstTimestamp: timestamp,
    maxTimestamp: typeof timestamp === "string" ? timestamp : timestamp + 5,
    lastOffsetDelta: batch.lastOffsetDelta ?? records.at(-1)?.offsetDelta ?? 0,
    producerId: batch.producerId ?? -1,
    transactional: batch.transactional ?? batch.control !== undefined,
    records: records.map((record) => encode(record)),
  });
  const bytes = Buffer.from(encoded.buffer);
  bytes.writeBigInt64BE(BigInt(batch.baseOffset), 0);
  if (batch.control !== undefined) bytes.writeInt16BE(bytes.readInt16BE(21) | 0x20, 21);
  if (batch.appendTime) bytes.writeInt16BE(bytes.readInt16BE(21) | 0x08, 21);
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17);
  return bytes;
}

export interface TestPartition {
  readonly partition: number;
  readonly errorCode?: number;
  readonly highWatermark?: number;
  readonly lastStableOffset?: number;
  readonly aborted?: readonly { readonly producerId: number; readonly firstOffset: number }[] | null;
  readonly records: Uint8Array;
}

/** A fetch answer of version 11 for one topic. */
export function fetchAnswer(topic: string, partitions: readonly TestPartition[]): Buffer {
  const parts: Buffer[] = [int32(7), int16(0), int32(0), int32(1), int16(topic.length), Buffer.from(topic)];
  parts.push(int32(partitions.length));
  for (const { partition, errorCode, highWatermark, lastStableOffset, aborted, records } of partitions) {
    parts.push(int32(partition), int16(errorCode ?? 0), int64(highWatermark ?? 100), int64(lastStableOffset ?? 100));
    parts.push(int64(0), int32(aborted?.length ?? -1));
    for (const { producerId, firstOffset } of aborted ?? []) parts.push(int64(producerId), int64(firstOffset));
    parts.push(int32(-1), int32(records.length), Buffer.from(records));
  }
  return Buffer.concat(parts);
}

function int16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeInt16BE(value);
  return buffer;
}

function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
}

function int64(value: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigInt64BE(BigInt(value));
  return buffer;
}
