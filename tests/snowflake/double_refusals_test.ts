// What Snowflake refuses, and the double therefore too, with Snowflake's codes: a program that passes against the double
// must not have leaned on what DuckDB or fakesnow would take.

import { assertEquals } from "@std/assert";
import { Client, refusal } from "../support/snowflake/driver.ts";
import { startSnowflake, whyNoSnowflake } from "../support/snowflake/mod.ts";

const skip = await whyNoSnowflake();
const double = skip === undefined
  ? await startSnowflake({
    denied: [
      { role: "FRESHET_READER", privilege: "INSERT", on: "*" },
      { role: "FRESHET_READER", privilege: "UPDATE", on: "*" },
      { role: "FRESHET_READER", privilege: "CREATE TABLE", on: "*" },
      { role: "FRESHET_READER", privilege: "SELECT", on: "HIDDEN" },
      { role: "FRESHET_READER", privilege: "USAGE", on: "VAULT" },
    ],
    users: [
      { name: "FRESHET", password: "test-password", roles: ["FRESHET_WRITER", "ACCOUNTADMIN"] },
      { name: "READER", password: "test-password", roles: ["FRESHET_READER"] },
    ],
    databases: ["FRESHET", "VAULT"],
  })
  : undefined;
Deno.test.afterAll(async () => await double?.stop());

const SETUP = [
  "CREATE OR REPLACE TABLE T (K VARCHAR, N BIGINT, D DOUBLE, B BOOLEAN, TS TIMESTAMP_NTZ, DT DATE, V VARIANT)",
  "CREATE OR REPLACE TABLE STRICT (K VARCHAR NOT NULL)",
  'CREATE OR REPLACE TABLE QUOTED ("lower" BIGINT)',
  "CREATE OR REPLACE TABLE HIDDEN (K VARCHAR)",
  "CREATE OR REPLACE VIEW W AS SELECT K, N FROM T",
  "CREATE OR REPLACE TABLE GONE (K VARCHAR)",
  "CREATE OR REPLACE VIEW OF_GONE AS SELECT K FROM GONE",
  "DROP TABLE GONE",
];

let ready: Promise<void> | undefined;

/** A client of the role; the tables are there. */
async function client(username = "FRESHET", options: Record<string, unknown> = {}): Promise<Client> {
  ready ??= (async () => {
    await using admin = await Client.connect(double!);
    for (const statement of SETUP) await admin.run(statement);
  })();
  await ready;
  return await Client.connect(double!, {
    username,
    role: username === "READER" ? "FRESHET_READER" : undefined,
    ...options,
  });
}

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `snowflake double: ${name}`, ignore: skip !== undefined, fn });
}

type Binds = Parameters<Client["run"]>[1];
const flat = (select: string) => `SELECT ${select} FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?)))`;

const REFUSED: readonly (readonly [what: string, code: string, statement: string, binds?: Binds])[] = [
  ["a word that is no statement", "001003", "SELEC 1"],
  ["an empty statement", "000900", " -- nothing"],
  ["two statements in one request", "000008", "SELECT 1; SELECT 2"],
  ["a table that does not exist", "002003", "SELECT * FROM NOWHERE"],
  ["a view whose table was dropped", "002037", "SELECT * FROM OF_GONE"],
  ["a dropped table beside a view", "002003", "SELECT * FROM W JOIN GONE ON W.K = GONE.K"],
  ["a column that does not exist", "000904", "SELECT NOPE FROM T"],
  ["a function that does not exist", "002140", "SELECT NO_SUCH(1)"],
  ["a function of DuckDB", "002140", "SELECT EPOCH_MS(N) FROM T"],
  ["a type of DuckDB", "002040", "SELECT N::JSON FROM T"],
  ["a table that exists already", "002002", "CREATE TABLE T (N BIGINT)"],
  ["PARSE_JSON in VALUES", "002014", "INSERT INTO T (V) VALUES (PARSE_JSON(?))", ["{}"]],
  ["any call in VALUES", "002014", "INSERT INTO T (K) VALUES (UPPER('a'))"],
  ["an expression in INSERT ALL's VALUES", "002014", "INSERT ALL INTO T (N) VALUES (N + 1) SELECT 1 AS N"],
  ["INSERT FIRST without WHEN", "001003", "INSERT FIRST INTO T (N) VALUES (N) SELECT 1 AS N"],
  ["text for a VARIANT", "002023", "INSERT INTO T (V) SELECT ?", ["{}"]],
  ["a VARIANT for text, uncast", "002023", `INSERT INTO T (K) ${flat("value:k")}`, ['[{"k":"a"}]']],
  ["a number for a timestamp", "002023", "INSERT INTO T (TS) SELECT 1700000000000"],
  ["a zoned timestamp for one without zone", "002023", "INSERT INTO T (TS) SELECT CURRENT_TIMESTAMP()"],
  ["text that is no number", "100038", "SELECT 'abc'::NUMBER"],
  ["text that is no timestamp", "100035", "SELECT 'abc'::TIMESTAMP_NTZ"],
  ["text that is no date", "100040", "SELECT '2026-13-01'::DATE"],
  ["text that is no boolean", "100037", "SELECT 'perhaps'::BOOLEAN"],
  ["a VARIANT that is no number", "100071", flat("value:n::NUMBER"), ['[{"n":"abc"}]']],
  ["a VARIANT that is no timestamp", "100071", flat("value:n::TIMESTAMP_NTZ"), ['[{"n":"abc"}]']],
  ["JSON that is none", "100069", "SELECT PARSE_JSON(?)", ["{bad"]],
  ["a key twice in JSON", "100069", "SELECT PARSE_JSON(?)", ['{"a":1,"a":2}']],
  ["a key twice deep in JSON", "100069", flat("value:k::VARCHAR"), ['[{"k":{"a":1,"a":2}}]']],
  ["NULL where none may be", "100072", "INSERT INTO STRICT SELECT NULL"],
  [
    "two source rows for one target row",
    "100090",
    "MERGE INTO T USING (SELECT 1 AS N UNION ALL SELECT 1) S ON T.N = S.N WHEN MATCHED THEN UPDATE SET K = 'x'",
  ],
  ["INSERT into a view", "002203", "INSERT INTO W (K) SELECT 'a'"],
  ["UPDATE of a view", "002203", "UPDATE W SET K = 'a'"],
  ["a quoted name in the wrong case", "000904", 'SELECT "k" FROM T'],
  ["a quoted table in the wrong case", "002003", 'SELECT * FROM "t"'],
  ["an unquoted name for a quoted column in lower case", "000904", "SELECT LOWER FROM QUOTED"],
  ["a reserved word as a column", "001003", "CREATE TABLE R (ORDER BIGINT)"],
  ["ON CONFLICT", "001003", "INSERT INTO T (K) VALUES ('a') ON CONFLICT DO NOTHING"],
  ["a column that is not grouped", "000979", "SELECT K, N FROM T GROUP BY K"],
  ["a bind that is not given", "002049", "SELECT ?"],
  ["an array bind with INSERT … SELECT", "002049", "INSERT INTO T (K, N) SELECT ?, ?", [["a", 1], ["b", 2]]],
  ["a VARIANT bind", "002040", "INSERT INTO T (V) SELECT ?", [{ a: 1 }] as unknown as Binds],
  ["a list of more than 16,384 values", "001795", `SELECT 1 IN (${new Array(16_385).fill(2).join()})`],
  ["a warehouse that does not exist", "002043", "USE WAREHOUSE NOWHERE"],
  ["a database that does not exist", "002043", "USE DATABASE NOWHERE"],
  ["a schema that does not exist", "002043", "USE SCHEMA NOWHERE"],
  ["a role that was not granted", "003013", "USE ROLE NOWHERE"],
  ["a session parameter that does not exist", "001420", "ALTER SESSION SET NO_SUCH = 1"],
];

for (const [what, code, statement, binds] of REFUSED) {
  test(`${what} is refused with ${code}`, async () => {
    await using one = await client();
    if (code === "100090") await one.run("INSERT INTO T (N) VALUES (1)");
    assertEquals((await refusal(one.run(statement, binds))).code, code);
  });
}

test("PARSE_JSON with 'd' keeps the last of two equal keys, and takes none for NULL", async () => {
  await using one = await client();
  const { rows } = await one.run("SELECT PARSE_JSON(?, 'd') AS V, PARSE_JSON('') AS W", ['{"a":1,"a":2}']);
  assertEquals(rows, [{ V: { a: 2 }, W: null }]);
});

test("a bind and a VARIANT over 16 MiB are refused, and a statement over 1 MB", async () => {
  await using one = await client();
  const big = "x".repeat(16 * 1024 * 1024 + 1);
  assertEquals((await refusal(one.run("SELECT LENGTH(?)", [big]))).code, "100078");
  assertEquals((await refusal(one.run(`SELECT '${"x".repeat(1024 * 1024)}'`))).code, "000602");
  assertEquals(await one.values("SELECT LENGTH(?)", [big.slice(2)]), [16 * 1024 * 1024 - 1]);
});

test("primary and unique keys are not enforced, but a primary key is not null", async () => {
  await using one = await client();
  await one.run("CREATE OR REPLACE TABLE P (A BIGINT PRIMARY KEY, B VARCHAR UNIQUE)");
  assertEquals((await one.run("INSERT INTO P VALUES (1, 'x'), (1, 'x')")).updated, 2);
  assertEquals((await refusal(one.run("INSERT INTO P VALUES (NULL, 'y')"))).code, "100072");
});

test("a role without the privilege is refused, and does not see what it may not read", async () => {
  await using reader = await client("READER");
  assertEquals(await reader.values("SELECT COUNT(*) FROM STRICT"), [0]);
  assertEquals((await refusal(reader.run("INSERT INTO T (K) VALUES ('a')"))).code, "003001");
  assertEquals((await refusal(reader.run("UPDATE T SET K = 'a'"))).code, "003001");
  assertEquals((await refusal(reader.run("CREATE TABLE N (K VARCHAR)"))).code, "003001");
  assertEquals((await refusal(reader.run("GRANT SELECT ON TABLE T TO ROLE PUBLIC"))).code, "003001");
  assertEquals((await refusal(reader.run("SELECT * FROM HIDDEN"))).code, "002003");
  assertEquals((await refusal(reader.run("USE DATABASE VAULT"))).code, "002043");
});

test("without a warehouse nothing is read or written, without a database nothing is found", async () => {
  await using idle = await client("FRESHET", { warehouse: "NOWHERE" });
  assertEquals(await idle.values("SELECT 1"), [1]);
  assertEquals((await refusal(idle.run("SELECT * FROM T"))).code, "000606");
  await using lost = await client("FRESHET", { database: "NOWHERE", schema: undefined });
  assertEquals((await refusal(lost.run("SELECT * FROM T"))).code, "090105");
});
