// Run as a process of its own with V8's --expose-gc: prints how many bytes are left of each reading and of each writing, as the
// C library counts them.

import { Cells } from "../../src/warehouse/cells.ts";
import { loadClient } from "../../src/warehouse/duckdb/client.ts";
import { columnOf } from "../../src/warehouse/duckdb/columns.ts";
import { Database } from "../../src/warehouse/duckdb/database.ts";
import { insertRows } from "../../src/warehouse/duckdb/loading.ts";

const NUMBERS = Array.from({ length: 10 }, () => "usize" as const);
const libc = Deno.dlopen("libc.so.6", { mallinfo2: { parameters: [], result: { struct: NUMBERS } } });
const { gc } = globalThis as unknown as { gc(): void };

/** Bytes that are handed out: the eighth number, `uordblks`. */
const allocated = () => Number(new BigUint64Array(libc.symbols.mallinfo2().buffer as ArrayBuffer)[7]);

async function leftBy(times: number, call: () => Promise<unknown>): Promise<number> {
  const settled = async () => {
    for (let i = 0; i < 3; i++) {
      gc();
      // What is garbage is told by a task of its own.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return allocated();
  };
  for (let i = 0; i < times; i++) await call();
  const before = await settled();
  for (let i = 0; i < times; i++) await call();
  return (await settled() - before) / times;
}

async function reading(): Promise<number> {
  const { DuckDBInstance } = await loadClient();
  const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  const connection = await instance.connect();
  const left = await leftBy(4_000, async () => {
    const read = await connection.runAndReadAll("SELECT i, 'text ' || i AS s, i / 7 AS d FROM range(20) r(i)");
    if (read.getRows().length !== 20) throw new Error("20 rows are expected");
  });
  connection.closeSync();
  instance.closeSync();
  return left;
}

async function writing(): Promise<number> {
  const options = { path: ":memory:", memoryLimit: "256MB", threads: 1, checkpointThreshold: "64MB" };
  const database = await Database.open(options);
  const session = database.session();
  const names = Array.from({ length: 8 }, (_, i) => `C${i}`);
  await session.run(`CREATE TABLE T (${names.map((name) => `${name} VARCHAR`).join(", ")})`);
  const table = { name: "T", columns: names.map((name) => columnOf(name, "VARCHAR")), names: new Set(names) };
  const row = Object.fromEntries(names.map((name) => [name, "x"]));
  const left = await leftBy(2_000, async () => {
    const cells = new Cells();
    cells.add(row);
    await insertRows(session, table, cells);
    await session.run("TRUNCATE T");
  });
  session.close();
  database.close();
  return left;
}

console.log(JSON.stringify({ reading: await reading(), writing: await writing() }));
