// A query's cells as JSON values. Must not know how the query ran.

import type { DuckDBType, DuckDBValue } from "@duckdb/node-api";
import { decimal, integer, readJson, timestamp } from "../json_cells.ts";
import type { Client } from "./client.ts";

/** Turns a cell of one column into a JSON value. */
export type CellReader = (value: DuckDBValue) => unknown;

/** What a DATE that is infinite has, above or below zero. */
const INFINITE_DAYS = 2 ** 31 - 1;

function hexadecimal(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Reads values of any type but JSON, which looks like VARCHAR here. */
function valueReader(client: Client): CellReader {
  const read: CellReader = (value) => {
    if (typeof value === "bigint") return integer(value);
    if (typeof value === "number") return Number.isFinite(value) ? value : null;
    if (value === null || typeof value !== "object") return value;
    if (value instanceof client.DuckDBTimestampTZValue) {
      return timestamp(new client.DuckDBTimestampValue(value.micros).toString());
    }
    if (value instanceof client.DuckDBTimestampValue) return timestamp(value.toString());
    if (value instanceof client.DuckDBDateValue && Math.abs(value.days) === INFINITE_DAYS) {
      return value.days > 0 ? "infinity" : "-infinity";
    }
    if (value instanceof client.DuckDBDecimalValue) return decimal(value.toString());
    if (value instanceof client.DuckDBBlobValue) return hexadecimal(value.bytes);
    if (value instanceof client.DuckDBListValue || value instanceof client.DuckDBArrayValue) {
      return value.items.map(read);
    }
    if (value instanceof client.DuckDBStructValue) {
      return Object.fromEntries(Object.entries(value.entries).map(([key, item]) => [key, read(item)]));
    }
    if (value instanceof client.DuckDBMapValue) {
      return Object.fromEntries(value.entries.map(({ key, value }) => [String(read(key)), read(value)]));
    }
    if (value instanceof client.DuckDBUnionValue) return read(value.value);
    return value.toString();
  };
  return read;
}

const isJson = (type: DuckDBType) => type.alias === "JSON";

export function cellReaders(types: readonly DuckDBType[], client: Client): readonly CellReader[] {
  const read = valueReader(client);
  return types.map((type) => isJson(type) ? (value) => typeof value === "string" ? readJson(value) : null : read);
}

/** A column's type under the name that scripts use for it. */
export function typeName(type: DuckDBType): string {
  if (isJson(type)) return "VARIANT";
  const name = type.toString();
  if (name === "TIMESTAMP") return "TIMESTAMP_NTZ";
  return name === "TIMESTAMP WITH TIME ZONE" ? "TIMESTAMP_LTZ" : name;
}
