// What the dashboard shows of the wine shop: sales by channel and category, stock, alerts. Asks the derived tables. Money is EUR.
import { z } from "zod";
import {
  alertCounts,
  alertsOf,
  all,
  bucketOf,
  bucketSql,
  type Compared,
  dataNow,
  type DomainPanels,
  heatOf,
  HOUR_MS,
  hoursIn,
  isOne,
  number,
  numberOrNull,
  type OneFilter,
  oneFilter,
  oneOf,
  panel,
  type PanelContext,
  pointsOf,
  type Rows,
  rowsOf,
  several,
  spanIn,
  text,
  timeFilter,
  type Timeline,
  timestampText,
  topSeries,
  wholeBuckets,
  within,
} from "../../panels/mod.ts";
import type { OneProduct, WineKpis, WinePanels } from "./answers.ts";

const DOMAIN = "wine";
const MAX_STOCK = 2_000;

const chosen = z.object({ channel: several, category: several });
const chosenIn = timeFilter.extend(chosen.shape);
type Chosen = z.infer<typeof chosen>;

const chosenSales = ({ channel, category }: Chosen) => all(oneOf("CHANNEL", channel), oneOf("CATEGORY", category));

async function hourTotals(start: number, filter: Chosen, context: PanelContext) {
  const where = all(within("WINDOW_START", { from: start, to: start + 1 }), chosenSales(filter));
  const [row] = await rowsOf(
    context,
    `SELECT SUM(NET_REVENUE) AS NET, SUM(ORDER_COUNT) AS ORDERS, SUM(UNITS) AS UNITS FROM SALES_HOURLY WHERE ${where.sql}`,
    where.binds,
  );
  return { net: numberOrNull(row?.net), orders: numberOrNull(row?.orders), units: numberOrNull(row?.units) };
}

async function kpis(filter: Chosen, context: PanelContext): Promise<WineKpis> {
  const now = await dataNow(context, DOMAIN);
  const start = Math.floor((now ?? 0) / HOUR_MS) * HOUR_MS - HOUR_MS;
  const current = await hourTotals(start, filter, context);
  const before = await hourTotals(start - HOUR_MS, filter, context);
  const compared = (name: keyof typeof current): Compared => ({ now: current[name], before: before[name] });
  const [dead] = await rowsOf(context, "SELECT COUNT(*) AS RECORDS FROM DEAD_LETTERS WHERE DOMAIN = ?", [DOMAIN]);
  return {
    data_now: now === null ? null : timestampText(now),
    hour: now === null ? null : timestampText(start),
    net_revenue: compared("net"),
    orders: compared("orders"),
    units: compared("units"),
    alerts: await alertCounts("STOCK_ALERTS_JOINED", now ?? 0, { context }),
    dead_letters: number(dead?.records),
    low_stock: number(context.settings.WINE_LOW_STOCK),
  };
}

const salesFilter = chosenIn.extend({ by: z.enum(["category", "channel"]).default("category") });

async function sales(filter: z.infer<typeof salesFilter>, context: PanelContext): Promise<Timeline> {
  const span = await spanIn(filter, context, DOMAIN);
  const bucket = bucketOf(span, 3600);
  const where = all(within("WINDOW_START", wholeBuckets(span, bucket)), chosenSales(filter));
  const series = filter.by === "channel" ? "CHANNEL" : "CATEGORY";
  const counted = `SELECT ${
    bucketSql("WINDOW_START", bucket)
  } AS BUCKET_AT, ${series} AS SERIES, SUM(NET_REVENUE) AS VALUE
    FROM SALES_HOURLY WHERE ${where.sql} GROUP BY 1, 2`;
  const rows = await rowsOf(context, topSeries(counted), where.binds);
  return { ...span, bucket_s: bucket, source: "SALES_HOURLY", points: pointsOf(rows) };
}

async function split(filter: z.infer<typeof chosenIn>, context: PanelContext): Promise<Rows> {
  const span = await spanIn(filter, context, DOMAIN);
  const where = all(hoursIn("WINDOW_START", span), chosenSales(filter));
  return await context.ask(
    `SELECT LEFT(CHANNEL, 100) AS CHANNEL, LEFT(CATEGORY, 100) AS CATEGORY, SUM(ORDER_COUNT) AS ORDER_COUNT,
       SUM(UNITS) AS UNITS, SUM(GROSS_REVENUE) AS GROSS_REVENUE, SUM(DISCOUNT) AS DISCOUNT, SUM(NET_REVENUE) AS NET_REVENUE
     FROM SALES_HOURLY WHERE ${where.sql} GROUP BY 1, 2 ORDER BY 7 DESC, 1, 2`,
    { binds: where.binds, maxRows: 500 },
  );
}

/** The lowest first. Names of products are known of those that had an alert. */
async function stock(_filter: unknown, context: PanelContext): Promise<Rows> {
  return await context.ask(
    `SELECT S.PRODUCT_ID, LEFT(A.PRODUCT_NAME, 120) AS PRODUCT_NAME, LEFT(S.WAREHOUSE, 120) AS WAREHOUSE, S.QUANTITY,
       S.UPDATED_AT
     FROM STOCK_LEVELS AS S
     LEFT JOIN (SELECT PRODUCT_ID, MAX(PRODUCT_NAME) AS PRODUCT_NAME FROM STOCK_ALERTS GROUP BY PRODUCT_ID) AS A
       ON A.PRODUCT_ID = S.PRODUCT_ID
     ORDER BY S.QUANTITY, S.PRODUCT_ID, S.WAREHOUSE`,
    { maxRows: MAX_STOCK },
  );
}

const ALERTS = {
  table: "STOCK_ALERTS_JOINED",
  subject: "COALESCE(PRODUCT_NAME, 'product ' || CAST(PRODUCT_ID AS VARCHAR))",
  place: "WAREHOUSE",
  id: "PRODUCT_ID",
};

/** Events of a product that are shown. The raw table knows when they came, not when they were. */
const MAX_EVENTS = 100;

/** One product: its stock, its alerts, the events that came last. */
async function one(filter: OneFilter, context: PanelContext): Promise<OneProduct> {
  const where = isOne("CAST(PRODUCT_ID AS VARCHAR)", filter);
  const [named] = await rowsOf(
    context,
    `SELECT MAX(LEFT(PRODUCT_NAME, 200)) AS NAME FROM STOCK_ALERTS WHERE ${where.sql}`,
    where.binds,
  );
  return {
    name: text(named?.name),
    stock: await context.ask(
      `SELECT LEFT(WAREHOUSE, 120) AS WAREHOUSE, QUANTITY, UPDATED_AT FROM STOCK_LEVELS WHERE ${where.sql} ORDER BY WAREHOUSE`,
      { binds: where.binds, maxRows: 100 },
    ),
    alerts: await alertsOf(ALERTS, context, where),
    records: await context.ask(
      `SELECT EVENT_TYPE, CUSTOMER_ID, INGESTION_TIME, LEFT(CAST(EVENT_CONTENT AS VARCHAR), 2000) AS EVENT_CONTENT,
         LEFT(CAST(EVENT_METADATA AS VARCHAR), 2000) AS EVENT_METADATA
       FROM RAW_EVENTS_STREAM WHERE ${where.sql} ORDER BY INGESTION_TIME DESC`,
      { binds: where.binds, maxRows: MAX_EVENTS },
    ),
  };
}

export const panels: DomainPanels<WinePanels> = {
  panels: {
    kpis: panel(chosen, kpis),
    sales: panel(salesFilter, sales),
    split: panel(chosenIn, split),
    stock: panel(z.object({}), stock),
    one: panel(oneFilter, one),
    heat: panel(
      chosen,
      async (filter, context) =>
        await heatOf({ table: "SALES_HOURLY", sum: "NET_REVENUE" }, await dataNow(context, DOMAIN) ?? 0, {
          where: chosenSales(filter),
          context,
        }),
    ),
  },
  alerts: (context) => alertsOf(ALERTS, context),
  tables: [
    { name: "SALES_HOURLY", newest: ["WINDOW_START", "CHANNEL", "CATEGORY"] },
    { name: "STOCK_LEVELS", newest: ["UPDATED_AT", "PRODUCT_ID", "WAREHOUSE"] },
    { name: "STOCK_ALERTS", newest: ["LAST_SEEN_AT", "ALERT_ID"] },
    { name: "RAW_EVENTS_STREAM", newest: ["INGESTION_TIME"], metadata: "EVENT_METADATA" },
  ],
};
