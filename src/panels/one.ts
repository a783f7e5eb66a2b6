// What there is about one thing of a domain: a train, a zone, a product, a user. Its newest records, with where in the log they lie.
import { z } from "zod";
import type { Rows, Span } from "./answers.ts";
import { type Ask, type Condition, timeFilter, within } from "./panel.ts";

/** One thing by its id, in a stretch of time. */
export const oneFilter = timeFilter.extend({ id: z.string().min(1).max(10_000) });

export type OneFilter = z.infer<typeof oneFilter>;

const MAX_RECORDS = 100;

export interface RecordTable {
  readonly table: string;
  /** SQL of the columns that are shown. */
  readonly columns: string;
  /** Column of the event time, the newest of which come first. */
  readonly time: string;
}

/** The newest records of a thing in a stretch of time. */
export async function newestRecords(
  { table, columns, time }: RecordTable,
  span: Span,
  { where, ask }: { readonly where: Condition; readonly ask: Ask },
): Promise<Rows> {
  const stretch = within(time, span);
  return await ask(
    `SELECT ${columns} FROM ${table} WHERE ${where.sql} AND ${stretch.sql} ORDER BY ${time} DESC, KAFKA_OFFSET DESC`,
    { binds: [...where.binds, ...stretch.binds], maxRows: MAX_RECORDS },
  );
}

/** The thing, by the SQL of its id. */
export function isOne(column: string, { id }: OneFilter): Condition {
  return { sql: `${column} = ?`, binds: [id] };
}
