// The rides domain: what producers send is taken, and a few events make the rows of every table.

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { distanceKm, RideEvent, zoneOf } from "../../src/domains/rides/mod.ts";
import { domainOf } from "../support/domains.ts";
import { World } from "../support/simulation/world.ts";

type Row = Readonly<Record<string, unknown>>;

const RIDE = {
  timestamp: "2027-01-15T11:59:00",
  user_id: "U1",
  location: "Park Street",
  zone: "Clifton",
  ride_type: "standard",
};

const at = (clock: string) => Date.parse(`2027-01-15T${clock}Z`);
const said = (rows: readonly Row[], columns: readonly string[]) => rows.map((row) => columns.map((name) => row[name]));

const accepted: readonly (readonly [string, Row])[] = [
  ["nothing but what the old producer sent", { zone: undefined }],
  ["ids that are numbers", { user_id: 17, ride_id: 4 }],
  ["coordinates for a location", { location: { latitude: 51.45, longitude: -2.59 } }],
  ["null for what need not be there", {
    zone: null,
    event_type: null,
    ride_id: null,
    pickup_latitude: null,
    dropoff_longitude: null,
    passengers: null,
    fare_estimate: null,
  }],
  ["fields that nobody knows", { promo: "SPRING", driver: { id: 1 } }],
];

for (const [name, changes] of accepted) {
  Deno.test(`a ride with ${name} is taken`, () => {
    const parsed = RideEvent.safeParse(JSON.parse(JSON.stringify({ ...RIDE, ...changes })));
    assert(parsed.success, parsed.error?.message);
    assertEquals(domainOf("rides").eventTime(parsed.data), at("11:59:00"));
  });
}

const refused: readonly (readonly [string, Row])[] = [
  ["no user", { user_id: undefined }],
  ["an empty location", { location: "" }],
  ["a location off the globe", { location: { latitude: 91, longitude: 0 } }],
  ["half a passenger", { passengers: 1.5 }],
  ["no passenger", { passengers: 0 }],
  ["a negative fare", { fare_estimate: -1 }],
  ["a pickup off the globe", { pickup_longitude: 181 }],
];

for (const [name, changes] of refused) {
  Deno.test(`a ride with ${name} is refused`, () => {
    assert(!RideEvent.safeParse(JSON.parse(JSON.stringify({ ...RIDE, ...changes }))).success);
  });
}

const zones: readonly (readonly [string, Row, string])[] = [
  ["the zone", {}, "Clifton"],
  ["the location's name where there is no zone", { zone: null }, "Park Street"],
  ["its cell of a hundredth of a degree where that has none", {
    zone: null,
    location: { latitude: 51.4567, longitude: -2.5 },
  }, "51.46,-2.50"],
];

for (const [name, changes, zone] of zones) {
  Deno.test(`a ride is counted in ${name}`, () => {
    assertEquals(zoneOf(RideEvent.parse({ ...RIDE, ...changes })), zone);
  });
}

Deno.test("the distance is the great circle's", () => {
  // London to Paris, 343.6 km by the haversine formula on a sphere of the Earth's mean radius.
  const coordinates = {
    pickup_latitude: 51.5074,
    pickup_longitude: -0.1278,
    dropoff_latitude: 48.8566,
    dropoff_longitude: 2.3522,
  };
  assertAlmostEquals(distanceKm({ ...RIDE, ...coordinates })!, 343.56, 0.05);
  assertEquals(distanceKm({ ...RIDE, ...coordinates, dropoff_latitude: null }), null);
});

/** Runs the events, each of a time and what differs, through the domain. */
async function run(
  events: readonly (readonly [clock: string, changes?: Row])[],
  { settings = {}, partitions = 1 }: {
    readonly settings?: Readonly<Record<string, string>>;
    readonly partitions?: number;
  } = {},
): Promise<World> {
  const world = new World(domainOf("rides", settings), 1, partitions);
  for (const [i, [clock, changes]] of events.entries()) {
    world.produce({ ...RIDE, timestamp: `2027-01-15T${clock}`, ...changes }, { partition: i % partitions });
  }
  await world.catchUp();
  return world;
}

Deno.test("every event is one row: as it came, and with typed columns", async () => {
  const { warehouse } = await run([["09:00:00.5", {
    ride_id: 7,
    user_id: 3,
    passengers: 2,
    fare_estimate: 12.5,
    x: 1,
  }]]);
  const [{ RECORD_METADATA: _, RECORD_CONTENT, ...columns } = {}] = warehouse.rows("RIDE_REQUESTS");
  assertEquals(JSON.parse(String(RECORD_CONTENT)).x, 1);
  assertEquals<unknown>(columns, {
    TIMESTAMP: at("09:00:00.5"),
    EVENT_TYPE: "ride_requested",
    RIDE_ID: "7",
    USER_ID: "3",
    LOCATION: "Park Street",
    ZONE: "Clifton",
    RIDE_TYPE: "standard",
    DISTANCE_KM: null,
    PASSENGERS: 2,
    FARE_ESTIMATE: 12.5,
    KAFKA_PARTITION: 0,
    KAFKA_OFFSET: 0,
  });
});

Deno.test("demand counts requests of each zone and ride type in the 15 minutes of every minute, and nothing else", async () => {
  const { warehouse } = await run([
    ["09:00:10", { fare_estimate: 10 }],
    ["09:01:10", { fare_estimate: 20 }],
    ["09:01:20", { event_type: "ride_cancelled" }],
    ["09:01:30", { ride_type: "xl" }],
    ["09:40:00", { zone: "Easton" }],
  ]);
  const rows = warehouse.rows("RIDE_DEMAND_PARTS").filter((row) => row.ZONE === "Clifton");
  const columns = ["WINDOW_START", "REQUEST_COUNT", "FARE_COUNT", "SUM_FARE_ESTIMATE", "IS_FINAL"];
  const standard = said(rows.filter((row) => row.RIDE_TYPE === "standard"), columns);
  assertEquals(standard.length, 16);
  assertEquals(standard[0], [at("08:46:00"), 1, 1, 10, true]);
  assertEquals(standard[1], [at("08:47:00"), 2, 2, 30, true]);
  assertEquals(standard.at(-1), [at("09:01:00"), 1, 1, 20, true]);
  assertEquals(said(rows.filter((row) => row.RIDE_TYPE === "xl"), columns)[0], [at("08:47:00"), 1, 0, 0, true]);
});

Deno.test("hourly statistics count the requests of each zone, ride type and hour", async () => {
  const { warehouse } = await run([
    ["09:00:00", { fare_estimate: 10 }],
    ["09:59:59", { fare_estimate: 30 }],
    ["09:30:00", { event_type: "ride_cancelled" }],
    ["10:00:00"],
    ["11:00:30"],
  ]);
  const columns = ["WINDOW_START", "REQUEST_COUNT", "SUM_FARE_ESTIMATE", "IS_FINAL"];
  assertEquals(said(warehouse.rows("RIDE_HOURLY_STATS_PARTS"), columns).toSorted(), [
    [at("09:00:00"), 2, 40, true],
    [at("10:00:00"), 1, 0, true],
    [at("11:00:00"), 1, 0, false],
  ]);
});

/** So many requests a minute, evenly, from one time to another. */
function requests(from: string, to: string, aMinute: number, changes: Row = {}): (readonly [string, Row])[] {
  const stepMs = 60_000 / aMinute;
  const count = Math.round((at(to) - at(from)) / stepMs);
  return Array.from(
    { length: count },
    (_, i) => [new Date(at(from) + i * stepMs).toISOString().slice(11, -1), changes],
  );
}

const SURGE = [
  "ALERT_ID",
  "STATUS",
  "STARTED_AT",
  "LAST_SEEN_AT",
  "CLEARED_AT",
  "EVENT_COUNT",
  "PEAK_VALUE",
  "THRESHOLD",
  "SURGE_RATIO",
  "REQUEST_COUNT",
  "BASELINE_COUNT",
];

Deno.test("a zone with more than twice and a half the usual requests has one alert, from the first minute to the last", async () => {
  const { warehouse } = await run([
    ...requests("06:00:00", "09:00:00", 2),
    ...requests("09:00:00", "09:20:00", 10),
    ...requests("09:20:00", "10:30:00", 2),
  ]);
  // Two a minute are 30 in 15 minutes, and 75 is twice and a half that: at 09:06 there are 9 minutes of two and 6 of ten.
  // At 09:25 there are 10 minutes of ten and 5 of two, after 110 of two and 10 of ten: 110 against 40. At 09:26, 102 against 41.
  assertEquals(said(warehouse.rows("RIDE_SURGE_ALERTS"), SURGE), [[
    "SURGE/Clifton/0/2027-01-15T09:06:00.000Z",
    "CLEARED",
    at("09:06:00"),
    at("09:25:00"),
    at("09:35:00"),
    20,
    5,
    2.5,
    2.75,
    110,
    40,
  ]]);
});

Deno.test("no alert before two hours are known, of a few requests, or of what is not a request", async () => {
  const { warehouse } = await run([
    ...requests("06:00:00", "06:30:00", 1),
    ...requests("06:30:00", "06:50:00", 20),
    ...requests("06:50:00", "10:00:00", 0.2),
    // Seven times the usual, and still no more than 19 in 15 minutes.
    ...requests("10:00:00", "10:15:00", 19 / 15),
    ...requests("11:00:00", "11:15:00", 10, { event_type: "ride_cancelled" }),
    ["12:00:00"],
  ]);
  assertEquals(warehouse.rows("RIDE_SURGE_ALERTS"), []);
});

Deno.test("the settings move what a surge is", async () => {
  const events = [
    ...requests("06:00:00", "07:00:00", 1),
    ...requests("07:00:00", "07:20:00", 2),
    ["08:00:00"] as const,
  ];
  const settings = {
    RIDE_SURGE_RATIO: "1.5",
    RIDE_SURGE_MIN_REQUESTS: "25",
    RIDE_SURGE_BASELINE_MINUTES: "30",
    RIDE_SURGE_GAP_MINUTES: "3",
  };
  const { warehouse } = await run(events, { settings });
  const columns = ["STARTED_AT", "LAST_SEEN_AT", "CLEARED_AT", "THRESHOLD", "PEAK_VALUE"];
  assertEquals(said(warehouse.rows("RIDE_SURGE_ALERTS"), columns), [
    [at("07:10:00"), at("07:21:00"), at("07:24:00"), 1.5, 2],
  ]);
});

Deno.test("late requests that were missing from the usual take an alert back", async () => {
  const events = [
    ...requests("06:00:00", "07:25:00", 2),
    ...requests("08:40:00", "09:00:00", 2),
    ...requests("09:00:00", "09:15:00", 3.6),
    ["09:19:00"] as const,
  ];
  assertEquals((await run(events)).warehouse.rows("RIDE_SURGE_ALERTS").length, 1);
  const { warehouse } = await run([...events, ...requests("07:25:00", "08:40:00", 2)]);
  assertEquals(warehouse.rows("RIDE_SURGE_ALERTS"), []);
  assertEquals(warehouse.rows("LATE_RECORDS"), []);
});
