// The log contract: topics, producing, and where records go.

import { assertEquals, assertRejects } from "@std/assert";
import { LogRefusedError, TopicMissingError } from "../../../src/errors.ts";
import { type LogAdapter, logWithTopic, readAll, text, topicName } from "./place.ts";

export function topicTests(adapter: LogAdapter): void {
  const test = (name: string, body: () => Promise<void>) =>
    Deno.test({ name: `${adapter.name} log: ${name}`, ignore: adapter.skip !== undefined, fn: body });

  test("topics are created once and listed with their bounds", async () => {
    await using place = await adapter.place();
    await using log = await place.open();
    const [a, b] = [topicName(), topicName()];
    assertEquals(await log.createTopics([{ topic: a, partitions: 2 }]), [a]);
    assertEquals(await log.createTopics([{ topic: a, partitions: 2 }, { topic: b, partitions: 1 }]), [b]);
    await log.produce(b, [{ value: "1" }, { value: "2" }]);
    const empty = { low: 0, high: 0 };
    const infos = [{ topic: a, partitions: [empty, empty] }, { topic: b, partitions: [{ low: 0, high: 2 }] }];
    assertEquals(await log.topics([a, b]), infos.sort((x, y) => x.topic < y.topic ? -1 : 1));
    assertEquals((await log.topics()).filter(({ topic }) => topic === a || topic === b).length, 2);
    assertEquals(await log.topics([topicName()]), []);
  });

  test("names and numbers that Kafka refuses are refused", async () => {
    await using place = await adapter.place();
    await using log = await place.open();
    for (const topic of ["", "..", "no spaces", "ü", "x".repeat(250)]) {
      await assertRejects(() => log.createTopics([{ topic, partitions: 1 }]), LogRefusedError);
    }
    await assertRejects(() => log.createTopics([{ topic: topicName(), partitions: 0 }]), LogRefusedError);
  });

  test("producing, subscribing and asking for offsets name a missing topic", async () => {
    await using place = await adapter.place();
    await using log = await place.open();
    const topic = topicName();
    const signal = new AbortController().signal;
    await assertRejects(() => log.produce(topic, [{ value: "x" }]), TopicMissingError, topic);
    await assertRejects(() => log.subscribe({ topic, group: "g", signal }), TopicMissingError, topic);
    await assertRejects(() => log.committed(topic, "g"), TopicMissingError, topic);
    await log.createTopics([{ topic, partitions: 1 }]);
    assertEquals((await log.produce(topic, [{ value: "x" }])).length, 1);
  });

  test("producing returns the position of each record, in order", async () => {
    await using place = await adapter.place();
    const { log, topic } = await logWithTopic(place, 3);
    await using _log = log;
    assertEquals(await log.produce(topic, []), []);
    const first = await log.produce(topic, [2, 0, 2, 1].map((partition) => ({ value: "a", partition })));
    assertEquals(first, [
      { partition: 2, offset: 0 },
      { partition: 0, offset: 0 },
      { partition: 2, offset: 1 },
      { partition: 1, offset: 0 },
    ]);
    const second = await log.produce(topic, [{ value: "b", partition: 2 }]);
    assertEquals(second, [{ partition: 2, offset: 2 }]);
    const many = await log.produce(topic, Array.from({ length: 5000 }, (_, i) => ({ key: `k${i}`, value: `${i}` })));
    const batches = await readAll(log, topic, 5005);
    const values = new Map(
      batches.flatMap(({ partition, records }) =>
        records.map(({ offset, value }) => [`${partition}/${offset}`, text(value)])
      ),
    );
    assertEquals(many.map(({ partition, offset }) => values.get(`${partition}/${offset}`)), many.map((_, i) => `${i}`));
  });

  test("produces that run at once each get their own positions", async () => {
    await using place = await adapter.place();
    const { log, topic } = await logWithTopic(place, 1);
    await using _log = log;
    const positions = await Promise.all(Array.from({ length: 50 }, (_, i) => log.produce(topic, [{ value: `${i}` }])));
    const offsets = positions.map(([position]) => position!.offset);
    assertEquals(offsets.toSorted((a, b) => a - b), Array.from({ length: 50 }, (_, i) => i));
    const records = (await readAll(log, topic, 50)).flatMap((batch) => batch.records);
    assertEquals(offsets.map((offset) => text(records[offset]!.value)), offsets.map((_, i) => `${i}`));
  });

  test("a key goes to the partition of Kafka's default partitioner", async () => {
    await using place = await adapter.place();
    const { log, topic } = await logWithTopic(place, 7);
    await using _log = log;
    const { Partitioners } = await import("kafkajs");
    const partitionMetadata = Array.from({ length: 7 }, (_, partitionId) => ({ partitionId, leader: 0 }));
    const keys = ["", "a", "ab", "abc", "abcd", "train-17", "Zürich", "🚆", new Uint8Array([0, 255, 128, 7, 9])];
    const positions = await log.produce(topic, keys.map((key) => ({ key, value: "x" })));
    const ofKafka = keys.map((key) =>
      Partitioners.DefaultPartitioner()({
        topic,
        partitionMetadata: partitionMetadata as never,
        message: { key: Buffer.from(key as Uint8Array), value: "x" },
      })
    );
    assertEquals(positions.map(({ partition }) => partition), ofKafka);
  });

  test("records without a key go to all partitions in turn", async () => {
    await using place = await adapter.place();
    const { log, topic } = await logWithTopic(place, 4);
    await using _log = log;
    const positions = await log.produce(topic, Array.from({ length: 8 }, () => ({ value: "x" })));
    assertEquals(positions.map(({ partition }) => partition).toSorted(), [0, 0, 1, 1, 2, 2, 3, 3]);
  });

  test("a record that is too large is refused and nothing of it is written", async () => {
    await using place = await adapter.place();
    const { log, topic } = await logWithTopic(place, 1);
    await using _log = log;
    await assertRejects(() => log.produce(topic, [{ value: "x".repeat(1_200_000) }]), LogRefusedError);
    assertEquals(await log.produce(topic, [{ value: "small" }]), [{ partition: 0, offset: 0 }]);
  });

  test("another log on the same place sees what was produced", async () => {
    await using place = await adapter.place();
    const { log, topic } = await logWithTopic(place, 1);
    await using _log = log;
    await using other = await place.open();
    await log.produce(topic, [{ value: "from one" }]);
    assertEquals(await other.produce(topic, [{ value: "from the other" }]), [{ partition: 0, offset: 1 }]);
    const records = (await readAll(log, topic, 2)).flatMap((batch) => batch.records);
    assertEquals(records.map(({ value }) => text(value)), ["from one", "from the other"]);
  });
}
