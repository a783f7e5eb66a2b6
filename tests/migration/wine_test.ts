// Wine as the system before sent it: a random key, so that a product's events are in every partition, and now and then an
// event of a type that only the raw table knows.

import { assert, assertEquals } from "@std/assert";
import { Random } from "../../simulators/random.ts";
import { assertSameRows, grouped, RECORDS, type Row, START_MS, timestamp, Worked } from "./old_system.ts";

const HOUR_MS = 3_600_000;
const CATEGORIES = ["🍷 Rouge", "🥂 Blanc", "🌸 Rosé", "🍾 Effervescent", "🥃 Spiritueux"];
const CHANNELS = ["E-com", "Boutique Paris", "Boutique Lyon", "Boutique Bordeaux"];
const STORES = ["Cave Centrale", "Entrepôt Paris", "Entrepôt Lyon", "Entrepôt Bordeaux"];
const OPENING_STOCK = 120;

interface Sent {
  /** Epoch milliseconds. */
  readonly time: number;
  readonly key: string;
  readonly said: Row & { readonly event_type: string; readonly product_id: number };
}

const isoformat = (time: number, micros: number) =>
  `${new Date(time).toISOString().slice(0, 19)}.${String(micros).padStart(6, "0")}+00:00`;

function uuid(random: Random): string {
  const digits = Array.from({ length: 32 }, () => random.below(16).toString(16)).join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

const pick = <T>(random: Random, of: readonly T[]): T => of[random.below(of.length)]!;
const euros = (cents: number) => cents / 100;

function order(random: Random, id: string): Row {
  const quantity = [1, 1, 1, 1, 1, 1, 2, 2, 3, 6][random.below(10)]!;
  const price = 1_260 + random.below(6_000);
  return {
    event_type: "ORDER_CREATED",
    order_line_id: id,
    customer_id: 1 + random.below(150),
    quantity,
    unit_price: euros(price),
    total_price: euros(price * quantity),
    discount: random.below(4) === 0 ? euros(random.below(1_000)) : 0,
    bottle_size_l: 0.75,
    sales_channel: pick(random, CHANNELS),
    source_service: "ecom_api",
    emoji: "🛒",
  };
}

function adjustment(random: Random, id: string): Row {
  const type = ["REPLENISHMENT", "REPLENISHMENT", "CORRECTION", "SPOILAGE"][random.below(4)]!;
  return {
    event_type: "INVENTORY_ADJUSTED",
    event_id: id,
    quantity_change: type === "REPLENISHMENT" ? 20 + random.below(131) : -1 - random.below(15),
    adjustment_type: type,
    warehouse_location: pick(random, STORES),
    source_service: "warehouse_management",
    emoji: "❌",
  };
}

function events(count: number): Sent[] {
  const random = new Random(11);
  return Array.from({ length: count }, (_, i) => {
    const [second, micros] = [START_MS + i * 10_000, random.below(1_000_000)];
    const key = uuid(random);
    const product = 1000 + random.below(50);
    const own = i % 100 === 99
      ? { event_type: "PRICE_CHANGED", event_id: key, unit_price: 20 }
      : random.below(10) < 7
      ? order(random, key)
      : adjustment(random, key);
    const said = {
      ...own as { event_type: string },
      product_id: product,
      product_name: `Merlot ${2000 + product % 20} – Prestige`,
      category: CATEGORIES[product % 5],
      event_ts: isoformat(second, micros),
    };
    return { time: second + micros / 1000, key, said };
  });
}

function sales(sent: readonly Sent[]): Row[] {
  const orders = sent.filter(({ said }) => said.event_type === "ORDER_CREATED");
  const hourOf = ({ time }: Sent) => Math.floor(time / HOUR_MS) * HOUR_MS;
  const groups = grouped(orders, (sent) => `${sent.said.sales_channel} ${sent.said.category} ${hourOf(sent)}`);
  const sum = (of: readonly Sent[], field: string) =>
    of.reduce((cents, { said }) => cents + Math.round(Number(said[field]) * 100), 0) / 100;
  return [...groups.values()].map((of) => ({
    channel: of[0]!.said.sales_channel,
    category: String(of[0]!.said.category).split(" ")[1],
    window_start: timestamp(hourOf(of[0]!)),
    order_count: of.length,
    units: sum(of, "quantity"),
    gross_revenue: sum(of, "total_price"),
    discount: sum(of, "discount"),
    net_revenue: Math.round((sum(of, "total_price") - sum(of, "discount")) * 100) / 100,
    is_final: true,
  }));
}

const storeOf = ({ said }: Sent) => said.warehouse_location ?? STORES[CHANNELS.indexOf(String(said.sales_channel))];

function stock(sent: readonly Sent[]): Row[] {
  const moved = sent.filter(({ said }) => said.event_type !== "PRICE_CHANGED");
  return [...grouped(moved, (sent) => `${sent.said.product_id} ${storeOf(sent)}`).values()].map((of) => ({
    product_id: of[0]!.said.product_id,
    warehouse: storeOf(of[0]!),
    quantity: of.reduce(
      (bottles, { said }) => bottles + Number(said.quantity_change ?? -Number(said.quantity)),
      OPENING_STOCK,
    ),
  }));
}

/** Spoilage of a product in a warehouse less than an hour apart. */
function spoilage(sent: readonly Sent[]): Row[] {
  const spoilt = sent.filter(({ said }) => said.adjustment_type === "SPOILAGE");
  const found: Sent[][] = [];
  for (const of of grouped(spoilt, ({ said }) => `${said.product_id} ${said.warehouse_location}`).values()) {
    for (const [i, one] of of.entries()) {
      if (i > 0 && one.time - of[i - 1]!.time < HOUR_MS) found.at(-1)!.push(one);
      else found.push([one]);
    }
  }
  return found.map((of) => {
    const bottles = of.map(({ said }) => -Number(said.quantity_change));
    return {
      product_id: of[0]!.said.product_id,
      warehouse: of[0]!.said.warehouse_location,
      started_at: timestamp(of[0]!.time),
      last_seen_at: timestamp(of.at(-1)!.time),
      cleared_at: timestamp(of.at(-1)!.time + HOUR_MS),
      event_count: of.length,
      peak_value: Math.max(...bottles),
      units_lost: bottles.reduce((sum, n) => sum + n, 0),
    };
  });
}

/** Times during which a product's level in a warehouse is below 60, in the order of the events. */
function lowStock(sent: readonly Sent[]): Row[] {
  const found: Row[] = [];
  const moved = sent.filter(({ said }) => said.event_type !== "PRICE_CHANGED");
  for (const of of grouped(moved, (sent) => `${sent.said.product_id} ${storeOf(sent)}`).values()) {
    let level = OPENING_STOCK;
    let low: { first: Sent; last: Sent; count: number; least: number } | undefined;
    const close = (at: number | null) => {
      if (!low) return;
      found.push({
        product_id: low.first.said.product_id,
        warehouse: storeOf(low.first),
        started_at: timestamp(low.first.time),
        last_seen_at: timestamp(low.last.time),
        cleared_at: at === null ? null : timestamp(at),
        event_count: low.count,
        peak_value: low.least,
      });
      low = undefined;
    };
    for (const one of of) {
      level += Number(one.said.quantity_change ?? -Number(one.said.quantity));
      if (level >= 60) close(one.time);
      else {
        low ??= { first: one, last: one, count: 0, least: level };
        low = { ...low, last: one, count: low.count + 1, least: Math.min(low.least, level) };
      }
    }
    close(null);
  }
  return found;
}

Deno.test("low stock goes by the order of the events where the topic is read from a keyed copy", async () => {
  const sent = events(RECORDS);
  const records = sent.map(({ time, key, said }) => ({
    key,
    value: JSON.stringify(said),
    timestamp: Math.floor(time),
  }));
  const env = { FRESHET_KEYED_COPIES: "wine" };
  await using worked = await Worked.off({ domain: "wine", topic: "sales_events", records, env });
  await worked.assertAllTaken("RAW_EVENTS_STREAM", { content: "EVENT_CONTENT" });
  const expected = lowStock(sent);
  const columns = Object.keys(expected[0]!).join(", ");
  assertSameRows(await worked.rows(`SELECT ${columns} FROM STOCK_ALERTS WHERE ALERT_TYPE = 'LOW_STOCK'`), expected);
  assertSameRows(await worked.rows("SELECT PRODUCT_ID, WAREHOUSE, QUANTITY FROM STOCK_LEVELS"), stock(sent));
});

Deno.test("wine of the system before: 10,000 events under random keys make the tables that they must", async () => {
  const sent = events(RECORDS);
  await using worked = await Worked.off({
    domain: "wine",
    topic: "sales_events",
    records: sent.map(({ key, said }) => ({ key, value: JSON.stringify(said) })),
    env: { FRESHET_DEAD_LETTER_SUFFIX: "_dlq" },
  });
  await worked.assertAllTaken("RAW_EVENTS_STREAM", { content: "EVENT_CONTENT" });

  assertSameRows(
    await worked.rows("SELECT EVENT_TYPE, PRODUCT_ID, CUSTOMER_ID, COUNT(*) AS N FROM RAW_EVENTS_STREAM GROUP BY ALL"),
    [...grouped(sent, ({ said }) => `${said.event_type} ${said.product_id} ${said.customer_id}`).values()].map((
      of,
    ) => ({
      event_type: of[0]!.said.event_type,
      product_id: of[0]!.said.product_id,
      customer_id: of[0]!.said.customer_id ?? null,
      n: of.length,
    })),
  );
  const [metadata] = await worked.rows("SELECT COUNT(EVENT_METADATA->>'timestamp_ms') AS N FROM RAW_EVENTS_STREAM");
  assertEquals(metadata, { N: RECORDS });
  assertEquals((await worked.topics()).toSorted(), ["sales_events", "sales_events_dlq"]);
  const expected = sales(sent);
  const columns = Object.keys(expected[0]!).map((name) =>
    /_revenue|discount/.test(name) ? `CAST(${name} AS DOUBLE) AS ${name}` : name
  );
  assertSameRows(await worked.rows(`SELECT ${columns.join(", ")} FROM SALES_HOURLY`), expected);
  assertSameRows(await worked.rows("SELECT PRODUCT_ID, WAREHOUSE, QUANTITY FROM STOCK_LEVELS"), stock(sent));
  const spoilt = spoilage(sent);
  assertSameRows(
    await worked.rows(
      `SELECT ${Object.keys(spoilt[0]!).join(", ")} FROM STOCK_ALERTS_JOINED WHERE ALERT_TYPE = 'SPOILAGE'`,
    ),
    spoilt,
  );
  const [parts] = await worked.rows("SELECT COUNT(*) AS N FROM STOCK_ALERTS WHERE ALERT_TYPE = 'SPOILAGE'");
  assert(Number(parts!.N) > spoilt.length, `${parts!.N} parts of ${spoilt.length} alerts`);
});
