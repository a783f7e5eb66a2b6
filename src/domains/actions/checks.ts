// What must hold of the actions tables, recomputed from the raw rows without any of Freshet's code: the rows are read here, the
// derived tables are those of the Dynamic Tables' SELECTs.
import dynamicTables from "../../../sql/snowflake/06_dynamic_tables_actions.sql" with { type: "text" };
import type { Domain } from "../domain.ts";
import { DynamicTables } from "../../checks/dynamic_tables.ts";
import {
  differingIn,
  double,
  eventTime,
  Fields,
  onTime,
  position,
  type Rules,
  type Settings,
  text,
  typedRows,
  watermarks,
} from "../../checks/rules.ts";
import { differingRows } from "../../checks/sessions.ts";
import { older } from "./older.ts";

const TABLES = new DynamicTables(dynamicTables);

const C = new Fields("RECORD_CONTENT", [
  "user_id",
  "action",
  "page",
  "session_id",
  "referrer",
  "device",
  "duration_ms",
  "timestamp",
], older);

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

/** `USER_ACTIONS` of the events that were not too late for an operator. */
const actions = (operator: string) =>
  `${EVENTS}, ${
    typedRows("USER_ACTIONS", {
      KAFKA_PARTITION: "P",
      KAFKA_OFFSET: "O",
      TIMESTAMP: "T",
      USER_ID: "USER_ID",
      ACTION: "ACTION",
      PAGE: "PAGE",
    }, onTime(operator))
  }`;

const PARTS = "ACTIONS_PER_MINUTE_PARTS";
const PART_COLUMNS = ["KAFKA_PARTITION", "ACTION", "WINDOW_START", "WINDOW_END", "ACTION_COUNT"];
const SESSION_COLUMNS = [
  "KAFKA_PARTITION",
  "USER_ID",
  "WINDOW_START",
  "WINDOW_END",
  "EVENT_COUNT",
  "DURATION_S",
  "FIRST_PAGE",
  "LAST_PAGE",
];

/** Rules by name. */
export const checks = (settings: Settings, domain: Domain): Rules => ({
  "typed rows are the raw rows": `WITH ${EVENTS} ${differingRows("USER_ACTIONS", TYPED)}`,
  "each partition has the counts of its minutes": `
    WITH ${actions(PARTS)}, ${TABLES.take(settings, { EXPECTED: { table: PARTS } })}
    ${differingIn(PART_COLUMNS, "EXPECTED", PARTS)}`,
  "actions per minute equal GROUP BY, each user counted once": `
    WITH ${actions(PARTS)}, ${watermarks("ACTIONS_WATERMARKS", domain, PARTS)}, ${
    TABLES.take(settings, {
      [PARTS]: { table: PARTS },
      ACTION_USERS_PER_MINUTE: { table: "ACTION_USERS_PER_MINUTE" },
      EXPECTED: { table: "ACTIONS_PER_MINUTE" },
    })
  }
    SELECT * FROM EXPECTED AS E FULL JOIN ACTIONS_PER_MINUTE AS A USING (ACTION, WINDOW_START)
    WHERE NOT COALESCE(E.ACTION_COUNT = A.ACTION_COUNT AND E.WINDOW_END = A.WINDOW_END
      AND ABS(E.UNIQUE_USERS - A.UNIQUE_USERS) <= CASE WHEN E.UNIQUE_USERS <= ${COUNTED_EXACTLY} THEN 0
        ELSE ${STANDARD_ERRORS} * E.UNIQUE_USERS / SQRT(${COUNTED_EXACTLY - 1}) END, FALSE)`,
  "sessions are each user's actions less than 30 minutes apart": `
    WITH ${actions("USER_SESSIONS")}, ${TABLES.take(settings, { EXPECTED: { table: "USER_VISITS" } })}
    ${differingIn(SESSION_COLUMNS, "EXPECTED", "USER_SESSIONS")}`,
});
