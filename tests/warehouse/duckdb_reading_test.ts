// What a query on DuckDB may do: read, and nothing else, however the statement is written. Every type of statement is tried
// bare, in EXPLAIN, in EXPLAIN ANALYZE, in brackets and in a CTE, on a file whose bytes must stay the same.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { StatementType } from "@duckdb/node-api";
import { QueryRefusedError } from "../../src/errors.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { Database } from "../../src/warehouse/duckdb/database.ts";
import { Queries } from "../../src/warehouse/duckdb/query.ts";
import {
  FUNCTIONS,
  PARSER_FUNCTIONS,
  refusalOf,
  REFUSED_VIEWS,
  SYSTEM_PREFIX,
  SYSTEM_VIEWS,
  TABLE_FUNCTIONS,
} from "../../src/warehouse/duckdb/query_names.ts";
import type { Warehouse } from "../../src/warehouse/warehouse.ts";
import { DRESSES, HOSTILE, NOT_IN_TEXT, PLACES, READING, STATEMENTS, UNLISTED } from "./duckdb_statements.ts";

const SYSTEM = {
  name: "freshet",
  text: await Deno.readTextFile(new URL("../../sql/freshet.sql", import.meta.url)),
};
const TABLES = {
  name: "script",
  text: `-- version 1: tables
    CREATE TABLE SALES (CHANNEL VARCHAR, UNITS BIGINT, NOTE VARIANT);
    INSERT INTO SALES VALUES ('shop', 2, '{"a":[1]}'), ('web', 3, NULL);
    CREATE VIEW SALES_BY_CHANNEL AS SELECT CHANNEL, SUM(UNITS) AS UNITS FROM SALES GROUP BY ALL;
    CREATE SEQUENCE COUNTER`,
};

/** Name and digest of every file in the folder. */
async function digests(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (!isFile) continue;
    const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(`${folder}/${name}`));
    found[name] = new Uint8Array(digest).toHex();
  }
  return found;
}

/** A warehouse in a file, whose rows are partly in its write-ahead log. */
async function withFile(body: (warehouse: Warehouse, folder: string, file: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  const file = `${folder}/freshet.duckdb`;
  try {
    await using warehouse = await openDuckDb({ path: file });
    await warehouse.migrate([SYSTEM, TABLES]);
    await body(warehouse, folder, file);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("no statement but one that reads runs, in whatever dress, and no byte of the files changes", async () => {
  const bare = Object.values(STATEMENTS).flat();
  const refused = [...bare.flatMap((statement) => DRESSES.map((dress) => dress(statement))), ...HOSTILE];
  assert(refused.length >= 300, `${refused.length} statements`);
  await withFile(async (warehouse, folder, file) => {
    const before = await digests(folder);
    for (const statement of refused) {
      const sql = statement.replaceAll("<file>", file);
      const outcome = await warehouse.query(sql, { maxRows: 10 }).catch((error) => error);
      assert(outcome instanceof QueryRefusedError, `${sql}: ${Deno.inspect(outcome)}`);
    }
    assertEquals(await digests(folder), before);
    assertEquals((await warehouse.query("SELECT CHANNEL, UNITS FROM SALES")).rows, [["shop", 2], ["web", 3]]);
  });
});

Deno.test("a function that is not on the list is found wherever it stands, in EXPLAIN too", async () => {
  await using warehouse = await openDuckDb({ path: ":memory:" });
  await warehouse.migrate([SYSTEM, TABLES]);
  for (const place of PLACES) {
    for (const f of UNLISTED) {
      for (const dress of ["", "EXPLAIN ", "EXPLAIN ANALYZE "]) {
        const sql = dress + place.replaceAll("<f>", f);
        const outcome = await warehouse.query(sql).catch((error) => error);
        const told = outcome instanceof QueryRefusedError &&
          /is not allowed in a query/.test(outcome.message);
        assert(told, `${sql}: ${Deno.inspect(outcome)}`);
      }
    }
  }
});

Deno.test("what only reads is answered, limited or not", async () => {
  await withFile(async (warehouse, folder) => {
    const before = await digests(folder);
    for (const sql of READING) {
      const { rows } = await warehouse.query(sql);
      assert(rows.length > 0, sql);
      assertEquals((await warehouse.query(sql, { maxRows: 1 })).rows.length, 1, sql);
    }
    assertEquals(await digests(folder), before);
  });
});

Deno.test("every type of statement that DuckDB has is among those that are tried", () => {
  const types = Object.keys(StatementType).filter((name) => !/^\d+$/.test(name));
  const tried = [...Object.keys(STATEMENTS), ...NOT_IN_TEXT, "SELECT", "EXPLAIN"];
  assertEquals([...types].sort(), tried.sort());
});

Deno.test("a refusal says what is allowed, or why a function is not", async () => {
  const messages: readonly (readonly [sql: string, message: string])[] = [
    [
      "CHECKPOINT",
      'SHOW, SUMMARIZE, and EXPLAIN or EXPLAIN ANALYZE of those), and this one is not: it begins with "CHECKPOINT"',
    ],
    ["EXPLAIN ANALYZE COPY SALES TO 'x'", 'it begins with "COPY"'],
    ["SELECT pg_sleep(1)", "Function pg_sleep is not allowed in a query: it only waits"],
    ["FROM read_csv('x')", "Function read_csv is not allowed in a query: it reads or lists files"],
    ["SELECT mine(1)", "Function mine is not allowed in a query: it is not on the list"],
    ["FROM pg_settings", "View pg_settings is not allowed in a query: it shows settings"],
    ["PIVOT SALES ON CHANNEL IN (SELECT 'web') USING SUM(UNITS)", "write the values in PIVOT's IN (…) out"],
    ["SELECT 1 FORM x y", "syntax error"],
    ["SELECT 1\0", "write chr(0) in its place"],
  ];
  await using warehouse = await openDuckDb({ path: ":memory:" });
  await warehouse.migrate([SYSTEM, TABLES]);
  for (const [sql, message] of messages) await assertRejects(() => warehouse.query(sql), QueryRefusedError, message);
});

Deno.test("a statement that nests, or joins, without end is refused or answered, and ends nothing", async () => {
  await using warehouse = await openDuckDb({ path: ":memory:" });
  const statements = [
    `SELECT ${"(".repeat(50_000)}1${")".repeat(50_000)}`,
    `SELECT ${"1 + ".repeat(20_000)}1`,
    `SELECT ${"NOT ".repeat(20_000)}TRUE`,
    `${"SELECT * FROM (".repeat(3_000)}SELECT 1${")".repeat(3_000)}`,
    `${"EXPLAIN ".repeat(20_000)}SELECT 1`,
  ];
  for (const sql of statements) await assertRejects(() => warehouse.query(sql), QueryRefusedError);
  const unions = Array(1_000).fill("SELECT 1").join(" UNION ALL ");
  assertEquals((await warehouse.query(unions)).rows.length, 1_000);
});

for (const memoryLimit of ["32MB", "1GB"]) {
  Deno.test(`a statement too long to be checked with ${memoryLimit} is refused, without a wait for the writers`, async () => {
    const database = await Database.open({ path: ":memory:", memoryLimit, threads: 1, checkpointThreshold: "64MB" });
    const queries = new Queries(database);
    const listing = (values: number) => `SELECT 1 IN (${Array(values).fill("1").join(", ")})`;
    const writing = Promise.withResolvers<void>();
    const turn = database.turn(() => writing.promise);
    await assertRejects(() => queries.run(listing(150_000), {}), QueryRefusedError, "too long to be checked");
    writing.resolve();
    await turn;
    assertEquals((await queries.run(listing(5_000), {})).rows, [[true]]);
    await database.close();
  });
}

Deno.test("every function and system view of DuckDB's catalog is allowed, or refused for a reason", async () => {
  const database = await Database.open({
    path: ":memory:",
    memoryLimit: "64MB",
    threads: 1,
    checkpointThreshold: "64MB",
  });
  const session = database.session();
  const names = async (sql: string) => (await session.rows(sql)).map(([name]) => String(name).toLowerCase());
  const functions = (types: string) =>
    names(`SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type IN (${types}) ORDER BY 1`);
  const expressions = await functions("'scalar', 'aggregate', 'macro'");
  const inFrom = await functions("'table', 'table_macro'");
  const views = await names(
    "SELECT view_name FROM duckdb_views() WHERE internal AND schema_name <> 'information_schema'",
  );
  const types = await names("SELECT DISTINCT function_type FROM duckdb_functions() ORDER BY 1");
  session.close();
  await database.close();

  assertEquals(types, ["aggregate", "macro", "pragma", "scalar", "table", "table_macro"]);
  assertEquals(expressions.filter((name) => !FUNCTIONS.has(name) && !refusalOf(name)), []);
  assertEquals(inFrom.filter((name) => !TABLE_FUNCTIONS.has(name) && !refusalOf(name)), []);
  assertEquals(views.filter((name) => !SYSTEM_VIEWS.has(name) && !REFUSED_VIEWS.has(name)), []);
  assertEquals(views.filter((name) => !SYSTEM_PREFIX.test(name)), []);
  // Nothing is on a list that is not there, and nothing is both.
  assertEquals([...FUNCTIONS].filter((name) => !expressions.includes(name) && !PARSER_FUNCTIONS.includes(name)), []);
  assertEquals([...TABLE_FUNCTIONS].filter((name) => !inFrom.includes(name)), []);
  assertEquals([...SYSTEM_VIEWS, ...REFUSED_VIEWS].filter((name) => !views.includes(name)), []);
  assertEquals(expressions.filter((name) => FUNCTIONS.has(name) && refusalOf(name) && !inFrom.includes(name)), []);
  assertEquals(inFrom.filter((name) => TABLE_FUNCTIONS.has(name) && refusalOf(name)), []);
});
