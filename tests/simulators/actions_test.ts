import { assert, assertEquals } from "@std/assert";
import { UserAction } from "../../src/domains/actions/mod.ts";
import { type ActionReport, actions } from "../../simulators/actions.ts";
import type { SimulatedRecord } from "../../simulators/simulator.ts";

const START = Date.parse("2026-11-19T08:00:00Z");
const HOUR = 3_600_000;

function between(start: number, end: number, seed = 1): SimulatedRecord[] {
  const records: SimulatedRecord[] = [];
  for (const record of actions.generate({ seed, start, intervalMs: actions.intervalMs })) {
    if (record.timestamp >= end) return records;
    records.push(record);
  }
  return records;
}

const reports = (records: readonly SimulatedRecord[]) =>
  records.map(({ value }) => JSON.parse(value as string) as ActionReport);

Deno.test("the same seed and start give the same actions, another seed others, a start in the middle goes on", () => {
  const whole = between(START, START + HOUR / 4);
  assertEquals(between(START, START + HOUR / 4), whole);
  assert(JSON.stringify(between(START, START + HOUR / 4, 2)) !== JSON.stringify(whole));
  for (const cut of [1, 12_345]) {
    assertEquals(between(START + cut, START + HOUR / 4), whole.filter(({ timestamp }) => timestamp >= START + cut));
  }
});

Deno.test("actions come in event-time order, keyed by user, and are what the domain accepts", () => {
  const records = between(START, START + HOUR / 4);
  assertEquals(records.length, actions.sources * 45);
  records.slice(1).forEach((record, i) => assert(record.timestamp >= records[i]!.timestamp));
  for (const { key, value, timestamp } of records) {
    const action = UserAction.parse(JSON.parse(value as string));
    assertEquals([action.user_id, Date.parse(String(action.timestamp))], [key, timestamp]);
  }
});

Deno.test("a visit is one user's, begins on a landing page, and a minority ends with a purchase", () => {
  const visits = Map.groupBy(reports(between(START, START + 4 * HOUR)), (report) => report.session_id);
  const whole = [...visits.values()].slice(100, -100);
  const bought = whole.filter((visit) => visit.at(-1)!.action === "purchase").length / whole.length;
  assert(bought > 0.15 && bought < 0.35, `${bought}`);
  for (const visit of whole) {
    assertEquals(new Set(visit.map(({ user_id }) => user_id)).size, 1);
    assertEquals(visit[0]!.action, "page_view");
    assert(visit.length >= 4 && visit.length <= 36, `${visit.length}`);
  }
});

Deno.test("by day and week: quiet nights, busy evenings, as many visitors in the mean, each visit whole", () => {
  const monday = Date.parse("2026-11-16T00:00:00Z");
  const { sources, intervalMs } = actions;
  const counts = new Map<number, number>();
  const kept: SimulatedRecord[] = [];
  for (const record of actions.generate({ seed: 1, start: monday, intervalMs, natural: true })) {
    const hour = Math.floor((record.timestamp - monday) / HOUR);
    if (hour >= 7 * 24) break;
    counts.set(hour, (counts.get(hour) ?? 0) + 1);
    if (hour >= 20 && hour < 24) kept.push(record);
  }
  const mean = [...counts.values()].reduce((sum, count) => sum + count, 0) / (7 * 24);
  assert(Math.abs(mean / (sources * HOUR / intervalMs) - 1) < 0.05, `${mean} an hour`);
  assert(counts.get(3)! * 6 < counts.get(20)!, "night and evening");
  const visits = Map.groupBy(reports(kept), (report) => report.session_id);
  const whole = [...visits.values()].slice(100, -100);
  for (const visit of whole) assert(visit.length >= 4 && visit.length <= 36, `${visit.length}`);
});

Deno.test("by day and week, too, a start in the middle goes on", () => {
  const from = (start: number) =>
    actions.generate({ seed: 1, start, intervalMs: actions.intervalMs, natural: true }).take(3000).toArray();
  const whole = from(START);
  for (const cut of [1, 12_345]) {
    const rest = whole.filter(({ timestamp }) => timestamp >= START + cut);
    assertEquals(from(START + cut).slice(0, rest.length), rest);
  }
});
