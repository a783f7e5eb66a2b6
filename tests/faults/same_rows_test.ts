// The same records make the same rows, VERSION and IS_FINAL included: however they are cut into checkpoints, whether they come
// at once or trickle in, whoever is killed meanwhile and however many members share the partitions. And the rows are those of
// brute force. FRESHET_ROWS says how many disordered records (`task test:long rows`: 60,000).

import { assert, assertEquals } from "@std/assert";
import type { RunnerOptions } from "../../src/engine/mod.ts";
import { type Event, sorted } from "../stream/feed.ts";
import { expectSessions, expectWindowEpisodes, expectWindows, valuesOf } from "../stream/models.ts";
import { disorderedRecords, HOPS, type Shape, shapes, SURGE, TIME, ZONES } from "../support/simulation/shapes.ts";
import { World } from "../support/simulation/world.ts";

const RECORDS = Number(Deno.env.get("FRESHET_ROWS") ?? 3_000);
type Row = Readonly<Record<string, unknown>>;
const TABLES = ["TUMBLING", "HOPPING", "DAYS", "SESSIONS", "ALERTS", "SURGES", "LATE_RECORDS"];

/** What is done to a world with the records until all is committed. */
type Way = (world: World, records: readonly (readonly Shape[])[]) => Promise<void>;

function produceAll(world: World, records: readonly (readonly Shape[])[]): void {
  records.forEach((list, partition) => list.forEach((record) => world.produce(record, { partition })));
}

const atOnce = (options: Partial<RunnerOptions>): Way => async (world, records) => {
  produceAll(world, records);
  await world.workOff(options);
};

/** Little by little, while it runs. */
const trickle: Way = async (world, records) => {
  const instance = world.start({ checkpointRows: 50, checkpointMs: 100 });
  const most = Math.max(...records.map((list) => list.length));
  for (let i = 0; i < most; i++) {
    records.forEach((list, partition) => list[i] && world.produce(list[i], { partition }));
    if (i % 20 === 0) { for (let turn = 0; turn < 8; turn++) await world.turns.next(); }
  }
  await world.until(() => world.committed, Infinity);
  await world.stopped(instance);
  await world.workOff();
};

/** Ten kills, two members. */
const killed: Way = async (world, records) => {
  produceAll(world, records);
  const options = { checkpointRows: Math.ceil(RECORDS / 60), checkpointMs: 100, maxRestarts: 1000 };
  const instances = [world.start(options), world.start(options)];
  for (let kill = 0; kill < 10; kill++) {
    for (let turn = 0; turn < 40 + world.random.below(60); turn++) await world.turns.next();
    const victim = instances.shift()!;
    world.crash(victim);
    world.expel(victim);
    instances.push(world.start(options));
  }
  await world.until(() => world.committed, Infinity);
  for (const instance of instances) await world.stopped(instance);
  await world.workOff();
};

const WAYS: Readonly<Record<string, Way>> = {
  "checkpoints of 100 rows": atOnce({ checkpointRows: 100 }),
  "checkpoints of 1,000 rows": atOnce({ checkpointRows: 1_000 }),
  "checkpoints of 50,000 rows": atOnce({ checkpointRows: 50_000, checkpointMs: 1e9 }),
  "a trickle": trickle,
  "ten kills and two members": killed,
};

/** Every row of every table, without when it was written. */
function rowsOf({ warehouse }: World): Record<string, unknown> {
  return sorted(TABLES.map((table) => {
    const rows = warehouse.rows(table).map(({ UPDATED_AT: _, ...row }) => JSON.stringify(row));
    return [table, rows.toSorted()];
  }));
}

async function made(way: Way, records: readonly (readonly Shape[])[]): Promise<World> {
  const world = new World(shapes, 7, records.length);
  world.log.maxBatch = 400;
  await way(world, records);
  return world;
}

const valuesIn = (row: Row) => ({ n: row.n, sum: row.sum, max: row.max });
const bounds = (row: Row, from: string, to: string, less = 0) => `${row.K} ${row[from]}..${Number(row[to]) - less}`;

/** Holds a partition's rows to brute force over its records. */
function compareWithBruteForce(world: World, partition: number, records: readonly Shape[]): void {
  const rows = (table: string) => world.warehouse.rows(table).filter((row) => row.KAFKA_PARTITION === partition);
  const late = (operator: string) =>
    rows("LATE_RECORDS").filter((row) => row.OPERATOR === operator).map((row) => Number(row.KAFKA_OFFSET))
      .toSorted((a, b) => a - b);
  const named = (table: string, nameOf: (row: Row) => string, of: (row: Row) => unknown) =>
    sorted(rows(table).map((row) => [nameOf(row), of(row)]));
  const lateness = { allowedLateness: TIME.allowedLatenessMs, maxOutOfOrderness: TIME.maxOutOfOrdernessMs };
  const window = (row: Row) => bounds(row, "WINDOW_START", "WINDOW_END");

  for (const [table, advance] of [["TUMBLING", 10_000], ["HOPPING", HOPS.advance]] as const) {
    const expected = expectWindows(records, { size: 10_000, advance, ...lateness });
    assertEquals(named(table, window, valuesIn), expected.values, table);
    assertEquals(named(table, window, (row) => row.VERSION), expected.versions, table);
    assertEquals(late(table), expected.late, table);
  }
  const sessions = expectSessions(records, { gap: 3_000, ...lateness });
  const session = (row: Row) => bounds(row, "WINDOW_START", "WINDOW_END", 3_000);
  assertEquals(named("SESSIONS", session, valuesIn), sessions.values, "SESSIONS");
  assertEquals(named("SESSIONS", session, (row) => row.VERSION), sessions.versions, "SESSIONS");
  assertEquals(late("SESSIONS"), sessions.late, "SESSIONS");

  const alerts = expectSessions(records, { gap: 6_000, where: (e) => e.x > 20, ...lateness });
  const alert = (row: Row) => bounds(row, "STARTED_AT", "LAST_SEEN_AT");
  const summary = (row: Row) => ({ n: row.EVENT_COUNT, max: row.PEAK_VALUE });
  const summaries = Object.entries(alerts.values as Record<string, { n: number; max: number }>);
  assertEquals(
    named("ALERTS", alert, summary),
    sorted(summaries.map(([name, { n, max }]) => [name, { n, max }])),
    "ALERTS",
  );

  const surges = expectWindowEpisodes(records, { ...SURGE, ...lateness });
  const surge = (row: Row) => ({ windows: row.EVENT_COUNT, peak: row.PEAK_VALUE, now: row.now });
  assertEquals(named("SURGES", alert, surge), surges.values, "SURGES");
  assertEquals(late("SURGES/SURGE"), surges.late, "SURGES");
  compareDays(rows("DAYS"), records, late("DAYS"));
}

/** Local days by the dates that the platform's own calendar prints. */
function compareDays(rows: readonly Row[], records: readonly Shape[], late: readonly number[]): void {
  const formats = new Map(ZONES.map((zone) => [zone, new Intl.DateTimeFormat("en-CA", { timeZone: zone })]));
  const dateOf = (zone: string, time: number) => formats.get(zone)!.format(time);
  const kept = records.filter((_, offset) => !late.includes(offset));
  const days = Map.groupBy(kept, ({ key, zone, time }) => `${key} ${zone} ${dateOf(zone, time)}`);
  assertEquals(
    sorted(rows.map((row) => [
      `${row.K} ${row.ZONE} ${dateOf(String(row.ZONE), Number(row.WINDOW_START))}`,
      valuesIn(row),
    ])),
    sorted([...days].map(([name, list]) => [name, valuesOf(list as readonly Event[])])),
    "DAYS",
  );
}

for (const partitions of [1, 4, 12]) {
  Deno.test(`records in ${partitions} partitions make the rows of brute force, whatever the checkpoints, kills and members`, async () => {
    const records = disorderedRecords(RECORDS, partitions);
    const [first, ...others] = Object.entries(WAYS);
    const world = await made(first![1], records);
    records.forEach((list, partition) => compareWithBruteForce(world, partition, list));
    const open = TABLES.flatMap((table) => world.warehouse.rows(table)).filter((row) =>
      row.IS_FINAL === false || row.STATUS === "ACTIVE"
    );
    assertEquals(open, [], "Rows are open after the end of the input");
    const expected = rowsOf(world);
    assert(world.warehouse.rows("LATE_RECORDS").length > RECORDS / 100);
    for (const [name, way] of others) assertEquals(rowsOf(await made(way, records)), expected, name);
  });
}
