// A consumer group that is not Freshet's alone, with a real foreign member (librdkafka by way of Python) as the systems
// before had: who is refused, and what is said.

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Kafka, logLevel } from "kafkajs";
import { LogRefusedError } from "../../src/errors.ts";
import { kafkaFixture, openOn } from "../support/kafka/fixture.ts";
import { PythonProgram, whyNoPython } from "../support/kafka/python.ts";
import { soon, text, topicName } from "../contracts/log/place.ts";

const kafka = await kafkaFixture("foreign members");
const noPython = kafka.skip ?? await whyNoPython();

/** Says "assigned <partitions>" and "error <name>" as it happens, until it is ended. */
const MEMBER = `
import sys
from confluent_kafka import Consumer
brokers, topic, group, options = sys.argv[1:5]
config = {"bootstrap.servers": brokers, "group.id": group, "auto.offset.reset": "earliest",
          "error_cb": lambda error: print("error", error.name(), flush=True)}
for option in options.split(","):
    name, value = option.split("=")
    config[name] = value
consumer = Consumer(config)
consumer.subscribe([topic], on_assign=lambda _, assigned: print("assigned", len(assigned), flush=True))
while True:
    message = consumer.poll(0.1)
    if message is not None and message.error():
        print("error", message.error().name(), flush=True)
`;

const STRATEGIES = ["range", "roundrobin", "cooperative-sticky"].map((name) => `partition.assignment.strategy=${name}`);
/** Kafka's newer group protocol (KIP-848), in which the broker shares out. */
const BY_BROKER = "group.protocol=consumer";

for (const strategy of [...STRATEGIES, BY_BROKER]) {
  kafka.eachClient(
    `a group that another program is in (${strategy}) refuses us, and the error says what to do`,
    async (broker, openOn) => {
      await using log = await openOn(broker);
      const [topic, group] = [topicName(), topicName()];
      await log.createTopics([{ topic, partitions: 2 }]);
      await using foreign = new PythonProgram(MEMBER, [broker.listeners.plaintext, topic, group, strategy]);
      await soon(foreign.line("assigned 2"), "The foreign member's assignment");
      await using subscription = await log.subscribe({ topic, group, signal: new AbortController().signal });
      const error = await assertRejects(() => soon(subscription.nextGeneration(), "A refusal"), LogRefusedError);
      assertStringIncludes(error.message, `Group "${group}" has a member that shares out partitions in another way`);
      assertStringIncludes(error.message, "KAFKA_GROUP_ID");
    },
    noPython,
  );
}

for (const strategy of STRATEGIES) {
  kafka.eachClient(
    `a program that comes into our group (${strategy}) is refused, and reading goes on`,
    async (broker, openOn) => {
      await using log = await openOn(broker);
      const [topic, group] = [topicName(), topicName()];
      await log.createTopics([{ topic, partitions: 2 }]);
      await using subscription = await log.subscribe({ topic, group, signal: new AbortController().signal });
      const generation = await soon(subscription.nextGeneration(), "A generation");
      await generation.start(new Map([[0, 0], [1, 0]]));
      await using foreign = new PythonProgram(MEMBER, [broker.listeners.plaintext, topic, group, strategy]);
      await soon(foreign.line("error INCONSISTENT_GROUP_PROTOCOL"), "A refusal");
      await log.produce(topic, [{ value: "ours", partition: 1 }]);
      const batch = await generation.next(5_000);
      assertEquals(batch?.records.map(({ value }) => text(value)), ["ours"]);
      assert(!generation.signal.aborted);
    },
    noPython,
  );
}

kafka.eachClient(
  "another program with kafkajs that comes into our group is refused, and reading goes on",
  async (broker, openOn) => {
    await using log = await openOn(broker);
    const [topic, group] = [topicName(), topicName()];
    await log.createTopics([{ topic, partitions: 2 }]);
    await using subscription = await log.subscribe({ topic, group, signal: new AbortController().signal });
    const generation = await soon(subscription.nextGeneration(), "A generation");
    await generation.start(new Map([[0, 0], [1, 0]]));
    const kafkajs = new Kafka({ brokers: [broker.listeners.plaintext], logLevel: logLevel.NOTHING });
    const foreign = kafkajs.consumer({
      groupId: group,
      retry: { retries: 0, restartOnFailure: () => Promise.resolve(false) },
    });
    const crashed = new Promise<string>((resolve) =>
      foreign.on(foreign.events.CRASH, ({ payload }) => resolve((payload.error as { type?: string }).type ?? ""))
    );
    await foreign.connect();
    await foreign.subscribe({ topic });
    await foreign.run({ eachMessage: () => Promise.resolve() });
    assertEquals(await soon(crashed, "A refusal"), "INCONSISTENT_GROUP_PROTOCOL");
    await foreign.disconnect();
    await log.produce(topic, [{ value: "ours" }]);
    const batch = await generation.next(5_000);
    assertEquals(batch?.records.map(({ value }) => text(value)), ["ours"]);
    assert(!generation.signal.aborted);
  },
);

kafka.test(
  "kafkajs: a program that comes into our group by the newer protocol takes partitions: that ends our reading, loudly",
  async (broker) => {
    await using log = await openOn(broker);
    const [topic, group] = [topicName(), topicName()];
    await log.createTopics([{ topic, partitions: 2 }]);
    await using subscription = await log.subscribe({ topic, group, signal: new AbortController().signal });
    const generation = await soon(subscription.nextGeneration(), "A generation");
    await generation.start(new Map([[0, 0], [1, 0]]));
    await using foreign = new PythonProgram(MEMBER, [broker.listeners.plaintext, topic, group, BY_BROKER]);
    await soon(foreign.line("assigned"), "The foreign member's assignment");
    await assertRejects(() => soon(subscription.nextGeneration(), "A refusal"), LogRefusedError, "KAFKA_GROUP_ID");
    assert(generation.signal.aborted);
  },
  noPython,
);

// Members that say more of themselves than Kafka's own do are not taken over into a group of the newer protocol.
kafka.test(
  "platformatic: a program that comes into our group by the newer protocol gets nothing, and reading goes on",
  async (broker) => {
    await using log = await openOn(broker, { client: "platformatic" });
    const [topic, group] = [topicName(), topicName()];
    await log.createTopics([{ topic, partitions: 2 }]);
    await using subscription = await log.subscribe({ topic, group, signal: new AbortController().signal });
    const generation = await soon(subscription.nextGeneration(), "A generation");
    await generation.start(new Map([[0, 0], [1, 0]]));
    await using foreign = new PythonProgram(MEMBER, [broker.listeners.plaintext, topic, group, BY_BROKER]);
    await soon(foreign.line("error"), "The foreign member's refusal");
    await log.produce(topic, [{ value: "ours" }]);
    const batch = await generation.next(5_000);
    assertEquals(batch?.records.map(({ value }) => text(value)), ["ours"]);
    assert(!generation.signal.aborted);
  },
  noPython,
);
