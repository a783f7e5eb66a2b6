// What a query on DuckDB may not do, and how DuckDB's own types come out.

import { Cells } from "../../src/warehouse/cells.ts";
import { assertEquals, assertRejects } from "@std/assert";
import { QueryRefusedError } from "../../src/errors.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { Database } from "../../src/warehouse/duckdb/database.ts";
import { Queries } from "../../src/warehouse/duckdb/query.ts";
import type { Warehouse } from "../../src/warehouse/warehouse.ts";

const SYSTEM = {
  name: "freshet",
  text: await Deno.readTextFile(new URL("../../sql/freshet.sql", import.meta.url)),
};

const test = (name: string, body: (warehouse: Warehouse) => Promise<void>, memoryLimit?: string) =>
  Deno.test({
    name,
    sanitizeOps: true,
    sanitizeResources: true,
    async fn() {
      await using warehouse = await openDuckDb({ path: ":memory:", memoryLimit });
      await warehouse.migrate([SYSTEM, {
        name: "script",
        text: `-- version 1: tables
          CREATE TABLE SALES (CHANNEL VARCHAR, UNITS BIGINT, NOTE VARIANT);
          INSERT INTO SALES VALUES ('shop', 2, '{"a":[1]}'), ('web', 3, NULL);
          CREATE SEQUENCE COUNTER`,
      }]);
      await body(warehouse);
    },
  });

test("functions that change the instance, or hide SQL in text, are refused", async (warehouse) => {
  const statements = [
    "SELECT * FROM enable_logging()",
    'SELECT * FROM "enable_profiling" ()',
    "SELECT * FROM system.main.Enable_Logging /* */ ()",
    "WITH x AS (FROM enable_peg_parser()) SELECT * FROM x",
    "SELECT write_log('x')",
    "SELECT * FROM force_checkpoint()",
    "SELECT * FROM query('SELECT * FROM enable_logging()')",
    "SELECT * FROM query_table(['SALES'])",
    "SELECT sleep_ms(100000)",
    "SELECT nextval('COUNTER')",
  ];
  for (const sql of statements) await assertRejects(() => warehouse.query(sql), QueryRefusedError);
  // Whatever number stands beside it.
  const beside = "SELECT 1e400, -1e400, '\\\"Infinity' FROM query('SELECT 1')";
  await assertRejects(() => warehouse.query(beside), QueryRefusedError, "Function query");
});

test("files and the network are out of reach", async (warehouse) => {
  const file = import.meta.filename!;
  const statements = [
    `SELECT * FROM read_text('${file}')`,
    `SELECT * FROM read_csv('${file}')`,
    `SELECT * FROM '${file}'`,
    "SELECT * FROM glob('*')",
    "SELECT * FROM read_parquet('https://example.org/x.parquet')",
    "FROM duckdb_extensions()",
  ];
  for (const sql of statements) await assertRejects(() => warehouse.query(sql), QueryRefusedError);
});

test("functions that make a value of a size that is told make none of hundreds of megabytes", async (warehouse) => {
  const statements = [
    "SELECT LENGTH(repeat('x', 500000000)) FROM range(2048)",
    "SELECT REPEAT('x', 500000000)",
    "SELECT lpad('x', 500000000, 'y')",
    "SELECT len(range(1000000000))",
    "WITH x AS (SELECT generate_series(1, 1000000000) AS l) SELECT * FROM x",
  ];
  for (const sql of statements) await assertRejects(() => warehouse.query(sql), QueryRefusedError, "100000");
  assertEquals((await warehouse.query("SELECT LENGTH(repeat('x', 100000)), len(range(100000))")).rows, [[1e5, 1e5]]);
  assertEquals((await warehouse.query("SELECT COUNT(*) FROM range(200000)")).rows, [[200_000]]);
});

test("statements other than reading ones are refused, also in the dress of one", async (warehouse) => {
  const statements = [
    "COPY SALES TO 'x.csv'",
    "ATTACH 'x.db' AS x",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET memory_limit = '1TB'",
    "PRAGMA enable_profiling",
    "CALL pragma_version()",
    "CHECKPOINT",
    "VACUUM",
    "PREPARE p AS SELECT 1",
    "EXPORT DATABASE 'x'",
    "WITH x AS (SELECT 1) INSERT INTO SALES SELECT 'x', 1, NULL",
    "WITH x AS (SELECT 1) DELETE FROM SALES",
    "EXPLAIN ANALYZE DELETE FROM SALES",
    "EXPLAIN ANALYZE INSERT INTO SALES VALUES ('x', 1, NULL)",
    "(DELETE FROM SALES)",
  ];
  for (const sql of statements) await assertRejects(() => warehouse.query(sql), QueryRefusedError);
  assertEquals((await warehouse.query("SELECT COUNT(*) FROM SALES")).rows, [[2]]);
});

test("every kind of reading statement is allowed", async (warehouse) => {
  const statements = [
    "SELECT 1",
    "(SELECT 1)",
    "VALUES (1)",
    "FROM SALES",
    "TABLE SALES",
    "WITH x AS (SELECT 1) SELECT * FROM x",
    "DESCRIBE SALES",
    "SHOW TABLES",
    "SUMMARIZE SALES",
    "EXPLAIN SELECT * FROM SALES",
    "EXPLAIN ANALYZE SELECT * FROM SALES",
    "SELECT CHANNEL FROM SALES QUALIFY ROW_NUMBER() OVER (ORDER BY UNITS) = 1",
    ";;SELECT 1;;",
  ];
  for (const sql of statements) {
    const { rows, columns } = await warehouse.query(sql);
    assertEquals(rows.length > 0, true, sql);
    assertEquals((await warehouse.query(sql, { maxRows: 100 })).columns, columns, sql);
    assertEquals((await warehouse.query(sql, { maxRows: 1 })).rows.length, 1, sql);
  }
  const { columns, rows } = await warehouse.query(
    "PIVOT (SELECT CHANNEL, UNITS FROM SALES) ON CHANNEL USING SUM(UNITS)",
  );
  assertEquals([columns.map(({ name }) => name), rows], [["shop", "web"], [[2, 3]]]);
});

test("a query does not see what another has made for itself", async (warehouse) => {
  const pivot = "PIVOT (SELECT CHANNEL, UNITS FROM SALES) ON CHANNEL USING SUM(UNITS)";
  await Promise.all([warehouse.query(pivot), warehouse.query(pivot), warehouse.query(pivot)]);
  const { rows } = await warehouse.query("SELECT type_name FROM duckdb_types() WHERE type_name LIKE '%pivot%'");
  assertEquals(rows, []);
});

test("cells are JSON values", async (warehouse) => {
  const cells: readonly (readonly [sql: string, cell: unknown, type?: string])[] = [
    ["9007199254740993::BIGINT", "9007199254740993", "BIGINT"],
    ["170141183460469231731687303715884105727::HUGEINT", "170141183460469231731687303715884105727"],
    ["SUM(UNITS)", 5, "HUGEINT"],
    ["1.5", 1.5],
    ["-0.001::DECIMAL(10, 3)", -0.001, "DECIMAL(10,3)"],
    ["123456789012345.678::DECIMAL(20, 3)", "123456789012345.678"],
    ["12345678901234567890", "12345678901234567890"],
    ["'nan'::DOUBLE", null],
    ["'-inf'::DOUBLE", null],
    ["1e400", null, "DOUBLE"],
    ["-1e400 < 1 AND 1 < 1e999", true],
    [`'"Infinity" -Infinity'`, '"Infinity" -Infinity'],
    ["0.1::FLOAT::DOUBLE", 0.10000000149011612],
    ["TIMESTAMP '2024-02-29 01:02:03'", "2024-02-29 01:02:03", "TIMESTAMP_NTZ"],
    ["TIMESTAMP '2024-02-29 01:02:03.1'", "2024-02-29 01:02:03.100"],
    ["TIMESTAMP '2024-02-29 01:02:03.000001'", "2024-02-29 01:02:03.000001"],
    ["TIMESTAMPTZ '2024-02-29 01:02:03+02'", "2024-02-28 23:02:03", "TIMESTAMP_LTZ"],
    ["TIMESTAMP 'infinity'", "infinity"],
    ["DATE '2024-02-29'", "2024-02-29", "DATE"],
    ["DATE 'infinity'", "infinity", "DATE"],
    ["[DATE '-infinity']", ["-infinity"]],
    ["TIME '01:02:03.5'", "01:02:03.5"],
    ["INTERVAL 90 MINUTE", "01:30:00"],
    [`'{"a":[1,null]}'::JSON`, { a: [1, null] }, "VARIANT"],
    [`'{"id":12345678901234567890,"n":1.0}'::JSON`, { id: "12345678901234567890", n: 1 }],
    ["NULL::JSON", null],
    [`'{"__proto__":{"x":1}}'::JSON ->> '$.__proto__.x'`, "1"],
    ["[1, NULL, 9007199254740993]::BIGINT[]", [1, null, "9007199254740993"]],
    ["{a: 1, b: DATE '2024-01-01'}", { a: 1, b: "2024-01-01" }],
    ["MAP {'k': [1.5]}", { k: [1.5] }],
    ["'\\x00\\xFF'::BLOB", "00ff"],
    ["TRUE", true],
    ["NULL", null],
  ];
  for (const [sql, cell, type] of cells) {
    const result = await warehouse.query(`SELECT ${sql} AS X FROM SALES GROUP BY ALL`);
    const { rows, columns } = sql === "SUM(UNITS)"
      ? await warehouse.query("SELECT SUM(UNITS) AS X FROM SALES")
      : result;
    assertEquals(rows[0]![0], cell, sql);
    if (type) assertEquals(columns[0]!.type, type, sql);
  }
});

test("JSON too deep to hand on stays text", async (warehouse) => {
  const depth = 2000;
  const { rows } = await warehouse.query(`SELECT (repeat('[', ${depth}) || repeat(']', ${depth}))::JSON`);
  assertEquals(rows[0]![0], "[".repeat(depth) + "]".repeat(depth));
});

test("columns of the same name are all there", async (warehouse) => {
  for (const maxRows of [undefined, 5]) {
    const { columns, rows } = await warehouse.query("SELECT 1 AS X, 2 AS X", { maxRows });
    assertEquals([columns.map(({ name }) => name), rows], [["X", "X"], [[1, 2]]]);
  }
});

test("a query that fails on a late row is refused, never cut short", async (warehouse) => {
  const late = "SELECT CASE WHEN i = 900000 THEN error('too late')::BIGINT ELSE i END FROM range(1000000) t(i)";
  for (const maxRows of [undefined, 950_000]) {
    await assertRejects(() => warehouse.query(late, { maxRows }), QueryRefusedError, "too late");
  }
  assertEquals((await warehouse.query(late, { maxRows: 10 })).rows.length, 10);
});

test("a limit does not change the order", async (warehouse) => {
  const sql = "SELECT i FROM range(100000) t(i) ORDER BY i % 1000 DESC, i -- the end";
  const all = (await warehouse.query(sql)).rows;
  assertEquals((await warehouse.query(sql, { maxRows: 5000 })).rows, all.slice(0, 5000));
});

test("a query that needs too much memory is refused, and the writer goes on", async (warehouse) => {
  const hungry = "SELECT LENGTH(STRING_AGG(repeat('x', 1000), ',')) FROM range(1000000)";
  await assertRejects(() => warehouse.query(hungry), QueryRefusedError, "memory");
  await using writer = await warehouse.writer("domain");
  const cells = Cells.of([{ CHANNEL: "x", UNITS: 1 }]);
  const appends = [{ table: "SALES", cells, partitions: [0], offsets: [0] }];
  await writer.commit({ topic: "t", appends, upserts: [], deletes: [], state: [], moves: [] });
  assertEquals((await warehouse.query("SELECT COUNT(*) FROM SALES")).rows, [[3]]);
}, "64MB");

Deno.test("a query that finds no memory beside a writer is run again when none writes", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/freshet.duckdb`;
  const database = await Database.open({ path, memoryLimit: "32MB", threads: 1, checkpointThreshold: "64MB" });
  const queries = new Queries(database);
  const writer = database.session();
  const distinct = "SELECT COUNT(*) FROM (SELECT DISTINCT hash(range) FROM range(100_000))";
  // A deleted row takes 256 KiB for the versions of its row group, which cannot be put aside.
  await writer.run("CREATE TABLE HOG AS SELECT range AS N FROM range(1_100_000)");
  await writer.run("DELETE FROM HOG WHERE N % 10_240 = 1");
  await assertRejects(() => queries.run(distinct, {}), QueryRefusedError, "more memory than DuckDB may use");

  const written = Promise.withResolvers<void>();
  const writing = database.turn(async () => {
    await written.promise;
    await writer.run("DROP TABLE HOG");
  });
  const answer = queries.run(distinct, {});
  await new Promise((resolve) => setTimeout(resolve, 500));
  written.resolve();
  assertEquals((await answer).rows, [[100_000]]);
  await writing;
  writer.close();
  await database.close();
  await Deno.remove(folder, { recursive: true });
});
