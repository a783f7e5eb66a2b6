// The views that merge what the partitions add: sums and means to the last digit, whatever partitions the records came in.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { sum } from "@freshet/stream";
import { AccumulatorRow } from "../../src/stream/accumulators.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import type { Row, Warehouse } from "../../src/warehouse/warehouse.ts";
import { append, loose, SYSTEM } from "../contracts/warehouse/suite.ts";
import { nearest, wholeSum } from "../stream/rationals.ts";
import { domainOf } from "../support/domains.ts";
import { propertyRuns } from "../support/simulation/runs.ts";

const START = Date.UTC(2026, 0, 15);
const END = START + 3_600_000;
const SPREADS = [1, 4, 12];

async function onTables(domain: string, body: (warehouse: Warehouse) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await using warehouse = await openDuckDb({ path: `${dir}/test.duckdb` });
    await warehouse.migrate([SYSTEM, { name: domain, text: domainOf(domain).sql }]);
    await body(warehouse);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function load(warehouse: Warehouse, table: string, rows: readonly Row[]): Promise<void> {
  await using writer = await warehouse.writer("test");
  await writer.commit(loose({ appends: [append(table, { rows, partition: 0, offset: 0 })] }));
}

const ask = async (warehouse: Warehouse, sql: string) => (await warehouse.query(sql, { maxRows: 100_000 })).rows;

/** What readings come to in one partition, as the operators write it. */
const summing = <K extends string>(name: K) =>
  new AccumulatorRow(
    { [name]: sum((x: number) => x, { mergeable: true }) } as Record<K, ReturnType<typeof sum<number>>>,
  );

function summed(name: string, readings: readonly number[]): Row {
  const row = summing(name);
  const accs = row.initial();
  for (const value of readings) row.add(accs, { value, time: 0, offset: 0, watermark: 0 });
  return row.results(accs);
}

/** A window's readings in so many partitions, each reading in any of them. */
interface Dealt {
  readonly readings: readonly number[];
  readonly partitions: number;
  readonly place: (index: number) => number;
}

const partsOf = ({ readings, partitions, place }: Dealt) =>
  Array.from({ length: partitions }, (_, p) => readings.filter((_, i) => place(i) % partitions === p))
    .filter((part) => part.length > 0);

function trainParts(train: string, dealt: Dealt): Row[] {
  return partsOf(dealt).map((part, partition) => ({
    KAFKA_PARTITION: partition,
    TRAIN_ID: train,
    WINDOW_START: START,
    WINDOW_END: END,
    EVENT_COUNT: part.length,
    SUM_PASSENGER_COUNT: part.length,
    ...summed("SUM_POWER_DRAW_KW", part),
    ...summed("SUM_SPEED_KMH", part.map((x) => -x)),
    ...summed("SUM_TOTAL_WEIGHT_TONS", part.map((x) => x / 2)),
    VERSION: 1,
  }));
}

const few = (reading: fc.Arbitrary<number>) => fc.array(reading, { minLength: 1, maxLength: 40, size: "max" });
const decimals = (digits: number) => fc.integer({ min: -2_600_000, max: 2_600_000 }).map((x) => x / 10 ** digits);

/** Windows' readings of many kinds; all of them whole numbers of 2^-107 whose sums stay below 2^32, or whole numbers. */
const readings = fc.oneof(
  ...[1, 2, 3].map((digits) => few(decimals(digits))),
  few(fc.double({ noNaN: true, min: -3000, max: 3000 }).filter((x) => x === 0 || Math.abs(x) > 2 ** -54)),
  few(fc.double({ noNaN: true, min: 2 ** -54, max: 2 ** -30 })),
  few(fc.integer({ min: -(2 ** 47), max: 2 ** 47 })),
  few(fc.constantFrom(0.1, 0.2, -0.3, 1e7, -1e7, 1e-15, 2 ** -22, 2 ** -53, -(2 ** -53), 1, 1 + 2 ** -52, 2 ** -64, 0)),
);

const windows = fc.array(fc.tuple(readings, fc.array(fc.nat(11), { minLength: 40, maxLength: 40 })), {
  minLength: 150,
  maxLength: 150,
});

Deno.test("means of trains are rounded once, to the same bits in 1, 4 and 12 partitions, whenever they are asked for", async () => {
  await onTables("trains", async (warehouse) => {
    const cases = fc.sample(windows, { numRuns: 4, seed: propertyRuns(1).seed }).flat();
    for (const partitions of SPREADS) {
      const rows = cases.flatMap(([xs, places], i) =>
        trainParts(`${partitions}/${i}`, { readings: xs, partitions, place: (index) => places[index]! })
      );
      await load(warehouse, "ATS_HOURLY_STATS_PARTS", rows);
    }
    const sql = "SELECT TRAIN_ID, AVG_POWER_DRAW_KW, AVG_SPEED_KMH, AVG_TOTAL_WEIGHT_TONS FROM ATS_HOURLY_STATS";
    for (let time = 0; time < 2; time++) {
      const rows = await ask(warehouse, sql);
      assertEquals(rows.length, SPREADS.length * cases.length);
      for (const [train, power, speed, weight] of rows) {
        const [xs] = cases[Number(String(train).split("/")[1])]!;
        const mean = (of: (x: number) => number) => nearest(wholeSum(xs.map(of)), BigInt(xs.length)) + 0;
        const expected = [mean((x) => x), mean((x) => -x), mean((x) => x / 2)];
        assertEquals([power, speed, weight].map((x) => Number(x) + 0), expected, `${train}: ${xs}`);
      }
    }
  });
});

Deno.test("sums of sleep and light are rounded once, to the same bits in 1, 4 and 12 partitions", async () => {
  await onTables("circadian", async (warehouse) => {
    const cases = fc.sample(windows, { numRuns: 2, seed: propertyRuns(1).seed }).flat();
    for (const partitions of SPREADS) {
      const rows = cases.flatMap(([xs, places], i) =>
        partsOf({ readings: xs, partitions, place: (index) => places[index]! }).map((part, partition) => ({
          KAFKA_PARTITION: partition,
          USER_ID: `${partitions}/${i}`,
          TIME_ZONE: "UTC",
          LOCAL_DATE: "2026-01-15",
          WINDOW_START: START,
          WINDOW_END: END,
          SLEEP_COUNT: 1,
          MEAL_COUNT: 0,
          LIGHT_COUNT: 1,
          ...summed("SLEEP_HOURS", part),
          ...summed("LIGHT_LUX_HOURS", part.map((x) => -x)),
          VERSION: 1,
        }))
      );
      await load(warehouse, "CIRCADIAN_DAILY_PARTS", rows);
    }
    const rows = await ask(warehouse, "SELECT USER_ID, SLEEP_HOURS, LIGHT_LUX_HOURS FROM CIRCADIAN_DAILY");
    assertEquals(rows.length, SPREADS.length * cases.length);
    for (const [user, hours, light] of rows) {
      const [xs] = cases[Number(String(user).split("/")[1])]!;
      const exact = nearest(wholeSum(xs));
      assertEquals([Number(hours) + 0, Number(light) + 0], [exact + 0, -exact + 0], `${user}: ${xs}`);
    }
  });
});

Deno.test("a fare's mean is rounded once in every view of rides, and is nothing of no fares", async () => {
  await onTables("rides", async (warehouse) => {
    const fares = [10.1, 7.35, 22.8, 3.99, 10.1, 0.07, 15.55];
    for (const table of ["RIDE_DEMAND", "RIDE_HOURLY_STATS"]) {
      const part = (zone: string, partition: number, xs: readonly number[]) => ({
        KAFKA_PARTITION: partition,
        ZONE: zone,
        RIDE_TYPE: "standard",
        WINDOW_START: START,
        WINDOW_END: END,
        REQUEST_COUNT: 7,
        FARE_COUNT: xs.length,
        ...summed("SUM_FARE_ESTIMATE", xs),
        VERSION: 1,
      });
      await load(warehouse, `${table}_PARTS`, [
        part("one", 0, fares),
        ...[0, 3, 6].map((from, p) => part("three", p, fares.slice(from, from + 3))),
        part("none", 0, []),
      ]);
    }
    const raw = ["one", "three", "none"].map((ZONE, offset) => ({
      ZONE,
      RIDE_TYPE: "standard",
      EVENT_TYPE: "ride_requested",
      USER_ID: "u",
      TIMESTAMP: START,
      KAFKA_PARTITION: 0,
      KAFKA_OFFSET: offset,
    }));
    await load(warehouse, "RIDE_REQUESTS", raw);
    const mean = nearest(wholeSum(fares), 7n);
    for (const view of ["RIDE_DEMAND", "RIDE_HOURLY_STATS"]) {
      const rows = await ask(warehouse, `SELECT ZONE, AVG_FARE_ESTIMATE FROM ${view} ORDER BY ZONE`);
      assertEquals(rows, [["none", null], ["one", mean], ["three", mean]]);
    }
  });
});

const HUGE = 1.7e308;

Deno.test("a mean far out of the range of readings is near, and beyond the range of a double it is NULL", async () => {
  await onTables("trains", async (warehouse) => {
    const cases: readonly (readonly [xs: readonly number[], mean: number | null])[] = [
      [[HUGE, HUGE, HUGE], null],
      [[HUGE], HUGE],
      [[1e300, 3e285, 1], 1e300 / 3],
      [[1e20, 1, -1], 1e20 / 3],
      [[2 ** 40 + 0.1, 2 ** 41 + 0.7, 5e-9], (2 ** 40 + 2 ** 41 + 0.8) / 3],
      [[5e-324, 1e-310, 1e-320], 1e-310 / 3],
    ];
    for (const partitions of [1, 3]) {
      const rows = cases.flatMap(([xs], i) =>
        trainParts(`${partitions}/${i}`, { readings: xs, partitions, place: (index) => index })
      );
      await load(warehouse, "ATS_HOURLY_STATS_PARTS", rows);
    }
    for (const [train, mean] of await ask(warehouse, "SELECT TRAIN_ID, AVG_POWER_DRAW_KW FROM ATS_HOURLY_STATS")) {
      const expected = cases[Number(String(train).split("/")[1])]![1];
      if (expected === null) assertEquals(mean, null, String(train));
      else assert(Math.abs(Number(mean) - expected) <= 1e-9 * expected + 5e-320, `${train}: ${mean} for ${expected}`);
    }
  });
});

Deno.test("rows that an older Freshet wrote are merged with newer ones", async () => {
  await onTables("trains", async (warehouse) => {
    const [old, fresh] = trainParts("T", { readings: [12.3, 45.6, 78.9, 0.1], partitions: 2, place: (index) => index });
    const before = Object.fromEntries(Object.entries(old!).filter(([name]) => !/_LOW(EST)?$/.test(name)));
    const only = { ...before, TRAIN_ID: "OLD", SUM_POWER_DRAW_KW: 12.3 + 78.9 };
    await load(warehouse, "ATS_HOURLY_STATS_PARTS", [{ ...before, SUM_POWER_DRAW_KW: 12.3 + 78.9 }, fresh!, only]);
    const rows = await ask(warehouse, "SELECT TRAIN_ID, AVG_POWER_DRAW_KW FROM ATS_HOURLY_STATS ORDER BY TRAIN_ID");
    assertEquals(rows[0], ["OLD", (12.3 + 78.9) / 2]);
    // The older sum is rounded, so the last digit is not for sure.
    assert(Math.abs(Number(rows[1]![1]) - 136.9 / 4) <= 1e-14, String(rows[1]));
  });
});

Deno.test("hourly sales are right to the cent however much is sold", async () => {
  await onTables("wine", async (warehouse) => {
    const part = (partition: number, gross: number, discount: number) => ({
      KAFKA_PARTITION: partition,
      CHANNEL: "E-com",
      CATEGORY: "Rouge",
      WINDOW_START: START,
      WINDOW_END: END,
      ORDER_COUNT: 1,
      UNITS: 1,
      GROSS_CENTS: gross,
      DISCOUNT_CENTS: discount,
      VERSION: 1,
    });
    await load(warehouse, "SALES_HOURLY_PARTS", [part(0, 2 ** 53 - 1, 1), part(1, 2 ** 53 - 2, 28)]);
    const [row] = await ask(warehouse, "SELECT GROSS_REVENUE, DISCOUNT, NET_REVENUE FROM SALES_HOURLY");
    assertEquals(row!.map(String), ["180143985094819.81", "0.29", "180143985094819.52"]);
  });
});
