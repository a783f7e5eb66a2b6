// Rules that tables must keep, as SQL of their own, without any of Freshet's code: every query gives the rows that break a
// rule, and none must come back. What the domains' `<domain>_checks.ts` share; they run on DuckDB.

import type { Domain } from "../../src/domains/domain.ts";
import { StateBackend, Stream } from "../../src/stream/mod.ts";
import type { Warehouse } from "../../src/warehouse/warehouse.ts";

/** Rules by name. */
export type Rules = Readonly<Record<string, string>>;

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

/** Every offset of the domain's topic is in its raw table or in DEAD_LETTERS, once. */
export function everyOffsetOnce({ name, raw }: Pick<Domain, "name" | "raw">): Rules {
  return {
    "every offset is in the raw table or a dead letter, once": `
      WITH SEEN AS (
        SELECT ${position(raw.metadata)} FROM ${raw.table}
        UNION ALL SELECT KAFKA_PARTITION, KAFKA_OFFSET FROM DEAD_LETTERS WHERE DOMAIN = '${name}'
      ),
      COUNTED AS (SELECT P, COUNT(*) AS N, COUNT(DISTINCT O) AS D, MIN(O) AS LOW, MAX(O) AS HIGH FROM SEEN GROUP BY P),
      OFFSETS AS (SELECT * FROM FRESHET_OFFSETS WHERE DOMAIN = '${name}' AND NEXT_OFFSET > 0)
      SELECT * FROM OFFSETS AS F FULL JOIN COUNTED AS C ON F.KAFKA_PARTITION = C.P
      WHERE NOT COALESCE(N = NEXT_OFFSET AND D = N AND LOW = 0 AND HIGH = NEXT_OFFSET - 1, FALSE)`,
  };
}

/** No table of the domain is empty: what is compared must be there. */
export function everyTableFilled({ tables, raw }: Domain): Rules {
  const outputs = tables(Stream.of({ state: new StateBackend(), allowedLatenessMs: 0 })).map(({ name }) => name);
  const filled = [raw.table, ...outputs].map((table) => [
    `${table} has rows`,
    `SELECT '${table}' AS EMPTY WHERE NOT EXISTS (FROM ${table})`,
  ]);
  return Object.fromEntries(filled);
}

/** Runs every check; rejects with the first rows that break a rule. */
export async function checkRules(warehouse: Warehouse, rules: Rules): Promise<void> {
  for (const [rule, sql] of Object.entries(rules)) {
    const { rows } = await warehouse.query(sql, { maxRows: 5, timeoutMs: 120_000 });
    if (rows.length > 0) throw new Error(`"${rule}" does not hold: ${JSON.stringify(rows)}`);
  }
}
