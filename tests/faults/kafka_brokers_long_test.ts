// Faults of brokers one after another, at random: everything that was written is read, each offset once. FRESHET_BROKER_ROUNDS
// says how many faults; without it nothing runs, because each takes half a minute. FRESHET_SEED repeats their order.

import { assertEquals } from "@std/assert";
import { Random } from "../../simulators/random.ts";
import { openKafkaLog } from "../../src/log/kafka.ts";
import { topicName, until } from "../contracts/log/place.ts";
import { BROKER_FAULTS } from "../support/kafka/broker_faults.ts";
import { KafkaCluster } from "../support/kafka/cluster.ts";
import { FlowReader, Writer } from "../support/kafka/flow.ts";

const ROUNDS = Number(Deno.env.get("FRESHET_BROKER_ROUNDS") ?? 0);
const SEED = Number(Deno.env.get("FRESHET_SEED") ?? Date.now() % 1_000_000);
const REPLICAS = [[1, 2, 3], [2, 3, 1], [3, 1, 2], [1, 3, 2], [2, 1, 3], [3, 2, 1]];

Deno.test({
  name: `${ROUNDS} faults of brokers leave no gap and no duplicate, and one generation`,
  ignore: ROUNDS === 0,
  async fn() {
    console.log(`seed ${SEED} (FRESHET_SEED=${SEED} repeats the faults)`);
    const random = new Random(SEED);
    const pick = <T>(items: readonly T[]) => items[Math.floor(random.next() * items.length)]!;
    await using cluster = await KafkaCluster.start({ offsetsReplicas: 3 });
    const open = () => openKafkaLog({ settings: { client: "platformatic", brokers: cluster.addresses } });
    const topic = topicName();
    await cluster.createTopic({ topic, replicas: REPLICAS });
    await using log = await open();
    await using reader = new FlowReader(
      await log.subscribe({ topic, group: "faults", signal: new AbortController().signal }),
    );
    const logs = await Promise.all(REPLICAS.map(open));
    const writers = logs.map((log, partition) => new Writer({ log, topic, partition }));
    for (let round = 0; round < ROUNDS; round++) {
      const [what, node] = [pick(Object.keys(BROKER_FAULTS)), pick(cluster.nodes)];
      const before = writers.map(({ written }) => written);
      const startedAt = performance.now();
      await BROKER_FAULTS[what]!(node);
      await until(() => writers.every(({ written }, p) => written > before[p]! + 5), "writing goes on everywhere");
      await until(() => writers.every((_, p) => reader.count(p) > before[p]! + 5), "reading goes on everywhere");
      const gaps = writers.map((_, p) => Math.round(reader.longestGapMs(p, startedAt)));
      console.log(`broker ${node.id} ${what}: longest gaps by partition ${gaps.join(", ")} ms`);
    }
    await Promise.all(writers.map((writer) => writer.stop()));
    await until(() => writers.every(({ written }, p) => reader.count(p) >= written), "everything that was written");
    await Promise.all(writers.map((writer) => writer[Symbol.asyncDispose]()));
    assertEquals(reader.generations, 1);
  },
});
