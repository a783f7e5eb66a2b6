// The same of every train over time, so that trains are compared: the panel behind the small charts.
import { z } from "zod";
import {
  all,
  bucketSql,
  MAX_MULTIPLES,
  MINUTE_MS,
  type Multiples,
  multiplesBucket,
  multiplesOf,
  type PanelContext,
  rowsOf,
  type Span,
  spanIn,
  wholeBuckets,
  within,
} from "../../panels/mod.ts";
import type { TrainMeasure } from "./answers.ts";
import { chosenHourly, chosenIn, chosenTrains, DOMAIN, recordsIn } from "./chosen.ts";
import { evenly } from "./distributions.ts";

export const compared = chosenIn.extend({ measure: z.enum(["passengers", "speed", "power"]).default("passengers") });
type Filter = z.infer<typeof compared>;

interface Column {
  /** Of a record. */
  readonly one: string;
  /** Of an hour's statistics, the mean of its records. */
  readonly hourly: string;
}

const COLUMNS: Readonly<Record<TrainMeasure, Column>> = {
  passengers: { one: "PASSENGER_COUNT", hourly: "AVG_PASSENGER_COUNT" },
  speed: { one: "SPEED_KMH", hourly: "AVG_SPEED_KMH" },
  power: { one: "POWER_DRAW_KW", hourly: "AVG_POWER_DRAW_KW" },
};

const HOUR_S = 3600;

/** The mean of each train. Of very many trains those whose ids come first. */
export async function byTrain(filter: Filter, context: PanelContext): Promise<Multiples> {
  const span = await spanIn(filter, context, DOMAIN);
  const bucketS = multiplesBucket(span, MINUTE_MS / 1000);
  const { source, sql, binds } = bucketS < HOUR_S
    ? await fine(filter, span, { bucketS, context })
    : hourly(filter, span, bucketS);
  const rows = await rowsOf(
    context,
    `WITH C AS (${sql}), R AS (SELECT *, DENSE_RANK() OVER (ORDER BY TRAIN_ID) AS PLACE FROM C)
     SELECT BUCKET_AT, LEFT(TRAIN_ID, 256) AS SERIES, VALUE, (SELECT COUNT(DISTINCT TRAIN_ID) FROM C) AS KNOWN
     FROM R WHERE PLACE <= ${MAX_MULTIPLES} ORDER BY TRAIN_ID, BUCKET_AT`,
    binds,
  );
  return multiplesOf(rows, { measure: filter.measure, span, bucketS, source });
}

/** Of single records; of very many those that are evenly chosen. */
async function fine(
  filter: Filter,
  span: Span,
  { bucketS, context }: { readonly bucketS: number; readonly context: PanelContext },
) {
  const where = all(
    within("TIMESTAMP", span),
    chosenTrains(filter),
    evenly(await recordsIn(span, filter, context)),
  );
  return {
    source: "ATS_TRANSFORMED",
    binds: where.binds,
    sql: `SELECT TRAIN_ID, ${bucketSql("TIMESTAMP", bucketS)} AS BUCKET_AT, AVG(${COLUMNS[filter.measure].one}) AS VALUE
      FROM ATS_TRANSFORMED WHERE ${where.sql} GROUP BY 1, 2`,
  };
}

function hourly(filter: Filter, span: Span, bucketS: number) {
  const where = all(within("WINDOW_START", wholeBuckets(span, bucketS)), chosenHourly(filter));
  const { hourly: column } = COLUMNS[filter.measure];
  return {
    source: "ATS_HOURLY_STATS",
    binds: where.binds,
    sql: `SELECT TRAIN_ID, ${bucketSql("WINDOW_START", bucketS)} AS BUCKET_AT,
        SUM(${column} * EVENT_COUNT) / SUM(EVENT_COUNT) AS VALUE
      FROM ATS_HOURLY_STATS WHERE ${where.sql} GROUP BY 1, 2`,
  };
}
