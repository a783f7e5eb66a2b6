// What a query on Snowflake may be, decided by its tokens before anything is sent.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { QueryRefusedError } from "../../src/errors.ts";
import { checkReading } from "../../src/warehouse/snowflake/query_check.ts";

const STATEMENTS: readonly string[] = [
  "INSERT INTO SALES VALUES (1)",
  "INSERT ALL INTO SALES SELECT 1",
  "UPDATE SALES SET UNITS = 0",
  "DELETE FROM SALES",
  "TRUNCATE TABLE SALES",
  "MERGE INTO SALES USING S ON 1 = 1 WHEN MATCHED THEN DELETE",
  "CREATE TABLE T AS SELECT 1",
  "CREATE TEMPORARY TABLE T (A INT)",
  "ALTER TABLE SALES ADD COLUMN X INT",
  "ALTER SESSION SET TIMEZONE = 'UTC'",
  "DROP TABLE SALES",
  "UNDROP TABLE SALES",
  "COMMENT ON TABLE SALES IS 'x'",
  "COPY INTO SALES FROM @S",
  "COPY INTO @S FROM SALES",
  "PUT file:///x @S",
  "GET @S file:///x",
  "REMOVE @S",
  "LIST @S",
  "GRANT SELECT ON TABLE SALES TO ROLE R",
  "REVOKE SELECT ON TABLE SALES FROM ROLE R",
  "USE ROLE ACCOUNTADMIN",
  "USE SECONDARY ROLES ALL",
  "USE WAREHOUSE W",
  "SET X = 1",
  "UNSET X",
  "BEGIN",
  "COMMIT",
  "ROLLBACK",
  "CALL P()",
  "EXECUTE IMMEDIATE 'DELETE FROM SALES'",
  "EXECUTE IMMEDIATE $$ BEGIN DELETE FROM SALES; END $$",
  "EXECUTE TASK T",
  "DECLARE X INT; BEGIN RETURN 1; END",
];

const DRESSES: readonly ((statement: string) => string)[] = [
  (statement) => statement,
  (statement) => `EXPLAIN ${statement}`,
  (statement) => `EXPLAIN USING JSON ${statement}`,
  (statement) => `WITH x AS (${statement}) SELECT * FROM x`,
  (statement) => `WITH x AS (SELECT 1) ${statement}`,
  (statement) => `SHOW TABLES ->> ${statement}`,
];

const HOSTILE: readonly string[] = [
  "",
  ";",
  "-- SELECT 1",
  "EXPLAIN",
  "EXPLAIN USING TEXT",
  "EXPLAIN EXPLAIN SELECT 1",
  "EXPLAIN SHOW TABLES",
  "EXPLAIN USING TABULAR CALL P()",
  "SELECT 1; DELETE FROM SALES",
  "SELECT 1 // x\n; DELETE FROM SALES",
  "SELECT 'a\\'; DELETE FROM SALES --'; DELETE FROM SALES",
  "SELECT $$;$$; DELETE FROM SALES",
  "SELECT 1 ->> DELETE FROM SALES",
  "SELECT 1 - > > DELETE FROM SALES",
  "WITH P AS PROCEDURE () RETURNS INT LANGUAGE SQL AS $$ BEGIN RETURN 1; END $$ CALL P()",
  "WITH x AS (SELECT 1), y AS (DELETE FROM SALES) SELECT 1",
  "WITH RECURSIVE x (a) AS (CALL P()) SELECT 1",
  "WITH x AS (SELECT 1)",
  "SELECT SYSTEM$ABORT_SESSION(1)",
  "SELECT system$cancel_all_queries(1)",
  'SELECT "SYSTEM$WAIT"(10)',
  'SELECT SNOWFLAKE."SYSTEM$WAIT"(10)',
  "SELECT IDENTIFIER('SYSTEM$WAIT')(10)",
  "SELECT IDENTIFIER('SYS' || 'TEM$WAIT')(10)",
  "SELECT IDENTIFIER('SYSTEM\\x24WAIT')(10)",
  "SELECT IDENTIFIER('SYSTEM\\u0024WAIT')(10)",
  "SELECT IDENTIFIER($$SYSTEM$WAIT$$)(10)",
  "SELECT IDENTIFIER ( 'WAIT' ) /**/ (10)",
  "SELECT IDENTIFIER(?)(10)",
  "SELECT IDENTIFIER($F)(10)",
  "SELECT * FROM IDENTIFIER('SYSTEM$X')",
  "SELECT * FROM IDENTIFIER('A\\x42')",
  "SELECT * FROM IDENTIFIER('@S/file')",
  "SELECT * FROM IDENTIFIER($T)",
  "SELECT $F(1)",
  "SELECT $F",
  "SELECT * FROM TABLE($T)",
  "SELECT * FROM TABLE('SALES')",
  "SELECT * FROM TABLE(?)",
  "SELECT * FROM TABLE(P())",
  "SELECT * FROM TABLE(MY.P(1))",
  'SELECT * FROM TABLE("FLATTEN"(INPUT => 1))',
  "SELECT * FROM TABLE(IDENTIFIER('P')())",
  "SELECT * FROM TABLE(RESULT_SCAN(LAST_QUERY_ID()))",
  "SELECT * FROM TABLE(GETNEXTVAL(S))",
  "SELECT * FROM TABLE(INFER_SCHEMA(LOCATION => '@S'))",
  "SELECT * FROM TABLE(INFORMATION_SCHEMA.SOMETHING_NEW())",
  "SELECT * FROM TABLE(MINE.FLATTEN(INPUT => 1))",
  "SELECT * FROM T, LATERAL P(1)",
  "SELECT * FROM P(1)",
  "SELECT COUNTER.NEXTVAL",
  "SELECT DB.S.COUNTER.nextval FROM T",
  'SELECT COUNTER."NEXTVAL"',
  "SELECT $1 FROM @S",
  "SELECT $1 FROM @~/file",
  "SELECT $1 FROM '@S/file'",
  "SELECT * FROM T, '@S/file'",
  "SELECT * FROM (SELECT 1) X, '@S/file' F",
  "SELECT * FROM T JOIN '@S/file' ON 1 = 1",
  "SELECT * FROM DIRECTORY(@S)",
  "SELECT GET_PRESIGNED_URL(@S, 'x')",
  "SELECT BUILD_SCOPED_FILE_URL('@S', 'x')",
  "SELECT MY_FUNCTION(1)",
  "SELECT MY.FUNCTION(1)",
  'SELECT "sum"(1)',
  "SELECT ſum(1)",
  "SELECT AI_COMPLETE('m', 'p')",
  "SELECT SNOWFLAKE.CORTEX.COMPLETE('m', 'p')",
  "SELECT MODEL!PREDICT(1)",
  "SELECT MODEL ! PREDICT(1)",
  // What looks like one text to some lexers: $a$ is a variable in Snowflake.
  "SELECT $a$ || SYSTEM$WAIT(10) || $a$",
  "SELECT $a$ , MY_FUNCTION(1), $a$",
  "SELECT 1 /* /* */ , SYSTEM$WAIT(10) /* */ */",
];

const READING: readonly string[] = [
  "SELECT 1",
  "((SELECT 1))",
  "SELECT * FROM SALES;",
  "VALUES (1), (2)",
  "SHOW TABLES",
  "SHOW TABLES LIKE 'A%' IN SCHEMA S",
  "DESCRIBE TABLE SALES",
  "DESC VIEW V",
  "DESCRIBE FUNCTION F(INT)",
  "EXPLAIN SELECT 1",
  "explain using tabular with x as (select 1) select * from x",
  "WITH x (a, b) AS (SELECT 1, 2), y AS (SELECT 1) SELECT * FROM x, y",
  "WITH RECURSIVE t AS (SELECT 1 AS N UNION ALL SELECT N + 1 FROM t WHERE N < 3) SELECT N FROM t",
  "WITH x AS (WITH y AS (SELECT 1) SELECT * FROM y) (SELECT * FROM x)",
  "SELECT 'SYSTEM$WAIT(1); CALL P()' AS X, $$ @S CALL $$ -- DELETE",
  'SELECT a AS "CALL", t."EXECUTE" FROM t',
  "SELECT $1, $2 FROM VALUES (1, 2)",
  "SELECT a.N FROM (VALUES (1)) AS a(N) JOIN (SELECT 1) b(N) ON a.N = b.N",
  "SELECT COUNT(*), COUNT(DISTINCT a), SUM(b) FILTER (WHERE c) FROM t GROUP BY ROLLUP (d) HAVING COUNT(*) > 1",
  "SELECT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY a) OVER (PARTITION BY b) FROM t",
  "SELECT ROW_NUMBER() OVER (ORDER BY a) FROM t QUALIFY ROW_NUMBER() OVER (ORDER BY a) = 1",
  "SELECT CAST(a AS NUMBER(10, 2)), a::VARCHAR(10), TRY_CAST(a AS TIMESTAMP_NTZ(3)), v:path.to[0]::STRING FROM t",
  "SELECT EXTRACT(HOUR FROM '2024-01-01 00:00:00'::TIMESTAMP_NTZ), a IS DISTINCT FROM 'x' FROM t",
  "SELECT 'x', '@y', CONCAT(a, '@z') FROM t WHERE a IN ('@b', '@c') GROUP BY a, '@d' ORDER BY a, '@e'",
  "SELECT a FROM t JOIN u ON t.a = CONCAT(u.a, '@b') AND u.b IN ('x', 'y')",
  "SELECT CASE WHEN (a) THEN (b) ELSE (c) END, NOT (a), a IN (1, 2), EXISTS (SELECT 1) FROM t",
  "SELECT f.VALUE FROM t, LATERAL FLATTEN(INPUT => t.v) f",
  "SELECT * FROM TABLE(FLATTEN(INPUT => PARSE_JSON('[1]')))",
  "SELECT * FROM TABLE(GENERATOR(ROWCOUNT => 3)) g",
  "SELECT * FROM TABLE(INFORMATION_SCHEMA.WAREHOUSE_METERING_HISTORY(DATEADD('day', -7, CURRENT_DATE())))",
  "SELECT * FROM TABLE(DB.INFORMATION_SCHEMA.QUERY_HISTORY(RESULT_LIMIT => 10))",
  "SELECT * FROM IDENTIFIER('DB.SCHEMA.SALES')",
  "SELECT * FROM SALES AT (OFFSET => -60) SAMPLE (10)",
  "SELECT * FROM SALES PIVOT (SUM(UNITS) FOR CHANNEL IN ('shop', 'web')) AS p",
  "SELECT * EXCLUDE (a) REPLACE (b AS b) RENAME (c AS d) FROM t",
  "SELECT a FROM t WHERE a LIKE ANY ('x', 'y') AND b != 1 ORDER BY a LIMIT 10",
  "SELECT FILTER(a, x -> x > 1), TRANSFORM(a, x INT -> x + 1), {'a': 1} FROM t",
];

Deno.test("only statements that read pass, in whatever dress", () => {
  const refused = [...STATEMENTS.flatMap((statement) => DRESSES.map((dress) => dress(statement))), ...HOSTILE];
  assert(refused.length >= 200, `${refused.length} statements`);
  for (const sql of refused) {
    const binds = sql.includes("?") ? 1 : 0;
    try {
      checkReading(sql, binds);
    } catch (error) {
      if (error instanceof QueryRefusedError) continue;
      throw error;
    }
    throw new Error(`Let through: ${sql}`);
  }
});

Deno.test("what only reads passes", () => {
  for (const sql of READING) checkReading(sql, 0);
  assertEquals(READING.map((sql) => checkReading(sql, 0).long).slice(0, 6), [true, true, true, true, false, false]);
});

Deno.test("what is sent has no comments, and is the same otherwise", () => {
  const sql = "SELECT 'a -- b', /* one\ntwo */ \"// c\" -- CALL P()\nFROM t // the end";
  const { statement } = checkReading(sql, 0);
  assertEquals(statement, `SELECT 'a -- b',       \n       "// c"            \nFROM t           `);
});

Deno.test("places for values are counted, and those in texts and comments are none", () => {
  assertEquals(checkReading("SELECT ?, '?' /* ? */ FROM t WHERE a = ?", 2).long, true);
  assertThrows(() => checkReading("SELECT ?", 0), QueryRefusedError, "1 places for values, got 0");
});

Deno.test("a refusal says what is allowed", () => {
  const messages: readonly (readonly [sql: string, message: string])[] = [
    ["CALL P()", 'SHOW, DESCRIBE, DESC, and EXPLAIN of a SELECT or WITH), not "CALL"'],
    ["EXPLAIN DELETE FROM T", 'EXPLAIN may only explain a SELECT or WITH in a query, not "DELETE"'],
    ["SELECT F(1)", "Function F is not allowed in a query"],
    ["SELECT * FROM TABLE(A.B(1))", "TABLE(A.B) is not allowed in a query"],
    ["SELECT 1 FROM @S", "Stages and their files are not allowed"],
    ["WITH x AS (CALL P()) SELECT 1", "allowed, and this one has CALL"],
  ];
  for (const [sql, message] of messages) assertThrows(() => checkReading(sql, 0), QueryRefusedError, message);
});

Deno.test("checking takes time by a statement's length, not by its square", () => {
  const many = (length: number, one: (i: number) => string) => Array.from({ length }, (_, i) => one(i)).join(", ");
  const statements = [
    `SELECT 1 FROM t WHERE a IN (${many(100_000, () => "'x'")})`,
    `WITH ${many(20_000, (i) => `x${i} (a, b) AS (SELECT 1, 2)`)} SELECT 1`,
    `SELECT ${many(50_000, () => "COALESCE(a, 'x')")} FROM t`,
    `SELECT 1 FROM ${many(20_000, (i) => `(VALUES (1)) AS t${i} (a)`)}`,
    `SELECT ${"(".repeat(100_000)}1${")".repeat(100_000)}`,
  ];
  for (const sql of statements) {
    const started = performance.now();
    assertEquals(checkReading(sql, 0).long, true);
    const ms = performance.now() - started;
    assert(ms < 5_000, `${sql.slice(0, 30)}… took ${ms} ms`);
  }
});
