import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { SalesEvent, SHIPS_FROM } from "../../src/domains/wine/mod.ts";
import type { GenerateOptions, SimulatedRecord } from "../../simulators/simulator.ts";
import { wine } from "../../simulators/wine.ts";
import { easterDay, tradeAt } from "../../simulators/wine_calendar.ts";
import { CATALOGUE, productOf, SHELVES } from "../../simulators/wine_catalogue.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = Date.parse("2025-11-19T00:00:00Z");
const PER_DAY = 2500;

type Event = Readonly<Record<string, string | number>>;

function between(start: number, end: number, options: Partial<GenerateOptions> = {}): SimulatedRecord[] {
  const records: SimulatedRecord[] = [];
  for (const record of wine.generate({ seed: 1, start, intervalMs: wine.intervalMs, ...options })) {
    if (record.timestamp >= end) return records;
    records.push(record);
  }
  return records;
}

const HISTORY = { natural: true, intervalMs: DAY / PER_DAY };
const eventsOf = (records: readonly SimulatedRecord[]) =>
  records.map(({ value }) => JSON.parse(String(value)) as Event);
const share = (events: readonly Event[], of: (e: Event) => boolean) => events.filter(of).length / events.length;

Deno.test("the catalogue is 50 products with a name of their own each, the same for ever, on all five shelves", () => {
  assertEquals(CATALOGUE.map(({ id }) => id), Array.from({ length: 50 }, (_, i) => 1000 + i));
  assertEquals(new Set(CATALOGUE.map(({ name }) => name)).size, 50);
  assertEquals(new Set(CATALOGUE.map(({ category }) => category)), new Set(Object.keys(SHELVES)));
  assertEquals(CATALOGUE.map(({ id }) => productOf(id)), CATALOGUE);
  const { name, label, priceCents } = productOf(1000);
  assertEquals(
    [name, label, priceCents],
    ["Chinon 2013 – Clos des Tilleuls", "🍷 Rouge", 1320],
    "names and prices must not change",
  );
  for (const { priceCents, category } of CATALOGUE) {
    assert(priceCents >= 0.69 * 100 * SHELVES[category].price && priceCents <= 2.01 * 100 * SHELVES[category].price);
  }
});

for (
  const [mode, options, isDense] of [
    ["evenly", {}, true],
    ["by the calendar, an event a second", { natural: true }, true],
    ["by the calendar, a history", HISTORY, false],
  ] as const
) {
  Deno.test(`${mode}: the same seed gives the same records, from wherever one starts`, () => {
    const end = START + (isDense ? 12 * HOUR : 3 * DAY);
    const whole = between(START, end, options);
    assert(whole.length > 4000);
    for (const cut of [1, 777, HOUR + 1, 1.5 * HOUR]) {
      assertEquals(between(START + cut, end, options), whole.filter(({ timestamp }) => timestamp >= START + cut));
    }
    assert(JSON.stringify(between(START, end, { ...options, seed: 2 })) !== JSON.stringify(whole));
  });

  Deno.test(`${mode}: every record is one that the domain accepts, in order, under ids of their own`, () => {
    const records = between(START, START + (isDense ? 3 * HOUR : 4 * DAY), options);
    const ids = new Set<unknown>();
    let last = START;
    for (const { timestamp, key, value } of records) {
      const event = JSON.parse(String(value));
      SalesEvent.parse(event);
      ids.add(event.order_line_id ?? event.event_id);
      assertEquals([Date.parse(event.event_ts), String(event.product_id)], [timestamp, key]);
      assert(timestamp >= last);
      last = timestamp;
    }
    assertEquals(ids.size, records.length);
  });

  Deno.test(`${mode}: shares are as they should be, and no warehouse runs out`, () => {
    const events = eventsOf(between(START, START + (isDense ? 12 * HOUR : 16 * DAY), options));
    const orders = events.filter((e) => e.event_type === "ORDER_CREATED");
    const adjustments = events.filter((e) => e.event_type === "INVENTORY_ADJUSTED");
    const kinds = (kind: string) => share(adjustments, (e) => e.adjustment_type === kind);
    assertAlmostEquals(share(events, (e) => e.event_type === "ORDER_CREATED"), 0.7, 0.01);
    assertAlmostEquals(share(orders, (e) => Number(e.discount) > 0), 0.25, 0.01);
    for (const [kind, of] of [["REPLENISHMENT", 0.6], ["CORRECTION", 0.3], ["SPOILAGE", 0.1]] as const) {
      assertAlmostEquals(kinds(kind), of, 0.02, kind);
    }
    assertEquals(new Set(orders.map((e) => e.sales_channel)), new Set(Object.keys(SHIPS_FROM)));
    assertEquals(new Set(adjustments.map((e) => e.warehouse_location)), new Set(Object.values(SHIPS_FROM)));
    const customers = new Set(orders.map((e) => Number(e.customer_id)));
    assertEquals([customers.size, Math.min(...customers), Math.max(...customers)], [150, 1, 150]);

    const stock = new Map<string, number>();
    let low = 0;
    for (const e of events) {
      const place = `${e.product_id} ${e.warehouse_location ?? SHIPS_FROM[String(e.sales_channel)]}`;
      const level = (stock.get(place) ?? 120) + Number(e.quantity_change ?? -e.quantity!);
      assert(level >= 0, `${place} is at ${level}`);
      if (level < 60) low++;
      stock.set(place, level);
    }
    const mean = [...stock.values()].reduce((sum, level) => sum + level, 0) / stock.size;
    assertAlmostEquals(mean, 120, 15);
    assert(low > 0 && low < events.length / 20, `${low} low`);
  });
}

Deno.test("the share of orders is a setting, and so is the delay", () => {
  const events = eventsOf(between(START, START + HOUR, { settings: { ORDER_CREATED_PROBABILITY: 0.2 } }));
  assertAlmostEquals(share(events, (e) => e.event_type === "ORDER_CREATED"), 0.2, 0.03);
  assertEquals(wine.intervalFrom!({ EVENT_GENERATION_DELAY: 0.25 }), 250);
});

Deno.test("live events come at even distances, in the middle of the night too", () => {
  const times = between(START + 3 * HOUR, START + 3 * HOUR + 60_000).map(({ timestamp }) => timestamp);
  assertEquals(times, Array.from({ length: 60 }, (_, i) => START + 3 * HOUR + i * 1000));
});

Deno.test("a year of history has as many events as asked for, and the shape of a year of trade", () => {
  const counts = new Map<number, number>();
  const from = Date.UTC(2025, 0, 1);
  let orders = 0;
  let rosé = { summer: 0, winter: 0 };
  for (const { timestamp, value } of between(from, from + 365 * DAY, { ...HISTORY, intervalMs: DAY / 300 })) {
    const day = Math.floor(timestamp / DAY);
    counts.set(day, (counts.get(day) ?? 0) + 1);
    if (!String(value).includes("ORDER_CREATED")) continue;
    orders++;
    const month = new Date(timestamp).getUTCMonth();
    if (!String(value).includes("🌸")) continue;
    if (month >= 5 && month <= 7) rosé = { ...rosé, summer: rosé.summer + 1 };
    if (month === 11 || month <= 1) rosé = { ...rosé, winter: rosé.winter + 1 };
  }
  const total = [...counts.values()].reduce((sum, n) => sum + n, 0);
  assertAlmostEquals(total / (365 * 300), 1, 0.01);
  assertAlmostEquals(orders / total, 0.7, 0.01);
  const meanOf = (days: readonly string[]) =>
    days.reduce((sum, day) => sum + counts.get(Date.parse(day) / DAY)!, 0) / days.length;
  const ordinary = meanOf(["2025-10-07", "2025-10-08", "2025-10-14", "2025-10-15"]);
  assert(meanOf(["2025-12-20", "2025-12-22", "2025-12-23"]) > 2 * ordinary, "before Christmas");
  assert(meanOf(["2025-12-25", "2025-01-01", "2025-05-01"]) < 0.8 * ordinary, "shops closed");
  assert(meanOf(["2025-10-04", "2025-10-11", "2025-10-18"]) > 1.3 * meanOf(["2025-10-06", "2025-10-13"]), "Saturdays");
  assert(meanOf(["2025-11-20", "2025-11-21"]) > 1.2 * meanOf(["2025-11-13", "2025-11-14"]), "Beaujolais nouveau");
  assert(rosé.summer > 2.5 * rosé.winter, JSON.stringify(rosé));
  assert(tradeAt(Date.UTC(2025, 9, 8, 17)) > 10 * tradeAt(Date.UTC(2025, 9, 8, 2)), "evenings and nights");
});

Deno.test("Easter is where the church has it", () => {
  const dates = [2024, 2025, 2026, 2027, 2038].map((year) =>
    new Date(easterDay(year) * DAY).toISOString().slice(0, 10)
  );
  assertEquals(dates, ["2024-03-31", "2025-04-20", "2026-04-05", "2027-03-28", "2038-04-25"]);
});

Deno.test("a record is told in a line, with its emojis", () => {
  const lines = between(START, START + 200_000).map((record) => wine.describe!(record));
  const order = /^🛒 ORDER_CREATED \| Customer #\d+ \| \S+ \S+ .+ \| Qty: \d+ \| Price: €\d+\.\d\d \| Channel: .+$/;
  const other = /^(📦|✏️|❌) INVENTORY_ADJUSTED \| Product #\d+ \| .+ \| [+-]?\d+ bottles \| Type: [A-Z]+ \| .+$/;
  for (const line of lines) assert(order.test(line) || other.test(line), line);
  assert(lines.some((line) => order.test(line)) && lines.some((line) => other.test(line)));
});
