// Queries of users on DuckDB: what they may take, and that the pipelines do not miss it.

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { CommitUnknownError, QueryBusyError, QueryRefusedError, QueryTooLargeError } from "../../src/errors.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { Database } from "../../src/warehouse/duckdb/database.ts";
import { bytesOf } from "../../src/warehouse/duckdb/opening.ts";
import { Queries } from "../../src/warehouse/duckdb/query.ts";
import { Threads } from "../../src/warehouse/duckdb/low_priority.ts";
import type { QueryOptions, Warehouse } from "../../src/warehouse/warehouse.ts";
import { SCRIPTS, TOPIC, unitOf } from "./support.ts";

const user: QueryOptions = { asker: "user" };
/** Never fits. */
const HUNGRY = "SELECT list(i) FROM range(1000000000) t(i)";
/** Never ends, and takes no memory. */
const ENDLESS = "SELECT COUNT(*) FROM range(1000000) a(i), range(100000000) b(j) WHERE i + j = -1";

/** Test files that run beside this one in the same process may take memory, too: that is not the users'. */
const processBytes = () => 0;

async function inFolder(body: (path: string) => Promise<void>) {
  const folder = await Deno.makeTempDir({ prefix: "freshet-users-" });
  try {
    await body(`${folder}/freshet.duckdb`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

interface Opened {
  readonly database: Database;
  readonly queries: Queries;
  /** What is disposed of before the database is closed. */
  readonly stack: AsyncDisposableStack;
}

/** With a file's database and its queries themselves, and one thread. */
const inDatabase = (body: (opened: Opened) => Promise<void>) =>
  inFolder(async (path) => {
    await using stack = new AsyncDisposableStack();
    const options = { memoryLimit: "64MB", userMemory: "64MB", threads: 1, checkpointThreshold: "16MB", processBytes };
    const database = stack.adopt(await Database.open({ path, ...options }), (opened) => opened.close());
    await body({ database, queries: new Queries(database), stack });
  });

const test = (name: string, body: (warehouse: Warehouse) => Promise<void>) =>
  Deno.test(name, () =>
    inFolder(async (path) => {
      await using warehouse = await openDuckDb({ path, memoryLimit: "64MB", userMemory: "64MB", processBytes });
      await warehouse.migrate(SCRIPTS);
      await body(warehouse);
    }));

/** Asks again and again until stopped, as one who means harm does; resolves with the errors' names. */
async function asking(warehouse: Warehouse, sql: string, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  while (!signal.aborted) {
    await warehouse.query(sql, { ...user, signal, maxRows: 10_000 }).catch((error) => {
      if (error !== signal.reason) names.add(error.name);
    });
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return names;
}

test("a user's query answers as the program's own does", async (warehouse) => {
  for (
    const sql of [
      "SELECT 1 AS ONE, 'x' AS TEXT",
      "SELECT i, i % 7 AS k FROM range(5000) t(i) ORDER BY k, i DESC",
      "WITH x AS (SELECT i FROM range(10) t(i)) SELECT SUM(i) FROM x",
      "SHOW TABLES",
      "DESCRIBE EVENTS",
      "SELECT * FROM EVENTS",
    ]
  ) assertEquals(await warehouse.query(sql, user), await warehouse.query(sql), sql);
  assertEquals((await warehouse.query("SELECT ? + 1", { ...user, binds: [41] })).rows, [[42]]);
  await assertRejects(() => warehouse.query("SELECT error('no')", user), QueryRefusedError, "no");
  await assertRejects(() => warehouse.query("SELECT * FROM NOWHERE", user), QueryRefusedError, "NOWHERE");
});

test("while queries that never fit are asked for, every unit is committed, and the probe answers", async (warehouse) => {
  await using writer = await warehouse.writer("domain");
  let [claim] = await writer.claim(TOPIC, [0]);
  const stop = new AbortController();
  const hostile = [HUNGRY, HUNGRY, ENDLESS, HUNGRY, "SELECT * FROM EVENTS a, EVENTS b ORDER BY a.NAME || b.NAME"];
  const asked = hostile.map((sql) => asking(warehouse, sql, stop.signal));
  for (let n = 0; n < 20; n++) {
    const unit = unitOf(claim!, 2_000);
    await writer.commit(unit);
    [claim] = await writer.positions(TOPIC, [0]);
    assertEquals((await warehouse.query("SELECT 1", { asker: "probe" })).rows, [[1]]);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  stop.abort(new Error("enough"));
  const names = new Set((await Promise.all(asked)).flatMap((seen) => [...seen]));
  assertEquals(claim!.nextOffset, 40_000);
  assert(names.isSubsetOf(new Set(["QueryTooLargeError", "QueryBusyError", "QueryRefusedError"])), [...names].join());
  assertEquals((await warehouse.query("SELECT COUNT(*) FROM EVENTS", user)).rows, [[40_000]]);
});

test("a query that takes too much is ended and told what to do", async (warehouse) => {
  const beside = warehouse.query("SELECT SUM(i) FROM range(50000000) t(i)", user).catch((error) => error.name);
  const error = await assertRejects(() => warehouse.query(HUNGRY, user), QueryTooLargeError);
  assertStringIncludes(error.message, "FRESHET_QUERY_MEMORY");
  // The oldest is ended first, whichever takes more.
  const told = await beside;
  assert(told === "QueryTooLargeError" || told.rows[0][0] === 1249999975000000, String(told));
  assertEquals((await warehouse.query("SELECT 1", user)).rows, [[1]]);
});

test("one after another: who finds no place is told to come again, and who gives up leaves it", async (warehouse) => {
  const stop = new AbortController();
  const held = Array.from({ length: 10 }, () => warehouse.query(ENDLESS, { ...user, signal: stop.signal }));
  const ends = Promise.allSettled(held);
  await assertRejects(() => warehouse.query("SELECT 1", user), QueryBusyError, "ask again");
  // The program has places of its own.
  assertEquals((await warehouse.query("SELECT 1")).rows, [[1]]);
  const gone = new Error("hung up");
  stop.abort(gone);
  for (const end of await ends) assertEquals(end.status === "rejected" && end.reason, gone);
  assertEquals((await warehouse.query("SELECT 1", user)).rows, [[1]]);
});

test("a user's query ends at its time limit", async (warehouse) => {
  await assertRejects(
    () => warehouse.query(ENDLESS, { ...user, timeoutMs: 100 }),
    QueryRefusedError,
    "longer than 100 ms",
  );
});

Deno.test("files of large sorts have a limit", () =>
  inFolder(async (path) => {
    await using warehouse = await openDuckDb({
      path,
      memoryLimit: "64MB",
      userMemory: "64MB",
      processBytes,
      tempSpace: "1MB",
    });
    const sort =
      "SELECT COUNT(*) FROM (SELECT hash(i) AS h, i FROM range(20000000) t(i) ORDER BY h, i OFFSET 19999999)";
    await assertRejects(() => warehouse.query(sort, user), QueryTooLargeError);
  }));

Deno.test("users' room is there only while they ask, also in a file that was opened anew", () =>
  inDatabase(async ({ database, queries, stack }) => {
    const session = stack.adopt(database.session(), (opened) => opened.close());
    const threads = async () => Number((await session.rows("SELECT current_setting('threads')"))[0]![0]);
    assertEquals(await threads(), 1);
    await assertRejects(() => queries.run("SELECT error('no')", user), QueryRefusedError);
    assertEquals(await threads(), 1);
    const stop = new AbortController();
    stack.defer(() => stop.abort(new Error("enough")));
    let ended = false;
    const endless = queries.run(ENDLESS, { ...user, signal: stop.signal }).catch((error) => error).finally(() =>
      ended = true
    );
    while (await threads() === 1) {
      if (ended) throw await endless;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    // What was written makes it necessary; the user is told to go.
    await database.write(() => Promise.resolve(database.wrote(3_000_000)));
    await database.renewing;
    assert(await endless instanceof QueryBusyError || await endless instanceof QueryTooLargeError);
    assertEquals(database.generation, 2);
    assertEquals((await queries.run("SELECT 1", user)).rows, [[1]]);
    assertEquals(await threads(), 1);
  }));

Deno.test("what finds no memory beside users is done once more without them, and not where a commit may be there", () =>
  inDatabase(async ({ database, queries }) => {
    const outOfMemory = new Error("Out of Memory Error: failed to allocate data");
    const cases = [
      { error: outOfMemory, asks: true, runs: 2 },
      { error: outOfMemory, asks: false, runs: 1 },
      { error: new Error("IO Error: no"), asks: true, runs: 1 },
      { error: new CommitUnknownError(outOfMemory.message), asks: true, runs: 1 },
    ];
    for (const { error, asks, runs } of cases) {
      const stop = new AbortController();
      const told = asks
        ? queries.run(ENDLESS, { ...user, signal: stop.signal }).catch((error) => error.name)
        : Promise.resolve("nobody");
      while (asks && !database.room.isIn(database.generation)) await new Promise((resolve) => setTimeout(resolve, 5));
      const wasIn: boolean[] = [];
      const written = database.write(() => {
        wasIn.push(database.room.isIn(database.generation));
        return wasIn.length === 1 ? Promise.reject(error) : Promise.resolve("written");
      });
      if (runs === 2) assertEquals(await written, "written");
      else assertEquals(await written.catch((thrown) => thrown), error);
      assertEquals(wasIn, [asks, false].slice(0, runs));
      if (runs === 2) assertEquals(await told, "QueryBusyError");
      stop.abort(new Error("enough"));
      await told;
    }
    assertEquals((await queries.run("SELECT 1", user)).rows, [[1]]);
  }));

Deno.test("where the process takes too much while users ask, the oldest query is ended", () =>
  inFolder(async (path) => {
    let taken = 100e6;
    let looks = 0;
    await using warehouse = await openDuckDb({
      path,
      memoryLimit: "64MB",
      userMemory: "64MB",
      processBytes: () => (looks++, taken),
    });
    await warehouse.migrate(SCRIPTS);
    const endless = warehouse.query(ENDLESS, user);
    const told = assertRejects(() => endless, QueryTooLargeError, "FRESHET_QUERY_MEMORY");
    while (looks < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    taken += 200e6;
    await told;
    taken = 100e6;
    assertEquals((await warehouse.query("SELECT 1", user)).rows, [[1]]);
  }));

Deno.test("threads of this process are known, and one can be made to give way", () => {
  using threads = Threads.open();
  if (Deno.build.os !== "linux") return assertEquals(threads, undefined);
  assert(threads!.all().has(Deno.pid));
  assertEquals(threads!.lower(2 ** 30), false);
});

Deno.test("sizes are read as DuckDB reads them", () => {
  assertEquals(["96MB", "1.5 GiB", "2KB", "1TB"].map(bytesOf), [96e6, 1.5 * 2 ** 30, 2e3, 1e12]);
});
