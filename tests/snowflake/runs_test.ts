// Whole runs against the double: what a refused row becomes, what a run costs that has nothing to do, and a slow warehouse.

import { assert, assertEquals, assertRejects } from "@std/assert";
import freshetSql from "../../sql/freshet.sql" with { type: "text" };
import { type Clock, systemClock } from "../../src/clock.ts";
import { DomainRunner } from "../../src/engine/mod.ts";
import { skipOffsets, SkipRefusedError } from "../../src/engine/skip.ts";
import { LogDamagedError } from "../../src/errors.ts";
import { type EmbeddedLog, openEmbeddedLog } from "../../src/log/embedded.ts";
import type { Log } from "../../src/log/log.ts";
import type { Warehouse } from "../../src/warehouse/warehouse.ts";
import { until } from "../contracts/log/place.ts";
import { rowsOf } from "../contracts/warehouse/suite.ts";
import { domainOf } from "../support/domains.ts";
import { type OwnSchema, ownSchema } from "../support/snowflake/adapter.ts";
import { startSnowflake, whyNoSnowflake } from "../support/snowflake/mod.ts";

const skip = await whyNoSnowflake();
const double = skip === undefined ? await startSnowflake({ inProgressAfterMs: 500 }) : undefined;
Deno.test.afterAll(async () => await double?.stop());

const domain = domainOf("trains");
const START = Date.UTC(2026, 0, 1, 8);

const train = (i: number, changes = {}) => {
  const train_id = `T${i % 5}`;
  const event = {
    timestamp: new Date(START + i * 1000).toISOString(),
    train_id,
    line: "L1",
    passenger_count: 100 + i,
    capacity: 1200,
    total_weight_tons: 210.5,
    power_draw_kw: 900,
    speed_kmh: 40,
    latitude: 48.8,
    longitude: 2.3,
    is_overcrowded: i % 7 === 0,
    is_high_power_draw: false,
    ...changes,
  };
  return { key: train_id, value: JSON.stringify(event) };
};

interface Bench {
  readonly schema: OwnSchema;
  readonly warehouse: Warehouse;
  readonly log: Log;
  runner(
    options?: { readonly untilEnd?: boolean; readonly checkpointMs?: number; readonly clock?: Clock },
  ): DomainRunner;
}

function test(name: string, body: (bench: Bench) => Promise<void>): void {
  Deno.test({
    name: `snowflake: ${name}`,
    ignore: skip !== undefined,
    async fn() {
      const dataDir = await Deno.makeTempDir();
      try {
        await using schema = await ownSchema(double!);
        await using warehouse = await schema.open();
        await warehouse.migrate([{ name: "freshet", text: freshetSql }, { name: "trains", text: domain.sql }]);
        await using log = await openEmbeddedLog({ dataDir, recordMaxBytes: 64 * 1024 * 1024 });
        await log.createTopics([{ topic: domain.topic, partitions: 2 }]);
        const logger = { debug() {}, info() {}, warn() {}, error() {} };
        await body({
          schema,
          warehouse,
          log,
          runner: ({ untilEnd = true, checkpointMs = 60_000, clock = systemClock } = {}) =>
            new DomainRunner({
              domain,
              log,
              warehouse,
              clock,
              logger,
              time: { idleAfterMs: 100 },
              checkpointRows: 1_000,
              checkpointMs,
              checkpointBacklogRows: 50_000,
              untilEnd,
              maxRestarts: 3,
            }),
        });
      } finally {
        double!.control.clearFaults();
        await Deno.remove(dataDir, { recursive: true });
      }
    },
  });
}

const never = () => new AbortController().signal;

test("rows that the warehouse refuses become dead letters of the stage write, the others are written", async (bench) => {
  const { schema, warehouse, log, runner } = bench;
  await schema.sql("ALTER TABLE $SCHEMA.ATS_TRANSFORMED ALTER COLUMN LINE SET NOT NULL");
  const refused = new Set([17, 63]);
  await log.produce(
    domain.topic,
    Array.from({ length: 100 }, (_, i) => train(i, refused.has(i) ? { line: null } : {})),
  );
  await runner().run(never());
  const counts = "SELECT (SELECT COUNT(*) FROM ATS_RAW_JSON), (SELECT COUNT(*) FROM ATS_TRANSFORMED)";
  assertEquals(await rowsOf(warehouse, counts), [[98, 98]]);
  const dead = await rowsOf(warehouse, "SELECT STAGE, REASON, DETAIL, RECORD_VALUE FROM DEAD_LETTERS");
  assertEquals(dead.map(([stage, reason]) => [stage, reason]), [["write", "row_refused"], ["write", "row_refused"]]);
  for (const [, , detail, value] of dead) {
    assert(String(detail).startsWith("ATS_TRANSFORMED: "), String(detail));
    assertEquals(JSON.parse(String(value)).line, null);
  }
  const events = await rowsOf(warehouse, "SELECT SUM(EVENT_COUNT) FROM ATS_HOURLY_STATS");
  assertEquals(events, [[98]]);
});

test("what is larger than a bind takes becomes a dead letter, and what is as large as records may be is written", async ({ log, runner, warehouse }) => {
  // Each backslash is one more in JSON, and again in the request: the one is 8 MB, the other 16.
  const note = "\\".repeat(3_900_000);
  const headers = { trace: "\\".repeat(9_000_000) };
  await log.produce(domain.topic, [train(0), train(1, { note }), { ...train(2), headers }, train(3)]);
  await runner().run(new AbortController().signal);
  assertEquals(await rowsOf(warehouse, "SELECT COUNT(*) FROM ATS_RAW_JSON"), [[3]]);
  assertEquals(await rowsOf(warehouse, "SELECT STAGE, REASON FROM DEAD_LETTERS"), [["write", "row_refused"]]);
});

test("without new records nothing is sent, however many checkpoint intervals go by", async (bench) => {
  const { warehouse, log, runner } = bench;
  await log.produce(domain.topic, Array.from({ length: 100 }, (_, i) => train(i)));
  const stop = new AbortController();
  let aheadMs = 0;
  const clock = {
    ...systemClock,
    now: () => systemClock.now() + aheadMs,
    monotonic: () => systemClock.monotonic() + aheadMs,
  };
  const running = runner({ untilEnd: false, checkpointMs: 300, clock }).run(stop.signal);
  const sent = () => double!.statements().length;
  const active = async () =>
    (await rowsOf(warehouse, "SELECT COUNT(*) FROM ATS_ALERTS WHERE STATUS = 'ACTIVE'"))[0]![0];
  try {
    await until(async () => await active() === 5, "the alerts");
    // Silence for longer than any window: all close, and the last checkpoint is written. Then no statement for three intervals.
    aheadMs = 6 * 3_600_000;
    for (let before = -1, quietMs = 0; quietMs < 900; before = sent()) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      quietMs = sent() === before ? quietMs + 100 : 0;
    }
    assertEquals(await active(), 0);
    double!.clearLog();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    assertEquals(double!.statements().map(({ sql }) => sql), []);
    assertEquals(double!.requests().filter(({ path }) => path !== "/session/heartbeat"), []);
  } finally {
    stop.abort();
    await running;
  }
});

/** How many statements each transaction took that moved offsets, up to what asks whether it is there. */
function statementsOfCheckpoints(): readonly number[] {
  const units: string[][] = [];
  for (const { sql } of double!.statements()) {
    if (sql.startsWith("BEGIN")) units.push([]);
    units.at(-1)?.push(sql);
  }
  return units.filter((unit) => unit.some((sql) => /^UPDATE FRESHET_OFFSETS_\w+ SET NEXT_OFFSET/.test(sql))).map((
    { length },
  ) => length);
}

test("a checkpoint of 20,000 rows takes at most 12 statements, and what waits is taken at once", async (bench) => {
  const { log, runner, warehouse } = bench;
  for (let first = 0; first < 20_000; first += 5_000) {
    await log.produce(domain.topic, Array.from({ length: 5_000 }, (_, i) => train(first + i)));
  }
  double!.clearLog();
  await runner().run(never());
  const counts = statementsOfCheckpoints();
  // The second closes what the end of the input leaves open.
  assertEquals(counts.length, 2);
  assert(counts.every((count) => count <= 12), `${counts}`);
  assertEquals(await rowsOf(warehouse, "SELECT COUNT(*) FROM ATS_RAW_JSON"), [[20_000]]);
});

test("a warehouse that takes its time for every statement gets everything in the end", async (bench) => {
  const { warehouse, log, runner } = bench;
  await log.produce(domain.topic, Array.from({ length: 2_000 }, (_, i) => train(i)));
  // A minute in earnest: FRESHET_SLOW_MS=60000.
  const ms = Number(Deno.env.get("FRESHET_SLOW_MS") ?? 800);
  double!.control.inject({ kind: "slow", ms }, { statement: /^(BEGIN|INSERT|MERGE|UPDATE|COMMIT)/, times: Infinity });
  await runner().run(never());
  double!.control.clearFaults();
  assertEquals(await rowsOf(warehouse, "SELECT COUNT(*), COUNT(DISTINCT PASSENGER_COUNT) FROM ATS_TRANSFORMED"), [
    [2_000, 2_000],
  ]);
});

test("a stretch that cannot be read is skipped by hand, with the gap on record, once", async ({ warehouse, log, runner }) => {
  const records = Array.from({ length: 60 }, (_, i) => ({ ...train(i), partition: i % 2 }));
  for (let from = 0; from < 60; from += 20) await log.produce(domain.topic, records.slice(from, from + 20));
  const { file } = log as EmbeddedLog;
  await file.write(
    "other",
    () => file.run("UPDATE segments SET records = zeroblob(3) WHERE partition = 1 AND base_offset = 10"),
  );
  const error = await assertRejects(() => runner().run(never()), LogDamagedError);
  assertEquals([error.damage.partition, error.damage.from, error.damage.to], [1, 10, 20]);
  const request = { topic: domain.topic, partition: 1, from: 10, to: 20 };
  const options = { log, warehouse, clock: systemClock, signal: never(), domain };
  await assertRejects(() => skipOffsets({ ...request, to: 21 }, options), SkipRefusedError, "can be read at offset 20");
  assertEquals(await skipOffsets(request, options), "recorded");
  assertEquals(await skipOffsets(request, options), "recorded before");
  await runner().run(never());
  const counts =
    "SELECT KAFKA_PARTITION, COUNT(*) FROM ATS_TRANSFORMED GROUP BY KAFKA_PARTITION ORDER BY KAFKA_PARTITION";
  assertEquals(await rowsOf(warehouse, counts), [[0, 30], [1, 20]]);
  const gaps = "SELECT KAFKA_PARTITION, FROM_OFFSET, TO_OFFSET, REASON, RECORDED_BY FROM FRESHET_GAPS";
  assertEquals(await rowsOf(warehouse, gaps), [[1, 10, 20, "unreadable", "freshet skip"]]);
});

test("records whose log timestamp is no time are taken like any others, also before the next run's position", async ({ warehouse, log, runner }) => {
  const times = [1_790_000_000_000_000_000, -5e17, 1_790_000_000_123_456];
  for (const timestamp of times) {
    await log.produce(domain.topic, [{ ...train(0), partition: 0, timestamp }, {
      value: "no JSON",
      partition: 1,
      timestamp,
    }]);
    await runner().run(never());
  }
  const { rows } = await warehouse.query(
    'SELECT RECORD_METADATA:"CreateTime"::BIGINT AS T FROM ATS_RAW_JSON ORDER BY RECORD_METADATA:"offset"::BIGINT',
  );
  assertEquals(rows.map(([time]) => Number(time)), times);
  assertEquals(await rowsOf(warehouse, "SELECT COUNT(*) FROM DEAD_LETTERS"), [[3]]);
});
