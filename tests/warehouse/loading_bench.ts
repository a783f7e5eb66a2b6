// How fast units go into the DuckDB file: a raw row (two VARIANT columns, about 150 B and 340 B) and a typed row of
// 14 columns for each record. Prints the time on the clock, and what the JavaScript thread spent.
// Run: deno run -A tests/warehouse/loading_bench.ts [records per unit] [units]

import process from "node:process";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { Cells } from "../../src/warehouse/cells.ts";
import type { Append, Row } from "../../src/warehouse/warehouse.ts";

const PER_UNIT = Number(Deno.args[0] ?? 20_000);
const UNITS = Number(Deno.args[1] ?? 15);
const WARM_UP = 3;

const SCRIPT = `-- version 1: what the benchmark loads
CREATE TABLE RAW (RECORD_METADATA VARIANT, RECORD_CONTENT VARIANT);
CREATE TABLE TYPED ("TIMESTAMP" TIMESTAMP_NTZ, TRAIN_ID VARCHAR, LINE VARCHAR, PASSENGER_COUNT BIGINT, CAPACITY BIGINT,
  TOTAL_WEIGHT_TONS DOUBLE, POWER_DRAW_KW DOUBLE, SPEED_KMH DOUBLE, LATITUDE DOUBLE, LONGITUDE DOUBLE,
  IS_OVERCROWDED BOOLEAN, IS_HIGH_POWER_DRAW BOOLEAN, KAFKA_PARTITION BIGINT, KAFKA_OFFSET BIGINT);`;

function typedRow(offset: number): Row {
  const round = (value: number) => Math.round(value * 1e4) / 1e4;
  return {
    TIMESTAMP: 1_700_000_000_000 + offset * 13,
    TRAIN_ID: `TRAIN-${offset % 200}`,
    LINE: `L${offset % 9}`,
    PASSENGER_COUNT: offset % 1200,
    CAPACITY: 1200,
    TOTAL_WEIGHT_TONS: round(180 + Math.random() * 80),
    POWER_DRAW_KW: round(900 + Math.random() * 1000),
    SPEED_KMH: round(Math.random() * 80),
    LATITUDE: 51 + Math.random(),
    LONGITUDE: Math.random(),
    IS_OVERCROWDED: offset % 3 === 0,
    IS_HIGH_POWER_DRAW: offset % 5 === 0,
    KAFKA_PARTITION: 0,
    KAFKA_OFFSET: offset,
  };
}

function rawRow(typed: Row, offset: number): Row {
  const time = 1_700_000_000_000 + offset * 13;
  const metadata = { topic: "ats_telemetry", partition: 0, offset, key: typed.TRAIN_ID, headers: {}, CreateTime: time };
  const content = Object.fromEntries(Object.entries(typed).map(([name, value]) => [name.toLowerCase(), value]));
  return {
    RECORD_METADATA: JSON.stringify({ ...metadata, SnowflakeConnectorPushTime: time }),
    RECORD_CONTENT: JSON.stringify(content),
  };
}

const append = (table: string, rows: readonly Row[]): Append => ({
  table,
  cells: Cells.of(rows),
  partitions: rows.map(() => 0),
  offsets: rows.map((_, i) => i),
});

/** Processor time of all threads, milliseconds. */
function processTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Processor time of the JavaScript thread, milliseconds. */
function threadTime(): number {
  return Number(Deno.readTextFileSync(`/proc/self/task/${Deno.pid}/schedstat`).split(" ")[0]) / 1e6;
}

const folder = await Deno.makeTempDir();
try {
  await using warehouse = await openDuckDb({ path: `${folder}/bench.duckdb` });
  await warehouse.migrate([
    { name: "freshet", text: await Deno.readTextFile(new URL("../../sql/freshet.sql", import.meta.url)) },
    { name: "bench", text: SCRIPT },
  ]);
  await using writer = await warehouse.writer("bench");
  await writer.claim("topic", [0]);
  const typed = Array.from({ length: PER_UNIT }, (_, offset) => typedRow(offset));
  const raw = typed.map(rawRow);
  const appends = [append("RAW", raw), append("TYPED", typed)];
  const position = { watermark: 0, maxEventTime: 0, lastTimestamp: 0 };
  let started = 0;
  let thread = 0;
  let all = 0;
  const unitsMs: number[] = [];
  for (let unit = 0; unit < UNITS + WARM_UP; unit++) {
    if (unit === WARM_UP) [started, thread, all] = [performance.now(), threadTime(), processTime()];
    const move = {
      partition: 0,
      epoch: 1,
      checkpoint: unit,
      expectedOffset: unit,
      to: { nextOffset: unit + 1, ...position },
    };
    const before = performance.now();
    await writer.commit({ topic: "topic", appends, upserts: [], deletes: [], state: [], moves: [move] });
    if (unit >= WARM_UP) unitsMs.push(performance.now() - before);
  }
  const records = PER_UNIT * UNITS;
  const clockMs = performance.now() - started;
  const perRecord = (ms: number) => `${(ms * 1000 / records).toFixed(2)} µs`;
  const median = unitsMs.sort((a, b) => a - b)[unitsMs.length >> 1]!;
  console.log(
    `${PER_UNIT} records a unit: ${Math.round(records / clockMs)} k records/s (median unit ` +
      `${Math.round(PER_UNIT / median)} k/s); a record takes ${perRecord(threadTime() - thread)} of the JavaScript ` +
      `thread, ${perRecord(processTime() - all)} of all threads`,
  );
} finally {
  await Deno.remove(folder, { recursive: true });
}
