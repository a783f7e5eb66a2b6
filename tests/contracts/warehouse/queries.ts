// The warehouse contract: read-only queries and their limits.

import { assertEquals, assertRejects } from "@std/assert";
import { QueryRefusedError } from "../../../src/errors.ts";
import type { Bind, Writer } from "../../../src/warehouse/warehouse.ts";
import { append, loose, rowsOf, segment, type Test, type WarehouseFeatures } from "./suite.ts";

export function queries(test: Test, features: WarehouseFeatures): void {
  const fill = (writer: Writer, count: number) =>
    writer.commit(loose({
      appends: [append("EVENTS", segment(Array.from({ length: count }, (_, ID) => ({ ID, NAME: "a" }))))],
    }));

  test("a query stops at its row limit and says whether there was more", async ({ warehouse, writer }) => {
    await fill(writer, 5000);
    const ids = async (maxRows: number) => {
      const { rows, truncated } = await warehouse.query("SELECT ID FROM EVENTS ORDER BY ID", { maxRows });
      return { rows: rows.length, last: rows.at(-1)?.[0], truncated };
    };
    assertEquals(await ids(3), { rows: 3, last: 2, truncated: true });
    assertEquals(await ids(4999), { rows: 4999, last: 4998, truncated: true });
    assertEquals(await ids(5000), { rows: 5000, last: 4999, truncated: false });
    assertEquals(await ids(0), { rows: 0, last: undefined, truncated: true });
  });

  test("a query whose rows are larger together than it may answer is refused", async ({ warehouse, writer }) => {
    const NAME = "x".repeat(10_000);
    const rows = Array.from({ length: 100 }, (_, ID) => ({ ID, NAME }));
    await writer.commit(loose({ appends: [append("EVENTS", segment(rows))] }));
    const ask = (sql: string, maxRows: number) => warehouse.query(sql, { maxRows, maxBytes: 500_000 });
    await assertRejects(() => ask("SELECT NAME FROM EVENTS", 1000), QueryRefusedError, "larger than 1 MiB");
    assertEquals((await ask("SELECT NAME FROM EVENTS", 40)).rows.length, 40);
    assertEquals((await ask("SELECT ID FROM EVENTS", 1000)).rows.length, 100);
  });

  test("a query without rows still has its columns", async ({ warehouse }) => {
    assertEquals(await warehouse.query("SELECT NAME, EVENT_COUNT FROM EVENT_NAMES;"), {
      columns: [{ name: "NAME", type: "VARCHAR" }, { name: "EVENT_COUNT", type: "BIGINT" }],
      rows: [],
      truncated: false,
    });
  });

  test("bound values are values, whatever they look like", async ({ warehouse, writer }) => {
    const names = ["a", "a' OR 'x' = 'x", "?", "; DROP TABLE EVENTS", "", "é"];
    await writer.commit(loose({ appends: [append("EVENTS", segment(names.map((NAME, ID) => ({ ID, NAME }))))] }));
    const ask = async (sql: string, binds: readonly Bind[]) =>
      (await warehouse.query(sql, { binds, maxRows: 10 })).rows;
    for (const [id, name] of names.entries()) {
      assertEquals(await ask("SELECT ID FROM EVENTS WHERE NAME = ?", [name]), [[id]]);
    }
    assertEquals(await ask("SELECT ID FROM EVENTS WHERE ID >= ? AND ID < ? AND NAME <> ? ORDER BY ID", [1, 4, "?"]), [
      [1],
      [3],
    ]);
    const cast = "SELECT COUNT(*) FROM EVENTS WHERE CAST('2026-01-02 03:04:05' AS TIMESTAMP_NTZ)";
    assertEquals(await ask(`${cast} >= CAST(? AS TIMESTAMP_NTZ)`, ["2026-01-02T03:04:05.000"]), [[6]]);
    assertEquals(await ask(`${cast} < CAST(? AS TIMESTAMP_NTZ)`, ["2026-01-02T03:04:05.000"]), [[0]]);
    assertEquals(
      await ask("SELECT ID FROM EVENTS WHERE COALESCE(?, NAME) = NAME AND ?", [null, true]).then((r) => r.length),
      6,
    );
    await assertRejects(
      () => warehouse.query("SELECT ID FROM EVENTS WHERE NAME = ?", { binds: [] }),
      QueryRefusedError,
    );
    await assertRejects(() => warehouse.query("SELECT ID FROM EVENTS", { binds: ["a"] }), QueryRefusedError);
  });

  test("statements that write are refused and change nothing", async ({ warehouse, writer }) => {
    await fill(writer, 3);
    const statements = [
      "DELETE FROM EVENTS",
      "DROP TABLE EVENTS",
      "INSERT INTO EVENTS VALUES (9, 'x')",
      "UPDATE EVENTS SET NAME = 'x'",
      "CREATE TABLE Z (X BIGINT)",
      "CREATE OR REPLACE VIEW EVENT_NAMES AS SELECT 1 AS X",
      "ALTER TABLE EVENTS ADD COLUMN X BIGINT",
      "BEGIN",
      "COMMIT",
      "MERGE INTO EVENTS AS t USING EVENTS AS s ON t.ID = s.ID WHEN MATCHED THEN DELETE",
      "TRUNCATE TABLE EVENTS",
      "CALL something()",
      "SET X = 1",
      "USE x",
      "GRANT ALL ON EVENTS TO PUBLIC",
      "/* SELECT */ DELETE FROM EVENTS",
      "-- SELECT\nDELETE FROM EVENTS",
    ];
    for (const sql of statements) await assertRejects(() => warehouse.query(sql), QueryRefusedError);
    assertEquals(await rowsOf(warehouse, "SELECT COUNT(*) FROM EVENTS"), [[3]]);
  });

  test("several statements, or none, are refused", async ({ warehouse, writer }) => {
    await fill(writer, 3);
    const texts = [
      "SELECT 1; DROP TABLE EVENTS",
      "SELECT 1; SELECT 2",
      "",
      " ;; ",
      "-- nothing",
      "SELECT 1 /* */; /* ; */ SELECT 2",
    ];
    for (const sql of texts) await assertRejects(() => warehouse.query(sql), QueryRefusedError);
    assertEquals(await rowsOf(warehouse, "/* a; b */ SELECT ';' AS X FROM EVENTS WHERE ID = 1; -- done;"), [[";"]]);
  });

  test("mistakes in a query are refused with the reason", async ({ warehouse }) => {
    await assertRejects(() => warehouse.query("SELECT * FROM NO_SUCH_TABLE"), QueryRefusedError, "NO_SUCH_TABLE");
    await assertRejects(
      () => warehouse.query("SELECT NO_SUCH_COLUMN FROM EVENTS"),
      QueryRefusedError,
      "NO_SUCH_COLUMN",
    );
    await assertRejects(() => warehouse.query("SELECT FROM WHERE"), QueryRefusedError);
  });

  test("an aborted query rejects with the signal's reason", async ({ warehouse }) => {
    const reason = new Error("the caller went away");
    const error = await assertRejects(() => warehouse.query("SELECT 1", { signal: AbortSignal.abort(reason) }));
    assertEquals(error, reason);
    const { slowQuery } = features;
    if (!slowQuery) return;
    const controller = new AbortController();
    const running = assertRejects(() => warehouse.query(slowQuery, { signal: controller.signal }));
    queueMicrotask(() => controller.abort(reason));
    assertEquals(await running, reason);
  });

  test("a query that takes too long is stopped, and others go on", async ({ warehouse, writer }) => {
    const { slowQuery } = features;
    if (!slowQuery) return;
    const running = assertRejects(() => warehouse.query(slowQuery, { timeoutMs: 200 }), QueryRefusedError, "200 ms");
    await fill(writer, 10);
    assertEquals(await rowsOf(warehouse, "SELECT COUNT(*) FROM EVENTS"), [[10]]);
    await running;
    assertEquals(await rowsOf(warehouse, "SELECT COUNT(*) FROM EVENTS"), [[10]]);
  });

  test("a query that waits for its turn ends in time, and when its signal is aborted", async ({ warehouse }) => {
    const { slowQuery } = features;
    if (!slowQuery) return;
    const enough = new AbortController();
    const slow = { signal: enough.signal, timeoutMs: 5_000 };
    let ended = 0;
    const before = Array.from(
      { length: 16 },
      () => assertRejects(() => warehouse.query(slowQuery, slow)).finally(() => ended++),
    );
    const late = assertRejects(() => warehouse.query("SELECT 1", { timeoutMs: 200 }), QueryRefusedError, "200 ms");
    const reason = new Error("the caller went away");
    const controller = new AbortController();
    const left = assertRejects(() => warehouse.query("SELECT 1", { signal: controller.signal }));
    queueMicrotask(() => controller.abort(reason));
    assertEquals(await left, reason);
    await late;
    assertEquals(ended, 0);
    enough.abort(new Error("enough"));
    await Promise.all(before);
    assertEquals(await rowsOf(warehouse, "SELECT 1"), [[1]]);
  });

  test("queries at the same time all get their answer", async ({ warehouse, writer }) => {
    await fill(writer, 100);
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, i) => rowsOf(warehouse, `SELECT COUNT(*) + ${i} FROM EVENTS`)),
    );
    assertEquals(answers.map((rows) => rows[0]![0]), Array.from({ length: 30 }, (_, i) => 100 + i));
  });
}
