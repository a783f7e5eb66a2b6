// Which trains and lines a panel is about, and how many records that are.
import { z } from "zod";
import {
  all,
  type Condition,
  HOUR_MS,
  number,
  oneOf,
  type PanelContext,
  rowsOf,
  several,
  type Span,
  timeFilter,
  wholeBuckets,
  within,
} from "../../panels/mod.ts";

export const DOMAIN = "trains";

export const chosen = z.object({ train: several, line: several });
export const chosenIn = timeFilter.extend(chosen.shape);
export type Chosen = z.infer<typeof chosen>;

/** The trains and lines chosen, for tables that have both columns. */
export function chosenTrains({ train, line }: Chosen): Condition {
  return all(oneOf("TRAIN_ID", train), oneOf("LINE", line));
}

/** The same for ATS_HOURLY_STATS, which has no line. */
export function chosenHourly({ train, line }: Chosen): Condition {
  const lines = oneOf("LINE", line);
  return all(
    oneOf("TRAIN_ID", train),
    line.length === 0
      ? lines
      : { sql: `TRAIN_ID IN (SELECT TRAIN_ID FROM ATS_LATEST_STATUS WHERE ${lines.sql})`, binds: lines.binds },
  );
}

/** Records in the span by the hourly statistics: whole hours, so a few more than there are. */
export async function recordsIn(span: Span, filter: Chosen, context: PanelContext): Promise<number> {
  const where = all(within("WINDOW_START", wholeBuckets(span, HOUR_MS / 1000)), chosenHourly(filter));
  const [row] = await rowsOf(
    context,
    `SELECT SUM(EVENT_COUNT) AS RECORDS FROM ATS_HOURLY_STATS WHERE ${where.sql}`,
    where.binds,
  );
  return number(row?.records);
}
