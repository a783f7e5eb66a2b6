// What must hold of the actions tables, recomputed from the raw rows in SQL of its own, without any of Freshet's code.
// Every query gives the rows that break a rule: none must come back.

import type { Warehouse } from "../../src/warehouse/warehouse.ts";

const EVENTS = `EVENTS AS (
  SELECT
    CAST(RECORD_METADATA->>'partition' AS BIGINT) AS P,
    CAST(RECORD_METADATA->>'offset' AS BIGINT) AS O,
    RECORD_CONTENT->>'user_id' AS USER_ID,
    RECORD_CONTENT->>'action' AS ACTION,
    RECORD_CONTENT->>'page' AS PAGE,
    CAST(RTRIM(RECORD_CONTENT->>'timestamp', 'Z') AS TIMESTAMP) AS T
  FROM USER_ACTIONS_RAW
)`;

/** The events that were not too late for an operator. */
const onTime = (operator: string) =>
  `EVENTS ANTI JOIN (SELECT KAFKA_PARTITION AS P, KAFKA_OFFSET AS O FROM LATE_RECORDS
    WHERE DOMAIN = 'actions' AND OPERATOR = '${operator}') USING (P, O)`;

const differences = `(SELECT 'missing' AS WHAT, * FROM (FROM EXPECTED EXCEPT ALL FROM ACTUAL))
  UNION ALL (SELECT 'extra', * FROM (FROM ACTUAL EXCEPT ALL FROM EXPECTED))`;

/** Rules by name. */
export const actionsChecks: Readonly<Record<string, string>> = {
  "every offset is in the raw table or a dead letter, once": `
    WITH SEEN AS (
      SELECT CAST(RECORD_METADATA->>'partition' AS BIGINT) AS P, CAST(RECORD_METADATA->>'offset' AS BIGINT) AS O
      FROM USER_ACTIONS_RAW
      UNION ALL SELECT KAFKA_PARTITION, KAFKA_OFFSET FROM DEAD_LETTERS WHERE DOMAIN = 'actions'
    ),
    COUNTED AS (SELECT P, COUNT(*) AS N, COUNT(DISTINCT O) AS D, MIN(O) AS LOW, MAX(O) AS HIGH FROM SEEN GROUP BY P),
    OFFSETS AS (SELECT * FROM FRESHET_OFFSETS WHERE DOMAIN = 'actions')
    SELECT * FROM OFFSETS AS F FULL JOIN COUNTED AS C ON F.KAFKA_PARTITION = C.P
    WHERE COALESCE(NEXT_OFFSET, 1) > 0
      AND NOT COALESCE(N = NEXT_OFFSET AND D = N AND LOW = 0 AND HIGH = NEXT_OFFSET - 1, FALSE)`,
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
  "no minute is twice in the parts": `
    SELECT KAFKA_PARTITION, ACTION, WINDOW_START FROM ACTIONS_PER_MINUTE_PARTS GROUP BY ALL HAVING COUNT(*) > 1`,
  "no session is there twice": `
    SELECT KAFKA_PARTITION, USER_ID, WINDOW_START FROM USER_SESSIONS GROUP BY ALL HAVING COUNT(*) > 1`,
};

/** Runs every check; rejects with the first rows that break a rule. */
export async function checkActions(warehouse: Warehouse): Promise<void> {
  for (const [rule, sql] of Object.entries(actionsChecks)) {
    const { rows } = await warehouse.query(sql, { maxRows: 5, timeoutMs: 120_000 });
    if (rows.length > 0) throw new Error(`"${rule}" does not hold: ${JSON.stringify(rows)}`);
  }
}
