// What must hold of the wine tables, recomputed from the raw rows without any of Freshet's code: the rows are read here, the
// derived tables are those of the Dynamic Tables' SELECTs, what each partition adds to the stock apart: those add it up at once.

import dynamicTables from "../../../sql/snowflake/06_dynamic_tables_wine.sql" with { type: "text" };
import type { Domain } from "../domain.ts";
import { DynamicTables } from "../../checks/dynamic_tables.ts";
import {
  differingIn,
  double,
  eventTime,
  Fields,
  number,
  onTime,
  position,
  type Rules,
  seconds,
  type Settings,
  text,
  typedRows,
  watermarks,
  whole,
} from "../../checks/rules.ts";
import {
  alertDifferences,
  type Alerts,
  partDifferences,
  strangeAlerts,
  wrongAnyhow,
  wrongState,
} from "../../checks/sessions.ts";

const TABLES = new DynamicTables(dynamicTables);

const C = new Fields("EVENT_CONTENT", [
  "event_type",
  "product_id",
  "product_name",
  "event_ts",
  "sales_channel",
  "category",
  "adjustment_type",
  "warehouse_location",
  "quantity",
  "quantity_change",
  "total_price",
  "unit_price",
  "discount",
  "customer_id",
]);

/** Whole cents, half ones up. */
const cents = (euros: string) => `CAST(ROUND(COALESCE(${euros}, 0) * 100) AS BIGINT)`;

/** What JavaScript's `trim` takes off, for a class of a regular expression. */
const SPACES =
  "\\x{9}-\\x{d}\\x{20}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}";

let letters: string | undefined;

/** What is a letter in the Unicode of this program, for a class of a regular expression: DuckDB's has fewer. */
function unicodeLetters(): string {
  if (letters !== undefined) return letters;
  const ranges: string[] = [];
  const isLetter = (point: number) => /^\p{L}$/u.test(String.fromCodePoint(point));
  for (let point = 0; point <= 0x10ffff; point++) {
    if (!isLetter(point)) continue;
    const first = point;
    while (isLetter(point + 1)) point++;
    ranges.push(`\\x{${first.toString(16)}}-\\x{${point.toString(16)}}`);
  }
  return letters = ranges.join("");
}

/** Raw rows with the columns that the rules need; money in whole cents. Each kind of event has fields of its own. */
const events = () =>
  `EVENTS AS (
  SELECT
    ${position("EVENT_METADATA")},
    ${text(C, "event_type")} = 'ORDER_CREATED' AS IS_ORDER,
    ${whole(C, "product_id")} AS PRODUCT_ID,
    ${text(C, "product_name")} AS PRODUCT_NAME,
    ${eventTime(C, "event_ts")} AS T,
    CASE WHEN IS_ORDER THEN ${text(C, "sales_channel")} END AS SALES_CHANNEL,
    COALESCE(NULLIF(REGEXP_REPLACE(REGEXP_REPLACE(${
    text(C, "category")
  }, '^[^${unicodeLetters()}]+', ''), '[${SPACES}]+$', ''), ''), 'unknown')
      AS CATEGORY,
    NOT IS_ORDER AND ${text(C, "adjustment_type")} = 'SPOILAGE' AS IS_SPOILAGE,
    COALESCE(${text(C, "warehouse_location")}, CASE SALES_CHANNEL WHEN 'Boutique Paris' THEN 'Entrepôt Paris'
      WHEN 'Boutique Lyon' THEN 'Entrepôt Lyon' WHEN 'Boutique Bordeaux' THEN 'Entrepôt Bordeaux'
      ELSE 'Cave Centrale' END) AS WAREHOUSE,
    CASE WHEN IS_ORDER THEN ${whole(C, "quantity")} END AS QUANTITY,
    CASE WHEN IS_ORDER THEN -QUANTITY ELSE ${whole(C, "quantity_change")} END AS CHANGE,
    ${cents(`COALESCE(${double(C, "total_price")}, ${double(C, "unit_price")} * QUANTITY)`)} AS GROSS,
    ${cents(double(C, "discount"))} AS OFF
  FROM ${C.from("RAW_EVENTS_STREAM")}
  WHERE ${text(C, "event_type")} IN ('ORDER_CREATED', 'INVENTORY_ADJUSTED')
)`;

/** `SALES_EVENTS` of some of the events. */
const sales = (from: string) =>
  `${events()}, ${
    typedRows("SALES_EVENTS", {
      KAFKA_PARTITION: "P",
      KAFKA_OFFSET: "O",
      TIMESTAMP: "T",
      EVENT_TYPE: "CASE WHEN IS_ORDER THEN 'ORDER_CREATED' ELSE 'INVENTORY_ADJUSTED' END",
      ADJUSTMENT_TYPE: "CASE WHEN IS_SPOILAGE THEN 'SPOILAGE' END",
      PRODUCT_ID: "PRODUCT_ID",
      PRODUCT_NAME: "PRODUCT_NAME",
      CHANNEL: "COALESCE(SALES_CHANNEL, 'unknown')",
      CATEGORY: "CATEGORY",
      WAREHOUSE: "WAREHOUSE",
      QUANTITY: "QUANTITY",
      STOCK_CHANGE: "CHANGE",
      GROSS_CENTS: "GROSS",
      DISCOUNT_CENTS: "OFF",
    }, from)
  }`;

const STOCK = ["PRODUCT_ID", "WAREHOUSE"];
const PARTS = "SALES_HOURLY_PARTS";
const PART_COLUMNS = ["KAFKA_PARTITION", "CHANNEL", "CATEGORY", "WINDOW_START", "WINDOW_END", "ORDER_COUNT", "UNITS"];

/** How alerts differ from what `from` makes of them. */
function episodes(settings: Settings, alerts: Alerts, from: string): string {
  const { domain, table, type } = alerts;
  return `
    WITH ${sales(from)}, ${watermarks("SALES_WATERMARKS", domain, `${table}/${type}`)},
    ${
    TABLES.take(settings, {
      STOCK_SHORTAGES: { table: "STOCK_SHORTAGES" },
      STOCK_SPOILAGES: { table: "STOCK_SPOILAGES" },
      EXPECTED: { table, upTo: "EPISODES" },
    })
  },
    ${alertDifferences(alerts, `EXPECTED WHERE ALERT_TYPE = '${type}'`)}`;
}

function lowStock(settings: Settings, domain: Domain): Rules {
  const alerts: Alerts = {
    domain,
    table: "STOCK_ALERTS",
    type: "LOW_STOCK",
    keys: STOCK,
    threshold: number(settings, "WINE_LOW_STOCK"),
    also: ["PRODUCT_NAME", "UNITS_LOST", "CLEARED_AT"],
  };
  return {
    "low stock alerts are the runs of levels below the threshold, in the order of the log": episodes(
      settings,
      alerts,
      "EVENTS",
    ),
    "low stock alerts have a state that there is":
      `SELECT * FROM STOCK_ALERTS AS A WHERE ALERT_TYPE = 'LOW_STOCK' AND (${wrongAnyhow(alerts)})`,
  };
}

function spoilage(settings: Settings, domain: Domain): Rules {
  const alerts: Alerts = {
    domain,
    table: "STOCK_ALERTS",
    type: "SPOILAGE",
    keys: STOCK,
    threshold: number(settings, "WINE_SPOILAGE_BOTTLES"),
    also: ["PRODUCT_NAME", "UNITS_LOST"],
  };
  const gap = seconds(number(settings, "WINE_SPOILAGE_GAP_SECONDS"));
  return {
    "spoilage alerts are the sessions of spoilage": episodes(settings, alerts, onTime("STOCK_ALERTS/SPOILAGE")),
    "spoilage alerts are cleared when they are over": wrongState(alerts, gap),
  };
}

/** Rules by name. */
export const checks = (settings: Settings, domain: Domain): Rules => ({
  "raw rows say type, product and customer of their content": `
    SELECT * FROM ${C.from("RAW_EVENTS_STREAM")}
    WHERE EVENT_TYPE IS DISTINCT FROM ${text(C, "event_type")} OR INGESTION_TIME IS NULL
      OR EVENT_TYPE IN ('ORDER_CREATED', 'INVENTORY_ADJUSTED') AND (
        PRODUCT_ID IS DISTINCT FROM ${whole(C, "product_id")}
        OR CUSTOMER_ID IS DISTINCT FROM CASE WHEN EVENT_TYPE = 'ORDER_CREATED' THEN ${whole(C, "customer_id")} END)`,
  "each partition has the sums of its hours": `
    WITH ${sales(onTime(PARTS))}, ${TABLES.take(settings, { EXPECTED: { table: PARTS } })}
    ${differingIn(PART_COLUMNS, "EXPECTED", PARTS)}`,
  "each partition has the sum of its movements": `
    WITH ${events()}, ${
    partDifferences({
      table: "STOCK_LEVELS_PARTS",
      keys: { PRODUCT_ID: "PRODUCT_ID", WAREHOUSE: "WAREHOUSE" },
      counts: { QUANTITY_CHANGE: "SUM(CHANGE)" },
      from: "EVENTS",
    })
  }`,
  "hourly sales equal GROUP BY, to the cent": `
    WITH ${sales(onTime(PARTS))},
    ${TABLES.take(settings, { [PARTS]: { table: PARTS }, EXPECTED: { table: "SALES_HOURLY", upTo: "MERGED" } })}
    SELECT * FROM EXPECTED FULL JOIN SALES_HOURLY AS A USING (CHANNEL, CATEGORY, WINDOW_START)
    WHERE NOT COALESCE(ORDERS = ORDER_COUNT AND BOTTLES = UNITS AND WINDOW_END = LAST_END
      AND GROSS = CAST(GROSS_REVENUE AS DECIMAL(38, 2)) * 100 AND DISCOUNTED = CAST(A.DISCOUNT AS DECIMAL(38, 2)) * 100
      AND GROSS - DISCOUNTED = CAST(NET_REVENUE AS DECIMAL(38, 2)) * 100, FALSE)`,
  "stock levels are the opening stock and the sum of all movements": `
    WITH ${sales("EVENTS")}, ${TABLES.take(settings, { EXPECTED: { table: "STOCK_LEVELS" } })}
    ${differingIn(["PRODUCT_ID", "WAREHOUSE", "QUANTITY"], "EXPECTED", "STOCK_LEVELS")}`,
  ...lowStock(settings, domain),
  ...spoilage(settings, domain),
  "every alert is of a type that there is": strangeAlerts("STOCK_ALERTS", ["LOW_STOCK", "SPOILAGE"]),
});
