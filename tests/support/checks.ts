// The rules that tables must keep (see src/checks), as tests ask for them.

import { generalRules, ownRules } from "../../src/checks/mod.ts";
import { position, type Rules } from "../../src/checks/rules.ts";
import { type Domain, outputsOf } from "../../src/domains/domain.ts";
import type { Warehouse } from "../../src/warehouse/warehouse.ts";
import { defaultSettings, domainOf } from "./domains.ts";

export type { Rules };

/** The rules of a domain with its default settings, and that every offset is there once, none missing. */
export function checksOf(name: string): Rules {
  const domain = domainOf(name);
  return { ...everyOffsetOnce(domain), ...generalRules(domain), ...ownRules(domain, defaultSettings()) };
}

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
  const outputs = outputsOf({ tables }).map(({ name }) => name);
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
