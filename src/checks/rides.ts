// What must hold of the rides tables, recomputed from the raw rows.

import { differing, eventTime, near, number, onTime, position, type Rules, type Settings } from "./rules.ts";

/** The raw rows of events, from their content alone. */
const EVENTS = `EVENTS AS (
  SELECT
    ${position("RECORD_METADATA")},
    ${eventTime("RECORD_CONTENT->>'timestamp'")} AS T,
    RECORD_CONTENT->>'user_id' AS USER_ID,
    COALESCE(
      RECORD_CONTENT->>'zone',
      CASE WHEN JSON_TYPE(RECORD_CONTENT, '$.location') = 'OBJECT'
        THEN PRINTF('%.2f,%.2f', CAST(RECORD_CONTENT->>'$.location.latitude' AS DOUBLE), CAST(RECORD_CONTENT->>'$.location.longitude' AS DOUBLE))
        ELSE RECORD_CONTENT->>'location' END
    ) AS ZONE,
    RECORD_CONTENT->>'ride_type' AS RIDE_TYPE,
    COALESCE(RECORD_CONTENT->>'event_type', 'ride_requested') AS EVENT_TYPE,
    CAST(RECORD_CONTENT->>'passengers' AS BIGINT) AS PASSENGERS,
    CAST(RECORD_CONTENT->>'fare_estimate' AS DOUBLE) AS FARE
  FROM RIDE_REQUESTS
),
REQUESTS AS (SELECT * FROM EVENTS WHERE EVENT_TYPE = 'ride_requested')`;

/** Requests that were not too late for an operator. */
const requestsFor = (operator: string) => onTime(operator).replace("EVENTS", "REQUESTS");

/** Rules by name. */
export const rides = (settings: Settings): Rules => ({
  "typed columns are what the content says": `
    WITH ${EVENTS}
    SELECT * FROM EVENTS AS E FULL JOIN RIDE_REQUESTS AS R ON R.KAFKA_PARTITION = E.P AND R.KAFKA_OFFSET = E.O
    WHERE NOT COALESCE(E.T = R.TIMESTAMP AND E.USER_ID = R.USER_ID AND E.ZONE = R.ZONE AND E.RIDE_TYPE = R.RIDE_TYPE
      AND E.EVENT_TYPE = R.EVENT_TYPE, FALSE)
      OR E.PASSENGERS IS DISTINCT FROM R.PASSENGERS OR E.FARE IS DISTINCT FROM R.FARE_ESTIMATE`,
  "demand equals GROUP BY over every window": `
    WITH ${EVENTS},
    IN_WINDOWS AS (
      SELECT *, DATE_TRUNC('minute', T) - INTERVAL 1 MINUTE * UNNEST(RANGE(15)) AS WINDOW_START
      FROM ${requestsFor("RIDE_DEMAND_PARTS")}
    ),
    EXPECTED AS (
      SELECT ZONE, RIDE_TYPE, WINDOW_START, COUNT(*) AS N, FAVG(FARE) AS FARE,
        BOOL_AND(WINDOW_START + INTERVAL 15 MINUTE <= F.WATERMARK) AS CLOSED
      FROM IN_WINDOWS AS I JOIN FRESHET_OFFSETS AS F ON F.DOMAIN = 'rides' AND F.KAFKA_PARTITION = I.P
      GROUP BY ALL
    )
    SELECT * FROM EXPECTED AS E FULL JOIN RIDE_DEMAND AS A USING (ZONE, RIDE_TYPE, WINDOW_START)
    WHERE NOT COALESCE(N = REQUEST_COUNT AND WINDOW_END = WINDOW_START + INTERVAL 15 MINUTE AND IS_FINAL = CLOSED
      AND ${near("FARE", "AVG_FARE_ESTIMATE")}, FALSE)
      -- Of the windows that have not closed, only some are there.
      AND NOT (A.REQUEST_COUNT IS NULL AND NOT CLOSED)`,
  "hourly statistics equal GROUP BY, users counted once in all partitions": `
    WITH ${EVENTS},
    EXPECTED AS (
      SELECT ZONE, RIDE_TYPE, DATE_TRUNC('hour', T) AS WINDOW_START, COUNT(*) AS N, COUNT(DISTINCT USER_ID) AS U,
        FAVG(FARE) AS FARE
      FROM ${requestsFor("RIDE_HOURLY_STATS_PARTS")} GROUP BY ALL
    )
    SELECT * FROM EXPECTED AS E FULL JOIN RIDE_HOURLY_STATS AS A USING (ZONE, RIDE_TYPE, WINDOW_START)
    WHERE NOT COALESCE(N = REQUEST_COUNT AND U = UNIQUE_USERS AND ${near("FARE", "AVG_FARE_ESTIMATE")}, FALSE)`,
  "surge alerts are the windows that hold many more requests than was usual, in runs": `
    WITH ${EVENTS},
    TAKEN AS (SELECT P, ZONE, O, T FROM ${requestsFor("RIDE_SURGE_ALERTS/SURGE")}),
    SINCE AS (SELECT P, ARG_MIN(T, O) AS SINCE FROM TAKEN GROUP BY P),
    -- Requests by minute, and every minute at whose end a window holds one of them.
    BY_MINUTE AS (SELECT P, ZONE, DATE_TRUNC('minute', T) AS M, COUNT(*) AS N FROM TAKEN GROUP BY ALL),
    ENDS AS (SELECT DISTINCT P, ZONE, M + INTERVAL 1 MINUTE * UNNEST(RANGE(1, 16)) AS E FROM BY_MINUTE),
    COUNTED AS (
      SELECT P, ZONE, E,
        SUM(N) FILTER (M >= E - INTERVAL 15 MINUTE) AS N,
        GREATEST(1, COALESCE(SUM(N) FILTER (M < E - INTERVAL 15 MINUTE), 0) * 15 / ${
    number(settings, "RIDE_SURGE_BASELINE_MINUTES")
  }) AS USUAL
      FROM ENDS JOIN BY_MINUTE USING (P, ZONE) WHERE M < E AND M >= E - TO_MINUTES(15 + ${
    number(settings, "RIDE_SURGE_BASELINE_MINUTES")
  })
      GROUP BY ALL
    ),
    SURGING AS (
      SELECT C.* FROM COUNTED AS C JOIN SINCE USING (P)
      JOIN FRESHET_OFFSETS AS F ON F.DOMAIN = 'rides' AND F.KAFKA_PARTITION = C.P
      WHERE N >= ${number(settings, "RIDE_SURGE_MIN_REQUESTS")} AND N / USUAL >= ${
    number(settings, "RIDE_SURGE_RATIO")
  } AND E <= F.WATERMARK AND E - TO_MINUTES(15 + ${number(settings, "RIDE_SURGE_BASELINE_MINUTES")}) >= SINCE
    ),
    MARKED AS (
      SELECT *, CASE WHEN E - LAG(E) OVER (PARTITION BY P, ZONE ORDER BY E) < TO_MINUTES(${
    number(settings, "RIDE_SURGE_GAP_MINUTES")
  }) THEN 0 ELSE 1 END AS IS_FIRST
      FROM SURGING
    ),
    NUMBERED AS (SELECT *, SUM(IS_FIRST) OVER (PARTITION BY P, ZONE ORDER BY E) AS EPISODE FROM MARKED),
    EXPECTED AS (
      SELECT P, ZONE, MIN(E) AS STARTED_AT, MAX(E) AS LAST_SEEN_AT, COUNT(*) AS EVENT_COUNT, MAX(N / USUAL) AS PEAK_VALUE,
        ARG_MAX(N / USUAL, E) AS SURGE_RATIO, CAST(ARG_MAX(N, E) AS BIGINT) AS REQUEST_COUNT,
        CAST(ARG_MAX(USUAL, E) AS DOUBLE) AS BASELINE_COUNT,
        CASE WHEN MAX(E) + TO_MINUTES(${
    number(settings, "RIDE_SURGE_GAP_MINUTES")
  }) <= MAX(WATERMARK) THEN MAX(E) + TO_MINUTES(${number(settings, "RIDE_SURGE_GAP_MINUTES")}) END AS CLEARED_AT
      FROM NUMBERED JOIN FRESHET_OFFSETS AS F ON F.DOMAIN = 'rides' AND F.KAFKA_PARTITION = P
      GROUP BY P, ZONE, EPISODE
    ),
    ACTUAL AS (
      SELECT KAFKA_PARTITION AS P, ZONE, STARTED_AT, LAST_SEEN_AT, EVENT_COUNT, PEAK_VALUE, SURGE_RATIO, REQUEST_COUNT,
        BASELINE_COUNT, CLEARED_AT
      FROM RIDE_SURGE_ALERTS
      WHERE ALERT_TYPE = 'SURGE' AND (STATUS = 'CLEARED' OR CLEARED_AT IS NULL)
    )
    ${differing("EXPECTED", "ACTUAL")}`,
});
