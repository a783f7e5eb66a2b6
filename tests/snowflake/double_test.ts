// The Snowflake double against the official driver: types there and back, and the forms of statement that Freshet may use.

import { assert, assertEquals } from "@std/assert";
import { Client } from "../support/snowflake/driver.ts";
import { double, testTwoClients as test } from "./two_clients.ts";

const ROWS = JSON.stringify([
  { k: "a", n: 1, d: 1.5, b: true, ts: "2026-01-02T03:04:05.678901Z", dt: "2026-01-02", o: { x: [1, "two"] } },
  { k: "b", n: null, d: -0.25, b: false, ts: null, dt: null, o: "text" },
]);

const TYPED =
  `CREATE TABLE T (K VARCHAR, N NUMBER(38,0), D DOUBLE, B BOOLEAN, TS TIMESTAMP_NTZ, TL TIMESTAMP_LTZ, DT DATE,
  V VARIANT)`;
const FROM_BIND = `SELECT value:k::VARCHAR, value:n::NUMBER(38,0), value:d::DOUBLE, value:b::BOOLEAN,
  value:ts::TIMESTAMP_NTZ, value:ts::TIMESTAMP_LTZ, value:dt::DATE, value:o::VARIANT
  FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?)))`;

test("values of every type come back as they were sent", async (one) => {
  await one.run(TYPED);
  const inserted = await one.run(`INSERT INTO T ${FROM_BIND}`, [ROWS]);
  assertEquals(inserted.updated, 2);
  const { rows, types } = await one.run("SELECT * FROM T ORDER BY K");
  assertEquals(types, {
    K: "text",
    N: "fixed",
    D: "real",
    B: "boolean",
    TS: "timestamp_ntz",
    TL: "timestamp_ltz",
    DT: "date",
    V: "variant",
  });
  const [a, b] = rows;
  const time = a!.TS as Date & { getNanoSeconds(): number };
  assertEquals([time.toISOString(), time.getNanoSeconds()], ["2026-01-02T03:04:05.678Z", 678_901_000]);
  assertEquals((a!.TL as Date).toISOString(), "2026-01-02T03:04:05.678Z");
  assertEquals((a!.DT as Date).toISOString(), "2026-01-02T00:00:00.000Z");
  assertEquals([a!.K, a!.N, a!.D, a!.B, a!.V], ["a", 1, 1.5, true, { x: [1, "two"] }]);
  assertEquals([b!.K, b!.N, b!.D, b!.B, b!.TS, b!.TL, b!.DT, b!.V], [
    "b",
    null,
    -0.25,
    false,
    null,
    null,
    null,
    "text",
  ]);
});

test("binds of each kind keep their value, and a question mark in text is none", async (one) => {
  const { rows } = await one.run("SELECT ? AS A, ? AS B, ? AS C, ? AS D, '?' AS E -- ?", ["x'y", 7, true, null]);
  assertEquals(rows, [{ A: "x'y", B: 7, C: true, D: null, E: "?" }]);
});

test("a column without a name is called by its expression in capitals", async (one) => {
  await one.run("CREATE TABLE T (N BIGINT)");
  const { rows } = await one.run("select count(*), max(n), n + 1 from T group by n");
  assertEquals(rows, []);
  const { types } = await one.run("select count(*), max(n) from T");
  assertEquals(types, { "COUNT(*)": "fixed", "MAX(N)": "fixed" });
});

test("INSERT ALL fills two tables from one bind and counts both", async (one) => {
  await one.run("CREATE TABLE RAW (RECORD_METADATA VARIANT, RECORD_CONTENT VARIANT)");
  await one.run('CREATE TABLE TYPED ("TIMESTAMP" TIMESTAMP_NTZ, N BIGINT)');
  const rows = [{ m: { offset: 1 }, c: '{"n":5}', ts: "2026-01-01 00:00:00", n: 5 }];
  const { rows: [counts], updated } = await one.run(
    `INSERT ALL INTO RAW (RECORD_METADATA, RECORD_CONTENT) VALUES (M, C) INTO TYPED ("TIMESTAMP", N) VALUES (TS, N)
     SELECT value:m::VARIANT AS M, PARSE_JSON(value:c::VARCHAR, 'd') AS C, value:ts::TIMESTAMP_NTZ AS TS, value:n::BIGINT AS N
     FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?)))`,
    [JSON.stringify(rows)],
  );
  assertEquals(counts, { "number of rows inserted into RAW": 1, "number of rows inserted into TYPED": 1 });
  assertEquals(updated, 2);
  assertEquals((await one.run("SELECT * FROM RAW")).rows, [{
    RECORD_METADATA: { offset: 1 },
    RECORD_CONTENT: { n: 5 },
  }]);
});

test("INSERT ALL with WHEN sends each row where its condition says", async (one) => {
  for (const table of ["LOW", "HIGH", "REST"]) await one.run(`CREATE TABLE ${table} (N BIGINT)`);
  await one.run(
    `INSERT ALL WHEN N < 10 THEN INTO LOW VALUES (N) WHEN N > 100 THEN INTO HIGH VALUES (N) ELSE INTO REST VALUES (N)
     SELECT value::BIGINT AS N FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?)))`,
    ["[1,2,50,200]"],
  );
  const counts =
    "SELECT (SELECT COUNT(*) FROM LOW) AS L, (SELECT COUNT(*) FROM HIGH) AS H, (SELECT COUNT(*) FROM REST) AS R";
  assertEquals((await one.run(counts)).rows, [{ L: 2, H: 1, R: 1 }]);
});

const MERGE = `MERGE INTO T USING (
    SELECT value:k::VARCHAR AS K, value:v::BIGINT AS V FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?)))
  ) S ON T.K = S.K
  WHEN MATCHED AND S.V >= T.V THEN UPDATE SET V = S.V
  WHEN NOT MATCHED THEN INSERT (K, V) VALUES (S.K, S.V)`;

test("MERGE inserts, updates what the guard lets through, and counts both", async (one) => {
  await one.run("CREATE TABLE T (K VARCHAR, V BIGINT)");
  await one.run("INSERT INTO T VALUES ('old', 5), ('newer', 50)");
  const source = JSON.stringify([{ k: "old", v: 6 }, { k: "newer", v: 7 }, { k: "new", v: 8 }]);
  const { rows } = await one.run(MERGE, [source]);
  assertEquals(rows, [{ "number of rows inserted": 1, "number of rows updated": 1 }]);
  assertEquals(await one.values("SELECT V FROM T ORDER BY K"), [8, 50, 6]);
});

test("MERGE inserts two new rows of one key, as nothing enforces keys", async (one) => {
  await one.run("CREATE TABLE T (K VARCHAR PRIMARY KEY, V BIGINT UNIQUE)");
  await one.run(MERGE, [JSON.stringify([{ k: "a", v: 1 }, { k: "a", v: 1 }])]);
  assertEquals(await one.values("SELECT COUNT(*) FROM T"), [2]);
});

test("MERGE and DELETE remove rows by key", async (one) => {
  await one.run("CREATE TABLE T (K VARCHAR, V BIGINT)");
  await one.run("INSERT INTO T VALUES ('a', 1), ('b', 2), ('c', 3)");
  const deleted = await one.run(
    "DELETE FROM T USING (SELECT value:k::VARCHAR AS K FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?)))) S WHERE T.K = S.K",
    ['[{"k":"a"},{"k":"b"}]'],
  );
  assertEquals(deleted.rows, [{ "number of rows deleted": 2 }]);
  const merged = await one.run("MERGE INTO T USING (SELECT 'c' AS K) S ON T.K = S.K WHEN MATCHED THEN DELETE");
  assertEquals(merged.rows, [{ "number of rows deleted": 1 }]);
});

test("a conditional UPDATE says how many rows it found", async (one) => {
  await one.run("CREATE TABLE O (P BIGINT, NEXT_OFFSET BIGINT, EPOCH BIGINT)");
  await one.run("INSERT INTO O VALUES (0, 10, 1), (1, 20, 1)");
  const fence = "UPDATE O SET NEXT_OFFSET = ? WHERE P = ? AND NEXT_OFFSET = ? AND EPOCH = ?";
  assertEquals((await one.run(fence, [15, 0, 10, 1])).updated, 1);
  assertEquals((await one.run(fence, [15, 0, 10, 1])).updated, 0);
  const many = await one.run(
    `UPDATE O SET NEXT_OFFSET = S.TO_OFFSET FROM (
       SELECT value:p::BIGINT AS P, value:at::BIGINT AS AT_OFFSET, value:to::BIGINT AS TO_OFFSET
       FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?)))
     ) S WHERE O.P = S.P AND O.NEXT_OFFSET = S.AT_OFFSET`,
    ['[{"p":0,"at":15,"to":30},{"p":1,"at":99,"to":30}]'],
  );
  assertEquals(many.updated, 1);
});

test("rows of an array bind go through INSERT VALUES", async (one) => {
  await one.run("CREATE TABLE T (K VARCHAR, N BIGINT)");
  assertEquals((await one.run("INSERT INTO T (K, N) VALUES (?, ?)", [["a", 1], ["b", null]])).updated, 2);
  assertEquals((await one.run("SELECT * FROM T ORDER BY K")).rows, [{ K: "a", N: 1 }, { K: "b", N: null }]);
});

test("QUALIFY, views, comments, DESCRIBE and SHOW answer", async (one) => {
  await one.run("CREATE TABLE T (K VARCHAR NOT NULL, V BIGINT, L TIMESTAMP_LTZ)");
  await one.run("COMMENT ON TABLE T IS 'with; a semicolon'");
  await one.run("COMMENT ON COLUMN T.V IS 'a number'");
  await one.run(
    "CREATE OR REPLACE VIEW LATEST AS SELECT K, V FROM T QUALIFY ROW_NUMBER() OVER (PARTITION BY K ORDER BY V DESC) = 1",
  );
  await one.run("INSERT INTO T (K, V) VALUES ('a', 1), ('a', 2)");
  assertEquals((await one.run("SELECT * FROM LATEST")).rows, [{ K: "a", V: 2 }]);
  const { rows } = await one.run("DESCRIBE TABLE T");
  assertEquals(rows.map((row) => [row.name, row.type, row["null?"]]), [
    ["K", "VARCHAR(16777216)", "N"],
    ["V", "NUMBER(38,0)", "Y"],
    ["L", "TIMESTAMP_LTZ(9)", "Y"],
  ]);
  assertEquals((await one.run("SHOW TABLES")).rows.map((row) => row.name), ["T"]);
  assertEquals((await one.run("SHOW PARAMETERS LIKE 'TIMEZONE'")).rows.map((row) => row.value), ["UTC"]);
});

test("the default time zone of a session is Los Angeles", async () => {
  await using fresh = await Client.connect(double!);
  const apart = "SELECT DATEDIFF('hour', CURRENT_TIMESTAMP()::TIMESTAMP_NTZ, SYSDATE()) AS H";
  assert([7, 8].includes(Number((await fresh.values(apart))[0])));
  await fresh.run("ALTER SESSION SET TIMEZONE = 'UTC'");
  assertEquals(await fresh.values(apart), [0]);
});

test("the tables of the program can be made, described and commented", async (one) => {
  for (const name of ["freshet", "trains"]) {
    const script = await Deno.readTextFile(new URL(`../../sql/${name}.sql`, import.meta.url));
    for (const statement of script.replace(/^--.*$/gm, "").split(/;\s*$/m)) {
      if (statement.trim() !== "") await one.run(statement);
    }
  }
  const { rows } = await one.run("DESCRIBE TABLE ATS_TRANSFORMED");
  assertEquals(rows.slice(0, 3).map((row) => [row.name, row.type]), [
    ["TIMESTAMP", "TIMESTAMP_NTZ(9)"],
    ["TRAIN_ID", "VARCHAR(16777216)"],
    ["LINE", "VARCHAR(16777216)"],
  ]);
  assertEquals((await one.run("SELECT * FROM ATS_HOURLY_STATS")).rows, []);
});
