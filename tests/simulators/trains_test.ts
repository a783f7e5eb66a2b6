import { assert, assertEquals } from "@std/assert";
import { TrainTelemetry } from "../../src/domains/trains/mod.ts";
import { demandAt, type TrainReport, trains } from "../../simulators/trains.ts";
import { LINES } from "../../simulators/trains_network.ts";
import type { GenerateOptions, SimulatedRecord } from "../../simulators/simulator.ts";

const HOUR = 3_600_000;
const THURSDAY = Date.parse("2026-11-19T00:00:00Z");
const SATURDAY = Date.parse("2026-11-21T00:00:00Z");

function between(start: number, end: number, options: Partial<GenerateOptions> = {}): SimulatedRecord[] {
  const records: SimulatedRecord[] = [];
  for (const record of trains.generate({ seed: 1, start, intervalMs: trains.intervalMs, ...options })) {
    if (record.timestamp >= end) return records;
    records.push(record);
  }
  return records;
}

const reports = (records: readonly SimulatedRecord[]) =>
  records.map(({ value }) => JSON.parse(value as string) as TrainReport);
const reportsBetween = (start: number, end: number, options?: Partial<GenerateOptions>) =>
  reports(between(start, end, options));
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

Deno.test("the same seed and start give the same records, another seed others", () => {
  const hour = [THURSDAY + 8 * HOUR, THURSDAY + 8.2 * HOUR] as const;
  assertEquals(between(...hour), between(...hour));
  assert(JSON.stringify(between(...hour)) !== JSON.stringify(between(...hour, { seed: 2 })));
});

Deno.test("records come in event-time order, one for each train and 30 seconds, timestamp and key as in the value", () => {
  const records = between(THURSDAY + 8 * HOUR, THURSDAY + 9 * HOUR);
  assertEquals(records.length, trains.sources * 120);
  records.slice(1).forEach((record, i) => assert(record.timestamp >= records[i]!.timestamp));
  const lastOf = new Map<string, number>();
  for (const { key, timestamp, value } of records) {
    const report = JSON.parse(value as string) as TrainReport;
    assertEquals(report.train_id, key);
    assertEquals(Date.parse(report.timestamp), timestamp);
    if (lastOf.has(key)) assertEquals(timestamp - lastOf.get(key)!, 30_000);
    lastOf.set(key, timestamp);
  }
  assertEquals(lastOf.size, trains.sources);
});

Deno.test("a start in the middle goes on with the same world", () => {
  const whole = between(THURSDAY, THURSDAY + HOUR);
  for (const cut of [1, 777, 1234_567, 30_000]) {
    const rest = between(THURSDAY + cut, THURSDAY + HOUR);
    assertEquals(rest, whole.filter(({ timestamp }) => timestamp >= THURSDAY + cut));
  }
});

Deno.test("every record is one that the domain accepts", () => {
  for (const report of reportsBetween(THURSDAY + 7 * HOUR, THURSDAY + 7.5 * HOUR)) TrainTelemetry.parse(report);
});

Deno.test("in the rush hour a minority of trains is overcrowded or draws high power, at night none", () => {
  for (const [from, to] of [[7.5, 8.5], [16.75, 18]] as const) {
    const rush = reportsBetween(THURSDAY + from * HOUR, THURSDAY + to * HOUR);
    const crowded = rush.filter((report) => report.is_overcrowded).length / rush.length;
    const powerful = rush.filter((report) => report.is_high_power_draw).length / rush.length;
    assert(crowded > 0.005 && crowded < 0.25, `${crowded} overcrowded at ${from}`);
    assert(powerful > 0.02 && powerful < 0.25, `${powerful} at high power at ${from}`);
  }
  const night = reportsBetween(THURSDAY, THURSDAY + 4 * HOUR);
  assertEquals(night.filter((report) => report.is_overcrowded || report.is_high_power_draw), []);
});

Deno.test("flags go by the configured thresholds", () => {
  const settings = { ATS_OVERCROWDING_PASSENGERS: 300, ATS_HIGH_POWER_KW: 1000 };
  const flagged = reportsBetween(THURSDAY + 8 * HOUR, THURSDAY + 8.2 * HOUR, { settings });
  for (const report of flagged) {
    assertEquals(report.is_overcrowded, report.passenger_count >= 300);
    assertEquals(report.is_high_power_draw, report.power_draw_kw >= 1000);
  }
  assert(flagged.some((report) => report.is_overcrowded) && flagged.some((report) => !report.is_overcrowded));
});

Deno.test("passengers follow the hour and the weekday", () => {
  const load = (start: number) => mean(reportsBetween(start, start + HOUR).map((report) => report.passenger_count));
  const [night, rush, noon] = [load(THURSDAY + 2 * HOUR), load(THURSDAY + 7.5 * HOUR), load(THURSDAY + 12 * HOUR)];
  assert(night < 40 && night < noon / 5 && noon < rush / 2, `${night} ${noon} ${rush}`);
  assert(load(SATURDAY + 7.5 * HOUR) < rush / 2);
  assert(demandAt(THURSDAY + 8 * HOUR, "inbound") > demandAt(THURSDAY + 8 * HOUR, "outbound"));
  assert(demandAt(THURSDAY + 17.5 * HOUR, "outbound") > demandAt(THURSDAY + 17.5 * HOUR, "inbound"));
});

Deno.test("trains move along their line, stop at stations, and feed power back while braking", () => {
  const seen = reportsBetween(THURSDAY + 10 * HOUR, THURSDAY + 12 * HOUR);
  const speeds = seen.map((report) => report.speed_kmh);
  assert(Math.max(...speeds) <= 80.1 && Math.min(...speeds) === 0);
  assert(seen.some((report) => report.power_draw_kw < 0));
  for (const report of seen) {
    const line = LINES.find(({ name }) => name === report.line)!;
    const latitudes = line.stations.map((station) => station.latitude);
    assert(report.latitude >= Math.min(...latitudes) - 1e-5 && report.latitude <= Math.max(...latitudes) + 1e-5);
    assert(line.stations.some((station) => station.name === report.next_stop));
  }
});

Deno.test("between two reports a train is never faster than it says it can be", () => {
  const metres = (a: TrainReport, b: TrainReport) =>
    Math.hypot(
      (b.latitude - a.latitude) * 111_320,
      (b.longitude - a.longitude) * 111_320 * Math.cos(a.latitude * Math.PI / 180),
    );
  const previous = new Map<string, TrainReport>();
  for (const report of reportsBetween(THURSDAY + 9 * HOUR, THURSDAY + 10 * HOUR)) {
    const before = previous.get(report.train_id);
    if (before) assert(metres(before, report) < 22.3 * 30 + 5, `${report.train_id} at ${report.timestamp}`);
    previous.set(report.train_id, report);
  }
});
