// Domains that run in several threads, as the program begins them, on a real log and a real warehouse: to everybody else they are
// one run.

import { assertEquals, assertRejects } from "@std/assert";
import { systemClock } from "../../src/clock.ts";
import { type Config, readConfig } from "../../src/config/mod.ts";
import { domainModules } from "../../src/domains/mod.ts";
import type { CheckpointSummary } from "../../src/engine/options.ts";
import { ThreadFailedError, TopicMissingError } from "../../src/errors.ts";
import { openEmbeddedLog } from "../../src/log/embedded.ts";
import type { Log } from "../../src/log/log.ts";
import { type Runner, scriptsOf } from "../../src/parts.ts";
import { WorkerThreads } from "../../src/threads/worker_threads.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import type { Warehouse, Writer } from "../../src/warehouse/warehouse.ts";
import { productionParts as parts } from "../../src/wiring.ts";
import { checkedDomains } from "../support/checked_domains.ts";
import { checkRules, everyTableFilled } from "../support/checks.ts";
import { domainOf } from "../support/domains.ts";
import { Traffic } from "../support/traffic.ts";

const SEED = 7;
const { signal: never } = new AbortController();
const checked = checkedDomains.find(({ name }) => name === "trains")!;
const trains = domainOf("trains");

interface Place {
  readonly dataDir: string;
  readonly log: Log;
  readonly traffic: Traffic;
}

/** Registers a test on a log with a topic of four partitions. */
function test(name: string, body: (place: Place) => Promise<void>): void {
  Deno.test(name, async () => {
    const dataDir = await Deno.makeTempDir();
    try {
      await using log = await openEmbeddedLog({ dataDir });
      await log.createTopics([{ topic: trains.topic, partitions: 4 }]);
      await body({ dataDir, log, traffic: new Traffic(checked, SEED) });
    } finally {
      await Deno.remove(dataDir, { recursive: true });
    }
  });
}

function configOf(dataDir: string, settings: Readonly<Record<string, string>>): Config {
  return readConfig({ FRESHET_DATA_DIR: dataDir, FRESHET_CHECKPOINT_MS: "50", ...settings }, domainModules);
}

interface RunIn extends Place {
  readonly warehouse: Warehouse;
  readonly threads: number;
  readonly untilEnd?: boolean;
  readonly module?: URL;
}

interface Opened extends AsyncDisposable {
  readonly runner: Runner;
  readonly summaries: readonly CheckpointSummary[];
}

/** Trains in so many threads, in a group of that number. */
async function open({ dataDir, log, warehouse, threads, untilEnd = true, module }: RunIn): Promise<Opened> {
  await warehouse.migrate(scriptsOf([trains]));
  const summaries: CheckpointSummary[] = [];
  const observers = [{ checkpoint: (_: string, summary: CheckpointSummary) => void summaries.push(summary) }];
  const config = configOf(dataDir, { FRESHET_THREADS: String(threads), KAFKA_GROUP_ID: `group-${threads}` });
  const shared = { log, warehouse, clock: systemClock, observers, config, untilEnd };
  const all = new WorkerThreads({ ...shared, domains: [trains], createRunner: parts.createRunner, module });
  return { runner: all.runner(trains), summaries, [Symbol.asyncDispose]: () => all[Symbol.asyncDispose]() };
}

const partitionsOf = (runner: Runner) => runner.status().partitions.map(({ partition }) => partition);

async function until(is: () => boolean): Promise<void> {
  while (!is()) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** What the domain's tables hold, but for when it was written. */
async function rowsOf(warehouse: Warehouse): Promise<unknown> {
  const tables = [
    "SELECT RECORD_CONTENT FROM ATS_RAW_JSON",
    "SELECT * EXCLUDE (UPDATED_AT) FROM ATS_HOURLY_STATS",
    "SELECT * EXCLUDE (UPDATED_AT) FROM ATS_HOURLY_STATS_PARTS",
    "SELECT * EXCLUDE (UPDATED_AT) FROM ATS_LATEST_STATUS",
    "SELECT ALERT_TYPE, TRAIN_ID, STATUS, STARTED_AT, LAST_SEEN_AT, EVENT_COUNT, PEAK_VALUE FROM ATS_ALERTS",
    "SELECT KAFKA_PARTITION, KAFKA_OFFSET, STAGE, REASON FROM DEAD_LETTERS",
    "SELECT * FROM LATE_RECORDS",
  ];
  const rows: unknown[] = [];
  for (const sql of tables) {
    rows.push(...(await warehouse.query(`${sql} ORDER BY ALL`)).rows.map((row) => [sql, ...row]));
  }
  return rows;
}

test("two threads make the rows of one, final ones among them, and are one run to status and checkpoints", async (place) => {
  await place.log.produce(trains.topic, place.traffic.take(3_000));
  await using alone = await openDuckDb({ path: ":memory:" });
  await using together = await openDuckDb({ path: ":memory:" });
  await using one = await open({ ...place, warehouse: alone, threads: 1 });
  await using two = await open({ ...place, warehouse: together, threads: 2 });
  await one.runner.run(never);
  await two.runner.run(never);
  await checkRules(together, { ...checked.rules, ...everyTableFilled(trains) });
  assertEquals(await rowsOf(together), await rowsOf(alone));
  const { totals, phase, partitions, isShared, lastCheckpointAt } = two.runner.status();
  assertEquals([phase, isShared, partitions.length, lastCheckpointAt !== null], ["stopped", undefined, 4, true]);
  assertEquals([totals.records, totals.accepted, totals.deadLetters, totals.late].map(Number), [
    3_000,
    ...(({ accepted, deadLetters, late }) => [accepted, deadLetters, late])(one.runner.status().totals),
  ]);
  const counted = two.summaries.reduce((sum, { records }) => sum + records, 0);
  assertEquals([counted, two.summaries.length], [3_000, totals.checkpoints]);
});

test("threads share the partitions, and drain when the run is stopped", async (place) => {
  await using warehouse = await openDuckDb({ path: ":memory:" });
  await using two = await open({ ...place, warehouse, threads: 2, untilEnd: false });
  const stop = new AbortController();
  const run = two.runner.run(stop.signal);
  for (let round = 0; round < 10; round++) await place.log.produce(trains.topic, place.traffic.take(100));
  await until(() => two.runner.status().totals.records > 0 && partitionsOf(two.runner).length === 4);
  await until(() => two.runner.status().phase === "running");
  assertEquals(two.runner.status().isShared, undefined, "nobody but this process writes");
  await place.log.produce(trains.topic, place.traffic.take(500));
  await until(() => two.runner.status().totals.records >= 1_000);
  stop.abort();
  await run;
  const { phase, totals } = two.runner.status();
  assertEquals(phase, "stopped");
  const { rows } = await warehouse.query(
    "SELECT (SELECT COUNT(*) FROM ATS_RAW_JSON) + (SELECT COUNT(*) FROM DEAD_LETTERS)",
  );
  assertEquals(rows, [[totals.records]], "what was taken is written");
});

test("a thread that fails is begun again, and nothing is lost or twice", async (place) => {
  await using warehouse = await openDuckDb({ path: ":memory:" });
  const module = new URL("failing_thread.ts", import.meta.url);
  await using two = await open({ ...place, warehouse, threads: 2, untilEnd: false, module });
  const stop = new AbortController();
  const failing = assertRejects(() => two.runner.run(stop.signal), ThreadFailedError, "a fault of its own");
  await place.log.produce(trains.topic, place.traffic.take(1_000));
  await until(() => two.runner.status().totals.records > 0);
  await Deno.writeTextFile(`${place.dataDir}/fail`, "");
  await failing;
  const before = two.runner.status().totals.records;
  await place.log.produce(trains.topic, place.traffic.take(1_000));
  const again = two.runner.run(stop.signal);
  await until(() => two.runner.status().totals.records > before);
  stop.abort();
  await again;
  await using last = await open({ ...place, warehouse, threads: 2 });
  await last.runner.run(never);
  await checkRules(warehouse, { ...checked.rules, ...everyTableFilled(trains) });
});

/** The same object but for one method. */
function withOther<T extends object, N extends keyof T>(target: T, other: N, method: T[N]): T {
  return new Proxy(target, {
    get(_, name) {
      if (name === other) return method;
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

test("a thread that fails ends its run although what it has left open cannot be closed", async (place) => {
  await using real = await openDuckDb({ path: ":memory:" });
  let closed = 0;
  const unclosable = async (domain: string): Promise<Writer> => {
    const writer = await real.writer(domain);
    return withOther(writer, Symbol.asyncDispose, async () => {
      await writer[Symbol.asyncDispose]();
      closed++;
      throw new Error("it cannot be closed");
    });
  };
  const warehouse = withOther(real, "writer", unclosable);
  const module = new URL("failing_thread.ts", import.meta.url);
  await using one = await open({ ...place, warehouse, threads: 1, untilEnd: false, module });
  const failing = assertRejects(() => one.runner.run(never), ThreadFailedError, "a fault of its own");
  await place.log.produce(trains.topic, place.traffic.take(100));
  await until(() => one.runner.status().totals.records > 0);
  await Deno.writeTextFile(`${place.dataDir}/fail`, "");
  await failing;
  assertEquals(closed, 1);
});

test("what fails in a thread fails the run by its own class, and the other threads end", async (place) => {
  await using warehouse = await openDuckDb({ path: ":memory:" });
  const elsewhere = await Deno.makeTempDir();
  try {
    await using two = await open({ ...place, dataDir: elsewhere, warehouse, threads: 2 });
    const error = await assertRejects(() => two.runner.run(never), TopicMissingError, "freshet topics create");
    two.runner.failed(error);
    two.runner.retriesAt(5);
    const { phase, lastError, retryAt } = two.runner.status();
    assertEquals([phase, lastError, retryAt], ["failed", error.message, 5]);
  } finally {
    await Deno.remove(elsewhere, { recursive: true });
  }
});

Deno.test("every configuration can be handed to a thread", () => {
  const all: Readonly<Record<string, string>>[] = [
    {},
    { KAFKA_BROKERS: "a:9092", KAFKA_SASL_MECHANISM: "plain", KAFKA_SASL_USERNAME: "u", KAFKA_SASL_PASSWORD: "p" },
    { CONFLUENT_BOOTSTRAP: "a:9092", CONFLUENT_API_KEY: "k", CONFLUENT_API_SECRET: "s" },
    { SNOWFLAKE_ACCOUNT: "a", SNOWFLAKE_USER: "u", SNOWFLAKE_PASSWORD: "p", SNOWFLAKE_DATABASE: "d" },
    { SCHEMA_REGISTRY_URL: "http://localhost:8081", REDIS_URL: "redis://localhost:6379" },
  ];
  for (const settings of all) {
    const config = configOf("data", { FRESHET_KEYED_COPIES: "rides", ...settings });
    assertEquals(structuredClone(config), config);
  }
});
