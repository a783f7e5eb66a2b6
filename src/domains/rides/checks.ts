// What must hold of the rides tables, recomputed from the raw rows without any of Freshet's code: the rows are read here, the
// derived tables are those of the Dynamic Tables' SELECTs. Requests by minute are counted here: only here may one have come
// too late for some windows.

import dynamicTables from "../../../sql/snowflake/06_dynamic_tables_rides.sql" with { type: "text" };
import type { Domain } from "../domain.ts";
import { DynamicTables } from "../../checks/dynamic_tables.ts";
import { exactly, MERGED_EXACTLY_BELOW } from "../../checks/exact.ts";
import {
  countsIn,
  differingIn,
  differs,
  double,
  eventTime,
  Fields,
  identifier,
  number,
  onTime,
  position,
  type Rules,
  same,
  type Settings,
  text,
  typedRows,
  watermarks,
  whole,
  withMissed,
} from "../../checks/rules.ts";
import { alertDifferences, type Alerts, strangeAlerts, wrongState } from "../../checks/sessions.ts";
import { older } from "./older.ts";

const TABLES = new DynamicTables(dynamicTables);

const C = new Fields("RECORD_CONTENT", [
  "timestamp",
  "user_id",
  "ride_id",
  "location",
  "location.latitude",
  "location.longitude",
  "zone",
  "ride_type",
  "event_type",
  "pickup_latitude",
  "pickup_longitude",
  "dropoff_latitude",
  "dropoff_longitude",
  "passengers",
  "fare_estimate",
], older);

/**
 * A coordinate in whole hundredths, ties away from zero, as JavaScript's toFixed rounds it: exactly, on a grid of 2^-60,
 * below which nothing of what is rounded to more than 0.00 can lie.
 */
function hundredths(degrees: string): string {
  const grid = "1152921504606846976::HUGEINT";
  return `CAST((CAST(ABS(${degrees}) * 1152921504606846976 AS HUGEINT) * 100 + ${grid} // 2) // ${grid} AS INTEGER)`;
}

const sign = (degrees: string) => `CASE WHEN ${degrees} < 0 THEN '-' ELSE '' END`;

/** Hundredths of `degrees` as text. */
const rounded = (degrees: string, n: string) =>
  `${sign(degrees)} || ${n} // 100 || '.' || LPAD(CAST(${n} % 100 AS VARCHAR), 2, '0')`;

/**
 * A coordinate in the digits that JavaScript writes, made of DuckDB's `digits` of it: the same, with no point after whole
 * numbers, and with an exponent only from 1e-7 on down.
 */
function shortest(degrees: string, digits: string): string {
  const exponent = `CAST(SPLIT_PART(${digits}, 'e-', 2) AS INTEGER)`;
  return `${sign(degrees)} || CASE
      WHEN NOT CONTAINS(${digits}, 'e') THEN REGEXP_REPLACE(${digits}, '[.]0$', '')
      WHEN ${exponent} <= 6
        THEN '0.' || REPEAT('0', ${exponent} - 1) || REGEXP_REPLACE(SPLIT_PART(${digits}, 'e', 1), '[.]0?$|[.]', '')
      ELSE REGEXP_REPLACE(SPLIT_PART(${digits}, 'e', 1), '[.]0$', '') || 'e-' || ${exponent} END`;
}

const byPlace = (coordinates: string, name: string) => `CASE WHEN LAT IS NOT NULL THEN ${coordinates} ELSE ${name} END`;

/** The raw rows of events, from their content alone, with columns of theirs as `A_<name>`. Step by step: DuckDB has little memory for one long expression. */
const eventsWith = (carried: readonly string[]) =>
  `READ AS (
  SELECT ${carried.map((column) => `${column} AS A_${column}, `).join("")}
    ${position("RECORD_METADATA")},
    ${eventTime(C, "timestamp")} AS T,
    ${identifier(C, "user_id")} AS USER_ID,
    ${identifier(C, "ride_id")} AS RIDE_ID,
    ${text(C, "location")} AS NAME,
    ${double(C, "location.latitude")} AS LAT,
    ${double(C, "location.longitude")} AS LON,
    ${text(C, "zone")} AS TOLD_ZONE,
    ${text(C, "ride_type")} AS RIDE_TYPE,
    COALESCE(${text(C, "event_type")}, 'ride_requested') AS EVENT_TYPE,
    ${double(C, "pickup_latitude")} AS LAT1,
    ${double(C, "pickup_longitude")} AS LON1,
    ${double(C, "dropoff_latitude")} AS LAT2,
    ${double(C, "dropoff_longitude")} AS LON2,
    ${whole(C, "passengers")} AS PASSENGERS,
    ${double(C, "fare_estimate")} AS FARE
  FROM ${C.from("RIDE_REQUESTS")}
),
PLACED AS (
  SELECT *, ${hundredths("LAT")} AS LAT_N, ${hundredths("LON")} AS LON_N, CAST(ABS(LAT) AS VARCHAR) AS LAT_DIGITS,
    CAST(ABS(LON) AS VARCHAR) AS LON_DIGITS
  FROM READ
),
EVENTS AS (
  SELECT * EXCLUDE (NAME, TOLD_ZONE, LAT, LON, LAT_N, LON_N, LAT_DIGITS, LON_DIGITS),
    COALESCE(TOLD_ZONE, ${byPlace(`${rounded("LAT", "LAT_N")} || ',' || ${rounded("LON", "LON_N")}`, "NAME")}) AS ZONE,
    ${byPlace(`${shortest("LAT", "LAT_DIGITS")} || ',' || ${shortest("LON", "LON_DIGITS")}`, "NAME")} AS LOCATION
  FROM PLACED
)`;

/** The square of half the chord between pick-up and drop-off, of a sphere of radius 1. */
const CHORD = `POW(SIN(RADIANS(LAT2 - LAT1) / 2), 2)
      + COS(RADIANS(LAT1)) * COS(RADIANS(LAT2)) * POW(SIN(RADIANS(LON2 - LON1) / 2), 2)`;

const EVENTS = eventsWith([]);

/** What the content says, and the column that has it. */
const TYPED = {
  P: "KAFKA_PARTITION",
  O: "KAFKA_OFFSET",
  T: "TIMESTAMP",
  EVENT_TYPE: "EVENT_TYPE",
  RIDE_ID: "RIDE_ID",
  USER_ID: "USER_ID",
  LOCATION: "LOCATION",
  ZONE: "ZONE",
  RIDE_TYPE: "RIDE_TYPE",
  LAT1: "PICKUP_LATITUDE",
  LON1: "PICKUP_LONGITUDE",
  LAT2: "DROPOFF_LATITUDE",
  LON2: "DROPOFF_LONGITUDE",
  PASSENGERS: "PASSENGERS",
  FARE: "FARE_ESTIMATE",
};
const IN_COLUMNS = Object.fromEntries(Object.entries(TYPED).map(([said, column]) => [said, `A_${column}`]));

/** Kilometres that two computations of a distance may be apart: trigonometry, which near the antipodes loses half its digits. */
const DISTANCE_OFF = "CASE WHEN CHORD > 0.9999 THEN 1e-3 ELSE 1e-8 END";

/** `RIDE_EVENTS` of some of the events. */
const rides = (from: string, more: Readonly<Record<string, string>> = {}) =>
  `${EVENTS}, ${
    typedRows("RIDE_EVENTS", {
      KAFKA_PARTITION: "P",
      KAFKA_OFFSET: "O",
      TIMESTAMP: "T",
      EVENT_TYPE: "EVENT_TYPE",
      USER_ID: "USER_ID",
      ZONE: "ZONE",
      RIDE_TYPE: "RIDE_TYPE",
      FARE_ESTIMATE: "FARE",
      ...more,
    }, from)
  }`;

const DEMAND = "RIDE_DEMAND_PARTS";
const HOURLY = "RIDE_HOURLY_STATS_PARTS";
const HOURLY_COLUMNS = [
  "KAFKA_PARTITION",
  "ZONE",
  "RIDE_TYPE",
  "WINDOW_START",
  "WINDOW_END",
  "REQUEST_COUNT",
  "FARE_COUNT",
];

/** `RIDE_EVENTS` with what each missed of an operator's windows. */
const withLate = (operator: string) => rides(withMissed(operator, "EVENTS"), { MISSED_UP_TO: "MISSED_UP_TO" });

/** A request counts in no window that it was too late for. */
const IN_TIME = { IN_WINDOWS: countsIn("WINDOW_END") };

function surges(settings: Settings, domain: Domain): Rules {
  const operator = "RIDE_SURGE_ALERTS/SURGE";
  const alerts: Alerts = {
    domain,
    table: "RIDE_SURGE_ALERTS",
    type: "SURGE",
    keys: ["ZONE"],
    threshold: number(settings, "RIDE_SURGE_RATIO"),
    also: ["SURGE_RATIO", "REQUEST_COUNT", "BASELINE_COUNT"],
  };
  const sql = `
    WITH ${withLate(operator)}, ${watermarks("RIDE_WATERMARKS", domain, operator)},
    RIDE_REQUESTS_BY_MINUTE AS (
      SELECT KAFKA_PARTITION, ZONE, DATE_TRUNC('minute', TIMESTAMP) AS AT_MINUTE, MISSED_UP_TO, COUNT(*) AS REQUEST_COUNT,
        CAST(NULL AS TIMESTAMP) AS UPDATED_AT
      FROM RIDE_EVENTS WHERE EVENT_TYPE = 'ride_requested' GROUP BY ALL
    ),
    ${
    TABLES.take(settings, {
      RIDE_SINCE: { table: "RIDE_SINCE" },
      RIDE_SURGES: { table: "RIDE_SURGES", where: { PAIRED: countsIn("AT_END") } },
      EXPECTED: { table: "RIDE_SURGE_ALERTS", upTo: "EPISODES" },
    })
  },
    ${alertDifferences(alerts, "EXPECTED")}`;
  const gap = `TO_MINUTES(${number(settings, "RIDE_SURGE_GAP_MINUTES")})`;
  return {
    "surge alerts are the windows that hold many more requests than was usual, in runs": sql,
    "surge alerts are cleared when they are over": wrongState(alerts, gap),
    "every alert is of a type that there is": strangeAlerts("RIDE_SURGE_ALERTS", ["SURGE"]),
  };
}

/** Mean fares of rows by zone, type and window, as `MEANS`. */
const fareMeans = (from: string) =>
  exactly({
    into: "MEANS",
    from,
    keys: ["ZONE", "RIDE_TYPE", "WINDOW_START"],
    values: { F1: "FARE_ESTIMATE" },
    what: "mean",
    below: MERGED_EXACTLY_BELOW,
  });

/** Rules by name. */
export const checks = (settings: Settings, domain: Domain): Rules => ({
  "typed columns are what the content says": `
    WITH ${eventsWith(Object.values(TYPED))} SELECT * FROM EVENTS WHERE ${differs(IN_COLUMNS)}`,
  "distances are those of a great circle": `
    WITH ${eventsWith(["DISTANCE_KM"])},
    MEASURED AS (SELECT *, ${CHORD} AS CHORD FROM EVENTS),
    EXPECTED AS (SELECT *, 2 * 6371.0088 * ASIN(CASE WHEN CHORD > 1 THEN 1 ELSE SQRT(CHORD) END) AS KM FROM MEASURED)
    SELECT * FROM EXPECTED
    WHERE (KM IS NULL) <> (A_DISTANCE_KM IS NULL) OR ABS(KM - A_DISTANCE_KM) > ${DISTANCE_OFF}`,
  // Of the windows that have not closed, only some are there.
  "demand of each partition equals GROUP BY over every window": `
    WITH ${withLate(DEMAND)}, ${watermarks("RIDE_WATERMARKS", domain, DEMAND)},
    ${TABLES.take(settings, { EXPECTED: { table: DEMAND, where: IN_TIME } })}
    SELECT * FROM (SELECT E.*, E.WINDOW_END <= W.WATERMARK AS CLOSED
      FROM EXPECTED AS E LEFT JOIN RIDE_WATERMARKS AS W USING (KAFKA_PARTITION)) AS E
    FULL JOIN RIDE_DEMAND_PARTS AS A USING (KAFKA_PARTITION, ZONE, RIDE_TYPE, WINDOW_START)
    WHERE NOT COALESCE(E.REQUEST_COUNT = A.REQUEST_COUNT AND E.FARE_COUNT = A.FARE_COUNT AND E.WINDOW_END = A.WINDOW_END, FALSE)
      AND NOT (A.REQUEST_COUNT IS NULL AND NOT COALESCE(CLOSED, FALSE))`,
  "demand is what the partitions have of it": `
    WITH ${withLate(DEMAND)}, ${watermarks("RIDE_WATERMARKS", domain, DEMAND)},
    ${TABLES.take(settings, { IN_WINDOWS: { table: DEMAND, upTo: "IN_WINDOWS", where: IN_TIME } })},
    THERE AS (
      SELECT * FROM IN_WINDOWS SEMI JOIN ${DEMAND} USING (KAFKA_PARTITION, ZONE, RIDE_TYPE, WINDOW_START)
    ),
    EXPECTED AS (SELECT ZONE, RIDE_TYPE, WINDOW_START, WINDOW_END, COUNT(*) AS N FROM THERE GROUP BY ALL),
    ${fareMeans("THERE")}
    SELECT * FROM EXPECTED AS E LEFT JOIN MEANS USING (ZONE, RIDE_TYPE, WINDOW_START)
    FULL JOIN RIDE_DEMAND AS A USING (ZONE, RIDE_TYPE, WINDOW_START)
    WHERE NOT (N IS NOT DISTINCT FROM REQUEST_COUNT AND E.WINDOW_END IS NOT DISTINCT FROM A.WINDOW_END
      AND ${same("F1", "AVG_FARE_ESTIMATE", "F1_OFF")})`,
  "each partition has the counts of its hours": `
    WITH ${rides(onTime(HOURLY))}, ${TABLES.take(settings, { EXPECTED: { table: HOURLY } })}
    ${differingIn(HOURLY_COLUMNS, "EXPECTED", HOURLY)}`,
  "hourly statistics equal GROUP BY, users counted once in all partitions": `
    WITH ${rides(onTime(HOURLY))}, ${watermarks("RIDE_WATERMARKS", domain, HOURLY)},
    ${
    TABLES.take(settings, {
      [HOURLY]: { table: HOURLY },
      RIDE_USERS_PER_HOUR: { table: "RIDE_USERS_PER_HOUR" },
      EXPECTED: { table: "RIDE_HOURLY_STATS" },
    })
  },
    BY_HOUR AS (
      SELECT *, DATE_TRUNC('hour', TIMESTAMP) AS WINDOW_START FROM RIDE_EVENTS WHERE EVENT_TYPE = 'ride_requested'
    ),
    ${fareMeans("BY_HOUR")}
    SELECT * FROM EXPECTED AS E LEFT JOIN MEANS USING (ZONE, RIDE_TYPE, WINDOW_START)
    FULL JOIN RIDE_HOURLY_STATS AS A USING (ZONE, RIDE_TYPE, WINDOW_START)
    WHERE NOT (${
    ["REQUEST_COUNT", "UNIQUE_USERS", "WINDOW_END"].map((column) => `E.${column} IS NOT DISTINCT FROM A.${column}`)
      .join(" AND ")
  } AND ${same("F1", "A.AVG_FARE_ESTIMATE", "F1_OFF")})`,
  ...surges(settings, domain),
});
