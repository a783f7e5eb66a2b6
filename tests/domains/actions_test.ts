// The actions domain: what producers send is taken, a few events make the rows of every table, and the tables of a simulated
// day equal a recomputation.

import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../../src/clock.ts";
import { UserAction } from "../../src/domains/actions/mod.ts";
import { jsonSchemaOf } from "../../src/domains/mod.ts";
import { DomainRunner } from "../../src/engine/mod.ts";
import { openEmbeddedLog } from "../../src/log/embedded.ts";
import { scriptsOf } from "../../src/parts.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { actions as simulator } from "../../simulators/actions.ts";
import { checkRules, checksOf, everyTableFilled } from "../support/checks.ts";
import { domainOf } from "../support/domains.ts";
import { World } from "../support/simulation/world.ts";

const ACTION = { user_id: "u1", action: "page_view", page: "/", timestamp: "2027-01-15T11:59:00" };

const accepted: readonly (readonly [string, Record<string, unknown>])[] = [
  ["Python's isoformat without a zone", { timestamp: "2027-01-15T11:59:00.123456" }],
  ["epoch milliseconds", { timestamp: 1_800_014_340_000 }],
  ["null for what need not be there", {
    session_id: null,
    referrer: null,
    device: null,
    duration_ms: null,
    metadata: null,
  }],
  ["fields that nobody knows", { experiment: "b", scroll: { depth: 3 } }],
  ["metadata of any shape", { metadata: { cart: [1, { id: 2 }], __proto__: null } }],
];

for (const [name, changes] of accepted) {
  Deno.test(`an action with ${name} is taken, and has an event time`, () => {
    const parsed = UserAction.safeParse(JSON.parse(JSON.stringify({ ...ACTION, ...changes })));
    assert(parsed.success, parsed.error?.message);
    assertEquals(
      Math.floor(domainOf("actions").eventTime(parsed.data) / 60_000),
      Date.UTC(2027, 0, 15, 11, 59) / 60_000,
    );
  });
}

Deno.test("the JSON Schema of UserAction in schemas/user_action.json is that of the zod schema", async () => {
  const kept = JSON.parse(await Deno.readTextFile(new URL("../../schemas/user_action.json", import.meta.url)));
  assertEquals(kept, jsonSchemaOf(UserAction));
});

type Row = Readonly<Record<string, unknown>>;
const at = (clock: string) => Date.parse(`2027-01-15T${clock}Z`);
const said = (rows: readonly Row[], columns: readonly string[]) => rows.map((row) => columns.map((name) => row[name]));

/** Runs the events, each of a time and what differs, through the domain. */
async function run(events: readonly (readonly [clock: string, changes?: Row])[]): Promise<World> {
  const world = new World(domainOf("actions"));
  for (const [clock, changes] of events) world.produce({ ...ACTION, timestamp: `2027-01-15T${clock}`, ...changes });
  await world.catchUp();
  return world;
}

Deno.test("every action is a raw row as it came and a typed row with its position", async () => {
  const { warehouse } = await run([["09:00:00"], ["09:00:30.5", { action: "click", device: "mobile", extra: 1 }]]);
  const contents = warehouse.rows("USER_ACTIONS_RAW").map((row) => JSON.parse(String(row.RECORD_CONTENT)));
  assertEquals(contents.map(({ action, extra }) => [action, extra]), [["page_view", undefined], ["click", 1]]);
  assertEquals<unknown>(warehouse.rows("USER_ACTIONS")[1], {
    TIMESTAMP: at("09:00:30.5"),
    USER_ID: "u1",
    ACTION: "click",
    PAGE: "/",
    DEVICE: "mobile",
    KAFKA_PARTITION: 0,
    KAFKA_OFFSET: 1,
  });
});

Deno.test("actions are counted by kind and minute, start inclusive and end exclusive", async () => {
  const { warehouse } = await run([
    ["09:00:00"],
    ["09:00:59.999999", { user_id: "u2" }],
    ["09:00:10", { action: "click" }],
    ["09:01:00"],
    ["09:02:30"],
  ]);
  const rows = said(warehouse.rows("ACTIONS_PER_MINUTE_PARTS"), ["ACTION", "WINDOW_START", "ACTION_COUNT", "IS_FINAL"]);
  assertEquals(rows.toSorted(), [
    ["click", at("09:00:00"), 1, true],
    ["page_view", at("09:00:00"), 2, true],
    ["page_view", at("09:01:00"), 1, true],
    ["page_view", at("09:02:00"), 1, false],
  ]);
});

Deno.test("a session spans a user's actions less than 30 minutes apart, first and last page by event time", async () => {
  const { warehouse } = await run([
    ["09:00:20", { page: "/b" }],
    ["09:00:00", { page: "/a" }],
    ["09:30:19.9", { page: "/d" }],
    ["09:30:00", { page: "/c" }],
    ["10:00:19.9", { page: "/e" }],
    ["10:05:00", { user_id: "u2", page: "/x" }],
    ["10:31:00", { page: "/f" }],
  ]);
  const columns = ["USER_ID", "WINDOW_START", "WINDOW_END", "EVENT_COUNT", "DURATION_S", "FIRST_PAGE", "LAST_PAGE"];
  const rows = said(warehouse.rows("USER_SESSIONS"), [...columns, "IS_FINAL"]);
  assertEquals(rows, [
    ["u1", at("09:00:00"), at("10:00:19.9"), 4, 1819.9, "/a", "/d", true],
    ["u1", at("10:00:19.9"), at("10:30:19.9"), 1, 0, "/e", "/e", true],
    ["u1", at("10:31:00"), at("11:01:00"), 1, 0, "/f", "/f", false],
    ["u2", at("10:05:00"), at("10:35:00"), 1, 0, "/x", "/x", false],
  ]);
});

Deno.test("an action that bridges two sessions makes them one row", async () => {
  const { warehouse } = await run([["09:00:00", { page: "/a" }], ["09:40:00", { page: "/c" }], ["09:20:00"]]);
  const rows = said(warehouse.rows("USER_SESSIONS"), ["WINDOW_START", "EVENT_COUNT", "DURATION_S", "LAST_PAGE"]);
  assertEquals(rows, [[at("09:00:00"), 3, 2400, "/c"]]);
});

Deno.test("the tables of a simulated day equal a recomputation, also where users are spread over the partitions", async () => {
  const dataDir = await Deno.makeTempDir();
  try {
    const domain = domainOf("actions");
    await using log = await openEmbeddedLog({ dataDir });
    await log.createTopics([{ topic: domain.topic, partitions: 3 }]);
    const records = simulator.generate({ seed: 3, start: Date.UTC(2026, 0, 15), intervalMs: 120_000 }).take(20_000)
      .map(({ key, value }, i) => ({ key: i % 5 ? key : null, value })).toArray();
    await log.produce(domain.topic, records);
    await using warehouse = await openDuckDb({ path: `${dataDir}/freshet.duckdb` });
    await warehouse.migrate(scriptsOf([domain]));
    const quiet = { debug() {}, info() {}, warn() {}, error() {} };
    const settings = { checkpointRows: 3000, checkpointMs: 1000, maxRestarts: 0, untilEnd: true };
    const runner = new DomainRunner({ domain, log, warehouse, clock: systemClock, logger: quiet, ...settings });
    await runner.run(new AbortController().signal);
    await checkRules(warehouse, { ...checksOf("actions"), ...everyTableFilled(domain) });
    const { rows } = await warehouse.query(
      `SELECT COUNT(*), SUM(ACTION_COUNT), (SELECT COUNT(*) FROM USER_SESSIONS),
        (SELECT COUNT(*) FROM ACTIONS_PER_MINUTE_PARTS) FROM ACTIONS_PER_MINUTE`,
    );
    const [minutes = 0, counted, sessions = 0, parts = 0] = rows[0]!.map(Number);
    assertEquals(counted, 20_000);
    assert(minutes > 3000 && parts > minutes * 1.5 && sessions > 500, `${minutes} ${parts} ${sessions}`);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});
