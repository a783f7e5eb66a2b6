// Reading what others produce: Java's and librdkafka's producers with each codec, and Java reading what we produce.

import { assertEquals } from "@std/assert";
import { kafkaFixture } from "../support/kafka/fixture.ts";
import { python, whyNoPython } from "../support/kafka/python.ts";
import { readAll, text, topicName } from "../contracts/log/place.ts";

const CODECS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
const COUNT = 3_000;
const values = Array.from({ length: COUNT }, (_, i) => `{"number":${i},"text":"${"abc".repeat(i % 50)}"}`);

const LIBRDKAFKA_PRODUCER = `
import sys
from confluent_kafka import Producer
brokers, topic, codec, count = sys.argv[1:5]
producer = Producer({"bootstrap.servers": brokers, "compression.type": codec, "linger.ms": 50})
for i in range(int(count)):
    value = '{"number":%d,"text":"%s"}' % (i, "abc" * (i % 50))
    producer.produce(topic, key=str(i % 10), value=value, headers=[("h", b"1"), ("h", b"2"), ("n", None)])
    producer.poll(0)
producer.flush()
`;

const kafka = await kafkaFixture("other producers");
const noPython = kafka.skip ?? await whyNoPython();

for (const codec of CODECS) {
  kafka.eachClient(`records of Java's producer are read, codec ${codec}`, async (broker, openOn) => {
    await using log = await openOn(broker);
    const topic = topicName();
    await log.createTopics([{ topic, partitions: 1 }]);
    await broker.tool("org.apache.kafka.tools.ConsoleProducer", [
      ...["--bootstrap-server", broker.listeners.plaintext, "--topic", topic],
      ...["--producer-property", `compression.type=${codec}`, "--producer-property", "linger.ms=100"],
    ], new TextEncoder().encode(values.join("\n") + "\n"));
    const records = (await readAll(log, topic, COUNT)).flatMap((batch) => batch.records);
    assertEquals(records.map(({ value }) => text(value)), values);
  });

  kafka.eachClient(`records of librdkafka are read, codec ${codec}`, async (broker, openOn) => {
    await using log = await openOn(broker);
    const topic = topicName();
    await log.createTopics([{ topic, partitions: 1 }]);
    await python(LIBRDKAFKA_PRODUCER, [broker.listeners.plaintext, topic, codec, `${COUNT}`]);
    const records = (await readAll(log, topic, COUNT)).flatMap((batch) => batch.records);
    assertEquals(records.map(({ value }) => text(value)), values);
    assertEquals(records.map(({ key }) => text(key)), values.map((_, i) => `${i % 10}`));
    const { h, n } = records[7]!.headers as { h: Uint8Array[]; n: Uint8Array };
    assertEquals([h.map(text), n], [["1", "2"], null]);
  }, noPython);
}

kafka.eachClient("Java reads what we produce", async (broker, openOn) => {
  await using log = await openOn(broker);
  const topic = topicName();
  await log.createTopics([{ topic, partitions: 1 }]);
  await log.produce(topic, [
    { key: "k", value: "välue", headers: { h: "1" }, timestamp: 1_700_000_000_000 },
    { key: null, value: null },
  ]);
  const output = await broker.tool("org.apache.kafka.tools.consumer.ConsoleConsumer", [
    ...["--bootstrap-server", broker.listeners.plaintext, "--topic", topic, "--from-beginning", "--max-messages", "2"],
    ...["--property", "print.key=true", "--property", "print.headers=true"],
    ...["--property", "print.timestamp=true"],
  ]);
  const [first, second] = output.trim().split("\n").map((line) => line.split("\t"));
  assertEquals(first, ["CreateTime:1700000000000", "h:1", "k", "välue"]);
  assertEquals(second?.slice(1), ["NO_HEADERS", "null", "null"]);
});
