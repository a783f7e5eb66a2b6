// How many records have which value, and how fast each train was when: the panel that looks at single records.
import type { z } from "zod";
import {
  all,
  bucketOf,
  bucketSql,
  type Condition,
  MINUTE_MS,
  number,
  type PanelContext,
  rowsOf,
  spanIn,
  within,
} from "../../panels/mod.ts";
import type { TrainDistributions } from "./answers.ts";
import { type chosenIn, chosenTrains, DOMAIN, recordsIn } from "./chosen.ts";

/** Records that are looked at; of more, as many are chosen evenly. */
const MAX_RECORDS = 200_000;

/** One of every so many records, spread by the golden ratio so that no train's turn is met or missed each time. */
export function evenly(records: number): Condition {
  const share = Math.min(1, MAX_RECORDS / Math.max(1, records));
  if (share === 1) return { sql: "TRUE", binds: [] };
  return { sql: `MOD(KAFKA_OFFSET * 40503, 65536) < ${Math.max(1, Math.round(share * 65_536))}`, binds: [] };
}

const MEASURES = [
  { measure: "passengers", column: "PASSENGER_COUNT", width: 100 },
  { measure: "power_kw", column: "POWER_DRAW_KW", width: 200 },
  { measure: "speed_kmh", column: "SPEED_KMH", width: 5 },
] as const;
const MAX_BINS = 200;
/** Trains whose speed is shown, each as a strip. Their points are fewer than those of a chart. */
const MAX_STRIPS = 48;
const STRIP_SHARE = 2;

export async function distributions(
  filter: z.infer<typeof chosenIn>,
  context: PanelContext,
): Promise<TrainDistributions> {
  const span = await spanIn(filter, context, DOMAIN);
  const records = await recordsIn(span, filter, context);
  const where = all(within("TIMESTAMP", span), chosenTrains(filter), evenly(records));
  const source =
    `SELECT TIMESTAMP, TRAIN_ID, PASSENGER_COUNT, POWER_DRAW_KW, SPEED_KMH FROM ATS_TRANSFORMED WHERE ${where.sql}`;
  const counts = MEASURES.map(({ measure, column, width }) =>
    `SELECT '${measure}' AS MEASURE, FLOOR(${column} / ${width}) * ${width} AS BIN, COUNT(*) AS RECORDS FROM S GROUP BY 2`
  );
  const bins = await rowsOf(
    context,
    `WITH S AS (${source}) SELECT * FROM (${counts.join(" UNION ALL ")}) AS B ORDER BY MEASURE, BIN`,
    where.binds,
  );
  const bucket = bucketOf({ from: span.from, to: span.from + STRIP_SHARE * (span.to - span.from) }, MINUTE_MS / 1000);
  const speeds = await rowsOf(
    context,
    `WITH S AS (${source}), T AS (SELECT DISTINCT TRAIN_ID FROM S ORDER BY TRAIN_ID LIMIT ${MAX_STRIPS})
     SELECT ${
      bucketSql("S.TIMESTAMP", bucket)
    } AS BUCKET_AT, LEFT(S.TRAIN_ID, 256) AS TRAIN_ID, AVG(S.SPEED_KMH) AS MEAN
     FROM S JOIN T ON T.TRAIN_ID = S.TRAIN_ID GROUP BY 1, 2 ORDER BY 2, 1`,
    where.binds,
  );
  return {
    ...span,
    records,
    looked_at: bins.reduce((sum, row) => row.measure === "passengers" ? sum + number(row.records) : sum, 0),
    bucket_s: bucket,
    histograms: MEASURES.map(({ measure, width }) => ({
      measure,
      width,
      bins: bins.filter((row) => row.measure === measure && row.bin !== null).slice(0, MAX_BINS)
        .map((row) => [number(row.bin), number(row.records)] as const),
    })),
    speeds: speeds.map((row) => ({
      at: number(row.bucket_at),
      train: String(row.train_id),
      mean: number(row.mean),
    })),
  };
}
