// What a domain shows on the dashboard: questions to its derived tables, each a panel, and the tables one may look into.
// Must not know HTTP.
import { z } from "zod";
import type { Bind, QueryResult } from "../warehouse/warehouse.ts";
import type { Alert, Span, Timeline } from "./answers.ts";

/** One row, by column name in lower case. */
export type RowObject = Readonly<Record<string, unknown>>;

export interface AskOptions {
  readonly binds?: readonly Bind[];
  /** What is more is left out. */
  readonly maxRows?: number;
  /** An answer that is larger is refused. */
  readonly maxBytes?: number;
}

/** Asks the warehouse. */
export type Ask = (sql: string, options?: AskOptions) => Promise<QueryResult>;

/** What a panel is asked with. */
export interface PanelContext {
  readonly ask: Ask;
  /** Settings of the domains by name. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** The domain that is asked about. */
  readonly domain: string;
  /** Where event time is, when that is known already: what several panels say is then about one moment. */
  readonly times?: DataTimes | null;
}

/** A question whose parameters are read: who asks with the same key asks the same. */
export interface Question<T> {
  readonly key: string;
  answer(context: PanelContext): Promise<T>;
}

/** One thing that is shown: reads the query parameters of a question, or says what is wrong with them. `T` is the answer. */
export interface Panel<T = unknown> {
  read(parameters: Readonly<Record<string, unknown>>): Question<T> | { readonly error: z.ZodError };
}

/** A table that may be looked into as it is. */
export interface OpenTable {
  readonly name: string;
  /**
   * Columns by which the newest rows come first; none when the table has nothing cheap to sort by. Together they tell rows
   * apart, but for those of raw tables.
   */
  readonly newest: readonly string[];
  /** Of raw tables the column of the record's metadata: its partition and offset tell rows apart. */
  readonly metadata?: string;
  /** Whether rows of it change without a checkpoint, too. */
  readonly changesAlone?: boolean;
}

/** What a domain shows. `A` says what each panel answers, by its name. */
export interface DomainPanels<A = Readonly<Record<string, unknown>>> {
  readonly panels: { readonly [N in keyof A]: Panel<A[N]> };
  /** The alerts, active first; absent where a domain has none. */
  readonly alerts?: (context: PanelContext) => Promise<readonly Alert[]>;
  readonly tables: readonly OpenTable[];
}

/** Ties a panel's filter to its answer. */
export function panel<F, T>(
  filter: z.ZodType<F>,
  answer: (filter: F, context: PanelContext) => Promise<T>,
): Panel<T> {
  return {
    read(parameters) {
      const { success, data, error } = filter.safeParse(parameters);
      return success ? { key: JSON.stringify(data), answer: (context) => answer(data, context) } : { error };
    },
  };
}

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

const MINUTE_S = 60;
const HOUR_S = 3600;
const DAY_S = 24 * HOUR_S;
const UNITS_S: Readonly<Record<string, number>> = { m: MINUTE_S, h: HOUR_S, d: DAY_S };

const moment = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));
const list = z.preprocess((value) => value === undefined ? [] : [value].flat(), z.array(z.string().max(256)).max(50));

/** Query parameters that stand for several values when they are repeated. */
export const several = list;

/** A time range: `range` up to the data's now, or `from` and `to`. */
export const timeFilter = z.object({
  range: z.string().regex(/^[1-9]\d{0,3}[mhd]$/).default("6h"),
  from: moment.optional(),
  to: moment.optional(),
  /** The same stretch that long before, to compare with. */
  back: z.enum(["1d", "7d"]).optional(),
});

export type TimeFilter = z.infer<typeof timeFilter>;

/** The span that the filter means when the newest event is at `now`, epoch milliseconds; the newest event is within it. */
export function spanOf({ range, from, to, back }: TimeFilter, now: number): Span {
  const shiftMs = back === undefined ? 0 : lengthOf(back);
  const end = to ?? now + 1;
  return { from: Math.min(from ?? end - lengthOf(range), end) - shiftMs, to: end - shiftMs };
}

/** Milliseconds of a length such as `6h`. */
function lengthOf(text: string): number {
  return Number(text.slice(0, -1)) * UNITS_S[text.at(-1)!]! * 1000;
}

const BUCKETS_S = [1, 2, 5, 10, 15, 30, 1, 2, 5, 10, 15, 30, 1, 2, 3, 6, 12, 24].map((n, i) =>
  n * (i < 6 ? 1 : i < 12 ? MINUTE_S : HOUR_S)
);
const MAX_POINTS = 150;

/** The shortest bucket, at least `leastS`, with which a span has no more points than a chart can show. Seconds. */
export function bucketOf({ from, to }: Span, leastS: number): number {
  const fitting = BUCKETS_S.find((bucket) => bucket >= leastS && (to - from) / 1000 / bucket <= MAX_POINTS);
  return fitting ?? DAY_S * Math.ceil((to - from) / 1000 / DAY_S / MAX_POINTS);
}

/** The span from the beginning of a bucket on: in a part of one something would be missing. `bucketS`: seconds. */
export function wholeBuckets({ from, to }: Span, bucketS: number): Span {
  return { from: Math.floor(from / (bucketS * 1000)) * bucketS * 1000, to };
}

/** The epoch seconds at which a timestamp's bucket starts, in SQL that both warehouses know. */
export function bucketSql(column: string, bucketS: number): string {
  return `FLOOR(DATEDIFF('second', CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ), ${column}) / ${bucketS}) * ${bucketS}`;
}

/** Series of a timeline that have their names. */
const NAMED = 7;

/** How values of several series are told as one. */
export type Combine = "SUM" | "AVG" | "MAX" | "MIN";

/**
 * SQL of a timeline: something counted over time and split, the greatest few by name, the others as one. `counted` is a SELECT
 * of BUCKET_AT (epoch seconds), SERIES (text) and VALUE; the answer has the same columns, with SERIES NULL for the others.
 */
export function topSeries(counted: string, combine: Combine = "SUM"): string {
  return `WITH COUNTED AS (${counted}),
    NAMED AS (SELECT SERIES FROM COUNTED WHERE SERIES IS NOT NULL GROUP BY SERIES ORDER BY ${combine}(VALUE) DESC, SERIES LIMIT ${NAMED})
    SELECT C.BUCKET_AT, LEFT(N.SERIES, 100) AS SERIES, ${combine}(C.VALUE) AS VALUE
    FROM COUNTED AS C LEFT JOIN NAMED AS N ON N.SERIES = C.SERIES
    GROUP BY C.BUCKET_AT, LEFT(N.SERIES, 100) ORDER BY C.BUCKET_AT, 2`;
}

/** The rows of a timeline as its points. */
export function pointsOf(rows: readonly RowObject[]): Timeline["points"] {
  return rows.map(({ bucket_at, series, value }) => ({
    at: Number(bucket_at),
    series: series === null ? null : String(series),
    value: Number(value),
  }));
}

/** A part of a WHERE clause with the values of its places. */
export interface Condition {
  readonly sql: string;
  readonly binds: readonly Bind[];
}

/** `column` between start and end. */
export function within(column: string, { from, to }: Span): Condition {
  const moment = "CAST(? AS TIMESTAMP_NTZ)";
  return { sql: `${column} >= ${moment} AND ${column} < ${moment}`, binds: [timestampText(from), timestampText(to)] };
}

/** Windows that last an hour from `column` on and have any of the span in them. */
export function hoursIn(column: string, { from, to }: Span): Condition {
  return within(column, { from: from - HOUR_MS + 1, to });
}

/** `column` is one of the values; always true when there are none. */
export function oneOf(column: string, values: readonly string[]): Condition {
  if (values.length === 0) return { sql: "TRUE", binds: [] };
  return { sql: `${column} IN (${values.map(() => "?").join(", ")})`, binds: values };
}

export function all(...conditions: readonly Condition[]): Condition {
  return {
    sql: conditions.map(({ sql }) => `(${sql})`).join(" AND "),
    binds: conditions.flatMap(({ binds }) => binds),
  };
}

/** Epoch milliseconds as the text of a TIMESTAMP_NTZ. */
export function timestampText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 23).replace("T", " ");
}

/** A TIMESTAMP_NTZ as a query answers it, as epoch milliseconds; `null` for NULL. */
export function timestampMs(value: unknown): number | null {
  return typeof value === "string" ? Date.parse(`${value.replace(" ", "T")}Z`) : null;
}

/** The rows of a result by column name in lower case. */
export function objects(result: QueryResult): readonly RowObject[] {
  const names = result.columns.map(({ name }) => name.toLowerCase());
  return result.rows.map((row) => Object.fromEntries(names.map((name, i) => [name, row[i] ?? null])));
}

/** The rows of an answer by column name in lower case. */
export async function rowsOf(
  { ask }: PanelContext,
  sql: string,
  binds: readonly Bind[] = [],
): Promise<readonly RowObject[]> {
  return objects(await ask(sql, { binds }));
}

/** A partition whose newest event is this much older than the newest of all holds nothing up. */
const SILENT_MINUTES = 30;

/** Where event time is in a domain, epoch milliseconds. */
export interface DataTimes {
  /** Of the newest event. */
  readonly now: number;
  /** Windows that end here or before are closed in all partitions that something comes from. */
  readonly closed: number;
}

/** By the offsets, a row for each partition that moves with the tables; `null` before the first event. */
export async function dataTimes(context: PanelContext, domain: string): Promise<DataTimes | null> {
  if (context.times !== undefined) return context.times;
  const [row] = await rowsOf(
    context,
    `SELECT N.NEWEST, MIN(O.WATERMARK) AS CLOSED
     FROM FRESHET_OFFSETS AS O
     CROSS JOIN (SELECT MAX(MAX_EVENT_TIME) AS NEWEST FROM FRESHET_OFFSETS WHERE DOMAIN = ?) AS N
     WHERE O.DOMAIN = ? AND DATEDIFF('minute', O.MAX_EVENT_TIME, N.NEWEST) <= ${SILENT_MINUTES} GROUP BY N.NEWEST`,
    [domain, domain],
  );
  const now = timestampMs(row?.newest);
  return now === null ? null : { now, closed: Math.min(now, timestampMs(row?.closed) ?? now) };
}

/** Event time of a domain's newest event, epoch milliseconds. */
export async function dataNow(context: PanelContext, domain: string): Promise<number | null> {
  return (await dataTimes(context, domain))?.now ?? null;
}

/** The span that a filter means in a domain, by its newest event. */
export async function spanIn(filter: TimeFilter, context: PanelContext, domain: string): Promise<Span> {
  return spanOf(filter, await dataNow(context, domain) ?? 0);
}

/** Text, `null` for NULL. */
export function text(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value);
}

/** A number, `null` for NULL. */
export function numberOrNull(value: unknown): number | null {
  return value === null || value === undefined ? null : Number(value);
}

/** A number, 0 for NULL: what SUM and COUNT give. */
export function number(value: unknown): number {
  return value === null || value === undefined ? 0 : Number(value);
}
