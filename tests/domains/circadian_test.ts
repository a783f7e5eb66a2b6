// The circadian domain: which events are taken, and what a few of them make of a user's local days.

import { assert, assertEquals } from "@std/assert";
import { timeOf, UserActivity } from "../../src/domains/circadian/activity.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { append, loose, SYSTEM } from "../contracts/warehouse/suite.ts";
import { domainOf } from "../support/domains.ts";
import { World } from "../support/simulation/world.ts";

type Row = Readonly<Record<string, unknown>>;
type Event = Readonly<Record<string, unknown>>;

const at = (text: string) => Date.parse(text);
const user = { user_id: "ana", time_zone: "Europe/Paris" };
const sleep = (timestamp: string, hours: number, more: Event = {}): Event => (
  { ...user, activity_type: "sleep", timestamp, duration_minutes: hours * 60, ...more }
);
const meal = (timestamp: string, more: Event = {}): Event => ({ ...user, activity_type: "meal", timestamp, ...more });
const light = (timestamp: string, lux: number, minutes: number): Event => (
  { ...user, activity_type: "light", timestamp, lux, duration_minutes: minutes }
);

const noon = "2026-01-15T12:00:00Z";

const accepted: readonly (readonly [string, Event, time: string])[] = [
  ["a sleep by its length", sleep(noon, 8), noon],
  ["a sleep by its two ends, whose waking is its time", {
    ...user,
    activity_type: "sleep",
    timestamp: noon,
    sleep_start: "2026-01-14T22:30:00Z",
    sleep_end: "2026-01-15T06:30:00Z",
  }, "2026-01-15T06:30:00Z"],
  ["a meal, nothing more", meal(noon), noon],
  ["a meal with null for what need not be there", meal(noon, { meal_type: null, calories: null }), noon],
  ["light", light(noon, 250.5, 15), noon],
  ["a zone in another case", meal(noon, { time_zone: "europe/paris" }), noon],
  ["fields that nobody knows", meal(noon, { wine: { glasses: 2 } }), noon],
  ["an offset for a zone", meal(noon, { time_zone: "+02:00" }), noon],
  ["a time that says no offset, which the user's clock showed", meal("2026-01-15T13:00:00"), noon],
  ["the same where the zone is an offset", meal("2026-01-15T06:30:00.000", { time_zone: "-05:30" }), noon],
  ["a time without an offset in an hour that comes twice", meal("2026-10-25 02:30"), "2026-10-25T01:30:00Z"],
  ["a time without an offset in an hour that is passed over", meal("2026-03-29T02:30:00"), "2026-03-29T01:30:00Z"],
  ["a sleep by two ends on the user's clock", {
    ...user,
    activity_type: "sleep",
    timestamp: noon,
    sleep_start: "2026-01-14T23:30:00",
    sleep_end: "2026-01-15T07:30:00",
  }, "2026-01-15T06:30:00Z"],
];

for (const [name, event, time] of accepted) {
  Deno.test(`an event is taken: ${name}`, () => {
    const parsed = UserActivity.safeParse(event);
    assert(parsed.success, parsed.error?.message);
    assertEquals(timeOf(parsed.data), at(time));
  });
}

const refused: readonly (readonly [string, Event, field: string])[] = [
  ["an activity that nobody knows", { ...user, activity_type: "swim", timestamp: noon }, "activity_type"],
  ["an event that does not say what it is", { ...user, timestamp: noon }, "activity_type"],
  ["a zone that does not exist", meal(noon, { time_zone: "Mars/Olympus" }), "time_zone"],
  ["an offset that no clock has", meal(noon, { time_zone: "+25:00" }), "time_zone"],
  ["a time for a zone", meal(noon, { time_zone: "2026-01-15T12:00Z" }), "time_zone"],
  ["no zone", meal(noon, { time_zone: undefined }), "time_zone"],
  ["no user", meal(noon, { user_id: "" }), "user_id"],
  ["a sleep without a length", { ...user, activity_type: "sleep", timestamp: noon }, "duration_minutes"],
  ["a sleep with one end", sleep(noon, NaN, { duration_minutes: null, sleep_end: noon }), "duration_minutes"],
  ["a sleep of more than a day", sleep(noon, 24.1), "duration_minutes"],
  ["a sleep that ends before it begins", {
    ...sleep(noon, 1),
    sleep_start: noon,
    sleep_end: "2026-01-15T11:00:00Z",
  }, "duration_minutes"],
  ["a negative length", light(noon, 1, -1), "duration_minutes"],
  ["light that no sky gives", light(noon, 1e6, 1), "lux"],
];

for (const [name, event, field] of refused) {
  Deno.test(`an event is refused: ${name}`, () => {
    const parsed = UserActivity.safeParse(event);
    assertEquals(parsed.error?.issues.map(({ path }) => path.join(".")), [field]);
  });
}

async function run(events: readonly Event[]): Promise<World> {
  const world = new World(domainOf("circadian"));
  for (const event of events) world.produce(event);
  await world.catchUp();
  return world;
}

const said = (rows: readonly Row[], columns: readonly string[]) => rows.map((row) => columns.map((name) => row[name]));
const days = ({ warehouse }: World, columns: readonly string[]) =>
  said(warehouse.rows("CIRCADIAN_DAILY_PARTS"), columns);

Deno.test("an event is one raw row, as it came and with typed columns", async () => {
  const { warehouse } = await run([meal(noon, { time_zone: "europe/paris", extra: 1 })]);
  const [row] = warehouse.rows("USER_ACTIVITY");
  assertEquals(said([row!], ["USER_ID", "ACTIVITY_TYPE", "TIMESTAMP", "TIME_ZONE"]), [
    ["ana", "meal", at(noon), "Europe/Paris"],
  ]);
  assertEquals(JSON.parse(String(row!.RECORD_CONTENT)).extra, 1);
  assertEquals(JSON.parse(String(row!.RECORD_METADATA)).offset, 0);
});

Deno.test("a local day sums up sleep, meals and light, and says the middle of the longest sleep", async () => {
  const world = await run([
    sleep("2026-01-15T06:00:00Z", 7),
    light("2026-01-15T07:15:00Z", 1000, 15),
    meal("2026-01-15T07:30:00Z"),
    light("2026-01-15T12:00:00Z", 400, 30),
    sleep("2026-01-15T14:30:00Z", 0.5),
    meal("2026-01-15T19:00:00Z"),
  ]);
  const columns = ["LOCAL_DATE", "SLEEP_COUNT", "SLEEP_HOURS", "MAIN_SLEEP_HOURS", "SLEEP_MIDPOINT", "MEAL_COUNT"];
  assertEquals(days(world, columns), [["2026-01-15", 2, 7.5, 7, 3.5, 2]]);
  assertEquals(days(world, ["FIRST_MEAL_AT", "LAST_MEAL_AT", "LIGHT_LUX_HOURS"]), [
    [at("2026-01-15T07:30:00Z"), at("2026-01-15T19:00:00Z"), 450],
  ]);
});

Deno.test("sleep across midnight belongs to the day of waking, with a middle before midnight below zero", async () => {
  const world = await run([sleep("2026-01-15T02:00:00Z", 7), sleep("2026-01-15T22:59:59Z", 0.5)]);
  assertEquals(days(world, ["LOCAL_DATE", "SLEEP_HOURS", "SLEEP_MIDPOINT"]), [["2026-01-15", 7.5, -0.5]]);
});

Deno.test("days have 23 and 25 hours where clocks change, and the middle of sleep goes by the clock", async () => {
  const world = await run([
    // Clocks go from 02:00 to 03:00; to bed at 23:00, up at 07:00.
    sleep("2026-03-29T05:00:00Z", 7),
    // And from 03:00 back to 02:00; to bed at 23:00, up at 07:00.
    sleep("2026-10-25T06:00:00Z", 9),
  ]);
  const columns = ["LOCAL_DATE", "WINDOW_START", "WINDOW_END", "SLEEP_MIDPOINT"];
  assertEquals(days(world, columns), [
    ["2026-03-29", at("2026-03-28T23:00:00Z"), at("2026-03-29T22:00:00Z"), 3.5],
    ["2026-10-25", at("2026-10-24T22:00:00Z"), at("2026-10-25T23:00:00Z"), 2.5],
  ]);
});

Deno.test("who travels has a row for each zone of the day, in that zone's days", async () => {
  const newYork = { time_zone: "America/New_York" };
  const world = await run([
    meal("2026-05-10T08:00:00Z"),
    meal("2026-05-11T02:00:00Z", newYork),
    meal("2026-05-11T12:00:00Z", newYork),
  ]);
  assertEquals(days(world, ["LOCAL_DATE", "TIME_ZONE", "MEAL_COUNT"]).toSorted(), [
    ["2026-05-10", "America/New_York", 1],
    ["2026-05-10", "Europe/Paris", 1],
    ["2026-05-11", "America/New_York", 1],
  ]);
});

Deno.test("days are those of the clock where the zone is an offset, or a time says none", async () => {
  const india = { time_zone: "+05:30" };
  const world = await run([
    meal("2026-05-10T18:29:00Z", india),
    meal("2026-05-11T00:01:00", india),
    meal("2026-05-11T18:30:00Z", india),
  ]);
  const columns = ["LOCAL_DATE", "WINDOW_START", "FIRST_MEAL_AT"];
  assertEquals(days(world, columns), [
    ["2026-05-10", at("2026-05-09T18:30:00Z"), at("2026-05-10T18:29:00Z")],
    ["2026-05-11", at("2026-05-10T18:30:00Z"), at("2026-05-10T18:31:00Z")],
    ["2026-05-12", at("2026-05-11T18:30:00Z"), at("2026-05-11T18:30:00Z")],
  ]);
});

Deno.test("an event after a day and a half corrects its day, and one after four days is a late record", async () => {
  const world = await run([
    meal("2026-01-10T12:00:00Z"),
    meal("2026-01-12T12:00:00Z", { user_id: "bo" }),
    meal("2026-01-10T18:00:00Z"),
    meal("2026-01-14T12:00:00Z", { user_id: "bo" }),
    meal("2026-01-10T19:00:00Z"),
  ]);
  const [first] = world.warehouse.rows("CIRCADIAN_DAILY_PARTS").filter(({ USER_ID }) => USER_ID === "ana");
  assertEquals(said([first!], ["MEAL_COUNT", "IS_FINAL", "VERSION"]), [[2, true, 2]]);
  const late = said(world.warehouse.rows("LATE_RECORDS"), ["OPERATOR", "KAFKA_OFFSET"]);
  assertEquals(late, [["CIRCADIAN_DAILY_PARTS", 4]]);
});

Deno.test("a recommendation follows the user's sleep, whatever the order in which it is told, and only sleep", async () => {
  const nights = [10, 11, 12].map((day) => sleep(`2026-01-${day}T06:00:00Z`, 8));
  const orders = [nights, [nights[2]!, nights[0]!, nights[1]!, nights[0]!]];
  const recommendations = await Promise.all(orders.map(async (events) => {
    const { warehouse } = await run([...events, meal("2026-01-12T12:00:00Z"), meal(noon, { user_id: "bo" })]);
    return said(warehouse.rows("RECOMMENDATIONS_PARTS"), ["USER_ID", "LAST_SLEEP_AT", "RECOMMENDATION"]);
  }));
  assertEquals(recommendations[0], recommendations[1]);
  const [[userId, lastSleepAt, text]] = recommendations[0] as [[string, number, string]];
  assertEquals([userId, lastSleepAt], ["ana", at("2026-01-12T06:00:00Z")]);
  const { nights: counted, sleep: habit, cbt_min, as_of } = JSON.parse(text);
  assertEquals([counted, habit, cbt_min, as_of], [
    3,
    { from: "23:00", to: "07:00" },
    "04:00",
    "2026-01-12T06:00:00.000Z",
  ]);
});

/** Rows of CIRCADIAN_DAILY over the given parts, in DuckDB. */
async function viewOf(parts: readonly Row[], columns: string): Promise<readonly (readonly unknown[])[]> {
  const dir = await Deno.makeTempDir();
  try {
    await using warehouse = await openDuckDb({ path: `${dir}/test.duckdb` });
    await warehouse.migrate([SYSTEM, { name: "circadian", text: domainOf("circadian").sql }]);
    {
      await using writer = await warehouse.writer("circadian");
      await writer.commit(
        loose({ appends: [append("CIRCADIAN_DAILY_PARTS", { rows: parts, partition: 0, offset: 0 })] }),
      );
    }
    return (await warehouse.query(`SELECT ${columns} FROM CIRCADIAN_DAILY ORDER BY LOCAL_DATE`)).rows;
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

function part(day: number, midpoint: number | null, more: Row = {}): Row {
  const start = Date.UTC(2026, 0, day);
  return {
    KAFKA_PARTITION: 0,
    USER_ID: "ana",
    TIME_ZONE: "UTC",
    LOCAL_DATE: new Date(start).toISOString().slice(0, 10),
    WINDOW_START: start,
    WINDOW_END: start + 86_400_000,
    SLEEP_COUNT: midpoint === null ? 0 : 1,
    SLEEP_HOURS: midpoint === null ? 0 : 8,
    MAIN_SLEEP_HOURS: midpoint === null ? null : 8,
    SLEEP_MIDPOINT: midpoint,
    MEAL_COUNT: 0,
    LIGHT_COUNT: 0,
    LIGHT_LUX_HOURS: 0,
    IS_FINAL: true,
    VERSION: 1,
    UPDATED_AT: start,
    ...more,
  };
}

/** Circular standard deviation, hours. */
function spread(hours: readonly number[]): number {
  const angles = hours.map((hour) => hour * Math.PI / 12);
  const sum = (of: (angle: number) => number) => angles.reduce((total, angle) => total + of(angle), 0);
  return Math.sqrt(-2 * Math.log(Math.hypot(sum(Math.cos), sum(Math.sin)) / hours.length)) * 12 / Math.PI;
}

Deno.test("regularity is the circular spread of a week's nights, near on both sides of midnight", async () => {
  const rows = await viewOf(
    // The 1st is a week before the 8th; the 3rd has no sleep.
    [part(1, 12), part(2, 23.5), part(3, null), part(7, 0.5), part(8, -0.5)],
    "DAYOFMONTH(LOCAL_DATE), SLEEP_HOURS, ROUND(SLEEP_REGULARITY, 9)",
  );
  const rounded = (hours: number) => Math.round(hours * 1e9) / 1e9;
  assertEquals(rows, [
    [1, 8, null],
    [2, 8, rounded(spread([12, 23.5]))],
    [3, null, rounded(spread([12, 23.5]))],
    [7, 8, rounded(spread([12, 23.5, 0.5]))],
    [8, 8, rounded(spread([23.5, 0.5, -0.5]))],
  ]);
  // Small spreads are as the usual standard deviation.
  assertEquals(rounded(spread([0.1, -0.1])).toFixed(3), "0.100");
});

Deno.test("a user's day in two partitions is one row of the view, with the middle of the longer sleep", async () => {
  const rows = await viewOf([
    part(1, 2, { MEAL_COUNT: 1, FIRST_MEAL_AT: at("2026-01-01T08:00:00Z"), LAST_MEAL_AT: at("2026-01-01T08:00:00Z") }),
    part(1, 15, {
      KAFKA_PARTITION: 1,
      SLEEP_HOURS: 1,
      MAIN_SLEEP_HOURS: 1,
      IS_FINAL: false,
      MEAL_COUNT: 2,
      FIRST_MEAL_AT: at("2026-01-01T12:00:00Z"),
      LAST_MEAL_AT: at("2026-01-01T20:30:00Z"),
    }),
  ], "SLEEP_HOURS, SLEEP_MIDPOINT, MEAL_COUNT, EATING_WINDOW_HOURS, IS_FINAL, LIGHT_LUX_HOURS");
  assertEquals(rows, [[9, 2, 3, 12.5, false, null]]);
});
