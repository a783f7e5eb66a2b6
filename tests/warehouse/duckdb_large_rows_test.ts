// Rows of up to 8 MB in a DuckDB file with the memory that it has by default: beside one another, in every table that gets some,
// in a file of an older version, and in one that goes on with small rows.

import { DuckDBInstance } from "@duckdb/node-api";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { FreshetError, QueryTooLargeError, RowsRefusedError } from "../../src/errors.ts";
import { Cells } from "../../src/warehouse/cells.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import type { Claim, Row, Unit, Upsert, Warehouse, Writer } from "../../src/warehouse/warehouse.ts";
import { SCRIPTS, TOPIC } from "./support.ts";

const TABLES = [...SCRIPTS, {
  name: "large",
  text: `-- version 1: tables
    CREATE TABLE IF NOT EXISTS RAW (RECORD_METADATA JSON, RECORD_CONTENT JSON, KAFKA_OFFSET BIGINT);`,
}];
const MB = 1_000_000;

const noise = (bytes: number) => crypto.randomUUID().repeat(bytes / 36);
/** JSON of so many bytes with nothing but ones in it, which is what a parser needs the most memory for. */
const ones = (bytes: number) => `[${"1,".repeat(bytes / 2 - 1)}1]`;
const json = (bytes: number) => JSON.stringify({ note: noise(bytes) });

const test = (name: string, body: (file: string) => Promise<void>) =>
  Deno.test(name, async () => {
    const folder = await Deno.makeTempDir({ prefix: "freshet-warehouse-" });
    try {
      await body(`${folder}/freshet.duckdb`);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });

/** Works on the file with a writer, and closes it. */
async function on(file: string, work: (writer: Writer, warehouse: Warehouse) => Promise<void>): Promise<void> {
  await using warehouse = await openDuckDb({ path: file });
  await warehouse.migrate(TABLES);
  await using writer = await warehouse.writer("domain");
  await writer.claim(TOPIC, [0]);
  await work(writer, warehouse);
}

interface Written {
  readonly table?: string;
  readonly rows: readonly Row[];
  readonly upserts?: readonly Upsert[];
}

/** Writes rows as a unit, after where the file stands. */
async function commit(writer: Writer, { table = "RAW", rows, upserts = [] }: Written): Promise<void> {
  const [claim] = await writer.positions(TOPIC, [0]);
  await writer.commit(unitOf(claim!, { table, rows, upserts }));
}

function unitOf(
  { partition, epoch, checkpoint, nextOffset }: Claim,
  { table, rows, upserts }: Required<Written>,
): Unit {
  const offsets = rows.map((_, i) => nextOffset + i);
  const to = { nextOffset: nextOffset + rows.length, watermark: null, maxEventTime: null, lastTimestamp: null };
  return {
    topic: TOPIC,
    appends: [{ table, cells: Cells.of(rows), offsets, partitions: rows.map(() => partition) }],
    upserts,
    deletes: [],
    state: [],
    moves: [{ partition, epoch, checkpoint, expectedOffset: nextOffset, to }],
  };
}

const rawRow = (content: string): Row => ({ RECORD_METADATA: "{}", RECORD_CONTENT: content, KAFKA_OFFSET: 1 });

/** How many rows of the table have a text of more than `bytes`, which reads all of them. */
async function longerThan(
  warehouse: Warehouse,
  bytes: number,
  column = "RECORD_CONTENT",
  table = "RAW",
): Promise<number> {
  const { rows } = await warehouse.query(
    `SELECT COUNT(*) FROM ${table} WHERE LENGTH(CAST(${column} AS VARCHAR)) > ${bytes}`,
  );
  return Number(rows[0]![0]);
}

test("rows of 8 MB are written and read, whatever JSON they are", (file) =>
  on(file, async (writer, warehouse) => {
    for (let unit = 0; unit < 4; unit++) {
      await commit(writer, { rows: [rawRow(json(8 * MB)), rawRow(ones(8 * MB)), rawRow(`"${"ü".repeat(4 * MB)}"`)] });
    }
    assertEquals(await longerThan(warehouse, 3.9 * MB), 12);
  }));

test("large metadata and large dead letters are written and read", (file) =>
  on(file, async (writer, warehouse) => {
    const metadata = JSON.stringify({ headers: { trace: noise(8 * MB) } });
    const letter = (offset: number) => ({
      DOMAIN: "domain",
      TOPIC,
      KAFKA_PARTITION: 0,
      KAFKA_OFFSET: offset,
      RECORD_KEY: noise(7 * MB),
      RECORD_VALUE: noise(7 * MB),
      ENCODING: "utf8",
      STAGE: "decode",
      REASON: "invalid_json",
      DETAIL: null,
      SEEN_AT: 0,
    });
    for (let unit = 0; unit < 6; unit++) {
      await commit(writer, { rows: [{ ...rawRow(json(100)), RECORD_METADATA: metadata }, rawRow("{}")] });
      await commit(writer, { table: "DEAD_LETTERS", rows: [letter(unit), { ...letter(unit), RECORD_VALUE: null }] });
    }
    assertEquals(await longerThan(warehouse, 7 * MB, "RECORD_METADATA"), 6);
    assertEquals(await longerThan(warehouse, 6.9 * MB, "RECORD_KEY", "DEAD_LETTERS"), 12);
    assertEquals(await longerThan(warehouse, 6.9 * MB, "RECORD_VALUE", "DEAD_LETTERS"), 6);
  }));

test("tombstones after a large dead letter do not make DEAD_LETTERS unreadable", async (file) => {
  const letter = (value: string | null): Row => (
    {
      DOMAIN: "d",
      TOPIC,
      KAFKA_PARTITION: 0,
      KAFKA_OFFSET: 0,
      RECORD_VALUE: value,
      STAGE: "s",
      REASON: "r",
      SEEN_AT: 0,
    }
  );
  const tombstones = Array.from({ length: 200 }, () => letter(null));
  const table = "DEAD_LETTERS";
  await on(file, async (writer) => {
    await commit(writer, { table, rows: [...tombstones, letter(noise(7 * MB)), ...tombstones] });
    await commit(writer, { table, rows: tombstones });
    await commit(writer, { table, rows: [letter(noise(7 * MB)), letter("short")] });
    await commit(writer, { table, rows: tombstones });
  });
  await on(file, async (_writer, warehouse) => {
    assertEquals(await longerThan(warehouse, 6 * MB, "RECORD_VALUE", table), 2);
    const { rows } = await warehouse.query(`SELECT COUNT(*), COUNT(RECORD_VALUE) FROM ${table}`);
    assertEquals(rows, [[803, 3]]);
  });
});

test("a large value that DuckDB does not take for JSON is refused alone", (file) =>
  on(file, async (writer, warehouse) => {
    const half = JSON.stringify({ note: `${noise(MB)}\ud800` });
    const pair = JSON.stringify({ note: noise(MB) }).replace(/"\}$/, '\\ud83d\\ude00"}');
    const rows = [rawRow(json(MB)), rawRow(half), rawRow(pair), rawRow(`{${noise(MB)}`)];
    const error = await assertRejects(() => commit(writer, { rows }), RowsRefusedError);
    assertEquals(error.rows.map(({ offset }) => offset), [1, 3]);
    await commit(writer, { rows: [rows[0]!, rows[2]!] });
    assertEquals(await longerThan(warehouse, 0.9 * MB), 2);
  }));

test("large rows are written beside queries that read all of them, and beside such as find no memory", (file) =>
  on(file, async (writer, warehouse) => {
    const [units, rowsOfAUnit] = [20, 8];
    const reading = ["SELECT * FROM RAW", "SELECT string_agg(CAST(RECORD_CONTENT AS VARCHAR), '') FROM RAW"];
    const rowsOf = (count: number) => Array.from({ length: count }, () => rawRow(json(MB)));
    for (let unit = 0; unit < units / 2; unit++) await commit(writer, { rows: rowsOf(rowsOfAUnit) });
    let refused = 0;
    let written = false;
    const reader = (async () => {
      for (let asked = 0; !written; asked++) {
        const error = await warehouse.query(reading[asked % 2]!).then(() => undefined, (error) => error);
        if (error instanceof QueryTooLargeError) refused++;
        else if (error) assert(error instanceof FreshetError && error.retriable, String(error));
      }
    })();
    let failures = 0;
    // A reader that went on when all else has failed would never end.
    using _ending = { [Symbol.dispose]: () => void (written = true) };
    while (true) {
      const [claim] = await writer.positions(TOPIC, [0]);
      if (claim!.nextOffset === units * rowsOfAUnit) break;
      try {
        await commit(writer, { rows: rowsOf(rowsOfAUnit) });
      } catch (error) {
        // As the engine does: what did not find the memory is tried again.
        assert(error instanceof FreshetError && error.retriable && ++failures < units, String(error));
      }
    }
    written = true;
    await reader;
    assert(refused > 0);
    assertEquals(await longerThan(warehouse, 0.9 * MB), units * rowsOfAUnit);
    const error = await assertRejects(() => warehouse.query(reading[1]!), QueryTooLargeError);
    assertStringIncludes(error.message, "or raise FRESHET_DUCKDB_MEMORY");
  }));

test("a file with large rows stays readable, though small ones are written to it by many runs", async (file) => {
  await on(file, async (writer) => {
    for (let unit = 0; unit < 30; unit++) {
      await commit(writer, { rows: Array.from({ length: 8 }, () => rawRow(json(MB))) });
    }
  });
  for (let run = 0; run < 4; run++) {
    await on(file, async (writer, warehouse) => {
      await commit(writer, { rows: [rawRow("{}"), rawRow(json(MB / 2))] });
      assertEquals(await longerThan(warehouse, 0.9 * MB), 240);
    });
  }
});

test("one large row in each of many runs is no more than any of them can read", async (file) => {
  for (let run = 0; run < 30; run++) {
    await on(file, async (writer, warehouse) => {
      await commit(writer, { rows: [rawRow(json(6 * MB))] });
      if (run === 29) assertEquals(await longerThan(warehouse, 5.9 * MB), 30);
    });
  }
});

test("large rows of a version that did not leave them apart hold no run up", async (file) => {
  await on(file, () => Promise.resolve());
  {
    const instance = await DuckDBInstance.create(":memory:", { max_vacuum_tasks: "0" });
    const connection = await instance.connect();
    await connection.run(`ATTACH '${file}' AS old`);
    for (let group = 0; group < 16; group++) {
      await connection.run(
        `INSERT INTO old.RAW SELECT '{}', '"' || repeat(uuid()::VARCHAR, 28000) || '"', 0 FROM range(8)`,
      );
      await connection.run("CHECKPOINT old");
    }
    connection.closeSync();
    instance.closeSync();
  }
  const isFolded = async () => await Deno.stat(`${file}.wal`).then(() => false, () => true);
  // What is folded as a file is closed, and what is while it is written to.
  await Deno.copyFile(file, `${file}.copy`);
  await on(file, (writer) => commit(writer, { rows: [rawRow("{}")] }));
  assert(await isFolded());
  await Deno.rename(`${file}.copy`, file);
  await on(file, async (writer, warehouse) => {
    for (let unit = 0; unit < 4; unit++) {
      await commit(writer, { rows: Array.from({ length: 5_000 }, () => rawRow(JSON.stringify(noise(3_600)))) });
    }
    assertEquals(await longerThan(warehouse, 0.9 * MB), 128);
  });
  assert(await isFolded());
});

test("rows that are replaced again and again leave their room in a file with large rows, too", (file) =>
  on(file, async (writer, warehouse) => {
    await commit(writer, { rows: [rawRow(json(MB))] });
    const counts = (unit: number): Upsert => ({
      table: "COUNTS",
      keyColumns: ["NAME"],
      rows: Array.from({ length: 10_000 }, (_, i) => (
        // Of each unit a thousand stay as they are.
        { NAME: i < 1_000 ? `unit ${unit}, ${i}` : `name ${i}`, TOTAL: unit }
      )),
    });
    const units = 120;
    for (let unit = 0; unit < units; unit++) {
      await commit(writer, { rows: [rawRow(json(300_000))], upserts: [counts(unit)] });
    }
    const one = async (sql: string) => Number((await warehouse.query(sql)).rows[0]![0]);
    assertEquals(await one("SELECT COUNT(*) FROM COUNTS"), units * 1_000 + 9_000);
    assertEquals(await one("SELECT COUNT(*) FROM (SELECT NAME FROM COUNTS GROUP BY NAME)"), units * 1_000 + 9_000);
    assertEquals(await one("SELECT MIN(TOTAL) FROM COUNTS WHERE NAME LIKE 'name%'"), units - 1);
    // The places of all rows, of which those that were deleted have some.
    const places = await one("SELECT MAX(rowid) FROM COUNTS");
    assert(places < 600_000, `${places} places`);
  }));
