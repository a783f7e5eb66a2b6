// Static membership: a process that was killed goes on as the member it was, others are not disturbed by its restart, and two
// processes under one name are told apart. And members of both clients in one group.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { LogRefusedError } from "../../src/errors.ts";
import type { Subscription } from "../../src/log/log.ts";
import { generationOf, pull, soon, startAt, topicName } from "../contracts/log/place.ts";
import type { KafkaBroker } from "../support/kafka/broker.ts";
import { kafkaFixture, openOn } from "../support/kafka/fixture.ts";
import { type Member, startMember, untilPartitions } from "../support/member.ts";

const kafka = await kafkaFixture("static members");

/** Longer than the test: whoever waits for it to pass fails. */
const SESSION_MS = 60_000;
const AT_ONCE_MS = 15_000;

function memberOf({ listeners }: KafkaBroker, topic: string, groupInstanceId: string): Member {
  const settings = { client: "platformatic", brokers: [listeners.plaintext], sessionTimeoutMs: SESSION_MS };
  return startMember({ kind: "kafka", ...settings, groupInstanceId, topic, group: `of-${topic}` });
}

async function subscribe(broker: KafkaBroker, topic: string, groupInstanceId: string) {
  const settings = { client: "platformatic", sessionTimeoutMs: SESSION_MS, groupInstanceId } as const;
  const log = await openOn(broker, settings);
  const subscription = await log.subscribe({ topic, group: `of-${topic}`, signal: new AbortController().signal });
  return Object.assign(subscription as Subscription, { log });
}

async function newTopic(broker: KafkaBroker, partitions: number): Promise<string> {
  const topic = topicName();
  await using log = await openOn(broker);
  await log.createTopics([{ topic, partitions }]);
  return topic;
}

kafka.test("a lone member that was killed goes on at once when it is started again", async (broker) => {
  const topic = await newTopic(broker, 4);
  {
    await using member = memberOf(broker, topic, "one");
    await untilPartitions(member.generations, 4);
    member.kill();
  }
  const startedAt = performance.now();
  await using member = memberOf(broker, topic, "one");
  await untilPartitions(member.generations, 4);
  assert(performance.now() - startedAt < AT_ONCE_MS);
});

kafka.test("two members are restarted one after the other, and neither's restart ends the other's generation", async (broker) => {
  const topic = await newTopic(broker, 4);
  const first = await subscribe(broker, topic, "one");
  await using _firstLog = first.log;
  const alone = await generationOf(first, 4);
  let other = memberOf(broker, topic, "two");
  const half = await generationOf(first, 2);
  assert(alone.signal.aborted);
  await startAt(half);
  await untilPartitions(other.generations, 2);
  await other[Symbol.asyncDispose](); // by SIGKILL
  other = memberOf(broker, topic, "two");
  await untilPartitions(other.generations, 2);
  assertEquals(half.signal.aborted, false);
  await first[Symbol.asyncDispose](); // as on SIGTERM: it stays a member
  const again = await subscribe(broker, topic, "one");
  await using _log = again.log;
  const same = await generationOf(again, 2);
  assertEquals(same.partitions, half.partitions);
  await startAt(same);
  await again.log.produce(topic, [{ value: "x", partition: same.partitions[0] }]);
  await pull(same, 1);
  await other[Symbol.asyncDispose]();
});

kafka.test("two processes under one name: the older one ends, and says which setting is to be changed", async (broker) => {
  const topic = await newTopic(broker, 2);
  const older = await subscribe(broker, topic, "same");
  await using _olderLog = older.log;
  await generationOf(older, 2);
  const newer = await subscribe(broker, topic, "same");
  await using _newerLog = newer.log;
  await generationOf(newer, 2);
  await assertRejects(
    () => soon(older.nextGeneration(), "the older one's end"),
    LogRefusedError,
    "KAFKA_GROUP_INSTANCE_ID",
  );
});

kafka.test("partitions that were added while the only member was away are given to it when it is back", async (broker) => {
  const topic = await newTopic(broker, 1);
  {
    const subscription = await subscribe(broker, topic, "growing");
    await using _log = subscription.log;
    await generationOf(subscription, 1);
  }
  await broker.tool("org.apache.kafka.tools.TopicCommand", [
    ...["--bootstrap-server", broker.listeners.plaintext, "--topic", topic, "--alter", "--partitions", "3"],
  ]);
  const subscription = await subscribe(broker, topic, "growing");
  await using _log = subscription.log;
  await generationOf(subscription, 3);
});

kafka.test("a member that reads another topic since its restart is given that topic's partitions", async (broker) => {
  const [topic, other] = [await newTopic(broker, 2), await newTopic(broker, 2)];
  const join = async (name: string) => {
    const log = await openOn(broker, { client: "platformatic", sessionTimeoutMs: SESSION_MS, groupInstanceId: "one" });
    const signal = new AbortController().signal;
    return { log, subscription: await log.subscribe({ topic: name, group: `of-${topic}`, signal }) };
  };
  const before = await join(topic);
  await generationOf(before.subscription, 2);
  await before.log[Symbol.asyncDispose]();
  const after = await join(other);
  await generationOf(after.subscription, 2);
  await after.log[Symbol.asyncDispose]();
});

kafka.test("members of both clients share a group while processes go over from one to the other", async (broker) => {
  const topic = await newTopic(broker, 4);
  const join = async (client: "kafkajs" | "platformatic") => {
    const log = await openOn(broker, { client });
    return {
      log,
      subscription: await log.subscribe({ topic, group: `of-${topic}`, signal: new AbortController().signal }),
    };
  };
  const old = await join("kafkajs");
  await generationOf(old.subscription, 4);
  const next = await join("platformatic");
  const halves = await Promise.all([generationOf(old.subscription, 2), generationOf(next.subscription, 2)]);
  assertEquals(halves.flatMap(({ partitions }) => partitions).toSorted(), [0, 1, 2, 3]);
  await old.log[Symbol.asyncDispose]();
  await generationOf(next.subscription, 4);
  await next.log[Symbol.asyncDispose]();
});
