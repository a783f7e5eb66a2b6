// Decompression of Kafka's record batches: gzip, snappy, lz4, zstd, each with a limit on what comes out, because a batch of
// a few kilobytes can unfold to gigabytes; and their checksum. Knows nothing of records or of kafkajs.

import { Buffer } from "node:buffer";
import { gunzipSync, zstdDecompressSync } from "node:zlib";

/** The attribute bits of a record batch that name its codec. */
export const CODEC_MASK = 0x07;

/** Unfolds one batch's records; throws when they are damaged or larger than the limit. */
export type Decompress = (bytes: Uint8Array, maxBytes: number) => Uint8Array;

/** What is needed to read a batch. */
export interface Codecs {
  /** By Kafka's number: 1 gzip, 2 snappy, 3 lz4, 4 zstd. */
  readonly decompress: ReadonlyMap<number, Decompress>;
  /** Kafka's checksum, about 1.5 GB/s. */
  readonly crc32c: (bytes: Uint8Array) => number;
}

const XERIAL_MAGIC = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00];
const XERIAL_HEAD_BYTES = 16; // magic, version, lowest compatible version
const LZ4_MAGIC = 0x184d2204;
const LZ4_BLOCK_BYTES: readonly number[] = [0, 0, 0, 0, 1 << 16, 1 << 18, 1 << 20, 1 << 22];

/** Loads the codecs; they are synchronous from then on. */
export async function loadCodecs(): Promise<Codecs> {
  const { crc32c, lz4Decompress, snappyDecompress } = await import("@platformatic/wasm-utils/bundled");
  const decompress = new Map<number, Decompress>([
    [1, (bytes, maxBytes) => gunzipSync(bytes, { maxOutputLength: maxBytes })],
    [2, (bytes, maxBytes) => decompressSnappy(bytes, maxBytes, (block) => snappyDecompress(asBuffer(block)))],
    [3, (bytes, maxBytes) => {
      checkLz4(bytes, maxBytes);
      return limited(lz4Decompress(asBuffer(bytes)), maxBytes);
    }],
    [4, (bytes, maxBytes) => {
      const unfolded = zstdDecompressSync(bytes, { maxOutputLength: maxBytes });
      // A truncated frame gives nothing and no error.
      if (unfolded.length === 0) throw new RangeError("The zstd frame is truncated");
      return unfolded;
    }],
  ]);
  return { decompress, crc32c };
}

/** Java's producer frames snappy in the way of the xerial library, librdkafka sends it bare. */
function decompressSnappy(bytes: Uint8Array, maxBytes: number, unfold: (block: Uint8Array) => Uint8Array): Uint8Array {
  if (!XERIAL_MAGIC.every((byte, i) => bytes[i] === byte)) {
    checkSnappyLength(bytes, maxBytes);
    return unfold(bytes);
  }
  const view = viewOf(bytes);
  const blocks: Uint8Array[] = [];
  let leftBytes = maxBytes;
  for (let at = XERIAL_HEAD_BYTES; at < bytes.length;) {
    const length = view.getInt32(at);
    at += 4;
    if (length < 0 || at + length > bytes.length) throw new RangeError("The snappy stream is truncated");
    const block = bytes.subarray(at, at + length);
    checkSnappyLength(block, leftBytes);
    const unfolded = unfold(block);
    leftBytes -= unfolded.length;
    blocks.push(unfolded);
    at += length;
  }
  return blocks.length === 1 ? blocks[0]! : Buffer.concat(blocks);
}

/** A snappy block begins with its unfolded length as a varint. */
function checkSnappyLength(block: Uint8Array, maxBytes: number): void {
  let length = 0;
  for (let i = 0; i < 5; i++) {
    const byte = block[i];
    if (byte === undefined) throw new RangeError("The snappy block is truncated");
    length += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) break;
  }
  if (length > maxBytes) throw tooLarge(maxBytes);
}

/**
 * Walks the blocks of an LZ4 frame without unfolding them: is it whole, and is the most it can unfold to within the limit?
 * Source: LZ4 frame format 1.6.
 */
function checkLz4(bytes: Uint8Array, maxBytes: number): void {
  const view = viewOf(bytes);
  if (bytes.length < 11 || view.getUint32(0, true) !== LZ4_MAGIC) throw new RangeError("Not an LZ4 frame");
  const flags = bytes[4]!;
  const blockBytes = LZ4_BLOCK_BYTES[bytes[5]! >> 4 & 7]!;
  const hasBlockChecksums = (flags & 0x10) !== 0;
  let at = 7 + ((flags & 0x08) === 0 ? 0 : 8) + ((flags & 0x01) === 0 ? 0 : 4);
  let most = 0;
  while (true) {
    if (at + 4 > bytes.length) throw new RangeError("The LZ4 frame is truncated");
    const size = view.getUint32(at, true);
    at += 4;
    if (size === 0) return;
    const length = size & 0x7fffffff;
    // One byte of a compressed block stands for at most 255.
    most += size > 0x7fffffff ? length : Math.min(blockBytes, length * 255);
    if (most > maxBytes) throw tooLarge(maxBytes);
    at += length + (hasBlockChecksums ? 4 : 0);
  }
}

function limited(bytes: Uint8Array, maxBytes: number): Uint8Array {
  if (bytes.length > maxBytes) throw tooLarge(maxBytes);
  return bytes;
}

function tooLarge(maxBytes: number): RangeError {
  return new RangeError(`The records unfold to more than ${maxBytes} bytes`);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
