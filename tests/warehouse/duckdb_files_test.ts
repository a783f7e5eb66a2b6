// The DuckDB file itself: damaged, cut short, in the wrong place; closed cleanly.

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { setTimeout as delay } from "node:timers/promises";
import { QueryRefusedError, WarehouseRefusedError, WarehouseUnavailableError } from "../../src/errors.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { Database } from "../../src/warehouse/duckdb/database.ts";
import { Queries } from "../../src/warehouse/duckdb/query.ts";
import { consistentOffset, SCRIPTS, TOPIC, unitOf } from "./support.ts";

const test = (name: string, body: (folder: string) => Promise<void>) =>
  Deno.test({
    name,
    sanitizeOps: true,
    sanitizeResources: true,
    async fn() {
      const folder = await Deno.makeTempDir({ prefix: "freshet-warehouse-" });
      try {
        await body(folder);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });

/** Makes a file with `units` units; copies the file and its log to `copies` before it is closed. */
async function fill(file: string, units: number, copy?: string): Promise<number[]> {
  await using warehouse = await openDuckDb({ path: file });
  await warehouse.migrate(SCRIPTS);
  await using writer = await warehouse.writer("domain");
  await writer.claim(TOPIC, [0]);
  const offsets = [0];
  for (let i = 0; i < units; i++) {
    const [claim] = await writer.positions(TOPIC, [0]);
    await writer.commit(unitOf(claim!, 100));
    offsets.push(claim!.nextOffset + 100);
  }
  if (copy) {
    await Deno.copyFile(file, copy);
    await Deno.copyFile(`${file}.wal`, `${copy}.wal`);
  }
  return offsets;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

test("closing folds the write-ahead log into the file, and closing twice is harmless", async (folder) => {
  const file = `${folder}/freshet.duckdb`;
  await fill(file, 3);
  assertEquals(await exists(`${file}.wal`), false);
  const warehouse = await openDuckDb({ path: file });
  assertEquals(await consistentOffset(warehouse), 300);
  await warehouse[Symbol.asyncDispose]();
  await warehouse[Symbol.asyncDispose]();
});

test("closing waits for the commit that runs, and stops queries", async (folder) => {
  const file = `${folder}/freshet.duckdb`;
  const warehouse = await openDuckDb({ path: file });
  await warehouse.migrate(SCRIPTS);
  const writer = await warehouse.writer("domain");
  const [claim] = await writer.claim(TOPIC, [0]);
  const running = writer.commit(unitOf(claim!, 20_000));
  const endless = "SELECT COUNT(*) FROM range(1000000000) AS a, range(1000000000) AS b";
  const query = assertRejects(() => warehouse.query(endless), WarehouseUnavailableError, "is being closed");
  await warehouse[Symbol.asyncDispose]();
  await running;
  await query;
  await writer[Symbol.asyncDispose]();
  await using again = await openDuckDb({ path: file });
  assertEquals(await consistentOffset(again), 20_000);
});

test("a write-ahead log cut off anywhere leaves whole units only", async (folder) => {
  const copy = `${folder}/copy.duckdb`;
  const offsets = await fill(`${folder}/freshet.duckdb`, 6, copy);
  const log = await Deno.readFile(`${copy}.wal`);
  const file = await Deno.readFile(copy);
  let opened = 0;
  let whole = 0;
  for (let round = 0; round < 40; round++) {
    const cut = round === 0 ? log.length : Math.floor(Math.random() * log.length);
    const cutFile = `${folder}/cut${round}.duckdb`;
    await Deno.writeFile(cutFile, file);
    await Deno.writeFile(`${cutFile}.wal`, log.subarray(0, cut));
    await using warehouse = await openDuckDb({ path: cutFile });
    const tables = Number((await warehouse.query("SELECT COUNT(*) FROM duckdb_tables()")).rows[0]![0]);
    if (round === 0) whole = tables;
    if (tables < whole) continue; // Cut off within the migrations: they are whole or not there, too.
    opened++;
    assert(offsets.includes(await consistentOffset(warehouse)));
  }
  assert(opened > 10, `Only ${opened} cuts were behind the migrations`);
});

test("a damaged file is refused with what to do, and is left as it is", async (folder) => {
  const file = `${folder}/freshet.duckdb`;
  await fill(file, 3);
  const whole = await Deno.readFile(file);
  const damages: readonly (readonly [what: string, bytes: Uint8Array])[] = [
    ["overwritten head", whole.slice().fill(7, 0, 4096)],
    ["overwritten headers", whole.slice().fill(7, 4096, 12_288)],
    ["overwritten catalog", whole.slice().fill(7, 12_288)],
    ["cut short", whole.slice(0, 12_288)],
    ["cut shorter", whole.slice(0, 5000)],
    ["another kind of file", new TextEncoder().encode("this is not a database ".repeat(1000))],
  ];
  for (const [what, bytes] of damages) {
    await Deno.writeFile(file, bytes);
    const error = await assertRejects(async () => {
      await using warehouse = await openDuckDb({ path: file });
      await consistentOffset(warehouse);
    }, WarehouseRefusedError);
    assertStringIncludes(error.message, file, what);
    assertStringIncludes(error.message, "aside", what);
    assertEquals(await Deno.readFile(file), bytes, what);
  }
});

test("a damaged write-ahead log alone is set aside as the message says: whole units go, none in part", async (folder) => {
  const file = `${folder}/freshet.duckdb`;
  await fill(`${folder}/first.duckdb`, 3);
  await fill(`${folder}/first.duckdb`, 3, file);
  const wal = await Deno.readFile(`${file}.wal`);
  wal[Math.floor(wal.length / 3)]! ^= 0x55;
  await Deno.writeFile(`${file}.wal`, wal);
  const error = await assertRejects(() => openDuckDb({ path: file }), WarehouseRefusedError);
  assertStringIncludes(error.message, `set "${file}.wal" aside, and nothing else`);
  await Deno.rename(`${file}.wal`, `${file}.wal.damaged`);
  await using warehouse = await openDuckDb({ path: file });
  assertEquals(await consistentOffset(warehouse), 300);
});

test("a path that cannot be used is refused by its name", async (folder) => {
  await assertRejects(() => openDuckDb({ path: folder }), WarehouseRefusedError, folder);
  await Deno.writeTextFile(`${folder}/text`, "");
  const below = `${folder}/text/freshet.duckdb`;
  await assertRejects(() => openDuckDb({ path: below }), WarehouseRefusedError, below);
});

test("the folder is made when it is not there", async (folder) => {
  await using warehouse = await openDuckDb({ path: `${folder}/a/b/freshet.duckdb` });
  assertEquals((await warehouse.query("SELECT 1")).rows, [[1]]);
});

test("units and state far larger than DuckDB's memory are written and read", async (folder) => {
  await using warehouse = await openDuckDb({ path: `${folder}/freshet.duckdb`, memoryLimit: "64MB" });
  await warehouse.migrate(SCRIPTS);
  await using writer = await warehouse.writer("domain");
  const [claim] = await writer.claim(TOPIC, [0]);
  const state = Array.from({ length: 150_000 }, (_, i) => (
    { operator: "o", partition: 0, namespace: 0, key: `key ${i}`, value: JSON.stringify({ i, pad: "x".repeat(500) }) }
  ));
  await writer.commit({ ...unitOf(claim!, 100_000, "y".repeat(1000)), state });
  let keys = 0;
  for await (const chunk of writer.state(TOPIC, [0])) keys += chunk.length;
  assertEquals(keys, 150_000);
  assertEquals((await warehouse.query("SELECT COUNT(*) FROM EVENTS")).rows, [[100_000]]);
  await writer.compactState(TOPIC, [0]);
});

test("state of more rows than are looked at at a time is read and compacted whole", async (folder) => {
  await using warehouse = await openDuckDb({ path: `${folder}/freshet.duckdb` });
  await warehouse.migrate(SCRIPTS);
  await using writer = await warehouse.writer("domain");
  await writer.claim(TOPIC, [0]);
  const change = (i: number, value: string | null) => ({
    operator: "o",
    partition: 0,
    namespace: 0,
    key: `k${i}`,
    value,
  });
  const model = new Map<string, string>();
  const [keys, atOnce] = [520_000, 130_000];
  const units = [
    ...Array.from({ length: keys / atOnce }, (_, u) => (
      Array.from({ length: atOnce }, (_, i) => change(u * atOnce + i, "1"))
    )),
    Array.from({ length: keys / 10 }, (_, i) => change(10 * i, i % 2 === 0 ? "2" : null)),
  ];
  for (const state of units) {
    const [claim] = await writer.positions(TOPIC, [0]);
    await writer.commit({ ...unitOf(claim!, 1), state });
    for (const { key, value } of state) {
      if (value === null) model.delete(key);
      else model.set(key, value);
    }
  }
  const stored = async () => {
    const found = new Map<string, string>();
    for await (const chunk of writer.state(TOPIC, [0])) for (const { key, value } of chunk) found.set(key, value!);
    return found;
  };
  assertEquals(await stored(), model);
  await writer.compactState(TOPIC, [0]);
  assertEquals((await warehouse.query("SELECT COUNT(*) FROM FRESHET_STATE")).rows, [[model.size]]);
  assertEquals(await stored(), model);
});

test("the versions of row groups do not fill the memory, and readers see every row meanwhile", async (folder) => {
  const path = `${folder}/freshet.duckdb`;
  const database = await Database.open({ path, memoryLimit: "40MB", threads: 1, checkpointThreshold: "16MB" });
  const writer = database.session();
  const queries = new Queries(database);
  const total = async () => Number((await queries.run("SELECT COUNT(*) FROM NUMBERS", {})).rows[0]![0]);
  await database.write(() => writer.run("CREATE TABLE NUMBERS (N BIGINT)"));
  const [rows, units] = [10_000, 250];
  for (let i = 0; i < units; i++) {
    const read = total();
    await database.write(() =>
      writer.transaction(() => writer.run(`INSERT INTO NUMBERS SELECT range + ${i * rows} FROM range(${rows})`))
    );
    assert([i, i + 1].includes(await read / rows), `${await read} rows in unit ${i}`);
  }
  assertEquals(await total(), rows * units);
  writer.close();
  await database.close();
});

test("the file is opened anew when nobody reads; when that takes too long, readers wait for it as long as they may", async (folder) => {
  const options = { memoryLimit: "64MB", threads: 1, checkpointThreshold: "16MB" };
  const database = await Database.open({ path: `${folder}/freshet.duckdb`, ...options });
  const queries = new Queries(database);
  const write = (rows: number) =>
    database.write(() => {
      database.wrote(rows);
      return Promise.resolve();
    });
  const opened = async () => {
    await database.renewing;
    return database.generation;
  };
  {
    using _long = database.reading();
    await write(1_000_000);
    assertEquals((await queries.run("SELECT 1", {})).rows, [[1]]);
    assertEquals(await opened(), 1);
  }
  await write(1);
  assertEquals(await opened(), 2);
  {
    using _long = database.reading();
    await write(3_000_000);
    await assertRejects(() => queries.run("SELECT 1", { timeoutMs: 50 }), QueryRefusedError, "longer than 50 ms");
    const signal = AbortSignal.timeout(50);
    assertEquals(await assertRejects(() => queries.run("SELECT 1", { signal })), signal.reason);
  }
  assertEquals((await queries.run("SELECT 1", {})).rows, [[1]]);
  assertEquals(database.generation, 3);
  await database.close();
});

test("a probe that is under way keeps its connection until it has answered, and one beside a file that is opened anew waits for nobody", async (folder) => {
  const options = { memoryLimit: "64MB", threads: 1, checkpointThreshold: "16MB" };
  const database = await Database.open({ path: `${folder}/freshet.duckdb`, ...options });
  const queries = new Queries(database);
  const probe = (sql: string) => queries.run(sql, { asker: "probe", timeoutMs: 30_000 });
  const write = (rows: number) =>
    database.write(() => {
      database.wrote(rows);
      return Promise.resolve();
    });
  const rows = 30_000_000;
  let hasAnswered = false;
  const slow = probe(`SELECT SUM(hash(range) % 2 * 0 + 1)::BIGINT FROM range(${rows})`).finally(() =>
    hasAnswered = true
  );
  await delay(50);
  assert(!hasAnswered);
  await write(3_000_000);
  const renewed = database.renewing!.then(() => assert(hasAnswered, "it was opened anew under the probe"));
  assertEquals(database.generation, 1);
  await renewed;
  assertEquals([(await slow).rows, database.generation], [[[rows]], 2]);
  {
    using _long = database.reading();
    await write(3_000_000);
    assertEquals((await probe("SELECT 1")).rows, []);
    assertEquals(database.generation, 2);
  }
  await database.renewing;
  assertEquals([(await probe("SELECT 1")).rows, database.generation], [[[1]], 3]);
  await database.close();
});
