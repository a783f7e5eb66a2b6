// What must hold of the circadian tables, recomputed from the raw rows in SQL of its own (see checks.ts): local days by DuckDB's
// own time zones, phases by its own trigonometry.

import { differing, eventTime, onTime, position, type Rules } from "./rules.ts";

/** Raw rows with what the checks need. `LOCAL_T` and `MIDDLE` are what the user's clock showed; the traffic tells lengths. */
const EVENTS = `EVENTS AS (
  SELECT ${position("RECORD_METADATA")},
    RECORD_CONTENT->>'user_id' AS USER_ID,
    RECORD_CONTENT->>'activity_type' AS KIND,
    RECORD_CONTENT->>'time_zone' AS ZONE,
    ${eventTime("RECORD_CONTENT->>'timestamp'")} AS T,
    CAST(RECORD_CONTENT->>'duration_minutes' AS DOUBLE) / 60 AS H,
    CAST(RECORD_CONTENT->>'lux' AS DOUBLE) AS LUX,
    TIMEZONE(ZONE, TIMEZONE('UTC', T)) AS LOCAL_T,
    TIMEZONE(ZONE, TIMEZONE('UTC', T - TO_MICROSECONDS(CAST(ROUND(H * 1800000000) AS BIGINT)))) AS MIDDLE,
    CAST(LOCAL_T AS DATE) AS D
  FROM USER_ACTIVITY
)`;

const hoursBetween = (from: string, to: string) => `DATE_DIFF('microsecond', ${from}, ${to}) / 3600000000.0`;
/** To a thousandth of a second; circular means lose more digits than sums do. */
const alike = (a: string, b: string) => `(${a} IS NULL AND ${b} IS NULL OR ABS(${a} - ${b}) <= 1e-3 / 3600)`;
/** Two hours of the day that are the same, or on both sides of midnight; recommendations have four decimals. */
const sameHour = (a: string, b: string) => `LEAST(ABS(${a} - ${b}), 24 - ABS(${a} - ${b})) <= 1e-4`;

const resultant = (angle: string) => `SQRT(SUM(SIN(${angle}))^2 + SUM(COS(${angle}))^2) / COUNT(*)`;
const spread = (r: string) => `SQRT(GREATEST(-2 * LN(GREATEST(${r}, 1e-9)), 0)) * 24 / (2 * PI())`;
const meanHour = (hour: string) =>
  `(DEGREES(ATAN2(SUM(SIN(RADIANS(${hour} * 15))), SUM(COS(RADIANS(${hour} * 15))))) / 15 + 24) % 24`;

const DAYS = `DAYS AS (
  SELECT USER_ID, D, ZONE,
    SUM(H) FILTER (KIND = 'sleep') AS SLEEP,
    FIRST(${hoursBetween("CAST(D AS TIMESTAMP)", "MIDDLE")} ORDER BY H DESC, T, O) FILTER (KIND = 'sleep') AS MIDPOINT,
    COUNT(*) FILTER (KIND = 'meal') AS MEALS,
    ${hoursBetween("MIN(T) FILTER (KIND = 'meal')", "MAX(T) FILTER (KIND = 'meal')")} AS EATING,
    FSUM(LUX * H) FILTER (KIND = 'light') AS LIGHT
  FROM ${onTime("CIRCADIAN_DAILY_PARTS")} GROUP BY ALL
)`;

/** Rules by name. */
export const circadian = (): Rules => ({
  "typed columns are what the raw record says": `
    WITH ${EVENTS},
    EXPECTED AS (SELECT P, O, USER_ID, KIND, T, ZONE FROM EVENTS),
    ACTUAL AS (SELECT ${position("RECORD_METADATA")}, USER_ID, ACTIVITY_TYPE, TIMESTAMP, TIME_ZONE FROM USER_ACTIVITY)
    ${differing("EXPECTED", "ACTUAL")}`,
  "local days equal GROUP BY on what the users' clocks showed": `
    WITH ${EVENTS}, ${DAYS},
    EXPECTED AS (
      SELECT *, TIMEZONE('UTC', TIMEZONE(ZONE, CAST(D AS TIMESTAMP))) AS DAY_START,
        TIMEZONE('UTC', TIMEZONE(ZONE, CAST(D + 1 AS TIMESTAMP))) AS DAY_END
      FROM DAYS
    )
    SELECT * FROM EXPECTED AS E FULL JOIN CIRCADIAN_DAILY AS A
      ON E.USER_ID = A.USER_ID AND E.D = A.LOCAL_DATE AND E.ZONE = A.TIME_ZONE
    WHERE NOT COALESCE(DAY_START = WINDOW_START AND DAY_END = WINDOW_END AND MEALS = MEAL_COUNT
      AND ${alike("SLEEP", "SLEEP_HOURS")} AND ${alike("MIDPOINT", "SLEEP_MIDPOINT")}
      AND ${alike("EATING", "EATING_WINDOW_HOURS")}
      AND (LIGHT IS NULL AND LIGHT_LUX_HOURS IS NULL OR ABS(LIGHT - LIGHT_LUX_HOURS) <= 1e-9 * LIGHT), FALSE)`,
  "regularity is the circular spread of a week's midpoints": `
    WITH ${EVENTS}, ${DAYS},
    EXPECTED AS (
      SELECT D.USER_ID, D.D, D.ZONE, CASE WHEN COUNT(*) >= 2 THEN ${
    spread(resultant("RADIANS(W.MIDPOINT * 15)"))
  } END AS SD
      FROM DAYS AS D JOIN DAYS AS W ON W.USER_ID = D.USER_ID AND D.D - W.D BETWEEN 0 AND 6
        AND TIMEZONE(W.ZONE, CAST(W.D + 1 AS TIMESTAMP)) <= TIMEZONE(D.ZONE, CAST(D.D + 1 AS TIMESTAMP))
      WHERE W.MIDPOINT IS NOT NULL GROUP BY ALL
    )
    SELECT * FROM CIRCADIAN_DAILY AS A LEFT JOIN EXPECTED AS E
      ON E.USER_ID = A.USER_ID AND E.D = A.LOCAL_DATE AND E.ZONE = A.TIME_ZONE
    WHERE NOT COALESCE(${alike("SD", "SLEEP_REGULARITY")}, FALSE)`,
  "recommendations come from the main sleeps of the last seven nights": `
    WITH ${EVENTS},
    SLEEPS AS (SELECT DISTINCT USER_ID, T, H, ZONE, D, LOCAL_T FROM EVENTS WHERE KIND = 'sleep'),
    RECENT AS (
      SELECT * FROM SLEEPS QUALIFY T > MAX(T) OVER (PARTITION BY USER_ID) - INTERVAL 14 DAY
        AND ROW_NUMBER() OVER (PARTITION BY USER_ID ORDER BY T DESC) <= 64
    ),
    MAIN AS (SELECT * FROM RECENT QUALIFY ROW_NUMBER() OVER (PARTITION BY USER_ID, D ORDER BY H DESC, T) = 1),
    NIGHTS AS (SELECT * FROM MAIN QUALIFY ROW_NUMBER() OVER (PARTITION BY USER_ID ORDER BY T DESC) <= 7),
    EXPECTED AS (
      SELECT USER_ID, COUNT(*) AS N, AVG(H) AS HOURS, MAX(T) AS NEWEST, ARG_MAX(ZONE, T) AS ZONE,
        ${meanHour("(EPOCH_MS(T) / 3600000.0)")} AS WAKE_UTC,
        ${meanHour("(EPOCH_MS(LOCAL_T) / 3600000.0)")} AS WAKE_LOCAL,
        ${spread(resultant("RADIANS((EPOCH_MS(T) / 3600000.0 - H / 2) * 15)"))} AS SD
      FROM NIGHTS GROUP BY USER_ID
    ),
    ACTUAL AS (
      SELECT USER_ID, RECOMMENDATION AS R, LAST_SLEEP_AT, RECOMMENDATION->'phase' AS PHASE FROM RECOMMENDATIONS
    )
    SELECT * FROM EXPECTED AS E FULL JOIN ACTUAL AS A USING (USER_ID)
    WHERE NOT COALESCE(N = CAST(R->>'nights' AS BIGINT) AND ZONE = (R->>'time_zone')
      AND NEWEST = CAST(RTRIM(R->>'as_of', 'Z') AS TIMESTAMP)
      AND LAST_SLEEP_AT = (SELECT MAX(T) FROM SLEEPS AS S WHERE S.USER_ID = E.USER_ID)
      AND ABS(HOURS - CAST(PHASE->>'sleep_hours' AS DOUBLE)) <= 1e-4
      AND ABS(SD - CAST(R->>'irregularity_hours' AS DOUBLE)) <= 1e-4
      AND ${sameHour("WAKE_UTC", "CAST(PHASE->>'wake_utc' AS DOUBLE)")}
      AND ${sameHour("WAKE_LOCAL", "CAST(PHASE->>'wake_local' AS DOUBLE)")}
      AND ${
    sameHour("WAKE_UTC - CASE WHEN HOURS > 7 THEN 3 ELSE 2 END", "CAST(PHASE->>'cbt_min_utc' AS DOUBLE)")
  }, FALSE)`,
  "no day is there twice": `
    SELECT KAFKA_PARTITION, USER_ID, TIME_ZONE, WINDOW_START FROM CIRCADIAN_DAILY_PARTS GROUP BY ALL HAVING COUNT(*) > 1
    UNION ALL SELECT 0, USER_ID, TIME_ZONE, WINDOW_START FROM CIRCADIAN_DAILY GROUP BY ALL HAVING COUNT(*) > 1`,
  "nobody has two recommendations": `SELECT USER_ID FROM RECOMMENDATIONS GROUP BY ALL HAVING COUNT(*) > 1`,
});

/** Activity that the rules cannot judge: sleep told by its two ends, and time zones in another spelling than the tables'. */
export const circadianUnjudged = `
  SELECT 1 FROM USER_ACTIVITY
  WHERE (RECORD_CONTENT->>'sleep_start') IS NOT NULL OR (RECORD_CONTENT->>'time_zone') <> TIME_ZONE
    OR (ACTIVITY_TYPE = 'sleep' AND (RECORD_CONTENT->>'duration_minutes') IS NULL)`;
