// How fast the logs are written and read, and how much memory that takes, with Kafka beside bare kafkajs.
//   deno run -A tests/log/reading_bench.ts [embedded|kafka] [records]

import { Kafka, logLevel } from "kafkajs";
import { openEmbeddedLog } from "../../src/log/embedded.ts";
import type { Log } from "../../src/log/log.ts";
import { KafkaBroker } from "../support/kafka/broker.ts";
import { openOn } from "../support/kafka/fixture.ts";

const RECORD_BYTES = 280;
const PARTITIONS = 4;
const which = Deno.args[0] ?? "all";
const count = Number(Deno.args[1] ?? 2_000_000);
const topic = "bench";

/** Runs `body`, prints its rate and the largest resident size meanwhile. */
async function measure(what: string, body: () => Promise<void>): Promise<void> {
  let peak = 0;
  const watch = setInterval(() => peak = Math.max(peak, Deno.memoryUsage().rss), 50);
  const startedAt = performance.now();
  await body();
  const seconds = (performance.now() - startedAt) / 1000;
  clearInterval(watch);
  const rate = Math.round(count / seconds / 1000);
  console.log(`${what.padEnd(38)} ${String(rate).padStart(6)} k records/s   ${Math.round(peak / 2 ** 20)} MB resident`);
}

async function write(log: Log): Promise<void> {
  const value = "v".repeat(RECORD_BYTES - 8);
  for (let i = 0; i < count; i += 1000) {
    await log.produce(topic, Array.from({ length: 1000 }, (_, j) => ({ key: `key-${(i + j) % 997}`, value })));
  }
}

async function read(log: Log): Promise<void> {
  await using subscription = await log.subscribe({ topic, group: "bench", signal: new AbortController().signal });
  const generation = await subscription.nextGeneration();
  await generation.start(new Map(generation.partitions.map((partition) => [partition, 0])));
  for (let seen = 0; seen < count;) seen += (await generation.next(1000))?.records.length ?? 0;
}

async function embedded(): Promise<void> {
  const dataDir = await Deno.makeTempDir({ prefix: "freshet-bench-" });
  {
    await using log = await openEmbeddedLog({ dataDir });
    await log.createTopics([{ topic, partitions: PARTITIONS }]);
    await measure("embedded: write, 1000 a call", () => write(log));
    await measure("embedded: read", () => read(log));
  }
  await Deno.remove(dataDir, { recursive: true });
}

async function kafka(): Promise<void> {
  await using broker = await KafkaBroker.start({ isFast: true });
  await using log = await openOn(broker);
  await log.createTopics([{ topic, partitions: PARTITIONS }]);
  await broker.tool("org.apache.kafka.tools.ProducerPerformance", [
    ...["--topic", topic, "--num-records", `${count}`, "--record-size", `${RECORD_BYTES}`, "--throughput", "-1"],
    ...["--producer-props", `bootstrap.servers=${broker.listeners.plaintext}`, "batch.size=131072", "linger.ms=5"],
  ]);
  for (let round = 0; round < 2; round++) {
    await measure("kafkajs: eachBatch, nothing else", () => readBare(broker, `bare-${round}`));
    await measure("kafka: read", () => read(log));
  }
}

async function readBare(broker: KafkaBroker, groupId: string): Promise<void> {
  const client = new Kafka({ brokers: [broker.listeners.plaintext], logLevel: logLevel.NOTHING });
  const consumer = client.consumer({ groupId, maxWaitTimeInMs: 200 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  let seen = 0;
  const done = Promise.withResolvers<void>();
  await consumer.run({
    autoCommit: false,
    eachBatch: ({ batch }) => {
      seen += batch.messages.length;
      if (seen >= count) done.resolve();
      return Promise.resolve();
    },
  });
  await done.promise;
  await consumer.disconnect();
}

if (which !== "kafka") await embedded();
if (which !== "embedded") await kafka();
