// Prints the rows of a query: an aligned table for people, JSON and CSV for programs.
import Table from "cli-table3";
import { stringify } from "csv-stringify/sync";
import type { QueryResult } from "../warehouse/warehouse.ts";

export type RowFormat = "table" | "json" | "csv";

const ROWS_AT_A_TIME = 1_000;

/** The result as text, in pieces, ending with a line break. */
export function* formatRows(result: QueryResult, format: RowFormat): Generator<string, void, undefined> {
  switch (format) {
    case "json":
      return yield* jsonRows(result);
    case "csv":
      return yield* csvRows(result);
    case "table":
      return yield tableRows(result);
  }
}

function* chunksOf<T>(items: readonly T[]): Generator<readonly T[], void, undefined> {
  for (let i = 0; i < items.length; i += ROWS_AT_A_TIME) yield items.slice(i, i + ROWS_AT_A_TIME);
}

/** One JSON array of objects, a row a line. VARIANT values are nested. */
function* jsonRows({ columns, rows }: QueryResult): Generator<string, void, undefined> {
  const line = (row: readonly unknown[]) =>
    JSON.stringify(Object.fromEntries(columns.map(({ name }, i) => [name, row[i] ?? null])));
  if (rows.length === 0) return yield "[]\n";
  let before = "[\n";
  for (const chunk of chunksOf(rows)) {
    yield before + chunk.map(line).join(",\n");
    before = ",\n";
  }
  yield "\n]\n";
}

/** RFC 4180: a header, commas, CRLF, quotes where needed. NULL is empty, VARIANT is JSON text. */
function* csvRows({ columns, rows }: QueryResult): Generator<string, void, undefined> {
  const text = (lines: readonly (readonly string[])[]) => stringify([...lines], { record_delimiter: "windows" });
  const cell = (value: unknown) => value === null || value === undefined ? "" : plainText(value);
  yield text([columns.map(({ name }) => name)]);
  for (const chunk of chunksOf(rows)) yield text(chunk.map((row) => columns.map((_, i) => cell(row[i]))));
}

const MAX_CELL = 60;
const BORDERLESS = {
  "top": "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  "bottom": "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  "left": "",
  "left-mid": "",
  "mid": "─",
  "mid-mid": "──",
  "right": "",
  "right-mid": "",
  "middle": "  ",
};

function tableRows({ columns, rows }: QueryResult): string {
  return textTable(
    columns.map(({ name }) => name),
    rows.map((row) => columns.map((_, i) => row[i] ?? null)),
    columns.map(({ type }) => isNumber(type)),
  );
}

/** An aligned table; long cells are cut, control characters made visible. `right` says which columns are numbers. */
export function textTable(
  head: readonly string[],
  rows: readonly (readonly unknown[])[],
  right: readonly boolean[] = [],
): string {
  const table = new Table({
    head: head.map(visible),
    colAligns: head.map((_, i) => right[i] ? "right" : "left"),
    chars: { ...BORDERLESS, ...(rows.length > 0 ? {} : { "mid": "" }) },
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0, compact: true },
  });
  table.push(...rows.map((row) => row.map((cell) => cut(visible(cell === null ? "NULL" : plainText(cell))))));
  return table.toString().split("\n").map((line) => line.trimEnd()).join("\n") + "\n";
}

function plainText(cell: unknown): string {
  return typeof cell === "string" ? cell : JSON.stringify(cell) ?? "";
}

function isNumber(type: string): boolean {
  return /INT|DOUBLE|DECIMAL|NUMBER|FLOAT|REAL|FIXED/i.test(type);
}

function cut(text: string): string {
  return text.length <= MAX_CELL ? text : `${text.slice(0, MAX_CELL - 1)}…`;
}

/** Data must not be able to move the terminal's cursor. */
function visible(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
