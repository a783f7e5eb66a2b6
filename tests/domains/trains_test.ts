// The trains domain: what old producers send is taken, and a few events make the rows of every table.

import { assert, assertEquals } from "@std/assert";
import { TrainTelemetry } from "../../src/domains/trains/mod.ts";
import { TELEMETRY, trainsDomain } from "../support/simulation/trains.ts";
import { World } from "../support/simulation/world.ts";

const accepted: readonly (readonly [string, Record<string, unknown>])[] = [
  ["Python's isoformat without a zone", { timestamp: "2027-01-15T11:59:00.123456" }],
  ["Python's isoformat without microseconds", { timestamp: "2027-01-15T11:59:00" }],
  ["Python's str of a datetime", { timestamp: "2027-01-15 11:59:00.123456+00:00" }],
  ["epoch milliseconds", { timestamp: 1_800_014_340_000 }],
  ["null for what need not be there", {
    line: null,
    capacity: null,
    next_stop: null,
    is_overcrowded: null,
    is_high_power_draw: null,
  }],
  ["fields that nobody knows", { driver: "x", doors: { open: 3 } }],
  ["no flags at all", { is_overcrowded: undefined, is_high_power_draw: undefined }],
  ["braking that feeds back, and an empty train", { power_draw_kw: -400.5, passenger_count: 0, speed_kmh: 0 }],
];

for (const [name, changes] of accepted) {
  Deno.test(`telemetry with ${name} is taken, and has an event time`, () => {
    const parsed = TrainTelemetry.safeParse(JSON.parse(JSON.stringify({ ...TELEMETRY, ...changes })));
    assert(parsed.success, parsed.error?.message);
    assertEquals(Math.floor(trainsDomain().eventTime(parsed.data) / 60_000), Date.UTC(2027, 0, 15, 11, 59) / 60_000);
  });
}

type Row = Readonly<Record<string, unknown>>;
const at = (clock: string) => Date.parse(`2027-01-15T${clock}Z`);
const said = (rows: readonly Row[], columns: readonly string[]) => rows.map((row) => columns.map((name) => row[name]));

/** Runs the events, each of a time and what differs, through the domain. */
async function run(
  events: readonly (readonly [clock: string, changes?: Row])[],
  settings: Readonly<Record<string, string>> = {},
): Promise<World> {
  const world = new World(trainsDomain(settings));
  for (const [clock, changes] of events) world.produce({ ...TELEMETRY, timestamp: `2027-01-15T${clock}`, ...changes });
  await world.catchUp();
  return world;
}

Deno.test("every event is a raw row as it came and a typed row with its position", async () => {
  const { warehouse } = await run([["09:00:00"], ["09:00:30.5", {
    line: "M1",
    capacity: 800,
    train_id: "T2",
    extra: 1,
  }]]);
  const contents = warehouse.rows("ATS_RAW_JSON").map((row) => JSON.parse(String(row.RECORD_CONTENT)));
  assertEquals(contents.map(({ train_id, extra }) => [train_id, extra]), [["T1", undefined], ["T2", 1]]);
  assertEquals<unknown>(warehouse.rows("ATS_TRANSFORMED")[1], {
    TIMESTAMP: at("09:00:30.5"),
    TRAIN_ID: "T2",
    LINE: "M1",
    PASSENGER_COUNT: 300,
    CAPACITY: 800,
    TOTAL_WEIGHT_TONS: 220.5,
    POWER_DRAW_KW: 800.25,
    SPEED_KMH: 60,
    LATITUDE: 48.85,
    LONGITUDE: 2.35,
    IS_OVERCROWDED: false,
    IS_HIGH_POWER_DRAW: false,
    KAFKA_PARTITION: 0,
    KAFKA_OFFSET: 1,
  });
});

Deno.test("the latest status of a train is its newest event by event time, not by arrival", async () => {
  const { warehouse } = await run([
    ["09:00:00", { speed_kmh: 1 }],
    ["09:01:00", { speed_kmh: 2 }],
    ["09:00:30", { speed_kmh: 3 }],
    ["09:00:30", { speed_kmh: 4, train_id: "T2" }],
  ]);
  const rows = said(warehouse.rows("ATS_LATEST_STATUS"), ["TRAIN_ID", "TIMESTAMP", "SPEED_KMH", "KAFKA_OFFSET"]);
  assertEquals(rows, [["T1", at("09:01:00"), 2, 1], ["T2", at("09:00:30"), 4, 3]]);
});

Deno.test("hourly statistics hold the sums, peaks and counts of each train and hour", async () => {
  const { warehouse } = await run([
    ["09:00:00", { passenger_count: 100, power_draw_kw: 0.1, speed_kmh: 10 }],
    ["09:59:59.999999", { passenger_count: 1200, power_draw_kw: 0.2, speed_kmh: 20 }],
    ["10:00:00", { passenger_count: 5, power_draw_kw: 2700 }],
    ["11:00:30"],
  ]);
  const rows = said(warehouse.rows("ATS_HOURLY_STATS_PARTS"), [
    "TRAIN_ID",
    "WINDOW_START",
    "EVENT_COUNT",
    "SUM_PASSENGER_COUNT",
    "MAX_PASSENGER_COUNT",
    "SUM_POWER_DRAW_KW",
    "SUM_SPEED_KMH",
    "OVERCROWDED_COUNT",
    "HIGH_POWER_DRAW_COUNT",
    "IS_FINAL",
  ]);
  // Of 0.3 the sum holds what is a whole number of 2^-21; the rest has a column of its own.
  const power = Math.round(0.3 * 2 ** 21) / 2 ** 21;
  const parts = warehouse.rows("ATS_HOURLY_STATS_PARTS").toSorted((a, b) =>
    Number(a.WINDOW_START) - Number(b.WINDOW_START)
  );
  const low = parts.map((row) => Number(row.SUM_POWER_DRAW_KW_LOW));
  assertEquals([power + low[0]!, low[1], low[2]], [0.1 + 0.2, 0, 0]);
  assertEquals(rows.toSorted((a, b) => Number(a[1]) - Number(b[1])), [
    ["T1", at("09:00:00"), 2, 1300, 1200, power, 30, 1, 0, true],
    ["T1", at("10:00:00"), 1, 5, 5, 2700, 60, 0, 1, true],
    ["T1", at("11:00:00"), 1, 300, 300, 800.25, 60, 0, 0, false],
  ]);
});

const ALERT = [
  "ALERT_ID",
  "STATUS",
  "STARTED_AT",
  "LAST_SEEN_AT",
  "CLEARED_AT",
  "EVENT_COUNT",
  "PEAK_VALUE",
  "THRESHOLD",
  "LINE",
];

Deno.test("an alert is one episode of flagged events, whatever the order in which they come", async () => {
  const { warehouse } = await run([
    ["09:00:10", { passenger_count: 1100, line: "M1" }],
    ["09:00:00", { is_overcrowded: true, passenger_count: 900, line: "M1" }],
    ["09:01:50", { passenger_count: 1300, line: "M2" }],
    ["09:02:00", { passenger_count: 200 }],
    ["09:03:50", { passenger_count: 1150, line: "M1" }],
    ["09:05:20", { passenger_count: 200, train_id: "T2" }],
  ]);
  assertEquals(said(warehouse.rows("ATS_ALERTS"), ALERT), [
    [
      "OVERCROWDING/T1/0/2027-01-15T09:00:10.000Z",
      "CLEARED",
      at("09:00:00"),
      at("09:01:50"),
      at("09:03:50"),
      3,
      1300,
      1100,
      "M2",
    ],
    [
      "OVERCROWDING/T1/0/2027-01-15T09:03:50.000Z",
      "ACTIVE",
      at("09:03:50"),
      at("09:03:50"),
      null,
      1,
      1150,
      1100,
      "M1",
    ],
  ]);
});

Deno.test("one event can raise both kinds of alert, and the settings move thresholds and gap", async () => {
  const { warehouse } = await run(
    [["09:00:00", { passenger_count: 301, power_draw_kw: 801 }], ["09:00:10", { passenger_count: 302 }], ["09:01:00"]],
    { ATS_OVERCROWDING_PASSENGERS: "301", ATS_HIGH_POWER_KW: "801", ATS_ALERT_GAP_SECONDS: "10" },
  );
  const rows = said(warehouse.rows("ATS_ALERTS"), ["ALERT_TYPE", "STATUS", "STARTED_AT", "CLEARED_AT", "THRESHOLD"]);
  assertEquals(rows.toSorted(), [
    ["HIGH_POWER_DRAW", "CLEARED", at("09:00:00"), at("09:00:10"), 801],
    ["OVERCROWDING", "CLEARED", at("09:00:00"), at("09:00:10"), 301],
    ["OVERCROWDING", "CLEARED", at("09:00:10"), at("09:00:20"), 301],
  ]);
});

Deno.test("an event after two hours and a half corrects its hour, and one after four is a late record", async () => {
  const { warehouse } = await run([
    ["06:10:00"],
    ["08:30:00", { train_id: "T2" }],
    ["06:20:00"],
    ["10:00:00", { train_id: "T2" }],
    ["06:30:00"],
  ]);
  const hour = warehouse.rows("ATS_HOURLY_STATS_PARTS").filter((row) => row.WINDOW_START === at("06:00:00"));
  assertEquals(said(hour, ["EVENT_COUNT", "IS_FINAL", "VERSION"]), [[2, true, 2]]);
  const late = said(warehouse.rows("LATE_RECORDS"), ["OPERATOR", "KAFKA_OFFSET", "WATERMARK"]);
  assertEquals(late, [["ATS_HOURLY_STATS_PARTS", 4, at("09:59:30")]]);
  assertEquals(warehouse.rows("ATS_RAW_JSON").length, 5);
});
