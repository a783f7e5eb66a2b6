// What must hold of the trains tables, recomputed from the raw rows.

import type { Domain } from "../domain.ts";
import { exactly, MERGED_EXACTLY_BELOW } from "../../checks/exact.ts";
import {
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
  whole,
} from "../../checks/rules.ts";
import {
  alertDifferences,
  type Alerts,
  differingRows,
  numbered,
  partDifferences,
  strangeAlerts,
  wrongState,
} from "../../checks/sessions.ts";

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
]);
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

interface Flagged {
  readonly type: string;
  readonly flag: string;
  readonly value: string;
  readonly threshold: string;
}

const FLAGGED: readonly (Flagged & { readonly called: string })[] = [
  {
    called: "overcrowding",
    type: "OVERCROWDING",
    flag: "CROWDED",
    value: "PASSENGERS",
    threshold: "ATS_OVERCROWDING_PASSENGERS",
  },
  { called: "high power", type: "HIGH_POWER_DRAW", flag: "HIGH_POWER", value: "POWER", threshold: "ATS_HIGH_POWER_KW" },
];

function alertRules(settings: Settings, domain: Domain): Rules {
  const gap = seconds(number(settings, "ATS_ALERT_GAP_SECONDS"));
  return Object.fromEntries(FLAGGED.flatMap(({ called, type, flag, value, threshold }) => {
    const alerts: Alerts = {
      domain,
      table: "ATS_ALERTS",
      type,
      keys: ["TRAIN_ID"],
      threshold: number(settings, threshold),
      also: ["LINE"],
    };
    const sessions = `WITH ${eventsOf(settings)},
      FLAGGED AS (SELECT * FROM ${onTime(`ATS_ALERTS/${type}`)} WHERE ${flag}),
      ${numbered({ from: "FLAGGED", keys: ["TRAIN_ID"], gap })},
      EXPECTED AS (
        SELECT P, TRAIN_ID, MIN(T) AS STARTED_AT, MAX(T) AS LAST_SEEN_AT, COUNT(*) AS EVENT_COUNT,
          CAST(MAX(${value}) AS DOUBLE) AS PEAK_VALUE, LAST(LINE ORDER BY T, O) AS LINE
        FROM NUMBERED GROUP BY P, TRAIN_ID, RUN
      ),
      ${alertDifferences(alerts)}`;
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
    WITH ${eventsOf(settings)}, ${
    partDifferences({
      table: "ATS_HOURLY_STATS_PARTS",
      keys: { TRAIN_ID: "TRAIN_ID", WINDOW_START: "DATE_TRUNC('hour', T)" },
      counts: { EVENT_COUNT: "COUNT(*)", OVERCROWDED_COUNT: "COUNT(*) FILTER (CROWDED)" },
      from: onTime("ATS_HOURLY_STATS_PARTS"),
    })
  }`,
  "hourly statistics equal GROUP BY": `
    WITH ${eventsOf(settings)},
    COUNTED AS (SELECT *, DATE_TRUNC('hour', T) AS WINDOW_START FROM ${onTime("ATS_HOURLY_STATS_PARTS")}),
    EXPECTED AS (
      SELECT TRAIN_ID, WINDOW_START, COUNT(*) AS N, MAX(PASSENGERS) AS P2, MAX(POWER) AS W2,
        COUNT(*) FILTER (CROWDED) AS C, COUNT(*) FILTER (HIGH_POWER) AS H
      FROM COUNTED GROUP BY ALL
    ),
    ${
    exactly({
      into: "MEANS",
      from: "COUNTED",
      keys: ["TRAIN_ID", "WINDOW_START"],
      values: { P1: "PASSENGERS", W1: "POWER", S1: "SPEED", M1: "WEIGHT" },
      what: "mean",
      below: MERGED_EXACTLY_BELOW,
    })
  }
    SELECT * FROM EXPECTED AS E JOIN MEANS USING (TRAIN_ID, WINDOW_START)
    FULL JOIN ATS_HOURLY_STATS AS A USING (TRAIN_ID, WINDOW_START)
    WHERE NOT (N IS NOT DISTINCT FROM EVENT_COUNT AND P2 IS NOT DISTINCT FROM MAX_PASSENGER_COUNT
      AND W2 IS NOT DISTINCT FROM MAX_POWER_DRAW_KW AND C IS NOT DISTINCT FROM OVERCROWDED_COUNT
      AND H IS NOT DISTINCT FROM HIGH_POWER_DRAW_COUNT AND WINDOW_END IS NOT DISTINCT FROM WINDOW_START + INTERVAL 1 HOUR
      AND ${same("P1", "AVG_PASSENGER_COUNT", "P1_OFF")} AND ${same("W1", "AVG_POWER_DRAW_KW", "W1_OFF")}
      AND ${same("S1", "AVG_SPEED_KMH", "S1_OFF")} AND ${same("M1", "AVG_TOTAL_WEIGHT_TONS", "M1_OFF")})`,
  ...alertRules(settings, domain),
  "every alert is of a type that there is": strangeAlerts("ATS_ALERTS", FLAGGED.map(({ type }) => type)),
});
