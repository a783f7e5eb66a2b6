// Rows into statement parameters: one bound text per column, its cells joined by a separator, which DuckDB splits off the
// JavaScript thread. Measured on 14 columns: 3 to 10 times the rate of JSON arrays, and less time on this thread than the
// appender, which works on it. Must not know transactions or units.

import { Cells } from "../cells.ts";
import type { Parameter } from "./session.ts";

/** How a column's cells are written as text and read back in SQL. */
export type Encoding = "text" | "number" | "boolean" | "timestamp";

export interface Column {
  /** As rows name it: in upper case. */
  readonly name: string;
  /** As the catalog names its type. */
  readonly type: string;
  readonly encoding: Encoding;
}

/** Separates cells. JSON text cannot hold it unescaped, other text rarely does. */
const SEPARATOR = "\x1e";
/** Stands for NULL in a column that has some. */
const NULL = "\x1d";
const SEPARATOR_BYTE = 0x1e;
const NULL_BYTE = 0x1d;

/** A column with a text of so many characters is not packed: DuckDB would take it apart and look at it, in many times its size. */
const LONG_TEXT = 128 * 1024;

/** How the cells of a column were packed: decides the SQL that unpacks them. */
export type Packing = "split" | "split-nulls" | "json";

export interface PackedColumn {
  readonly column: Column;
  readonly packing: Packing;
  /** UTF-8, outside of the JavaScript heap: it may wait for its unit, and no garbage collector copies it meanwhile. */
  readonly bytes: Uint8Array;
}

/** A column with long texts, as they are. */
export interface LongColumn {
  readonly column: Column;
  readonly packing: "none";
  readonly texts: readonly (string | null)[];
  /** Of the texts, in characters. */
  readonly length: number;
}

/** What a statement puts into a column. */
export type Cargo = PackedColumn | LongColumn;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

const packedAs = (column: Column, packing: Packing, text: string): PackedColumn => (
  { column, packing, bytes: encoder.encode(text) }
);

export function columnOf(name: string, type: string): Column {
  return { name: name.toUpperCase(), type, encoding: encodingOf(type) };
}

function encodingOf(type: string): Encoding {
  if (/^TIMESTAMP/.test(type)) return "timestamp";
  if (type === "BOOLEAN") return "boolean";
  if (/^(DOUBLE|FLOAT|DECIMAL|U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?)\b/.test(type)) return "number";
  return "text";
}

/** A number as text that DuckDB reads back to the same bits; NULL when it is not finite. */
function numberText(value: number): string {
  if (value - value !== 0) return NULL;
  return value === 0 && 1 / value < 0 ? "-0.0" : "" + value;
}

/** Microseconds since the epoch as text. */
function microsText(value: number): string {
  return value - value !== 0 ? NULL : "" + Math.round(value * 1000);
}

/** A cell that is no string as text. */
function cellText(cell: unknown, { name, encoding }: Column): string {
  switch (typeof cell) {
    case "string":
      return cell;
    case "number":
      return encoding === "timestamp" ? microsText(cell) : numberText(cell);
    case "boolean":
    case "bigint":
      return String(cell);
    case "undefined":
      return NULL;
    default:
      if (cell === null) return NULL;
      throw new TypeError(`Column "${name}" cannot hold an object or function: give VARIANT cells as JSON text`);
  }
}

/** Whether joining the cells as they are writes each as {@link cellText} does, none of them NULL. */
function joinsAsIs(cells: readonly unknown[], { encoding }: Column): boolean {
  switch (encoding) {
    case "text":
      return cells.every((cell) => typeof cell === "string");
    case "number":
      return cells.every((cell) => typeof cell === "number" && cell - cell === 0 && !Object.is(cell, -0));
    case "boolean":
      return cells.every((cell) => typeof cell === "boolean");
    case "timestamp":
      return false;
  }
}

/** Whether splitting would give other cells than were joined. */
function ambiguous(text: string, cells: number): boolean {
  let separators = 0;
  for (let at = text.indexOf(SEPARATOR); at >= 0; at = text.indexOf(SEPARATOR, at + 1)) separators++;
  return separators !== cells - 1;
}

/** Each cell by itself. */
function textsOf(cells: readonly unknown[], column: Column): (string | null)[] {
  return cells.map((cell) => {
    if (typeof cell === "string") return cell.toWellFormed();
    const text = cellText(cell, column);
    return text === NULL ? null : text;
  });
}

/** Cells as a JSON array: for columns in which a cell holds a control separator. */
function packJson(cells: readonly unknown[], column: Column): PackedColumn {
  return packedAs(column, "json", JSON.stringify(textsOf(cells, column)));
}

/** Half of a surrogate pair, escaped: JSON to JavaScript, and not to DuckDB. Takes an escaped backslash before for one, too. */
const HALF_A_PAIR =
  /\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]/;

/** Whether DuckDB would take the text for JSON: a long one it need not look at then, which takes it up to 30 times its size. */
function isSurelyJson(text: string): boolean {
  try {
    JSON.parse(text);
  } catch {
    return false;
  }
  return !HALF_A_PAIR.test(text);
}

const isLong = (cell: unknown): boolean => typeof cell === "string" && cell.length >= LONG_TEXT;

/** The column where it has long texts, and nothing that DuckDB should look at. */
function longColumn(cells: readonly unknown[], column: Column): LongColumn | undefined {
  if (column.type !== "VARCHAR" && column.type !== "JSON") return undefined;
  if (!cells.some(isLong)) return undefined;
  const texts = textsOf(cells, column);
  if (column.type === "JSON" && !texts.every((text) => text === null || isSurelyJson(text))) return undefined;
  return { column, packing: "none", texts, length: texts.reduce((sum, text) => sum + (text?.length ?? 0), 0) };
}

/** The rows in another order: those with a long text last, so that few NULLs come after one. See `LargeRows`. */
export function longLast(columns: readonly Column[], cells: Cells): Cells {
  const texts = columns.filter(({ type }) => type === "VARCHAR").map(({ name }) => cells.column(name) ?? []);
  const long = new Set<number>();
  for (const column of texts) column.forEach((cell, row) => isLong(cell) && long.add(row));
  if (long.size === 0 || long.size === cells.length) return cells;
  const rows = Array.from({ length: cells.length }, (_, row) => row);
  const ordered = [...rows.filter((row) => !long.has(row)), ...rows.filter((row) => long.has(row))];
  return Cells.of(ordered.map((row) => cells.row(row)));
}

/** A column's cells for one statement. */
export function cargoOf(cells: readonly unknown[], column: Column): Cargo {
  return longColumn(cells, column) ?? packColumn(cells, column);
}

/** What the statement is given for it. */
export function parameterOf(cargo: Cargo): Parameter {
  return cargo.packing === "none" ? { ...cargo, type: cargo.column.type } : cargo.bytes;
}

/** About how many bytes. */
export function bytesOf(cargo: Cargo): number {
  return cargo.packing === "none" ? cargo.length : cargo.bytes.length;
}

/** A column's cells as one run of bytes. */
export function packColumn(cells: readonly unknown[], column: Column): PackedColumn {
  if (joinsAsIs(cells, column)) {
    const text = cells.join(SEPARATOR);
    if (column.encoding === "text" && ambiguous(text, cells.length)) return packJson(cells, column);
    return packedAs(column, "split", text);
  }
  const texts = cells.map((cell) => cellText(cell, column));
  const text = texts.join(SEPARATOR);
  const nulls = texts.includes(NULL);
  const holdsText = cells.some((cell) => typeof cell === "string");
  if (holdsText && (ambiguous(text, cells.length) || (nulls && cells.includes(NULL)))) return packJson(cells, column);
  return packedAs(column, nulls ? "split-nulls" : "split", text);
}

/** Several packings of one column, one after another, as one; `undefined` where that cannot be told apart again. */
export function joinPacked(parts: readonly PackedColumn[]): PackedColumn | undefined {
  const first = parts[0]!;
  if (parts.length === 1) return first;
  const nulls = parts.some(({ packing }) => packing === "split-nulls");
  for (const { packing, bytes } of parts) {
    if (packing === "json" || (nulls && packing === "split" && bytes.includes(NULL_BYTE))) return undefined;
  }
  const joined = new Uint8Array(parts.reduce((sum, { bytes }) => sum + bytes.length + 1, -1));
  let at = 0;
  for (const { bytes } of parts) {
    joined.set(bytes, at);
    at += bytes.length;
    if (at < joined.length) joined[at++] = SEPARATOR_BYTE;
  }
  return { column: first.column, packing: nulls ? "split-nulls" : "split", bytes: joined };
}

/** The cells of a packed column, each as its text or `null`. */
export function unpackColumn({ packing, bytes }: PackedColumn): (string | null)[] {
  const text = decoder.decode(bytes);
  if (packing === "json") return JSON.parse(text);
  const texts = text.split(SEPARATOR);
  return packing === "split" ? texts : texts.map((cell) => cell === NULL ? null : cell);
}

/** The SQL that turns parameter `index` (from 1) into rows of text, `chr(29)` among them where the packing says so. */
export function unpackSql({ packing }: Cargo, index: number): string {
  if (packing === "none") return `unnest($${index})`;
  return packing === "json"
    ? `unnest(from_json(decode($${index}), '["VARCHAR"]'))`
    : `unnest(string_split(decode($${index}), chr(30)))`;
}

/** The SQL that turns unpacked text into a cell. A level above `unnest`, which would run twice inside `nullif`. */
export function cellSql({ packing, column }: Cargo, unpacked: string): string {
  if (packing === "none") return unpacked;
  const text = packing === "split-nulls" ? `nullif(${unpacked}, chr(29))` : unpacked;
  switch (column.type) {
    case "VARCHAR":
      return text;
    case "TIMESTAMP":
      return `make_timestamp(${text}::BIGINT)`;
    case "TIMESTAMP WITH TIME ZONE":
      return `make_timestamptz(${text}::BIGINT)`;
    default:
      return `${text}::${column.type}`;
  }
}
