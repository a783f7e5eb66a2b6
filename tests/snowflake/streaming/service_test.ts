// The client of Snowpipe Streaming, request by request, against the double.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { gzipSync } from "node:zlib";
import { StreamingError } from "../../../src/warehouse/snowflake/streaming/codes.ts";
import { StreamingService } from "../../../src/warehouse/snowflake/streaming/service.ts";
import { WarehouseRefusedError } from "../../../src/errors.ts";
import { ownSchema } from "../../support/snowflake/adapter.ts";
import { DEFAULT_USER, startSnowflake, whyNoSnowflake } from "../../support/snowflake/mod.ts";
import { KEY_USER, QUICK_STREAMING, STREAMING } from "../../support/snowflake/streaming/place.ts";

const skip = await whyNoSnowflake();
const double = skip === undefined ? await startSnowflake({ users: [KEY_USER] }) : undefined;
Deno.test.afterAll(async () => await double?.stop());

const PIPE = "ROWS-STREAMING";
const body = (...rows: readonly object[]) =>
  new Uint8Array(gzipSync(rows.map((row) => `${JSON.stringify(row)}\n`).join("")));

interface Bench {
  readonly service: StreamingService;
  /** Rows of the table, by ID. */
  rows(): Promise<readonly (readonly (string | null)[])[]>;
}

function test(name: string, run: (bench: Bench) => Promise<void>): void {
  Deno.test({
    name: `snowpipe streaming: ${name}`,
    ignore: skip !== undefined,
    async fn() {
      await using schema = await ownSchema(double!, QUICK_STREAMING);
      await schema.sql("CREATE TABLE $SCHEMA.ROWS (ID BIGINT, NAME VARCHAR DEFAULT 'none', CONTENT VARIANT)");
      const { account, user, database } = schema.options;
      const service = new StreamingService({
        ...{ account, user, database, schema: schema.name, credentials: STREAMING.credentials },
        accountUrl: double!.accessUrl,
        limits: QUICK_STREAMING.streaming!,
      });
      double!.clearLog();
      try {
        await run({
          service,
          rows: () => schema.sql("SELECT ID, NAME, TO_JSON(CONTENT) FROM $SCHEMA.ROWS ORDER BY ID"),
        });
      } finally {
        double!.control.clearFaults();
        double!.control.setClockOffset(0);
        await double!.streaming.reset();
      }
    },
  });
}

/** The channel's token once it is `token`. */
async function untilStored(service: StreamingService, token: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if ((await service.statuses(PIPE, ["C"])).get("C")?.token === token) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`token ${token} never came: ${double!.streaming.violations}`);
}

test("rows are stored after a while, in order, without the columns' defaults", async ({ service, rows }) => {
  const { continuation, status } = await service.open(PIPE, "C");
  assertEquals([status.token, status.inserted, status.errors], [null, 0, 0]);
  const first = await service.append(PIPE, {
    ...{ channel: "C", continuation, first: 0, last: 1 },
    body: body({ ID: 1, NAME: "ä", CONTENT: { a: [1] } }, { ID: 2 }),
  });
  await service.append(PIPE, {
    channel: "C",
    continuation: first,
    first: 5,
    last: 5,
    body: body({ ID: 3, NAME: null }),
  });
  await untilStored(service, 5);
  assertEquals(await rows(), [["1", "ä", '{"a":[1]}'], ["2", null, null], ["3", null, null]]);
});

test("opening a channel fences off who had it, and throws away what was under way", async ({ service, rows }) => {
  double!.streaming.behaviour.commitMs = 300;
  const before = await service.open(PIPE, "C");
  const next = await service.append(PIPE, {
    ...{ channel: "C", continuation: before.continuation, first: 0, last: 0, body: body({ ID: 1 }) },
  });
  const now = await service.open(PIPE, "C");
  assertEquals(now.status.token, null);
  const late = { channel: "C", continuation: next, first: 1, last: 1, body: body({ ID: 2 }) };
  const error = await assertRejects(() => service.append(PIPE, late), StreamingError);
  assertEquals(error.code, "STALE_CONTINUATION_TOKEN_SEQUENCER");
  await service.append(PIPE, { ...late, continuation: now.continuation, first: 0, last: 0 });
  await untilStored(service, 0);
  assertEquals(await rows(), [["2", null, null]]);
});

test("rows that cannot be loaded are skipped and counted", async ({ service, rows }) => {
  const { continuation } = await service.open(PIPE, "C");
  const bad = body({ ID: 1 }, { ID: "none" }, { ID: 3 });
  await service.append(PIPE, { channel: "C", continuation, first: 0, last: 2, body: bad });
  await untilStored(service, 2);
  const status = (await service.statuses(PIPE, ["C", "ANOTHER"])).get("C")!;
  assertEquals([status.inserted, status.errors], [2, 1]);
  assert(status.lastError);
  assertEquals((await rows()).map(([id]) => id), ["1", "3"]);
});

test("what may go through later is sent again, and comes once", async ({ service, rows }) => {
  const { continuation } = await service.open(PIPE, "C");
  for (const status of [429, 503, 408]) double!.control.inject({ kind: "status", status }, { request: "append" });
  double!.control.inject({ kind: "cut_before" }, { request: "append" });
  await service.append(PIPE, { channel: "C", continuation, first: 0, last: 0, body: body({ ID: 1 }) });
  await untilStored(service, 0);
  assertEquals((await rows()).length, 1);
  assertEquals(double!.streamingRequests().filter(({ kind }) => kind === "append").length, 5);
});

test("an answer that is lost leaves a token that is spent, and the rows once", async ({ service, rows }) => {
  const { continuation } = await service.open(PIPE, "C");
  double!.control.inject({ kind: "cut_after" }, { request: "append" });
  const append = { channel: "C", continuation, first: 0, last: 0, body: body({ ID: 1 }) };
  const error = await assertRejects(() => service.append(PIPE, append), StreamingError);
  assertEquals(error.code, "STALE_CONTINUATION_TOKEN_SEQUENCER");
  await untilStored(service, 0);
  assertEquals((await rows()).length, 1);
});

test("a request is counted by its answer, and by nothing while it is under way", async ({ service }) => {
  await service.check();
  const { accepted } = service.streamed;
  const slow = double!.control.inject({ kind: "slow", ms: 500 }, { request: "open" });
  const opening = service.open(PIPE, "C");
  while (slow.hits === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals([service.streamed.accepted, service.streamed.refused], [accepted, 0]);
  await opening;
  assertEquals([service.streamed.accepted, service.streamed.refused], [accepted + 1, 0]);
});

test("more than ten requests a second wait", async ({ service }) => {
  let { continuation } = await service.open(PIPE, "C");
  for (let i = 0; i < 12; i++) {
    continuation = await service.append(PIPE, { channel: "C", continuation, first: i, last: i, body: body({ ID: i }) });
  }
  await untilStored(service, 11);
  assert(double!.streamingRequests().some(({ status }) => status === 429));
});

test("more than 4 MB are refused", async ({ service }) => {
  const { continuation } = await service.open(PIPE, "C");
  const large = crypto.getRandomValues(new Uint8Array(50_000)).toBase64();
  const rows = Array.from({ length: 90 }, () => ({ NAME: large.split("").sort(() => Math.random() - 0.5).join("") }));
  const append = { channel: "C", continuation, first: 0, last: 0, body: body(...rows) };
  assert(append.body.length > 4_000_000);
  assertEquals((await assertRejects(() => service.append(PIPE, append), StreamingError)).status, 413);
});

test("tokens that expire are made anew", async ({ service }) => {
  await service.open(PIPE, "C");
  double!.control.expireScopedTokens();
  await service.statuses(PIPE, ["C"]);
  assertEquals(double!.streamingRequests().filter(({ kind }) => kind === "scoped token").length, 2);
});

test("a dropped channel begins again", async ({ service }) => {
  const { continuation } = await service.open(PIPE, "C");
  await service.append(PIPE, { channel: "C", continuation, first: 0, last: 0, body: body({ ID: 1 }) });
  await untilStored(service, 0);
  await service.drop(PIPE, "C");
  assertEquals((await service.statuses(PIPE, ["C"])).size, 0);
  assertEquals((await service.open(PIPE, "C")).status.token, null);
});

test("a table that is not there is said", async ({ service }) => {
  const error = await assertRejects(() => service.open("NOWHERE-STREAMING", "C"), StreamingError);
  assertEquals([error.status, error.code], [404, "ERR_TABLE_DOES_NOT_EXIST_NOT_AUTHORIZED"]);
});

test("a key that is not the user's is refused with advice", async ({ service }) => {
  double!.control.setUser({ ...DEFAULT_USER });
  try {
    await assertRejects(() => service.check(), WarehouseRefusedError, "fingerprint");
  } finally {
    double!.control.setUser(KEY_USER);
  }
});
