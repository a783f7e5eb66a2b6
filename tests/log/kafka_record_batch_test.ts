// Batches that we produce, read back by our own decoder; tests/log/kafka_producers_test.ts has Java read them.

import { Buffer } from "node:buffer";
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { loadCodecs } from "../../src/log/kafka/codecs.ts";
import { decodeFetchAnswer } from "../../src/log/kafka/fetch.ts";
import { encodeBatch } from "../../src/log/kafka/platformatic/record_batch.ts";
import { RecordReader } from "../../src/log/kafka/records.ts";
import type { HeaderValue, LogRecord, NewRecord } from "../../src/log/log.ts";

const codecs = await loadCodecs();

/** Reads a batch as if a broker had sent it. */
function readBack(batch: Buffer): LogRecord[] {
  const head = Buffer.alloc(4 + 4 + 2 + 1 + 4 + 4 + 2 + 8 + 8 + 4 + 4);
  head.writeInt32BE(1, 4); // one topic
  head.writeInt16BE(1, 8);
  head.write("t", 10);
  head.writeInt32BE(1, 11); // one partition
  for (const at of [21, 29]) head.writeBigInt64BE(100n, at); // high watermark, last stable offset
  head.writeInt32BE(batch.length, head.length - 4);
  const answer = decodeFetchAnswer(4, Buffer.concat([head, batch]), codecs.crc32c);
  const [read] = answer.topics[0]!.partitions[0]!.batches;
  const records: LogRecord[] = [];
  new RecordReader(read!, codecs).read(records, Infinity, 0);
  return records;
}

const encode = (records: readonly NewRecord[], compressed: boolean) =>
  encodeBatch(records, { producerId: 7n, producerEpoch: 1, baseSequence: 3, compressed, crc32c: codecs.crc32c });

Deno.test("what is encoded is decoded, whatever the keys, values, headers and times, compressed or not", () => {
  const bytes = fc.uint8Array({ maxLength: 300 });
  const record = fc.record({
    key: fc.option(bytes),
    value: fc.option(bytes),
    // Years before and after the first record of the batch: more than 32 bits of milliseconds.
    timestamp: fc.integer({ min: 0, max: 4_000_000_000_000 }),
    headers: fc.dictionary(
      fc.stringMatching(/^[a-z]{1,8}$/),
      fc.array(fc.option(bytes), { minLength: 2, maxLength: 3 }),
    ),
  });
  fc.assert(fc.property(fc.array(record, { minLength: 1, maxLength: 20 }), fc.boolean(), (records, compressed) => {
    const read = readBack(encode(records, compressed));
    const plain = (value: Uint8Array | null | undefined) => value ? [...value] : value ?? null;
    assertEquals(
      read.map(({ offset, key, value, timestamp }) => [offset, plain(key), plain(value), timestamp]),
      records.map(({ key, value, timestamp }, i) => [i, plain(key), plain(value), timestamp]),
    );
    const headersOf = ({ headers }: Pick<LogRecord, "headers">) =>
      Object.entries(headers).map(([name, values]) => [name, (values as readonly HeaderValue[]).map(plain)]);
    assertEquals(read.map(headersOf), records.map(headersOf));
  }));
});
