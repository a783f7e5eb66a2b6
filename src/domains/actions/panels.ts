// What the dashboard shows of web user actions: how many a minute of which kind, and sessions. Asks the derived tables.
import { z } from "zod";
import {
  all,
  bucketOf,
  bucketSql,
  dataTimes,
  type DomainPanels,
  HOUR_MS,
  isOne,
  MINUTE_MS,
  newestRecords,
  number,
  numberOrNull,
  type OneFilter,
  oneFilter,
  oneOf,
  panel,
  type PanelContext,
  pointsOf,
  type Rows,
  rowsOf,
  several,
  spanIn,
  spanOf,
  timeFilter,
  type Timeline,
  timestampText,
  topSeries,
  within,
} from "../../panels/mod.ts";
import type { ActionKpis, ActionsPanels, OneUser, Sessions } from "./answers.ts";

const DOMAIN = "actions";
const MAX_SESSIONS = 200;
const MAX_SESSION_MINUTES = 60;

const chosen = z.object({ action: several });
const chosenIn = timeFilter.extend(chosen.shape);
type Chosen = z.infer<typeof chosen>;

/** Actions and minutes with any in a stretch. The parts add up; users are counted by the view alone. */
async function counted(from: number, to: number, filter: Chosen, context: PanelContext) {
  const where = all(within("WINDOW_START", { from, to }), oneOf("ACTION", filter.action));
  const [row] = await rowsOf(
    context,
    `SELECT SUM(ACTION_COUNT) AS ACTIONS FROM ACTIONS_PER_MINUTE_PARTS WHERE ${where.sql}`,
    where.binds,
  );
  return numberOrNull(row?.actions);
}

async function kpis(filter: Chosen, context: PanelContext): Promise<ActionKpis> {
  const times = await dataTimes(context, DOMAIN);
  const now = times?.now ?? null;
  const minute = Math.floor((times?.closed ?? 0) / MINUTE_MS) * MINUTE_MS - MINUTE_MS;
  const hour = await counted(minute - HOUR_MS, minute, filter, context);
  const where = all(within("WINDOW_START", { from: minute, to: minute + 1 }), oneOf("ACTION", filter.action));
  const [users] = await rowsOf(
    context,
    `SELECT MAX(UNIQUE_USERS) AS USERS FROM ACTIONS_PER_MINUTE WHERE ${where.sql}`,
    where.binds,
  );
  const visits = await visitsNow(now ?? 0, context);
  return {
    data_now: now === null ? null : timestampText(now),
    minute: now === null ? null : timestampText(minute),
    actions: { now: await counted(minute, minute + 1, filter, context) ?? 0, before: hour === null ? null : hour / 60 },
    users: number(users?.users),
    open_sessions: visits.open,
    session_s: visits.seconds,
  };
}

/** Open sessions, and how long those took that ended in the hour before `now` and in the one before that, by one question. */
async function visitsNow(now: number, context: PanelContext) {
  const [thisHour, hourBefore] = [1, 2].map((hours) =>
    within("WINDOW_END", { from: now - hours * HOUR_MS, to: now - (hours - 1) * HOUR_MS })
  );
  const [row] = await rowsOf(
    context,
    `SELECT COUNT(CASE WHEN NOT IS_FINAL THEN 1 END) AS OPEN_NOW,
       AVG(CASE WHEN IS_FINAL AND ${thisHour!.sql} THEN DURATION_S END) AS NOW_S,
       AVG(CASE WHEN IS_FINAL AND ${hourBefore!.sql} THEN DURATION_S END) AS BEFORE_S
     FROM USER_SESSIONS_JOINED`,
    [...thisHour!.binds, ...hourBefore!.binds],
  );
  return {
    open: number(row?.open_now),
    seconds: { now: numberOrNull(row?.now_s), before: numberOrNull(row?.before_s) },
  };
}

/** Actions per minute by kind, the mean of each bucket. */
async function perMinute(filter: z.infer<typeof chosenIn>, context: PanelContext): Promise<Timeline> {
  const { now, closed } = await dataTimes(context, DOMAIN) ?? { now: 0, closed: 0 };
  const span = spanOf(filter, now);
  const bucket = bucketOf(span, 60);
  const stepMs = bucket * 1000;
  // A bucket that has only begun would look as if less came.
  const whole = {
    from: Math.ceil(span.from / stepMs) * stepMs,
    to: Math.floor(Math.min(span.to, closed) / stepMs) * stepMs,
  };
  const where = all(within("WINDOW_START", whole), oneOf("ACTION", filter.action));
  const counted = `SELECT ${bucketSql("WINDOW_START", bucket)} AS BUCKET_AT, ACTION AS SERIES,
      SUM(ACTION_COUNT) / ${bucket / 60}.0 AS VALUE
    FROM ACTIONS_PER_MINUTE_PARTS WHERE ${where.sql} GROUP BY 1, 2`;
  const rows = await rowsOf(context, topSeries(counted), where.binds);
  return { ...span, bucket_s: bucket, source: "ACTIONS_PER_MINUTE", points: pointsOf(rows) };
}

async function kinds(filter: z.infer<typeof timeFilter>, context: PanelContext): Promise<Rows> {
  const span = await spanIn(filter, context, DOMAIN);
  const where = within("WINDOW_START", span);
  return await context.ask(
    `SELECT LEFT(ACTION, 64) AS ACTION, SUM(ACTION_COUNT) AS ACTION_COUNT FROM ACTIONS_PER_MINUTE_PARTS
     WHERE ${where.sql} GROUP BY 1 ORDER BY 2 DESC, 1`,
    { binds: where.binds, maxRows: 200 },
  );
}

async function sessions(filter: z.infer<typeof timeFilter>, context: PanelContext): Promise<Sessions> {
  const span = await spanIn(filter, context, DOMAIN);
  // The end of a session that is still open lies a gap ahead of its last event.
  const where = within("WINDOW_START", span);
  const newest = await context.ask(
    `SELECT LEFT(USER_ID, 200) AS USER_ID, WINDOW_START, DURATION_S, EVENT_COUNT, LEFT(FIRST_PAGE, 300) AS FIRST_PAGE,
       LEFT(LAST_PAGE, 300) AS LAST_PAGE, IS_FINAL
     FROM USER_SESSIONS_JOINED WHERE ${where.sql} ORDER BY WINDOW_END DESC, USER_ID LIMIT ${MAX_SESSIONS}`,
    { binds: where.binds },
  );
  const minutes = await rowsOf(
    context,
    `SELECT CASE WHEN DURATION_S >= ${MAX_SESSION_MINUTES * 60} THEN ${MAX_SESSION_MINUTES}
       ELSE FLOOR(DURATION_S / 120) * 2 END AS MINUTES, COUNT(*) AS SESSIONS
     FROM USER_SESSIONS_JOINED WHERE ${where.sql} GROUP BY 1 ORDER BY 1`,
    where.binds,
  );
  const pages = await rowsOf(
    context,
    `WITH VISITS AS (
       SELECT LEFT(FIRST_PAGE, 300) AS FIRST_PAGE, LEFT(LAST_PAGE, 300) AS LAST_PAGE, COUNT(*) AS SESSIONS
       FROM USER_SESSIONS_JOINED WHERE ${where.sql} GROUP BY 1, 2
     )
     SELECT PAGE, SUM(FIRST_HERE) AS FIRST_HERE, SUM(LAST_HERE) AS LAST_HERE FROM (
       SELECT FIRST_PAGE AS PAGE, SESSIONS AS FIRST_HERE, 0 AS LAST_HERE FROM VISITS
       UNION ALL
       SELECT LAST_PAGE AS PAGE, 0 AS FIRST_HERE, SESSIONS AS LAST_HERE FROM VISITS
     ) AS P WHERE PAGE IS NOT NULL GROUP BY PAGE ORDER BY 2 DESC, 3 DESC, 1 LIMIT 20`,
    where.binds,
  );
  const bins = minutes.map((row) => [number(row.minutes), number(row.sessions)] as const);
  return {
    ...span,
    newest,
    count: bins.reduce((sum, [, sessions]) => sum + sessions, 0),
    minutes: bins,
    pages: pages.map((row) => ({ page: String(row.page), first: number(row.first_here), last: number(row.last_here) })),
  };
}

/** One user: visits and actions, the newest first. */
async function one(filter: OneFilter, context: PanelContext): Promise<OneUser> {
  const span = await spanIn(filter, context, DOMAIN);
  const where = isOne("USER_ID", filter);
  const stretch = within("WINDOW_START", span);
  return {
    sessions: await context.ask(
      `SELECT WINDOW_START, DURATION_S, EVENT_COUNT, LEFT(FIRST_PAGE, 300) AS FIRST_PAGE, LEFT(LAST_PAGE, 300) AS LAST_PAGE,
         IS_FINAL
       FROM USER_SESSIONS_JOINED WHERE ${where.sql} AND ${stretch.sql} ORDER BY WINDOW_START DESC`,
      { binds: [...where.binds, ...stretch.binds], maxRows: MAX_SESSIONS },
    ),
    alerts: [],
    records: await newestRecords(
      {
        table: "USER_ACTIONS",
        columns: "TIMESTAMP, LEFT(ACTION, 64) AS ACTION, LEFT(PAGE, 300) AS PAGE, LEFT(DEVICE, 100) AS DEVICE, " +
          "KAFKA_PARTITION, KAFKA_OFFSET",
        time: "TIMESTAMP",
      },
      span,
      { where, ask: context.ask },
    ),
  };
}

export const panels: DomainPanels<ActionsPanels> = {
  panels: {
    kpis: panel(chosen, kpis),
    "per-minute": panel(chosenIn, perMinute),
    kinds: panel(timeFilter, kinds),
    sessions: panel(timeFilter, sessions),
    one: panel(oneFilter, one),
  },
  tables: [
    { name: "ACTIONS_PER_MINUTE", newest: ["WINDOW_START", "ACTION"] },
    { name: "USER_SESSIONS", newest: ["WINDOW_END", "USER_ID", "WINDOW_START", "KAFKA_PARTITION"] },
    { name: "USER_ACTIONS", newest: ["TIMESTAMP", "KAFKA_PARTITION", "KAFKA_OFFSET"] },
    { name: "USER_ACTIONS_RAW", newest: [], metadata: "RECORD_METADATA" },
  ],
};
