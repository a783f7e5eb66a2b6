// What Snowflake says of itself. Must not know accounts.

import { snowflakeDialect, splitStatements } from "../sql/scripts.ts";
import type { WarehouseTraits } from "../warehouse.ts";

export const SNOWFLAKE: WarehouseTraits = {
  name: "snowflake",
  // Each one is paid for.
  checkpoints: { rows: 1_000, ms: 60_000, backlogRows: 50_000 },
  dialect: {
    integerIn: (column, field) => `${column}:"${field}"::BIGINT`,
    jsonText: (column) => `TO_JSON(${column})`,
  },
  // A question wakes the account's warehouse.
  freshness: { freshMs: 30_000, staleMs: 30_000, alertsMs: 30_000, isFree: false },
  runsRules: false,
  statementsIn: (text) => splitStatements(text, snowflakeDialect),
};
