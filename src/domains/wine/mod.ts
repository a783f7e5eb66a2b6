// Wine shop: orders and stock movements as they came, sales by the hour, stock levels, alerts of low stock and of spoilage.

import { z } from "zod";
import sql from "../../../sql/wine.sql" with { type: "text" };
import dynamicTables from "../../../sql/snowflake/06_dynamic_tables_wine.sql" with { type: "text" };
import { count, hours, last, minutes, parseTimestamp, seconds, sum } from "@freshet/stream";
import { domain, type DomainSpec, type StartCheck } from "../domain.ts";
import { checks } from "./checks.ts";
import { panels } from "./panels.ts";

const text = z.string().min(1).max(256);
const money = z.number().min(0).max(1e6);
const eventTime = z.union([z.string(), z.number()])
  .describe("Event time: ISO 8601 (UTC when it says no offset) or epoch ms");

/** What both kinds of event say of a product. */
const product = {
  product_id: z.int().min(0),
  product_name: text.nullish(),
  category: text.nullish().describe("Rouge, Blanc, Rosé, Effervescent or Spiritueux; an emoji may stand before it"),
  warehouse_location: text.nullish(),
  event_ts: eventTime,
  source_service: z.string().max(256).nullish(),
  emoji: z.string().max(16).nullish(),
};

/** A customer has bought a product. */
export const OrderCreated = z.object({
  event_type: z.literal("ORDER_CREATED"),
  order_line_id: text,
  customer_id: z.int().min(0),
  ...product,
  quantity: z.int().min(1).max(1_000_000).describe("Bottles"),
  unit_price: money.nullish().describe("Of a bottle, EUR"),
  total_price: money.nullish().describe("Of all bottles, EUR, before the discount"),
  discount: money.nullish().describe("EUR off the whole order line"),
  bottle_size_l: z.number().positive().nullish(),
  sales_channel: text.nullish(),
});

const adjustment = z.object({
  event_type: z.literal("INVENTORY_ADJUSTED"),
  event_id: text,
  ...product,
  quantity_change: z.int().min(-1_000_000).max(1_000_000).describe("Bottles: more when positive, fewer when negative"),
  batch: z.looseObject({ number: text.nullish() }).nullish(),
});

/** The stock of a product has changed otherwise. */
export const InventoryAdjusted = z.discriminatedUnion("adjustment_type", [
  adjustment.extend({
    adjustment_type: z.literal("REPLENISHMENT").describe("Bottles have been delivered"),
    quantity_change: z.int().min(1).max(1_000_000),
  }),
  adjustment.extend({
    adjustment_type: z.literal("CORRECTION").describe("Stocktaking has found more or fewer bottles"),
  }),
  adjustment.extend({
    adjustment_type: z.literal("SPOILAGE").describe("Bottles are broken or spoilt"),
    quantity_change: z.int().min(-1_000_000).max(-1),
  }),
]);

/** Unknown fields stay in the raw table. */
export const SalesEvent = z.discriminatedUnion("event_type", [OrderCreated, InventoryAdjusted]);

export type SalesEvent = z.infer<typeof SalesEvent>;
export type OrderCreated = z.infer<typeof OrderCreated>;
export type InventoryAdjusted = z.infer<typeof InventoryAdjusted>;

/** Where an order leaves the house that does not say so itself: each shop sells from its own store. */
export const CENTRAL_WAREHOUSE = "Cave Centrale";
export const SHIPS_FROM: Readonly<Record<string, string>> = {
  "E-com": CENTRAL_WAREHOUSE,
  "Boutique Paris": "Entrepôt Paris",
  "Boutique Lyon": "Entrepôt Lyon",
  "Boutique Bordeaux": "Entrepôt Bordeaux",
};

/** Bottles that an event takes out of a warehouse or puts into it. */
interface Movement {
  readonly product: number;
  readonly warehouse: string;
  readonly change: number;
  readonly productName: string | null;
}

const isOrder = (e: SalesEvent): e is OrderCreated => e.event_type === "ORDER_CREATED";
const isSpoilage = (e: SalesEvent): e is InventoryAdjusted => !isOrder(e) && e.adjustment_type === "SPOILAGE";

function movementOf(e: SalesEvent): Movement {
  const channel = isOrder(e) ? e.sales_channel ?? "" : "";
  return {
    product: e.product_id,
    warehouse: e.warehouse_location ?? (Object.hasOwn(SHIPS_FROM, channel) ? SHIPS_FROM[channel]! : CENTRAL_WAREHOUSE),
    change: isOrder(e) ? -e.quantity : e.quantity_change,
    productName: e.product_name ?? null,
  };
}

/** The category without the emoji before it. */
const categoryOf = ({ category }: SalesEvent) => category?.replace(/^[^\p{L}]+/u, "").trim() || "unknown";

/** Whole cents, so that sums are exact in whatever order they are made. */
const cents = (euros: number) => Math.round(euros * 100);
const grossCents = (e: OrderCreated) => cents(e.total_price ?? (e.unit_price ?? 0) * e.quantity);
const discountCents = (e: OrderCreated) => cents(e.discount ?? 0);

/** An event of a type that nothing is made of: it is kept as it came. As long as the column, which the old table has, too. */
const OtherEvent = z.object({
  event_type: z.string().min(1).max(50).refine((type) => !/^(ORDER_CREATED|INVENTORY_ADJUSTED)$/.test(type)),
  product_id: z.int32().nullish().catch(null),
  customer_id: z.int32().nullish().catch(null),
});

function otherEvent(json: unknown) {
  const { data } = OtherEvent.safeParse(json);
  return data && { EVENT_TYPE: data.event_type, PRODUCT_ID: data.product_id, CUSTOMER_ID: data.customer_id };
}

const orderKey = { CHANNEL: (e: OrderCreated) => e.sales_channel ?? "unknown", CATEGORY: categoryOf };
const stockKey = { PRODUCT_ID: (m: Movement) => m.product, WAREHOUSE: (m: Movement) => m.warehouse };

const name = /^[A-Za-z_][A-Za-z0-9_$]*$/;

export const wine = domain({
  name: "wine",
  severities: { LOW_STOCK: "warning", SPOILAGE: "info" },
  checks,
  panels,
  simulator: () => import("../../../simulators/wine.ts").then(({ wine }) => wine),
  dynamicTables,
  settings: {
    KAFKA_TOPIC_NAME: z.string().regex(/^[A-Za-z0-9._-]{1,249}$/).default("sales_events").describe(
      "Topic of the wine domain: letters, digits, dots, dashes and underscores",
    ),
    ORDER_CREATED_PROBABILITY: z.coerce.number().min(0).max(1).default(0.7).describe(
      "Share of orders among the wine simulator's events; the others adjust the inventory",
    ),
    EVENT_GENERATION_DELAY: z.coerce.number().positive().default(1).describe(
      "Seconds between two events of the wine simulator",
    ),
    WINE_OPENING_STOCK: z.coerce.number().int().min(0).default(120).describe(
      "Bottles of each product in each warehouse before its first event",
    ),
    WINE_LOW_STOCK: z.coerce.number().int().min(0).default(60).describe(
      "A product with fewer bottles than this in a warehouse is low on stock",
    ),
    WINE_SPOILAGE_BOTTLES: z.coerce.number().int().min(1).default(1).describe(
      "Bottles spoilt at once from which spoilage is an alert",
    ),
    WINE_SPOILAGE_GAP_SECONDS: z.coerce.number().positive().default(3600).describe(
      "Event time in seconds without spoilage after which a spoilage alert is cleared",
    ),
    WINE_STAGING_TABLE: z.string().regex(name).default("STG_RAW_EVENTS_STREAM").describe(
      "Staging table of the system that Freshet replaces; a warning at the start when rows were left in it",
    ),
  },
  define(settings): DomainSpec<SalesEvent> {
    const opening = settings.WINE_OPENING_STOCK;
    return {
      topic: settings.KAFKA_TOPIC_NAME,
      group: "snowflake-ingestion-group",
      schema: SalesEvent,
      rawOnly: otherEvent,
      // All of a product in one partition: LOW_STOCK goes by what a partition has seen.
      key: (e) => String(e.product_id),
      eventTime: (e) => parseTimestamp(e.event_ts),
      time: {
        maxOutOfOrdernessMs: seconds(30),
        allowedLatenessMs: hours(2),
        idleAfterMs: seconds(15),
        maxFutureSkewMs: minutes(5),
      },
      raw: {
        table: "RAW_EVENTS_STREAM",
        metadata: "EVENT_METADATA",
        content: "EVENT_CONTENT",
        kind: { column: "EVENT_TYPE", known: ["ORDER_CREATED", "INVENTORY_ADJUSTED"] },
        timestampName: "timestamp_ms",
        columns: (e) => ({
          EVENT_TYPE: e.event_type,
          PRODUCT_ID: e.product_id,
          CUSTOMER_ID: isOrder(e) ? e.customer_id : null,
        }),
      },
      tables(events) {
        const orders = events.flatMap((e) => isOrder(e) ? [e] : []);
        const movements = events.map(movementOf);
        return [
          // Kept per partition and in whole cents; the view SALES_HOURLY merges them.
          orders.keyBy(orderKey).tumbling(hours(1)).aggregate("SALES_HOURLY_PARTS", {
            ORDER_COUNT: count(),
            UNITS: sum((e) => e.quantity),
            GROSS_CENTS: sum(grossCents),
            DISCOUNT_CENTS: sum(discountCents),
          }),
          // Changes add up, whatever partition or order they come in; the view STOCK_LEVELS adds the opening stock once.
          movements.keyBy(stockKey).aggregate("STOCK_LEVELS_PARTS", {
            QUANTITY_CHANGE: sum((m) => m.change),
            OPENING_QUANTITY: last(() => opening),
          }),
          movements.keyBy(stockKey).scan("STOCK_ALERTS/LEVEL", { CHANGE: sum((m) => m.change) })
            .map(({ value, totals }) => ({ ...value, level: opening + totals.CHANGE }))
            .keyBy(stockKey).holding((m) => m.level < settings.WINE_LOW_STOCK).episodes("STOCK_ALERTS", {
              type: "LOW_STOCK",
              value: (m) => m.level,
              least: true,
              threshold: settings.WINE_LOW_STOCK,
              also: { PRODUCT_NAME: last((m) => m.productName) },
            }),
          events.filter((e) => isSpoilage(e) && -e.quantity_change >= settings.WINE_SPOILAGE_BOTTLES)
            .map(movementOf).keyBy(stockKey).session(seconds(settings.WINE_SPOILAGE_GAP_SECONDS))
            .episodes("STOCK_ALERTS", {
              type: "SPOILAGE",
              value: (m) => -m.change,
              threshold: settings.WINE_SPOILAGE_BOTTLES,
              also: { UNITS_LOST: sum((m) => -m.change), PRODUCT_NAME: last((m) => m.productName) },
            }),
        ];
      },
      startChecks: startChecks(settings.WINE_STAGING_TABLE),
      sql,
    };
  },
});

/** What someone who comes from the old system should know before the first record is written. */
function startChecks(staging: string): readonly StartCheck[] {
  return [
    {
      table: staging,
      sql: `SELECT COUNT(*) FROM ${staging}`,
      warning: ([rows]) =>
        rows === 0
          ? undefined
          : `⚠️ The staging table ${staging} holds ${rows} rows that never reached RAW_EVENTS_STREAM. ` +
            "Freshet does not use it: load them as the old system did, or empty it",
    },
    {
      table: "RAW_EVENTS_STREAM",
      sql: "SELECT COUNT(*) FROM RAW_EVENTS_STREAM " +
        "WHERE NOT EXISTS (SELECT 1 FROM FRESHET_OFFSETS WHERE DOMAIN = 'wine' AND NEXT_OFFSET > 0)",
      warning: ([rows]) =>
        rows === 0
          ? undefined
          : `⚠️ RAW_EVENTS_STREAM holds ${rows} rows of another system. Freshet reads the topic from its ` +
            "beginning: what the topic still has of them is going to be there a second time. To keep them apart stop now and " +
            'run what "freshet sql reset wine" prints: the table stays as RAW_EVENTS_STREAM_OLD, and Freshet makes a new one',
    },
  ];
}
