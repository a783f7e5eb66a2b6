// Brokers of three that go, stand still and come back: what can be read is read meanwhile, what cannot comes back by itself, and
// the group does not change for it. By the client that promises it; docs/kafka.md says what kafkajs does.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { openKafkaLog } from "../../src/log/kafka.ts";
import type { Log } from "../../src/log/log.ts";
import { Terminal } from "../cli/terminal.ts";
import { soon, topicName, until } from "../contracts/log/place.ts";
import { KafkaCluster } from "../support/kafka/cluster.ts";
import { coordinatorOf, groupAt } from "../support/kafka/coordinators.ts";
import { QUICK } from "../support/kafka/fixture.ts";
import { FlowReader, Writer } from "../support/kafka/flow.ts";
import { whyNoKafka } from "../support/kafka/jars.ts";
import { waitForAnswer } from "../support/running.ts";

const skip = await whyNoKafka();
const cluster = skip === undefined ? await KafkaCluster.start() : undefined;
Deno.test.afterAll(async () => await cluster?.[Symbol.asyncDispose]());

/**
 * The most that a partition which is not concerned may wait. One whose records are copied by the broker that goes is concerned,
 * too: Kafka takes no record from its writers until that broker is given up.
 */
const UNTOUCHED_MS = 2_000;

const test = (name: string, body: (cluster: KafkaCluster) => Promise<void>) =>
  Deno.test({ name, ignore: skip !== undefined, fn: () => body(cluster!) });

const open = (): Promise<Log> =>
  openKafkaLog({ settings: { client: "platformatic", brokers: cluster!.addresses, ...QUICK } });

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Runs `body` while records flow through a topic; then everything written must have come. */
async function flowing(
  { replicas, coordinator }: { readonly replicas: readonly (readonly number[])[]; readonly coordinator: number },
  body: (reader: FlowReader) => Promise<void>,
): Promise<void> {
  const topic = topicName();
  await cluster!.createTopic({ topic, replicas });
  const group = await groupAt(cluster!, coordinator);
  await using log = await open();
  await using reader = new FlowReader(await log.subscribe({ topic, group, signal: new AbortController().signal }));
  const logs = await Promise.all(replicas.map(open));
  const writers = logs.map((log, partition) => new Writer({ log, topic, partition }));
  try {
    const partitions = [...replicas.keys()];
    await until(() => partitions.every((p) => reader.count(p) > 5), "records of every partition");
    await body(reader);
    await Promise.all(writers.map((writer) => writer.stop()));
    await until(() => partitions.every((p) => reader.count(p) >= writers[p]!.written), "everything that was written");
  } finally {
    await Promise.all(writers.map((writer) => writer[Symbol.asyncDispose]()));
  }
}

test("a partition whose only broker is gone holds up no other, and is read on when the broker is back", async (cluster) => {
  await flowing({ replicas: [[1], [2], [3]], coordinator: 1 }, async (reader) => {
    const { process } = cluster.node(3);
    const endedAt = performance.now();
    await process.end("SIGKILL");
    await until(() => reader.generation!.look(2)!.obstacle === "has no leader", "what is in the way is told");
    await sleep(1_000);
    for (const partition of [0, 1]) {
      const gapMs = reader.longestGapMs(partition, endedAt);
      assert(gapMs < UNTOUCHED_MS, `partition ${partition} waited ${gapMs} ms`);
    }
    assertEquals(reader.generation!.look(0)!.obstacle, undefined);
    const before = reader.count(2);
    await process.start();
    await until(() => reader.count(2) > before + 5, "the partition is read on");
    assertEquals(reader.generations, 1);
  });
});

test("leaders move when a broker is killed, and back when they are elected: no rejoining, and the others do not wait", async (cluster) => {
  await flowing({ replicas: [[1, 3], [2, 3], [3, 1]], coordinator: 1 }, async (reader) => {
    const { process } = cluster.node(2);
    const killedAt = performance.now();
    const before = reader.count(1);
    await process.end("SIGKILL");
    await until(() => reader.count(1) > before + 20, "the new leader is read");
    for (const partition of [0, 2]) {
      const gapMs = reader.longestGapMs(partition, killedAt);
      assert(gapMs < UNTOUCHED_MS, `partition ${partition} waited ${gapMs} ms`);
    }
    await process.start();
    await sleep(1_500); // in sync again, so that it may lead
    const electedAt = performance.now();
    await cluster.electLeaders();
    await sleep(1_000);
    for (const partition of [0, 1, 2]) {
      const gapMs = reader.longestGapMs(partition, electedAt);
      assert(gapMs < UNTOUCHED_MS, `partition ${partition} waited ${gapMs} ms`);
    }
    assertEquals(reader.generations, 1);
  });
});

test("a broker that stands still is left for the new leader, and the others do not wait", async (cluster) => {
  await flowing({ replicas: [[1, 2], [2, 1], [3, 1]], coordinator: 1 }, async (reader) => {
    const { process } = cluster.node(3);
    const stoppedAt = performance.now();
    const before = reader.count(2);
    process.signal("SIGSTOP");
    try {
      await until(() => reader.count(2) > before + 20, "the new leader is read");
      for (const partition of [0, 1]) {
        const gapMs = reader.longestGapMs(partition, stoppedAt);
        assert(gapMs < UNTOUCHED_MS, `partition ${partition} waited ${gapMs} ms`);
      }
    } finally {
      process.signal("SIGCONT");
    }
    assertEquals(reader.generations, 1);
  });
});

test("the group's coordinator is away, in mid-run and at the start: who reads reads on, who comes waits", async (cluster) => {
  await flowing({ replicas: [[1, 2], [2, 1]], coordinator: 3 }, async (reader) => {
    const { process } = cluster.node(3);
    const group = await groupAt(cluster, 3);
    const endedAt = performance.now();
    await process.end("SIGTERM");
    await using log = await open();
    const topic = reader.generation!.topic;
    await using subscription = await log.subscribe({ topic, group, signal: new AbortController().signal });
    const joined = subscription.nextGeneration();
    await until(() => subscription.membership().trouble !== undefined, "what keeps it from joining is told");
    await sleep(2_000);
    for (const partition of [0, 1]) {
      const gapMs = reader.longestGapMs(partition, endedAt);
      assert(gapMs < UNTOUCHED_MS, `partition ${partition} waited ${gapMs} ms`);
    }
    await process.start();
    assertEquals((await soon(joined, "joining")).partitions, [0, 1]);
    assertEquals(await coordinatorOf(cluster, group), 3);
    assertEquals(reader.generations, 1);
    await reader.generation!.commit(new Map([[0, 1], [1, 1]]));
  });
});

test("the program starts while a partition has no leader: it reads the others, says so, and reads it when it has one", async (cluster) => {
  await using terminal = await Terminal.open();
  await cluster.createTopic({ topic: "ats_telemetry", replicas: [[1], [2], [3]] });
  await cluster.createTopic({ topic: "ats_telemetry.dlq", replicas: [[1, 2]] });
  let name = 0;
  while (await coordinatorOf(cluster, `g${name}-trains`) !== 1) name++;
  const env = {
    KAFKA_CLIENT: "platformatic",
    KAFKA_GROUP_ID: `g${name}`,
    KAFKA_BROKERS: cluster.addresses.join(","),
    FRESHET_CHECKPOINT_MS: "100",
    FRESHET_STANDSTILL_MS: "1000",
  };
  const sent = await terminal.run(["simulate", "trains", "--count", "300"], { env });
  assertEquals(sent.code, 0, sent.stderr);
  const { process } = cluster.node(3);
  await process.end("SIGKILL");
  const stop = new AbortController();
  const ended = terminal.run(["run", "trains", "--no-simulate"], { env, signal: stop.signal });
  const ready = JSON.parse(await waitForAnswer(terminal, "/readyz", (text) => text.includes("has no leader")));
  assertStringIncludes(ready.reasons.trains, "Partition 2 has no leader");
  assertEquals(JSON.parse(await waitForAnswer(terminal, "/livez", () => true)).status, "ok");
  const READ = /freshet_records_total\{domain="trains",result="accepted"\} (\d+)/;
  const read = Number(
    READ.exec(await waitForAnswer(terminal, "/metrics", (text) => Number(READ.exec(text)?.[1]) > 0))![1],
  );
  assert(read < 300);
  await process.start();
  await waitForAnswer(terminal, "/metrics", (text) => READ.exec(text)?.[1] === "300");
  await waitForAnswer(terminal, "/readyz", (text) => JSON.parse(text).status === "ok");
  stop.abort();
  const { code, stderr } = await ended;
  assertEquals(code, 0, stderr);
});
