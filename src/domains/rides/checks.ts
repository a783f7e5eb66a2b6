// What must hold of the rides tables, recomputed from the raw rows.

import type { Domain } from "../domain.ts";
import { exactly, MERGED_EXACTLY_BELOW } from "../../checks/exact.ts";
import {
  countsIn,
  differs,
  double,
  eventTime,
  Fields,
  identifier,
  number,
  onTime,
  passed,
  position,
  type Rules,
  same,
  type Settings,
  text,
  whole,
  withMissed,
} from "../../checks/rules.ts";
import {
  alertDifferences,
  type Alerts,
  numbered,
  partDifferences,
  strangeAlerts,
  wrongState,
} from "../../checks/sessions.ts";

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
]);

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
),
REQUESTS AS (SELECT * FROM EVENTS WHERE EVENT_TYPE = 'ride_requested')`;

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

/** Requests by the windows of RIDE_DEMAND that they count in. */
const IN_WINDOWS = `IN_WINDOWS AS (
  SELECT * FROM (
    SELECT *, DATE_TRUNC('minute', T) - INTERVAL 1 MINUTE * UNNEST(RANGE(15)) AS WINDOW_START
    FROM ${withMissed("RIDE_DEMAND_PARTS", "REQUESTS")}
  ) WHERE ${countsIn("WINDOW_START + INTERVAL 15 MINUTE")}
),
PARTS AS (
  SELECT P, ZONE, RIDE_TYPE, WINDOW_START, COUNT(*) AS N, COUNT(FARE) AS FARES FROM IN_WINDOWS GROUP BY ALL
)`;

function surges(settings: Settings, domain: Domain): Rules {
  const minutes = number(settings, "RIDE_SURGE_BASELINE_MINUTES");
  const gap = `TO_MINUTES(${number(settings, "RIDE_SURGE_GAP_MINUTES")})`;
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
    WITH ${EVENTS},
    TAKEN AS (SELECT P, ZONE, O, T, MISSED_UP_TO FROM ${withMissed(operator, "REQUESTS")}),
    SINCE AS (SELECT P, ARG_MIN(T, O) AS SINCE FROM TAKEN GROUP BY P),
    -- Requests by minute, and every minute at whose end a window holds one of them.
    BY_MINUTE AS (
      SELECT P, ZONE, DATE_TRUNC('minute', T) AS M, MISSED_UP_TO, COUNT(*) AS N FROM TAKEN GROUP BY ALL
    ),
    ENDS AS (SELECT DISTINCT P, ZONE, M + INTERVAL 1 MINUTE * UNNEST(RANGE(1, 16)) AS T FROM BY_MINUTE),
    COUNTED AS (
      SELECT P, ZONE, T, SUM(N) FILTER (M >= T - INTERVAL 15 MINUTE) AS N,
        GREATEST(1, COALESCE(SUM(N) FILTER (M < T - INTERVAL 15 MINUTE), 0) * 15 / ${minutes}) AS USUAL
      FROM ENDS JOIN BY_MINUTE USING (P, ZONE)
      WHERE M < T AND M >= T - TO_MINUTES(15 + ${minutes}) AND ${countsIn("T")}
      GROUP BY ALL
    ),
    SURGING AS (
      SELECT C.* FROM COUNTED AS C JOIN SINCE USING (P) JOIN ${passed(domain, operator)} AS F USING (P)
      WHERE N >= ${number(settings, "RIDE_SURGE_MIN_REQUESTS")} AND N / USUAL >= ${number(settings, "RIDE_SURGE_RATIO")}
        AND T <= F.UP_TO AND T - TO_MINUTES(15 + ${minutes}) >= SINCE
    ),
    ${numbered({ from: "SURGING", keys: ["ZONE"], gap, order: "T" })},
    EXPECTED AS (
      SELECT P, ZONE, MIN(T) AS STARTED_AT, MAX(T) AS LAST_SEEN_AT, COUNT(*) AS EVENT_COUNT, MAX(N / USUAL) AS PEAK_VALUE,
        ARG_MAX(N / USUAL, T) AS SURGE_RATIO, CAST(ARG_MAX(N, T) AS BIGINT) AS REQUEST_COUNT,
        CAST(ARG_MAX(USUAL, T) AS DOUBLE) AS BASELINE_COUNT
      FROM NUMBERED GROUP BY P, ZONE, RUN
    ),
    ${alertDifferences(alerts)}`;
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
    values: { F1: "FARE" },
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
    WITH ${EVENTS}, ${IN_WINDOWS}
    SELECT * FROM (SELECT E.*, E.WINDOW_START + INTERVAL 15 MINUTE <= F.UP_TO AS CLOSED
      FROM PARTS AS E LEFT JOIN ${passed(domain, "RIDE_DEMAND_PARTS")} AS F USING (P)) AS E
    FULL JOIN RIDE_DEMAND_PARTS AS A ON A.KAFKA_PARTITION = E.P AND A.ZONE = E.ZONE AND A.RIDE_TYPE = E.RIDE_TYPE
      AND A.WINDOW_START = E.WINDOW_START
    WHERE NOT COALESCE(N = REQUEST_COUNT AND FARES = FARE_COUNT AND A.WINDOW_END = A.WINDOW_START + INTERVAL 15 MINUTE, FALSE)
      AND NOT (A.REQUEST_COUNT IS NULL AND NOT COALESCE(CLOSED, FALSE))`,
  "demand is what the partitions have of it": `
    WITH ${EVENTS}, ${IN_WINDOWS},
    THERE AS (
      SELECT * FROM IN_WINDOWS SEMI JOIN (SELECT KAFKA_PARTITION AS P, ZONE, RIDE_TYPE, WINDOW_START FROM RIDE_DEMAND_PARTS)
        USING (P, ZONE, RIDE_TYPE, WINDOW_START)
    ),
    EXPECTED AS (SELECT ZONE, RIDE_TYPE, WINDOW_START, COUNT(*) AS N FROM THERE GROUP BY ALL),
    ${fareMeans("THERE")}
    SELECT * FROM EXPECTED LEFT JOIN MEANS USING (ZONE, RIDE_TYPE, WINDOW_START)
    FULL JOIN RIDE_DEMAND USING (ZONE, RIDE_TYPE, WINDOW_START)
    WHERE NOT (N IS NOT DISTINCT FROM REQUEST_COUNT AND WINDOW_END IS NOT DISTINCT FROM WINDOW_START + INTERVAL 15 MINUTE
      AND ${same("F1", "AVG_FARE_ESTIMATE", "F1_OFF")})`,
  "each partition has the counts of its hours": `
    WITH ${EVENTS}, ${
    partDifferences({
      table: "RIDE_HOURLY_STATS_PARTS",
      keys: { ZONE: "ZONE", RIDE_TYPE: "RIDE_TYPE", WINDOW_START: "DATE_TRUNC('hour', T)" },
      counts: { REQUEST_COUNT: "COUNT(*)", FARE_COUNT: "COUNT(FARE)" },
      from: onTime("RIDE_HOURLY_STATS_PARTS", "REQUESTS"),
    })
  }`,
  "hourly statistics equal GROUP BY, users counted once in all partitions": `
    WITH ${EVENTS},
    COUNTED AS (SELECT *, DATE_TRUNC('hour', T) AS WINDOW_START FROM ${onTime("RIDE_HOURLY_STATS_PARTS", "REQUESTS")}),
    EXPECTED AS (
      SELECT ZONE, RIDE_TYPE, WINDOW_START, COUNT(*) AS N, COUNT(DISTINCT USER_ID) AS U FROM COUNTED GROUP BY ALL
    ),
    ${fareMeans("COUNTED")}
    SELECT * FROM EXPECTED LEFT JOIN MEANS USING (ZONE, RIDE_TYPE, WINDOW_START)
    FULL JOIN RIDE_HOURLY_STATS USING (ZONE, RIDE_TYPE, WINDOW_START)
    WHERE NOT (N IS NOT DISTINCT FROM REQUEST_COUNT AND U IS NOT DISTINCT FROM UNIQUE_USERS
      AND WINDOW_END IS NOT DISTINCT FROM WINDOW_START + INTERVAL 1 HOUR AND ${
    same("F1", "AVG_FARE_ESTIMATE", "F1_OFF")
  })`,
  ...surges(settings, domain),
});
