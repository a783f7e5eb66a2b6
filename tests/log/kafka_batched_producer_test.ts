// Many small produces made one, on a real broker: of a batch some of whose partitions' shares are too large for their topic.

import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../../src/clock.ts";
import { RecordTooLargeError } from "../../src/errors.ts";
import { BatchedProducer } from "../../src/log/batched_producer.ts";
import { openKafkaLog } from "../../src/log/kafka.ts";
import { KAFKA_CLIENTS } from "../../src/log/kafka/settings.ts";
import { readAll, text, topicName } from "../contracts/log/place.ts";
import { KafkaCluster } from "../support/kafka/cluster.ts";
import { QUICK } from "../support/kafka/fixture.ts";
import { whyNoKafka } from "../support/kafka/jars.ts";

const skip = await whyNoKafka();
const cluster = skip === undefined ? await KafkaCluster.start() : undefined;
Deno.test.afterAll(async () => await cluster?.[Symbol.asyncDispose]());

/** The first two partitions share a broker, and the others have brokers of their own. */
const REPLICAS = [[1], [1], [2], [3]];
const PARTITIONS = REPLICAS.length;
const COUNT = 400;

/** Most of them are for the first partition, whose share is too large; one is too large by itself. */
const records = Array.from({ length: COUNT }, (_, i) => {
  const value = `${i} ${"x".repeat(i === 123 ? 30_000 : 200)}`;
  return { value, partition: i % 4 === 3 ? 1 + i % 3 : 0, bytes: value.length };
});

for (const client of KAFKA_CLIENTS) {
  Deno.test({
    name: `${client}: what is too large together is written once, and only what is too large alone is refused`,
    ignore: skip !== undefined,
    fn: () => produceTogether(client),
  });
}

async function produceTogether(client: (typeof KAFKA_CLIENTS)[number]): Promise<void> {
  await using log = await openKafkaLog({ settings: { client, brokers: cluster!.addresses, ...QUICK } });
  const topic = topicName();
  await cluster!.createTopic({ topic, replicas: REPLICAS, config: { "max.message.bytes": 20_000 } });
  const sent: number[] = [];
  const counted: Pick<typeof log, "produce"> = {
    produce(topic, records) {
      sent.push(records.length);
      return log.produce(topic, records);
    },
  };
  const group = new BatchedProducer(counted, systemClock);
  const answers = await Promise.allSettled(records.map((record) => group.produce(topic, [record])));

  assertEquals(sent[0], COUNT, "they went together at first");
  const refused = answers.flatMap((answer, i) => answer.status === "rejected" ? [{ i, reason: answer.reason }] : []);
  assertEquals(refused.map(({ i }) => i), [123]);
  assert(refused[0]!.reason instanceof RecordTooLargeError);
  const taken = records.filter((_, i) => i !== 123);
  const held = (await log.topics([topic]))[0]!.partitions.map(({ high }) => high);
  const share = (partition: number) => taken.filter((record) => record.partition === partition);
  assertEquals(
    held,
    Array.from({ length: PARTITIONS }, (_, partition) => share(partition).length),
    "each is there once",
  );
  const batches = await readAll(log, topic, COUNT - 1);
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const values = batches.filter((batch) => batch.partition === partition).flatMap(({ records }) => records);
    assertEquals(values.map(({ value }) => text(value)), share(partition).map(({ value }) => value), "in order");
  }
  const found = new Map(
    batches.flatMap(({ partition, records }) =>
      records.map(({ offset, value }) => [`${partition}/${offset}`, text(value)] as const)
    ),
  );
  const told = answers.flatMap((answer) => answer.status === "fulfilled" ? answer.value : []);
  assertEquals(
    told.map(({ partition, offset }) => found.get(`${partition}/${offset}`)),
    taken.map(({ value }) => value),
  );
}
