// Rows as a query answers them, turned into rows as a writer takes them.
import { parseTimestamp } from "@freshet/stream";
import type { QueryResult, Row } from "../warehouse/warehouse.ts";

/** The rows of a result, ready to be written to a table with the same columns. */
export function writableRows({ columns, rows }: QueryResult): readonly Row[] {
  return rows.map((row) => Object.fromEntries(columns.map((column, i) => [column.name, cellOf(row[i], column)])));
}

/** From what a query answers to what a writer takes. */
function cellOf(value: unknown, { type }: QueryResult["columns"][number]): unknown {
  if (value === null || value === undefined) return null;
  if (/^(VARIANT|OBJECT|JSON)/.test(type)) return JSON.stringify(value);
  if (/^TIMESTAMP/.test(type)) return parseTimestamp(String(value));
  if (/^(BIGINT|INTEGER|NUMBER|DECIMAL|FIXED)/.test(type)) return Number(value);
  return value;
}
