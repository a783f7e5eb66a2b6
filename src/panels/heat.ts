// Something by the hour over some days, as a dashboard draws it: a row for each day, a cell for each hour.
import type { Heat } from "./answers.ts";
import { type Condition, DAY_MS, HOUR_MS, number, type PanelContext, rowsOf, timestampMs, within } from "./panel.ts";

const DAYS = 14;

export interface HeatTable {
  /** A table with a row for each key and hour. */
  readonly table: string;
  /** SQL of what is added up. */
  readonly sum: string;
}

/** The hours of the days up to the one of `now`, epoch milliseconds. */
export async function heatOf(
  { table, sum }: HeatTable,
  now: number,
  { where, context }: { readonly where: Condition; readonly context: PanelContext },
): Promise<Heat> {
  const from = Math.floor(now / DAY_MS) * DAY_MS - (DAYS - 1) * DAY_MS;
  const stretch = within("WINDOW_START", { from, to: now + HOUR_MS });
  const rows = await rowsOf(
    context,
    `SELECT WINDOW_START, SUM(${sum}) AS VALUE FROM ${table} WHERE ${where.sql} AND ${stretch.sql}
     GROUP BY WINDOW_START ORDER BY WINDOW_START`,
    [...where.binds, ...stretch.binds],
  );
  return rows.map(({ window_start, value }) => ({ at: timestampMs(window_start) ?? 0, value: number(value) }));
}
