// What must hold of the rides tables, recomputed from the raw rows.

import { everyOffsetOnce, near, onTime, position, type Rules } from "./checks.ts";
import { domainOf } from "./domains.ts";

/** The raw rows of events, from their content alone. */
const EVENTS = `EVENTS AS (
  SELECT
    ${position("RECORD_METADATA")},
    CAST(RTRIM(RECORD_CONTENT->>'timestamp', 'Z') AS TIMESTAMP) AS T,
    RECORD_CONTENT->>'user_id' AS USER_ID,
    COALESCE(RECORD_CONTENT->>'zone', RECORD_CONTENT->>'location') AS ZONE,
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
export const ridesChecks: Rules = {
  ...everyOffsetOnce(domainOf("rides")),
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
  "no window is twice in demand": `
    SELECT KAFKA_PARTITION, ZONE, RIDE_TYPE, WINDOW_START FROM RIDE_DEMAND_PARTS GROUP BY ALL HAVING COUNT(*) > 1`,
};
