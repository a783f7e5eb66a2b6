// Members, brokers and leaders of partitions that are taken away at once, again and again, under load and with unusable records
// of every size: three real brokers, three members. Nobody exits, nothing is lost, nothing is there twice, and the derived tables
// equal a recomputation. FRESHET_CHAOS_ROUNDS says how often; then a partition that is not concerned must not wait either, which
// needs a quiet machine. FRESHET_SEED repeats what happens.

import { assert, assertEquals } from "@std/assert";
import { Random } from "../../simulators/random.ts";
import { deadLetterTopic } from "../../src/engine/mod.ts";
import { openKafkaLog } from "../../src/log/kafka.ts";
import type { NewRecord } from "../../src/log/log.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { until } from "../contracts/log/place.ts";
import { checkedDomains } from "../support/checked_domains.ts";
import { checkRules, everyTableFilled } from "../support/checks.ts";
import { domainOf } from "../support/domains.ts";
import { BROKER_FAULTS } from "../support/kafka/broker_faults.ts";
import { type ClusterNode, KafkaCluster } from "../support/kafka/cluster.ts";
import { Moments, Writer } from "../support/kafka/flow.ts";
import { whyNoKafka } from "../support/kafka/jars.ts";
import { linesOf } from "../support/member.ts";
import { AS_SHIPPED, FRESHET } from "../support/shipped.ts";
import { Traffic } from "../support/traffic.ts";
import type { Line, Options } from "./chaos_members.ts";

const ASKED = Deno.env.get("FRESHET_CHAOS_ROUNDS");
const ROUNDS = Number(ASKED ?? 2);
const SEED = Number(Deno.env.get("FRESHET_SEED") ?? Date.now() % 1_000_000);
const REPLICAS = [[1, 2], [2, 3], [3, 1], [2, 1], [3, 2], [1, 3]];
const MEMBERS = 3;
const RECORDS = 5;
const WRITE_EVERY_MS = 250;
/**
 * The most that a partition which is not concerned may wait for its next commit. The cluster gives a broker up after 4 s; an
 * election moves leaders and coordinators of all partitions.
 */
const WAIT_MS = { "a broker away, or an election": 5_000, otherwise: 2_000 };
/** Of unusable records; the largest is above what the dead letter topic takes. */
const POISON_BYTES = [0, 1, 1_000, 100_000, 900_000, 1_048_300, 3_000_000, 5_000_000];
const MAX_RECORD_BYTES = 8 * 1024 * 1024;

const skip = await whyNoKafka();
if (skip !== undefined) console.info(`The rounds of everything at once are skipped: ${skip}`);

/** The members' process, and how far it says that each partition is committed. */
class Members implements AsyncDisposable {
  readonly #advances = new Moments();
  readonly #committed = new Map<number, number>();
  readonly #owners = new Map<number, number>();
  #child: Deno.ChildProcess | undefined;
  #exited: number | undefined;

  constructor(readonly options: Options) {}

  /** The code with which the process exited without being told to: a member has failed. */
  get exited(): number | undefined {
    return this.#exited;
  }

  start(): void {
    const child = new Deno.Command(Deno.execPath(), {
      args: [...AS_SHIPPED, "tests/faults/chaos_members.ts", JSON.stringify(this.options)],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#child = child;
    this.#listen(child);
    child.status.then(({ code }) => {
      if (this.#child === child) this.#exited = code;
    });
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    child?.kill("SIGKILL");
    await child?.status;
  }

  async restart(member: number): Promise<void> {
    const writer = this.#child!.stdin.getWriter();
    await writer.write(new TextEncoder().encode(`${member}\n`));
    writer.releaseLock();
  }

  committed(partition: number): number {
    return this.#committed.get(partition) ?? 0;
  }

  /** The member that last committed something of the partition. */
  owner(partition: number): number | undefined {
    return this.#owners.get(partition);
  }

  /** The longest time without a commit of the partition since `sinceMs`, until now. */
  longestWaitMs(partition: number, sinceMs: number): number {
    return this.#advances.longestGapMs(partition, sinceMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#exited === undefined) await this.kill();
  }

  async #listen(child: Deno.ChildProcess): Promise<void> {
    for await (const line of linesOf<Line>(child.stdout)) {
      for (const [member, partitions] of line.entries()) {
        for (const [partition, nextOffset] of partitions) {
          if (nextOffset <= this.committed(partition)) continue;
          this.#owners.set(partition, member);
          this.#committed.set(partition, nextOffset);
          this.#advances.note(partition);
        }
      }
    }
    await child.stdin.close().catch(() => {});
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
const { topic } = domainOf(domain.name);
const pathIn = (dataDir: string) => `${dataDir}/freshet.duckdb`;
const open = (brokers: readonly string[]) => openKafkaLog({ settings: { client: "platformatic", brokers } });

/** What is taken away in a round. */
interface Kind {
  readonly members?: "one" | "all";
  readonly broker?: true;
  readonly leaders?: true;
}

const KINDS: readonly Kind[] = [
  { members: "one" },
  { broker: true },
  { members: "one", broker: true },
  { leaders: true },
  { members: "one", broker: true, leaders: true },
  { members: "all" },
  { members: "all", broker: true },
];

/** A round with everything in it decided. */
interface Round extends Omit<Kind, "broker"> {
  readonly member: number;
  readonly node: ClusterNode;
  readonly brokerFault: string | undefined;
}

interface Place {
  readonly cluster: KafkaCluster;
  readonly members: Members;
}

/** Takes everything away at once; resolves when it is there again. */
async function takeAway({ members: which, member, node, brokerFault, leaders }: Round, place: Place): Promise<void> {
  const { cluster, members } = place;
  await Promise.all([
    which === "all" ? members.kill().then(() => members.start()) : undefined,
    which === "one" ? members.restart(member) : undefined,
    brokerFault === undefined ? undefined : BROKER_FAULTS[brokerFault]!(node),
    // One that is away cannot be elected, which the tool takes for a failure.
    leaders ? cluster.electLeaders(cluster.nodes.find((other) => other !== node)!).catch(() => {}) : undefined,
  ]);
}

const textOf = ({ members, member, node, brokerFault, leaders }: Round): string =>
  [
    members === "all" ? "all members killed" : [],
    members === "one" ? `member ${member} restarted` : [],
    brokerFault === undefined ? [] : `broker ${node.id} ${brokerFault}`,
    leaders ? "leaders elected" : [],
  ].flat().join(", ");

/** The partitions that nothing of the round concerns. */
function healthyIn({ members: which, member, node, brokerFault }: Round, members: Members): number[] {
  if (which === "all") return [];
  return [...REPLICAS.keys()].filter((partition) =>
    !(which === "one" && members.owner(partition) === member) &&
    !(brokerFault !== undefined && REPLICAS[partition]!.includes(node.id))
  );
}

/** Works off the rest with the program itself, and checks every table and every offset. Resolves with what to print. */
async function checkAll(dataDir: string, brokers: readonly string[]): Promise<string> {
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: [...FRESHET, "run", domain.name, "--no-simulate", "--until-end"],
    env: {
      // As the members: while those that were killed still count, their group may refuse the other client.
      KAFKA_CLIENT: "platformatic",
      KAFKA_BROKERS: brokers.join(","),
      FRESHET_DATA_DIR: dataDir,
      FRESHET_API_PORT: "0",
      FRESHET_DASHBOARD_PORT: "0",
    },
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn().status;
  assertEquals(code, 0, "the last run, until the end, must succeed");
  await using warehouse = await openDuckDb({ path: pathIn(dataDir) });
  await checkRules(warehouse, { ...domain.rules, ...everyTableFilled(domainOf(domain.name)) });
  await using log = await open(brokers);
  const [info] = await log.topics([topic]);
  const { rows } = await warehouse.query(
    "SELECT NEXT_OFFSET, EPOCH FROM FRESHET_OFFSETS WHERE NEXT_OFFSET > 0 ORDER BY KAFKA_PARTITION",
  );
  assertEquals(rows.map(([offset]) => Number(offset)), info!.partitions.map(({ high }) => high));
  const records = info!.partitions.reduce((sum, { high }) => sum + high, 0);
  return `${records} records; partitions were claimed up to ${
    Math.max(...rows.map(([, epoch]) => Number(epoch)))
  } times`;
}

Deno.test({
  name: `${ROUNDS} rounds of members, brokers and leaders taken away at once leave no gap and no duplicate`,
  ignore: skip !== undefined,
  async fn() {
    console.log(`seed ${SEED} (FRESHET_SEED=${SEED} repeats the faults)`);
    const random = new Random(SEED);
    const pick = <T>(items: readonly T[]) => items[Math.floor(random.next() * items.length)]!;
    await using stack = new AsyncDisposableStack();
    const dataDir = await Deno.makeTempDir();
    stack.defer(() => Deno.remove(dataDir, { recursive: true }));
    const cluster = stack.use(await KafkaCluster.start({ offsetsReplicas: 3 }));
    const brokers = cluster.addresses;
    await cluster.createTopic({ topic, replicas: REPLICAS, config: { "max.message.bytes": MAX_RECORD_BYTES } });
    await cluster.createTopic({ topic: deadLetterTopic(topic), replicas: [[1, 2, 3]] });
    const members = stack.use(
      new Members({ brokers, path: pathIn(dataDir), domain: domain.name, members: MEMBERS }),
    );
    members.start();
    const traffic = new Traffic(domain, SEED);
    const take = () => {
      const records = traffic.take(RECORDS);
      return traffic.count % 100 === 0 ? [...records.slice(1), poison(random)] : records;
    };
    const writers = stack.use(new AsyncDisposableStack());
    for (const partition of REPLICAS.keys()) {
      writers.use(new Writer({ log: await open(brokers), topic, partition, take, everyMs: WRITE_EVERY_MS }));
    }
    const progress = async (what: string) => {
      const before = REPLICAS.map((_, p) => members.committed(p));
      await until(() => before.every((offset, p) => members.committed(p) > offset + 10), what);
    };
    await progress("all partitions are read");

    /** The longest waits of those not concerned, by what was allowed. */
    const longest: Record<number, number> = {};
    for (let n = 1; n <= ROUNDS; n++) {
      const { broker, ...kind } = pick(KINDS);
      const brokerFault = broker && pick(Object.keys(BROKER_FAULTS));
      const round = { ...kind, member: Math.floor(random.next() * MEMBERS), node: pick(cluster.nodes), brokerFault };
      const healthy = healthyIn(round, members);
      const startedAt = performance.now();
      await takeAway(round, { cluster, members });
      await progress(`all partitions are read on after round ${n}`);
      const waits = REPLICAS.map((_, p) => Math.round(members.longestWaitMs(p, startedAt)));
      const shown = waits.map((ms, p) => healthy.includes(p) ? `${ms}` : `(${ms})`);
      console.log(`round ${n}: ${textOf(round)}; longest waits by partition ${shown.join(", ")} ms`);
      const isAway = brokerFault !== undefined && brokerFault !== "restarted";
      const most = isAway || round.leaders ? WAIT_MS["a broker away, or an election"] : WAIT_MS.otherwise;
      longest[most] = Math.max(longest[most] ?? 0, ...healthy.map((p) => waits[p]!));
      for (const p of ASKED === undefined ? [] : healthy) {
        assert(waits[p]! <= most, `partition ${p} waited ${waits[p]} ms: ${textOf(round)}`);
      }
      assertEquals(members.exited, undefined, "a member has failed");
      await cluster.inSync(topic);
    }
    await writers.disposeAsync();
    await members.kill();
    const checked = await checkAll(dataDir, brokers);
    console.log(
      `${checked}; the longest waits of those not concerned, by what was allowed: ${JSON.stringify(longest)} ms`,
    );
  },
});
