// Rules that tables must keep, as SQL of their own: every query gives the rows that break a rule, and none must come back.
// They recompute from the raw rows without any of Freshet's code, for `doctor` and for tests. They run on DuckDB.

/** Queries by what must hold. */
export type Rules = Readonly<Record<string, string>>;

/** Settings of the domains by name, as read. */
export type Settings = Readonly<Record<string, unknown>>;

/** Partition and offset, as the columns `P` and `O`, of a raw table's metadata column. */
export const position = (metadata: string) =>
  `CAST(${metadata}->>'partition' AS BIGINT) AS P, CAST(${metadata}->>'offset' AS BIGINT) AS O`;

/** The rows of `EVENTS` (with `P` and `O`) that were not too late for an operator. */
export const onTime = (operator: string) =>
  `EVENTS ANTI JOIN (SELECT KAFKA_PARTITION AS P, KAFKA_OFFSET AS O FROM LATE_RECORDS WHERE OPERATOR = '${operator}') USING (P, O)`;

/** Whether two numbers are the same but for rounding. */
export const near = (a: string, b: string) => `ABS(${a} - ${b}) <= 1e-12 * GREATEST(ABS(${a}), ABS(${b}), 1e-300)`;

/** The rows that are in one of two tables and not in the other, each as often as it is there. */
export const differing = (expected: string, actual: string) =>
  `(SELECT 'missing' AS WHAT, * FROM (FROM ${expected} EXCEPT ALL FROM ${actual}))
   UNION ALL (SELECT 'extra', * FROM (FROM ${actual} EXCEPT ALL FROM ${expected}))`;

/** The value of a setting that is a number, for SQL. */
export function number(settings: Settings, name: string): string {
  const value = settings[name];
  if (typeof value !== "number" || !Number.isFinite(value)) throw new Error(`The setting ${name} is not a number`);
  return String(value);
}

/** Seconds, which may be a fraction, as an interval. */
export const seconds = (amount: string) => `TO_MICROSECONDS(CAST(ROUND(${amount} * 1e6) AS BIGINT))`;

/**
 * The event time that a text says: ISO 8601, where an offset is taken off and none means UTC, or a number of epoch
 * milliseconds; `NULL` when it is none of these.
 */
export function eventTime(text: string): string {
  const clock = `UPPER(REPLACE(SUBSTR(${text}, 12), ',', '.'))`;
  const zone = `REGEXP_EXTRACT(${clock}, '[-+][0-9][0-9](:?[0-9][0-9])?$')`;
  const minutes = `CASE WHEN ${zone}[1] = '-' THEN -1 ELSE 1 END * (CAST(${zone}[2:3] AS INTEGER) * 60 ` +
    `+ CASE WHEN LENGTH(${zone}) > 3 THEN CAST(${zone}[-2:] AS INTEGER) ELSE 0 END)`;
  return `CASE
      WHEN REGEXP_FULL_MATCH(${text}, '[0-9]+([.][0-9]+)?')
        THEN MAKE_TIMESTAMP(CAST(FLOOR(CAST(${text} AS DOUBLE) * 1000) AS BIGINT))
      ELSE TRY_CAST(
        LEFT(${text}, 10) || CASE WHEN LENGTH(${text}) > 10 THEN ' ' ELSE '' END ||
          REGEXP_REPLACE(${clock}, '(Z|[-+][0-9][0-9](:?[0-9][0-9])?)$', '') AS TIMESTAMP
      ) - CASE WHEN ${zone} = '' THEN INTERVAL 0 MINUTE ELSE TO_MINUTES(${minutes}) END
    END`;
}
