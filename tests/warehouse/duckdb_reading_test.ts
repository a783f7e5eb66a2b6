// What a query on DuckDB may do: read, and nothing else, however the statement is written. Every type of statement is tried
// bare, in EXPLAIN, in EXPLAIN ANALYZE, in brackets and in a CTE, on a file whose bytes must stay the same.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { StatementType } from "@duckdb/node-api";
import { QueryRefusedError } from "../../src/errors.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { Database } from "../../src/warehouse/duckdb/database.ts";
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

/** By the type that DuckDB's parser gives them; `<file>` is the warehouse's own. */
const STATEMENTS: Readonly<Record<string, readonly string[]>> = {
  INSERT: ["INSERT INTO SALES VALUES ('x', 1, NULL)", "INSERT INTO SALES FROM SALES RETURNING *"],
  UPDATE: ["UPDATE SALES SET UNITS = 0"],
  DELETE: ["DELETE FROM SALES", "TRUNCATE SALES"],
  MERGE_INTO: ["MERGE INTO SALES USING (SELECT 'web' AS C) S ON CHANNEL = S.C WHEN MATCHED THEN DELETE"],
  CREATE: [
    "CREATE TABLE T AS SELECT 1",
    "CREATE TEMP TABLE T (A INT)",
    "CREATE OR REPLACE VIEW V AS SELECT 1",
    "CREATE MACRO M() AS 1",
    "CREATE SEQUENCE S",
    "CREATE SCHEMA S",
    "CREATE TYPE E AS ENUM ('a')",
    "CREATE INDEX I ON SALES (CHANNEL)",
    "CREATE SECRET (TYPE s3)",
  ],
  ALTER: ["ALTER TABLE SALES ADD COLUMN X INT", "COMMENT ON TABLE SALES IS 'x'"],
  DROP: ["DROP TABLE SALES", "DROP VIEW SALES_BY_CHANNEL", "DROP SECRET x"],
  COPY: [
    "COPY (SELECT 1) TO '<file>' (FORMAT csv, USE_TMP_FILE false)",
    "COPY SALES TO '<file>.csv'",
    "COPY SALES FROM '<file>.csv'",
  ],
  COPY_DATABASE: ["COPY FROM DATABASE freshet TO memory"],
  EXPORT: ["EXPORT DATABASE '<file>.export'"],
  MULTI: ["IMPORT DATABASE '<file>.export'"],
  ATTACH: ["ATTACH ':memory:' AS other", "ATTACH '<file>.other' AS other"],
  DETACH: ["DETACH freshet"],
  LOAD: ["LOAD httpfs", "INSTALL httpfs", "FORCE INSTALL httpfs FROM core_nightly"],
  UPDATE_EXTENSIONS: ["UPDATE EXTENSIONS"],
  SET: ["SET threads = 1", "SET SESSION schema = 'main'", "RESET threads", "SET VARIABLE x = 1", "USE memory"],
  VARIABLE_SET: [],
  PRAGMA: ["PRAGMA enable_profiling", "PRAGMA database_size", "PRAGMA threads = 1", "PRAGMA force_checkpoint"],
  VACUUM: ["VACUUM", "VACUUM ANALYZE SALES"],
  ANALYZE: ["ANALYZE"],
  CALL: ["CALL pragma_version()", "CALL force_checkpoint()", "CHECKPOINT", "FORCE CHECKPOINT"],
  TRANSACTION: ["BEGIN", "COMMIT", "ROLLBACK", "ABORT"],
  PREPARE: ["PREPARE p AS SELECT 1"],
  EXECUTE: ["EXECUTE p", "EXECUTE p(1)", "DEALLOCATE p"],
};

/** Types that no text has: the client's own, or nodes inside of others. */
const NOT_IN_TEXT = ["INVALID", "CREATE_FUNC", "RELATION", "EXTENSION", "LOGICAL_PLAN"];

const DRESSES: readonly ((statement: string) => string)[] = [
  (statement) => statement,
  (statement) => `EXPLAIN ${statement}`,
  (statement) => `EXPLAIN ANALYZE ${statement}`,
  (statement) => `explain (analyze, format json) ${statement}`,
  (statement) => `WITH x AS (${statement}) SELECT * FROM x`,
];

/** Wherever a function can stand, `<f>` is one that would run, and is not on the list. */
const PLACES: readonly string[] = [
  "SELECT <f>",
  "SELECT (<f>)::VARCHAR || 'x'",
  "SELECT CASE WHEN <f> > 0 THEN 1 END",
  "SELECT CASE <f> WHEN 1 THEN 1 ELSE 2 END",
  "SELECT 1 WHERE <f> > 0",
  "SELECT 1 WHERE EXISTS (SELECT <f>)",
  "SELECT 1 WHERE 1 IN (SELECT <f>)",
  "SELECT 1 IN (2, <f>), 1 BETWEEN 0 AND <f>, NOT (<f> > 0), <f> IS NULL",
  "SELECT COALESCE(NULL, <f>)",
  "SELECT TRY(<f>)",
  "SELECT [1, 2][<f>:2], {'a': <f>}, MAP {<f>: 1}, (1, <f>), ARRAY[<f>], ARRAY(SELECT <f>)",
  "SELECT 'x' COLLATE NOCASE = <f>::VARCHAR",
  "SELECT INTERVAL (<f>) DAY",
  "SELECT NOW() AT TIME ZONE <f>::VARCHAR",
  "SELECT EXTRACT(HOUR FROM make_timestamp(<f>))",
  "SELECT list_transform([0], x -> x + <f>)",
  "SELECT list_transform([0], lambda x: x + <f>)",
  "SELECT [x + <f> FOR x IN [0]]",
  "SELECT [1 FOR x IN [0] IF <f> > 0]",
  "SELECT list_reduce([1, 2], lambda x, y: <f>)",
  "SELECT ('a').concat(<f>)",
  "SELECT 1 ORDER BY <f>",
  "SELECT 1 LIMIT (SELECT <f>)",
  "SELECT 1 LIMIT 1 OFFSET (SELECT <f>)",
  "SELECT 1 LIMIT (<f>) %",
  "SELECT SUM(<f>) FROM SALES",
  "SELECT SUM(UNITS) FILTER (WHERE <f> > 0) FROM SALES",
  "SELECT ARRAY_AGG(UNITS ORDER BY <f>) FROM SALES",
  "SELECT PERCENTILE_CONT(<f> / 10) WITHIN GROUP (ORDER BY UNITS) FROM SALES",
  "SELECT MODE() WITHIN GROUP (ORDER BY <f>) FROM SALES",
  "SELECT SUM(UNITS) OVER (ORDER BY <f>) FROM SALES",
  "SELECT SUM(UNITS) OVER (PARTITION BY <f>) FROM SALES",
  "SELECT SUM(<f>) OVER () FROM SALES",
  "SELECT SUM(UNITS) FILTER (WHERE <f> > 0) OVER () FROM SALES",
  "SELECT SUM(UNITS) OVER (ORDER BY UNITS ROWS BETWEEN <f> PRECEDING AND CURRENT ROW) FROM SALES",
  "SELECT SUM(UNITS) OVER (ORDER BY UNITS ROWS BETWEEN CURRENT ROW AND <f> FOLLOWING) FROM SALES",
  "SELECT LAG(UNITS, <f>) OVER (ORDER BY UNITS) FROM SALES",
  "SELECT LAG(UNITS, 1, <f>) OVER (ORDER BY UNITS) FROM SALES",
  "SELECT FIRST_VALUE(UNITS ORDER BY <f>) OVER () FROM SALES",
  "SELECT SUM(UNITS) OVER w FROM SALES WINDOW w AS (ORDER BY <f>)",
  "SELECT CHANNEL FROM SALES QUALIFY <f> > 0",
  "SELECT CHANNEL FROM SALES QUALIFY ROW_NUMBER() OVER (ORDER BY <f>) > 0",
  "SELECT COUNT(*) FROM SALES GROUP BY <f>",
  "SELECT COUNT(*) FROM SALES GROUP BY GROUPING SETS ((<f>), ())",
  "SELECT CHANNEL FROM SALES GROUP BY ALL HAVING <f> > 0",
  "SELECT DISTINCT ON (<f>) UNITS FROM SALES",
  "SELECT * REPLACE (<f> AS UNITS) FROM SALES",
  "SELECT COLUMNS(c -> <f> > 0) FROM SALES",
  "SELECT COLUMNS(* REPLACE (<f> AS UNITS)) FROM SALES",
  "SELECT UNNEST([<f>])",
  "FROM UNNEST([<f>])",
  "FROM range(<f>)",
  "FROM (SELECT <f>)",
  "FROM (VALUES (<f>))",
  "VALUES (1, <f>)",
  "FROM summary((SELECT <f>))",
  "FROM SALES, LATERAL (SELECT UNITS + <f>)",
  "FROM SALES, range(UNITS + <f>)",
  "FROM SALES A JOIN SALES B ON A.UNITS = B.UNITS + <f>",
  "FROM SALES A ASOF JOIN SALES B ON A.UNITS >= B.UNITS + <f>",
  "FROM SALES A SEMI JOIN (SELECT <f> AS UNITS) B USING (UNITS)",
  "FROM SALES POSITIONAL JOIN (SELECT <f>)",
  "FROM SALES AT (VERSION => <f>)",
  "SELECT 1 UNION ALL SELECT <f>",
  "SELECT 1 UNION BY NAME (SELECT 2 EXCEPT SELECT <f>)",
  "(SELECT 1) INTERSECT (SELECT <f>) ORDER BY 1",
  "SELECT 1 UNION SELECT 2 LIMIT (SELECT <f>)",
  "WITH x AS (SELECT <f>) SELECT 1",
  "WITH x AS MATERIALIZED (SELECT <f>) FROM x",
  "WITH x AS (WITH y AS (SELECT <f>) FROM y) FROM x",
  "SELECT (WITH x AS (SELECT <f>) SELECT 1)",
  "WITH RECURSIVE t(n) AS (SELECT <f> UNION ALL SELECT n + 1 FROM t WHERE n < 3) FROM t",
  "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT <f> FROM t WHERE n < 1) FROM t",
  "WITH RECURSIVE t(n) USING KEY (n) AS (SELECT 1 UNION SELECT <f> FROM t) FROM t",
  "DESCRIBE SELECT <f>",
  "SUMMARIZE SELECT <f>",
  "FROM (SUMMARIZE (SELECT <f>))",
  "PIVOT (SELECT <f> AS P, CHANNEL FROM SALES) ON CHANNEL USING COUNT(P)",
  "PIVOT SALES ON (UNITS + <f>) USING COUNT(*)",
  "PIVOT SALES ON CHANNEL USING SUM(<f>)",
  "PIVOT SALES ON CHANNEL IN ('shop') USING SUM(<f>)",
  "WITH x AS (PIVOT SALES ON CHANNEL, UNITS USING SUM(<f>)) FROM x",
  "FROM SALES PIVOT (SUM(<f>) FOR CHANNEL IN ('shop'))",
  "UNPIVOT (SELECT <f> AS N) ON N",
  "UNPIVOT SALES ON (UNITS + <f>)",
];
/** Functions that would answer, or only wait, where they were let through. */
const UNLISTED = ["current_setting('threads')::BIGINT", '"System".main."CURRENT_SETTING"(\'threads\')::BIGINT'];

/** What begins like reading, and does more. */
const HOSTILE: readonly string[] = [
  "EXPLAIN EXPLAIN ANALYZE CHECKPOINT",
  "EXPLAIN ANALYZE EXPLAIN ANALYZE DELETE FROM SALES",
  "EXPLAIN/**/ANALYZE--\nDELETE FROM SALES",
  "/* SELECT 1 */ eXpLaIn /* /* nested */ */ AnAlYsE delete from SALES",
  "EXPLAIN (ANALYZE) DELETE FROM SALES",
  "EXPLAIN (ANALYZE true) DELETE FROM SALES",
  "EXPLAIN (FORMAT 'json', ANALYZE) DELETE FROM SALES",
  "EXPLAIN VERBOSE DELETE FROM SALES",
  "EXPLAIN ANALYZE VERBOSE DELETE FROM SALES",
  "EXPLAIN\u00a0ANALYZE\u00a0DELETE FROM SALES",
  "\u2003EXPLAIN\u3000ANALYZE DELETE FROM SALES",
  "\ufeffDELETE FROM SALES",
  "ＥＸＰＬＡＩＮ ANALYZE DELETE FROM SALES",
  "(EXPLAIN ANALYZE DELETE FROM SALES)",
  "SELECT 1; DELETE FROM SALES",
  "SELECT ';'; DELETE FROM SALES",
  "SELECT 1;; ;DELETE FROM SALES;",
  "SELECT 1 /* ; */; DELETE FROM SALES",
  "SELECT $$;$$; DELETE FROM SALES",
  "SELECT $a$ $$ ; $a$; DELETE FROM SALES",
  "SELECT E'\\'; DELETE FROM SALES; --'; DELETE FROM SALES",
  'SELECT ";" FROM SALES; DELETE FROM SALES',
  "SELECT 1 -- x\n; DELETE FROM SALES",
  "SELECT 1 -- x\r; DELETE FROM SALES",
  "SELECT 1\0; DELETE FROM SALES",
  "EXPLAIN ANALYZE DELETE FROM SALES\0 SELECT 1",
  "SELECT 1) LIMIT 1; DELETE FROM SALES; SELECT * FROM (SELECT 1",
  "SELECT * FROM (DELETE FROM SALES RETURNING *)",
  "FROM (INSERT INTO SALES VALUES ('x', 1, NULL) RETURNING CHANNEL)",
  "WITH x AS MATERIALIZED (UPDATE SALES SET UNITS = 0 RETURNING *) FROM x",
  "WITH x AS (SELECT 1) DELETE FROM SALES",
  "EXPLAIN ANALYZE WITH x AS (SELECT 1) INSERT INTO SALES SELECT 'x', 1, NULL",
  "SELECT 1 INTO T",
  "CREATE TABLE T AS FROM SALES",
  "SELECT pg_sleep(0)",
  "SELECT PG_CATALOG.PG_SLEEP(0)",
  'SELECT "pg_sleep"(0)',
  'SELECT "pg_catalog"."pg_sleep" (0)',
  "SELECT /**/pg_sleep/**/(0)",
  "SELECT pg_sleep\n\n--\n(0)",
  "SELECT (0).sleep_ms()",
  "SELECT (0)::BIGINT.sleep_ms()",
  "SELECT UNITS.pg_sleep() FROM SALES",
  'SELECT (0)."Sleep_MS"()',
  "EXPLAIN ANALYZE SELECT sleep_ms(0)",
  "VALUES (nextval('COUNTER'))",
  "SELECT currval('COUNTER')",
  "SELECT setseed(0.5)",
  "DESCRIBE DELETE FROM SALES",
  "SUMMARIZE (DELETE FROM SALES)",
  "SHOW VARIABLES",
  "FROM pragma_user_agent()",
  "SELECT current_setting('temp_directory')",
  "SELECT getvariable('x')",
  "FROM duckdb_settings()",
  "FROM pg_settings",
  "FROM pg_catalog.pg_settings",
  'FROM "PG_SETTINGS"',
  "FROM system.pg_catalog.pg_settings",
  "FROM duckdb_secrets()",
  "FROM which_secret('s3://x', 's3')",
  "FROM duckdb_logs",
  "FROM duckdb_logs()",
  "FROM duckdb_something_new",
  "FROM force_checkpoint()",
  "FROM main.force_checkpoint()",
  "FROM checkpoint('freshet')",
  "FROM query('DELETE FROM SALES')",
  "FROM query('SELECT pg_sleep(0)')",
  "FROM query_table('pg_settings')",
  "FROM histogram_values('pg_settings', name)",
  "FROM json_execute_serialized_sql(json_serialize_sql('SELECT pg_sleep(0)'))",
  "SELECT json_serialize_plan('SELECT pg_sleep(0)')",
  "SELECT json_deserialize_sql(json_serialize_sql('SELECT 1'))",
  "FROM seq_scan('SALES')",
  "FROM sql_auto_complete('FROM ''/')",
  "FROM enable_logging()",
  "FROM truncate_duckdb_logs()",
  "SELECT write_log('x')",
  "FROM read_csv('<file>')",
  "FROM read_text('<file>')",
  "FROM read_blob('<file>')",
  "FROM '<file>'",
  'FROM "<file>"',
  "SELECT (SELECT content FROM read_text('<file>'))",
  "FROM glob('*')",
  "FROM duckdb_extensions()",
  "SELECT SUM(UNITS) EXPORT_STATE FROM SALES",
  "SELECT finalize('x'::BLOB)",
  "SELECT no_such_function(1)",
  "FROM no_such_function(1)",
  "SELECT FROM WHERE",
  "'",
  "EXPLAIN",
  "EXPLAIN ANALYZE",
  "EXPLAIN (",
  "(",
  ";",
  "",
  "-- SELECT 1",
];

const READING: readonly string[] = [
  "SELECT * FROM SALES",
  "((SELECT 1))",
  "FROM SALES_BY_CHANNEL",
  "TABLE freshet.main.SALES",
  "VALUES (1), (2)",
  "WITH x AS (FROM SALES) FROM x",
  "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3) SELECT n FROM t",
  "SELECT 1 AS nextval, 2 AS query, 3 AS checkpoint",
  "SELECT UNITS::DOUBLE, CAST(CHANNEL AS VARCHAR) COLLATE NOCASE FROM SALES ORDER BY 1 NULLS LAST LIMIT 1 OFFSET 0",
  "SELECT CHANNEL, ROW_NUMBER() OVER (PARTITION BY CHANNEL ORDER BY UNITS) FROM SALES",
  "SELECT QUANTILE_CONT(UNITS, 0.5), MEDIAN(UNITS), STRING_AGG(CHANNEL, ',' ORDER BY CHANNEL) FROM SALES",
  "SELECT list_transform([1, 2], lambda x: x + 1), [x FOR x IN [1, 2] IF x > 1], {'a': 1}.a, MAP {'k': 1}['k']",
  "SELECT NOTE ->> '$.a[0]', json_extract(NOTE, '$.a') FROM SALES",
  "SELECT EXTRACT(HOUR FROM NOW()), TRIM(BOTH 'x' FROM 'xax'), POSITION('b' IN 'abc'), INTERVAL 1 DAY, CURRENT_DATE",
  "SELECT formatReadableSize(1000), FORMATREADABLESIZE(1000)",
  "SELECT UNNEST([1, 2])",
  "FROM UNNEST([1, 2]) t(i)",
  "FROM range(3) POSITIONAL JOIN generate_series(3)",
  "SELECT A.UNITS FROM SALES A ASOF JOIN SALES B ON A.UNITS >= B.UNITS",
  "SELECT * EXCLUDE (NOTE) REPLACE (UPPER(CHANNEL) AS CHANNEL) FROM SALES",
  "SELECT COLUMNS('U.*') FROM SALES",
  "SELECT CHANNEL, COUNT(*) FROM SALES GROUP BY ROLLUP (CHANNEL) ORDER BY ALL",
  "SELECT 1 UNION BY NAME SELECT 2 AS B",
  "FROM SALES USING SAMPLE 100 PERCENT (bernoulli)",
  "PIVOT SALES ON CHANNEL USING SUM(UNITS)",
  "PIVOT SALES ON CHANNEL IN ('shop', 'web') USING SUM(UNITS) GROUP BY UNITS",
  "PIVOT SALES A JOIN (SELECT 'shop' AS C) B ON A.CHANNEL = B.C ON CHANNEL, C USING SUM(UNITS) -- and no more",
  "SELECT * FROM (PIVOT SALES ON CHANNEL USING SUM(UNITS) GROUP BY UNITS)",
  "FROM SALES PIVOT (SUM(UNITS) FOR CHANNEL IN ('shop', 'web'))",
  "UNPIVOT SALES ON UNITS INTO NAME N VALUE V",
  "DESCRIBE SALES",
  "DESC SALES",
  "DESCRIBE SELECT 1",
  "SHOW TABLES",
  "SHOW ALL TABLES",
  "SHOW DATABASES",
  "SHOW SCHEMAS",
  "SHOW TABLES FROM main",
  "SHOW SALES",
  "SUMMARIZE SALES",
  "SELECT column_name FROM (DESCRIBE SALES)",
  "EXPLAIN SELECT 1",
  "EXPLAIN (SELECT 1)",
  "EXPLAIN (FORMAT json) SELECT 1",
  "EXPLAIN (ANALYZE, FORMAT json) SELECT 1",
  "explain /* why */ analyze SELECT * FROM SALES_BY_CHANNEL -- so",
  "EXPLAIN SUMMARIZE SALES",
  "FROM information_schema.tables",
  "FROM duckdb_tables()",
  "FROM duckdb_columns",
  "FROM duckdb_views()",
  "FROM pragma_table_info('SALES')",
  "FROM pg_catalog.pg_tables",
  "FROM sqlite_master",
  "SELECT pg_typeof(1), current_schema(), USER",
  "SELECT a.b FROM (SELECT {'b': 1} AS a)",
  "SELECT MD5('x'), HASH(1), UUID() IS NOT NULL, RANDOM() < 1",
];

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
