// Offsets that nobody sees: aborted and open transactions, compaction, records deleted from a topic.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { LogDamagedError } from "../../src/errors.ts";
import type { LogBatch } from "../../src/log/log.ts";
import { generationOf, pull, readAll, startAt, text, topicName, until } from "../contracts/log/place.ts";
import type { KafkaBroker } from "../support/kafka/broker.ts";
import { kafkaFixture } from "../support/kafka/fixture.ts";
import { python, whyNoPython } from "../support/kafka/python.ts";
import { deleteBefore } from "../support/kafka/topic_records.ts";

const kafka = await kafkaFixture("gaps in the log");
const noPython = kafka.skip ?? await whyNoPython();

/** Two producers whose transactions overlap; a key of four zero bytes; records outside of transactions. */
const TRANSACTIONS = `
import sys
from confluent_kafka import Producer
brokers, topic = sys.argv[1:3]
def producer(name):
    p = Producer({"bootstrap.servers": brokers, "transactional.id": topic + name})
    p.init_transactions()
    return p
def send(p, values, key=None):
    for value in values:
        p.produce(topic, value=value, key=key)
    p.flush()
a, b, plain = producer("a"), producer("b"), Producer({"bootstrap.servers": brokers})
for round in range(5):
    a.begin_transaction(); b.begin_transaction()
    send(a, ["aborted"] * 3, key=bytes(4))
    send(b, ["committed-%d-%d" % (round, i) for i in range(3)])
    send(plain, ["plain-%d" % round])
    send(a, ["aborted"] * 2)
    a.abort_transaction(); b.commit_transaction()
    b.begin_transaction(); send(b, ["aborted"] * 4); b.abort_transaction()
`;

/** An open transaction in front of records that are committed already; it ends when standard input does. */
const OPEN_TRANSACTION = `
import sys
from confluent_kafka import Producer
brokers, topic = sys.argv[1:3]
a = Producer({"bootstrap.servers": brokers, "transactional.id": topic + "open"})
a.init_transactions(); a.begin_transaction()
a.produce(topic, value="open"); a.flush()
plain = Producer({"bootstrap.servers": brokers})
plain.produce(topic, value="behind"); plain.flush()
`;

kafka.eachClient(
  "records of aborted transactions are not delivered, and all offsets are accounted for",
  async (broker, openOn) => {
    await using log = await openOn(broker);
    const topic = topicName();
    await log.createTopics([{ topic, partitions: 1 }]);
    await python(TRANSACTIONS, [broker.listeners.plaintext, topic]);
    const expected = [0, 1, 2, 3, 4].flatMap((round) => [
      ...[0, 1, 2].map((i) => `committed-${round}-${i}`),
      `plain-${round}`,
    ]);
    const batches = await readAll(log, topic, expected.length);
    assertEquals(batches.flatMap(({ records }) => records).map(({ value }) => text(value)), expected);
    await using subscription = await log.subscribe({ topic, group: "gaps", signal: new AbortController().signal });
    const generation = await generationOf(subscription, 1);
    const { high } = (await generation.bounds()).get(0)!;
    await startAt(generation);
    const account = await accountUntil(high, () => generation.next(200));
    assertEquals(account.flatMap(({ records }) => records).length, expected.length);
    await until(() => generation.caughtUp(0), "caught up behind the last marker");
  },
  noPython,
);

kafka.eachClient("an open transaction holds reading, and what is before it is caught up", async (broker, openOn) => {
  await using log = await openOn(broker);
  const topic = topicName();
  await log.createTopics([{ topic, partitions: 1 }]);
  await log.produce(topic, [{ value: "before" }]);
  await python(OPEN_TRANSACTION, [broker.listeners.plaintext, topic]);
  await using subscription = await log.subscribe({ topic, group: "open", signal: new AbortController().signal });
  const generation = await generationOf(subscription, 1);
  assertEquals((await generation.bounds()).get(0), { low: 0, high: 1 });
  await startAt(generation);
  const [batch] = await pull(generation, 1);
  assertEquals([text(batch!.records[0]!.value), batch!.nextOffset], ["before", 1]);
  await until(() => generation.caughtUp(0), "caught up to the last stable offset");
  assertEquals(await generation.next(300), undefined);
}, noPython);

kafka.eachClient("a compacted topic is read with its gaps, also from inside one", async (broker, openOn) => {
  await using log = await openOn(broker);
  const topic = topicName();
  await createCompacted(broker, topic);
  const rounds = 40;
  for (let i = 0; i < rounds; i++) {
    await log.produce(topic, Array.from({ length: 50 }, (_, k) => ({ key: `k${k}`, value: `${i}` })));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  let offsets: number[] = [];
  let batches: LogBatch[] = [];
  await until(async () => {
    await log.produce(topic, [{ key: "roll", value: `${offsets.length}` }]); // rolls the segment, so that it can be cleaned
    batches = await readAll(log, topic, 51);
    offsets = batches.flatMap(({ records }) => records).map(({ offset }) => offset);
    return offsets[0]! > 100;
  }, "compaction");
  const gap = offsets.find((offset, i) => offsets[i + 1]! > offset + 1) ?? 0;
  await using subscription = await log.subscribe({ topic, group: "gaps", signal: new AbortController().signal });
  const generation = await generationOf(subscription, 1);
  const { high } = (await generation.bounds()).get(0)!;
  await startAt(generation, gap + 1);
  const account = await accountUntil(high, () => generation.next(200), gap + 1);
  const first = account.flatMap(({ records }) => records)[0]!;
  assert(first.offset >= gap + 1);
  await until(() => generation.caughtUp(0), "caught up");
});

kafka.eachClient(
  "records deleted ahead of a reader are told as lost, not a silent jump, and it goes on when told",
  async (broker, openOn) => {
    await using log = await openOn(broker);
    const topic = topicName();
    await log.createTopics([{ topic, partitions: 1 }]);
    await log.produce(topic, Array.from({ length: 100 }, (_, i) => ({ value: `${i}` })));
    await deleteBefore(broker, { topic, partition: 0, offset: 60 });
    await using subscription = await log.subscribe({ topic, group: "gaps", signal: new AbortController().signal });
    const generation = await generationOf(subscription, 1);
    assertEquals((await generation.bounds()).get(0), { low: 60, high: 100 });
    await startAt(generation, 20);
    const { damage } = await assertRejects(async () => {
      while (true) await generation.next(200);
    }, LogDamagedError);
    assertEquals([damage.from, damage.to, damage.reason], [20, 60, "deleted"]);
    generation.skip(0, 60);
    assertEquals((await pull(generation, 40))[0]!.records[0]!.offset, 60);
  },
);

/** Pulls until the batches account for everything below `high`, and checks that they follow each other. */
async function accountUntil(high: number, next: () => Promise<LogBatch | undefined>, from = 0): Promise<LogBatch[]> {
  const batches: LogBatch[] = [];
  let position = from;
  await until(async () => {
    const batch = await next();
    if (batch !== undefined) {
      for (const { offset } of batch.records) assert(offset >= position && offset < batch.nextOffset);
      assert(batch.nextOffset > position);
      position = batch.nextOffset;
      batches.push(batch);
    }
    return position >= high;
  }, `all offsets below ${high}`);
  return batches;
}

async function createCompacted(broker: KafkaBroker, topic: string): Promise<void> {
  const settings = [
    "cleanup.policy=compact",
    "segment.ms=100",
    "min.cleanable.dirty.ratio=0.01",
    "segment.bytes=1048576",
  ];
  await broker.tool("org.apache.kafka.tools.TopicCommand", [
    ...["--bootstrap-server", broker.listeners.plaintext, "--create", "--topic", topic, "--partitions", "1"],
    ...settings.flatMap((setting) => ["--config", setting]),
  ]);
}
