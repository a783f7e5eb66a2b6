// Reading fetch answers: what a reader may see of transactions, gaps, cut and damaged answers.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { Buffer } from "node:buffer";
import { loadCodecs } from "../../src/log/kafka/codecs.ts";
import { decodeFetchAnswer, type FetchedPartition } from "../../src/log/kafka/fetch.ts";
import { RecordReader } from "../../src/log/kafka/records.ts";
import type { LogRecord } from "../../src/log/log.ts";
import { batchBytes, fetchAnswer, type TestBatch, type TestPartition } from "./fetch_answers.ts";

const codecs = await loadCodecs();
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array | null) => value && new TextDecoder().decode(value);

/** A batch of `values` by a producer; in a transaction when it has a producer. */
function batch(baseOffset: number, values: string, producerId?: number): TestBatch {
  const records = [...values].map((value, offsetDelta) => ({ offsetDelta, key: null, value: bytes(value) }));
  return { baseOffset, records, producerId, transactional: producerId !== undefined };
}

function marker(baseOffset: number, control: "abort" | "commit", producerId: number): TestBatch {
  return { baseOffset, records: [], producerId, control };
}

async function fetched(batches: readonly TestBatch[], rest: Partial<TestPartition> = {}): Promise<FetchedPartition> {
  const records = Buffer.concat(await Promise.all(batches.map(batchBytes)));
  return partitionOf(fetchAnswer("t", [{ partition: 3, records, ...rest }]));
}

function partitionOf(answer: Uint8Array): FetchedPartition {
  return decodeFetchAnswer(11, answer, codecs.crc32c).topics[0]!.partitions[0]!;
}

function recordsOf({ batches }: FetchedPartition, chunk = 1000): LogRecord[] {
  const records: LogRecord[] = [];
  for (const one of batches) {
    const reader = new RecordReader(one, codecs);
    while (!reader.done) reader.read(records, chunk, 0);
  }
  return records;
}

async function valuesOf(batches: readonly TestBatch[], aborted: TestPartition["aborted"]): Promise<string> {
  return recordsOf(await fetched(batches, { aborted })).map(({ value }) => text(value)).join("");
}

Deno.test("records come back with their offsets, timestamps, keys and headers", async () => {
  const partition = await fetched([{
    baseOffset: 40,
    records: [
      { offsetDelta: 0, timestampDelta: 0, key: bytes("k"), value: bytes("v"), headers: { h: bytes("1") } },
      { offsetDelta: 2, timestampDelta: -3, key: null, value: null, headers: { "\ufeffh": [bytes("1"), bytes("2")] } },
      { offsetDelta: 3, timestampDelta: 70_000, key: bytes(""), value: bytes("x".repeat(300)) },
    ],
  }], { highWatermark: 50, lastStableOffset: 44 });
  assertEquals([partition.partition, partition.highWatermark, partition.lastStableOffset], [3, 50, 44]);
  assertEquals(partition.nextOffset, 44);
  const time = 1_700_000_000_000;
  const buffer = (value: string) => bytes(value);
  assertEquals(recordsOf(partition, 1), [
    { offset: 40, key: buffer("k"), value: buffer("v"), timestamp: time, headers: { h: buffer("1") } },
    { offset: 42, key: null, value: null, timestamp: time - 3, headers: { "\ufeffh": [buffer("1"), buffer("2")] } },
    { offset: 43, key: buffer(""), value: buffer("x".repeat(300)), timestamp: time + 70_000, headers: {} },
  ]);
});

Deno.test("a timestamp beyond 2^53 is the same number, whatever its batch counts from", async () => {
  const nanoseconds = 1_790_000_000_123_456_789n;
  const bases = [0n, 1_790_000_000_000n, nanoseconds - 1n, nanoseconds - 300n, nanoseconds, 2n ** 62n];
  for (const base of bases) {
    const one = { offsetDelta: 0, timestampDelta: String(nanoseconds - base), value: bytes("v") };
    const [record] = recordsOf(await fetched([{ baseOffset: 0, records: [one], timestamp: String(base) }]));
    assertEquals(record!.timestamp, Number(nanoseconds), `from ${base}`);
  }
  const before = { offsetDelta: 0, timestampDelta: String(-(2n ** 62n)), value: bytes("v") };
  const [record] = recordsOf(await fetched([{ baseOffset: 0, records: [before], timestamp: "-1" }]));
  assertEquals(record!.timestamp, Number(-(2n ** 62n) - 1n));
});

Deno.test("a topic that stamps records itself gives its own time", async () => {
  const records = recordsOf(await fetched([{ ...batch(0, "ab"), appendTime: true }]));
  assertEquals(records.map(({ timestamp }) => timestamp), [1_700_000_000_005, 1_700_000_000_005]);
});

Deno.test("records of aborted transactions are left out, those of committed ones are not", async () => {
  const batches = [
    batch(0, "ab", 1),
    batch(2, "CD", 2),
    batch(4, "e"),
    marker(5, "abort", 1),
    batch(6, "FG", 1),
    marker(8, "commit", 2),
    marker(9, "commit", 1),
    batch(10, "hi", 2),
    marker(12, "abort", 2),
    batch(13, "J"),
  ];
  const aborted = [{ producerId: 2, firstOffset: 10 }, { producerId: 1, firstOffset: 0 }]; // in no order
  assertEquals(await valuesOf(batches, aborted), "CDeFGJ");
});

Deno.test("a key of four zero bytes is not taken for an abort marker", async () => {
  const zeros = { offsetDelta: 1, key: new Uint8Array(4), value: bytes("b") };
  const first = batch(0, "a", 1);
  const batches = [{ ...first, records: [...first.records, zeros] }, batch(2, "c", 1), marker(3, "abort", 1)];
  assertEquals(await valuesOf(batches, [{ producerId: 1, firstOffset: 0 }]), "");
});

Deno.test("the offset after the last batch counts what nobody sees", async () => {
  const aborted = [{ producerId: 1, firstOffset: 5 }];
  assertEquals((await fetched([batch(5, "ab", 1), marker(7, "abort", 1)], { aborted })).nextOffset, 8);
  assertEquals((await fetched([{ baseOffset: 5, records: [], lastOffsetDelta: 9 }])).nextOffset, 15);
  assertEquals((await fetched([{ ...batch(5, "a"), lastOffsetDelta: 9 }])).nextOffset, 15);
  assertEquals((await fetched([])).nextOffset, undefined);
});

Deno.test("an answer that the broker cut ends with its last whole batch", async () => {
  const whole = Buffer.concat([await batchBytes(batch(0, "abc")), await batchBytes(batch(3, "def"))]);
  for (const length of [whole.length - 1, whole.length - 30, (whole.length >> 1) + 3]) {
    const partition = partitionOf(fetchAnswer("t", [{ partition: 0, records: whole.subarray(0, length) }]));
    assertEquals([partition.nextOffset, recordsOf(partition).length], [3, 3]);
  }
});

Deno.test("the record format of Kafka before 0.11 is damage, by name", async () => {
  const old = await batchBytes(batch(0, "a"));
  old[16] = 1;
  const { damage } = partitionOf(fetchAnswer("t", [{ partition: 0, records: old }]));
  assertStringIncludes(damage!.why, "0.11");
  assertEquals(damage!.to, undefined);
});

const flipped = (bytes: Buffer, bit: number) => {
  const damaged = Buffer.from(bytes);
  damaged[bit >> 3]! ^= 1 << (bit & 7);
  return damaged;
};

Deno.test("any flipped bit in a batch is found, and where reading can go on behind it", async () => {
  const records = await batchBytes(batch(0, "abcdefgh", 7));
  const next = await batchBytes(batch(8, "ij"));
  // Of the head, the length and what the checksum knows: neither the offset nor the leader's epoch.
  const bits = fc.oneof(
    fc.integer({ min: 8 * 8, max: 12 * 8 - 1 }),
    fc.integer({ min: 16 * 8, max: records.length * 8 - 1 }),
  );
  fc.assert(fc.property(bits, (bit) => {
    const bytes = Buffer.concat([flipped(records, bit), next]);
    const aborted = [{ producerId: 5, firstOffset: 0 }];
    const partition = partitionOf(fetchAnswer("t", [{ partition: 0, records: bytes, aborted }]));
    assertEquals([partition.batches.length, partition.nextOffset, partition.damage?.to], [1, 10, 8]);
  }));
});

Deno.test("damage behind good batches ends what is read there; the next fetch begins with it", async () => {
  const [first, second] = [await batchBytes(batch(0, "ab")), await batchBytes(batch(2, "cd"))];
  const damaged = flipped(second, second.length * 8 - 1);
  const answer = (records: Buffer) => partitionOf(fetchAnswer("t", [{ partition: 0, records }]));
  const partition = answer(Buffer.concat([first, damaged, await batchBytes(batch(4, "e"))]));
  assertEquals([partition.nextOffset, recordsOf(partition).length, partition.damage], [2, 2, undefined]);
  // Without a batch behind it, its own head says where it ends, unless that cannot be.
  assertEquals(answer(damaged).damage, { to: 4, why: "The checksum does not match" });
  const beyond = await batchBytes({ ...batch(2, "cd"), lastOffsetDelta: 5_000 });
  assertEquals(answer(flipped(beyond, beyond.length * 8 - 1)).damage?.to, undefined);
});

Deno.test("a batch that was written after the broker looked at its high watermark is no damage: it comes with the next answer", async () => {
  const [first, second] = [await batchBytes(batch(0, "ab")), await batchBytes(batch(2, "cd"))];
  const answer = (records: Buffer, highWatermark: number) =>
    partitionOf(fetchAnswer("t", [{ partition: 0, records, highWatermark, lastStableOffset: highWatermark }]));
  const told = ({ nextOffset, damage, bytes }: FetchedPartition) => [nextOffset, damage, bytes > 0];
  assertEquals(told(answer(Buffer.concat([first, second]), 2)), [2, undefined, true]);
  assertEquals(told(answer(second, 2)), [undefined, undefined, false]);
  assertEquals(told(answer(second, 3)), [undefined, undefined, false]);
  assertEquals(told(answer(second, 4)), [4, undefined, true]);
  assertEquals(answer(second, 1).damage?.why, "A batch says that it begins at offset 2");
});

Deno.test("a batch whose offset cannot be is damage", async () => {
  const records = flipped(await batchBytes(batch(0, "ab")), 3);
  const { damage } = partitionOf(fetchAnswer("t", [{ partition: 0, records }]));
  assertStringIncludes(damage!.why, "begins at offset");
});

Deno.test("random bytes are an error or nothing, never a hang", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), fc.integer({ min: 4, max: 11 }), (payload, version) => {
    try {
      decodeFetchAnswer(version, payload, codecs.crc32c);
    } catch (error) {
      assert(error instanceof RangeError);
    }
  }));
});
