// What must hold of the circadian tables, recomputed from the raw rows in SQL of its own: local days by DuckDB's own time
// zones, phases by its own trigonometry.

import { partDifferences } from "../../checks/sessions.ts";
import { exactly, MERGED_EXACTLY_BELOW } from "../../checks/exact.ts";
import { older } from "./older.ts";
import {
  differs,
  double,
  eventTime,
  Fields,
  isText,
  onTime,
  position,
  type Rules,
  same,
  text,
} from "../../checks/rules.ts";

/** Which zone is meant where none is told, the table says: the setting may be another by now. */
const { time_zone: _, ...toldAs } = older("UTC");
const C = new Fields("RECORD_CONTENT", [
  "time_zone",
  "user_id",
  "activity_type",
  "sleep_start",
  "sleep_end",
  "timestamp",
  "duration_minutes",
  "lux",
], toldAs);
/** Zones that are offsets DuckDB does not know: by its clocks they are UTC, and ahead of it. */
const IS_OFFSET = "REGEXP_MATCHES(ZONE, '^[-+]')";
const NAMED = `CASE WHEN ${IS_OFFSET} THEN 'UTC' ELSE ZONE END`;
const AHEAD = `CASE WHEN ${IS_OFFSET} THEN TO_MINUTES(CAST(LEFT(ZONE, 1) || '1' AS INTEGER)
    * (CAST(SUBSTR(ZONE, 2, 2) AS INTEGER) * 60 + CAST(SUBSTR(ZONE, 5, 2) AS INTEGER))) ELSE INTERVAL 0 MINUTE END`;
const local = (instant: string) => `(TIMEZONE(${NAMED}, TIMEZONE('UTC', ${instant})) + ${AHEAD})`;
/** When the zone's clocks show a time. */
const shownAs = (clock: string) => `TIMEZONE('UTC', TIMEZONE(${NAMED}, ${clock} - ${AHEAD}))`;
/** A time as told: without an offset it is what the zone's clocks showed. */
const toldTime = (field: string) =>
  `CASE WHEN ${isText(C, field)} AND NOT REGEXP_MATCHES(SUBSTR(${
    text(C, field)
  }, 11), '([zZ]|[-+][0-9][0-9](:?[0-9][0-9])?)$')
      THEN ${shownAs(eventTime(C, field))} ELSE ${eventTime(C, field)} END`;
const hoursBetween = (from: string, to: string) => `DATE_DIFF('microsecond', ${from}, ${to}) / 3600000000.0`;

/**
 * Raw rows with what the rules need. `LOCAL_T` and `MIDDLE` are what the user's clock showed. A sleep that tells both its
 * ends is as long as they are apart, any other as long as it says. The zone is in the table's spelling.
 */
const EVENTS = `EVENTS AS (
  SELECT ${
  position("RECORD_METADATA")
}, USER_ID AS A_USER_ID, ACTIVITY_TYPE, "TIMESTAMP" AS A_T, HOURS AS A_H, KAFKA_PARTITION AS A_P, KAFKA_OFFSET AS A_O,
    ${text(C, "time_zone")} AS TOLD_ZONE,
    ${text(C, "user_id")} AS USER_ID,
    ${text(C, "activity_type")} AS KIND,
    TIME_ZONE AS ZONE,
    KIND = 'sleep' AND ${text(C, "sleep_start")} IS NOT NULL AND ${text(C, "sleep_end")} IS NOT NULL AS BY_ENDS,
    CASE WHEN BY_ENDS THEN ${toldTime("sleep_end")} ELSE ${toldTime("timestamp")} END AS T,
    CASE WHEN BY_ENDS THEN ${hoursBetween(toldTime("sleep_start"), "T")}
      WHEN KIND = 'sleep' THEN ${double(C, "duration_minutes")} * 60000 / 3600000
      ELSE ${double(C, "duration_minutes")} / 60 END AS H,
    CASE WHEN KIND = 'light' THEN ${double(C, "lux")} * H END AS LUX_HOURS,
    ${local("T")} AS LOCAL_T,
    ${local("T - TO_MICROSECONDS(CAST(ROUND(H * 1800000000) AS BIGINT))")} AS MIDDLE,
    CAST(LOCAL_T AS DATE) AS D
  FROM ${C.from("USER_ACTIVITY")}
)`;

/** When a day begins: at its first instant, where midnight comes twice the first of them. */
function dayStart(date: string): string {
  const midnight = shownAs(`CAST(${date} AS TIMESTAMP)`);
  return `CASE WHEN CAST(${local(`${midnight} - INTERVAL 1 HOUR`)} AS DATE) = ${date} THEN ${midnight} - INTERVAL 1 HOUR
      ELSE ${midnight} END`;
}

/** Hours that two tellings of a sleep's ends may be apart: a microsecond's digits are lost in milliseconds since the epoch. */
const ENDS_OFF = "CASE WHEN ENDS > 0 THEN ENDS * 1e-9 ELSE 0 END";
/** The same of one sleep. */
const ENDS_OFF_EACH = "CASE WHEN BY_ENDS THEN 1e-9 END";
/** To a thousandth of a second: circular means lose more digits than sums do. */
const MOMENT = "1e-3 / 3600";
/** Recommendations have four decimals. */
const DECIMALS = "1e-4";

/** Two hours of the day that are the same, or on both sides of midnight. */
const sameHour = (a: string, b: string, within = DECIMALS) =>
  `COALESCE(LEAST(ABS(${a} - ${b}), 24 - ABS(${a} - ${b})) <= ${within}, FALSE)`;
/** The same, of what a clock shows to the minute. */
const sameClock = (hour: string, text: string) =>
  sameHour(
    `(((${hour}) % 24 + 24) % 24)`,
    `(CAST(LEFT(${text}, 2) AS DOUBLE) + CAST(RIGHT(${text}, 2) AS DOUBLE) / 60)`,
    "30.01 / 3600",
  );

const resultant = (angle: string) => `SQRT(SUM(SIN(${angle}))^2 + SUM(COS(${angle}))^2) / COUNT(*)`;
const spread = (r: string) => `SQRT(GREATEST(-2 * LN(GREATEST(${r}, 1e-9)), 0)) * 24 / (2 * PI())`;
const meanHour = (hour: string) =>
  `(DEGREES(ATAN2(SUM(SIN(RADIANS(${hour} * 15))), SUM(COS(RADIANS(${hour} * 15))))) / 15 + 24) % 24`;

const DAY = ["USER_ID", "D", "ZONE"];
const COUNTED = `COUNTED AS (SELECT * FROM ${onTime("CIRCADIAN_DAILY_PARTS")})`;

/** A user's days. `MIDPOINTS`: of the longest sleep that each partition has of the day, as far as none has a longer one. */
const DAYS = `DAYS AS (
  SELECT USER_ID, D, ZONE, COUNT(*) FILTER (KIND = 'meal') AS MEALS, COUNT(*) FILTER (BY_ENDS) AS ENDS,
    ${hoursBetween("MIN(T) FILTER (KIND = 'meal')", "MAX(T) FILTER (KIND = 'meal')")} AS EATING
  FROM COUNTED GROUP BY ALL
),
MAIN AS (
  SELECT * FROM COUNTED WHERE KIND = 'sleep' AND H IS NOT NULL QUALIFY ROW_NUMBER() OVER (PARTITION BY P, USER_ID, D, ZONE ORDER BY H DESC, T, O) = 1
),
LONGEST AS (
  SELECT USER_ID, D, ZONE, LIST(${hoursBetween("CAST(D AS TIMESTAMP)", "MIDDLE")}) AS MIDPOINTS
  FROM (FROM MAIN QUALIFY H = MAX(H) OVER (PARTITION BY USER_ID, D, ZONE)) GROUP BY ALL
)`;

/** Days on which sleeps overlap: the hours that any of them covers. Only of rows that have their length typed. */
const OVERLAPPING = `SLEPT AS (
  SELECT USER_ID, D, ZONE, A_H, ${hoursBetween("CAST(D AS TIMESTAMP)", "T")} AS UP, UP - H AS DOWN,
    MAX(UP) OVER (PARTITION BY USER_ID, D, ZONE ORDER BY DOWN, UP ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS BEFORE
  FROM COUNTED WHERE KIND = 'sleep' AND H IS NOT NULL
),
OVERLAPPING AS (
  SELECT USER_ID, D, ZONE, SUM(GREATEST(UP - GREATEST(DOWN, COALESCE(BEFORE, DOWN)), 0)) AS COVERED FROM SLEPT GROUP BY ALL
  HAVING BOOL_OR(BEFORE > DOWN + 1e-6) AND BOOL_AND(A_H IS NOT NULL)
)`;
/** Hours that sums of doubles may be apart. */
const COVERED_OFF = "1e-6";

/** Each partition's recommendation, recomputed: nights newest first, as their lengths are added. */
const RECOMMENDED = `
  SLEEPS AS (
    SELECT DISTINCT P, USER_ID, CAST(FLOOR(EPOCH_US(T) / 1000.0 + 0.5) AS BIGINT) AS E, H, ZONE, D,
      EPOCH_US(LOCAL_T) / 3600000000.0 - EPOCH_US(T) / 3600000000.0 AS AHEAD
    FROM EVENTS WHERE KIND = 'sleep' AND H IS NOT NULL
  ),
  RECENT AS (
    SELECT * FROM SLEEPS QUALIFY E > MAX(E) OVER (PARTITION BY P, USER_ID) - 14 * 86400000
      AND ROW_NUMBER() OVER (PARTITION BY P, USER_ID ORDER BY E DESC, H DESC, ZONE DESC, D DESC) <= 64
  ),
  MAIN AS (SELECT * FROM RECENT QUALIFY ROW_NUMBER() OVER (PARTITION BY P, USER_ID, D ORDER BY H DESC, E, ZONE DESC) = 1),
  NIGHTS AS (SELECT * FROM MAIN QUALIFY ROW_NUMBER() OVER (PARTITION BY P, USER_ID ORDER BY E DESC, D DESC) <= 7),
  PHASES AS (
    SELECT P, USER_ID, COUNT(*) AS N, LIST_REDUCE(LIST(H ORDER BY E DESC), LAMBDA A, B: A + B) / COUNT(*) AS HOURS,
      MAX(E) AS NEWEST, ARG_MAX(ZONE, E) AS ZONE, ARG_MAX(AHEAD, E) AS AHEAD,
      ${meanHour("(E / 3600000.0)")} AS WAKE_UTC,
      ${meanHour("(E / 3600000.0 + AHEAD)")} AS WAKE_LOCAL,
      ${resultant("RADIANS(E / 3600000.0 * 15)")} AS R_UTC,
      ${resultant("RADIANS((E / 3600000.0 + AHEAD) * 15)")} AS R_LOCAL,
      ${spread(resultant("RADIANS((E / 3600000.0 - H / 2) * 15)"))} AS SD
    FROM NIGHTS GROUP BY P, USER_ID
  ),
  EXPECTED AS (
    SELECT *, CASE WHEN HOURS > 7 THEN 3 ELSE 2 END AS BEFORE, WAKE_UTC + AHEAD AS WAKE, WAKE - HOURS AS BED
    FROM PHASES
    JOIN (SELECT P, USER_ID, MAX(T) AS LAST_SLEEP_AT FROM EVENTS WHERE KIND = 'sleep' AND H IS NOT NULL GROUP BY ALL) USING (P, USER_ID)
  )`;

const said = (path: string) => `CAST(R->>'$.${path}' AS DOUBLE)`;
const stretch = (path: string, from: string, to: string) =>
  `${sameClock(from, `(R->>'$.${path}.from')`)} AND ${sameClock(to, `(R->>'$.${path}.to')`)}`;
/** Times all around the clock have no mean: what is said of it then is nobody's. */
const NO_MEAN = 1e-6;
/** Whether a piece of advice is given where it must be; at its very limit it may or may not be. */
const advised = (code: string, when: string, limit: string) =>
  `(${limit} OR (LIST_CONTAINS(R->>'$.advice[*].code', '${code}') = (${when})))`;

const MATCHING = `N = ${said("nights")} AND A.LAST_SLEEP_AT = E.LAST_SLEEP_AT AND ZONE = (R->>'time_zone')
      AND NEWEST = EPOCH_MS(CAST(RTRIM(R->>'as_of', 'Z') AS TIMESTAMP))
      AND ABS(HOURS - ${said("phase.sleep_hours")}) <= ${DECIMALS} AND ABS(SD - ${
  said("irregularity_hours")
}) <= ${DECIMALS}
      AND BEFORE = ${said("phase.cbt_min_before_wake")}
      AND (R_LOCAL < ${NO_MEAN} OR ${sameHour("WAKE_LOCAL", said("phase.wake_local"))})
      AND (R_UTC < ${NO_MEAN} OR (${sameHour("WAKE_UTC", said("phase.wake_utc"))}
        AND ${sameHour("((WAKE_UTC - BEFORE + 24) % 24)", said("phase.cbt_min_utc"))}
        AND ${sameClock("WAKE - BEFORE", "(R->>'cbt_min')")} AND ${stretch("sleep", "BED", "WAKE")}
        AND ${stretch("light.day", "WAKE", "BED - 3")} AND ${stretch("light.evening", "BED - 3", "BED")}
        AND ${stretch("light.night", "BED", "WAKE")}))
      AND ${said("light.day.at_least_lux")} = 250 AND ${said("light.evening.at_most_lux")} = 10
      AND ${said("light.night.at_most_lux")} = 1
      AND ${advised("sleep_longer", "HOURS < 7", "FALSE")} AND ${
  advised("keep_regular", "SD > 1", "ABS(SD - 1) < 1e-9")
}
      AND ${advised("keep_going", "HOURS >= 7 AND SD <= 1", "ABS(SD - 1) < 1e-9")}
      AND (R->>'note') = 'General guidance from published averages, not medical advice: people differ, ask a physician'`;

/** Rules by name. */
export const checks = (): Rules => ({
  "typed columns are what the raw record says": `
    WITH ${EVENTS}
    SELECT * FROM EVENTS
    WHERE ${
    differs({
      USER_ID: "A_USER_ID",
      KIND: "ACTIVITY_TYPE",
      T: "A_T",
      "COALESCE(LOWER(TOLD_ZONE), LOWER(ZONE))": "LOWER(ZONE)",
    })
  }
      -- Rows that an older Freshet wrote have none of the three.
      OR NOT (A_P IS NULL AND A_O IS NULL AND A_H IS NULL)
        AND NOT (${same("H", "A_H", ENDS_OFF_EACH)} AND A_P IS NOT DISTINCT FROM P AND A_O IS NOT DISTINCT FROM O)`,
  "each partition has the counts of its days": `
    WITH ${EVENTS}, ${
    partDifferences({
      table: "CIRCADIAN_DAILY_PARTS",
      keys: { USER_ID: "USER_ID", TIME_ZONE: "ZONE", LOCAL_DATE: "D" },
      counts: Object.fromEntries(
        Object.entries({ sleep: "H", meal: "T", light: "LUX_HOURS" }).map((
          [kind, told],
        ) => [`${kind.toUpperCase()}_COUNT`, `COUNT(${told}) FILTER (KIND = '${kind}')`]),
      ),
      from: onTime("CIRCADIAN_DAILY_PARTS"),
    })
  }`,
  "local days equal GROUP BY on what the users' clocks showed": `
    WITH ${EVENTS}, ${COUNTED}, ${DAYS}, ${OVERLAPPING},
    ${
    exactly({
      into: "SUMS",
      from: "COUNTED",
      keys: DAY,
      values: { SLEEP: "CASE WHEN KIND = 'sleep' THEN H END", LIGHT: "LUX_HOURS" },
      what: "sum",
      below: MERGED_EXACTLY_BELOW,
    })
  },
    EXPECTED AS (
      SELECT *, ${dayStart("D")} AS DAY_START, ${dayStart("(D + 1)")} AS DAY_END
      FROM DAYS LEFT JOIN LONGEST USING (USER_ID, D, ZONE) LEFT JOIN SUMS USING (USER_ID, D, ZONE)
        LEFT JOIN OVERLAPPING USING (USER_ID, D, ZONE)
    )
    SELECT * FROM EXPECTED AS E FULL JOIN CIRCADIAN_DAILY AS A
      ON E.USER_ID = A.USER_ID AND E.D = A.LOCAL_DATE AND E.ZONE = A.TIME_ZONE
    WHERE NOT (COALESCE(DAY_START = WINDOW_START AND DAY_END = WINDOW_END AND MEALS = MEAL_COUNT, FALSE)
      AND CASE WHEN COVERED IS NULL THEN ${same("SLEEP", "SLEEP_HOURS", `SLEEP_OFF + ${ENDS_OFF}`)}
        ELSE ${same("COVERED", "SLEEP_HOURS", COVERED_OFF)} END AND ${same("EATING", "EATING_WINDOW_HOURS")}
      AND ${same("LIGHT", "LIGHT_LUX_HOURS", "LIGHT_OFF")}
      AND (MIDPOINTS IS NULL AND SLEEP_MIDPOINT IS NULL
        OR COALESCE(LEN(LIST_FILTER(MIDPOINTS, LAMBDA M: ABS(M - SLEEP_MIDPOINT) <= ${MOMENT})) > 0, FALSE)))`,
  // Of the midpoints that the days say: another rule recomputes those.
  "regularity is the circular spread of a week's midpoints": `
    WITH EXPECTED AS (
      SELECT D.USER_ID, D.LOCAL_DATE, D.TIME_ZONE, COUNT(*) AS NIGHTS, ${
    resultant("RADIANS(W.SLEEP_MIDPOINT * 15)")
  } AS R
      FROM CIRCADIAN_DAILY AS D
      JOIN CIRCADIAN_DAILY AS W ON W.USER_ID = D.USER_ID AND D.LOCAL_DATE - W.LOCAL_DATE BETWEEN 0 AND 6
        AND W.WINDOW_END <= D.WINDOW_END
      WHERE W.SLEEP_MIDPOINT IS NOT NULL GROUP BY ALL
    )
    SELECT * FROM (
      SELECT A.*, CASE WHEN NIGHTS >= 2 THEN ${spread("R")} END AS SD
      FROM CIRCADIAN_DAILY AS A LEFT JOIN EXPECTED AS E USING (USER_ID, LOCAL_DATE, TIME_ZONE)
    )
    -- Of midpoints that are all but the same the spread is the root of what rounding leaves.
    WHERE NOT ${same("SD", "SLEEP_REGULARITY", `CASE WHEN SD < 1e-3 THEN 1e-6 ELSE ${MOMENT} END`)}`,
  "recommendations come from the main sleeps of the last seven nights": `
    WITH ${EVENTS}, ${RECOMMENDED},
    ACTUAL AS (
      SELECT KAFKA_PARTITION AS P, USER_ID, RECOMMENDATION AS R, LAST_SLEEP_AT FROM RECOMMENDATIONS_PARTS
    )
    SELECT E.*, A.R, A.LAST_SLEEP_AT FROM EXPECTED AS E FULL JOIN ACTUAL AS A ON A.P = E.P AND A.USER_ID = E.USER_ID
    WHERE NOT COALESCE(${MATCHING}, FALSE)`,
  "a user's recommendation is that of the partition with the newest sleep": `
    WITH EXPECTED AS (
      SELECT USER_ID, LAST_SLEEP_AT, CAST(RECOMMENDATION AS VARCHAR) AS R FROM RECOMMENDATIONS_PARTS AS A
      WHERE NOT EXISTS (FROM RECOMMENDATIONS_PARTS AS B WHERE B.USER_ID = A.USER_ID AND (B.LAST_SLEEP_AT > A.LAST_SLEEP_AT
        OR (B.LAST_SLEEP_AT = A.LAST_SLEEP_AT AND B.KAFKA_PARTITION < A.KAFKA_PARTITION)))
    ),
    ACTUAL AS (SELECT USER_ID, LAST_SLEEP_AT, CAST(RECOMMENDATION AS VARCHAR) AS R FROM RECOMMENDATIONS)
    (FROM EXPECTED EXCEPT ALL FROM ACTUAL) UNION ALL (FROM ACTUAL EXCEPT ALL FROM EXPECTED)`,
  "no day is there twice": `
    SELECT USER_ID, TIME_ZONE, WINDOW_START FROM CIRCADIAN_DAILY GROUP BY ALL HAVING COUNT(*) > 1`,
});
