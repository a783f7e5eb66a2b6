// Dead letters on a real broker: what a topic does not take as it is never ends or holds up a run.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { randomBytes } from "node:crypto";
import { CUT_HEADER, DeadLetterTopic } from "../../src/engine/dead_letter_topic.ts";
import type { KafkaBroker } from "../support/kafka/broker.ts";
import { kafkaFixture } from "../support/kafka/fixture.ts";
import { readAll, text, topicName } from "../contracts/log/place.ts";

const kafka = await kafkaFixture("dead letters");
const DAY = 86_400_000;

const configure = (broker: KafkaBroker, topic: string, setting: string) =>
  broker.tool("kafka.admin.ConfigCommand", [
    ...["--bootstrap-server", broker.listeners.plaintext, "--alter", "--topic", topic, "--add-config", setting],
  ]);

kafka.eachClient("records of every size: compressed, then cut, and those beside them whole", async (broker, openOn) => {
  await using log = await openOn(broker);
  const topic = topicName();
  await log.createTopics([{ topic, partitions: 1 }]);
  const [edge, unfolds, huge] = [randomBytes(1_048_300), new Uint8Array(3_000_000).fill(65), randomBytes(5_000_000)];
  const values = [new Uint8Array([1]), edge, unfolds, huge, new Uint8Array([2])];
  const headers = { "__connect.errors.exception.message": "x".repeat(400) };
  const copies = values.map((value, i) => ({ record: { key: `${i}`, value, headers }, loggedAt: Date.now() }));
  assertEquals(await new DeadLetterTopic(log, topic).send(copies), { cut: 2, leftOut: 0, why: undefined });
  const { high } = (await log.topics([topic]))[0]!.partitions[0]!;
  const taken = (await readAll(log, topic, high)).flatMap(({ records }) => records);
  // At least once: what went before a refusal goes again.
  const byKey = new Map(taken.map((record) => [text(record.key), record]));
  assertEquals([...byKey.keys()].sort(), ["0", "1", "2", "3", "4"]);
  const records = ["0", "1", "2", "3", "4"].map((key) => byKey.get(key)!);
  assertEquals(
    records.map(({ headers }) => CUT_HEADER in headers && text(headers[CUT_HEADER] as Uint8Array)),
    [false, "1048300", false, "5000000", false],
  );
  for (const i of [0, 2, 4]) assertEquals(records[i]!.value, values[i]);
  for (const [i, whole] of [[1, edge], [3, huge]] as const) {
    const { value } = records[i]!;
    assert(value!.length >= 64 * 1024 && whole.subarray(0, value!.length).equals(value!), `${value!.length}`);
  }
});

kafka.eachClient(
  "a topic that takes next to nothing has only the headers that say where it was, or nothing",
  async (broker, openOn) => {
    await using log = await openOn(broker);
    const topic = topicName();
    await log.createTopics([{ topic, partitions: 1 }]);
    await configure(broker, topic, "max.message.bytes=400");
    const record = { key: randomBytes(3_000), value: randomBytes(3_000), headers: { "__connect.errors.offset": "17" } };
    const deadLetters = new DeadLetterTopic(log, topic);
    assertEquals(await deadLetters.send([{ record, loggedAt: Date.now() }]), { cut: 1, leftOut: 0 });
    await configure(broker, topic, "max.message.bytes=10");
    const { cut, leftOut, why } = await deadLetters.send([{ record, loggedAt: Date.now() }]);
    assertEquals([cut, leftOut], [0, 1]);
    assertMatch(why!, /larger than .* takes/);
  },
);

kafka.eachClient("a clock a day ahead: the copy has the time that the log gave its record", async (broker, openOn) => {
  await using log = await openOn(broker);
  const topic = topicName();
  await log.createTopics([{ topic, partitions: 1 }]);
  const loggedAt = Date.now();
  const realNow = Date.now;
  Date.now = () => realNow() + DAY;
  try {
    const copies = ["a", "b"].map((value) => ({ record: { value }, loggedAt }));
    assertEquals(await new DeadLetterTopic(log, topic).send(copies), { cut: 0, leftOut: 0 });
  } finally {
    Date.now = realNow;
  }
  const records = (await readAll(log, topic, 2)).flatMap(({ records }) => records);
  assertEquals(records.map(({ value, timestamp }) => [text(value), timestamp]), [["a", loggedAt], ["b", loggedAt]]);
});

kafka.eachClient("a topic that was deleted in mid-run is made again", async (broker, openOn) => {
  await using log = await openOn(broker);
  const topic = topicName();
  const deadLetters = new DeadLetterTopic(log, topic);
  const send = (value: string) => deadLetters.send([{ record: { value }, loggedAt: Date.now() }]);
  assertEquals(await send("a"), { cut: 0, leftOut: 0 });
  await broker.tool("org.apache.kafka.tools.TopicCommand", [
    ...["--bootstrap-server", broker.listeners.plaintext, "--delete", "--topic", topic],
  ]);
  assertEquals(await send("b"), { cut: 0, leftOut: 0 });
  assertEquals((await readAll(log, topic, 1)).flatMap(({ records }) => records).map(({ value }) => text(value)), ["b"]);
});
