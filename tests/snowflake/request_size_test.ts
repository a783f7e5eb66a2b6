// Requests that Snowflake, or a proxy before it, refuses for their size, and what is sent at all.

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { QueryRefusedError, RowsRefusedError } from "../../src/errors.ts";
import type { Claim, Row, Warehouse, Writer } from "../../src/warehouse/warehouse.ts";
import { append, rowsOf, segment, SYSTEM, TABLES, TOPIC, unit } from "../contracts/warehouse/suite.ts";
import { ownSchema } from "../support/snowflake/adapter.ts";
import { startSnowflake, whyNoSnowflake } from "../support/snowflake/mod.ts";

const skip = await whyNoSnowflake();
const double = skip === undefined ? await startSnowflake() : undefined;
Deno.test.afterAll(async () => await double?.stop());

interface Bench {
  readonly warehouse: Warehouse;
  readonly writer: Writer;
  readonly claims: readonly Claim[];
  readonly warnings: readonly string[];
}

function test(name: string, body: (bench: Bench) => Promise<void>): void {
  Deno.test({
    name: `snowflake: ${name}`,
    ignore: skip !== undefined,
    async fn() {
      await using schema = await ownSchema(double!);
      const warnings: string[] = [];
      await using warehouse = await schema.open({ onWarning: (message) => void warnings.push(message) });
      await warehouse.migrate([SYSTEM, TABLES]);
      await using writer = await warehouse.writer("domain");
      const claims = await writer.claim(TOPIC, [0]);
      double!.clearLog();
      try {
        await body({ warehouse, writer, claims, warnings });
      } finally {
        double!.control.clearFaults();
        double!.control.setMaxRequestBytes(Infinity);
      }
    },
  });
}

/** So many characters that do not get shorter. */
function noise(length: number, seed: number): string {
  let state = seed + 1;
  return Array.from({ length }, () => {
    state = (state * 48271) % 2147483647;
    return (state % 36).toString(36);
  }).join("");
}

const rowsFrom = (from: number, count: number): Row[] =>
  Array.from({ length: count }, (_, i) => ({ ID: from + i, NAME: noise(1000, from + i) }));

const sent = (start: string) => double!.statements().filter(({ sql }) => sql.startsWith(start));
const tooLarge = () => double!.statements().filter(({ fault }) => fault === "too large").length;

async function assertIds(warehouse: Warehouse, ids: number[]): Promise<void> {
  assertEquals((await rowsOf(warehouse, "SELECT ID FROM EVENTS ORDER BY ID")).flat(), ids);
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

test("rows of a request that is too large go in halves, in the same transaction, and the next begin smaller", async (bench) => {
  const { warehouse, writer, claims, warnings } = bench;
  double!.control.setMaxRequestBytes(20_000);
  await writer.commit(unit(claims, 64, { appends: [append("EVENTS", segment(rowsFrom(0, 64)))] }));
  await assertIds(warehouse, upTo(64));
  assert(tooLarge() > 0);
  assertEquals(sent("BEGIN").length, 1);
  assertEquals(double!.requests().filter(({ path }) => path.includes("login")), []);
  assertStringIncludes(warnings[0]!, "SNOWFLAKE_REQUEST_BYTES=");
  // What was learnt is kept, by another writer of the account, too.
  double!.clearLog();
  await using second = await warehouse.writer("second");
  const own = await second.claim(TOPIC, [0]);
  await second.commit(unit(own, 64, { appends: [append("EVENTS", segment(rowsFrom(64, 64)))] }));
  await assertIds(warehouse, upTo(128));
  assertEquals(tooLarge(), 0);
});

test("a statement that says that it is too large is sent in halves", async ({ warehouse, writer, claims, warnings }) => {
  const message = "Error parsing JSON: document is too large, max size 16777216 bytes";
  double!.control.inject({ kind: "error", code: "100069", sqlState: "22P02", message }, { statement: "INSERT ALL" });
  await writer.commit(unit(claims, 4, { appends: [append("EVENTS", segment(rowsFrom(0, 4)))] }));
  await assertIds(warehouse, upTo(4));
  assertEquals([sent("INSERT ALL").length, sent("BEGIN").length], [3, 1]);
  assertStringIncludes(warnings[0]!, "document is too large");
});

test("rows to merge and to delete go in halves, too", async ({ warehouse, writer, claims }) => {
  const counts = upTo(64).map((i) => ({ NAME: noise(1000, i), TOTAL: i }));
  double!.control.setMaxRequestBytes(20_000);
  await writer.commit(unit(claims, 1, { upserts: [{ table: "COUNTS", keyColumns: ["NAME"], rows: counts }] }));
  assertEquals(await rowsOf(warehouse, "SELECT COUNT(*), SUM(TOTAL) FROM COUNTS"), [[64, 2016]]);
  const [claim] = await writer.positions(TOPIC, [0]);
  const rows = counts.slice(1).map(({ NAME }) => ({ NAME }));
  await writer.commit(unit([claim!], 2, { deletes: [{ table: "COUNTS", keyColumns: ["NAME"], rows }] }));
  assertEquals(await rowsOf(warehouse, "SELECT TOTAL FROM COUNTS"), [[0]]);
  assert(tooLarge() > 0);
});

test("a row that is larger than a request may be is found, and its size told", async ({ warehouse, writer, claims }) => {
  double!.control.setMaxRequestBytes(20_000);
  const rows = [...rowsFrom(0, 8), { ID: 8, NAME: noise(100_000, 8) }, ...rowsFrom(9, 8)];
  const events = append("EVENTS", segment(rows));
  const error = await assertRejects(() => writer.commit(unit(claims, 17, { appends: [events] })), RowsRefusedError);
  assertEquals(error.rows.map(({ offset }) => offset), [8]);
  assertStringIncludes(error.rows[0]!.detail, "A row of 1000");
  assertStringIncludes(error.rows[0]!.detail, "larger than a request to Snowflake may be");
  await assertIds(warehouse, []);
  const others = append("EVENTS", segment(rows.filter(({ ID }) => ID !== 8)));
  await writer.commit(unit(claims, 17, { appends: [others] }));
  await assertIds(warehouse, upTo(17).filter((id) => id !== 8));
});

test("a chunk in halves whose retry runs again is inserted once", async ({ warehouse, writer, claims }) => {
  double!.control.setMaxRequestBytes(20_000);
  const fault = { kind: "cut_after", retry: "run_again" } as const;
  // The fourth statement is one of the halves.
  const injected = double!.control.inject(fault, { statement: "INSERT ALL", skip: 3 });
  await writer.commit(unit(claims, 64, { appends: [append("EVENTS", segment(rowsFrom(0, 64)))] }));
  assertEquals(injected.hits, 1);
  await assertIds(warehouse, upTo(64));
});

test("large requests are compressed, small ones are not", async ({ warehouse, writer, claims }) => {
  const rows = upTo(500).map((ID) => ({ ID, NAME: `the name of row ${ID}` }));
  await writer.commit(unit(claims, 500, { appends: [append("EVENTS", segment(rows))] }));
  await assertIds(warehouse, upTo(500));
  const [insert] = sent("INSERT ALL");
  const size = insert!.textBytes + insert!.bindBytes;
  assert(insert!.sentBytes < size / 3, `${insert!.sentBytes} of ${size}`);
  const [begin] = sent("BEGIN");
  assertEquals(begin!.sentBytes, begin!.textBytes + begin!.bindBytes);
});

test("a request that is compressed is sent again as it was", async ({ warehouse, writer, claims }) => {
  double!.control.inject({ kind: "status", status: 503 }, { statement: "INSERT ALL" });
  await writer.commit(unit(claims, 64, { appends: [append("EVENTS", segment(rowsFrom(0, 64)))] }));
  assertEquals(sent("INSERT ALL").length, 2);
  await assertIds(warehouse, upTo(64));
});

test("a query that is too long is its author's mistake", async ({ warehouse }) => {
  double!.control.setMaxRequestBytes(20_000);
  const error = await assertRejects(
    () => warehouse.query("SELECT ?", { binds: [noise(100_000, 1)] }),
    QueryRefusedError,
  );
  assertStringIncludes(error.message, "413");
});
