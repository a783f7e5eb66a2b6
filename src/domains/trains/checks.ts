// What must hold of the trains tables, recomputed from the raw rows without any of Freshet's code: the rows are read here, the
// derived tables are those of the Dynamic Tables' SELECTs, the latest status apart: of two newest rows in two partitions those
// pick one, and either may be there.

import dynamicTables from "../../../sql/snowflake/06_dynamic_tables_trains.sql" with { type: "text" };
import type { Domain } from "../domain.ts";
import { DynamicTables } from "../../checks/dynamic_tables.ts";
import { exactly, MERGED_EXACTLY_BELOW } from "../../checks/exact.ts";
import {
  differingIn,
  differs,
  double,
  eventTime,
  Fields,
  number,
  onTime,
  position,
  type Rules,
  same,
  seconds,
  type Settings,
  text,
  typedRows,
  watermarks,
  whole,
} from "../../checks/rules.ts";
import { alertDifferences, type Alerts, differingRows, strangeAlerts, wrongState } from "../../checks/sessions.ts";
import { older } from "./older.ts";

const TABLES = new DynamicTables(dynamicTables);

const C = new Fields("RECORD_CONTENT", [
  "train_id",
  "timestamp",
  "line",
  "passenger_count",
  "capacity",
  "power_draw_kw",
  "speed_kmh",
  "total_weight_tons",
  "latitude",
  "longitude",
  "is_overcrowded",
  "is_high_power_draw",
], older);
const flag = (name: string) => `COALESCE(CAST(${text(C, name)} AS BOOLEAN), FALSE)`;

/** Raw rows with every column that the tables have of them. */
const eventsOf = (settings: Settings) =>
  `EVENTS AS (
  SELECT
    ${position("RECORD_METADATA")},
    ${text(C, "train_id")} AS TRAIN_ID,
    ${eventTime(C, "timestamp")} AS T,
    ${text(C, "line")} AS LINE,
    ${whole(C, "passenger_count")} AS PASSENGERS,
    ${whole(C, "capacity")} AS CAPACITY,
    ${double(C, "power_draw_kw")} AS POWER,
    ${double(C, "speed_kmh")} AS SPEED,
    ${double(C, "total_weight_tons")} AS WEIGHT,
    ${double(C, "latitude")} AS LATITUDE,
    ${double(C, "longitude")} AS LONGITUDE,
    ${flag("is_overcrowded")} OR PASSENGERS >= ${number(settings, "ATS_OVERCROWDING_PASSENGERS")} AS CROWDED,
    ${flag("is_high_power_draw")} OR POWER >= ${number(settings, "ATS_HIGH_POWER_KW")} AS HIGH_POWER
  FROM ${C.from("ATS_RAW_JSON")}
)`;

/** Columns of an event `E` and of a typed row `A`. */
const TYPED = {
  "E.TRAIN_ID": "A.TRAIN_ID",
  "E.T": "A.TIMESTAMP",
  "E.LINE": "A.LINE",
  "E.PASSENGERS": "A.PASSENGER_COUNT",
  "E.CAPACITY": "A.CAPACITY",
  "E.WEIGHT": "A.TOTAL_WEIGHT_TONS",
  "E.POWER": "A.POWER_DRAW_KW",
  "E.SPEED": "A.SPEED_KMH",
  "E.LATITUDE": "A.LATITUDE",
  "E.LONGITUDE": "A.LONGITUDE",
  "E.CROWDED": "A.IS_OVERCROWDED",
  "E.HIGH_POWER": "A.IS_HIGH_POWER_DRAW",
  "E.P": "A.KAFKA_PARTITION",
  "E.O": "A.KAFKA_OFFSET",
};

/** `ATS_TRANSFORMED` of the events that were not too late for an operator. */
const telemetry = (settings: Settings, operator: string) =>
  `${eventsOf(settings)}, ${
    typedRows("ATS_TRANSFORMED", {
      KAFKA_PARTITION: "P",
      KAFKA_OFFSET: "O",
      TIMESTAMP: "T",
      TRAIN_ID: "TRAIN_ID",
      LINE: "LINE",
      PASSENGER_COUNT: "PASSENGERS",
      TOTAL_WEIGHT_TONS: "WEIGHT",
      POWER_DRAW_KW: "POWER",
      SPEED_KMH: "SPEED",
      IS_OVERCROWDED: "CROWDED",
      IS_HIGH_POWER_DRAW: "HIGH_POWER",
    }, onTime(operator))
  }`;

const PARTS = "ATS_HOURLY_STATS_PARTS";
/** What is counted and not added up in doubles: sums of those are compared in the means. */
const COUNTED = [
  "EVENT_COUNT",
  "MAX_PASSENGER_COUNT",
  "MAX_POWER_DRAW_KW",
  "OVERCROWDED_COUNT",
  "HIGH_POWER_DRAW_COUNT",
  "WINDOW_END",
];

const FLAGGED = [
  { called: "overcrowding", type: "OVERCROWDING", threshold: "ATS_OVERCROWDING_PASSENGERS" },
  { called: "high power", type: "HIGH_POWER_DRAW", threshold: "ATS_HIGH_POWER_KW" },
] as const;

function alertRules(settings: Settings, domain: Domain): Rules {
  const gap = seconds(number(settings, "ATS_ALERT_GAP_SECONDS"));
  return Object.fromEntries(FLAGGED.flatMap(({ called, type, threshold }) => {
    const alerts: Alerts = {
      domain,
      table: "ATS_ALERTS",
      type,
      keys: ["TRAIN_ID"],
      threshold: number(settings, threshold),
      also: ["LINE"],
    };
    const sessions = `WITH ${telemetry(settings, `ATS_ALERTS/${type}`)},
      ${TABLES.take(settings, { EXPECTED: { table: "ATS_EPISODES" } })},
      ${alertDifferences(alerts, `EXPECTED WHERE ALERT_TYPE = '${type}'`)}`;
    return [
      [`${called} alerts are the sessions of flagged events`, sessions],
      [`${called} alerts are cleared when they are over`, wrongState(alerts, gap)],
    ];
  }));
}

/** Rules by name. */
export const checks = (settings: Settings, domain: Domain): Rules => ({
  "typed rows are the raw rows": `WITH ${eventsOf(settings)} ${differingRows("ATS_TRANSFORMED", TYPED)}`,
  // Of several newest ones, in different partitions, any may be there.
  "the latest status is the newest row of each train": `
    WITH ${eventsOf(settings)},
    NEWEST AS (SELECT * FROM EVENTS QUALIFY RANK() OVER (PARTITION BY TRAIN_ID ORDER BY T DESC, O DESC) = 1)
    SELECT T.TRAIN_ID AS OF_TRAIN, A.* FROM (SELECT DISTINCT TRAIN_ID FROM EVENTS) AS T
    FULL JOIN ATS_LATEST_STATUS AS A ON A.TRAIN_ID = T.TRAIN_ID
    LEFT JOIN NEWEST AS E ON E.TRAIN_ID = A.TRAIN_ID AND E.P = A.KAFKA_PARTITION
    WHERE E.TRAIN_ID IS NULL OR ${differs(TYPED)}`,
  "each partition has the counts of its hours": `
    WITH ${telemetry(settings, PARTS)}, ${TABLES.take(settings, { EXPECTED: { table: PARTS } })}
    ${differingIn(["KAFKA_PARTITION", "TRAIN_ID", "WINDOW_START", ...COUNTED], "EXPECTED", PARTS)}`,
  "hourly statistics equal GROUP BY": `
    WITH ${telemetry(settings, PARTS)}, ${watermarks("ATS_WATERMARKS", domain, PARTS)},
    ${TABLES.take(settings, { [PARTS]: { table: PARTS }, EXPECTED: { table: "ATS_HOURLY_STATS" } })},
    BY_HOUR AS (SELECT *, DATE_TRUNC('hour', TIMESTAMP) AS WINDOW_START FROM ATS_TRANSFORMED),
    ${
    exactly({
      into: "MEANS",
      from: "BY_HOUR",
      keys: ["TRAIN_ID", "WINDOW_START"],
      values: { P1: "PASSENGER_COUNT", W1: "POWER_DRAW_KW", S1: "SPEED_KMH", M1: "TOTAL_WEIGHT_TONS" },
      what: "mean",
      below: MERGED_EXACTLY_BELOW,
    })
  }
    SELECT * FROM EXPECTED AS E JOIN MEANS USING (TRAIN_ID, WINDOW_START)
    FULL JOIN ATS_HOURLY_STATS AS A USING (TRAIN_ID, WINDOW_START)
    WHERE NOT (NOT ${differs(Object.fromEntries(COUNTED.map((column) => [`E.${column}`, `A.${column}`])))}
      AND ${same("P1", "A.AVG_PASSENGER_COUNT", "P1_OFF")} AND ${same("W1", "A.AVG_POWER_DRAW_KW", "W1_OFF")}
      AND ${same("S1", "A.AVG_SPEED_KMH", "S1_OFF")} AND ${same("M1", "A.AVG_TOTAL_WEIGHT_TONS", "M1_OFF")})`,
  ...alertRules(settings, domain),
  "every alert is of a type that there is": strangeAlerts("ATS_ALERTS", FLAGGED.map(({ type }) => type)),
});
