// What Snowflake says of itself. Must not know accounts.

import { TABLE_DROPPED } from "../sql/dropped.ts";
import { snowflakeDialect, splitStatements } from "../sql/scripts.ts";
import type { WarehouseTraits } from "../warehouse.ts";

/** What to do about a table that was dropped. https://docs.snowflake.com/en/sql-reference/sql/undrop-table */
export const SNOWFLAKE_TABLE_DROPPED =
  `${TABLE_DROPPED}. Within its time of retention, a day where nothing else was set, ` +
  "UNDROP TABLE <name> brings it back with its rows";

export const SNOWFLAKE: WarehouseTraits = {
  name: "snowflake",
  // Each one is paid for, and each waking of the warehouse with a minute at least.
  checkpoints: { rows: 1_000, ms: 60_000, backlogRows: 50_000, onTicks: true },
  dialect: {
    integerIn: (column, field) => `${column}:"${field}"::BIGINT`,
    jsonText: (column) => `TO_JSON(${column})`,
  },
  // A question wakes the account's warehouse.
  freshness: { freshMs: 30_000, staleMs: 30_000, alertsMs: 30_000, isFree: false },
  runsRules: false,
  statementsIn: (text) => splitStatements(text, snowflakeDialect),
};
