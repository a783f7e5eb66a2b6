// Damage in the segments of a real broker: what it is told as, that what is before it comes first, and that reading goes on
// behind it.

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Buffer } from "node:buffer";
import { CompressionTypes, Kafka, logLevel } from "kafkajs";
import { LogDamagedError } from "../../src/errors.ts";
import { MAX_UNFOLDED_BYTES } from "../../src/log/kafka/records.ts";
import type { Generation, LogBatch } from "../../src/log/log.ts";
import { generationOf, PATIENCE_MS, pull, startAt, topicName } from "../contracts/log/place.ts";
import type { KafkaBroker } from "../support/kafka/broker.ts";
import { kafkaFixture, openOn } from "../support/kafka/fixture.ts";
import { type Change, damageBatch, flipBit } from "../support/kafka/segment.ts";

const kafka = await kafkaFixture("damage in the log");

const RUNS = 5;
const RECORDS = 10;

/** A topic of five batches of ten records, of which the third is changed. */
async function damagedTopic(broker: KafkaBroker, change: Change): Promise<string> {
  const topic = topicName();
  await using log = await openOn(broker);
  await log.createTopics([{ topic, partitions: 1 }]);
  for (let run = 0; run < RUNS; run++) {
    await log.produce(topic, Array.from({ length: RECORDS }, (_, i) => ({ value: `${run}/${i}`.padEnd(200, ".") })));
  }
  await damageBatch(broker, { topic, partition: 0, offset: 25 }, change);
  return topic;
}

async function untilDamage(generation: Generation) {
  const batches: LogBatch[] = [];
  const giveUpAt = Date.now() + PATIENCE_MS;
  const { damage } = await assertRejects(async () => {
    while (Date.now() < giveUpAt) {
      const batch = await generation.next(100);
      if (batch) batches.push(batch);
    }
  }, LogDamagedError);
  return { offsets: batches.flatMap(({ records }) => records.map(({ offset }) => offset)), damage };
}

type Told = readonly [what: string, change: Change, to: number | undefined, readableFrom: number];

/** What is changed; where the damage is said to end; from where the broker gives records again. */
const DAMAGES: readonly Told[] = [
  ["a bit of a record", flipBit, 30, 30],
  ["the number of its records", (batch) => void batch.writeInt32BE(7, 57), 30, 30],
  ["its last offset", (batch) => void batch.writeInt32BE(700, 23), 30, 30],
  ["its record format", (batch) => void batch.writeInt8(6, 16), 30, 30],
  ["its offset", (batch) => void batch.writeInt32BE(7, 0), 30, 30],
  // The broker goes from batch to batch by their lengths: it finds nothing behind a wrong one, up to the end of the segment.
  ["its length, which is too large", (batch) => void batch.writeInt32BE(0x7000_0000, 8), undefined, 50],
  ["its length, which is too small", (batch) => void batch.writeInt32BE(3, 8), undefined, 50],
];

for (const [what, change, to, readableFrom] of DAMAGES) {
  kafka.eachClient(
    `a batch damaged in ${what} is told as damage, and reading goes on behind it`,
    async (broker, openOn) => {
      const topic = await damagedTopic(broker, change);
      await using log = await openOn(broker, { unservedMs: 1_000 });
      await using subscription = await log.subscribe({ topic, group: "g", signal: new AbortController().signal });
      const generation = await generationOf(subscription, 1);
      await startAt(generation);
      const { offsets, damage } = await untilDamage(generation);
      assertEquals(offsets, Array.from({ length: 20 }, (_, i) => i));
      assertEquals([damage.from, damage.to, damage.reason], [20, to, "unreadable"]);
      generation.skip(0, readableFrom);
      await log.produce(topic, [{ value: "new" }]);
      const behind = await pull(generation, 51 - readableFrom);
      assertEquals(behind.flatMap(({ records }) => records.map(({ offset }) => offset)).at(-1), 50);
    },
  );
}

kafka.eachClient(
  "a batch that unfolds to more than is allowed is told as damage, and reading goes on behind it",
  async (broker, openOn) => {
    const topic = topicName();
    await using log = await openOn(broker);
    await log.createTopics([{ topic, partitions: 1 }]);
    await log.produce(topic, [{ value: "before" }]);
    const client = new Kafka({ brokers: [broker.listeners.plaintext], logLevel: logLevel.NOTHING });
    const producer = client.producer();
    await producer.connect();
    const bomb = [{ value: Buffer.alloc(MAX_UNFOLDED_BYTES) }];
    await producer.send({ topic, messages: bomb, compression: CompressionTypes.GZIP });
    await producer.disconnect();
    await log.produce(topic, [{ value: "behind" }]);
    await using subscription = await log.subscribe({ topic, group: "g", signal: new AbortController().signal });
    const generation = await generationOf(subscription, 1);
    await startAt(generation);
    const { offsets, damage } = await untilDamage(generation);
    assertEquals([offsets, damage.from, damage.to], [[0], 1, 2]);
    assertStringIncludes(damage.why, String(MAX_UNFOLDED_BYTES));
    generation.skip(0, 2);
    assertEquals((await pull(generation, 1))[0]!.records[0]!.offset, 2);
  },
);
