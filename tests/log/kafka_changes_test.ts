// What changes under a running subscription: a broker that goes away and comes back, topics that grow, go or begin anew.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { LogDivergedError, LogUnavailableError, TopicMissingError } from "../../src/errors.ts";
import type { Generation, Subscription } from "../../src/log/log.ts";
import { generationOf, pull, soon, startAt, text, topicName, until } from "../contracts/log/place.ts";
import type { KafkaBroker } from "../support/kafka/broker.ts";
import { kafkaFixture } from "../support/kafka/fixture.ts";

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const kafka = await kafkaFixture("outages");

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  kafka.eachClient(`reading goes on after the broker ended by ${signal} and came back`, async (broker, openOn) => {
    await using log = await openOn(broker);
    const topic = topicName();
    await log.createTopics([{ topic, partitions: 2 }]);
    const send = (from: number) =>
      log.produce(topic, Array.from({ length: 100 }, (_, i) => ({ value: `${from + i}`, partition: i % 2 })));
    await send(0);
    await using subscription = await log.subscribe({ topic, group: topic, signal: new AbortController().signal });
    const reader = new Reader(subscription);
    await reader.read(100);
    await until(() => reader.caughtUp(), "caught up");
    await broker.end(signal);
    try {
      await until(() => !reader.caughtUp(), "no longer caught up while the broker is away");
    } finally {
      await broker.resume();
    }
    await soon(retrying(() => send(100)), "producing again");
    await reader.read(200);
    assertEquals(reader.values.map(Number).toSorted((a, b) => a - b), Array.from({ length: 200 }, (_, i) => i));
    // A commit in the middle of the group's return is told as a warning, not thrown. A member whose session has ended
    // meanwhile is given a new generation, by which it commits.
    await until(async () => {
      await reader.pull();
      await reader.commit();
      return [...(await log.committed(topic, topic)).values()].join() === "100,100";
    }, "committed offsets");
  });
}

kafka.eachClient(
  "a broker may be away for many tries: the subscription waits, and reads on when it is back",
  async (broker, openOn) => {
    const warnings: string[] = [];
    await using log = await openOn(broker, {}, (message) => void warnings.push(message));
    const topic = topicName();
    await log.createTopics([{ topic, partitions: 1 }]);
    await log.produce(topic, [{ value: "before" }]);
    await using subscription = await log.subscribe({ topic, group: topic, signal: new AbortController().signal });
    const reader = new Reader(subscription);
    await reader.read(1);
    await broker.end("SIGKILL");
    const backAt = Date.now() + 12_000;
    try {
      while (Date.now() < backAt) {
        await reader.pull();
        await sleep(100);
      }
    } finally {
      await broker.resume();
    }
    assert(warnings.length > 0);
    await soon(retrying(() => log.produce(topic, [{ value: "after" }])), "producing again");
    await reader.read(2);
    assertEquals(reader.values, ["before", "after"]);
  },
);

kafka.eachClient("closing while the broker is away does not take long", async (broker, openOn) => {
  const log = await openOn(broker);
  const topic = topicName();
  await log.createTopics([{ topic, partitions: 1 }]);
  await log.produce(topic, [{ value: "x" }]);
  const subscription = await log.subscribe({ topic, group: topic, signal: new AbortController().signal });
  const generation = await generationOf(subscription, 1);
  await startAt(generation);
  await pull(generation, 1);
  await broker.end("SIGKILL");
  try {
    const asked = Date.now();
    await log[Symbol.asyncDispose]();
    assert(Date.now() - asked < 20_000);
  } finally {
    await broker.resume();
  }
});

kafka.eachClient("partitions that are added to a topic come with a new generation", async (broker, openOn) => {
  await using log = await openOn(broker, { metadataMaxAgeMs: 500 });
  const topic = topicName();
  await log.createTopics([{ topic, partitions: 1 }]);
  await using subscription = await log.subscribe({ topic, group: topic, signal: new AbortController().signal });
  const before = await generationOf(subscription, 1);
  await startAt(before);
  await onTopic(broker, topic, ["--alter", "--partitions", "3"]);
  const after = await generationOf(subscription, 3);
  assert(before.signal.aborted);
  await startAt(after);
  await log.produce(topic, [{ value: "x", partition: 2 }]);
  assertEquals((await pull(after, 1))[0]!.partition, 2);
});

kafka.eachClient("a topic that is deleted ends the subscription with its name", async (broker, openOn) => {
  await using log = await openOn(broker, { metadataMaxAgeMs: 500 });
  const topic = topicName();
  await log.createTopics([{ topic, partitions: 1 }]);
  await using subscription = await log.subscribe({ topic, group: "deleted", signal: new AbortController().signal });
  await startAt(await generationOf(subscription, 1));
  await onTopic(broker, topic, ["--delete"]);
  await assertRejects(() => soon(subscription.nextGeneration(), "failing"), TopicMissingError, topic);
  assertEquals(await log.topics([topic]), []);
});

kafka.eachClient("a topic that begins anew is an error, not a silent reset", async (broker, openOn) => {
  await using log = await openOn(broker);
  const topic = topicName();
  await log.createTopics([{ topic, partitions: 1 }]);
  await log.produce(topic, Array.from({ length: 50 }, () => ({ value: "old" })));
  {
    await using subscription = await log.subscribe({ topic, group: "anew", signal: new AbortController().signal });
    const generation = await generationOf(subscription, 1);
    await startAt(generation);
    await pull(generation, 50);
    await generation.commit(new Map([[0, 50]]));
  }
  await onTopic(broker, topic, ["--delete"]);
  await until(async () => (await log.topics([topic])).length === 0, "the topic is gone");
  await log.createTopics([{ topic, partitions: 1 }]);
  await log.produce(topic, [{ value: "new" }]);
  await using subscription = await log.subscribe({ topic, group: "anew", signal: new AbortController().signal });
  const generation = await generationOf(subscription, 1);
  await startAt(generation, 50);
  const error = await assertRejects(async () => {
    while (true) await generation.next(200);
  }, LogDivergedError);
  assert(error.message.includes("0 to 1"));
});

async function onTopic(broker: KafkaBroker, topic: string, args: readonly string[]): Promise<void> {
  const server = ["--bootstrap-server", broker.listeners.plaintext];
  await broker.tool("org.apache.kafka.tools.TopicCommand", [...server, "--topic", topic, ...args]);
}

/** Reads as the engine does: each generation begins where the last one stopped. */
class Reader {
  readonly values: string[] = [];
  readonly #next = new Map<number, number>();
  #generation: Generation | undefined;
  /** Who asked twice would be given two generations, one after the other. */
  #coming: Promise<Generation> | undefined;

  constructor(readonly subscription: Subscription) {}

  async read(count: number): Promise<void> {
    await until(async () => {
      await this.pull();
      return this.values.length >= count;
    }, `${count} records`);
  }

  /** Takes a batch that is there, or comes within a moment; how long a generation takes to come is not its business. */
  async pull(): Promise<void> {
    if (this.#generation === undefined || this.#generation.signal.aborted) {
      this.#coming ??= this.subscription.nextGeneration();
      const generation = await within(this.#coming, 50);
      if (generation === undefined) return;
      this.#coming = undefined;
      this.#generation = generation;
      await this.#generation.start(new Map(this.#generation.partitions.map((p) => [p, this.#next.get(p) ?? 0])));
    }
    const batch = await this.#generation.next(50);
    if (batch === undefined) return;
    assertEquals(batch.records[0]?.offset, this.#next.get(batch.partition) ?? 0);
    this.#next.set(batch.partition, batch.nextOffset);
    this.values.push(...batch.records.map(({ value }) => text(value)!));
  }

  caughtUp(): boolean {
    const generation = this.#generation;
    return generation !== undefined && generation.partitions.every((partition) => generation.caughtUp(partition));
  }

  async commit(): Promise<void> {
    await this.#generation!.commit(this.#next);
  }
}

/** What the promise resolves with; `undefined` when that takes longer. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => timer = setTimeout(() => resolve(undefined), ms));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function retrying<T>(call: () => Promise<T>): Promise<T> {
  while (true) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof LogUnavailableError)) throw error;
      await sleep(100);
    }
  }
}
