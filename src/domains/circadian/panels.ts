// What the dashboard shows of sleep, meals and light: one user's days and plan. Asks the derived tables; of the activities only
// one user's newest day.
import { z } from "zod";
import {
  dataNow,
  type DomainPanels,
  number,
  numberOrNull,
  panel,
  type PanelContext,
  rowsOf,
  text,
  timestampMs,
  timestampText,
  within,
} from "../../panels/mod.ts";
import type { CircadianPanels, CircadianUser, CircadianUsers } from "./answers.ts";

const DOMAIN = "circadian";
const MAX_USERS = 500;
const MAX_DAYS = 31;
const MAX_ACTIVITIES = 200;

const search = z.object({ find: z.string().max(256).default("") });

async function users({ find }: z.infer<typeof search>, context: PanelContext): Promise<CircadianUsers> {
  const now = await dataNow(context, DOMAIN);
  const rows = await rowsOf(
    context,
    `SELECT USER_ID, COUNT(*) OVER () AS USERS FROM (SELECT DISTINCT USER_ID FROM RECOMMENDATIONS_PARTS) AS U
     WHERE CONTAINS(LOWER(USER_ID), LOWER(?)) ORDER BY USER_ID LIMIT ${MAX_USERS}`,
    [find],
  );
  return {
    data_now: now === null ? null : timestampText(now),
    users: rows.map((row) => String(row.user_id)),
    count: number(rows[0]?.users),
  };
}

const one = z.object({ user: z.string().max(10_000) });

async function user({ user }: z.infer<typeof one>, context: PanelContext): Promise<CircadianUser> {
  const days = await rowsOf(
    context,
    `SELECT LOCAL_DATE, TIME_ZONE, WINDOW_START, WINDOW_END, SLEEP_HOURS, SLEEP_MIDPOINT, SLEEP_REGULARITY,
       EATING_WINDOW_HOURS, MEAL_COUNT, LIGHT_LUX_HOURS, IS_FINAL
     FROM CIRCADIAN_DAILY WHERE USER_ID = ? ORDER BY WINDOW_START DESC LIMIT ${MAX_DAYS}`,
    [user],
  );
  const [plan] = await rowsOf(context, "SELECT RECOMMENDATION FROM RECOMMENDATIONS WHERE USER_ID = ?", [user]);
  const newest = {
    from: timestampMs(days[0]?.window_start) ?? 0,
    to: timestampMs(days[0]?.window_end) ?? 0,
  };
  const where = within("TIMESTAMP", newest);
  return {
    user,
    days: days.map((row) => ({
      date: String(row.local_date),
      time_zone: text(row.time_zone) ?? "",
      sleep_hours: numberOrNull(row.sleep_hours),
      sleep_midpoint: numberOrNull(row.sleep_midpoint),
      sleep_regularity: numberOrNull(row.sleep_regularity),
      eating_window_hours: numberOrNull(row.eating_window_hours),
      meal_count: number(row.meal_count),
      light_lux_hours: numberOrNull(row.light_lux_hours),
      is_final: row.is_final === true,
    })),
    recommendation: plan?.recommendation ?? null,
    activity: await context.ask(
      `SELECT TIMESTAMP, ACTIVITY_TYPE, LEFT(CAST(RECORD_CONTENT AS VARCHAR), 1000) AS RECORD_CONTENT
       FROM USER_ACTIVITY WHERE USER_ID = ? AND ${where.sql} ORDER BY TIMESTAMP DESC`,
      { binds: [user, ...where.binds], maxRows: MAX_ACTIVITIES },
    ),
  };
}

export const panels: DomainPanels<CircadianPanels> = {
  panels: { users: panel(search, users), user: panel(one, user) },
  tables: [
    { name: "CIRCADIAN_DAILY", newest: ["WINDOW_START", "USER_ID", "TIME_ZONE", "LOCAL_DATE"] },
    { name: "RECOMMENDATIONS", newest: ["UPDATED_AT", "USER_ID"] },
    { name: "USER_ACTIVITY", newest: ["TIMESTAMP", "USER_ID"], metadata: "RECORD_METADATA" },
  ],
};
