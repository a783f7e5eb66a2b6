// A query's cells as JSON values. Must not know how the query ran.

import type { DuckDBType, DuckDBValue } from "@duckdb/node-api";
import type { Client } from "./database.ts";

/** Turns a cell of one column into a JSON value. */
export type CellReader = (value: DuckDBValue) => unknown;

/** Integers that a double cannot hold may stand in JSON text only from this many digits on. */
const LONG_INTEGER = /\d{16}/;
/** Nesting at which reading and writing JSON begins to endanger the stack. */
const MAX_DEPTH = 500;

function isDeep(text: string): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === 0x5b || char === 0x7b) {
      if (++depth > MAX_DEPTH) return true;
    } else if (char === 0x5d || char === 0x7d) depth--;
  }
  return false;
}

/** Keeps integers that a double cannot hold as text. */
function exact(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value) && context?.source
    ? context.source
    : value;
}

/** JSON text parsed; as it is where it cannot be parsed, or is nested too deeply to be handed on. */
export function readJson(text: string): unknown {
  if (text.length > MAX_DEPTH && isDeep(text)) return text;
  try {
    return LONG_INTEGER.test(text) ? JSON.parse(text, exact) : JSON.parse(text);
  } catch {
    return text;
  }
}

function integer(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

/** As a number up to the 15 digits that a double surely keeps, else as text. */
function decimal(text: string): number | string {
  return text.replace(/^-?0*\.?0*|\./g, "").length <= 15 ? Number(text) : text;
}

/** `YYYY-MM-DD HH:MM:SS`, and a fraction of 3 or 6 digits where there is one. */
function timestamp(text: string): string {
  return text.replace(/\.(\d+)$/, (_, digits: string) => `.${digits.padEnd(digits.length <= 3 ? 3 : 6, "0")}`);
}

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
