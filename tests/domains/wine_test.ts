// The wine domain: what old producers send is taken, and a few events make the rows of every table.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { SalesEvent } from "../../src/domains/wine/mod.ts";
import { runStartChecks } from "../../src/engine/start_checks.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import type { Warehouse } from "../../src/warehouse/warehouse.ts";
import { domainOf } from "../support/domains.ts";
import { World } from "../support/simulation/world.ts";

type Row = Readonly<Record<string, unknown>>;

const ORDER: Row = {
  event_type: "ORDER_CREATED",
  order_line_id: "a3f7b2c1",
  customer_id: 87,
  product_id: 1025,
  quantity: 2,
  event_ts: "2027-01-15T09:30:15.123456+00:00",
  source_service: "ecom_api",
  sales_channel: "E-com",
};
const ADJUSTMENT: Row = {
  event_type: "INVENTORY_ADJUSTED",
  event_id: "b4a8c3d2",
  product_id: 1030,
  quantity_change: 50,
  event_ts: "2027-01-15T09:30:15.123456+00:00",
  source_service: "warehouse_management",
  adjustment_type: "REPLENISHMENT",
};
const FULL: Row = {
  product_name: "Chinon 2013 – Tradition",
  category: "🍷 Rouge",
  unit_price: 18,
  total_price: 36,
  discount: 5.2,
  bottle_size_l: 0.75,
  emoji: "🛒",
};

const accepted: readonly (readonly [string, Row, Row])[] = [
  ["an order of the first producer, without price and name", ORDER, {}],
  ["an order of the second producer, with all of it", ORDER, FULL],
  ["an order in shop and of a warehouse of its own", ORDER, { sales_channel: "Salon", warehouse_location: "Réserve" }],
  ["null for what need not be there", ORDER, { unit_price: null, category: null, discount: null, sales_channel: null }],
  ["fields that nobody knows", ORDER, { voucher: { code: "NOËL" } }],
  ["an epoch time", ORDER, { event_ts: 1_800_005_415_123 }],
  ["a delivery without a warehouse", ADJUSTMENT, {}],
  ["a delivery with its batch", ADJUSTMENT, { batch: { number: "LOT-1", supplier: "X" }, warehouse_location: "Cave" }],
  ["a correction upwards", ADJUSTMENT, { adjustment_type: "CORRECTION", quantity_change: 3 }],
  ["a correction downwards", ADJUSTMENT, { adjustment_type: "CORRECTION", quantity_change: -3 }],
  ["spoilage", ADJUSTMENT, { adjustment_type: "SPOILAGE", quantity_change: -2 }],
];

for (const [name, event, changes] of accepted) {
  Deno.test(`${name} is taken, and has an event time`, () => {
    const parsed = SalesEvent.safeParse(JSON.parse(JSON.stringify({ ...event, ...changes })));
    assert(parsed.success, parsed.error?.message);
    assertEquals(Math.floor(domainOf("wine").eventTime(parsed.data) / 1000), Date.UTC(2027, 0, 15, 9, 30, 15) / 1000);
  });
}

const refused: readonly (readonly [string, Row, Row, reason: string, detail: string])[] = [
  ["no type", ORDER, { event_type: undefined }, "invalid_value", "event_type"],
  ["a type longer than its column", ORDER, { event_type: "SHIPPED".repeat(8) }, "invalid_value", "ORDER_CREATED"],
  ["an order without its id", ORDER, { order_line_id: undefined }, "missing_field", "order_line_id"],
  ["an order without a customer", ORDER, { customer_id: undefined }, "missing_field", "customer_id"],
  ["an order without a product", ORDER, { product_id: undefined }, "missing_field", "product_id"],
  ["an order without a quantity", ORDER, { quantity: undefined }, "missing_field", "quantity"],
  ["an order of no bottle", ORDER, { quantity: 0 }, "out_of_range", "quantity"],
  ["an order of half a bottle", ORDER, { quantity: 0.5 }, "wrong_type", "quantity"],
  ["a negative price", ORDER, { unit_price: -1 }, "out_of_range", "unit_price"],
  ["an order without a time", ORDER, { event_ts: undefined }, "missing_field", "event_ts"],
  ["a time that is none", ORDER, { event_ts: "soon" }, "invalid_timestamp", "event time"],
  ["an adjustment without its id", ADJUSTMENT, { event_id: undefined }, "missing_field", "event_id"],
  ["an adjustment by nothing", ADJUSTMENT, { quantity_change: undefined }, "missing_field", "quantity_change"],
  ["an adjustment of no kind", ADJUSTMENT, { adjustment_type: undefined }, "invalid_value", "adjustment_type"],
  ["an adjustment of an unknown kind", ADJUSTMENT, { adjustment_type: "THEFT" }, "invalid_value", "REPLENISHMENT"],
  ["a delivery that takes away", ADJUSTMENT, { quantity_change: -4 }, "out_of_range", "quantity_change"],
  ["spoilage that adds", ADJUSTMENT, { adjustment_type: "SPOILAGE" }, "out_of_range", "quantity_change"],
];

for (const [name, event, changes, reason, detail] of refused) {
  Deno.test(`${name} is a dead letter that says so`, async () => {
    const world = new World(domainOf("wine"));
    for (const said of [ORDER, { ...event, ...changes }]) world.produce(said);
    await world.workOff();
    const { warehouse } = world;
    const [letter, ...others] = warehouse.rows("DEAD_LETTERS");
    assertEquals([letter?.REASON, letter?.KAFKA_OFFSET, others.length], [reason, 1, 0], String(letter?.DETAIL));
    assertStringIncludes(String(letter!.DETAIL), detail);
    assertEquals(warehouse.rows("RAW_EVENTS_STREAM").length, 1);
  });
}

const at = (clock: string) => Date.parse(`2027-01-15T${clock}Z`);
const said = (rows: readonly Row[], columns: readonly string[]) => rows.map((row) => columns.map((name) => row[name]));

/** Runs events (orders unless they say otherwise), each of a time and what differs, through the domain. */
async function run(
  events: readonly (readonly [clock: string, changes?: Row])[],
  settings: Readonly<Record<string, string>> = {},
): Promise<World> {
  const world = new World(domainOf("wine", settings));
  for (const [clock, changes = {}] of events) {
    const event = changes.adjustment_type === undefined ? ORDER : ADJUSTMENT;
    world.produce({ ...event, ...changes, event_ts: `2027-01-15T${clock}` });
  }
  await world.workOff();
  return world;
}

Deno.test("an event of a type that nobody knows is a raw row, and counts nowhere", async () => {
  const world = new World(domainOf("wine"));
  for (const changes of [{}, { event_type: "ORDER_SHIPPED" }, { event_type: "PRICE_CHANGED", customer_id: "x" }]) {
    world.produce({ ...ORDER, ...changes });
  }
  await world.workOff();
  const { warehouse } = world;
  assertEquals(said(warehouse.rows("RAW_EVENTS_STREAM"), ["EVENT_TYPE", "PRODUCT_ID", "CUSTOMER_ID"]), [
    ["ORDER_CREATED", 1025, 87],
    ["ORDER_SHIPPED", 1025, 87],
    ["PRICE_CHANGED", 1025, null],
  ]);
  assertEquals(said(warehouse.rows("SALES_HOURLY_PARTS"), ["ORDER_COUNT"]), [[1]]);
  assertEquals(said(warehouse.rows("STOCK_LEVELS_PARTS"), ["QUANTITY_CHANGE"]), [[-2]]);
  assertEquals(warehouse.rows("DEAD_LETTERS"), []);
});

Deno.test("an event is a raw row as it came, with type, product and customer", async () => {
  const { warehouse } = await run([["09:00:00", { extra: 1 }], ["09:00:01", { adjustment_type: "CORRECTION" }]]);
  const rows = warehouse.rows("RAW_EVENTS_STREAM");
  assertEquals(said(rows, ["EVENT_TYPE", "PRODUCT_ID", "CUSTOMER_ID"]), [
    ["ORDER_CREATED", 1025, 87],
    ["INVENTORY_ADJUSTED", 1030, null],
  ]);
  assertEquals(JSON.parse(String(rows[0]!.EVENT_CONTENT)).extra, 1);
  assertEquals(JSON.parse(String(rows[1]!.EVENT_METADATA)).offset, 1);
  assert(!("INGESTION_TIME" in rows[0]!), "the warehouse says when it came");
});

Deno.test("sales are added up in whole cents by channel, category and hour", async () => {
  const { warehouse } = await run([
    ["09:00:00", { ...FULL, total_price: 0.1, discount: 0 }],
    ["09:10:00", { ...FULL, total_price: 0.2, discount: 0.05 }],
    ["09:59:59", { ...FULL, total_price: undefined, unit_price: 18.15, quantity: 3, discount: null }],
    ["09:20:00", { ...FULL, category: "Rouge", sales_channel: "Boutique Lyon" }],
    ["09:30:00", { category: undefined, sales_channel: undefined }],
    ["09:40:00", { adjustment_type: "CORRECTION", category: "🍷 Rouge" }],
    ["10:00:00", FULL],
  ]);
  const rows = said(warehouse.rows("SALES_HOURLY_PARTS"), [
    "CHANNEL",
    "CATEGORY",
    "WINDOW_START",
    "ORDER_COUNT",
    "UNITS",
    "GROSS_CENTS",
    "DISCOUNT_CENTS",
  ]);
  assertEquals(rows.toSorted(), [
    ["Boutique Lyon", "Rouge", at("09:00:00"), 1, 2, 3600, 520],
    ["E-com", "Rouge", at("09:00:00"), 3, 7, 5475, 5],
    ["E-com", "Rouge", at("10:00:00"), 1, 2, 3600, 520],
    ["unknown", "unknown", at("09:00:00"), 1, 2, 0, 0],
  ]);
});

Deno.test("orders leave their shop's warehouse, adjustments change the one that they name, and nothing is late", async () => {
  const { warehouse } = await run([
    ["09:00:00", { sales_channel: "Boutique Lyon" }],
    ["09:00:01", { sales_channel: "Salon", quantity: 5 }],
    ["09:00:02", { quantity: 1 }],
    ["09:00:03", { quantity: 7, sales_channel: "Boutique Lyon", warehouse_location: "Réserve" }],
    ["09:00:04", { adjustment_type: "REPLENISHMENT", product_id: 1025 }],
    ["11:59:00", { adjustment_type: "SPOILAGE", quantity_change: -6, product_id: 1025, warehouse_location: "Réserve" }],
    ["01:00:00", {
      adjustment_type: "CORRECTION",
      quantity_change: -1,
      product_id: 1025,
      warehouse_location: "Réserve",
    }],
  ], { WINE_OPENING_STOCK: "10" });
  const rows = said(warehouse.rows("STOCK_LEVELS_PARTS"), [
    "PRODUCT_ID",
    "WAREHOUSE",
    "QUANTITY_CHANGE",
    "OPENING_QUANTITY",
  ]);
  assertEquals(rows.toSorted(), [
    [1025, "Cave Centrale", 44, 10],
    [1025, "Entrepôt Lyon", -2, 10],
    [1025, "Réserve", -14, 10],
  ]);
  assertEquals(warehouse.rows("LATE_RECORDS"), []);
});

Deno.test("a channel whose name every object of JavaScript has sells from the central warehouse, as any unknown one", async () => {
  const names = ["constructor", "__proto__", "toString"];
  const { warehouse } = await run(
    names.map((sales_channel, i) => [`09:00:0${i}`, { sales_channel, quantity: 1, product_id: 1025 }] as const),
  );
  assertEquals(said(warehouse.rows("STOCK_LEVELS_PARTS"), ["PRODUCT_ID", "WAREHOUSE", "QUANTITY_CHANGE"]), [
    [1025, "Cave Centrale", -3],
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
];

Deno.test("low stock is raised below the threshold, lasts, and is cleared by the delivery that lifts it", async () => {
  const { warehouse } = await run([
    ["09:00:00", { quantity: 4 }],
    ["09:01:00", { quantity: 1 }],
    ["09:02:00", { quantity: 3 }],
    ["09:03:00", { adjustment_type: "REPLENISHMENT", product_id: 1025, quantity_change: 2 }],
    ["09:04:00", { adjustment_type: "REPLENISHMENT", product_id: 1025, quantity_change: 1 }],
    ["09:05:00", { quantity: 1, product_name: "Chinon" }],
  ], { WINE_OPENING_STOCK: "10", WINE_LOW_STOCK: "5" });
  const rows = warehouse.rows("STOCK_ALERTS");
  assertEquals(said(rows, ALERT), [
    [
      "LOW_STOCK/1025/Cave Centrale/0/2027-01-15T09:02:00.000Z",
      "CLEARED",
      at("09:02:00"),
      at("09:03:00"),
      at("09:04:00"),
      2,
      2,
      5,
    ],
    [
      "LOW_STOCK/1025/Cave Centrale/0/2027-01-15T09:05:00.000Z",
      "ACTIVE",
      at("09:05:00"),
      at("09:05:00"),
      null,
      1,
      4,
      5,
    ],
  ]);
  assertEquals(rows[1]!.PRODUCT_NAME, "Chinon");
});

Deno.test("spoilage is an episode of a product in a warehouse, from so many bottles on", async () => {
  const spoilt = (bottles: number) => ({
    adjustment_type: "SPOILAGE",
    quantity_change: -bottles,
    warehouse_location: "C",
  });
  const { warehouse } = await run(
    [["08:00:00", spoilt(2)], ["08:30:00", spoilt(6)], ["08:40:00", spoilt(1)], ["09:30:00", spoilt(3)], ["10:31:00"]],
    { WINE_SPOILAGE_BOTTLES: "2" },
  );
  const rows = warehouse.rows("STOCK_ALERTS").filter((row) => row.ALERT_TYPE === "SPOILAGE");
  assertEquals(said(rows, [...ALERT.slice(1), "UNITS_LOST"]), [
    ["CLEARED", at("08:00:00"), at("08:30:00"), at("09:30:00"), 2, 6, 2, 8],
    ["CLEARED", at("09:30:00"), at("09:30:00"), at("10:30:00"), 1, 3, 2, 3],
  ]);
});

Deno.test("the topic is named by KAFKA_TOPIC_NAME, and the group is the old one", () => {
  const { topic, group } = domainOf("wine", { KAFKA_TOPIC_NAME: "les.caves" });
  assertEquals([topic, group], ["les.caves", "snowflake-ingestion-group"]);
});

/** What the start checks say of a warehouse. */
async function warnings(warehouse: Warehouse): Promise<string[]> {
  const said: string[] = [];
  const warn = (_: string, properties: Row = {}) => void said.push(String(properties.warning ?? properties.error));
  await runStartChecks(domainOf("wine"), warehouse, { debug() {}, info() {}, warn, error: warn });
  return said;
}

/** The tables as the old system has made them. */
const OLD_SYSTEM = `-- version 1: the old system's
CREATE TABLE RAW_EVENTS_STREAM (
  EVENT_TYPE VARCHAR(50), PRODUCT_ID INTEGER, CUSTOMER_ID INTEGER, EVENT_METADATA OBJECT NOT NULL,
  EVENT_CONTENT VARIANT NOT NULL, INGESTION_TIME TIMESTAMP_LTZ DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE STG_RAW_EVENTS_STREAM (EVENT_METADATA_V VARCHAR, EVENT_CONTENT_V VARCHAR);
`;
const OLD_ROWS = `-- version 1: rows
INSERT INTO RAW_EVENTS_STREAM (EVENT_TYPE, EVENT_METADATA, EVENT_CONTENT) VALUES ('ORDER_CREATED', '{}', '{}');
INSERT INTO STG_RAW_EVENTS_STREAM VALUES ('{}', '{}'), ('{}', '{}');
`;

Deno.test("tables of the old system are taken over as they are, and what was left in them is told at the start", async () => {
  const freshet = { name: "freshet", text: await Deno.readTextFile(new URL("../../sql/freshet.sql", import.meta.url)) };
  await using warehouse = await openDuckDb({ path: ":memory:" });
  assertEquals(await warnings(warehouse), [], "no table, nothing to say");
  await warehouse.migrate([freshet, { name: "old", text: OLD_SYSTEM }, { name: "wine", text: domainOf("wine").sql }]);
  assertEquals(await warnings(warehouse), [], "empty tables, nothing to say");
  await warehouse.migrate([{ name: "rows", text: OLD_ROWS }]);
  const [staging, raw, ...others] = await warnings(warehouse);
  assertStringIncludes(staging!, "STG_RAW_EVENTS_STREAM holds 2 rows");
  assertStringIncludes(raw!, "RAW_EVENTS_STREAM holds 1 rows of another system");
  assertEquals(others, []);
  const { rows: [row], columns } = await warehouse.query("SELECT * FROM RAW_EVENTS_STREAM");
  assert(row![5] !== null, "it came now");
  assertEquals(columns.map(({ name, type }) => `${name} ${type}`), [
    "EVENT_TYPE VARCHAR",
    "PRODUCT_ID BIGINT",
    "CUSTOMER_ID BIGINT",
    "EVENT_METADATA VARIANT",
    "EVENT_CONTENT VARIANT",
    "INGESTION_TIME TIMESTAMP_LTZ",
  ], "INTEGER is as wide as Snowflake's");
});

Deno.test("history that ends long ago is the present when nothing comes after it, until more history comes", async () => {
  const world = new World(domainOf("wine"));
  const days = (n: number) => new Date(Date.UTC(2027, 0, 15, 11) - n * 86_400_000).toISOString();
  const statuses = () => said(world.warehouse.rows("STOCK_ALERTS"), ["PRODUCT_ID", "STATUS"]).toSorted();
  world.produce({ ...ORDER, product_id: 1, quantity: 100, event_ts: days(400) });
  const instance = world.start();
  await world.until(() => world.warehouse.rows("STOCK_ALERTS").length === 1);
  assertEquals(statuses(), [[1, "CLEARED"]]);
  // Silence: the clock closes windows, and what lasts is so now.
  await world.until(() => statuses()[0]![1] === "ACTIVE");
  world.produce({ ...ORDER, product_id: 2, quantity: 100, event_ts: days(399) });
  await world.until(() => world.warehouse.rows("STOCK_ALERTS").length === 2);
  assertEquals(statuses(), [[1, "ACTIVE"], [2, "CLEARED"]]);
  await world.stopped(instance);
});

Deno.test("of history no alert is active, and what still lasts is one when the present is reached", async () => {
  const world = new World(domainOf("wine"));
  const seen = new Set<string>();
  world.warehouse.watch = ({ upserts }) => {
    for (const { rows } of upserts) {
      for (const { ALERT_ID, STATUS } of rows) if (ALERT_ID) seen.add(`${ALERT_ID} ${STATUS}`);
    }
  };
  const days = (n: number) => new Date(Date.UTC(2027, 0, 15, 11) - n * 86_400_000).toISOString();
  const order = (product_id: number, n: number) =>
    world.produce({ ...ORDER, product_id, quantity: 100, event_ts: days(n) });
  const more = (product_id: number, n: number) => world.produce({ ...ADJUSTMENT, product_id, event_ts: days(n) });
  order(1, 400);
  await world.catchUp();
  order(2, 300);
  more(1, 200);
  world.produce({ ...ADJUSTMENT, adjustment_type: "SPOILAGE", quantity_change: -3, event_ts: days(100) });
  await world.catchUp();
  const statuses = () =>
    said(world.warehouse.rows("STOCK_ALERTS"), ["ALERT_TYPE", "PRODUCT_ID", "STATUS", "CLEARED_AT"]).toSorted();
  assertEquals(statuses(), [
    ["LOW_STOCK", 1, "CLEARED", Date.parse(days(200))],
    ["LOW_STOCK", 2, "CLEARED", null],
    ["SPOILAGE", 1030, "CLEARED", null],
  ], "what lasts is told, but not as an alert");
  assertEquals([...seen].filter((row) => row.endsWith("ACTIVE")), []);
  more(3, 0);
  await world.catchUp();
  assertEquals(statuses(), [
    ["LOW_STOCK", 1, "CLEARED", Date.parse(days(200))],
    ["LOW_STOCK", 2, "ACTIVE", null],
    ["SPOILAGE", 1030, "CLEARED", Date.parse(days(100)) + 3_600_000],
  ]);
});
