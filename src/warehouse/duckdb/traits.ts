// What DuckDB says of itself. Must not know files.

import { duckDbDialect, splitStatements } from "../sql/scripts.ts";
import type { ExactForm, WarehouseTraits } from "../warehouse.ts";

export const DUCKDB: WarehouseTraits = {
  name: "duckdb",
  // Often, and under backlog by whole row groups, which go straight into the file.
  checkpoints: { rows: 10_000, ms: 1_000, backlogRows: 21_000, isShared: true },
  dialect: {
    integerIn: (column, field) => `CAST(${column}->>'${field}' AS BIGINT)`,
    jsonText: (column) => `CAST(${column} AS VARCHAR)`,
    exact: exactForm,
    rowOrder: "rowid",
  },
  freshness: { freshMs: 1_000, staleMs: 60_000, alertsMs: 100, isFree: true },
  runsRules: true,
  statementsIn: (text) => splitStatements(text, duckDbDialect),
};

function exactForm(sql: string, type: string): ExactForm {
  const text = `CAST(${sql} AS VARCHAR)`;
  // JSON is ordered as its text anyhow.
  if (type === "VARIANT") return { ordered: text, text, place: "CAST(? AS VARCHAR)" };
  const name = type === "TIMESTAMP_LTZ" ? "TIMESTAMP WITH TIME ZONE" : type;
  return { ordered: sql, text, place: `CAST(? AS ${name})` };
}
