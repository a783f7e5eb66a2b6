// (k) The view that merges what the partitions add, over ten million of its rows in a DuckDB file: hourly statistics of trains,
// all of them, one train, the newest hour. Beside it the view of the first version, which adds up doubles in the order in which
// it meets them, and so differs in the last digit from query to query.

import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import ownSql from "../sql/freshet.sql" with { type: "text" };
import trainsSql from "../sql/trains.sql" with { type: "text" };
import { duckDbDialect, splitStatements } from "../src/warehouse/sql/scripts.ts";
import { openDuckDb } from "../src/warehouse/duckdb.ts";
import { print, type Row, sideBySide } from "./report.ts";

const [TRAINS, HOURS, PARTITIONS] = [200, 12_500, 4];
const ROUNDS = 7;
const SUMS = { SUM_POWER_DRAW_KW: 7_800_000, SUM_SPEED_KMH: 300_000, SUM_TOTAL_WEIGHT_TONS: 1_200_000 };
const UNITS = 2 ** 21;

const sums = Object.entries(SUMS);

/** Sums of readings with two decimals, in the parts that the operators give. */
const FILL = `
  INSERT INTO ATS_HOURLY_STATS_PARTS (
    KAFKA_PARTITION, TRAIN_ID, WINDOW_START, WINDOW_END, EVENT_COUNT, SUM_PASSENGER_COUNT, MAX_PASSENGER_COUNT,
    MAX_POWER_DRAW_KW, OVERCROWDED_COUNT, HIGH_POWER_DRAW_COUNT, IS_FINAL, VERSION, UPDATED_AT,
    ${sums.map(([name]) => `${name}, ${name}_LOW`).join(", ")}
  )
  SELECT P, 'T' || T, S, S + INTERVAL 1 HOUR, 30, PASSENGERS, PASSENGERS // 25, POWER, 1, 2, TRUE, 1, S,
    ${sums.map((_, i) => `ROUND(X${i} * ${UNITS}) / ${UNITS}, X${i} - ROUND(X${i} * ${UNITS}) / ${UNITS}`).join(", ")}
  FROM (
    SELECT P, T, TIMESTAMP '2024-01-01' + INTERVAL 1 HOUR * H AS S, FLOOR(RANDOM() * 30000) AS PASSENGERS,
      FLOOR(RANDOM() * 260000) / 100 AS POWER, ${
  sums.map(([, most], i) => `FLOOR(RANDOM() * ${most}) / 100 AS X${i}`).join(", ")
}
    FROM range(${HOURS}) AS A(H), range(${TRAINS}) AS B(T), range(${PARTITIONS}) AS C(P)
  )`;

/** The view as its first section made it, under another name. */
function formerView(): string {
  const first = trainsSql.slice(0, trainsSql.indexOf("\n-- version 2:"));
  const view = splitStatements(first, duckDbDialect).find((text) =>
    /CREATE OR REPLACE VIEW ATS_HOURLY_STATS AS/.test(text)
  );
  if (view === undefined) throw new Error("The first section of sql/trains.sql no longer makes ATS_HOURLY_STATS");
  return view.replace("VIEW ATS_HOURLY_STATS AS", "VIEW FORMER_HOURLY_STATS AS");
}

const COLUMNS = [
  "AVG_PASSENGER_COUNT",
  "AVG_POWER_DRAW_KW",
  "AVG_SPEED_KMH",
  "AVG_TOTAL_WEIGHT_TONS",
  "MAX_POWER_DRAW_KW",
];
const QUESTIONS: Readonly<Record<string, (view: string) => string>> = {
  "all hours of all trains, added up": (view) =>
    `SELECT COUNT(*), COUNT(*) FILTER (IS_FINAL), MAX(WINDOW_END), MAX(UPDATED_AT), SUM(VERSION), SUM(EVENT_COUNT),
      MAX(MAX_PASSENGER_COUNT), SUM(OVERCROWDED_COUNT), SUM(HIGH_POWER_DRAW_COUNT),
      ${COLUMNS.map((column) => `SUM(${column})`).join(", ")} FROM ${view}`,
  "all hours of one train": (view) => `SELECT * FROM ${view} WHERE TRAIN_ID = 'T17' ORDER BY WINDOW_START`,
  "the newest hour of all trains": (view) =>
    `SELECT * FROM ${view} WHERE WINDOW_START = TIMESTAMP '2024-01-01' + INTERVAL 1 HOUR * ${HOURS - 1}`,
};

async function compare(connection: DuckDBConnection): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [what, sql] of Object.entries(QUESTIONS)) {
    const ask = (view: string) => () => connection.runAndReadAll(sql(view));
    const { subjectMs, floorMs } = await sideBySide(ROUNDS, ask("ATS_HOURLY_STATS"), ask("FORMER_HOURLY_STATS"));
    rows.push(
      { what: `${what}: first version`, figure: `${Math.round(floorMs)} ms`, ratio: "1.00" },
      {
        what,
        figure: `${Math.round(subjectMs)} ms`,
        ratio: (subjectMs / floorMs).toFixed(2),
        isCost: true,
        target: what.endsWith("added up") ? "1.3" : "",
      },
    );
  }
  return rows;
}

const dir = await Deno.makeTempDir();
try {
  const path = `${dir}/views.duckdb`;
  {
    await using warehouse = await openDuckDb({ path });
    await warehouse.migrate([{ name: "freshet", text: ownSql }, { name: "trains", text: trainsSql }]);
  }
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  for (const sql of [FILL, formerView(), "CHECKPOINT"]) await connection.run(sql);
  const rows = await compare(connection);
  connection.closeSync();
  instance.closeSync();
  const parts = TRAINS * HOURS * PARTITIONS;
  print(`(k) Merged views, ${parts.toLocaleString("en")} rows of ${PARTITIONS} partitions`, rows);
} finally {
  await Deno.remove(dir, { recursive: true });
}
