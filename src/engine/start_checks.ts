// What a domain wants looked at in the warehouse when it starts: warnings for people. Nothing here stops a run.

import type { Domain, StartCheck } from "../domains/domain.ts";
import type { Warehouse } from "../warehouse/warehouse.ts";
import type { Logger } from "./options.ts";

const TIMEOUT_MS = 10_000;

/** Runs the domain's start checks; a check that cannot be made is a warning too. */
export async function runStartChecks(domain: Domain, warehouse: Warehouse, logger: Logger): Promise<void> {
  for (const check of domain.startChecks ?? []) {
    try {
      const warning = await look(check, warehouse);
      if (warning) logger.warn("{warning}", { warning, domain: domain.name });
    } catch (error) {
      logger.warn("Cannot look at {table} before the start: {error}", {
        table: check.table,
        error: (error as Error).message,
        domain: domain.name,
      });
    }
  }
}

async function look({ table, sql, warning }: StartCheck, warehouse: Warehouse): Promise<string | undefined> {
  const name = table.toUpperCase().replaceAll("'", "''");
  const found = await warehouse.query(
    `SELECT COUNT(*) FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = CURRENT_SCHEMA() AND UPPER(TABLE_NAME) = '${name}'`,
    { timeoutMs: TIMEOUT_MS },
  );
  if (Number(found.rows[0]![0]) === 0) return undefined;
  const { rows: [row] } = await warehouse.query(sql, { maxRows: 1, timeoutMs: TIMEOUT_MS });
  return row && warning(row);
}
