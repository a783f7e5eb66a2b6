// How tables differ from what they must be: alerts, and what an alert must say of itself; typed rows; parts of windows.

import { differing, differingIn, differs, passed } from "./rules.ts";
import type { Domain } from "../domains/domain.ts";

/** Alerts of one type. */
export interface Alerts {
  readonly domain: Pick<Domain, "name" | "topic">;
  readonly table: string;
  readonly type: string;
  readonly keys: readonly string[];
  /** A number. */
  readonly threshold: string;
  /** Columns besides those of every alert, all of them. */
  readonly also: readonly string[];
}

/** How `from` and the alerts that are there differ. Of time it looks at `STARTED_AT` and `LAST_SEEN_AT`. */
export function alertDifferences({ table, type, keys, threshold, also }: Alerts, from: string): string {
  const own = ["STARTED_AT", "LAST_SEEN_AT", "EVENT_COUNT", "PEAK_VALUE", ...also];
  const columns = ["KAFKA_PARTITION", ...keys, ...own];
  return `MEANT AS (SELECT ${columns.join(", ")}, CAST(${threshold} AS DOUBLE) AS THRESHOLD FROM ${from})
    ${differingIn([...columns, "THRESHOLD"], "MEANT", `${table} WHERE ALERT_TYPE = '${type}'`)}`;
}

/**
 * Alerts that are not in the state that they must be in: cleared, a gap after they were seen last, once that has passed, and
 * not before, unless they were corrected since.
 */
export function wrongState(alerts: Alerts, gap: string): string {
  const over = `COALESCE(A.LAST_SEEN_AT + ${gap} <= F.UP_TO, FALSE)`;
  return `SELECT A.*, F.UP_TO FROM ${alerts.table} AS A
    LEFT JOIN ${passed(alerts.domain, `${alerts.table}/${alerts.type}`)} AS F ON F.P = A.KAFKA_PARTITION
    WHERE A.ALERT_TYPE = '${alerts.type}' AND (${wrongAnyhow(alerts)}
      OR COALESCE(A.CLEARED_AT <> A.LAST_SEEN_AT + ${gap}, FALSE)
      OR (A.CLEARED_AT IS NULL AND ${over}) OR (A.CLEARED_AT IS NOT NULL AND NOT ${over} AND A.VERSION = 1))`;
}

/**
 * What no alert `A` may be. Its name says type, key, partition and a time. What was history when it was written is CLEARED
 * also while it lasts.
 */
export function wrongAnyhow({ type, keys }: Pick<Alerts, "type" | "keys">): string {
  const part = (key: string) => `REPLACE(REPLACE(CAST(A.${key} AS VARCHAR), '%', '%25'), '/', '%2F')`;
  const start = [`'${type}'`, ...keys.map(part), "A.KAFKA_PARTITION", "''"].join(" || '/' || ");
  const time = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3}Z";
  return `NOT COALESCE(STARTS_WITH(A.ALERT_ID, ${start})
        AND REGEXP_FULL_MATCH(SUBSTR(A.ALERT_ID, LENGTH(${start}) + 1), '${time}'), FALSE)
      OR NOT COALESCE(A.VERSION >= 1, FALSE)
      OR COALESCE(A.STATUS NOT IN ('ACTIVE', 'CLEARED'), TRUE) OR (A.CLEARED_AT IS NOT NULL AND A.STATUS <> 'CLEARED')`;
}

/** Alerts of types that there are not. */
export const strangeAlerts = (table: string, types: readonly string[]) =>
  `SELECT * FROM ${table} WHERE COALESCE(ALERT_TYPE NOT IN (${types.map((type) => `'${type}'`).join(", ")}), TRUE)`;

/** Rows of `EVENTS AS E` and of a typed table `A` that do not say the same. `pairs` are columns of both by {@link differs}. */
export const differingRows = (table: string, pairs: Readonly<Record<string, string>>) =>
  `SELECT E.P, E.O, ${Object.values(pairs).join(", ")} FROM EVENTS AS E
    FULL JOIN ${table} AS A ON A.KAFKA_PARTITION = E.P AND A.KAFKA_OFFSET = E.O
    WHERE ${differs(pairs)}`;

/** What each partition has of windows, counted. */
export interface Parts {
  readonly table: string;
  /** Columns of the table, and what they are of the events: those that name a row. */
  readonly keys: Readonly<Record<string, string>>;
  /** Those that count. */
  readonly counts: Readonly<Record<string, string>>;
  readonly from: string;
}

/** How what the partitions have of windows differs from `from` (with `P`), counted. */
export function partDifferences({ table, keys, counts, from }: Parts): string {
  const meant = Object.entries({ KAFKA_PARTITION: "P", ...keys }).map(([column, sql]) => `${sql} AS ${column}`);
  const counted = Object.entries(counts).map(([column, sql]) => `CAST(${sql} AS BIGINT) AS ${column}`);
  const columns = ["KAFKA_PARTITION", ...Object.keys(keys), ...Object.keys(counts)];
  return `MEANT AS (SELECT ${[...meant, ...counted].join(", ")} FROM ${from} GROUP BY ALL),
    SHOWN AS (SELECT ${columns.join(", ")} FROM ${table})
    ${differing("MEANT", "SHOWN")}`;
}
