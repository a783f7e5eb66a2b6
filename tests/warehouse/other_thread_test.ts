// What the contract does not see of the warehouse of another thread: whose memory rows lie in, and what becomes of what a thread
// leaves open.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { FencedError, WarehouseUnavailableError } from "../../src/errors.ts";
import { Cells } from "../../src/warehouse/cells.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { duckDbPacking as packing } from "../../src/warehouse/duckdb/packing.ts";
import type { Rows } from "../../src/warehouse/duckdb/rows.ts";
import { DUCKDB } from "../../src/warehouse/duckdb/traits.ts";
import type { Vector } from "../../src/warehouse/duckdb/vector.ts";
import { openOtherThread } from "../../src/warehouse/other_thread.ts";
import { serveWarehouse } from "../../src/warehouse/other_thread/serve.ts";
import type { Warehouse } from "../../src/warehouse/warehouse.ts";
import { loose, rowsOf, SYSTEM, TABLES, TOPIC, unit } from "../contracts/warehouse/suite.ts";

interface Ends {
  /** That has the file open. */
  readonly there: Warehouse;
  readonly here: Warehouse;
  readonly served: AsyncDisposable;
}

function test(name: string, body: (ends: Ends) => Promise<void>): void {
  Deno.test(name, async () => {
    await using there = await openDuckDb({ path: ":memory:" });
    await there.migrate([SYSTEM, TABLES]);
    const { port1, port2 } = new MessageChannel();
    await using served = serveWarehouse({ warehouse: there, port: port1, packing });
    await using here = openOtherThread({ port: port2, traits: DUCKDB, description: "there", packing });
    await body({ there, here, served });
  });
}

test("the memory of packed rows goes over without a copy, and is back for the next rows when they are written", async ({ here, there }) => {
  await using writer = await here.writer("domain");
  const used = new Set<Vector>();
  for (let round = 0; round < 3; round++) {
    const cells = new Cells(writer.packer!("EVENTS"));
    for (let i = 0; i < 1000; i++) cells.add({ ID: 1000 * round + i, NAME: `a name that is no short one ${i}` });
    const vectors = cells.parts().packed.flatMap((rows) => [...(rows as Rows).vectors]);
    const buffers = vectors.map(({ buffer }) => buffer);
    assertEquals(vectors.map((vector) => used.has(vector)), round === 0 ? [false, false] : [true, true]);
    const committed = writer.commit(loose({ appends: [{ table: "EVENTS", cells, partitions: [], offsets: [] }] }));
    assert(buffers.every(({ detached }) => detached), "what was sent is no longer this thread's");
    await committed;
    for (const vector of vectors) used.add(vector);
  }
  const sums = "SELECT COUNT(*), SUM(ID), COUNT(DISTINCT NAME) FROM EVENTS";
  assertEquals(await rowsOf(there, sums), [[3000, 2999 * 3000 / 2, 1000]]);
});

test("writers that a thread has left open are closed, and a new one takes its partitions over", async ({ here, there, served }) => {
  const left = await here.writer("domain");
  const claims = await left.claim(TOPIC, [0, 1]);
  await left.commit(unit(claims, 5));
  await served[Symbol.asyncDispose]();
  await using writer = await there.writer("domain");
  const again = await writer.claim(TOPIC, [0, 1]);
  assertEquals(again.map(({ nextOffset, epoch }) => [nextOffset, epoch]), [[5, 2], [5, 2]]);
  await assertRejects(() => writer.commit(unit(claims, 9)), FencedError);
});

test("a thread whose end is closed gets an error for what waits, and for what it asks then", async ({ here }) => {
  const waits = assertRejects(() => here.query("SELECT COUNT(*) FROM range(100000000)"), WarehouseUnavailableError);
  await here[Symbol.asyncDispose]();
  await waits;
  await assertRejects(() => here.query("SELECT 1"), WarehouseUnavailableError, "closed");
});
