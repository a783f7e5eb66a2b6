// What must hold of the trains tables, recomputed from the raw rows.

import { differing, eventTime, near, number, onTime, position, type Rules, seconds, type Settings } from "./rules.ts";

/** Raw rows with the columns that the rules need. */
const eventsOf = (settings: Settings) =>
  `EVENTS AS (
  SELECT
    ${position("RECORD_METADATA")},
    RECORD_CONTENT->>'train_id' AS TRAIN_ID,
    ${eventTime("RECORD_CONTENT->>'timestamp'")} AS T,
    CAST(RECORD_CONTENT->>'passenger_count' AS BIGINT) AS PASSENGERS,
    CAST(RECORD_CONTENT->>'power_draw_kw' AS DOUBLE) AS POWER,
    CAST(RECORD_CONTENT->>'speed_kmh' AS DOUBLE) AS SPEED,
    CAST(RECORD_CONTENT->>'total_weight_tons' AS DOUBLE) AS WEIGHT,
    COALESCE(CAST(RECORD_CONTENT->>'is_overcrowded' AS BOOLEAN), FALSE) OR PASSENGERS >= ${
    number(settings, "ATS_OVERCROWDING_PASSENGERS")
  } AS CROWDED,
    COALESCE(CAST(RECORD_CONTENT->>'is_high_power_draw' AS BOOLEAN), FALSE) OR POWER >= ${
    number(settings, "ATS_HIGH_POWER_KW")
  } AS HIGH_POWER
  FROM ATS_RAW_JSON
)`;

interface Alerts {
  readonly type: string;
  readonly flag: string;
  readonly value: string;
}

function alertsSql(settings: Settings, { type, flag, value }: Alerts): string {
  return `WITH ${eventsOf(settings)},
    FLAGGED AS (SELECT * FROM ${onTime(`ATS_ALERTS/${type}`)} WHERE ${flag}),
    MARKED AS (
      SELECT *, CASE WHEN T - LAG(T) OVER W < ${
    seconds(number(settings, "ATS_ALERT_GAP_SECONDS"))
  } THEN 0 ELSE 1 END AS IS_FIRST
      FROM FLAGGED WINDOW W AS (PARTITION BY P, TRAIN_ID ORDER BY T, O)
    ),
    NUMBERED AS (SELECT *, SUM(IS_FIRST) OVER (PARTITION BY P, TRAIN_ID ORDER BY T, O) AS N FROM MARKED),
    EXPECTED AS (
      SELECT P, TRAIN_ID, MIN(T) AS STARTED_AT, MAX(T) AS LAST_SEEN_AT, COUNT(*) AS EVENT_COUNT,
        CAST(MAX(${value}) AS DOUBLE) AS PEAK_VALUE
      FROM NUMBERED GROUP BY P, TRAIN_ID, N
    ),
    ACTUAL AS (
      SELECT KAFKA_PARTITION AS P, TRAIN_ID, STARTED_AT, LAST_SEEN_AT, EVENT_COUNT, PEAK_VALUE
      FROM ATS_ALERTS WHERE ALERT_TYPE = '${type}'
    )
    ${differing("EXPECTED", "ACTUAL")}`;
}

/** Rules by name. */
export const trains = (settings: Settings): Rules => ({
  "typed rows are the raw rows": `
    WITH ${
    eventsOf(settings)
  }, ACTUAL AS (SELECT KAFKA_PARTITION AS P, KAFKA_OFFSET AS O, TRAIN_ID, TIMESTAMP AS T FROM ATS_TRANSFORMED)
    FROM ((SELECT P, O, TRAIN_ID, T FROM EVENTS) EXCEPT ALL FROM ACTUAL)
    UNION ALL FROM (FROM ACTUAL EXCEPT ALL SELECT P, O, TRAIN_ID, T FROM EVENTS)`,
  "the latest status is the newest row of each train": `
    WITH NEWEST AS (
      SELECT TRAIN_ID, MAX(TIMESTAMP) AS T FROM ATS_TRANSFORMED GROUP BY TRAIN_ID
    )
    SELECT * FROM NEWEST AS N FULL JOIN ATS_LATEST_STATUS AS L ON N.TRAIN_ID = L.TRAIN_ID AND N.T = L.TIMESTAMP
    WHERE N.TRAIN_ID IS NULL OR L.TRAIN_ID IS NULL`,
  "hourly statistics equal GROUP BY": `
    WITH ${eventsOf(settings)},
    EXPECTED AS (
      SELECT TRAIN_ID, DATE_TRUNC('hour', T) AS WINDOW_START, COUNT(*) AS N, AVG(PASSENGERS) AS P1, MAX(PASSENGERS) AS P2,
        FAVG(POWER) AS W1, MAX(POWER) AS W2, FAVG(SPEED) AS S, FAVG(WEIGHT) AS M,
        COUNT(*) FILTER (CROWDED) AS C, COUNT(*) FILTER (HIGH_POWER) AS H
      FROM ${onTime("ATS_HOURLY_STATS_PARTS")} GROUP BY ALL
    )
    SELECT * FROM EXPECTED AS E FULL JOIN ATS_HOURLY_STATS AS A USING (TRAIN_ID, WINDOW_START)
    WHERE NOT COALESCE(N = EVENT_COUNT AND P2 = MAX_PASSENGER_COUNT AND W2 = MAX_POWER_DRAW_KW
      AND C = OVERCROWDED_COUNT AND H = HIGH_POWER_DRAW_COUNT
      AND ${near("P1", "AVG_PASSENGER_COUNT")} AND ${near("W1", "AVG_POWER_DRAW_KW")}
      AND ${near("S", "AVG_SPEED_KMH")} AND ${near("M", "AVG_TOTAL_WEIGHT_TONS")}, FALSE)`,
  "overcrowding alerts are the sessions of flagged events": alertsSql(settings, {
    type: "OVERCROWDING",
    flag: "CROWDED",
    value: "PASSENGERS",
  }),
  "high power alerts are the sessions of flagged events": alertsSql(settings, {
    type: "HIGH_POWER_DRAW",
    flag: "HIGH_POWER",
    value: "POWER",
  }),
});
