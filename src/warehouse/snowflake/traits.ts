// What Snowflake says of itself. Must not know accounts.

import { TABLE_DROPPED } from "../sql/dropped.ts";
import { snowflakeDialect, splitStatements } from "../sql/scripts.ts";
import type { ExactForm, WarehouseTraits } from "../warehouse.ts";

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
    exact: exactForm,
  },
  // A question wakes the account's warehouse.
  freshness: { freshMs: 30_000, staleMs: 30_000, alertsMs: 30_000, isFree: false },
  runsRules: false,
  statementsIn: (text) => splitStatements(text, snowflakeDialect),
};

/** Whatever the session's formats are. */
function exactForm(sql: string, type: string): ExactForm {
  const text = `CAST(${sql} AS VARCHAR)`;
  if (type === "VARIANT" || type === "OBJECT" || type === "ARRAY") {
    const json = `TO_JSON(${sql})`;
    return { ordered: json, text: json, place: "?" };
  }
  if (type.startsWith("TIMESTAMP")) {
    const kind = type === "TIMESTAMP_NTZ" ? "NTZ" : "LTZ";
    return {
      ordered: sql,
      text: `CAST(DATE_PART(EPOCH_NANOSECOND, ${sql}) AS VARCHAR)`,
      place: `TO_TIMESTAMP_${kind}(CAST(? AS NUMBER(38,0)), 9)`,
    };
  }
  if (type === "DATE") return { ordered: sql, text: `TO_CHAR(${sql}, 'YYYY-MM-DD')`, place: "CAST(? AS DATE)" };
  // Nothing says that the text of a double has all its digits: ordered by what it has, it has them all.
  if (type === "DOUBLE") return { ordered: `CAST(${text} AS DOUBLE)`, text, place: "CAST(? AS DOUBLE)" };
  return { ordered: sql, text, place: `CAST(? AS ${type})` };
}
