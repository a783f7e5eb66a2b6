import { assert, assertEquals } from "@std/assert";
import { RideEvent } from "../../src/domains/rides/mod.ts";
import { rideEvent, rides, type SimulatedRide } from "../../simulators/rides.ts";
import { crowdAt, ZONES } from "../../simulators/rides_city.ts";
import type { GenerateOptions, SimulatedRecord } from "../../simulators/simulator.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const THURSDAY = Date.parse("2026-11-19T00:00:00Z");

function between(start: number, end: number, options: Partial<GenerateOptions> = {}): SimulatedRecord[] {
  const records: SimulatedRecord[] = [];
  for (const record of rides.generate({ seed: 1, start, intervalMs: rides.intervalMs, ...options })) {
    if (record.timestamp >= end) return records;
    records.push(record);
  }
  return records;
}

const events = (records: readonly SimulatedRecord[]) =>
  records.map(({ value }) => JSON.parse(value as string) as SimulatedRide);

Deno.test("the same seed and start give the same rides, another seed others", () => {
  const hour = [THURSDAY + 8 * HOUR, THURSDAY + 8.2 * HOUR] as const;
  assertEquals(between(...hour), between(...hour));
  assert(JSON.stringify(between(...hour)) !== JSON.stringify(between(...hour, { seed: 2 })));
});

Deno.test("rides come in event-time order, keyed by their zone, and are ones that the domain accepts", () => {
  const records = between(THURSDAY + 8 * HOUR, THURSDAY + 9 * HOUR);
  records.slice(1).forEach((record, i) => assert(record.timestamp >= records[i]!.timestamp));
  for (const { key, timestamp, value } of records) {
    const event = RideEvent.parse(JSON.parse(value as string));
    assertEquals([event.zone, Date.parse(String(event.timestamp))], [key, timestamp]);
  }
  assertEquals(new Set(records.map(({ key }) => key)), new Set(ZONES.map(({ name }) => name)));
  assertEquals(new Set(events(records).map(({ ride_id }) => ride_id)).size, records.length);
});

Deno.test("a start in the middle goes on with the same world", () => {
  const whole = between(THURSDAY, THURSDAY + HOUR);
  for (const cut of [1, 777, 1_234_567]) {
    const rest = between(THURSDAY + cut, THURSDAY + HOUR);
    assertEquals(rest, whole.filter(({ timestamp }) => timestamp >= THURSDAY + cut));
  }
});

Deno.test("over a week there are about as many requests a minute as sources, at any interval", () => {
  for (const intervalMs of [rides.intervalMs, 4 * rides.intervalMs]) {
    const count = between(THURSDAY, THURSDAY + 168 * HOUR, { intervalMs }).length;
    const expected = rides.sources * 168 * HOUR / intervalMs;
    assert(Math.abs(count / expected - 1) < 0.05, `${count} of ${expected}`);
  }
});

Deno.test("more people ride in the rush hour than at night", () => {
  const load = (hour: number) => between(THURSDAY + hour * HOUR, THURSDAY + (hour + 1) * HOUR).length;
  const [night, morning, noon, evening] = [load(3), load(8), load(12), load(17)];
  assert(night * 3 < noon && noon < morning && noon < evening, `${night} ${morning} ${noon} ${evening}`);
});

Deno.test("where a crowd leaves, requests are several times the usual", () => {
  const crowd = crowdAt(1, THURSDAY + 13 * HOUR);
  const of = (start: number) => {
    const records = between(start, start + 30 * MINUTE);
    return records.filter(({ key }) => key === ZONES[crowd.zone]!.name).length;
  };
  const [before, during] = [of(crowd.start - 30 * MINUTE), of(crowd.start)];
  assert(during > 3 * before && before > 10, `${before} before, ${during} during`);
});

Deno.test("every kind of ride is there, fares follow the distance, and some are cancelled", () => {
  const all = events(between(THURSDAY + 8 * HOUR, THURSDAY + 9 * HOUR));
  const share = (test: (ride: SimulatedRide) => boolean) => all.filter(test).length / all.length;
  for (const [type, least] of [["standard", 0.55], ["shared", 0.14], ["xl", 0.08], ["premium", 0.05]] as const) {
    assert(share((ride) => ride.ride_type === type) > least, type);
  }
  const cancelled = share((ride) => ride.event_type === "ride_cancelled");
  assert(cancelled > 0.03 && cancelled < 0.08, `${cancelled} cancelled`);
  assert(all.every((ride) => ride.fare_estimate >= 1.5 && ride.passengers >= (ride.ride_type === "xl" ? 3 : 1)));
});

Deno.test("one event for a seed and a time: the same again, others for other seeds, all acceptable", () => {
  const now = THURSDAY + 8 * HOUR;
  assertEquals(rideEvent(5, now), rideEvent(5, now));
  const made = Array.from({ length: 50 }, (_, seed) => rideEvent(seed, now));
  for (const event of made) assertEquals(RideEvent.parse(event).timestamp, new Date(now).toISOString());
  assertEquals(new Set(made.map(({ ride_id }) => ride_id)).size, 50);
  assert(new Set(made.map(({ zone }) => zone)).size > 5);
});
