// State is restored page by page, however much there is: Snowflake gives a large result in parts, and the next ones are only
// fetched as those before have been worked on.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { WarehouseUnavailableError } from "../../src/errors.ts";
import type { StateChange, Warehouse, Writer } from "../../src/warehouse/warehouse.ts";
import { SYSTEM, TABLES, TOPIC } from "../contracts/warehouse/suite.ts";
import { ownSchema } from "../support/snowflake/adapter.ts";
import { startSnowflake, whyNoSnowflake } from "../support/snowflake/mod.ts";

const skip = await whyNoSnowflake();
const double = skip === undefined ? await startSnowflake() : undefined;
Deno.test.afterAll(async () => await double?.stop());

const CHUNK_ROWS = 2_000;
const ROWS = 40_000;
/** Rows that `Writer.state` hands out at most at a time. */
const PAGE_ROWS = 8192;
/** Parts that the driver fetches ahead of the one that is read. */
const AHEAD = 2;

/** With a writer that has so many rows of state in as many keys, in a result of many parts. */
function test(name: string, body: (bench: { warehouse: Warehouse; writer: Writer }) => Promise<void>): void {
  Deno.test({
    name: `snowflake: ${name}`,
    ignore: skip !== undefined,
    async fn() {
      await using schema = await ownSchema(double!);
      await using warehouse = await schema.open();
      await warehouse.migrate([SYSTEM, TABLES]);
      const keys = JSON.stringify(Array.from({ length: ROWS }, (_, i) => i));
      await schema.sql(`INSERT INTO $SCHEMA.FRESHET_STATE
        (DOMAIN, OPERATOR, TOPIC, KAFKA_PARTITION, NAMESPACE, STATE_KEY, STATE_VALUE, CHECKPOINT_ID)
        SELECT 'domain', 'o', '${TOPIC}', 0, 0, 'k' || value::BIGINT, 'v' || value::BIGINT, 1
        FROM TABLE(FLATTEN(INPUT => PARSE_JSON('${keys}')))`);
      await using writer = await warehouse.writer("domain");
      double!.clearLog();
      double!.control.setChunkRows(CHUNK_ROWS);
      try {
        await body({ warehouse, writer });
      } finally {
        double!.control.setChunkRows(Infinity);
        double!.control.clearFaults();
      }
    },
  });
}

const chunksAsked = () => double!.requests().filter(({ path }) => path.startsWith("/chunks/")).length;

/** Some turns of everybody: what is under way arrives. */
const aWhile = () => new Promise<void>((resolve) => setTimeout(resolve, 300));

test("parts of the state are fetched as those before are worked on, and each row is there once", async ({ writer }) => {
  const found = new Set<string>();
  let rows = 0;
  let asked = 0;
  for await (const page of writer.state(TOPIC, [0])) {
    assert(page.length <= PAGE_ROWS);
    for (const { key, value } of page) {
      assertEquals(value, `v${key.slice(1)}`);
      found.add(key);
    }
    rows += page.length;
    await aWhile();
    const before = asked;
    asked = chunksAsked();
    // Those that the page is made of, the one that is being read, and those ahead of it; the first is in the answer itself.
    assert(asked <= Math.ceil(rows / CHUNK_ROWS) + AHEAD, `${asked} parts for ${rows} rows`);
    await aWhile();
    assertEquals(chunksAsked(), asked, "while a page is worked on nothing more is asked for");
    assert(asked > before || rows > ROWS - (AHEAD + 1) * CHUNK_ROWS);
  }
  assertEquals([rows, found.size, asked], [ROWS, ROWS, ROWS / CHUNK_ROWS - 1]);
});

test("a part of the state that cannot be had is an error, and not the end", async ({ writer }) => {
  const fault = double!.control.inject({ kind: "status", status: 404 }, { request: "chunk", skip: 9 });
  const found: StateChange[] = [];
  const read = async () => {
    for await (const page of writer.state(TOPIC, [0])) found.push(...page);
  };
  await assertRejects(read, WarehouseUnavailableError, "try again");
  assertEquals([fault.hits, found.length], [1, 2 * PAGE_ROWS]);
  found.length = 0;
  await read();
  assertEquals(found.length, ROWS);
});

test("a part of the state that stops coming is asked for again", async ({ writer }) => {
  const faults = [true, false].map((isCut) =>
    double!.control.inject({ kind: "torn", isCut }, { request: "chunk", skip: isCut ? 2 : 5 })
  );
  const keys = new Set<string>();
  let rows = 0;
  for await (const page of writer.state(TOPIC, [0])) {
    for (const { key } of page) keys.add(key);
    rows += page.length;
  }
  assertEquals([faults.map(({ hits }) => hits), rows, keys.size], [[1, 1], ROWS, ROWS]);
});

test("a part of the state of which nothing comes is asked for again", async ({ writer }) => {
  const fault = double!.control.inject({ kind: "silent" }, { request: "chunk", skip: 3 });
  let rows = 0;
  for await (const page of writer.state(TOPIC, [0])) rows += page.length;
  assertEquals([fault.hits, rows], [1, ROWS]);
  // The first one is in the answer itself.
  assert(chunksAsked() > ROWS / CHUNK_ROWS - 1);
});

test("a reader that has enough leaves the rest, and the session goes on", async ({ writer }) => {
  for await (const page of writer.state(TOPIC, [0])) {
    assertEquals(page.length, PAGE_ROWS);
    break;
  }
  await aWhile();
  const asked = chunksAsked();
  assert(asked < ROWS / CHUNK_ROWS / 2);
  assertEquals((await writer.claim(TOPIC, [0])).length, 1);
  assertEquals([chunksAsked(), double!.statements().filter(({ sql }) => sql.startsWith("ALTER SESSION")).length], [
    asked,
    0,
  ]);
});
