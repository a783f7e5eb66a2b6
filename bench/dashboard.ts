// (i) The dashboard of the real program: how soon a page has its data when the tables hold 10 million records
// (FRESHET_BENCH_ROWS). browsers.ts measures what browsers cost.

import { DuckDBInstance } from "@duckdb/node-api";
import freshetSql from "../sql/freshet.sql" with { type: "text" };
import { openDuckDb } from "../src/warehouse/duckdb.ts";
import { trainsOn } from "./pipeline.ts";
import { TRAINS } from "./records.ts";
import { Program } from "./program.ts";
import { print, type Row } from "./report.ts";

const ROWS = Number(Deno.env.get("FRESHET_BENCH_ROWS") ?? 10_000_000);
const PANELS = ["kpis", "timeline", "distributions", "hourly", "status"];
const TOPIC = "ats_telemetry";

async function ask(url: string): Promise<number> {
  const startMs = performance.now();
  const response = await fetch(url);
  const text = await response.text();
  if (!response.ok) throw new Error(`${url}: ${text}`);
  return performance.now() - startMs;
}

/** A warehouse with a history that ends now: as many trains and lines as records.ts has, a report each 30 s. */
async function fillHistory(dir: string): Promise<void> {
  const path = `${dir}/freshet.duckdb`;
  const domain = trainsOn(TOPIC);
  {
    await using warehouse = await openDuckDb({ path });
    await warehouse.migrate([{ name: "freshet", text: freshetSql }, { name: domain.name, text: domain.sql }]);
  }
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  const endMs = Date.now();
  const reports = `SELECT
      make_timestamp_ms(CAST(${endMs} - (${ROWS} - 1 - N) * ${30_000 / TRAINS} AS BIGINT)) AS TS,
      'TRAIN_' || lpad(CAST(N % ${TRAINS} AS VARCHAR), 4, '0') AS TRAIN, 'L' || (N % ${TRAINS} % 9) AS LINE,
      (N % ${TRAINS} * 7 + N // ${TRAINS} * 13) % 1200 AS PASSENGERS, 300 + (N * 31 % 2200) / 1.5 AS KW, N % 80 + 0.5 AS SPEED, N
    FROM (SELECT range AS N FROM range(${ROWS})) AS R`;
  for (
    const sql of [
      `INSERT INTO ATS_TRANSFORMED SELECT TS, TRAIN, LINE, PASSENGERS, 1200, 210, KW, SPEED, 48.9, 2.4, FALSE, FALSE, N % 4, N // 4
       FROM (${reports}) AS R`,
      `INSERT INTO ATS_RAW_JSON SELECT
         '{"topic":"ats_telemetry","partition":' || (N % 4) || ',"offset":' || (N // 4) || ',"key":"' || TRAIN || '"}',
         '{"timestamp":"' || TS || '","train_id":"' || TRAIN || '","line":"' || LINE || '","passenger_count":' || PASSENGERS ||
         ',"power_draw_kw":' || KW || ',"speed_kmh":' || SPEED || ',"latitude":48.9,"longitude":2.4}'
       FROM (${reports}) AS R`,
      `INSERT INTO ATS_LATEST_STATUS SELECT TRAIN_ID, TIMESTAMP, LINE, PASSENGER_COUNT, CAPACITY, TOTAL_WEIGHT_TONS,
         POWER_DRAW_KW, SPEED_KMH, LATITUDE, LONGITUDE, FALSE, FALSE, KAFKA_PARTITION, KAFKA_OFFSET, TIMESTAMP
       FROM ATS_TRANSFORMED WHERE TIMESTAMP > make_timestamp_ms(${endMs - 30_000})`,
      `INSERT INTO ATS_HOURLY_STATS_PARTS SELECT KAFKA_PARTITION, TRAIN_ID, DATE_TRUNC('hour', TIMESTAMP),
         DATE_TRUNC('hour', TIMESTAMP) + INTERVAL 1 HOUR, COUNT(*), SUM(PASSENGER_COUNT), MAX(PASSENGER_COUNT),
         SUM(POWER_DRAW_KW), MAX(POWER_DRAW_KW), SUM(SPEED_KMH), SUM(TOTAL_WEIGHT_TONS), 0, 0, TRUE, 1, NULL
       FROM ATS_TRANSFORMED GROUP BY ALL`,
      `INSERT INTO FRESHET_OFFSETS (DOMAIN, TOPIC, KAFKA_PARTITION, NEXT_OFFSET, EPOCH, CHECKPOINT_ID, MAX_EVENT_TIME, UPDATED_AT)
       VALUES ('trains', 'history', 0, 0, 0, 0, make_timestamp_ms(${endMs}), make_timestamp_ms(${endMs}))`,
      "CHECKPOINT",
    ]
  ) await connection.run(sql);
  connection.closeSync();
  instance.closeSync();
}

async function firstData(): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await fillHistory(dir);
    await using program = await Program.start(dir);
    const rows: Row[] = [];
    for (const range of ["1h", "6h", "24h", "7d"]) {
      // As the page does: all at once. The first to come is the first that is seen.
      const times = await Promise.all(
        PANELS.map((panel) => ask(`${program.dashboard}/api/panels/trains/${panel}?range=${range}`)),
      );
      rows.push({
        what: `last ${range}: first data, all panels`,
        figure: `${Math.round(Math.min(...times))} ms, ${Math.round(Math.max(...times))} ms`,
        target: "first under 1000 ms",
      });
    }
    for (const table of ["ATS_TRANSFORMED", "ATS_RAW_JSON", "ATS_HOURLY_STATS"]) {
      const ms = await ask(`${program.dashboard}/api/tables/${table}`);
      rows.push({ what: `a page of ${table}`, figure: `${Math.round(ms)} ms` });
    }
    print(`(i) First data over ${ROWS.toLocaleString("en")} raw rows, each range asked for the first time`, rows);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

await firstData();
