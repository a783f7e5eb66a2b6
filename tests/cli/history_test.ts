// Histories: sent once, however often sending them is broken off.

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Random } from "../../simulators/random.ts";
import type { SimulatedRecord } from "../../simulators/simulator.ts";
import { wine } from "../../simulators/wine.ts";
import { UsageError } from "../../src/cli/context.ts";
import { remainingHistory } from "../../src/cli/history.ts";
import { simulate, type Simulation } from "../../src/cli/simulation.ts";
import { LogUnavailableError } from "../../src/errors.ts";
import { openEmbeddedLog } from "../../src/log/embedded.ts";
import type { Log, NewRecord } from "../../src/log/log.ts";
import { partitionOfKey } from "../../src/log/murmur2.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { checkRules, checksOf } from "../support/checks.ts";
import { FRESHET } from "../support/shipped.ts";

const TOPIC = "sales_events";
const KAFKA_PARTITIONS = 3;
const DAY = 86_400_000;
const NOW = Date.parse("2026-11-19T10:00:00Z");

interface Bench {
  readonly log: Log;
  readonly simulation: (changes?: Partial<Simulation["plan"]>, log?: Log) => Simulation;
  /** Value and event time of every record in the log, in the order of their event times. */
  readonly stored: () => Promise<readonly string[]>;
}

async function withLog(partitions: number, body: (bench: Bench) => Promise<void>): Promise<void> {
  const dataDir = await Deno.makeTempDir({ prefix: "freshet_history_" });
  try {
    await using log = await openEmbeddedLog({ dataDir });
    await log.createTopics([{ topic: TOPIC, partitions }]);
    const plan = {
      seed: 1,
      start: NOW - 2 * DAY,
      until: NOW,
      speed: Infinity,
      intervalMs: DAY / 800,
      bad: 0,
      history: true,
      natural: true,
    };
    const clock = { now: () => NOW, monotonic: () => 0, sleep: () => Promise.resolve() };
    await body({
      log,
      simulation: (changes = {}, other = log) => ({
        simulator: wine,
        plan: { ...plan, ...changes },
        settings: {},
        send: (records) => other.produce(TOPIC, records),
        topic: { log: other, name: TOPIC },
        clock,
        signal: new AbortController().signal,
      }),
      stored: () => readAll(log),
    });
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

async function readAll(log: Log): Promise<string[]> {
  const [info] = await log.topics([TOPIC]);
  const stop = new AbortController();
  await using members = await log.subscribe({ topic: TOPIC, group: "test", signal: stop.signal });
  const generation = await members.nextGeneration();
  await generation.start(new Map(info!.partitions.map(({ low }, partition) => [partition, low])));
  const found: string[] = [];
  let left = info!.partitions.reduce((sum, { low, high }) => sum + high - low, 0);
  while (left > 0) {
    const batch = await generation.next(1000);
    found.push(...batch!.records.map(({ value }) => value === null ? "" : new TextDecoder().decode(value)));
    left -= batch!.records.length;
  }
  return found.sort();
}

/** What the history should be in the end. */
function whole(from: number): string[] {
  const records: SimulatedRecord[] = [];
  for (const record of wine.generate({ seed: 1, start: from, intervalMs: DAY / 800, natural: true })) {
    if (record.timestamp >= NOW) break;
    records.push(record);
  }
  return records.map(({ value }) => String(value)).sort();
}

/** The same log, in which producing fails now and then, after some or all of the records were written. */
function faulty(log: Log, random: Random, kind: Log["kind"]): Log {
  return {
    kind,
    description: log.description,
    topics: (names) => log.topics(names),
    createTopics: (specs) => log.createTopics(specs),
    subscribe: (options) => log.subscribe(options),
    committed: (topic, group) => log.committed(topic, group),
    async produce(topic, records) {
      const lost = random.next() < 0.5;
      // Kafka writes a call's records partition by partition: each may have got another part of them.
      const some: NewRecord[] = lost && kind === "kafka" ? upToSomewhere(records, random) : [...records];
      const positions = await log.produce(topic, some);
      if (lost) throw new LogUnavailableError("The answer was lost");
      return positions;
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Of each partition's records only the first ones. */
function upToSomewhere(records: readonly NewRecord[], random: Random): NewRecord[] {
  const left = Array.from({ length: KAFKA_PARTITIONS }, () => random.below(200));
  return records.filter(({ key }) =>
    left[partitionOfKey(new TextEncoder().encode(String(key)), KAFKA_PARTITIONS)]!-- > 0
  );
}

/** Not a comparison of the lists: nobody reads thousands of records that differ. */
function assertSame(actual: readonly string[], expected: readonly string[]): void {
  const [there, wanted] = [new Set(actual), new Set(expected)];
  assertEquals(there.size, actual.length, "records are there twice");
  assertEquals(expected.filter((value) => !there.has(value)).slice(0, 2), [], "records are missing");
  assertEquals(actual.filter((value) => !wanted.has(value)).slice(0, 2), [], "records are there that should not be");
}

for (const partitions of [1, 4, 64]) {
  Deno.test(`a history in ${partitions} partitions, broken off anywhere, goes on without gap or duplicate`, async () => {
    await withLog(partitions, async ({ simulation, stored }) => {
      // Later calls begin later, as the clock goes on: the beginning stays where it was.
      for (const [i, count] of [1, 2, 37, 500, 1].entries()) {
        assertEquals(await simulate(simulation({ count, start: NOW - 2 * DAY + i * 60_000 })), count);
      }
      await simulate(simulation());
      assertEquals(await simulate(simulation()), 0, "it is complete");
      assertSame(await stored(), whole(NOW - 2 * DAY));
    });
  });
}

for (const kind of ["embedded", "kafka"] as const) {
  Deno.test(`${kind}: a history is sent once, also when answers are lost`, async () => {
    await withLog(KAFKA_PARTITIONS, async ({ log, simulation, stored }) => {
      const unreliable = faulty(log, new Random(7), kind);
      // Each call tries again many times, and each attempt sends something.
      for (let left = true; left;) {
        left = await simulate({ ...simulation({}, unreliable), pauseMs: 0 }).then(() => false, (error) => {
          assert(error instanceof LogUnavailableError, String(error));
          return true;
        });
      }
      assertSame(await stored(), whole(NOW - 2 * DAY));
    });
  });
}

Deno.test("records of a history have the clock's timestamps on Kafka, which deletes by them, and their own otherwise", async () => {
  for (const [kind, dated] of [["kafka", false], ["embedded", true]] as const) {
    await withLog(1, async ({ log, simulation }) => {
      const given: NewRecord[] = [];
      const other: Log = {
        ...faulty(log, new Random(1), kind),
        produce(topic, records) {
          given.push(...records);
          return log.produce(topic, records);
        },
      };
      await simulate(simulation({ count: 10 }, other));
      assertEquals(given.map(({ timestamp }) => timestamp !== undefined), Array(10).fill(dated));
    });
  }
});

Deno.test("a history does not go into a topic with other records, and not on where another one ends", async () => {
  await withLog(2, async ({ log, simulation }) => {
    await simulate(simulation({ count: 100 }));
    for (const changes of [{ seed: 2 }, { intervalMs: DAY / 900 }]) {
      await assertRejects(
        () => remainingHistory(simulation(changes), { log, name: TOPIC }),
        UsageError,
        "not of this history",
      );
    }
    await log.produce(TOPIC, [{ key: "1000", value: "{}", timestamp: NOW }]);
    await assertRejects(
      () => remainingHistory(simulation(), { log, name: TOPIC }),
      UsageError,
      "all of it would be late",
    );
  });
});

Deno.test("a history with spoilt records goes on too", async () => {
  await withLog(2, async ({ simulation, stored }) => {
    for (const count of [150, 150]) await simulate(simulation({ count, bad: 0.3 }));
    await simulate(simulation({ bad: 0.3 }));
    assertEquals((await stored()).length, whole(NOW - 2 * DAY).length);
  });
});

function program(dataDir: string) {
  const args = [...FRESHET, "simulate", "wine", "--days", "50", "--per-day", "400"];
  const env = { FRESHET_DATA_DIR: dataDir, FRESHET_CHECKPOINT_ROWS: "1000", FRESHET_LOG_FORMAT: "text" };
  return new Deno.Command(Deno.execPath(), { args, env, stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
}

async function interruptedWhileLoading(child: Deno.ChildProcess): Promise<void> {
  const stderr = new Response(child.stderr).text();
  let told = false;
  for await (const _ of child.stdout) {
    // Once: a second one would end it without a word.
    if (!told) child.kill("SIGINT");
    told = true;
  }
  assertEquals((await child.status).code, 130);
  assertStringIncludes(await stderr, "the same command goes on from here");
}

Deno.test("simulate --days is killed, interrupted and started again: all records are in the tables once", async () => {
  const dataDir = await Deno.makeTempDir({ prefix: "freshet_history_" });
  try {
    for (const after of [900, 1300, 1700]) {
      const child = program(dataDir);
      const timer = setTimeout(() => child.kill("SIGKILL"), after);
      await child.output();
      clearTimeout(timer);
    }
    await interruptedWhileLoading(program(dataDir));
    const { code, stdout, stderr } = await program(dataDir).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    assertStringIncludes(new TextDecoder().decode(stdout), "Loaded into the tables of wine");
    await using warehouse = await openDuckDb({ path: `${dataDir}/freshet.duckdb` });
    await checkRules(warehouse, checksOf("wine"));
    const { rows: [row] } = await warehouse.query(`SELECT COUNT(*),
      COUNT(DISTINCT COALESCE(EVENT_CONTENT->>'order_line_id', EVENT_CONTENT->>'event_id')),
      (SELECT COUNT(*) FROM DEAD_LETTERS), (SELECT COUNT(*) FROM LATE_RECORDS),
      (SELECT COUNT(*) FROM STOCK_ALERTS WHERE STATUS = 'ACTIVE' AND STARTED_AT < NOW() - INTERVAL 7 DAY),
      (SELECT COUNT(*) FROM STOCK_ALERTS)
      FROM RAW_EVENTS_STREAM`);
    const [records, ids, dead, late, stale, alerts] = row!.map(Number);
    assertEquals([ids, dead, late, stale], [records, 0, 0, 0]);
    assert(alerts! > 0);
    assert(records! > 15_000 && records! < 30_000, String(records));
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});
