// Which windows the rules count a late record in.
import { assertEquals } from "@std/assert";
import { DuckDBInstance } from "@duckdb/node-api";
import { countsIn, onTime, withMissed } from "../../src/checks/rules.ts";

const EVENTS = "EVENTS AS (SELECT 0 AS P, UNNEST([1, 2, 3]) AS O)";
const at = (minute: number) => `TIMESTAMP '2026-01-15 08:${String(minute).padStart(2, "0")}:00'`;

/** Offsets that count in a window that ends at `end`, where `late` are rows of LATE_RECORDS. */
async function counted(late: readonly string[], end: string): Promise<unknown[]> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await connection.run(
    `CREATE TABLE LATE_RECORDS (OPERATOR VARCHAR, KAFKA_PARTITION BIGINT, KAFKA_OFFSET BIGINT, WINDOW_END TIMESTAMP)`,
  );
  for (const row of late) await connection.run(`INSERT INTO LATE_RECORDS VALUES (${row})`);
  const hopping = `SELECT O FROM ${withMissed("A", "EVENTS")} WHERE ${countsIn(end)}`;
  const tumbling = `SELECT O FROM ${onTime("A")}`;
  const rows = [hopping, tumbling].map(async (sql) =>
    (await connection.runAndReadAll(`WITH ${EVENTS} ${sql} ORDER BY O`)).getRows().flat()
  );
  const offsets = await Promise.all(rows);
  connection.closeSync();
  instance.closeSync();
  return offsets;
}

Deno.test("a late record counts in each hopping window that ends after those that it missed", async () => {
  const late = [`'A', 0, 2, ${at(5)}`, `'B', 0, 3, ${at(5)}`];
  assertEquals(await counted(late, at(5)), [[1, 3], [1, 3]]);
  assertEquals(await counted(late, at(6)), [[1, 2, 3], [1, 3]]);
});

Deno.test("a late record that was written before the tables said it counts in no window", async () => {
  assertEquals(await counted(["'A', 0, 2, NULL"], at(6)), [[1, 3], [1, 3]]);
});
