// Which changes of an episode are told of: raised once, cleared once, and nothing of history.

import { assertEquals, assertNotEquals } from "@std/assert";
import type { Output, SessionChange } from "@freshet/stream";
import freshetSql from "../../sql/freshet.sql" with { type: "text" };
import { type AlertEvent, AlertEvents } from "../../src/engine/alert_events.ts";
import { keyedChanges } from "../../src/engine/rows.ts";
import { outputsOf } from "../../src/domains/domain.ts";
import { Cells } from "../../src/warehouse/cells.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import type { Warehouse } from "../../src/warehouse/warehouse.ts";
import { domainOf } from "../support/domains.ts";

const domain = domainOf("trains");
const outputs = outputsOf(domain);
const output = outputs.find((each) => each.kind === "episodes" && each.type === "OVERCROWDING") as Extract<
  Output<unknown>,
  { readonly kind: "episodes" }
>;
const HOUR_MS = 3_600_000;
const NOW = Date.parse("2026-11-20T10:00:00Z");

type Session = Extract<SessionChange<unknown>, { readonly kind: "session" }>;

function session(id: number, overrides: Partial<Session> = {}): Session {
  return {
    ...{ kind: "session", key: { TRAIN_ID: "C106" }, partition: 2, id, start: id, last: id, end: id + 120_000 },
    ...{ values: { EVENT_COUNT: 1, PEAK_VALUE: 1200 }, open: true, final: false, version: 1, backfill: false },
    previousStart: null,
    ...overrides,
  };
}

const closed = (id: number, overrides: Partial<Session> = {}) =>
  session(id, { open: false, final: true, ...overrides });

interface Stored {
  readonly alert: string;
  readonly json: string;
  /** Whether its row is still there and not cleared. */
  readonly isActive: boolean;
}

/** What an engine tells that finds `stored` raised. */
async function telling(stored: readonly Stored[] = [], notBefore: number | undefined = undefined) {
  const query = (sql: string) => {
    const rows = sql.startsWith("SELECT *")
      ? []
      : sql.includes("ALERT_EVENTS")
      ? stored.map(({ alert, json }) => [alert, json])
      : stored.filter(({ isActive }) => isActive).map(({ alert }) => [alert]);
    return Promise.resolve({ columns: [], rows, truncated: false });
  };
  const alerts = { channels: ["webhook", "mail"], maxAgeMs: HOUR_MS, notBefore };
  const options = { domain, outputs, warehouse: { query }, eventNow: () => NOW, now: () => NOW, alerts };
  return await AlertEvents.read(options, [2]);
}

/** What is told of changes, one by one, where all partitions have passed everything. */
function tell(events: AlertEvents, changes: readonly SessionChange<unknown>[]): readonly AlertEvent[] {
  return changes.flatMap((value) => [...tellWaiting(events, [value]), ...events.passed(() => Infinity)]);
}

/** What is told of changes at once. */
function tellWaiting(events: AlertEvents, changes: readonly SessionChange<unknown>[]): readonly AlertEvent[] {
  const elements = changes.map((value, offset) => ({ value, time: NOW, offset, watermark: NOW }));
  return events.of(output, elements, keyedChanges(output, elements, NOW));
}

/** Puts events into a warehouse as a checkpoint does. */
async function store(
  warehouse: Warehouse,
  events: readonly AlertEvent[],
  changes: readonly SessionChange<unknown>[] = [],
): Promise<void> {
  await using writer = await warehouse.writer("test");
  const append = {
    table: "ALERT_EVENTS",
    cells: Cells.of(events.map(({ row }) => row)),
    ...{ partitions: events.map(({ partition }) => partition), offsets: events.map(({ offset }) => offset) },
  };
  const elements = changes.map((value, offset) => ({ value, time: NOW, offset, watermark: NOW }));
  const rows = keyedChanges(output, elements, NOW).map(({ row }) => row);
  const upserts = rows.length === 0 ? [] : [{ table: "ATS_ALERTS", keyColumns: ["ALERT_ID"], rows }];
  await writer.commit({ topic: "", appends: [append], upserts, deletes: [], state: [], moves: [] });
}

const told = (events: readonly AlertEvent[]) => events.map(({ row }) => row.EVENT);

Deno.test("an episode that a record behind the watermark begins is told of also when it closes at once", async () => {
  const late = closed(NOW, { version: 2, wasFinal: false });
  assertEquals(told(tell(await telling(), [late])), ["RAISED", "CLEARED"]);
  // One that was over long before, of which nobody was told, is no news when it is corrected.
  assertEquals(told(tell(await telling(), [{ ...late, wasFinal: true }])), []);
  assertEquals(told(tell(await telling(), [closed(NOW, { version: 2 })])), []);
});

Deno.test("an episode is told of when it is raised and when it is cleared, however often it changes in between", async () => {
  const events = await telling();
  const all = tell(events, [session(NOW), session(NOW, { last: NOW + 5 }), closed(NOW), closed(NOW, { version: 2 })]);
  assertEquals(told(all), ["RAISED", "CLEARED"]);
  const [raised] = all;
  assertEquals(raised!.partition, 2);
  assertEquals([raised!.row.CHANNELS, raised!.row.SEVERITY], [",webhook,mail,", "critical"]);
  assertNotEquals(all[0]!.row.EVENT_ID, all[1]!.row.EVENT_ID);
  const alert = JSON.parse(String(raised!.row.ALERT));
  assertEquals([alert.STARTED_AT, alert.KEY, alert.TRAIN_ID], ["2026-11-20T10:00:00.000Z", ["TRAIN_ID"], "C106"]);
});

Deno.test("one that was raised and over within a batch is told of twice, and one that opens again once more with another id", async () => {
  const events = await telling();
  const first = tell(events, [closed(NOW)]);
  assertEquals(told(first), ["RAISED", "CLEARED"]);
  const again = tell(events, [session(NOW, { version: 2, final: true })]);
  assertEquals(told(again), ["RAISED"]);
  assertNotEquals(again[0]!.row.EVENT_ID, first[0]!.row.EVENT_ID);
});

Deno.test("history is told to nobody: what is old, what came before the run's own time, what is worked through as a backlog", async () => {
  const events = await telling();
  assertEquals(tell(events, [session(NOW - 2 * HOUR_MS), closed(NOW - 2 * HOUR_MS)]), []);
  assertEquals(tell(events, [session(NOW, { backfill: true }), closed(NOW, { backfill: true })]), []);
  const late = await telling([], NOW - 1_000);
  assertEquals(tell(late, [closed(NOW - 2_000)]), []);
  assertEquals(told(tell(late, [session(NOW - 2_000, { last: NOW })])), ["RAISED"]);
});

Deno.test("whoever takes over tells nothing again, clears what others raised, and what has ended meanwhile", async () => {
  const before = tell(await telling(), [session(NOW), session(NOW + 1, { key: { TRAIN_ID: "V1" } })]);
  const stored = before.map(({ row }, i) => (
    { alert: String(row.ALERT_ID), json: String(row.ALERT), isActive: i === 0 }
  ));
  const events = await telling(stored);
  assertEquals(events.overdue.map(({ row }) => [row.EVENT, row.ALERT_ID]), [["CLEARED", stored[1]!.alert]]);
  assertEquals(told(tell(events, [session(NOW, { last: NOW + 10 }), closed(NOW)])), ["CLEARED"]);
});

Deno.test("an alert that its partition has closed is told as cleared once all partitions have passed its end, as it is then", async () => {
  const events = await telling();
  const end = NOW + 120_000;
  assertEquals(told(tellWaiting(events, [session(NOW), closed(NOW)])), ["RAISED"]);
  const asked: string[] = [];
  const upTo = (time: number) => (operator: string) => (asked.push(operator), time);
  assertEquals([events.hasPassed(upTo(end - 1)), events.passed(upTo(end - 1)), events.firstEnd], [false, [], end]);
  assertEquals(new Set(asked), new Set(["ATS_ALERTS/OVERCROWDING"]));
  // A record behind it makes it longer: nobody was told that it was over.
  const longer = { last: NOW + 60_000, end: end + 60_000, version: 2 };
  assertEquals(tellWaiting(events, [session(NOW, { ...longer, final: true })]), []);
  assertEquals([events.hasPassed(upTo(Infinity)), events.firstEnd], [false, undefined]);
  assertEquals(tellWaiting(events, [closed(NOW, longer)]), []);
  assertEquals([events.hasPassed(upTo(end)), events.hasPassed(upTo(end + 60_000))], [false, true]);
  const [cleared, ...others] = events.passed(upTo(end + 60_000));
  assertEquals([cleared!.row.EVENT, JSON.parse(String(cleared!.row.ALERT)).CLEARED_AT, others], [
    ...["CLEARED", new Date(end + 60_000).toISOString(), []],
  ]);
  assertEquals(events.firstEnd, undefined);
});

Deno.test("whoever takes over waits with what ended for the partitions that are behind, and tells it as its row is", async () => {
  await using warehouse = await openDuckDb({ path: ":memory:" });
  await warehouse.migrate([{ name: "freshet", text: freshetSql }, { name: "trains", text: domain.sql }]);
  const options = { domain, outputs, warehouse, eventNow: () => NOW, now: () => NOW };
  const read = () => AlertEvents.read({ ...options, alerts: { channels: ["webhook"], maxAgeMs: HOUR_MS } }, [2]);
  const over = closed(NOW, { last: NOW + 5, end: NOW + 120_005, values: { EVENT_COUNT: 4, PEAK_VALUE: 1300 } });
  await store(warehouse, tellWaiting(await read(), [session(NOW), over]), [over]);
  const events = await read();
  assertEquals([events.overdue, events.firstEnd], [[], NOW + 120_005]);
  const [cleared] = events.passed(() => NOW + 120_005);
  const { EVENT, ALERT } = cleared!.row;
  const { EVENT_COUNT, LAST_SEEN_AT, CLEARED_AT, KEY, TRAIN_ID } = JSON.parse(String(ALERT));
  assertEquals([EVENT, EVENT_COUNT, KEY, TRAIN_ID], ["CLEARED", 4, ["TRAIN_ID"], "C106"]);
  assertEquals([LAST_SEEN_AT, CLEARED_AT], ["2026-11-20T10:00:00.005Z", "2026-11-20T10:02:00.005Z"]);
});

Deno.test("an episode that has become part of another is cleared, if it was raised", async () => {
  const events = await telling();
  const removed = (id: number): SessionChange<unknown> => (
    { kind: "removed", key: { TRAIN_ID: "C106" }, partition: 2, id, start: id }
  );
  assertEquals(told(tell(events, [session(NOW + 100), removed(NOW + 100), session(NOW), removed(NOW + 7)])), [
    "RAISED",
    "CLEARED",
    "RAISED",
  ]);
});

Deno.test("an alert that was raised a second time is cleared as what it was raised as last", async () => {
  await using warehouse = await openDuckDb({ path: ":memory:" });
  await warehouse.migrate([{ name: "freshet", text: freshetSql }, { name: "trains", text: domain.sql }]);
  const options = { domain, outputs, warehouse, eventNow: () => NOW, now: () => NOW };
  const read = () => AlertEvents.read({ ...options, alerts: { channels: ["webhook"], maxAgeMs: HOUR_MS } }, [2]);
  const before = await read();
  // As text the first one is the greater: it was over when it was raised, and began later.
  const all = [
    ...tell(before, [closed(NOW, { start: NOW + 9, last: NOW + 9 })]),
    ...tell(before, [session(NOW, { version: 2, last: NOW + 9, final: true })]),
  ];
  assertEquals(told(all), ["RAISED", "CLEARED", "RAISED"]);
  await store(warehouse, all);
  // Nothing is active in the table: whoever takes over clears it.
  const { overdue } = await read();
  assertEquals(told(overdue), ["CLEARED"]);
  assertEquals(JSON.parse(String(overdue[0]!.row.ALERT)).VERSION, 2);
  assertEquals(new Set([...all, ...overdue].map(({ row }) => row.EVENT_ID)).size, 4);
});
