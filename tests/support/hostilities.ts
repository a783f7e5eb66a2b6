// How the records of each domain are made hostile: its time field, and fields of few values, so that records meet.
import fc from "fast-check";
import { doubleOf, type Hostility, oneOf, textOf, wholeOf } from "./hostile_records.ts";

const HOUR_MS = 3_600_000;
const startMs = Date.UTC(2026, 0, 15, 7, 55);

/** Ties of the second digit, on both sides of 0, what rounds to 0, and digits that JavaScript and DuckDB write differently. */
const degrees = (most: number) =>
  fc.oneof(
    fc.integer({ min: -4 * most, max: 4 * most }).map((n) => String(n / 8 / 4)),
    fc.constantFrom(
      "0.125",
      "-0.125",
      "0.375",
      "1.005",
      "0.005",
      "-0.001",
      "-0",
      "-0.0",
      "0",
      "1e-7",
      "0.00001234",
      "45",
    ),
    fc.constantFrom(String(most), `-${most}.0`, "5e-324", "1.5E-7", "12.345678901234567", "1e1"),
    doubleOf(-most, most),
  );
const place = fc.tuple(degrees(90), degrees(180)).map(([lat, lon]) => `{"longitude":${lon},"latitude":${lat}}`);
const identifiers = fc.oneof(
  fc.constantFrom("100", "1e2", "100.0", '"100"', '"1e2"', "-0", "0", "-7", "9007199254740991"),
  oneOf("u1", "ü/2%", "1.0"),
);

/** Positive, so that means of sums that are rounded already do not lose more than their last digit. */
const amounts = doubleOf(0, Infinity);

export const hostilities: readonly Hostility[] = [
  {
    domain: "trains",
    timeField: "timestamp",
    startMs,
    stepMs: 20_000,
    lateByMs: 5 * HOUR_MS,
    fields: {
      train_id: oneOf("T1", "T/2%", "ж\u{1F682}"),
      passenger_count: fc.oneof(wholeOf(0, Number.MAX_SAFE_INTEGER), fc.constantFrom("1100", "1.1e3", "1099")),
      power_draw_kw: fc.oneof(amounts, fc.constantFrom("2600", "2599.9999999999995", "2.6e3")),
    },
  },
  {
    domain: "rides",
    timeField: "timestamp",
    startMs,
    stepMs: 30_000,
    lateByMs: 4 * HOUR_MS,
    fields: {
      user_id: identifiers,
      ride_id: identifiers,
      location: fc.oneof(place, oneOf("Market", "0.13,0.38")),
      zone: fc.option(oneOf("Z/1", "z%2"), { nil: "null" }),
      ride_type: oneOf("standard", "pool"),
      event_type: fc.constantFrom('"ride_requested"', "null", '"ride_cancelled"', '"ride_requested"'),
      fare_estimate: amounts,
    },
  },
  {
    domain: "wine",
    timeField: "event_ts",
    startMs,
    stepMs: 40_000,
    lateByMs: 5 * HOUR_MS,
    fields: {
      product_id: fc.constantFrom("1", "2", "1.0", "2e0"),
      category: fc.oneof(
        oneOf(
          "🍷 Rouge",
          "Rouge",
          " \u00a0Rouge\ufeff",
          "🍷",
          "",
          " 9",
          "Rouge 🍷 ",
          "\u{1C89}x",
          "\u{16D40}y\u2028",
          "é",
        ),
        textOf(1, 8),
      ),
      sales_channel: oneOf("E-com", "Boutique Lyon", "constructor", "__proto__", "toString", "hasOwnProperty"),
      warehouse_location: fc.option(oneOf("Cave Centrale", "Entrepôt Lyon"), { nil: "null" }),
      quantity: wholeOf(1, 60),
      unit_price: fc.constantFrom("1.005", "0.125", "9.99", "1e6", "-0", "12.345"),
      total_price: fc.option(doubleOf(0, 1e6), { nil: "null" }),
      discount: fc.constantFrom("null", "0.5", "0.005", "1.115"),
    },
  },
  {
    domain: "actions",
    timeField: "timestamp",
    startMs,
    stepMs: 25_000,
    lateByMs: 4 * HOUR_MS,
    fields: { user_id: oneOf("u1", "u 2", "\u0001", "ü"), action: oneOf("click", "view"), duration_ms: amounts },
  },
  {
    domain: "circadian",
    timeField: "timestamp",
    startMs: Date.UTC(2026, 2, 25),
    stepMs: HOUR_MS,
    lateByMs: 4 * 24 * HOUR_MS,
    fields: {
      user_id: oneOf("u1", "ü2"),
      time_zone: oneOf("Europe/Paris", "europe/paris", "UTC", "America/New_York", "Asia/Kathmandu", "Africa/Cairo"),
      duration_minutes: fc.oneof(
        fc.constantFrom("420", "4.2e2", "421.1", "0", "-0", "480", "1440", "0.001"),
        doubleOf(0, 24 * 60),
      ),
      sleep_start: oneOf("2026-03-28T22:10:00Z", "2026-03-29T01:00:00.000001", "2026-04-01 00:30:00,5"),
      sleep_end: oneOf("2026-03-29T05:10:00.25+01:00", "2026-04-01T07:00:00.123456Z", "2026-03-29T06:10:00Z"),
      lux: fc.oneof(doubleOf(0, 200_000), fc.constantFrom("0", "1e5", "250.7")),
    },
  },
];
