// Members, brokers and leaders of partitions that are taken away at once, again and again, under load and with unusable records
// of every size: from three real Kafka brokers to the Snowflake double by three real processes. Nobody exits, a partition that is
// not concerned does not wait, nothing is lost, nothing is there twice, and the derived tables equal a recomputation.
// FRESHET_CHAOS_ROUNDS says how often; without it nothing runs. FRESHET_SEED repeats what happens.

import { assert, assertEquals } from "@std/assert";
import freshetSql from "../../sql/freshet.sql" with { type: "text" };
import { Random } from "../../simulators/random.ts";
import { deadLetterTopic } from "../../src/engine/mod.ts";
import { openKafkaLog } from "../../src/log/kafka.ts";
import type { Log, NewRecord } from "../../src/log/log.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import type { Script } from "../../src/warehouse/warehouse.ts";
import { until } from "../contracts/log/place.ts";
import { checkedDomains } from "../support/checked_domains.ts";
import { checkRules, everyTableFilled } from "../support/checks.ts";
import { domainOf } from "../support/domains.ts";
import { type ClusterNode, KafkaCluster } from "../support/kafka/cluster.ts";
import { whyNoKafka } from "../support/kafka/jars.ts";
import { ProgramMember } from "../support/program_member.ts";
import { ownSchema } from "../support/snowflake/adapter.ts";
import { copyTables } from "../support/snowflake/copy.ts";
import { startSnowflake, whyNoSnowflake } from "../support/snowflake/mod.ts";
import { Traffic } from "../support/traffic.ts";

const ROUNDS = Number(Deno.env.get("FRESHET_CHAOS_ROUNDS") ?? 0);
const SEED = Number(Deno.env.get("FRESHET_SEED") ?? Date.now() % 1_000_000);
const REPLICAS = [[1, 2], [2, 3], [3, 1], [2, 1], [3, 2], [1, 3]];
const MEMBERS = 3;
const RECORDS = 5;
const WRITE_EVERY_MS = 250;
/** The most that a partition which is not concerned may wait for its next commit. */
const WAIT_MS = { "a broker killed": 5_000, otherwise: 2_000 };
/** Of unusable records; the largest is above what the dead letter topic takes. */
const POISON_BYTES = [0, 1, 1_000, 100_000, 900_000, 1_048_300, 3_000_000, 5_000_000];
const MAX_RECORD_BYTES = 8 * 1024 * 1024;

const skip = await whyNoKafka() ?? await whyNoSnowflake();
if (skip !== undefined) console.info(`The rounds of everything at once are skipped: ${skip}`);

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** What can happen to a broker; each leaves it running. */
const BROKER_FAULTS: Readonly<Record<string, (node: ClusterNode) => Promise<void>>> = {
  async killed({ process }) {
    await process.end("SIGKILL");
    await sleep(6_000);
    await process.start();
  },
  async restarted({ process }) {
    await process.end("SIGTERM");
    await process.start();
  },
  async "standing still"({ process }) {
    process.signal("SIGSTOP");
    await sleep(8_000);
    process.signal("SIGCONT");
  },
};

const MEMBER_FAULTS: Readonly<Record<string, (member: ProgramMember) => Promise<void>>> = {
  async killed(member) {
    await member.end("SIGKILL");
    member.start();
  },
  async restarted(member) {
    await member.end("SIGTERM");
    member.start();
  },
};

/** Writes into one partition without an end, also what no domain takes; what is refused is sent again. */
class PartitionWriter {
  #stopped = false;
  readonly #writing: Promise<void>;

  constructor(readonly log: Log, topic: string, partition: number, take: () => NewRecord[]) {
    this.#writing = this.#write(topic, partition, take);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#writing;
    await this.log[Symbol.asyncDispose]();
  }

  async #write(topic: string, partition: number, take: () => NewRecord[]): Promise<void> {
    while (!this.#stopped) {
      const records = take().map((record) => ({ ...record, partition }));
      while (true) {
        try {
          await this.log.produce(topic, records);
          break;
        } catch {
          await sleep(100);
        }
      }
      await sleep(WRITE_EVERY_MS);
    }
  }
}

/** Looks all the time how far each partition is committed. */
class Watch implements AsyncDisposable {
  readonly #advances = new Map<number, number[]>();
  readonly #committed = new Map<number, number>();
  readonly #owners = new Map<number, ProgramMember>();
  readonly #stopping = new AbortController();
  readonly #watching: Promise<unknown>;

  constructor(members: readonly ProgramMember[]) {
    this.#watching = Promise.all(members.map((member) => this.#watch(member)));
  }

  committed(partition: number): number {
    return this.#committed.get(partition) ?? 0;
  }

  /** The member that last said that the partition is its own. */
  owner(partition: number): ProgramMember | undefined {
    return this.#owners.get(partition);
  }

  /** The longest time without a commit of the partition since `sinceMs`, until now. */
  longestWaitMs(partition: number, sinceMs: number): number {
    const times = (this.#advances.get(partition) ?? []).filter((at) => at >= sinceMs);
    const all = [sinceMs, ...times, performance.now()];
    return Math.max(...all.slice(1).map((at, i) => at - all[i]!));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#watching;
  }

  async #watch(member: ProgramMember): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      for (const { partition, nextOffset } of (await member.status())?.partitions ?? []) {
        this.#owners.set(partition, member);
        if (nextOffset <= this.committed(partition)) continue;
        this.#committed.set(partition, nextOffset);
        const times = this.#advances.get(partition) ?? [];
        this.#advances.set(partition, times);
        times.push(performance.now());
      }
      await sleep(50);
    }
  }
}

function poison(random: Random): NewRecord {
  const length = POISON_BYTES[Math.floor(random.next() * POISON_BYTES.length)]!;
  if (length === 0) return { value: null };
  // What cannot be compressed, so that the copy in the dead letter topic must be cut.
  const value = new Uint8Array(length);
  for (let i = 0; i < length; i += 65_536) crypto.getRandomValues(value.subarray(i, i + 65_536));
  return { key: "poison", value };
}

const domain = checkedDomains.find(({ name }) => name === "trains")!;
const { topic, sql } = domainOf(domain.name);
const scripts: readonly Script[] = [{ name: "freshet", text: freshetSql }, { name: domain.name, text: sql }];

Deno.test({
  name:
    `${ROUNDS} rounds of members, brokers and leaders taken away at once: no gap, no duplicate, and nobody else waits`,
  ignore: ROUNDS === 0 || skip !== undefined,
  async fn() {
    console.log(`seed ${SEED} (FRESHET_SEED=${SEED} repeats the faults)`);
    const random = new Random(SEED);
    const pick = <T>(items: readonly T[]) => items[Math.floor(random.next() * items.length)]!;
    const double = await startSnowflake();
    try {
      await using cluster = await KafkaCluster.start({ offsetsReplicas: 3 });
      await cluster.createTopic({ topic, replicas: REPLICAS, config: { "max.message.bytes": MAX_RECORD_BYTES } });
      await cluster.createTopic({ topic: deadLetterTopic(topic), replicas: [[1, 2, 3]] });
      await using schema = await ownSchema(double, { lockSeconds: 2, abandonedSeconds: 4 });
      await using warehouse = await schema.open();
      await warehouse.migrate(scripts);

      const env = (name: string) => ({
        ...schema.env,
        KAFKA_CLIENT: "platformatic",
        KAFKA_BROKERS: cluster.addresses.join(","),
        KAFKA_GROUP_INSTANCE_ID: name,
        FRESHET_CHECKPOINT_MS: "300",
      });
      await using stack = new AsyncDisposableStack();
      const members = Array.from(
        { length: MEMBERS },
        (_, i) => stack.use(new ProgramMember([domain.name], env(`member-${i}`))),
      );
      for (const member of members) member.start();
      const watch = stack.use(new Watch(members));
      const traffic = new Traffic(domain, SEED);
      let sent = 0;
      const take = () => {
        const records = traffic.take(RECORDS);
        sent += records.length;
        return sent % 100 === 0 ? [...records.slice(1), poison(random)] : records;
      };
      const writing = new AsyncDisposableStack();
      stack.defer(() => writing.disposeAsync());
      for (const partition of REPLICAS.keys()) {
        const log = await openKafkaLog({ settings: { client: "platformatic", brokers: cluster.addresses } });
        writing.use(new PartitionWriter(log, topic, partition, take));
      }
      const progress = async (what: string) => {
        const before = REPLICAS.map((_, p) => watch.committed(p));
        try {
          await until(() => before.every((offset, p) => watch.committed(p) > offset + 10), what);
        } catch (error) {
          for (const member of members) console.log(member.name, member.exited, JSON.stringify(await member.status()));
          throw error;
        }
      };
      await progress("all partitions are read");

      const longest = { healthy: 0, all: 0 };
      for (let round = 1; round <= ROUNDS; round++) {
        const kinds = ["member", "broker", "member and broker", "leaders", "member, broker and leaders"];
        const kind = pick(kinds);
        const [member, node] = [pick(members), pick(cluster.nodes)];
        const [memberFault, brokerFault] = [pick(Object.keys(MEMBER_FAULTS)), pick(Object.keys(BROKER_FAULTS))];
        const withMember = kind.includes("member");
        const withBroker = kind.includes("broker");
        const isHealthy = (partition: number) =>
          !(withMember && watch.owner(partition) === member) &&
          !(withBroker && REPLICAS[partition]!.includes(node.id));
        const healthy = [...REPLICAS.keys()].filter(isHealthy);
        const startedAt = performance.now();
        await Promise.all([
          withMember ? MEMBER_FAULTS[memberFault]!(member) : undefined,
          withBroker ? BROKER_FAULTS[brokerFault]!(node) : undefined,
          kind.includes("leaders") ? cluster.electLeaders(cluster.nodes.find((other) => other !== node)!) : undefined,
        ]);
        await progress(`all partitions are read on after round ${round}`);
        const waits = REPLICAS.map((_, p) => Math.round(watch.longestWaitMs(p, startedAt)));
        const happened = [
          withMember ? `${member.name} ${memberFault}` : [],
          withBroker ? `broker ${node.id} ${brokerFault}` : [],
          kind.includes("leaders") ? "leaders elected" : [],
        ].flat().join(", ");
        const shown = waits.map((ms, p) => healthy.includes(p) ? `${ms}` : `(${ms})`);
        console.log(`round ${round}: ${happened}; longest waits by partition ${shown.join(", ")} ms`);
        const most = withBroker && brokerFault !== "restarted" ? WAIT_MS["a broker killed"] : WAIT_MS.otherwise;
        for (const partition of healthy) {
          longest.healthy = Math.max(longest.healthy, waits[partition]!);
          assert(waits[partition]! <= most, `partition ${partition} waited ${waits[partition]} ms: ${happened}`);
        }
        longest.all = Math.max(longest.all, ...waits);
        for (const { name, exited } of members) assertEquals(exited, undefined, `${name} has exited`);
        await cluster.inSync(topic);
      }
      await writing.disposeAsync();
      const codes = await Promise.all(members.map((member) => member.end("SIGTERM")));
      assertEquals(codes, members.map(() => 0));

      await using last = new ProgramMember([domain.name, "--until-end"], env("last"));
      last.start();
      assertEquals(await last.ended(), 0, "the last run, until the end, must succeed");
      const folder = await Deno.makeTempDir();
      stack.defer(() => Deno.remove(folder, { recursive: true }));
      await using copy = await openDuckDb({ path: `${folder}/copy.duckdb` });
      await copyTables(warehouse, copy, scripts);
      await checkRules(copy, { ...domain.rules, ...everyTableFilled(domainOf(domain.name)) });
      await using log = await openKafkaLog({ settings: { client: "platformatic", brokers: cluster.addresses } });
      const [info] = await log.topics([topic]);
      const offsets = await copy.query(
        "SELECT NEXT_OFFSET, EPOCH FROM FRESHET_OFFSETS WHERE NEXT_OFFSET > 0 ORDER BY KAFKA_PARTITION",
      );
      assertEquals(offsets.rows.map(([offset]) => Number(offset)), info!.partitions.map(({ high }) => high));
      console.log(
        `${info!.partitions.reduce((sum, { high }) => sum + high, 0)} records; partitions were claimed up to ${
          Math.max(...offsets.rows.map(([, epoch]) => Number(epoch)))
        } times; the longest waits were ${longest.healthy} ms where nothing was taken away, ${longest.all} ms in all`,
      );
    } finally {
      await double.stop();
    }
  },
});
