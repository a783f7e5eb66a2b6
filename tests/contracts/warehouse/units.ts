// The warehouse contract: a unit is one transaction of appends, upserts and deletes, and names the rows it refuses.

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { RowsRefusedError, WarehouseRefusedError } from "../../../src/errors.ts";
import type { Row, Unit, Warehouse } from "../../../src/warehouse/warehouse.ts";
import { append, loose, rowsOf, segment, stateOf, type Test, TOPIC, unit, waiting } from "./suite.ts";

export function units(test: Test): void {
  test("rows of many segments, empty ones among them, are all written", async ({ warehouse, writer }) => {
    const segments = [
      segment([]),
      segment([{ ID: 1, NAME: "a" }]),
      segment([]),
      segment([{ ID: 2, NAME: "b" }], { partition: 1 }),
    ];
    await writer.commit(loose({ appends: [append("EVENTS", ...segments), append("EVENTS")] }));
    assertEquals(await rowsOf(warehouse, "SELECT * FROM EVENTS ORDER BY ID"), [[1, "a"], [2, "b"]]);
  });

  test("a unit larger than one statement is written whole", async ({ warehouse, writer }) => {
    const rows = Array.from({ length: 50_001 }, (_, ID) => ({ ID, NAME: `n${ID}` }));
    await writer.commit(loose({ appends: [append("EVENTS", segment(rows))] }));
    const sql = "SELECT COUNT(*), COUNT(DISTINCT ID), SUM(ID), MAX(NAME) FROM EVENTS";
    assertEquals(await rowsOf(warehouse, sql), [[50_001, 50_001, 50_000 * 50_001 / 2, "n9999"]]);
  });

  test("a unit with a refused row leaves nothing, and names exactly the refused rows", async ({ warehouse, writer }) => {
    const claims = await writer.claim(TOPIC, [3, 4]);
    const good = (count: number) => Array.from({ length: count }, (_, ID): Row => ({ ID, NAME: "good" }));
    const bad = (row: Row, at: number, rows: Row[]) => rows.with(at, row);
    const three = bad({ ID: 5 }, 2999, bad({ ID: 1, NAME: null }, 0, good(3000)));
    const appends = [
      append("EVENTS", segment(good(10), { partition: 3 })),
      append(
        "EVENTS",
        segment(three, { partition: 3, offset: 100 }),
        segment([{ ID: 1e300, NAME: "x" }], { partition: 4, offset: 7 }),
      ),
      append("EVERY_TYPE", segment([{ A_VARIANT: "{}" }, { A_VARIANT: "{oops" }], { partition: 4, offset: 20 })),
    ];
    const state = [{ operator: "o", partition: 3, namespace: 0, key: "k", value: "1" }];
    const error = await assertRejects(() => writer.commit(unit(claims, 9, { appends, state })), RowsRefusedError);
    assertEquals(error.rows.map(({ table, partition, offset }) => `${table} ${partition}/${offset}`), [
      "EVENTS 3/100",
      "EVENTS 3/3099",
      "EVENTS 4/7",
      "EVERY_TYPE 4/21",
    ]);
    assert(error.rows.every(({ detail }) => detail.length > 10 && detail.length < 1000));
    assertEquals(await rowsOf(warehouse, "SELECT * FROM EVENTS"), []);
    assertEquals(await stateOf(writer, [3]), []);
    assertEquals(await writer.positions(TOPIC, [3, 4]), claims);
    const mended = appends.slice(0, 1);
    await writer.commit(unit(claims, 9, { appends: mended, state }));
    assertEquals((await rowsOf(warehouse, "SELECT * FROM EVENTS")).length, 10);
  });

  test("rows that have waited for their unit are the same rows", async ({ warehouse, writer }) => {
    const texts = ["plain", "", null, "\u001d", "a\u001eb", "ü\u{1f345}", '{"json": [1]}'];
    const rows = Array.from({ length: 5000 }, (_, ID): Row => ({
      ID,
      // Stretches without NULL, with NULL and with what separates cells elsewhere, longer and shorter than what is packed at a time.
      A_VARCHAR: ID < 1200 ? `t${ID}` : ID < 2400 ? texts[ID % 3] : texts[ID % texts.length],
      A_DOUBLE: ID % 7 === 0 ? null : ID / 7,
      A_NTZ: 1_700_000_000_000 + ID,
      A_BOOLEAN: ID % 2 === 0,
      ...(ID > 3000 ? { A_BIGINT: ID } : {}),
      A_VARIANT: JSON.stringify({ ID }),
    }));
    const columns = "ID, A_VARCHAR, A_DOUBLE, A_NTZ, A_BOOLEAN, A_BIGINT, A_VARIANT";
    const sql = `SELECT ${columns} FROM EVERY_TYPE ORDER BY ID`;
    await writer.commit(loose({ appends: [append("EVERY_TYPE", segment(rows))] }));
    const expected = await rowsOf(warehouse, sql);
    await writer.commit(loose({ appends: [waiting(writer, "EVERY_TYPE", rows)] }));
    const twice = await rowsOf(warehouse, sql);
    assertEquals(expected.length, 5000);
    assertEquals(twice.filter((_, i) => i % 2 === 0), expected);
    assertEquals(twice.filter((_, i) => i % 2 === 1), expected);
  });

  test("refused rows are named also when they have waited", async ({ warehouse, writer }) => {
    const rows = Array.from(
      { length: 1500 },
      (_, ID): Row => ({ ID, NAME: [3, 700, 1499].includes(ID) ? null : "good" }),
    );
    const appends = [waiting(writer, "EVENTS", rows)];
    const error = await assertRejects(() => writer.commit(loose({ appends })), RowsRefusedError);
    assertEquals(error.rows.map(({ offset }) => offset), [3, 700, 1499]);
    const strange = [...rows.map(() => ({ ID: 1, NAME: "x" })), { ID: 2, NAME: "x", NOVELTY: 1 }];
    const unknown = [waiting(writer, "EVENTS", strange)];
    await assertRejects(() => writer.commit(loose({ appends: unknown })), WarehouseRefusedError, "NOVELTY");
    assertEquals(await rowsOf(warehouse, "SELECT * FROM EVENTS"), []);
  });

  test("rows for a table or a column that is not there are refused with advice", async ({ warehouse, writer }) => {
    const to = (table: string, row: Row) => () => writer.commit(loose({ appends: [append(table, segment([row]))] }));
    await assertRejects(to("NOWHERE", { ID: 1 }), WarehouseRefusedError, "NOWHERE");
    const mixed = [{ ID: 1, NAME: "a" }, { ID: 2, NAME: "b", NOVELTY: 1 }];
    await assertRejects(
      () => writer.commit(loose({ appends: [append("EVENTS", segment(mixed))] })),
      WarehouseRefusedError,
      "NOVELTY",
    );
    assertEquals(await rowsOf(warehouse, "SELECT * FROM EVENTS"), []);
  });

  test("a unit of several kinds of writing is one transaction", async ({ warehouse, writer }) => {
    const claims = await writer.claim(TOPIC, [0]);
    const parts: Partial<Unit> = {
      appends: [append("EVENTS", segment([{ ID: 1, NAME: "a" }]))],
      state: [{ operator: "o", partition: 0, namespace: 0, key: "k", value: "1" }],
      upserts: [{ table: "COUNTS", keyColumns: ["NAME"], rows: [{ NAME: "a", TOTAL: null }] }],
    };
    const error = await assertRejects(() => writer.commit(unit(claims, 1, parts)), WarehouseRefusedError);
    assertStringIncludes(error.message, 'NAME = "a"');
    assertEquals(await rowsOf(warehouse, "SELECT * FROM EVENTS"), []);
    assertEquals(await stateOf(writer, [0]), []);
    assertEquals(await writer.positions(TOPIC, [0]), claims);
  });
}

export function upserts(test: Test): void {
  const counts = (warehouse: Warehouse) =>
    rowsOf(warehouse, "SELECT NAME, ZONE, SEEN, VERSION, TOTAL FROM COUNTS ORDER BY NAME, ZONE, TOTAL");
  const keyColumns = ["NAME", "ZONE"];

  test("an upsert inserts what is new and updates what is there", async ({ warehouse, writer }) => {
    const upsert = (rows: readonly Row[]) => writer.commit(loose({ upserts: [{ table: "COUNTS", keyColumns, rows }] }));
    await upsert([{ NAME: "a", ZONE: "x", SEEN: 1, TOTAL: 1 }, { NAME: "a", ZONE: "y", TOTAL: 2 }]);
    await upsert([{ NAME: "a", ZONE: "y", SEEN: 5, TOTAL: 3 }, { NAME: "b", ZONE: "y", TOTAL: 4 }]);
    assertEquals(await counts(warehouse), [["a", "x", 1, null, 1], ["a", "y", 5, null, 3], ["b", "y", null, null, 4]]);
  });

  test("NULL is a key like any other", async ({ warehouse, writer }) => {
    const upsert = (TOTAL: number) =>
      writer.commit(loose({ upserts: [{ table: "COUNTS", keyColumns, rows: [{ NAME: "a", ZONE: null, TOTAL }] }] }));
    await upsert(1);
    await upsert(2);
    assertEquals(await counts(warehouse), [["a", null, null, null, 2]]);
    await writer.commit(loose({ deletes: [{ table: "COUNTS", keyColumns, rows: [{ NAME: "a" }] }] }));
    assertEquals(await counts(warehouse), []);
  });

  test("a guarded upsert leaves rows that are ahead as they are, column by column", async ({ warehouse, writer }) => {
    const upsert = (SEEN: number | null, VERSION: number | null, TOTAL: number) => {
      const rows = [{ NAME: "a", ZONE: "x", SEEN, VERSION, TOTAL }];
      return writer.commit(
        loose({ upserts: [{ table: "COUNTS", keyColumns, guardColumns: ["SEEN", "VERSION"], rows }] }),
      );
    };
    const steps: readonly (readonly [number | null, number | null, number, number])[] = [
      [null, null, 1, 1], // inserted
      [5, 5, 2, 2], // NULL is smaller than anything
      [5, 4, 3, 2], // second column behind
      [5, 5, 4, 4], // equal counts as not smaller
      [4, 9, 5, 4], // first column decides
      [6, 0, 6, 6],
      [6, null, 7, 6],
      [null, 9, 8, 6],
    ];
    for (const [seen, version, total, expected] of steps) {
      await upsert(seen, version, total);
      assertEquals((await counts(warehouse))[0]![4], expected, `after ${seen}, ${version}`);
    }
  });

  test("deletes take exactly the named keys", async ({ warehouse, writer }) => {
    const rows = ["a", "b", "c"].map((NAME) => ({ NAME, ZONE: "x", TOTAL: 1 }));
    await writer.commit(loose({ upserts: [{ table: "COUNTS", keyColumns, rows }] }));
    const gone = [{ NAME: "a", ZONE: "x" }, { NAME: "b", ZONE: "y" }, { NAME: "zz", ZONE: "x" }];
    await writer.commit(loose({ deletes: [{ table: "COUNTS", keyColumns, rows: gone }] }));
    assertEquals((await counts(warehouse)).map(([name]) => name), ["b", "c"]);
  });

  test("upserts and deletes in any order leave what a map would hold", async ({ warehouse, writer }) => {
    const key = fc.tuple(fc.constantFrom("a", "b", "c"), fc.option(fc.constantFrom("x", "y")));
    const step = fc.record({
      upserts: fc.uniqueArray(fc.tuple(key, fc.integer({ min: 0, max: 99 })), { selector: ([key]) => key.join() }),
      deletes: fc.uniqueArray(key, { selector: (key) => key.join() }),
    });
    const model = new Map<string, unknown[]>();
    await fc.assert(
      fc.asyncProperty(step, async ({ upserts, deletes }) => {
        for (const [key, total] of upserts) model.set(key.join(), [...key, null, null, total]);
        for (const key of deletes) model.delete(key.join());
        await writer.commit(loose({
          upserts: [{
            table: "COUNTS",
            keyColumns,
            rows: upserts.map(([[NAME, ZONE], TOTAL]) => ({ NAME, ZONE, TOTAL })),
          }],
          deletes: [{ table: "COUNTS", keyColumns, rows: deletes.map(([NAME, ZONE]) => ({ NAME, ZONE })) }],
        }));
        const order = (rows: readonly (readonly unknown[])[]) => rows.map((row) => JSON.stringify(row)).sort();
        assertEquals(order(await counts(warehouse)), order([...model.values()]));
      }),
      { numRuns: 30 },
    );
  });
}
