// What must hold of the wine tables, recomputed from the raw rows.

import type { Domain } from "../domain.ts";
import {
  differing,
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
  whole,
} from "../../checks/rules.ts";
import {
  alertDifferences,
  type Alerts,
  numbered,
  partDifferences,
  strangeAlerts,
  wrongAnyhow,
  wrongState,
} from "../../checks/sessions.ts";

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
)`;

const STOCK = ["PRODUCT_ID", "WAREHOUSE"];
const PER_STOCK = "PARTITION BY P, PRODUCT_ID, WAREHOUSE";

function lowStock(settings: Settings, domain: Domain): Rules {
  const low = number(settings, "WINE_LOW_STOCK");
  const alerts: Alerts = {
    domain,
    table: "STOCK_ALERTS",
    type: "LOW_STOCK",
    keys: STOCK,
    threshold: low,
    also: ["PRODUCT_NAME", "UNITS_LOST", "CLEARED_AT"],
  };
  const sql = `
    WITH ${events()},
    LEVELS AS (
      SELECT *, ${
    number(settings, "WINE_OPENING_STOCK")
  } + SUM(CHANGE) OVER (${PER_STOCK} ORDER BY O) AS LEVEL FROM EVENTS
    ),
    MARKED AS (
      SELECT *, LEVEL < ${low} AS LOW, COALESCE(LAG(LEVEL) OVER (${PER_STOCK} ORDER BY O) < ${low}, FALSE) AS WAS_LOW
      FROM LEVELS
    ),
    NUMBERED AS (
      SELECT *, SUM(CASE WHEN LOW AND NOT WAS_LOW THEN 1 ELSE 0 END) OVER (${PER_STOCK} ORDER BY O) AS RUN
      FROM MARKED WHERE LOW OR WAS_LOW
    ),
    EXPECTED AS (
      SELECT P, PRODUCT_ID, WAREHOUSE, ARG_MIN(T, O) FILTER (LOW) AS STARTED_AT, MAX(T) FILTER (LOW) AS LAST_SEEN_AT,
        COUNT(*) FILTER (LOW) AS EVENT_COUNT, CAST(MIN(LEVEL) FILTER (LOW) AS DOUBLE) AS PEAK_VALUE,
        LAST(PRODUCT_NAME ORDER BY T, O) FILTER (LOW) AS PRODUCT_NAME, CAST(NULL AS BIGINT) AS UNITS_LOST,
        CASE WHEN BOOL_OR(NOT LOW) THEN MAX(T) END AS CLEARED_AT
      FROM NUMBERED GROUP BY P, PRODUCT_ID, WAREHOUSE, RUN
    ),
    ${alertDifferences(alerts)}`;
  return {
    "low stock alerts are the runs of levels below the threshold, in the order of the log": sql,
    "low stock alerts have a state that there is":
      `SELECT * FROM STOCK_ALERTS AS A WHERE ALERT_TYPE = 'LOW_STOCK' AND (${wrongAnyhow(alerts)})`,
  };
}

function spoilage(settings: Settings, domain: Domain): Rules {
  const gap = seconds(number(settings, "WINE_SPOILAGE_GAP_SECONDS"));
  const threshold = number(settings, "WINE_SPOILAGE_BOTTLES");
  const alerts: Alerts = {
    domain,
    table: "STOCK_ALERTS",
    type: "SPOILAGE",
    keys: STOCK,
    threshold,
    also: ["PRODUCT_NAME", "UNITS_LOST"],
  };
  const sql = `
    WITH ${events()},
    SPOILT AS (SELECT * FROM ${onTime("STOCK_ALERTS/SPOILAGE")} WHERE IS_SPOILAGE AND -CHANGE >= ${threshold}),
    ${numbered({ from: "SPOILT", keys: STOCK, gap })},
    EXPECTED AS (
      SELECT P, PRODUCT_ID, WAREHOUSE, MIN(T) AS STARTED_AT, MAX(T) AS LAST_SEEN_AT, COUNT(*) AS EVENT_COUNT,
        CAST(MAX(-CHANGE) AS DOUBLE) AS PEAK_VALUE, LAST(PRODUCT_NAME ORDER BY T, O) AS PRODUCT_NAME,
        CAST(SUM(-CHANGE) AS BIGINT) AS UNITS_LOST
      FROM NUMBERED GROUP BY P, PRODUCT_ID, WAREHOUSE, RUN
    ),
    ${alertDifferences(alerts)}`;
  return {
    "spoilage alerts are the sessions of spoilage": sql,
    "spoilage alerts are cleared when they are over": wrongState(alerts, gap),
  };
}

/** Rules by name. */
export const checks = (settings: Settings, domain: Domain): Rules => ({
  "raw rows say type, product and customer of their content": `
    SELECT * FROM ${C.from("RAW_EVENTS_STREAM")}
    WHERE EVENT_TYPE IS DISTINCT FROM ${text(C, "event_type")} OR PRODUCT_ID IS DISTINCT FROM ${whole(C, "product_id")}
      OR CUSTOMER_ID IS DISTINCT FROM CASE WHEN EVENT_TYPE = 'ORDER_CREATED' THEN ${whole(C, "customer_id")} END
      OR INGESTION_TIME IS NULL`,
  "each partition has the sums of its hours": `
    WITH ${events()},
    ORDERS AS (SELECT * FROM ${onTime("SALES_HOURLY_PARTS")} WHERE IS_ORDER),
    ${
    partDifferences({
      table: "SALES_HOURLY_PARTS",
      keys: {
        CHANNEL: "COALESCE(SALES_CHANNEL, 'unknown')",
        CATEGORY: "CATEGORY",
        WINDOW_START: "DATE_TRUNC('hour', T)",
      },
      counts: { ORDER_COUNT: "COUNT(*)", UNITS: "SUM(QUANTITY)" },
      from: "ORDERS",
    })
  }`,
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
    WITH ${events()},
    EXPECTED AS (
      SELECT COALESCE(SALES_CHANNEL, 'unknown') AS CHANNEL, CATEGORY, DATE_TRUNC('hour', T) AS WINDOW_START, COUNT(*) AS N,
        SUM(QUANTITY) AS Q, SUM(GROSS) AS G, SUM(OFF) AS D
      FROM ${onTime("SALES_HOURLY_PARTS")} WHERE IS_ORDER GROUP BY ALL
    )
    SELECT * FROM EXPECTED FULL JOIN SALES_HOURLY AS A USING (CHANNEL, CATEGORY, WINDOW_START)
    WHERE NOT COALESCE(N = ORDER_COUNT AND Q = UNITS AND WINDOW_END = WINDOW_START + INTERVAL 1 HOUR
      AND G = CAST(GROSS_REVENUE AS DECIMAL(38, 2)) * 100 AND D = CAST(A.DISCOUNT AS DECIMAL(38, 2)) * 100
      AND G - D = CAST(NET_REVENUE AS DECIMAL(38, 2)) * 100, FALSE)`,
  "stock levels are the opening stock and the sum of all movements": `
    WITH ${events()},
    EXPECTED AS (
      SELECT PRODUCT_ID, WAREHOUSE, CAST(${number(settings, "WINE_OPENING_STOCK")} + SUM(CHANGE) AS BIGINT) AS QUANTITY
      FROM EVENTS GROUP BY ALL
    ),
    ACTUAL AS (SELECT PRODUCT_ID, WAREHOUSE, QUANTITY FROM STOCK_LEVELS)
    ${differing("EXPECTED", "ACTUAL")}`,
  ...lowStock(settings, domain),
  ...spoilage(settings, domain),
  "every alert is of a type that there is": strangeAlerts("STOCK_ALERTS", ["LOW_STOCK", "SPOILAGE"]),
});
