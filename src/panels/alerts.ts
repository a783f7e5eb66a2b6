// Episodes of any domain: listed for people, active ones first, and counted.
import type { Alert, Compared } from "./answers.ts";
import { type Condition, HOUR_MS, number, type PanelContext, rowsOf, text, timestampText } from "./panel.ts";

const MAX_ALERTS = 200;

export interface AlertTable {
  readonly table: string;
  /** SQL of what an alert is about, as text. */
  readonly subject: string;
  /** SQL of where that is; absent where that is not told. */
  readonly place?: string;
  /** SQL of the id that its page has; that of the subject without it. */
  readonly id?: string;
}

/** The alerts, active ones first, then those seen last; all, or those of which something is so. */
export async function alertsOf(
  { table, subject, place, id }: AlertTable,
  context: PanelContext,
  where?: Condition,
): Promise<readonly Alert[]> {
  const rows = await rowsOf(
    context,
    `SELECT A.ALERT_ID, ALERT_TYPE, STATUS, LEFT(CAST(${subject} AS VARCHAR), 300) AS SUBJECT,
       LEFT(CAST(${id ?? subject} AS VARCHAR), 300) AS SUBJECT_ID,
       LEFT(CAST(${
      place ?? "NULL"
    } AS VARCHAR), 300) AS PLACE, STARTED_AT, LAST_SEEN_AT, CLEARED_AT, EVENT_COUNT, PEAK_VALUE,
       THRESHOLD, K.ACKNOWLEDGED_BY, K.NOTE AS ACKNOWLEDGED_NOTE, K.ACKNOWLEDGED_AT
     FROM ${table} AS A
     LEFT JOIN ALERT_ACKNOWLEDGEMENTS AS K ON K.DOMAIN = ? AND K.ALERT_ID = A.ALERT_ID
     WHERE ${where?.sql ?? "TRUE"} ORDER BY CASE WHEN STATUS = 'ACTIVE' THEN 0 ELSE 1 END, LAST_SEEN_AT DESC, A.ALERT_ID
     LIMIT ${MAX_ALERTS}`,
    [context.domain, ...where?.binds ?? []],
  );
  return rows.map((row) => ({
    id: String(row.alert_id),
    type: String(row.alert_type),
    status: row.status === "ACTIVE" ? "ACTIVE" : "CLEARED",
    subject: text(row.subject) ?? "",
    subject_id: text(row.subject_id) ?? "",
    place: text(row.place),
    started_at: String(row.started_at),
    last_seen_at: String(row.last_seen_at),
    cleared_at: text(row.cleared_at),
    event_count: number(row.event_count),
    peak_value: number(row.peak_value),
    threshold: number(row.threshold),
    acknowledged: row.acknowledged_at === null ? null : {
      by: String(row.acknowledged_by),
      at: String(row.acknowledged_at),
      note: text(row.acknowledged_note),
    },
  }));
}

interface Counting {
  readonly where?: Condition;
  readonly context: PanelContext;
}

/** Alerts active now, and those that were active an hour of event time before `now`, epoch milliseconds. */
export async function alertCounts(table: string, now: number, { where, context }: Counting): Promise<Compared> {
  const then = timestampText(now - HOUR_MS);
  const [row] = await rowsOf(
    context,
    `SELECT COUNT(CASE WHEN STATUS = 'ACTIVE' THEN 1 END) AS ACTIVE_NOW,
       COUNT(CASE WHEN STARTED_AT <= CAST(? AS TIMESTAMP_NTZ)
         AND (CLEARED_AT IS NULL OR CLEARED_AT > CAST(? AS TIMESTAMP_NTZ)) THEN 1 END) AS ACTIVE_BEFORE
     FROM ${table} WHERE ${where?.sql ?? "TRUE"}`,
    [then, then, ...where?.binds ?? []],
  );
  return { now: number(row?.active_now), before: number(row?.active_before) };
}
