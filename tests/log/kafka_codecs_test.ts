// The codecs by themselves: round trips, damaged frames, and batches that unfold to more than is allowed.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { lz4Compress, snappyCompress } from "@platformatic/wasm-utils/bundled";
import { Buffer } from "node:buffer";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { loadCodecs } from "../../src/log/kafka/codecs.ts";

const LIMIT = 1 << 20;
const { decompress, crc32c } = await loadCodecs();
const [GZIP, SNAPPY, LZ4, ZSTD] = [1, 2, 3, 4];

/** Text that compresses, with noise that does not. */
const sample = new Uint8Array(200_000).map((_, i) => i % 7 === 0 ? (i * 7919) >> 3 : 97 + i % 5);

const compressors: readonly (readonly [name: string, codec: number, compress: (bytes: Uint8Array) => Uint8Array])[] = [
  ["gzip", GZIP!, (bytes) => gzipSync(bytes)],
  ["snappy", SNAPPY!, (bytes) => snappyCompress(Buffer.from(bytes))],
  ["snappy in Java's frames", SNAPPY!, xerial],
  ["lz4", LZ4!, (bytes) => lz4Compress(Buffer.from(bytes))],
  ["zstd", ZSTD!, (bytes) => zstdCompressSync(bytes)],
];

for (const [name, codec, compress] of compressors) {
  const unfold = decompress.get(codec)!;

  Deno.test(`${name}: what was compressed comes back`, () => {
    for (const bytes of [sample, sample.subarray(0, 1), sample.subarray(0, 65_537)]) {
      assertEquals(Buffer.compare(unfold(compress(bytes), LIMIT), bytes), 0);
    }
  });

  Deno.test(`${name}: a frame cut anywhere is an error or shorter, never more`, () => {
    const whole = compress(sample);
    for (const length of [0, 1, 4, 7, 15, 20, whole.length >> 1, whole.length - 5, whole.length - 1]) {
      try {
        assert(unfold(whole.subarray(0, length), LIMIT).length < sample.length);
      } catch (error) {
        assert(error instanceof Error);
      }
    }
  });

  Deno.test(`${name}: a batch that unfolds to more than the limit is refused before it fills memory`, () => {
    const bomb = compress(new Uint8Array(64 << 20));
    assert(bomb.length < 8 << 20);
    const before = Deno.memoryUsage().external;
    assertThrows(() => unfold(bomb, LIMIT));
    assert(Deno.memoryUsage().external - before < 16 << 20);
    assertEquals(unfold(compress(sample), LIMIT).length, sample.length);
  });
}

Deno.test("snappy: a lying length is refused", () => {
  const lie = new Uint8Array([0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0]);
  assertThrows(() => decompress.get(SNAPPY!)!(lie, LIMIT), RangeError, "unfold");
});

Deno.test("the checksum is CRC-32C", () => {
  assertEquals(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
});

/** The framing of the xerial library: a head of 16 bytes, then blocks of 32 KiB, each with its length in front. */
function xerial(bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1])];
  for (let at = 0; at < bytes.length; at += 32_768) {
    const block = snappyCompress(Buffer.from(bytes.subarray(at, at + 32_768)));
    const length = Buffer.alloc(4);
    length.writeInt32BE(block.length);
    parts.push(length, block);
  }
  return Buffer.concat(parts);
}
