// What the rules have in common: how records are read out of raw rows, what was late, and when two values are the same.
// Rules recompute from the raw rows without any of Freshet's code, for `doctor` and for tests. They run on DuckDB; every
// query gives the rows that break a rule, and none must come back.

import { type OlderField, type OlderFields, RECORD_TIME, SECONDS_BELOW } from "../domains/older_form.ts";

/** Queries by what must hold. */
export type Rules = Readonly<Record<string, string>>;

/** Settings of the domains by name, as read. */
export type Settings = Readonly<Record<string, unknown>>;

/** Partition and offset, as the columns `P` and `O`, of a raw table's metadata column. */
export const position = (metadata: string) =>
  `CAST(${metadata}->>'partition' AS BIGINT) AS P, CAST(${metadata}->>'offset' AS BIGINT) AS O`;

/**
 * Fields of a JSON column. They are read together: each call of a JSON function reads the whole text again, and keeps
 * megabytes for it, of which a query has few.
 */
export class Fields {
  private readonly paths: readonly string[];

  /** `paths` are names, of inner objects with a point between them; `older` says how else a field may be said. */
  constructor(private readonly content: string, paths: readonly string[], private readonly older: OlderFields = {}) {
    const others = paths.flatMap((path) => older[path]?.from ?? []);
    this.paths = [...paths, ...others.filter((path) => !paths.includes(path))];
  }

  /** Column of the record's metadata, which stands beside that of its content. */
  get metadata(): string {
    return this.content.replace(/CONTENT$/, "METADATA");
  }

  /** The table with the fields read. */
  from(table: string): string {
    const paths = `[${this.paths.map((path) => `'$.${path}'`).join(", ")}]`;
    return `(SELECT *, JSON_EXTRACT_STRING(${this.content}, ${paths}) AS SAID, JSON_TYPE(${this.content}, ${paths}) AS KINDS
      FROM ${table})`;
  }

  /** Where a field is in the lists of {@link from}. */
  at(path: string): number {
    const index = this.paths.indexOf(path);
    if (index < 0) throw new Error(`The field ${path} is not read`);
    return index + 1;
  }

  /** How else a field may be said. */
  olderOf(path: string): OlderField {
    return this.older[path] ?? {};
  }
}

/** A field as text, wherever the record says it. */
export function text(fields: Fields, path: string): string {
  const { text, words, missing } = fields.olderOf(path);
  let sql = said(fields, path);
  if (text) {
    sql = `CASE WHEN ${
      isText(fields, path)
    } THEN ${sql} ELSE CAST(CAST(CAST(${sql} AS DOUBLE) AS BIGINT) AS VARCHAR) END`;
  }
  if (words) {
    const cases = Object.entries(words).map(([word, meant]) => `WHEN '${word}' THEN '${meant}'`);
    sql = `CASE ${sql} ${cases.join(" ")} ELSE ${sql} END`;
  }
  return typeof missing === "string" ? `COALESCE(${sql}, '${missing}')` : sql;
}

/** What stands in the first place where a field may be, as text. */
const said = (fields: Fields, path: string) => firstOf(fields, path, (at) => `SAID[${at}]`);

/** Whether a field is a text, and not a number. */
export const isText = (fields: Fields, path: string) =>
  `${firstOf(fields, path, (at) => `NULLIF(KINDS[${at}], 'NULL')`)} = 'VARCHAR'`;

function firstOf(fields: Fields, path: string, read: (at: number) => string): string {
  const { from } = fields.olderOf(path);
  return from === undefined ? read(fields.at(path)) : `COALESCE(${read(fields.at(path))}, ${read(fields.at(from))})`;
}

/** A field as a double, however its number is written. */
export const double = (fields: Fields, path: string) => `CAST(${text(fields, path)} AS DOUBLE)`;

/** A field that is a whole number, which JSON may also write as `1e2` or `1.0`. */
export const whole = (fields: Fields, path: string) => `CAST(${double(fields, path)} AS BIGINT)`;

/** An identifier that is text or a whole number, as text. */
export const identifier = (fields: Fields, path: string) =>
  `CASE WHEN ${isText(fields, path)} THEN ${text(fields, path)} ` +
  `ELSE CAST(${whole(fields, path)} AS VARCHAR) END`;

/** The value of a setting that is a number, for SQL. */
export function number(settings: Settings, name: string): string {
  const value = settings[name];
  if (typeof value !== "number" || !Number.isFinite(value)) throw new Error(`The setting ${name} is not a number`);
  return String(value);
}

/** Seconds, which may be a fraction, as an interval. */
export const seconds = (amount: string) => `TO_MICROSECONDS(CAST(ROUND(${amount} * 1e6) AS BIGINT))`;

/**
 * The event time that a field says, to the microsecond: a text of ISO 8601, where an offset is taken off and none means UTC,
 * or a number of epoch milliseconds, or seconds where it may be in an older form. `NULL` when it is none of these.
 */
export function eventTime(fields: Fields, path: string): string {
  const { seconds, missing } = fields.olderOf(path);
  const time = toldTime(said(fields, path), isText(fields, path), seconds === true);
  return missing === RECORD_TIME ? `COALESCE(${time}, ${recordTime(fields)})` : time;
}

/** When the log says that the record was written. */
const recordTime = ({ metadata }: Fields) => `MAKE_TIMESTAMP(CAST(${metadata}->>'CreateTime' AS BIGINT) * 1000)`;

function toldTime(said: string, isText: string, mayBeSeconds: boolean): string {
  const clock = `UPPER(REPLACE(SUBSTR(${said}, 12), ',', '.'))`;
  const zone = `REGEXP_EXTRACT(${clock}, '[-+][0-9][0-9](:?[0-9][0-9])?$')`;
  const minutes = `CASE WHEN ${zone}[1] = '-' THEN -1 ELSE 1 END * (CAST(${zone}[2:3] AS INTEGER) * 60 ` +
    `+ CASE WHEN LENGTH(${zone}) > 3 THEN CAST(${zone}[-2:] AS INTEGER) ELSE 0 END)`;
  return `CASE
      ${
    mayBeSeconds
      ? `WHEN NOT ${isText} AND CAST(${said} AS DOUBLE) < ${SECONDS_BELOW}
        THEN MAKE_TIMESTAMP(CAST(ROUND(CAST(${said} AS DOUBLE) * 1e6) AS BIGINT))`
      : ""
  }
      WHEN NOT ${isText} THEN MAKE_TIMESTAMP(CAST(FLOOR(CAST(${said} AS DOUBLE) * 1000) AS BIGINT))
      ELSE TRY_CAST(
        LEFT(${said}, 10) || CASE WHEN LENGTH(${said}) > 10 THEN ' ' ELSE '' END ||
          REGEXP_REPLACE(${clock}, '(Z|[-+][0-9][0-9](:?[0-9][0-9])?)$', '') AS TIMESTAMP
      ) - CASE WHEN ${zone} = '' THEN INTERVAL 0 MINUTE ELSE TO_MINUTES(${minutes}) END
    END`;
}

/** The rows of `events` (with `P` and `O`) that were not too late for an operator of which each is in one window. */
export const onTime = (operator: string, events = "EVENTS") =>
  `${events} ANTI JOIN (SELECT KAFKA_PARTITION AS P, KAFKA_OFFSET AS O FROM LATE_RECORDS WHERE OPERATOR = '${operator}') USING (P, O)`;

/**
 * The rows of `events` with `MISSED_UP_TO`: a record that is in several windows missed those that end at it or before, none
 * where it is `NULL`. A late record that does not say which windows it missed is in none.
 */
export const withMissed = (operator: string, events: string) =>
  `(SELECT E.*, L.MISSED_UP_TO FROM ${events} AS E LEFT JOIN (
      SELECT KAFKA_PARTITION AS P, KAFKA_OFFSET AS O, COALESCE(WINDOW_END, TIMESTAMP 'infinity') AS MISSED_UP_TO
      FROM LATE_RECORDS WHERE OPERATOR = '${operator}'
    ) AS L ON L.P = E.P AND L.O = E.O
    WHERE L.MISSED_UP_TO IS DISTINCT FROM TIMESTAMP 'infinity')`;

/** Whether a record counts in the window that ends at `end`, see {@link withMissed}. */
export const countsIn = (end: string) => `(MISSED_UP_TO IS NULL OR ${end} > MISSED_UP_TO)`;

/**
 * Up to where each partition's windows of an operator are closed, for its domain's topic: columns `P` and `UP_TO`, which is
 * `NULL` while nothing is. That is the watermark, or what the operator has closed where that is further.
 */
export function passed(domain: { readonly name: string; readonly topic: string }, operator: string): string {
  const place = `DOMAIN = '${domain.name}' AND TOPIC = '${domain.topic}'`;
  return `(SELECT F.KAFKA_PARTITION AS P, GREATEST(F.WATERMARK, C.CLOSED_UP_TO) AS UP_TO
      FROM (FROM FRESHET_OFFSETS WHERE ${place}) AS F
      LEFT JOIN (FROM FRESHET_CLOSED WHERE ${place} AND OPERATOR = '${operator}') AS C USING (KAFKA_PARTITION))`;
}

/** {@link passed} under the name and the columns that the Dynamic Tables' SELECTs read. */
export const watermarks = (table: string, domain: Parameters<typeof passed>[0], operator: string) =>
  `${table} AS (SELECT P AS KAFKA_PARTITION, UP_TO AS WATERMARK FROM ${passed(domain, operator)})`;

/**
 * Events as rows of a typed table, for the Dynamic Tables' SELECTs: `columns` says what each is of `from`. When they were
 * received is compared nowhere.
 */
export const typedRows = (table: string, columns: Readonly<Record<string, string>>, from: string) =>
  `${table} AS (SELECT ${Object.entries(columns).map(([column, sql]) => `${sql} AS "${column}"`).join(", ")},
      CAST(NULL AS TIMESTAMP) AS RECEIVED_AT FROM ${from})`;

/** Whether two numbers are the same, or both are missing; `within` is how far they may be apart, where the promise says so. */
export const same = (a: string, b: string, within = "0") =>
  `(${a} IS NOT DISTINCT FROM ${b} OR COALESCE(ABS(${a} - ${b}) <= COALESCE(${within}, 0), FALSE))`;

/** Whether any of the pairs is not the same, NULL being the same as NULL. */
export const differs = (pairs: Readonly<Record<string, string>>) =>
  `(${Object.entries(pairs).map(([a, b]) => `${a} IS DISTINCT FROM ${b}`).join(" OR ")})`;

/** The rows that are in one of two tables and not in the other, each as often as it is there; only of these columns. */
export const differingIn = (columns: readonly string[], expected: string, actual: string) =>
  differing(`(SELECT ${columns.join(", ")} FROM ${expected})`, `(SELECT ${columns.join(", ")} FROM ${actual})`);

/** The rows that are in one of two tables and not in the other, each as often as it is there. */
export const differing = (expected: string, actual: string) =>
  `(SELECT 'missing' AS WHAT, * FROM (FROM ${expected} EXCEPT ALL FROM ${actual}))
   UNION ALL (SELECT 'extra', * FROM (FROM ${actual} EXCEPT ALL FROM ${expected}))`;
