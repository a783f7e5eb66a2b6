// What the dashboard shows of rides: demand by zone over hopping windows, surges, hours. Asks the derived tables only.
import { z } from "zod";
import {
  alertCounts,
  alertsOf,
  all,
  bucketOf,
  type Condition,
  type DataTimes,
  dataTimes,
  type DomainPanels,
  heatOf,
  HOUR_MS,
  hoursIn,
  isOne,
  MAX_MULTIPLES,
  MINUTE_MS,
  type Multiples,
  multiplesBucket,
  multiplesOf,
  newestRecords,
  numberOrNull,
  type OneFilter,
  oneFilter,
  oneOf,
  type OneThing,
  panel,
  type PanelContext,
  pointsOf,
  type Rows,
  rowsOf,
  several,
  spanIn,
  timeFilter,
  type Timeline,
  timestampText,
  topSeries,
  within,
} from "../../panels/mod.ts";
import type { RideKpis, RidesPanels, ZoneMeasure, ZonePlaces } from "./answers.ts";

const DOMAIN = "rides";
const WINDOW_MINUTES = 15;
const MAX_ZONES = 500;
const MAX_HOURS = 24 * 31;

const chosen = z.object({ zone: several });
const chosenIn = timeFilter.extend(chosen.shape);
type Chosen = z.infer<typeof chosen>;
const compared = chosenIn.extend({ measure: z.enum(["requests", "fare"]).default("requests") });

/** Start of the newest window that is closed in all partitions, epoch milliseconds. */
function newestWindow({ closed }: DataTimes): number {
  return Math.floor(closed / MINUTE_MS) * MINUTE_MS - WINDOW_MINUTES * MINUTE_MS;
}

/** Before the first event. */
const NEVER: DataTimes = { now: 0, closed: 0 };

const startsAt = (ms: number): Condition => ({
  sql: "WINDOW_START = CAST(? AS TIMESTAMP_NTZ)",
  binds: [timestampText(ms)],
});

const FARE = "SUM(SUM_FARE_ESTIMATE + COALESCE(SUM_FARE_ESTIMATE_LOW, 0)) / NULLIF(SUM(FARE_COUNT), 0)";

async function windowTotals(start: number, filter: Chosen, context: PanelContext) {
  const where = all(startsAt(start), oneOf("ZONE", filter.zone));
  const [row] = await rowsOf(
    context,
    `SELECT SUM(REQUEST_COUNT) AS REQUESTS, ${FARE} AS FARE, COUNT(DISTINCT ZONE) AS ZONES
     FROM RIDE_DEMAND_PARTS WHERE ${where.sql}`,
    where.binds,
  );
  return {
    requests: numberOrNull(row?.requests),
    fare: numberOrNull(row?.fare),
    zones: numberOrNull(row?.zones),
  };
}

async function kpis(filter: Chosen, context: PanelContext): Promise<RideKpis> {
  const times = await dataTimes(context, DOMAIN);
  const now = times?.now ?? null;
  const start = newestWindow(times ?? NEVER);
  const current = await windowTotals(start, filter, context);
  const before = await windowTotals(start - HOUR_MS, filter, context);
  const zones = await rowsOf(
    context,
    `SELECT ZONE FROM RIDE_HOURLY_STATS_PARTS WHERE ZONE IS NOT NULL AND WINDOW_START >= CAST(? AS TIMESTAMP_NTZ)
     GROUP BY ZONE ORDER BY SUM(REQUEST_COUNT) DESC, ZONE LIMIT ${MAX_ZONES}`,
    [timestampText((now ?? 0) - 24 * HOUR_MS)],
  );
  return {
    data_now: now === null ? null : timestampText(now),
    window_minutes: WINDOW_MINUTES,
    window_end: now === null ? null : timestampText(start + WINDOW_MINUTES * MINUTE_MS),
    requests: { now: current.requests ?? 0, before: before.requests },
    fare: { now: current.fare, before: before.fare },
    zones: { now: current.zones ?? 0, before: before.zones },
    alerts: await alertCounts("RIDE_SURGE_ALERTS", now ?? 0, { where: oneOf("ZONE", filter.zone), context }),
    all_zones: zones.map(({ zone }) => String(zone)),
  };
}

/** Where a window ends, epoch seconds. */
const WINDOW_END_S = "DATEDIFF('second', CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ), WINDOW_END)";

/** Requests in the window that ends at each point: windows hop by a minute, and every so many are taken. */
async function demand(filter: z.infer<typeof chosenIn>, context: PanelContext): Promise<Timeline> {
  const span = await spanIn(filter, context, DOMAIN);
  const step = bucketOf(span, 60);
  const where = all(within("WINDOW_END", span), oneOf("ZONE", filter.zone));
  const counted = `SELECT ${WINDOW_END_S} AS BUCKET_AT, ZONE AS SERIES, SUM(REQUEST_COUNT) AS VALUE
    FROM RIDE_DEMAND_PARTS WHERE ${where.sql} AND MOD(${WINDOW_END_S}, ${step}) = 0 GROUP BY 1, 2`;
  const rows = await rowsOf(context, topSeries(counted), where.binds);
  return { ...span, bucket_s: step, source: "RIDE_DEMAND", points: pointsOf(rows) };
}

const MEASURES: Readonly<Record<ZoneMeasure, string>> = { requests: "SUM(REQUEST_COUNT)", fare: FARE };

/** Of each zone the window that ends at each point. Of very many zones those with the most requests. */
async function byZone(filter: z.infer<typeof compared>, context: PanelContext): Promise<Multiples> {
  const span = await spanIn(filter, context, DOMAIN);
  const bucketS = multiplesBucket(span, 60);
  const where = all(within("WINDOW_END", span), oneOf("ZONE", filter.zone));
  const rows = await rowsOf(
    context,
    `WITH P AS (
       SELECT *, ${WINDOW_END_S} AS BUCKET_AT FROM RIDE_DEMAND_PARTS
       WHERE ZONE IS NOT NULL AND ${where.sql} AND MOD(${WINDOW_END_S}, ${bucketS}) = 0
     ), Z AS (SELECT ZONE FROM P GROUP BY ZONE ORDER BY SUM(REQUEST_COUNT) DESC, ZONE LIMIT ${MAX_MULTIPLES})
     SELECT P.BUCKET_AT, LEFT(P.ZONE, 200) AS SERIES, ${MEASURES[filter.measure]} AS VALUE,
       (SELECT COUNT(DISTINCT ZONE) FROM P) AS KNOWN
     FROM P JOIN Z ON Z.ZONE = P.ZONE GROUP BY 1, 2 ORDER BY 2, 1`,
    where.binds,
  );
  return multiplesOf(rows, { measure: filter.measure, span, bucketS, source: "RIDE_DEMAND" });
}

async function zones(filter: Chosen, context: PanelContext): Promise<Rows> {
  const start = newestWindow(await dataTimes(context, DOMAIN) ?? NEVER);
  const [now, before] = [timestampText(start), timestampText(start - HOUR_MS)];
  const where = oneOf("P.ZONE", filter.zone);
  const at = "CASE WHEN P.WINDOW_START = CAST(? AS TIMESTAMP_NTZ) THEN";
  return await context.ask(
    `SELECT LEFT(P.ZONE, 200) AS ZONE, SUM(${at} P.REQUEST_COUNT ELSE 0 END) AS REQUEST_COUNT,
       SUM(${at} P.REQUEST_COUNT ELSE 0 END) AS REQUEST_COUNT_BEFORE,
       SUM(${at} P.SUM_FARE_ESTIMATE + COALESCE(P.SUM_FARE_ESTIMATE_LOW, 0) END) / NULLIF(SUM(${at} P.FARE_COUNT END), 0) AS AVG_FARE_ESTIMATE,
       MAX(A.SURGE_RATIO) AS SURGE_RATIO
     FROM RIDE_DEMAND_PARTS AS P
     LEFT JOIN (
       SELECT ZONE, MAX(SURGE_RATIO) AS SURGE_RATIO FROM RIDE_SURGE_ALERTS WHERE STATUS = 'ACTIVE' GROUP BY ZONE
     ) AS A ON A.ZONE = P.ZONE
     WHERE P.WINDOW_START IN (CAST(? AS TIMESTAMP_NTZ), CAST(? AS TIMESTAMP_NTZ)) AND ${where.sql}
     GROUP BY 1 ORDER BY 2 DESC, 1`,
    { binds: [now, before, now, now, now, before, ...where.binds], maxRows: MAX_ZONES },
  );
}

async function types(filter: z.infer<typeof chosenIn>, context: PanelContext): Promise<Rows> {
  const span = await spanIn(filter, context, DOMAIN);
  const where = all(hoursIn("WINDOW_START", span), oneOf("ZONE", filter.zone));
  return await context.ask(
    `SELECT LEFT(RIDE_TYPE, 100) AS RIDE_TYPE, SUM(REQUEST_COUNT) AS REQUEST_COUNT, ${FARE} AS AVG_FARE_ESTIMATE
     FROM RIDE_HOURLY_STATS_PARTS WHERE ${where.sql} GROUP BY 1 ORDER BY 2 DESC, 1`,
    { binds: where.binds, maxRows: 50 },
  );
}

async function hourly(filter: z.infer<typeof chosenIn>, context: PanelContext): Promise<Rows> {
  const span = await spanIn(filter, context, DOMAIN);
  const where = all(hoursIn("WINDOW_START", span), oneOf("ZONE", filter.zone));
  return await context.ask(
    `SELECT WINDOW_START, COUNT(DISTINCT ZONE) AS ZONES, SUM(REQUEST_COUNT) AS REQUEST_COUNT, ${FARE} AS AVG_FARE_ESTIMATE,
       MIN(CASE WHEN IS_FINAL THEN 1 ELSE 0 END) = 1 AS IS_FINAL
     FROM RIDE_HOURLY_STATS_PARTS WHERE ${where.sql} GROUP BY WINDOW_START ORDER BY WINDOW_START DESC`,
    { binds: where.binds, maxRows: MAX_HOURS },
  );
}

/** Where the zones are: the middle of where rides of the newest quarter of an hour were asked for in each. */
async function places(filter: Chosen, context: PanelContext): Promise<ZonePlaces> {
  const now = (await dataTimes(context, DOMAIN) ?? NEVER).now;
  const where = all(
    within("TIMESTAMP", { from: now + 1 - WINDOW_MINUTES * MINUTE_MS, to: now + 1 }),
    oneOf("ZONE", filter.zone),
    { sql: "ZONE IS NOT NULL AND PICKUP_LATITUDE IS NOT NULL AND PICKUP_LONGITUDE IS NOT NULL", binds: [] },
  );
  const rows = await rowsOf(
    context,
    `SELECT LEFT(ZONE, 200) AS ZONE, AVG(PICKUP_LATITUDE) AS LATITUDE, AVG(PICKUP_LONGITUDE) AS LONGITUDE
     FROM RIDE_REQUESTS WHERE ${where.sql} GROUP BY 1 ORDER BY COUNT(*) DESC, 1 LIMIT ${MAX_ZONES}`,
    where.binds,
  );
  return rows.map(({ zone, latitude, longitude }) => ({
    zone: String(zone),
    at: [Number(latitude), Number(longitude)],
  }));
}

const ALERTS = { table: "RIDE_SURGE_ALERTS", subject: "ZONE" };

/** One zone: its surges, and the newest events in it. */
async function one(filter: OneFilter, context: PanelContext): Promise<OneThing> {
  const where = isOne("ZONE", filter);
  return {
    alerts: await alertsOf(ALERTS, context, where),
    records: await newestRecords(
      {
        table: "RIDE_REQUESTS",
        columns: "TIMESTAMP, EVENT_TYPE, LEFT(RIDE_TYPE, 100) AS RIDE_TYPE, LEFT(RIDE_ID, 100) AS RIDE_ID, " +
          "LEFT(USER_ID, 256) AS USER_ID, LEFT(LOCATION, 256) AS LOCATION, FARE_ESTIMATE, KAFKA_PARTITION, KAFKA_OFFSET",
        time: "TIMESTAMP",
      },
      await spanIn(filter, context, DOMAIN),
      { where, ask: context.ask },
    ),
  };
}

export const panels: DomainPanels<RidesPanels> = {
  panels: {
    kpis: panel(chosen, kpis),
    demand: panel(chosenIn, demand),
    zones: panel(chosen, zones),
    types: panel(chosenIn, types),
    hourly: panel(chosenIn, hourly),
    one: panel(oneFilter, one),
    heat: panel(chosen, async (filter, context) =>
      await heatOf(
        { table: "RIDE_HOURLY_STATS_PARTS", sum: "REQUEST_COUNT" },
        (await dataTimes(context, DOMAIN) ?? NEVER).now,
        { where: oneOf("ZONE", filter.zone), context },
      )),
    places: panel(chosen, places),
    "by-zone": panel(compared, byZone),
  },
  alerts: (context) => alertsOf(ALERTS, context),
  tables: [
    { name: "RIDE_DEMAND", newest: ["WINDOW_START", "ZONE", "RIDE_TYPE"] },
    { name: "RIDE_SURGE_ALERTS", newest: ["LAST_SEEN_AT", "ALERT_ID"] },
    { name: "RIDE_HOURLY_STATS", newest: ["WINDOW_START", "ZONE", "RIDE_TYPE"] },
    { name: "RIDE_REQUESTS", newest: ["TIMESTAMP", "KAFKA_PARTITION", "KAFKA_OFFSET"] },
  ],
};
