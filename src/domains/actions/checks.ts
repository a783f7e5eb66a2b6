// What must hold of the actions tables, recomputed from the raw rows in SQL of its own, without any of Freshet's code.
import { differing, double, eventTime, Fields, onTime, position, type Rules, text } from "../../checks/rules.ts";
import { differingRows, numbered, partDifferences } from "../../checks/sessions.ts";

const C = new Fields("RECORD_CONTENT", [
  "user_id",
  "action",
  "page",
  "session_id",
  "referrer",
  "device",
  "duration_ms",
  "timestamp",
]);

const EVENTS = `EVENTS AS (
  SELECT
    ${position("RECORD_METADATA")},
    ${text(C, "user_id")} AS USER_ID,
    ${text(C, "action")} AS ACTION,
    ${text(C, "page")} AS PAGE,
    ${text(C, "session_id")} AS SESSION_ID,
    ${text(C, "referrer")} AS REFERRER,
    ${text(C, "device")} AS DEVICE,
    ${double(C, "duration_ms")} AS DURATION_MS,
    ${eventTime(C, "timestamp")} AS T
  FROM ${C.from("USER_ACTIONS_RAW")}
)`;

const TYPED = {
  "E.T": "A.TIMESTAMP",
  "E.USER_ID": "A.USER_ID",
  "E.ACTION": "A.ACTION",
  "E.PAGE": "A.PAGE",
  "E.SESSION_ID": "A.SESSION_ID",
  "E.REFERRER": "A.REFERRER",
  "E.DEVICE": "A.DEVICE",
  "E.DURATION_MS": "A.DURATION_MS",
};

/** Users up to which they are counted exactly; beyond, from as many hashes less one. */
const COUNTED_EXACTLY = 1023;
/** Of a sketch of so many hashes the relative standard error is the root of 1 / (hashes - 2); five of them are never met. */
const STANDARD_ERRORS = 5;

/** Rules by name. */
export const checks = (): Rules => ({
  "typed rows are the raw rows": `WITH ${EVENTS} ${differingRows("USER_ACTIONS", TYPED)}`,
  "each partition has the counts of its minutes": `
    WITH ${EVENTS}, ${
    partDifferences({
      table: "ACTIONS_PER_MINUTE_PARTS",
      keys: { ACTION: "ACTION", WINDOW_START: "DATE_TRUNC('minute', T)" },
      counts: { ACTION_COUNT: "COUNT(*)" },
      from: onTime("ACTIONS_PER_MINUTE_PARTS"),
    })
  }`,
  "actions per minute equal GROUP BY, each user counted once": `
    WITH ${EVENTS},
    EXPECTED AS (
      SELECT ACTION, DATE_TRUNC('minute', T) AS WINDOW_START, COUNT(*) AS N, COUNT(DISTINCT USER_ID) AS U
      FROM ${onTime("ACTIONS_PER_MINUTE_PARTS")} GROUP BY ALL
    )
    SELECT * FROM EXPECTED FULL JOIN ACTIONS_PER_MINUTE USING (ACTION, WINDOW_START)
    WHERE NOT COALESCE(N = ACTION_COUNT AND WINDOW_END = WINDOW_START + INTERVAL 1 MINUTE
      AND ABS(U - UNIQUE_USERS) <= CASE WHEN U <= ${COUNTED_EXACTLY} THEN 0
        ELSE ${STANDARD_ERRORS} * U / SQRT(${COUNTED_EXACTLY - 1}) END, FALSE)`,
  "sessions are each user's actions less than 30 minutes apart": `
    WITH ${EVENTS},
    COUNTED AS (SELECT * FROM ${onTime("USER_SESSIONS")}),
    ${numbered({ from: "COUNTED", keys: ["USER_ID"], gap: "INTERVAL 30 MINUTE" })},
    EXPECTED AS (
      SELECT P, USER_ID, MIN(T) AS WINDOW_START, MAX(T) + INTERVAL 30 MINUTE AS WINDOW_END, COUNT(*) AS EVENT_COUNT,
        DATE_DIFF('microsecond', MIN(T), MAX(T)) / 1e6 AS DURATION_S,
        FIRST(PAGE ORDER BY T, O) AS FIRST_PAGE, LAST(PAGE ORDER BY T, O) AS LAST_PAGE
      FROM NUMBERED GROUP BY P, USER_ID, RUN
    ),
    ACTUAL AS (
      SELECT KAFKA_PARTITION AS P, USER_ID, WINDOW_START, WINDOW_END, EVENT_COUNT, DURATION_S, FIRST_PAGE, LAST_PAGE
      FROM USER_SESSIONS
    )
    ${differing("EXPECTED", "ACTUAL")}`,
});
