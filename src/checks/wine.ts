// What must hold of the wine tables, recomputed from the raw rows.

import { differing, eventTime, number, onTime, position, type Rules, seconds, type Settings } from "./rules.ts";

/** Raw rows with the columns that the checks need; money in whole cents. */
const EVENTS = `EVENTS AS (
  SELECT
    ${position("EVENT_METADATA")},
    EVENT_TYPE,
    PRODUCT_ID,
    ${eventTime("EVENT_CONTENT->>'event_ts'")} AS T,
    COALESCE((EVENT_CONTENT->>'sales_channel'), 'unknown') AS CHANNEL,
    REGEXP_REPLACE(COALESCE((EVENT_CONTENT->>'category'), 'unknown'), '^[^\\p{L}]+', '') AS CATEGORY,
    EVENT_CONTENT->>'adjustment_type' AS ADJUSTMENT,
    COALESCE(
      EVENT_CONTENT->>'warehouse_location',
      CASE CASE WHEN EVENT_TYPE = 'ORDER_CREATED' THEN EVENT_CONTENT->>'sales_channel' END WHEN 'Boutique Paris' THEN 'Entrepôt Paris' WHEN 'Boutique Lyon' THEN 'Entrepôt Lyon'
        WHEN 'Boutique Bordeaux' THEN 'Entrepôt Bordeaux' ELSE 'Cave Centrale' END
    ) AS WAREHOUSE,
    CAST(EVENT_CONTENT->>'quantity' AS BIGINT) AS QUANTITY,
    COALESCE(CAST(EVENT_CONTENT->>'quantity_change' AS BIGINT), -QUANTITY) AS CHANGE,
    CAST(ROUND(COALESCE(
      CAST(EVENT_CONTENT->>'total_price' AS DOUBLE), CAST(EVENT_CONTENT->>'unit_price' AS DOUBLE) * QUANTITY, 0
    ) * 100) AS BIGINT) AS GROSS,
    CAST(ROUND(COALESCE(CAST(EVENT_CONTENT->>'discount' AS DOUBLE), 0) * 100) AS BIGINT) AS DISCOUNT_CENTS
  FROM RAW_EVENTS_STREAM
)`;

const PER_STOCK = "PARTITION BY P, PRODUCT_ID, WAREHOUSE";

/** Rules by name. */
export const wine = (settings: Settings): Rules => ({
  "raw rows say type, product and customer of their content": `
    SELECT * FROM RAW_EVENTS_STREAM
    WHERE EVENT_TYPE IS DISTINCT FROM (EVENT_CONTENT->>'event_type')
      OR PRODUCT_ID IS DISTINCT FROM CAST(EVENT_CONTENT->>'product_id' AS BIGINT)
      OR CUSTOMER_ID IS DISTINCT FROM CAST(EVENT_CONTENT->>'customer_id' AS BIGINT)
      OR INGESTION_TIME IS NULL`,
  "hourly sales equal GROUP BY, to the cent": `
    WITH ${EVENTS},
    EXPECTED AS (
      SELECT CHANNEL, CATEGORY, DATE_TRUNC('hour', T) AS WINDOW_START, COUNT(*) AS N, SUM(QUANTITY) AS Q,
        CAST(SUM(GROSS) AS DOUBLE) / 100 AS G, CAST(SUM(DISCOUNT_CENTS) AS DOUBLE) / 100 AS D,
        CAST(SUM(GROSS - DISCOUNT_CENTS) AS DOUBLE) / 100 AS R
      FROM ${onTime("SALES_HOURLY_PARTS")} WHERE EVENT_TYPE = 'ORDER_CREATED' GROUP BY ALL
    )
    SELECT * FROM EXPECTED FULL JOIN SALES_HOURLY AS A USING (CHANNEL, CATEGORY, WINDOW_START)
    WHERE NOT COALESCE(N = ORDER_COUNT AND Q = UNITS AND G = GROSS_REVENUE AND D = A.DISCOUNT AND R = NET_REVENUE, FALSE)`,
  "stock levels are the opening stock and the sum of all movements": `
    WITH ${EVENTS},
    EXPECTED AS (SELECT PRODUCT_ID, WAREHOUSE, CAST(${
    number(settings, "WINE_OPENING_STOCK")
  } + SUM(CHANGE) AS BIGINT) AS QUANTITY FROM EVENTS GROUP BY ALL),
    ACTUAL AS (SELECT PRODUCT_ID, WAREHOUSE, QUANTITY FROM STOCK_LEVELS)
    ${differing("EXPECTED", "ACTUAL")}`,
  "low stock alerts are the runs of levels below the threshold, in the order of the log": `
    WITH ${EVENTS},
    LEVELS AS (SELECT *, ${
    number(settings, "WINE_OPENING_STOCK")
  } + SUM(CHANGE) OVER (${PER_STOCK} ORDER BY O) AS LEVEL FROM EVENTS),
    MARKED AS (SELECT *, LEVEL < ${number(settings, "WINE_LOW_STOCK")} AS LOW,
        LAG(LEVEL, 1, ${number(settings, "WINE_OPENING_STOCK")}) OVER W < ${
    number(settings, "WINE_LOW_STOCK")
  } AS WAS_LOW FROM LEVELS WINDOW W AS (${PER_STOCK} ORDER BY O)),
    NUMBERED AS (
      SELECT *, SUM(CASE WHEN LOW AND NOT WAS_LOW THEN 1 ELSE 0 END) OVER (${PER_STOCK} ORDER BY O) AS N
      FROM MARKED WHERE LOW OR WAS_LOW
    ),
    EXPECTED AS (
      SELECT P, PRODUCT_ID, WAREHOUSE, ARG_MIN(T, O) FILTER (LOW) AS STARTED_AT, MAX(T) FILTER (LOW) AS LAST_SEEN_AT,
        CASE WHEN BOOL_OR(NOT LOW) THEN MAX(T) END AS CLEARED_AT,
        COUNT(*) FILTER (LOW) AS EVENT_COUNT, CAST(MIN(LEVEL) FILTER (LOW) AS DOUBLE) AS PEAK_VALUE
      FROM NUMBERED GROUP BY P, PRODUCT_ID, WAREHOUSE, N
    ),
    ACTUAL AS (
      SELECT KAFKA_PARTITION AS P, PRODUCT_ID, WAREHOUSE, STARTED_AT, LAST_SEEN_AT, CLEARED_AT, EVENT_COUNT, PEAK_VALUE
      FROM STOCK_ALERTS WHERE ALERT_TYPE = 'LOW_STOCK'
    )
    ${differing("EXPECTED", "ACTUAL")}`,
  "spoilage alerts are the sessions of spoilage": `
    WITH ${EVENTS},
    SPOILT AS (SELECT * FROM ${onTime("STOCK_ALERTS/SPOILAGE")} WHERE ADJUSTMENT = 'SPOILAGE'
      AND -CHANGE >= ${number(settings, "WINE_SPOILAGE_BOTTLES")}),
    MARKED AS (
      SELECT *, CASE WHEN T - LAG(T) OVER W < ${
    seconds(number(settings, "WINE_SPOILAGE_GAP_SECONDS"))
  } THEN 0 ELSE 1 END AS IS_FIRST
      FROM SPOILT WINDOW W AS (${PER_STOCK} ORDER BY T, O)
    ),
    NUMBERED AS (SELECT *, SUM(IS_FIRST) OVER (${PER_STOCK} ORDER BY T, O) AS N FROM MARKED),
    EXPECTED AS (
      SELECT P, PRODUCT_ID, WAREHOUSE, MIN(T) AS STARTED_AT, MAX(T) AS LAST_SEEN_AT, COUNT(*) AS EVENT_COUNT,
        CAST(MAX(-CHANGE) AS DOUBLE) AS PEAK_VALUE, CAST(SUM(-CHANGE) AS BIGINT) AS UNITS_LOST
      FROM NUMBERED GROUP BY P, PRODUCT_ID, WAREHOUSE, N
    ),
    ACTUAL AS (
      SELECT KAFKA_PARTITION AS P, PRODUCT_ID, WAREHOUSE, STARTED_AT, LAST_SEEN_AT, EVENT_COUNT, PEAK_VALUE, UNITS_LOST
      FROM STOCK_ALERTS WHERE ALERT_TYPE = 'SPOILAGE'
    )
    ${differing("EXPECTED", "ACTUAL")}`,
});
