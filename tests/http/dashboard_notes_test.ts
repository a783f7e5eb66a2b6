// What people note by the dashboard: kept in the warehouse, shown at once, and only by those who may change something.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import freshetSql from "../../sql/freshet.sql" with { type: "text" };
import { Notes, SmallWrites } from "../../src/alerts/mod.ts";
import { createDashboard } from "../../src/http/dashboard/mod.ts";
import type { Tokens } from "../../src/http/auth.ts";
import { DUCKDB } from "../../src/warehouse/duckdb/traits.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { domainOf } from "../support/domains.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { NO_LOG } from "../support/no_log.ts";
import { domainStatus } from "../support/status.ts";

const NOW = Date.parse("2026-01-15T12:00:00Z");
const API = "api-token-of-the-tests";
const READ = "read-token-of-the-tests";
const ALERT =
  `INSERT INTO ATS_ALERTS (ALERT_ID, ALERT_TYPE, TRAIN_ID, LINE, STATUS, STARTED_AT, LAST_SEEN_AT, EVENT_COUNT,
  PEAK_VALUE, THRESHOLD, VERSION, KAFKA_PARTITION) VALUES ('A', 'OVERCROWDING', 'C1', 'Red', 'ACTIVE', '2026-01-15 11:00:00',
  '2026-01-15 11:10:00', 3, 1200, 1100, 1, 0)`;

interface Answered {
  readonly status: number;
  // deno-lint-ignore no-explicit-any
  readonly json: any;
}

class Desk implements AsyncDisposable {
  readonly clock = new ManualClock(NOW);
  muteChanges = 0;
  readonly #stack = new AsyncDisposableStack();
  // deno-lint-ignore no-explicit-any
  #app: any;

  static async open(tokens: Tokens = { api: undefined, run: undefined }): Promise<Desk> {
    const desk = new Desk();
    const warehouse = desk.#stack.use(await openDuckDb({ path: ":memory:" }));
    await warehouse.migrate([
      { name: "freshet", text: freshetSql },
      { name: "trains", text: domainOf("trains").sql },
      { name: "contents", text: `-- version 1: contents\n${ALERT};` },
    ]);
    const writes = desk.#stack.use(new SmallWrites(warehouse));
    const { clock } = desk;
    const notes = new Notes({ writes, warehouse, now: () => clock.now(), onMute: () => void desk.muteChanges++ });
    const { app } = createDashboard({
      ...{ hostname: "127.0.0.1", port: 0, tokens, rateLimit: Infinity, version: "0", log: "the log" },
      warehouse: { ...DUCKDB, description: "memory" },
      domains: [domainOf("trains")],
      names: ["trains"],
      statuses: () => [domainStatus()],
      clock,
      query: (sql, options) => warehouse.query(sql, options),
      usersQuery: (sql, options) => warehouse.query(sql, options),
      notes,
      ...NO_LOG,
      settings: {},
    });
    desk.#app = app;
    return desk;
  }

  async ask(path: string, body?: object, headers: Record<string, string> = {}): Promise<Answered> {
    const response: Response = await this.#app.request(`http://127.0.0.1:8501${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { host: "127.0.0.1:8501", "content-type": "application/json", ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, json: text === "" ? undefined : JSON.parse(text) };
  }

  async panel(name: string): Promise<Answered["json"]> {
    return (await this.ask(`/api/panels/${name}`)).json.data;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

Deno.test("an alert that is acknowledged says so at once, by whom, when and why, and the last one counts", async () => {
  await using desk = await Desk.open();
  assertEquals((await desk.panel("trains/one?id=C1")).alerts[0].acknowledged, null);
  const note = { domain: "trains", alert_ids: ["A"], by: " Ann ", note: "on my way" };
  assertEquals((await desk.ask("/api/notes/acknowledge", note)).status, 204);
  desk.clock.advance(1_000);
  await desk.ask("/api/notes/acknowledge", { ...note, by: "Bob", note: "" });
  assertEquals((await desk.panel("trains/one?id=C1")).alerts[0].acknowledged, {
    by: "Bob",
    at: "2026-01-15 12:00:01",
    note: null,
  });
});

Deno.test("a rule is muted until an end, which can be now", async () => {
  await using desk = await Desk.open();
  const mute = { domain: "trains", type: "OVERCROWDING", minutes: 60, by: "Ann", note: "works on the line" };
  assertEquals((await desk.ask("/api/notes/mute", mute)).status, 204);
  assertEquals(await desk.panel("pipeline/mutes"), [{
    domain: "trains",
    type: "OVERCROWDING",
    by: "Ann",
    note: "works on the line",
    ends_at: "2026-01-15 13:00:00",
  }]);
  desk.clock.advance(60_000);
  assertEquals((await desk.ask("/api/notes/unmute", { domain: "trains", type: "OVERCROWDING" })).status, 204);
  assertEquals((await desk.panel("pipeline/mutes"))[0].ends_at, "2026-01-15 12:01:00");
  assertEquals(desk.muteChanges, 2, "those who send are told");
});

Deno.test("what somebody notes on the charts is shown until it is taken away", async () => {
  await using desk = await Desk.open();
  const note = { domain: null, kind: "deployment", text: "version 2.3", by: "Ann", starts_at: "2026-01-15T11:30:00Z" };
  assertEquals((await desk.ask("/api/notes/annotate", note)).status, 204);
  const [shown] = await desk.panel("pipeline/annotations");
  assertEquals([shown.text, shown.starts_at, shown.ends_at, shown.domain], [
    "version 2.3",
    "2026-01-15 11:30:00",
    null,
    null,
  ]);
  assertEquals((await desk.ask("/api/notes/remove-annotation", { id: shown.id })).status, 204);
  assertEquals(await desk.panel("pipeline/annotations"), []);
  const wrong = { ...note, ends_at: "2026-01-15T11:00:00Z" };
  const answer = await desk.ask("/api/notes/annotate", wrong);
  assertEquals(answer.status, 400);
  assertStringIncludes(answer.json.detail, "ends_at must be after starts_at");
});

Deno.test("what is wrong is refused in words, and is not kept", async () => {
  await using desk = await Desk.open();
  for (
    const [path, body, words] of [
      ["acknowledge", { domain: "trains", alert_ids: [], by: "Ann" }, "alert_ids"],
      ["acknowledge", { domain: "boats", alert_ids: ["A"], by: "Ann" }, 'No domain "boats" runs here'],
      ["acknowledge", { domain: "trains", alert_ids: ["A"], by: "  " }, "by"],
      ["mute", { domain: "trains", type: "OVERCROWDING", minutes: 0, by: "Ann" }, "minutes"],
      ["mute", { domain: "trains", type: "OVERCROWDED", minutes: 5, by: "Ann" }, "OVERCROWDING, HIGH_POWER_DRAW"],
    ] as const
  ) {
    const answer = await desk.ask(`/api/notes/${path}`, body);
    assertEquals(answer.status, 400, path);
    assertStringIncludes(answer.json.detail, words);
  }
  assertEquals((await desk.panel("trains/one?id=C1")).alerts[0].acknowledged, null);
  assertEquals(await desk.panel("pipeline/mutes"), []);
});

Deno.test("who may only look may not note, and who has the token that opens everything may, by cookie too", async () => {
  await using desk = await Desk.open({ api: API, read: READ, run: undefined });
  const note = { domain: "trains", alert_ids: ["A"], by: "Ann" };
  const by = (token: string) => ({ authorization: `Bearer ${token}` });
  assertEquals((await desk.ask("/api/notes/acknowledge", note)).status, 401);
  const refused = await desk.ask("/api/notes/acknowledge", note, by(READ));
  assertEquals([refused.status, refused.json.code], [403, "wrong_right"]);
  assertEquals((await desk.ask("/api/about", undefined, by(READ))).json.may_all, false);
  assertEquals((await desk.ask("/api/about", undefined, by(API))).json.may_all, true);
  assertEquals((await desk.ask("/api/notes/acknowledge", note, by(API))).status, 204);
  const elsewhere = { ...by(API), origin: "http://evil.example" };
  assertEquals((await desk.ask("/api/notes/acknowledge", note, elsewhere)).status, 403);
});

Deno.test("with a token that only reads nobody notes anything", async () => {
  await using desk = await Desk.open({ api: undefined, read: READ, run: undefined });
  const answer = await desk.ask("/api/about", undefined, { authorization: `Bearer ${READ}` });
  assert(!answer.json.may_all);
});
