// A query's cells as JSON values. Must not know how the query ran.

import { decimal, integer, readJson, timestamp } from "../json_cells.ts";
import type { ResultColumn } from "./driver.ts";

/** Turns a cell of one column, as the driver hands it out, into a JSON value. */
export type CellReader = (value: unknown) => unknown;

/** The driver's dates know more than milliseconds. */
interface DriverDate extends Date {
  getNanoSeconds(): number;
}

/** `YYYY-MM-DD HH:MM:SS`, and microseconds where there are any, in UTC. */
function dateText(value: DriverDate): string {
  const seconds = value.toISOString().replace("T", " ").replace(/(\.\d+)?Z$/, "");
  const micros = Math.floor(value.getNanoSeconds() / 1000);
  if (micros === 0) return seconds;
  return timestamp(`${seconds}.${String(micros).padStart(6, "0").replace(/0+$/, "")}`);
}

function real(text: string): number | null {
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}

function readerOf({ type, scale }: ResultColumn): CellReader {
  switch (type) {
    case "fixed":
      return (value) => scale > 0 ? decimal(String(value)) : integer(String(value));
    case "real":
      return (value) => real(String(value));
    case "date":
      return (value) => (value as Date).toISOString().slice(0, 10);
    case "timestamp_ntz":
    case "timestamp_ltz":
    case "timestamp_tz":
      return (value) => dateText(value as DriverDate);
    case "variant":
    case "object":
    case "array":
      return (value) => typeof value === "string" ? readJson(value) : value;
    case "binary":
      return (value) => Array.from(value as Uint8Array, (byte) => byte.toString(16).padStart(2, "0")).join("");
    default:
      return (value) => value;
  }
}

export function cellReaders(columns: readonly ResultColumn[]): readonly CellReader[] {
  return columns.map((column) => {
    const read = readerOf(column);
    return (value) => value === null || value === undefined ? null : read(value);
  });
}

/** A column's type under the name that scripts use for it. */
export function typeName({ type, precision, scale }: ResultColumn): string {
  switch (type) {
    case "fixed":
      return scale > 0 ? `DECIMAL(${precision},${scale})` : "BIGINT";
    case "real":
      return "DOUBLE";
    case "text":
      return "VARCHAR";
    default:
      return type.toUpperCase();
  }
}
