// What the panels say of tables whose contents are known.
import { assertEquals } from "@std/assert";
import { bucketOf, pointsOf, spanOf, topSeries } from "../../src/panels/mod.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { domainOf } from "../support/domains.ts";

const sqlOf = (name: string) => Deno.readTextFile(new URL(`../../sql/${name}.sql`, import.meta.url));

/** A warehouse with a domain's tables, filled by `inserts`, in which a panel is asked. */
async function panels(domain: string, inserts: readonly string[]) {
  const warehouse = await openDuckDb({ path: ":memory:" });
  await warehouse.migrate([
    { name: "freshet", text: await sqlOf("freshet") },
    { name: domain, text: domainOf(domain).sql },
    { name: "contents", text: `-- version 1: contents\n${inserts.join(";\n")}` },
  ]);
  const shown = domainOf(domain).panels!;
  const settings = { ATS_OVERCROWDING_PASSENGERS: 1100, ATS_HIGH_POWER_KW: 2600, WINE_LOW_STOCK: 60 };
  const context = {
    settings,
    domain,
    ask: (sql: string, options: object = {}) => warehouse.query(sql, options),
  };
  return {
    // deno-lint-ignore no-explicit-any
    async ask(panel: string, parameters: object = {}): Promise<any> {
      const question = shown.panels[panel]!.read({ ...parameters });
      if ("error" in question) throw question.error;
      return await question.answer(context);
    },
    alerts: () => shown.alerts!(context),
    [Symbol.asyncDispose]: () => warehouse[Symbol.asyncDispose](),
  };
}

/** A partition with the newest event, one a minute behind whose watermark is `closed`, and one that is silent since long. */
const offsets = (domain: string, newest: string, closed = newest) =>
  `INSERT INTO FRESHET_OFFSETS
     (DOMAIN, TOPIC, KAFKA_PARTITION, NEXT_OFFSET, EPOCH, CHECKPOINT_ID, WATERMARK, MAX_EVENT_TIME, UPDATED_AT)
   VALUES ('${domain}', 't', 0, 9, 1, 1, '${newest}', '${newest}', '2026-01-15 00:00:00'),
     ('${domain}', 't', 1, 9, 1, 1, '${closed}', TIMESTAMP '${newest}' - INTERVAL 1 MINUTE, '2026-01-15 00:00:00'),
     ('${domain}', 't', 2, 9, 1, 1, '2026-01-01 00:00:00', '2026-01-01 00:00:00', '2026-01-15 00:00:00')`;

const report = (
  train: string,
  line: string,
  at: string,
  passengers: number,
  kw: number,
  speed: number,
  offset: number,
) =>
  `('2026-01-15 ${at}', '${train}', '${line}', ${passengers}, 1000, 200, ${kw}, ${speed}, 51, -2, FALSE, FALSE, 0, ${offset})`;

const REPORTS = [
  report("A1", "Red", "09:00:00", 100, 300, 10, 0),
  report("A1", "Red", "09:02:00", 300, 500, 20, 1),
  report("B1", "Blue", "09:01:00", 50, 2700, 30, 2),
  report("A1", "Red", "10:10:00", 400, 600, 40, 3),
  report("B1", "Blue", "10:11:00", 60, 100, 0, 4),
];

const TRAINS = [
  offsets("trains", "2026-01-15 10:11:00"),
  `INSERT INTO ATS_TRANSFORMED VALUES ${REPORTS.join(", ")}`,
  `INSERT INTO ATS_LATEST_STATUS SELECT TRAIN_ID, TIMESTAMP, LINE, PASSENGER_COUNT, CAPACITY, TOTAL_WEIGHT_TONS, POWER_DRAW_KW,
     SPEED_KMH, LATITUDE, LONGITUDE, IS_OVERCROWDED, IS_HIGH_POWER_DRAW, KAFKA_PARTITION, KAFKA_OFFSET, TIMESTAMP
   FROM ATS_TRANSFORMED WHERE KAFKA_OFFSET IN (3, 4)`,
  `INSERT INTO ATS_LATEST_STATUS (TRAIN_ID, TIMESTAMP, LINE, PASSENGER_COUNT, POWER_DRAW_KW)
   VALUES ('OLD', '2026-01-15 09:50:00', 'Red', 999, 999)`,
  `INSERT INTO ATS_HOURLY_STATS_PARTS SELECT 0, TRAIN_ID, DATE_TRUNC('hour', TIMESTAMP), DATE_TRUNC('hour', TIMESTAMP) + INTERVAL 1 HOUR,
     COUNT(*), SUM(PASSENGER_COUNT), MAX(PASSENGER_COUNT), SUM(POWER_DRAW_KW), MAX(POWER_DRAW_KW), SUM(SPEED_KMH), 200, 0, 0,
     DATE_TRUNC('hour', TIMESTAMP) < '2026-01-15 10:00:00', 1, '2026-01-15 00:00:00',
     0, NULL, 0, NULL, 0, NULL
   FROM ATS_TRANSFORMED GROUP BY TRAIN_ID, DATE_TRUNC('hour', TIMESTAMP)`,
  `INSERT INTO ATS_ALERTS VALUES
     ('1', 'OVERCROWDING', 'A1', 'Red', 'ACTIVE', '2026-01-15 10:00:00', '2026-01-15 10:10:00', NULL, 3, 1200, 1100, 1, 0, NULL),
     ('2', 'HIGH_POWER_DRAW', 'B1', 'Blue', 'CLEARED', '2026-01-15 09:00:00', '2026-01-15 09:20:00', '2026-01-15 09:22:00', 1, 2700, 2600, 1, 0, NULL),
     ('3', 'OVERCROWDING', 'A1', 'Red', 'CLEARED', '2026-01-15 08:00:00', '2026-01-15 08:10:00', '2026-01-15 08:12:00', 1, 1150, 1100, 1, 0, NULL)`,
];

Deno.test("trains: the numbers now, and those of the hour before", async () => {
  await using trains = await panels("trains", TRAINS);
  assertEquals(await trains.ask("kpis"), {
    data_now: "2026-01-15 10:11:00.000",
    active_trains: 2,
    active_minutes: 15,
    known_trains: 3,
    capacity: 2000,
    recent: {
      minutes: 15,
      trains: { now: 2, before: null },
      passengers: { now: 460, before: null },
      power_kw: { now: 700, before: null },
      points: {
        trains: [...Array(11).fill(null), 2],
        passengers: [...Array(11).fill(null), 460],
        power_kw: [...Array(11).fill(null), 700],
      },
      point_s: 300,
    },
    alerts: { now: 1, before: 1 },
    lines: ["Blue", "Red"],
    trains: ["A1", "B1", "OLD"],
    thresholds: { passengers: 1100, power_kw: 2600 },
  });
  const { active_trains, recent, alerts, ...all } = await trains.ask("kpis", { line: "Blue", train: "B1" });
  assertEquals([active_trains, recent.passengers.now, alerts.now], [1, 60, 0]);
  // What may be chosen next does not hang on what is chosen.
  assertEquals([all.lines, all.trains], [["Blue", "Red"], ["A1", "B1", "OLD"]]);
});

Deno.test("trains: a stretch is the sum of each train's mean, like the one before it", async () => {
  await using trains = await panels("trains", [
    offsets("trains", "2026-01-15 10:00:00"),
    `INSERT INTO ATS_TRANSFORMED VALUES ${
      [
        // One that reports often, one that reports once.
        report("A1", "Red", "10:00:00", 100, -1000, 10, 0),
        report("A1", "Red", "09:59:00", 300, 3000, 10, 1),
        report("B1", "Red", "09:47:00", 50, 500, 10, 2),
        report("A1", "Red", "09:40:00", 700, 4000, 10, 3),
        // Before both stretches.
        report("A1", "Red", "09:20:00", 9000, 9000, 10, 4),
      ].join(", ")
    }`,
  ]);
  const { recent } = await trains.ask("kpis");
  assertEquals(recent.passengers, { now: 250, before: 700 });
  assertEquals(recent.power_kw, { now: 1500, before: 4000 });
  assertEquals(recent.trains, { now: 2, before: 1 });
  assertEquals(recent.points.passengers, [null, null, null, 9000, null, null, null, 700, null, 50, null, 200]);
});

Deno.test("trains: those that are chosen are told apart over time", async () => {
  await using trains = await panels("trains", TRAINS);
  for (const range of [{ range: "2h" }, { from: "2026-01-15T00:00:00Z", to: "2026-01-21T00:00:00Z" }]) {
    const { by, points } = await trains.ask("timeline", { ...range, train: ["A1", "B1"] });
    assertEquals([by, [...new Set(points.map(({ series }: { series: string }) => series))].sort()], [
      "train",
      ["A1", "B1"],
    ]);
  }
});

Deno.test("trains: the same stretch a day before", async () => {
  await using trains = await panels("trains", [
    ...TRAINS,
    `UPDATE ATS_TRANSFORMED SET TIMESTAMP = TIMESTAMP - INTERVAL 1 DAY`,
  ]);
  const now = await trains.ask("timeline", { range: "2h" });
  const before = await trains.ask("timeline", { range: "2h", back: "1d" });
  assertEquals([now.points.length, before.points.length], [0, 5]);
  assertEquals([now.from - before.from, now.to - before.to], [86_400_000, 86_400_000]);
});

Deno.test("trains: the timeline sums each train's mean, and keeps the greatest power", async () => {
  await using trains = await panels("trains", TRAINS);
  const at = (time: string) => Date.parse(`2026-01-15T${time}Z`) / 1000;
  const { bucket_s, source, points } = await trains.ask("timeline", { range: "2h" });
  assertEquals([bucket_s, source], [60, "ATS_TRANSFORMED"]);
  assertEquals(points[0], { at: at("09:00:00"), series: "Red", passengers: 100, mean_kw: 300, max_kw: 300, trains: 1 });
  const hours = await trains.ask("timeline", { from: "2026-01-15T00:00:00Z", to: "2026-01-21T00:00:00Z" });
  assertEquals([hours.bucket_s, hours.source], [3600, "ATS_HOURLY_STATS"]);
  assertEquals(hours.points.slice(0, 2), [
    { at: at("09:00:00"), series: "Blue", passengers: 50, mean_kw: 2700, max_kw: 2700, trains: 1 },
    { at: at("09:00:00"), series: "Red", passengers: 200, mean_kw: 400, max_kw: 500, trains: 1 },
  ]);
});

Deno.test("trains: a point that has only begun is left out of the timeline", async () => {
  const fleet = (minute: string, trains: number) =>
    Array.from({ length: trains }, (_, n) => report(`T${n}`, "Red", `09:${minute}:${10 + n}`, 100, 300, 10, n));
  for (const [begun, last] of [[3, "09:04"], [10, "09:05"]] as const) {
    await using trains = await panels("trains", [
      offsets("trains", "2026-01-15 09:05:30"),
      `INSERT INTO ATS_TRANSFORMED VALUES ${
        [...fleet("03", 10), ...fleet("04", 10), ...fleet("05", begun)].join(", ")
      }`,
    ]);
    const { points } = await trains.ask("timeline", { range: "1h" });
    assertEquals(new Date(points.at(-1).at * 1000).toISOString().slice(11, 16), last);
  }
});

Deno.test("trains: distributions count every record in the range", async () => {
  await using trains = await panels("trains", TRAINS);
  const { records, looked_at, histograms, speeds } = await trains.ask("distributions", { range: "2h" });
  assertEquals([records, looked_at], [5, 5]);
  assertEquals(histograms[0].bins, [[0, 2], [100, 1], [300, 1], [400, 1]]);
  assertEquals(histograms[2].bins, [[0, 1], [10, 1], [20, 1], [30, 1], [40, 1]]);
  const at = (time: string) => Date.parse(`2026-01-15T${time}Z`) / 1000;
  assertEquals(speeds, [
    { at: at("09:00:00"), train: "A1", mean: 10 },
    { at: at("09:02:00"), train: "A1", mean: 20 },
    { at: at("10:10:00"), train: "A1", mean: 40 },
    { at: at("09:00:00"), train: "B1", mean: 30 },
    { at: at("10:10:00"), train: "B1", mean: 0 },
  ]);
});

Deno.test("trains: of many records as many as can be looked at are chosen, of every train alike", async () => {
  const many =
    `INSERT INTO ATS_TRANSFORMED SELECT TIMESTAMP '2026-01-15 09:00:00' + INTERVAL 1 MILLISECOND * N, 'T' || N % 24, 'Red',
      100, 1000, 200, 300, 40, 51, -2, FALSE, FALSE, 0, N FROM (SELECT range AS N FROM range(1000000)) AS R`;
  const hours =
    `INSERT INTO ATS_HOURLY_STATS_PARTS (TRAIN_ID, WINDOW_START, EVENT_COUNT) VALUES ('T0', '2026-01-15 09:00:00', 1000000)`;
  await using trains = await panels("trains", [offsets("trains", "2026-01-15 09:20:00"), many, hours]);
  const { records, looked_at } = await trains.ask("distributions", { range: "1h" });
  assertEquals(records, 1_000_000);
  assertEquals(Math.round(looked_at / 1000), 200);
  const trainsSeen = await trains.ask("distributions", {
    range: "1h",
    train: Array.from({ length: 16 }, (_, n) => `T${n}`),
  });
  assertEquals(new Set(trainsSeen.speeds.map(({ train }: { train: string }) => train)).size, 16);
});

Deno.test("trains: alerts come active first, then the newest", async () => {
  await using trains = await panels("trains", TRAINS);
  const alerts = await trains.alerts();
  assertEquals(alerts.map(({ id }) => id), ["1", "2", "3"]);
  assertEquals(alerts[0], {
    id: "1",
    type: "OVERCROWDING",
    status: "ACTIVE",
    subject: "A1",
    subject_id: "A1",
    place: "Red",
    started_at: "2026-01-15 10:00:00",
    last_seen_at: "2026-01-15 10:10:00",
    cleared_at: null,
    event_count: 3,
    peak_value: 1200,
    threshold: 1100,
    acknowledged: null,
  });
});

Deno.test("trains: one train's state, alerts and records, each with its offset", async () => {
  await using trains = await panels("trains", TRAINS);
  const { data_now, state, alerts, records } = await trains.ask("one", { id: "A1", range: "2h" });
  assertEquals([data_now, state.line, state.passengers], ["2026-01-15 10:11:00.000", "Red", 400]);
  assertEquals(alerts.map(({ id }: { id: string }) => id), ["1", "3"]);
  const offset = records.columns.findIndex(({ name }: { name: string }) => name === "KAFKA_OFFSET");
  assertEquals(records.rows.map((row: readonly unknown[]) => row[offset]), [3, 1, 0]);
  const nobody = await trains.ask("one", { id: "' OR TRUE --" });
  assertEquals([nobody.state, nobody.alerts, nobody.records.rows], [null, [], []]);
});

Deno.test("trains: where the active ones are and were", async () => {
  await using trains = await panels("trains", [
    ...TRAINS,
    `UPDATE ATS_TRANSFORMED SET LATITUDE = 52 WHERE KAFKA_OFFSET = 3`,
  ]);
  const { minutes, trains: active } = await trains.ask("trails");
  assertEquals(minutes, 15);
  // One that has said nothing for longer is not on the map.
  assertEquals(active.map(({ id, trail }: { id: string; trail: unknown }) => [id, trail]), [
    ["A1", [[52, -2], [51, -2]]],
    ["B1", [[51, -2], [51, -2]]],
  ]);
  assertEquals((await trains.ask("trails", { line: "Blue" })).trains.length, 1);
});

Deno.test("trains: passengers of each hour of the last days", async () => {
  await using trains = await panels("trains", TRAINS);
  const at = (time: string) => Date.parse(`2026-01-15T${time}Z`);
  assertEquals(await trains.ask("heat"), [{ at: at("09:00:00"), value: 250 }, { at: at("10:00:00"), value: 460 }]);
  assertEquals(await trains.ask("heat", { line: "Blue" }), [{ at: at("09:00:00"), value: 50 }, {
    at: at("10:00:00"),
    value: 60,
  }]);
});

Deno.test("trains: small charts have a value for every bucket, of records or of hours, of what is compared", async () => {
  await using trains = await panels("trains", TRAINS);
  const seconds = (time: string) => Date.parse(`2026-01-15T${time}Z`) / 1000;
  const fine = await trains.ask("by-train", { range: "2h" });
  assertEquals([fine.source, fine.bucket_s, fine.first, fine.known], [
    "ATS_TRANSFORMED",
    120,
    seconds("08:10:00"),
    2,
  ]);
  const drawn = (answer: typeof fine, name: string) =>
    answer.series.find((one: { name: string }) => one.name === name).values
      .flatMap((value: number | null, i: number) =>
        value === null ? [] : [[answer.first + i * answer.bucket_s, value]]
      );
  assertEquals(fine.series.map(({ name, values }: typeof fine.series[0]) => [name, values.length]), [["A1", 61], [
    "B1",
    61,
  ]]);
  assertEquals(drawn(fine, "A1"), [[seconds("09:00:00"), 100], [seconds("09:02:00"), 300], [seconds("10:10:00"), 400]]);
  assertEquals(drawn(await trains.ask("by-train", { range: "2h", measure: "power" }), "B1"), [
    [seconds("09:00:00"), 2700],
    [seconds("10:10:00"), 100],
  ]);
  assertEquals(drawn(await trains.ask("by-train", { range: "2h", line: "Blue", measure: "speed" }), "B1"), [
    [seconds("09:00:00"), 30],
    [seconds("10:10:00"), 0],
  ]);
  const hours = await trains.ask("by-train", { range: "7d" });
  assertEquals([hours.source, hours.bucket_s], ["ATS_HOURLY_STATS", 3 * 3600]);
  // Three records of 100, 300 and 400: each weighs as much as the others.
  assertEquals(drawn(hours, "A1"), [[seconds("09:00:00"), 266.7]]);
});

Deno.test("trains: of very many trains those that come first are compared, and it is told how many there are", async () => {
  const many = Array.from({ length: 60 }, (_, n) => report(`T${100 + n}`, "Red", "10:00:00", n, n, n, n));
  await using trains = await panels("trains", [
    offsets("trains", "2026-01-15 10:11:00"),
    `INSERT INTO ATS_TRANSFORMED VALUES ${many.join(", ")}`,
  ]);
  const { series, known } = await trains.ask("by-train", { range: "1h" });
  assertEquals([series.length, series[0].name, series.at(-1).name, known], [48, "T100", "T147", 60]);
});

Deno.test("rides: small charts of the zones, by requests or by fare", async () => {
  const part = (partition: number, zone: string, end: string, requests: number, fare: number) =>
    `(${partition}, '${zone}', 'pool', TIMESTAMP '2026-01-15 ${end}' - INTERVAL 15 MINUTE, '2026-01-15 ${end}', ${requests}, ${fare}, ${requests})`;
  await using rides = await panels("rides", [
    offsets("rides", "2026-01-15 10:00:00"),
    `INSERT INTO RIDE_DEMAND_PARTS (KAFKA_PARTITION, ZONE, RIDE_TYPE, WINDOW_START, WINDOW_END, REQUEST_COUNT, SUM_FARE_ESTIMATE, FARE_COUNT)
     VALUES ${
      [
        part(0, "Docks", "09:58:00", 3, 30),
        part(1, "Docks", "09:58:00", 1, 30),
        part(0, "Market", "10:00:00", 8, 40),
        // Between two points.
        part(0, "Docks", "09:59:00", 100, 100),
      ].join(", ")
    }`,
  ]);
  const values = async (measure?: string) => {
    const { series, first, bucket_s } = await rides.ask("by-zone", { range: "2h", ...measure && { measure } });
    assertEquals([first, bucket_s], [Date.parse("2026-01-15T08:00:00Z") / 1000, 120]);
    return series.map((one: { name: string; values: readonly number[] }) => [one.name, one.values.slice(-2)]);
  };
  assertEquals(await values(), [["Docks", [4, null]], ["Market", [null, 8]]]);
  assertEquals(await values("fare"), [["Docks", [15, null]], ["Market", [null, 5]]]);
});

Deno.test("rides: zones are where their rides are asked for", async () => {
  await using rides = await panels("rides", [
    offsets("rides", "2026-01-15 10:00:00"),
    `INSERT INTO RIDE_REQUESTS (TIMESTAMP, ZONE, PICKUP_LATITUDE, PICKUP_LONGITUDE, KAFKA_PARTITION, KAFKA_OFFSET) VALUES
       ('2026-01-15 09:50:00', 'Docks', 51, -2, 0, 1), ('2026-01-15 09:55:00', 'Docks', 53, -4, 0, 2),
       ('2026-01-15 09:00:00', 'Market', 10, 10, 0, 3), ('2026-01-15 09:59:00', 'Nowhere', NULL, NULL, 0, 4)`,
  ]);
  assertEquals(await rides.ask("places"), [{ zone: "Docks", at: [52, -3] }]);
});

Deno.test("rides: one zone's surges and events", async () => {
  const ride = (zone: string, at: string, offset: number) =>
    `(TIMESTAMP '2026-01-15 ${at}', 'ride_requested', '${zone}', 0, ${offset})`;
  await using rides = await panels("rides", [
    offsets("rides", "2026-01-15 10:00:00"),
    `INSERT INTO RIDE_REQUESTS (TIMESTAMP, EVENT_TYPE, ZONE, KAFKA_PARTITION, KAFKA_OFFSET) VALUES ${
      [ride("Docks", "09:00:00", 1), ride("Docks", "09:30:00", 2), ride("Market", "09:30:00", 3)].join(", ")
    }`,
    `INSERT INTO RIDE_SURGE_ALERTS (ALERT_ID, ALERT_TYPE, ZONE, STATUS, STARTED_AT, LAST_SEEN_AT) VALUES
       ('s1', 'SURGE', 'Docks', 'ACTIVE', '2026-01-15 09:00:00', '2026-01-15 09:10:00'),
       ('s2', 'SURGE', 'Market', 'ACTIVE', '2026-01-15 09:00:00', '2026-01-15 09:10:00')`,
  ]);
  const { alerts, records } = await rides.ask("one", { id: "Docks" });
  assertEquals(alerts.map(({ id }: { id: string }) => id), ["s1"]);
  assertEquals(records.rows.map((row: readonly unknown[]) => row.at(-1)), [2, 1]);
});

Deno.test("wine: one product's stock, alerts and events", async () => {
  await using wine = await panels("wine", [
    `INSERT INTO STOCK_LEVELS_PARTS (KAFKA_PARTITION, PRODUCT_ID, WAREHOUSE, QUANTITY_CHANGE, OPENING_QUANTITY)
       VALUES (0, 7, 'Reims', -20, 120), (0, 8, 'Reims', 0, 120)`,
    `INSERT INTO STOCK_ALERTS (ALERT_ID, ALERT_TYPE, PRODUCT_ID, PRODUCT_NAME, WAREHOUSE, STATUS, STARTED_AT, LAST_SEEN_AT)
       VALUES ('w1', 'LOW_STOCK', 7, 'Brut', 'Reims', 'ACTIVE', '2026-01-15 09:00:00', '2026-01-15 09:10:00')`,
    `INSERT INTO RAW_EVENTS_STREAM (EVENT_TYPE, PRODUCT_ID, EVENT_METADATA, EVENT_CONTENT)
       VALUES ('order_created', 7, '{"partition":1,"offset":5}', '{"quantity":2}'), ('order_created', 8, '{}', '{}')`,
  ]);
  const { name, stock, alerts, records } = await wine.ask("one", { id: "7" });
  assertEquals([name, stock.rows[0].slice(0, 2), records.rows.length], ["Brut", ["Reims", 100], 1]);
  assertEquals(new Set(alerts.map(({ subject_id }: { subject_id: string }) => subject_id)), new Set(["7"]));
});

Deno.test("wine: the first bar of sales is of a whole bucket, wherever the range begins", async () => {
  const sale = (at: string, cents: number) =>
    `(0, 'online', 'Rouge', TIMESTAMP '2026-01-${at}', TIMESTAMP '2026-01-${at}' + INTERVAL 1 HOUR, 1, 1, ${cents}, 0, 1)`;
  await using wine = await panels("wine", [
    offsets("wine", "2026-01-15 10:00:00"),
    `INSERT INTO SALES_HOURLY_PARTS (KAFKA_PARTITION, CHANNEL, CATEGORY, WINDOW_START, WINDOW_END, ORDER_COUNT, UNITS,
       GROSS_CENTS, DISCOUNT_CENTS, VERSION) VALUES ${
      [sale("10 06:00:00", 700), sale("10 08:00:00", 100), sale("10 09:00:00", 200), sale("10 11:00:00", 400)].join(
        ", ",
      )
    }`,
  ]);
  const asked = async (from: string, to: string) => {
    const { bucket_s, points } = await wine.ask("sales", { from: `2026-01-${from}Z`, to: `2026-01-${to}Z` });
    return [bucket_s, points.map(({ at, value }: { at: number; value: number }) => [at, Number(value)])];
  };
  const at = (text: string) => Date.parse(`2026-01-${text}Z`) / 1000;
  assertEquals(await asked("10T09:40:00", "10T12:00:00"), [3600, [[at("10T09:00:00"), 2], [at("10T11:00:00"), 4]]]);
  // Nothing of 6 o'clock, which is in no bucket of the range: buckets of two hours begin at even ones.
  assertEquals(await asked("10T09:40:00", "18T00:00:00"), [7200, [[at("10T08:00:00"), 3], [at("10T10:00:00"), 4]]]);
});

Deno.test("actions: one user's visits and actions", async () => {
  const action = (user: string, at: string, offset: number) =>
    `(TIMESTAMP '2026-01-15 ${at}', '${user}', 'click', '/', 0, ${offset})`;
  await using actions = await panels("actions", [
    offsets("actions", "2026-01-15 10:00:00"),
    `INSERT INTO USER_ACTIONS (TIMESTAMP, USER_ID, ACTION, PAGE, KAFKA_PARTITION, KAFKA_OFFSET) VALUES ${
      [action("u1", "09:00:00", 1), action("u2", "09:30:00", 2), action("u1", "02:00:00", 3)].join(", ")
    }`,
  ]);
  const { records, sessions } = await actions.ask("one", { id: "u1" });
  assertEquals(records.rows.map((row: readonly unknown[]) => row.at(-1)), [1]);
  assertEquals(sessions.rows, []);
});

const window = (zone: string, start: string, requests: number) =>
  `(0, '${zone}', 'standard', '2026-01-15 ${start}', TIMESTAMP '2026-01-15 ${start}' + INTERVAL 15 MINUTE, ${requests}, ${requests}, ${
    requests * 10
  }, TRUE, 1, NULL, 0, NULL)`;

Deno.test("rides: the newest closed window is compared with that of an hour before", async () => {
  await using rides = await panels("rides", [
    offsets("rides", "2026-01-15 10:20:30", "2026-01-15 10:19:40"),
    `INSERT INTO RIDE_DEMAND_PARTS VALUES ${
      [
        window("Docks", "10:04:00", 30),
        window("Market", "10:04:00", 10),
        window("Docks", "09:04:00", 20),
        window("Docks", "10:05:00", 999),
      ].join(", ")
    }`,
  ]);
  const { window_end, requests, fare, zones } = await rides.ask("kpis");
  assertEquals(window_end, "2026-01-15 10:19:00.000");
  assertEquals([requests, fare, zones], [{ now: 40, before: 20 }, { now: 10, before: 10 }, { now: 2, before: 1 }]);
  assertEquals((await rides.ask("zones")).rows, [["Docks", 30, 20, 10, null], ["Market", 10, 0, 10, null]]);
});

Deno.test("actions: a minute's mean of each whole bucket", async () => {
  const minute = (action: string, at: string, count: number) =>
    `(0, '${action}', '2026-01-15 ${at}', TIMESTAMP '2026-01-15 ${at}' + INTERVAL 1 MINUTE, ${count}, '', TRUE, 1, NULL)`;
  await using actions = await panels("actions", [
    offsets("actions", "2026-01-15 10:12:30"),
    `INSERT INTO ACTIONS_PER_MINUTE_PARTS VALUES ${
      [
        minute("click", "10:05:00", 10),
        minute("click", "10:09:00", 40),
        minute("view", "10:05:00", 5),
        minute("click", "10:11:00", 7),
        minute("click", "10:12:00", 3),
      ].join(", ")
    }`,
  ]);
  const { bucket_s, points } = await actions.ask("per-minute", { range: "6h" });
  assertEquals(bucket_s, 300);
  const at = Date.parse("2026-01-15T10:05:00Z") / 1000;
  assertEquals(points, [{ at, series: "click", value: 10 }, { at, series: "view", value: 1 }]);
  assertEquals((await actions.ask("kpis")).actions, { now: 7, before: 55 / 60 });
});

Deno.test("the greatest series keep their names, the others are one", async () => {
  await using warehouse = await openDuckDb({ path: ":memory:" });
  const counted =
    `SELECT 60 * (range % 2) AS BUCKET_AT, 'series ' || (range % 10) AS SERIES, range AS VALUE FROM range(100)`;
  const { rows, columns } = await warehouse.query(topSeries(counted));
  const points = pointsOf(
    rows.map((row) => Object.fromEntries(columns.map(({ name }, i) => [name.toLowerCase(), row[i]]))),
  );
  assertEquals([...new Set(points.map(({ series }) => series))].sort(), [
    null,
    ...[3, 4, 5, 6, 7, 8, 9].map((n) => `series ${n}`),
  ]);
  assertEquals(points.reduce((sum, { value }) => sum + value, 0), 4950);
});

Deno.test("a span ends with the newest event, or where it is told, and never begins after it ends", () => {
  const now = Date.UTC(2026, 0, 15, 10);
  const hour = 3_600_000;
  assertEquals(spanOf({ range: "6h" }, now), { from: now + 1 - 6 * hour, to: now + 1 });
  assertEquals(spanOf({ range: "6h", from: now - hour, to: now }, 0), { from: now - hour, to: now });
  assertEquals(spanOf({ range: "6h", from: now, to: now - hour }, 0), { from: now - hour, to: now - hour });
  assertEquals(spanOf({ range: "6h", back: "7d" }, now), { from: now + 1 - 174 * hour, to: now + 1 - 168 * hour });
});

Deno.test("a chart has as many points as it can show, at most", () => {
  const day = 86_400_000;
  const bucket = (ms: number, least = 60) => bucketOf({ from: 0, to: ms }, least);
  assertEquals([bucket(day / 24), bucket(day / 4), bucket(day), bucket(7 * day), bucket(30 * day)], [
    60,
    300,
    600,
    7200,
    21_600,
  ]);
  assertEquals(bucket(day, 3600), 3600);
  for (const days of [1, 400, 10_000]) assertEquals(days * 86_400 / bucket(days * day) <= 150, true);
});
