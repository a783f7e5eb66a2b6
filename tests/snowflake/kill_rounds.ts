// From a real Kafka broker to the Snowflake double by two processes of one group, killed at random times, while everything that
// can happen to a statement happens: nothing is lost, nothing is there twice, and the derived tables equal a recomputation.
// FRESHET_KILL_ROUNDS says how often, FRESHET_KILL_RECORDS how many records a round has.

import { assert, assertEquals } from "@std/assert";
import freshetSql from "../../sql/freshet.sql" with { type: "text" };
import { Random } from "../../simulators/random.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import type { SnowflakeOptions } from "../../src/warehouse/snowflake.ts";
import type { Script } from "../../src/warehouse/warehouse.ts";
import { checkedDomains } from "../support/checked_domains.ts";
import { checkRules, everyTableFilled } from "../support/checks.ts";
import { domainOf } from "../support/domains.ts";
import type { KafkaBroker } from "../support/kafka/broker.ts";
import { openOn } from "../support/kafka/fixture.ts";
import { ownSchema } from "../support/snowflake/adapter.ts";
import { copyTables } from "../support/snowflake/copy.ts";
import { type Aim, DEFAULT_USER, type Fault, settingsFor, type SnowflakeDouble } from "../support/snowflake/mod.ts";
import { Traffic } from "../support/traffic.ts";
import type { Member } from "./kill_member.ts";
import { AS_SHIPPED } from "../support/shipped.ts";

export const ROUNDS = Number(Deno.env.get("FRESHET_KILL_ROUNDS") ?? 3);
const RECORDS = Number(Deno.env.get("FRESHET_KILL_RECORDS") ?? 3000);
const SEED = Number(Deno.env.get("FRESHET_SEED") ?? Date.now() % 1_000_000);

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function deno(env: Record<string, string>, ...args: string[]): Deno.ChildProcess {
  const command = [...AS_SHIPPED, ...args];
  return new Deno.Command(Deno.execPath(), { args: command, env, stdin: "null", stdout: "null", stderr: "inherit" })
    .spawn();
}

const FAULTS: readonly Fault[] = [
  { kind: "status", status: 503 },
  { kind: "status", status: 429, retryAfterSeconds: 1 },
  { kind: "cut_before" },
  { kind: "cut_after" },
  { kind: "cut_after", retry: "run_again" },
  { kind: "cut_after", retry: "dead_session" },
  { kind: "token_expired" },
  { kind: "master_token_expired" },
  { kind: "session_gone" },
  { kind: "transaction_aborted" },
  { kind: "slow", ms: 3_000 },
  { kind: "error", code: "000603", sqlState: "XX000", message: "SQL execution internal error" },
];
const STATEMENTS = [
  /^BEGIN/,
  /^INSERT ALL/,
  /^MERGE INTO "/,
  /^UPDATE FRESHET_OFFSETS_\w+ SET UPDATED_AT/,
  /^UPDATE FRESHET_OFFSETS_\w+ SET NEXT_OFFSET/,
  /^COMMIT/,
  /^MERGE INTO FRESHET/,
];

function pick<T>(random: Random, items: readonly T[]): T {
  return items[Math.floor(random.next() * items.length)]!;
}

const domain = checkedDomains.find(({ name }) => name === "trains")!;
const scripts: readonly Script[] = [
  { name: "freshet", text: freshetSql },
  { name: domain.name, text: domainOf(domain.name).sql },
];

/** What the processes are between. */
export interface Between {
  readonly broker: KafkaBroker;
  readonly double: SnowflakeDouble;
}

/** What is killed, and how it writes. */
export interface Way {
  readonly processes: number;
  /** What the schema's options have besides. */
  readonly options: Partial<SnowflakeOptions>;
  /** The same for the program. */
  readonly settings: Readonly<Record<string, string>>;
  /** Aims of faults. */
  readonly aims: readonly Aim[];
  /** For these only. */
  readonly faults: readonly Fault[];
}

/** Kills processes between a Kafka broker and the double, with faults, and compares everything in the end. */
export async function killRounds({ broker, double }: Between, way: Way): Promise<void> {
  console.log(`seed ${SEED} (FRESHET_SEED=${SEED} repeats the traffic)`);
  await using schema = await ownSchema(double, { lockSeconds: 2, abandonedSeconds: 4 });
  const options = { ...schema.options, ...way.options };
  const { topic, raw } = domainOf(domain.name);
  const random = new Random(SEED);
  const traffic = new Traffic(domain, SEED);
  await using warehouse = await schema.open(way.options);
  await warehouse.migrate(scripts);
  await using log = await openOn(broker);
  await log.createTopics([{ topic, partitions: 6 }]);

  const member: Member = { brokers: broker.listeners.plaintext, domain: domain.name, snowflake: options };
  const start = () => deno({}, ...["tests/snowflake/kill_member.ts", JSON.stringify(member)]);
  const members = Array.from({ length: way.processes }, start);
  let faults = 0;
  let next = 0;
  const committed = async () =>
    Number((await schema.sql("SELECT SUM(NEXT_OFFSET) FROM $SCHEMA.FRESHET_OFFSETS"))[0]![0]);
  let last = 0;
  /** Waits until the members have written something since it was last asked. */
  const progress = async () => {
    const until = Date.now() + 120_000;
    for (let now = last; now === last; now = await committed()) {
      assert(Date.now() < until, `nothing is written any more after ${last} records`);
      await sleep(100);
    }
    last = await committed();
  };
  for (let round = 0; round < ROUNDS; round++) {
    const injected = Array.from(
      { length: 4 },
      () => double.control.inject(FAULTS[next++ % FAULTS.length]!, { statement: pick(random, STATEMENTS) }),
    );
    for (const aim of way.aims) injected.push(double.control.inject(pick(random, way.faults), aim));
    for (let sent = 0; sent < RECORDS; sent += 100) {
      await log.produce(topic, traffic.take(100));
      await sleep(random.next() * 4_000 * 100 / RECORDS);
    }
    await progress();
    await sleep(random.next() * 1_500);
    // One of them, or all.
    const victims = random.next() < 0.3 ? [...members.keys()] : [Math.floor(random.next() * members.length)];
    for (const victim of victims) {
      const ended = await Promise.race([members[victim]!.status, Promise.resolve(undefined)]);
      assertEquals(ended, undefined, "a member has ended by itself");
      members[victim]!.kill("SIGKILL");
      await members[victim]!.status;
      members[victim] = start();
    }
    faults += injected.reduce((sum, { hits }) => sum + hits, 0);
    double.control.clearFaults();
    console.log(
      `round ${round + 1}: ${last} of ${traffic.count} written, ${faults} faults, ${victims.length} killed`,
    );
  }
  for (const child of members) {
    child.kill("SIGKILL");
    await child.status;
  }
  const folder = await Deno.makeTempDir();
  try {
    const { code } = await deno(
      {
        KAFKA_BROKERS: broker.listeners.plaintext,
        ...settingsFor(double, schema.name),
        ...way.settings,
        SNOWFLAKE_ROLE: DEFAULT_USER.roles[0]!,
        FRESHET_DATA_DIR: folder,
        FRESHET_API_PORT: "0",
        FRESHET_DASHBOARD_PORT: "0",
      },
      "main.ts",
      "run",
      domain.name,
      "--no-simulate",
      "--until-end",
    ).status;
    assertEquals(code, 0, "the last run, until the end, must succeed");
    await using copy = await openDuckDb({ path: `${folder}/copy.duckdb` });
    await copyTables(warehouse, copy, scripts);
    await checkRules(copy, { ...domain.rules, ...everyTableFilled(domainOf(domain.name)) });
    const counted = await warehouse.query(`SELECT (SELECT COUNT(*) FROM ${raw.table}),
        (SELECT COUNT(*) FROM DEAD_LETTERS), (SELECT MAX(EPOCH) FROM FRESHET_OFFSETS)`);
    const [accepted = 0, dead = 0, epoch = 0] = counted.rows[0]!.map(Number);
    console.log(
      `${traffic.count} records, ${faults} faults: ${accepted} accepted, ${dead} dead letters; partitions were claimed ` +
        `${epoch} times`,
    );
    assertEquals(accepted + dead, traffic.count);
    // A group waits for members that were killed, so that not every round has a claim of its own.
    assert(epoch > ROUNDS / 4, "the group must have rebalanced");
    assert(faults >= ROUNDS, "faults must have happened");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
