// SELECTs out of a file of Dynamic Tables, as the rules take them.

import { assertEquals, assertThrows } from "@std/assert";
import { DynamicTables } from "../../src/checks/dynamic_tables.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";

const TABLES = new DynamicTables(`
-- A comment; with a semicolon.
CREATE DYNAMIC TABLE VISITS
  TARGET_LAG = '1 minute'
  COMMENT = 'Visits; as they are'
AS
WITH MARKED AS (
  SELECT *, CASE WHEN T < DATEADD('minute', 2 * 15 /* GAP_MINUTES */, LAG(T) OVER (ORDER BY T)) THEN 0 ELSE 1 END AS IS_FIRST
  FROM EVENTS
),
NUMBERED AS (SELECT *, SUM(IS_FIRST) OVER (ORDER BY T) AS N FROM MARKED)
SELECT N, COUNT(*) AS C, DATEADD('hour', 1, DATEADD('millisecond', -500, MAX(T))) AS ENDS FROM NUMBERED GROUP BY N;

CREATE OR REPLACE VIEW LONGEST AS
SELECT MAX(C) AS C FROM VISITS;
`);

const EVENTS =
  `EVENTS AS (SELECT TIMESTAMP '2026-01-15 10:00:00' + TO_MINUTES(M) AS T FROM (VALUES (0), (20), (70)) AS V(M))`;

async function ask(sql: string): Promise<readonly (readonly unknown[])[]> {
  const folder = await Deno.makeTempDir();
  try {
    await using warehouse = await openDuckDb({ path: `${folder}/any.duckdb` });
    return (await warehouse.query(sql)).rows;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const visits = (gap: number) =>
  `WITH ${EVENTS}, ${TABLES.take({ GAP_MINUTES: gap }, { FOUND: { table: "VISITS" } })}
  SELECT C, ENDS FROM FOUND ORDER BY N`;

Deno.test("a Dynamic Table's SELECT runs on DuckDB, over events of ours and with numbers of the settings", async () => {
  assertEquals(await ask(visits(15)), [[2, "2026-01-15 11:19:59.500"], [1, "2026-01-15 12:09:59.500"]]);
  assertEquals(await ask(visits(30)), [[3, "2026-01-15 12:09:59.500"]]);
});

Deno.test("one table reads another that was taken, and rows of a step can be left out", async () => {
  const where = { MARKED: "IS_FIRST = 1 OR T < TIMESTAMP '2026-01-15 10:10:00'" };
  const tables = TABLES.take({ GAP_MINUTES: 15 }, { VISITS: { table: "VISITS", where }, FOUND: { table: "LONGEST" } });
  assertEquals(await ask(`WITH ${EVENTS}, ${tables} SELECT C FROM FOUND`), [[1]]);
});

Deno.test("a step can be taken in place of the table", async () => {
  const steps = TABLES.take({ GAP_MINUTES: 15 }, { FOUND: { table: "VISITS", upTo: "MARKED" } });
  assertEquals(await ask(`WITH ${EVENTS}, ${steps} SELECT IS_FIRST FROM FOUND ORDER BY T`), [[1], [0], [1]]);
});

Deno.test("what is not there is not taken", () => {
  assertThrows(() => TABLES.take({}, { FOUND: { table: "NOWHERE" } }), Error, "NOWHERE");
  assertThrows(() => TABLES.take({}, { FOUND: { table: "VISITS", upTo: "NO_STEP" } }), Error, "NO_STEP");
  assertThrows(() => TABLES.take({}, { FOUND: { table: "VISITS" } }), Error, "GAP_MINUTES");
});
