import { assert, assertEquals } from "@std/assert";
import { UserActivity } from "../../src/domains/circadian/activity.ts";
import { circadian } from "../../simulators/circadian.ts";
import type { GenerateOptions, SimulatedRecord } from "../../simulators/simulator.ts";
import { SPOILED_KINDS, spoiledValue } from "../../simulators/spoil.ts";

const DAY = 86_400_000;
const MONDAY = Date.parse("2026-03-23T00:00:00Z");

function between(start: number, end: number, options: Partial<GenerateOptions> = {}): SimulatedRecord[] {
  const records: SimulatedRecord[] = [];
  for (const record of circadian.generate({ seed: 1, start, intervalMs: circadian.intervalMs, ...options })) {
    if (record.timestamp >= end) return records;
    records.push(record);
  }
  return records;
}

const events = (records: readonly SimulatedRecord[]) =>
  records.map(({ value }) => UserActivity.parse(JSON.parse(value as string)));

Deno.test("the same seed and start give the same records, another seed others", () => {
  const day = [MONDAY, MONDAY + DAY] as const;
  assertEquals(between(...day), between(...day));
  assert(JSON.stringify(between(...day)) !== JSON.stringify(between(...day, { seed: 2 })));
});

Deno.test("records come in event-time order, one for each person and quarter of an hour, and the domain accepts them", () => {
  const records = between(MONDAY, MONDAY + DAY);
  assertEquals(records.length, circadian.sources * 96);
  records.slice(1).forEach((record, i) => assert(record.timestamp >= records[i]!.timestamp));
  events(records).forEach((event, i) => {
    assertEquals([event.user_id, Date.parse(String(event.timestamp))], [records[i]!.key, records[i]!.timestamp]);
  });
});

Deno.test("a start in the middle goes on with the same world", () => {
  const whole = between(MONDAY, MONDAY + DAY);
  for (const cut of [1, 777, 40_000_000]) {
    assertEquals(between(MONDAY + cut, MONDAY + DAY), whole.filter(({ timestamp }) => timestamp >= MONDAY + cut));
  }
});

Deno.test("people sleep once a night, eat three times a day, and see most light by day, on their own clocks", () => {
  const fortnight = events(between(MONDAY, MONDAY + 14 * DAY));
  const of = (kind: string) => fortnight.filter(({ activity_type }) => activity_type === kind);
  const personDays = circadian.sources * 14;
  const nights = of("sleep").filter((event) => event.duration_minutes! > 180);
  const perDay = (count: number, expected: number) => assert(Math.abs(count / personDays - expected) < 0.15 * expected);
  perDay(nights.length, 1);
  perDay(of("meal").length, 3);
  const hours = nights.reduce((sum, event) => sum + event.duration_minutes! / 60, 0) / nights.length;
  assert(hours > 6.5 && hours < 8.5, `${hours} hours`);
  const hourOf = (event: UserActivity) =>
    Temporal.Instant.from(String(event.timestamp)).toZonedDateTimeISO(event.time_zone).hour;
  const mean = (from: number, to: number) => {
    const seen = of("light").filter((event) => hourOf(event) >= from && hourOf(event) < to);
    return seen.reduce((sum, event) => sum + ("lux" in event ? event.lux : 0), 0) / seen.length;
  };
  assert(mean(1, 4) < 10 && mean(11, 15) > 200 && mean(20, 22) < 150, `${mean(1, 4)} ${mean(11, 15)} ${mean(20, 22)}`);
});

Deno.test("some people travel, and are in one zone at a time", () => {
  const zones = Map.groupBy(events(between(MONDAY, MONDAY + 28 * DAY)), ({ user_id }) => user_id);
  const changes = [...zones.values()].map((of) =>
    of.slice(1).filter((event, i) => event.time_zone !== of[i]!.time_zone).length
  );
  assert(
    changes.some((count) => count > 0) && changes.some((count) => count === 0) && changes.every((count) => count <= 4),
  );
});

Deno.test("a spoiled record of any kind is one that the domain refuses, but for those whose time alone is wrong", () => {
  const good = between(MONDAY, MONDAY + DAY);
  for (const kind of ["infinite_number", "missing_field", "mistyped_field", "negative_amount"] as const) {
    assert(SPOILED_KINDS.includes(kind));
    for (const record of good) {
      const value = spoiledValue(record, kind, { fields: circadian.fields, now: MONDAY }) as string;
      assert(!UserActivity.safeParse(JSON.parse(value)).success, `${kind}: ${value}`);
    }
  }
});
