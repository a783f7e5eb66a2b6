// What the dashboard shows of trains. Asks the derived tables; of the typed one only spans of time, by its timestamp.
import type { z } from "zod";
import {
  alertCounts,
  alertsOf,
  all,
  bucketOf,
  bucketSql,
  dataNow,
  type DomainPanels,
  heatOf,
  HOUR_MS,
  hoursIn,
  isOne,
  MINUTE_MS,
  newestRecords,
  number,
  numberOrNull,
  type OneFilter,
  oneFilter,
  panel,
  type PanelContext,
  type RowObject,
  type Rows,
  rowsOf,
  type Span,
  spanIn,
  text,
  timestampText,
  wholeBuckets,
  within,
} from "../../panels/mod.ts";
import type { OneTrain, TrainKpis, TrainsPanels, TrainTimeline } from "./answers.ts";
import { type Chosen, chosen, chosenHourly, chosenIn, chosenTrains, DOMAIN, recordsIn } from "./chosen.ts";
import { byTrain, compared } from "./by_train.ts";
import { distributions } from "./distributions.ts";
import { trails } from "./trails.ts";

/** A train that has not reported for this long, in event time, is not counted as active. A simulation that hurries makes minutes
 * of it within one checkpoint. */
const ACTIVE_MINUTES = 15;
const MAX_TRAINS = 2_000;
const MAX_LINES = 50;
const MAX_HOURS = 24 * 31;
/** Records up to which a timeline is made of single records; of more it is made of the hourly statistics. */
const MAX_TIMELINE_RECORDS = 4_000_000;

async function kpis(filter: Chosen, context: PanelContext): Promise<TrainKpis> {
  const now = await dataNow(context, DOMAIN);
  const where = chosenTrains(filter);
  const since = timestampText((now ?? 0) - ACTIVE_MINUTES * MINUTE_MS);
  // One pass, by line, for the lines there are and for the totals of what is chosen.
  const lines = await rowsOf(
    context,
    `SELECT LINE, COUNT(CASE WHEN CHOSEN THEN 1 END) AS KNOWN, COUNT(CASE WHEN CHOSEN AND ACTIVE THEN 1 END) AS TRAINS,
       SUM(CASE WHEN CHOSEN AND ACTIVE THEN CAPACITY END) AS CAPACITY
     FROM (SELECT *, ${where.sql} AS CHOSEN, TIMESTAMP > CAST(? AS TIMESTAMP_NTZ) AS ACTIVE FROM ATS_LATEST_STATUS) AS S
     GROUP BY LINE ORDER BY LINE`,
    [...where.binds, since],
  );
  const trains = await rowsOf(
    context,
    `SELECT LEFT(TRAIN_ID, 256) AS TRAIN_ID FROM ATS_LATEST_STATUS ORDER BY TRAIN_ID LIMIT ${MAX_TRAINS}`,
  );
  const total = (name: string) => lines.reduce((sum, row) => sum + number(row[name]), 0);
  return {
    data_now: now === null ? null : timestampText(now),
    active_trains: total("trains"),
    active_minutes: ACTIVE_MINUTES,
    known_trains: total("known"),
    capacity: total("capacity"),
    recent: now === null ? null : await recent(filter, now, context),
    alerts: await alertCounts("ATS_ALERTS_JOINED", now ?? 0, { where, context }),
    lines: lines.filter(({ line }) => line !== null).slice(0, MAX_LINES).map(({ line }) => String(line)),
    trains: trains.map(({ train_id }) => String(train_id)),
    thresholds: {
      passengers: number(context.settings.ATS_OVERCROWDING_PASSENGERS),
      power_kw: number(context.settings.ATS_HIGH_POWER_KW),
    },
  };
}

/** A stretch is told as its mean, and drawn as this many points. */
const POINTS_PER_STRETCH = 3;

/**
 * The stretch of event time that ends now, and the one before it: the sum of each train's mean. A quarter of an hour, or five
 * minutes where very many records come.
 */
async function recent(filter: Chosen, now: number, context: PanelContext): Promise<TrainKpis["recent"]> {
  const busy = await recordsIn({ from: now - HOUR_MS, to: now }, filter, context) > MAX_TIMELINE_RECORDS;
  const [minutes, stretches] = busy ? [5, 2] : [15, 4];
  const pointMs = minutes * MINUTE_MS / POINTS_PER_STRETCH;
  const span = { from: now + 1 - stretches * minutes * MINUTE_MS, to: now + 1 };
  const where = all(within("TIMESTAMP", span), chosenTrains(filter));
  const rows = await rowsOf(
    context,
    `WITH P AS (
       SELECT FLOOR(DATEDIFF('millisecond', TIMESTAMP, CAST(? AS TIMESTAMP_NTZ)) / ${pointMs}) AS AGE, TRAIN_ID,
         SUM(PASSENGER_COUNT) AS PASSENGERS, SUM(POWER_DRAW_KW) AS KW, COUNT(*) AS RECORDS
       FROM ATS_TRANSFORMED WHERE ${where.sql} GROUP BY 1, 2
     ), S AS (
       SELECT FLOOR(AGE / ${POINTS_PER_STRETCH}) AS AGE, TRAIN_ID, SUM(PASSENGERS) / SUM(RECORDS) AS PASSENGERS,
         SUM(KW) / SUM(RECORDS) AS KW
       FROM P WHERE AGE < ${2 * POINTS_PER_STRETCH} GROUP BY 1, 2
     )
     SELECT 'point' AS KIND, AGE, SUM(PASSENGERS / RECORDS) AS PASSENGERS, SUM(KW / RECORDS) AS POWER, COUNT(*) AS TRAINS
     FROM P GROUP BY AGE
     UNION ALL
     SELECT 'stretch', AGE, SUM(PASSENGERS), SUM(KW), COUNT(*) FROM S GROUP BY AGE`,
    [timestampText(now), ...where.binds],
  );
  const at = (kind: string, age: number) => rows.find((row) => row.kind === kind && Number(row.age) === age);
  const compared = (name: string) => ({
    now: numberOrNull(at("stretch", 0)?.[name]),
    before: numberOrNull(at("stretch", 1)?.[name]),
  });
  const points = Array.from({ length: stretches * POINTS_PER_STRETCH }, (_, i) => i).reverse();
  const drawn = (name: string) => points.map((age) => numberOrNull(at("point", age)?.[name]));
  return {
    minutes,
    trains: compared("trains"),
    passengers: compared("passengers"),
    power_kw: compared("power"),
    points: { trains: drawn("trains"), passengers: drawn("passengers"), power_kw: drawn("power") },
    point_s: pointMs / 1000,
  };
}

async function timeline(filter: z.infer<typeof chosenIn>, context: PanelContext): Promise<TrainTimeline> {
  const span = await spanIn(filter, context, DOMAIN);
  const fine = bucketOf(span, MINUTE_MS / 1000) < 3600 &&
    await recordsIn(span, filter, context) <= MAX_TIMELINE_RECORDS;
  const bucket = bucketOf(span, fine ? 60 : 3600);
  const whole = wholeBuckets(span, bucket);
  const { sql, binds, source } = fine ? fineTimeline(whole, bucket, filter) : hourlyTimeline(whole, bucket, filter);
  const rows = withoutBegun(await rowsOf(context, sql, binds));
  return {
    ...span,
    bucket_s: bucket,
    source,
    by: byOf(filter),
    points: rows.map((row) => ({
      at: number(row.bucket_at),
      series: text(row.series) ?? "",
      passengers: number(row.passengers),
      mean_kw: number(row.mean_kw),
      max_kw: number(row.max_kw),
      trains: number(row.trains),
    })),
  };
}

/** Trains that are chosen are told apart. */
const byOf = ({ train }: Chosen) => train.length > 0 ? "train" : "line";

/** Share of the trains of the bucket before that must have reported in the last one. */
const ENOUGH_TRAINS = 0.9;

/** Without the last bucket while it has only begun: with few trains in it, it would look as if they had been emptied. */
function withoutBegun(rows: readonly RowObject[]): readonly RowObject[] {
  const trains = new Map<number, number>();
  for (const row of rows) {
    trains.set(number(row.bucket_at), (trains.get(number(row.bucket_at)) ?? 0) + number(row.trains));
  }
  const [[, before] = [0, 0], [last, now] = [0, 0]] = [...trains].slice(-2);
  return trains.size > 1 && now < ENOUGH_TRAINS * before ? rows.filter((row) => number(row.bucket_at) !== last) : rows;
}

/** The mean of each train first, so that one that reports more often does not weigh more. */
function fineTimeline(span: Span, bucket: number, filter: Chosen) {
  const where = all(within("TIMESTAMP", span), chosenTrains(filter));
  return {
    source: "ATS_TRANSFORMED",
    binds: where.binds,
    sql:
      `SELECT BUCKET_AT, SERIES, SUM(PASSENGERS) AS PASSENGERS, AVG(KW) AS MEAN_KW, MAX(MAX_KW) AS MAX_KW, COUNT(*) AS TRAINS
      FROM (
        SELECT ${bucketSql("TIMESTAMP", bucket)} AS BUCKET_AT, ${
        byOf(filter) === "train" ? "TRAIN_ID" : "LINE"
      } AS SERIES, TRAIN_ID, AVG(PASSENGER_COUNT) AS PASSENGERS,
          AVG(POWER_DRAW_KW) AS KW, MAX(POWER_DRAW_KW) AS MAX_KW
        FROM ATS_TRANSFORMED WHERE ${where.sql} GROUP BY 1, 2, 3
      ) AS T GROUP BY BUCKET_AT, SERIES ORDER BY BUCKET_AT, SERIES`,
  };
}

function hourlyTimeline(span: Span, bucket: number, filter: Chosen) {
  const where = all(within("WINDOW_START", span), chosenHourly(filter));
  return {
    source: "ATS_HOURLY_STATS",
    binds: where.binds,
    sql:
      `SELECT BUCKET_AT, SERIES, SUM(PASSENGERS) AS PASSENGERS, AVG(KW) AS MEAN_KW, MAX(MAX_KW) AS MAX_KW, COUNT(*) AS TRAINS
      FROM (
        SELECT ${bucketSql("WINDOW_START", bucket)} AS BUCKET_AT, H.TRAIN_ID, ${
        byOf(filter) === "train" ? "H.TRAIN_ID" : "MAX(S.LINE)"
      } AS SERIES,
          AVG(AVG_PASSENGER_COUNT) AS PASSENGERS, AVG(AVG_POWER_DRAW_KW) AS KW, MAX(MAX_POWER_DRAW_KW) AS MAX_KW
        FROM (SELECT * FROM ATS_HOURLY_STATS WHERE ${where.sql}) AS H
        LEFT JOIN ATS_LATEST_STATUS AS S ON S.TRAIN_ID = H.TRAIN_ID GROUP BY 1, 2
      ) AS T GROUP BY BUCKET_AT, SERIES ORDER BY BUCKET_AT, SERIES`,
  };
}

/** Hours with all trains chosen together, the newest first. */
async function hourly(filter: z.infer<typeof chosenIn>, { ask, ...rest }: PanelContext): Promise<Rows> {
  const span = await spanIn(filter, { ask, ...rest }, DOMAIN);
  const where = all(hoursIn("WINDOW_START", span), chosenHourly(filter));
  const mean = (column: string) => `SUM(${column} * EVENT_COUNT) / SUM(EVENT_COUNT) AS ${column}`;
  return await ask(
    `SELECT WINDOW_START, COUNT(*) AS TRAINS, SUM(EVENT_COUNT) AS EVENT_COUNT, ${mean("AVG_PASSENGER_COUNT")},
       MAX(MAX_PASSENGER_COUNT) AS MAX_PASSENGER_COUNT, ${mean("AVG_POWER_DRAW_KW")},
       MAX(MAX_POWER_DRAW_KW) AS MAX_POWER_DRAW_KW, ${mean("AVG_SPEED_KMH")},
       ${mean("AVG_TOTAL_WEIGHT_TONS")}, SUM(OVERCROWDED_COUNT) AS OVERCROWDED_COUNT,
       SUM(HIGH_POWER_DRAW_COUNT) AS HIGH_POWER_DRAW_COUNT, MIN(CASE WHEN IS_FINAL THEN 1 ELSE 0 END) = 1 AS IS_FINAL
     FROM ATS_HOURLY_STATS WHERE ${where.sql} GROUP BY WINDOW_START ORDER BY WINDOW_START DESC`,
    { binds: where.binds, maxRows: MAX_HOURS },
  );
}

const ALERTS = { table: "ATS_ALERTS_JOINED", subject: "TRAIN_ID", place: "LINE" };

/** One train: how it is, its alerts, its newest records. */
async function one(filter: OneFilter, context: PanelContext): Promise<OneTrain> {
  const now = await dataNow(context, DOMAIN);
  const where = isOne("TRAIN_ID", filter);
  const [row] = await rowsOf(context, `SELECT * FROM ATS_LATEST_STATUS WHERE ${where.sql}`, where.binds);
  return {
    data_now: now === null ? null : timestampText(now),
    state: row === undefined ? null : {
      line: text(row.line),
      at: String(row.timestamp),
      passengers: number(row.passenger_count),
      capacity: numberOrNull(row.capacity),
      power_kw: number(row.power_draw_kw),
      speed_kmh: number(row.speed_kmh),
      weight_t: number(row.total_weight_tons),
      is_overcrowded: row.is_overcrowded === true,
      is_high_power_draw: row.is_high_power_draw === true,
    },
    alerts: await alertsOf(ALERTS, context, where),
    records: await newestRecords(
      {
        table: "ATS_TRANSFORMED",
        columns: "TIMESTAMP, PASSENGER_COUNT, POWER_DRAW_KW, SPEED_KMH, TOTAL_WEIGHT_TONS, LATITUDE, LONGITUDE, " +
          "KAFKA_PARTITION, KAFKA_OFFSET",
        time: "TIMESTAMP",
      },
      await spanIn(filter, context, DOMAIN),
      { where, ask: context.ask },
    ),
  };
}

async function status(filter: Chosen, { ask }: PanelContext): Promise<Rows> {
  const where = chosenTrains(filter);
  return await ask(
    `SELECT TRAIN_ID, LINE, TIMESTAMP, PASSENGER_COUNT, CAPACITY, TOTAL_WEIGHT_TONS, POWER_DRAW_KW, SPEED_KMH, LATITUDE,
       LONGITUDE, IS_OVERCROWDED, IS_HIGH_POWER_DRAW
     FROM ATS_LATEST_STATUS WHERE ${where.sql} ORDER BY TRAIN_ID`,
    { binds: where.binds, maxRows: MAX_TRAINS },
  );
}

export const panels: DomainPanels<TrainsPanels> = {
  panels: {
    kpis: panel(chosen, kpis),
    timeline: panel(chosenIn, timeline),
    distributions: panel(chosenIn, distributions),
    hourly: panel(chosenIn, hourly),
    status: panel(chosen, status),
    one: panel(oneFilter, one),
    heat: panel(
      chosen,
      async (filter, context) =>
        await heatOf({ table: "ATS_HOURLY_STATS", sum: "AVG_PASSENGER_COUNT" }, await dataNow(context, DOMAIN) ?? 0, {
          where: chosenHourly(filter),
          context,
        }),
    ),
    "by-train": panel(compared, byTrain),
    trails: panel(chosen, (filter, context) => trails(chosenTrains(filter), context)),
  },
  alerts: (context) => alertsOf(ALERTS, context),
  tables: [
    { name: "ATS_LATEST_STATUS", newest: ["TIMESTAMP", "TRAIN_ID"] },
    { name: "ATS_ALERTS", newest: ["LAST_SEEN_AT", "ALERT_ID"] },
    { name: "ATS_HOURLY_STATS", newest: ["WINDOW_START", "TRAIN_ID"] },
    { name: "ATS_TRANSFORMED", newest: ["TIMESTAMP", "KAFKA_PARTITION", "KAFKA_OFFSET"] },
    { name: "ATS_RAW_JSON", newest: [], metadata: "RECORD_METADATA" },
  ],
};
