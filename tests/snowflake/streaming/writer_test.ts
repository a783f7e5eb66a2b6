// A writer whose raw rows go ahead of their units: each row once, whatever the service loses, delays or skips, and whoever else
// claims the partition.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { CommitUnknownError, FencedError, FreshetError, RowsRefusedError } from "../../../src/errors.ts";
import { WarehouseRefusedError, WarehouseUnavailableError } from "../../../src/errors.ts";
import type { Claim, Unit, Warehouse, Writer } from "../../../src/warehouse/warehouse.ts";
import { append, rowsOf, segment, TOPIC, unit } from "../../contracts/warehouse/suite.ts";
import { startSnowflake, whyNoSnowflake } from "../../support/snowflake/mod.ts";
import {
  KEY_USER,
  openPlace,
  RAW,
  rawRows,
  send,
  span,
  type StreamingPlace,
  streamingPlace,
} from "../../support/snowflake/streaming/place.ts";

const skip = await whyNoSnowflake();
const double = skip === undefined ? await startSnowflake({ users: [KEY_USER], inProgressAfterMs: 1_000 }) : undefined;
Deno.test.afterAll(async () => await double?.stop());

interface Bench {
  readonly place: StreamingPlace;
  readonly warehouse: Warehouse;
}

function test(name: string, run: (bench: Bench) => Promise<void>): void {
  Deno.test({
    name: `snowflake, raw rows ahead: ${name}`,
    ignore: skip !== undefined,
    async fn() {
      await using place = await streamingPlace(double!);
      await using warehouse = await openPlace(place);
      double!.clearLog();
      try {
        await run({ place, warehouse });
        assertEquals(double!.streaming.violations, []);
      } finally {
        double!.control.clearFaults();
        await double!.streaming.reset();
      }
    },
  });
}

const event = (id: number) => append("EVENTS", segment([{ ID: id, NAME: "typed" }], { offset: id }));

function deadLetter(offset: number, partition = 0) {
  const row = { DOMAIN: "domain", TOPIC, KAFKA_PARTITION: partition, KAFKA_OFFSET: offset, STAGE: "write" };
  return append("DEAD_LETTERS", segment([{ ...row, REASON: "row_refused", SEEN_AT: 0 }], { offset, partition }));
}

const events = async (warehouse: Warehouse) =>
  (await rowsOf(warehouse, "SELECT ID FROM EVENTS ORDER BY ID")).map(([id]) => Number(id));

test("rows come before their unit, and its transaction holds none of them", async ({ warehouse, place }) => {
  await using writer = await warehouse.writer("domain", RAW);
  const claims = await writer.claim(TOPIC, [0, 1]);
  await send(writer, rawRows(span(0, 5)));
  await send(writer, rawRows(span(0, 3), 1), 1);
  await writer.commit(unit(claims, 5, { appends: [event(1)] }));
  assertEquals(await place.rawOffsets(), span(0, 5));
  assertEquals(await place.rawOffsets(1), span(0, 3));
  assertEquals(await events(warehouse), [1]);
  const inserts = double!.statements().filter(({ sql }) => /^INSERT/.test(sql));
  assert(inserts.length > 0 && inserts.every(({ sql }) => !sql.includes(RAW.table)));
});

test("what was sent and what waits is counted", async ({ warehouse }) => {
  const totals = warehouse.streamed!;
  double!.streaming.behaviour.commitMs = 300;
  await using writer = await warehouse.writer("domain", RAW);
  const claims = await writer.claim(TOPIC, [0, 1]);
  const before = totals.accepted;
  assertEquals([totals.rows, totals.bytes, totals.refused, totals.waitingRows], [0, 0, 0, 0]);
  double!.control.inject({ kind: "status", status: 503 }, { request: "append" });
  await send(writer, rawRows(span(0, 5)));
  await send(writer, rawRows(span(0, 3), 1), 1);
  assertEquals(totals.waitingRows, 8);
  await writer.commit(unit(claims, 5));
  const appends = double!.streamingRequests().filter(({ kind }) => kind === "append");
  assertEquals([totals.rows, totals.refused, totals.waitingRows], [8, 1, 0]);
  assertEquals(totals.bytes, appends.filter(({ status }) => status === 200).reduce((sum, { bytes }) => sum + bytes, 0));
  assert(totals.accepted >= before + appends.length - 1);
  await writer[Symbol.asyncDispose]();
  assertEquals(totals.waitingRows, 0);
});

test("cells of all kinds come as SQL would write them", async ({ warehouse, place }) => {
  await using writer = await warehouse.writer("domain", RAW);
  const claims = await writer.claim(TOPIC, [0]);
  const metadata = (offset: number) =>
    new TextEncoder().encode(`{"topic":"${TOPIC}","partition":0,"offset":${offset}}`);
  const rows = [
    {
      RECORD_CONTENT: new TextEncoder().encode('{"a":\r\n "b\\nc"}'),
      NAME: 'ä"\n\u001d',
      SEEN: 7,
      HAPPENED_AT: 1_700_000_000_123.456,
    },
    { RECORD_CONTENT: "[1]", NAME: null, HAPPENED_AT: -1 },
  ];
  await send(writer, rows.map((row, offset) => ({ offset, value: { RECORD_METADATA: metadata(offset), ...row } })));
  await writer.commit(unit(claims, 2));
  const sql =
    "SELECT NAME, SEEN, HAPPENED_AT, TO_JSON(RECORD_CONTENT) FROM $SCHEMA.RAW_EVENTS ORDER BY SEEN NULLS LAST";
  const told = await rowsOf(warehouse, sql.replace("$SCHEMA.", ""));
  assertEquals(told, [
    ['ä"\n\u001d', 7, "2023-11-14 22:13:20.123456", '{"a":"b\\nc"}'],
    [null, null, "1969-12-31 23:59:59.999", "[1]"],
  ]);
  assertEquals(await place.rawOffsets(), [0, 1]);
});

test("derived never passes raw: a unit waits for its rows, and is not written without them", async ({ warehouse }) => {
  await using writer = await warehouse.writer("domain", RAW);
  const claims = await writer.claim(TOPIC, [0]);
  double!.streaming.behaviour.commitMs = 60_000;
  await send(writer, rawRows(span(0, 3)));
  await assertRejects(() => writer.commit(unit(claims, 3, { appends: [event(1)] })), WarehouseUnavailableError);
  assertEquals(await events(warehouse), []);
  assertEquals((await writer.positions(TOPIC, [0]))[0]!.nextOffset, 0);
});

test("who comes after a crash learns what went ahead, and appends only what is above", async ({ warehouse, place }) => {
  {
    await using first = await warehouse.writer("domain", RAW);
    const claims = await first.claim(TOPIC, [0, 1]);
    await send(first, rawRows(span(0, 4)));
    await first.commit(unit(claims, 4));
    // Offset 5 became a dead letter that was never written.
    await send(first, rawRows([4, 6, 7]));
    await first.commit(unit(await first.positions(TOPIC, [1]), 0)).catch(() => {});
    for (let tries = 0; (await place.rawOffsets()).length < 7 && tries < 100; tries++) await pause(50);
  }
  await using second = await warehouse.writer("domain", RAW);
  const [claim, other] = await second.claim(TOPIC, [0, 1]);
  assertEquals([claim!.nextOffset, claim!.decided], [4, {
    before: 8,
    accepted: [{ from: 4, to: 5 }, { from: 6, to: 8 }],
  }]);
  assertEquals(other!.decided, undefined);
  await send(second, rawRows([4, 6, 7, 8, 9]));
  await second.commit(unit([claim!], 10, { appends: [deadLetter(5)] }));
  assertEquals(await place.rawOffsets(), [0, 1, 2, 3, 4, 6, 7, 8, 9]);
});

test("what turns out to be a dead letter after its row went ahead is taken out again", async ({ warehouse, place }) => {
  await using writer = await warehouse.writer("domain", RAW);
  await writer.claim(TOPIC, [0]);
  await send(writer, rawRows(span(0, 5)));
  for (let tries = 0; (await place.rawOffsets()).length < 5 && tries < 100; tries++) await pause(50);
  const [claim] = await writer.claim(TOPIC, [0]);
  assertEquals(claim!.decided, { before: 5, accepted: [{ from: 0, to: 5 }] });
  await writer.commit(unit([claim!], 5, { appends: [deadLetter(2), event(1)] }));
  assertEquals(await place.rawOffsets(), [0, 1, 3, 4]);
  assertEquals(await rowsOf(warehouse, "SELECT KAFKA_OFFSET FROM DEAD_LETTERS"), [[2]]);
});

test("rows that the service skips are named, and are not decided as accepted", async ({ warehouse, place }) => {
  await using writer = await warehouse.writer("domain", RAW);
  const claims = await writer.claim(TOPIC, [0]);
  double!.streaming.behaviour.skips = /"n":(2|4)\}/;
  await send(writer, rawRows(span(0, 5)));
  const error = await assertRejects(
    () => writer.commit(unit(claims, 5, { appends: [event(1)] })),
    RowsRefusedError,
    "Snowpipe Streaming",
  );
  assertEquals(error.rows.map(({ table, partition, offset }) => [table, partition, offset]), [[RAW.table, 0, 2], [
    RAW.table,
    0,
    4,
  ]]);
  assertEquals(await events(warehouse), []);
  const [claim] = await writer.claim(TOPIC, [0]);
  assertEquals(claim!.decided, { before: 5, accepted: [{ from: 0, to: 2 }, { from: 3, to: 4 }] });
  await writer.commit(unit([claim!], 5, { appends: [deadLetter(2), deadLetter(4)] }));
  assertEquals(await place.rawOffsets(), [0, 1, 3]);
});

test("rows are waited for that are seen late, and counts that come late", async ({ warehouse, place }) => {
  Object.assign(double!.streaming.behaviour, { visibleMs: 400, countMs: 300, skips: /"n":1\}/ });
  await using writer = await warehouse.writer("domain", RAW);
  const claims = await writer.claim(TOPIC, [0]);
  await send(writer, rawRows(span(0, 3)));
  const error = await assertRejects(() => writer.commit(unit(claims, 3)), RowsRefusedError);
  assertEquals(error.rows.map(({ offset }) => offset), [1]);
  await using second = await warehouse.writer("domain", RAW);
  const [claim] = await second.claim(TOPIC, [0]);
  assertEquals(claim!.decided?.accepted, [{ from: 0, to: 1 }, { from: 2, to: 3 }]);
  await second.commit(unit([claim!], 3, { appends: [deadLetter(1)] }));
  assertEquals(await place.rawOffsets(), [0, 2]);
});

test("the second to claim a partition fences the first, its rows and its units", async ({ warehouse, place }) => {
  await using first = await warehouse.writer("domain", RAW);
  const old = await first.claim(TOPIC, [0]);
  double!.streaming.behaviour.commitMs = 1_000;
  await send(first, rawRows(span(0, 3)));
  await pause(700);
  await using second = await warehouse.writer("domain", RAW);
  const claims = await second.claim(TOPIC, [0]);
  // What the first had under way is gone.
  assertEquals(claims[0]!.decided, undefined);
  double!.streaming.behaviour.commitMs = 20;
  await assertRejects(async () => {
    await send(first, rawRows(span(3, 5)));
    await first.commit(unit(old, 5, { appends: [event(1)] }));
  }, FencedError);
  await send(second, rawRows(span(0, 4)));
  await second.commit(unit(claims, 4, { appends: [event(2)] }));
  assertEquals(await place.rawOffsets(), span(0, 4));
  assertEquals(await events(warehouse), [2]);
});

test("who opens the channel after another has claimed finds itself overtaken, and the other goes on", async ({ warehouse, place }) => {
  await using first = await warehouse.writer("domain", RAW);
  await using second = await warehouse.writer("domain", RAW);
  double!.control.inject({ kind: "slow", ms: 1_500 }, { request: "open" });
  const overtaken = first.claim(TOPIC, [0]);
  const refusal = assertRejects(() => overtaken, FencedError);
  await pause(700);
  const claims = await second.claim(TOPIC, [0]);
  await send(second, rawRows(span(0, 3)));
  await refusal;
  // The first has opened the channel last: the second must open it anew to go on.
  await send(second, rawRows(span(3, 6)));
  await second.commit(unit(claims, 6));
  assertEquals(await place.rawOffsets(), span(0, 6));
});

test("what the service loses under way is sent again, by the same owner", async ({ warehouse, place }) => {
  await using writer = await warehouse.writer("domain", RAW);
  const claims = await writer.claim(TOPIC, [0]);
  double!.streaming.behaviour.commitMs = 500;
  const lost = double!.control.inject({ kind: "lost_under_way" }, { request: "append", times: 2 });
  await send(writer, rawRows(span(0, 3)));
  await writer.commit(unit(claims, 3));
  assertEquals(lost.hits, 2);
  assertEquals(await place.rawOffsets(), span(0, 3));
});

test("a channel that the service has forgotten leaves the decision to the raw table", async ({ warehouse, place }) => {
  {
    await using first = await warehouse.writer("domain", RAW);
    await first.claim(TOPIC, [0]);
    await send(first, rawRows(span(0, 3)));
    for (let tries = 0; (await place.rawOffsets()).length < 3 && tries < 100; tries++) await pause(50);
  }
  double!.streaming.forgetChannels();
  await using second = await warehouse.writer("domain", RAW);
  const claims = await second.claim(TOPIC, [0]);
  assertEquals(claims[0]!.decided, { before: 3, accepted: [{ from: 0, to: 3 }] });
  await send(second, rawRows(span(0, 5)));
  await second.commit(unit(claims, 5));
  assertEquals(await place.rawOffsets(), span(0, 5));
});

test("offsets that were deleted have a new channel, and nothing of the old one counts", async ({ warehouse, place }) => {
  await using first = await warehouse.writer("domain", RAW);
  const claims = await first.claim(TOPIC, [0]);
  await send(first, rawRows(span(0, 3)));
  await first.commit(unit(claims, 3));
  await place.sql("DELETE FROM $SCHEMA.FRESHET_OFFSETS_DOMAIN WHERE DOMAIN = 'domain'");
  await place.sql("DELETE FROM $SCHEMA.RAW_EVENTS");
  await using second = await warehouse.writer("domain", RAW);
  const [claim] = await second.claim(TOPIC, [0]);
  assertEquals([claim!.nextOffset, claim!.decided], [0, undefined]);
  await send(second, rawRows(span(0, 2)));
  await second.commit(unit([claim!], 2));
  assertEquals(await place.rawOffsets(), [0, 1]);
});

test("a row that is larger than a request may be is refused by itself", async ({ warehouse }) => {
  await using writer = await warehouse.writer("domain", RAW);
  const claims = await writer.claim(TOPIC, [0]);
  const bytes = new Uint8Array(4_500_000);
  for (let i = 0; i < bytes.length; i += 65_536) crypto.getRandomValues(bytes.subarray(i, i + 65_536));
  const noise = bytes.toBase64();
  const rows = rawRows(span(0, 3), 0, (offset) => offset === 1 ? `"${noise}"` : "{}");
  const error = await assertRejects(
    async () => {
      await send(writer, rows);
      await writer.commit(unit(claims, 3));
    },
    RowsRefusedError,
    "4 MB",
  );
  assertEquals(error.rows.map(({ offset }) => offset), [1]);
});

test("with SQL alone partitions whose rows went ahead are refused, and how to go back is said", async ({ warehouse, place }) => {
  {
    await using writer = await warehouse.writer("domain", RAW);
    await writer.claim(TOPIC, [0]);
  }
  await using plain = await place.open({ rawIngest: "sql" });
  await using writer = await plain.writer("domain", RAW);
  const error = await assertRejects(
    () => writer.claim(TOPIC, [0]),
    WarehouseRefusedError,
    "SNOWFLAKE_RAW_INGEST=streaming",
  );
  await place.sql(/UPDATE .*$/.exec(error.message)![0].replace("FRESHET_OFFSETS_", "$SCHEMA.FRESHET_OFFSETS_"));
  assertEquals((await writer.claim(TOPIC, [0]))[0]!.nextOffset, 0);
});

test("without rows nothing is sent", async ({ warehouse }) => {
  await using writer = await warehouse.writer("domain", RAW);
  const claims = await writer.claim(TOPIC, [0]);
  await send(writer, rawRows([0]));
  await writer.commit(unit(claims, 1));
  const sent = double!.streamingRequests().length;
  await pause(1_500);
  assertEquals(double!.streamingRequests().length, sent);
});

test("a password is no login for it, and is said at once", async ({ place }) => {
  const credentials = { kind: "password", password: KEY_USER.password! } as const;
  await using warehouse = await place.open({ credentials });
  await assertRejects(() => warehouse.writer("domain", RAW), WarehouseRefusedError, "key pair");
});

test("closing gives up what the service does not answer to, and each row is once in the end", async ({ warehouse, place }) => {
  // With these a test that waited for the service would not end.
  const streaming = { requestMs: 600_000, retryMs: 600_000, storedMs: 600_000, countedMs: 600_000 };
  const limits = { ...place.options.limits, streaming };
  {
    await using patient = await place.open({ limits });
    const first = await patient.writer("domain", RAW);
    const claims = await first.claim(TOPIC, [0]);
    await send(first, rawRows([0, 1]));
    await first.commit(unit(claims, 2));
    double!.control.inject({ kind: "status", status: 503 }, { request: "append", times: Infinity });
    await send(first, rawRows([2, 3]));
    const committing = assertRejects(() => first.commit(unit(claims, 4)), WarehouseUnavailableError, "closed");
    while (double!.streamingRequests().every(({ status }) => status !== 503)) await pause(20);
    await first[Symbol.asyncDispose]();
    await committing;
  }
  double!.control.clearFaults();
  await using second = await warehouse.writer("domain", RAW);
  const claims = await second.claim(TOPIC, [0]);
  assertEquals([claims[0]!.nextOffset, claims[0]!.decided], [2, undefined]);
  await send(second, rawRows([2, 3]));
  await second.commit(unit(claims, 4));
  assertEquals(await place.rawOffsets(), [0, 1, 2, 3]);
});

test("closing also ends a unit that is asking whether its partitions are still claimed", async ({ place }) => {
  // With these a test that waited for the service would not end.
  const streaming = { requestMs: 600_000, retryMs: 600_000, storedMs: 600_000, countedMs: 600_000 };
  await using patient = await place.open({ limits: { ...place.options.limits, streaming } });
  const writer = await patient.writer("domain", RAW);
  const claims = await writer.claim(TOPIC, [0]);
  double!.control.inject({ kind: "status", status: 503 }, { request: "append", times: Infinity });
  const asking = double!.control.inject({ kind: "slow", ms: 1_000 }, { statement: /^SELECT KAFKA_PARTITION, NEXT/ });
  await send(writer, rawRows([0, 1]));
  const committing = assertRejects(() => writer.commit(unit(claims, 2)), WarehouseUnavailableError, "closed");
  while (asking.hits === 0) await pause(20);
  await writer[Symbol.asyncDispose]();
  await committing;
});

test("a writer that is closed while it claims opens no channel", async ({ warehouse }) => {
  const writer = await warehouse.writer("domain", RAW);
  const claim = double!.control.inject({ kind: "slow", ms: 1_000 }, { statement: /^MERGE INTO FRESHET_OFFSETS/ });
  const claiming = assertRejects(() => writer.claim(TOPIC, [0]), WarehouseUnavailableError, "closed");
  while (claim.hits === 0) await pause(20);
  await writer[Symbol.asyncDispose]();
  await claiming;
  assertEquals(double!.streamingRequests().filter(({ kind }) => kind === "open"), []);
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Writes units as the engine does: after an error that can be retried it claims again and goes on from there. */
class Run implements AsyncDisposable {
  readonly errors: string[] = [];
  #writer: Writer | undefined;
  #claims: readonly Claim[] = [];
  #sent = 0;

  constructor(private readonly warehouse: Warehouse) {}

  /** Rows up to before `end`, and the unit of them. */
  async write(end: number): Promise<void> {
    for (let attempt = 0;; attempt++) {
      assert(attempt < 5, this.errors.join("; "));
      try {
        return await this.#attempt(end);
      } catch (error) {
        if (!(error instanceof FreshetError)) throw error;
        assert(error.retriable && !(error instanceof CommitUnknownError), error.message);
        this.errors.push(error.message);
        await this[Symbol.asyncDispose]();
      }
    }
  }

  async #attempt(end: number): Promise<void> {
    if (this.#writer === undefined) {
      this.#writer = await this.warehouse.writer("domain", RAW);
      this.#claims = await this.#writer.claim(TOPIC, [0, 1]);
      this.#sent = this.#claims[0]!.nextOffset;
    }
    for (const partition of [0, 1]) await send(this.#writer, rawRows(span(this.#sent, end), partition), partition);
    this.#sent = end;
    const written: Unit = unit(this.#claims, end, { appends: [event(end)] });
    await this.#writer.commit(written);
    this.#claims = await this.#writer.positions(TOPIC, [0, 1]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer?.[Symbol.asyncDispose]();
    this.#writer = undefined;
  }
}

const FAULTS = [
  { kind: "status", status: 503 },
  { kind: "status", status: 429, retryAfterSeconds: 1 },
  { kind: "status", status: 500 },
  { kind: "status", status: 409 },
  { kind: "status", status: 401 },
  { kind: "cut_before" },
  { kind: "cut_after" },
  { kind: "token_expired" },
  { kind: "slow", ms: 700 },
  { kind: "lost_under_way" },
  { kind: "error", code: "STALE_CONTINUATION_TOKEN_SEQUENCER", sqlState: "", message: "stale" },
  { kind: "error", code: "ERR_CHANNEL_MUST_BE_REOPENED_DUE_TO_ROW_SEQ_GAP", sqlState: "", message: "gap" },
] as const;

for (const fault of FAULTS) {
  const what = "status" in fault
    ? `HTTP ${fault.status}`
    : "code" in fault
    ? fault.code
    : fault.kind.replaceAll("_", " ");
  test(`${what} at any request leaves each row once`, async ({ warehouse, place }) => {
    double!.streaming.behaviour.commitMs = 150;
    await using run = new Run(warehouse);
    let end = 0;
    for (const request of ["open", "append", "channel status", "append"] as const) {
      if (request === "open") await run[Symbol.asyncDispose]();
      double!.control.inject(fault, { request });
      await run.write(end += 3);
      await run.write(end += 3);
    }
    assertEquals([await place.rawOffsets(), await place.rawOffsets(1)], [span(0, end), span(0, end)]);
    assertEquals(await events(warehouse), span(1, 9).map((n) => 3 * n));
  });
}
