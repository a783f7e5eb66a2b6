// What must hold of the actions tables, recomputed from the raw rows in SQL of its own, without any of Freshet's code.
import { differing, eventTime, onTime, position, type Rules } from "./rules.ts";

const EVENTS = `EVENTS AS (
  SELECT
    ${position("RECORD_METADATA")},
    RECORD_CONTENT->>'user_id' AS USER_ID,
    RECORD_CONTENT->>'action' AS ACTION,
    RECORD_CONTENT->>'page' AS PAGE,
    ${eventTime("RECORD_CONTENT->>'timestamp'")} AS T
  FROM USER_ACTIONS_RAW
)`;

const differences = differing("EXPECTED", "ACTUAL");

/** Rules by name. */
export const actions = (): Rules => ({
  "typed rows are the raw rows": `
    WITH ${EVENTS},
    EXPECTED AS (SELECT P, O, USER_ID, ACTION, PAGE, T FROM EVENTS),
    ACTUAL AS (
      SELECT KAFKA_PARTITION AS P, KAFKA_OFFSET AS O, USER_ID, ACTION, PAGE, TIMESTAMP AS T FROM USER_ACTIONS
    )
    ${differences}`,
  "actions per minute equal GROUP BY, each user counted once": `
    WITH ${EVENTS},
    EXPECTED AS (
      SELECT ACTION, DATE_TRUNC('minute', T) AS WINDOW_START, DATE_TRUNC('minute', T) + INTERVAL 1 MINUTE AS WINDOW_END,
        COUNT(*) AS ACTION_COUNT, COUNT(DISTINCT USER_ID) AS UNIQUE_USERS
      FROM ${onTime("ACTIONS_PER_MINUTE_PARTS")} GROUP BY ALL
    ),
    ACTUAL AS (SELECT ACTION, WINDOW_START, WINDOW_END, ACTION_COUNT, UNIQUE_USERS FROM ACTIONS_PER_MINUTE)
    ${differences}`,
  "sessions are each user's actions less than 30 minutes apart": `
    WITH ${EVENTS},
    MARKED AS (
      SELECT *, CASE WHEN T - LAG(T) OVER W < INTERVAL 30 MINUTE THEN 0 ELSE 1 END AS IS_FIRST
      FROM ${onTime("USER_SESSIONS")} WINDOW W AS (PARTITION BY P, USER_ID ORDER BY T, O)
    ),
    NUMBERED AS (SELECT *, SUM(IS_FIRST) OVER (PARTITION BY P, USER_ID ORDER BY T, O) AS N FROM MARKED),
    EXPECTED AS (
      SELECT P, USER_ID, MIN(T) AS WINDOW_START, MAX(T) + INTERVAL 30 MINUTE AS WINDOW_END, COUNT(*) AS EVENT_COUNT,
        DATE_DIFF('microsecond', MIN(T), MAX(T)) / 1e6 AS DURATION_S,
        FIRST(PAGE ORDER BY T, O) AS FIRST_PAGE, LAST(PAGE ORDER BY T, O) AS LAST_PAGE
      FROM NUMBERED GROUP BY P, USER_ID, N
    ),
    ACTUAL AS (
      SELECT KAFKA_PARTITION AS P, USER_ID, WINDOW_START, WINDOW_END, EVENT_COUNT, DURATION_S, FIRST_PAGE, LAST_PAGE
      FROM USER_SESSIONS
    )
    ${differences}`,
});
