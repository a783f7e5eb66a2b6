// Where the trains are and were lately: the panel behind their map.
import {
  all,
  type Condition,
  dataNow,
  MINUTE_MS,
  number,
  numberOrNull,
  type PanelContext,
  rowsOf,
  text,
  timestampText,
  within,
} from "../../panels/mod.ts";
import type { TrainTrails } from "./answers.ts";
import { DOMAIN } from "./chosen.ts";

const MINUTES = 15;
const STEP_S = 30;
const MAX_TRAINS = 300;
/** Reports of these minutes that are looked at; of more, as many are chosen evenly. */
const MAX_REPORTS = 100_000;

type Train = TrainTrails["trains"][number];

/** The trains that `chosen` is true of and that have reported lately. */
export async function trails(chosen: Condition, context: PanelContext): Promise<TrainTrails> {
  const now = await dataNow(context, DOMAIN) ?? 0;
  const span = { from: now + 1 - MINUTES * MINUTE_MS, to: now + 1 };
  const reported = { sql: "TIMESTAMP >= CAST(? AS TIMESTAMP_NTZ)", binds: [timestampText(span.from)] };
  const placed = { sql: "LATITUDE IS NOT NULL AND LONGITUDE IS NOT NULL", binds: [] };
  const where = all(chosen, reported, placed);
  const trains = await rowsOf(
    context,
    `SELECT * FROM ATS_LATEST_STATUS WHERE ${where.sql} ORDER BY TRAIN_ID LIMIT ${MAX_TRAINS}`,
    where.binds,
  );
  const before = all(chosen, within("TIMESTAMP", span), placed);
  const points = await rowsOf(
    context,
    `WITH N AS (SELECT COUNT(*) AS REPORTS FROM ATS_TRANSFORMED WHERE ${before.sql})
     SELECT TRAIN_ID, FLOOR(DATEDIFF('second', TIMESTAMP, CAST(? AS TIMESTAMP_NTZ)) / ${STEP_S}) AS AGE,
       AVG(LATITUDE) AS LATITUDE, AVG(LONGITUDE) AS LONGITUDE
     FROM ATS_TRANSFORMED CROSS JOIN N WHERE ${before.sql}
       AND MOD(KAFKA_OFFSET * 40503, 65536) * REPORTS < 65536.0 * ${MAX_REPORTS}
     GROUP BY 1, 2 ORDER BY 1, 2 DESC`,
    [...before.binds, timestampText(now), ...before.binds],
  );
  const byTrain = Map.groupBy(points, ({ train_id }) => String(train_id));
  return {
    minutes: MINUTES,
    trains: trains.map((row): Train => ({
      id: String(row.train_id),
      line: text(row.line),
      passengers: number(row.passenger_count),
      capacity: numberOrNull(row.capacity),
      power_kw: number(row.power_draw_kw),
      is_overcrowded: row.is_overcrowded === true,
      is_high_power_draw: row.is_high_power_draw === true,
      trail: [...byTrain.get(String(row.train_id)) ?? [], row]
        .map(({ latitude, longitude }) => [Number(latitude), Number(longitude)] as const),
    })),
  };
}
