// Prints the rows of a query: an aligned table that fits the terminal, or a block a row, for people; JSON and CSV for programs.
import Table from "cli-table3";
import stringWidth from "string-width";
import { csvText } from "../csv.ts";
import type { QueryResult } from "../warehouse/warehouse.ts";
import type { Output } from "./host.ts";

export type RowFormat = "table" | "vertical" | "json" | "csv";

const ROWS_AT_A_TIME = 1_000;

/** The result as text, in pieces, ending with a line break; a table's rows are cut to `width` characters, if it is told. */
export function* formatRows(
  result: QueryResult,
  format: RowFormat,
  width?: number,
): Generator<string, void, undefined> {
  switch (format) {
    case "json":
      return yield* jsonRows(result);
    case "csv":
      return yield* csvRows(result);
    case "vertical":
      return yield* verticalRows(result);
    case "table":
      return yield tableRows(result, width);
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
  const cell = (value: unknown) => value === null || value === undefined ? "" : plainText(value);
  yield csvText([columns.map(({ name }) => name)]);
  for (const chunk of chunksOf(rows)) yield csvText(chunk.map((row) => columns.map((_, i) => cell(row[i]))));
}

/** Of a column that is cut, characters. */
const MIN_CELL = 8;
/** Between two columns, characters. */
const GAP = 2;
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

interface TableOptions {
  /** Which columns are numbers. */
  readonly right?: readonly boolean[];
  /** Characters of a line, where cells are cut so that a row fits; all of every cell without. */
  readonly width?: number;
}

/** How wide a table on this output may be: anything where nobody sits at it. */
export const widthOf = ({ isTerminal, columns }: Output): number | undefined => isTerminal ? columns : undefined;

/** The text in lines of at most `width` columns, broken between words; whole without a width. */
export function wrapped(text: string, width = Infinity): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function tableRows({ columns, rows }: QueryResult, width: number | undefined): string {
  return textTable(columns.map(({ name }) => name), rows.map((row) => columns.map((_, i) => row[i] ?? null)), {
    right: columns.map(({ type }) => isNumber(type)),
    width,
  });
}

/** An aligned table; control characters are made visible. */
export function textTable(
  head: readonly string[],
  rows: readonly (readonly unknown[])[],
  { right = [], width }: TableOptions = {},
): string {
  const names = head.map(visible);
  const texts = rows.map((row) => row.map(cellText));
  const colWidths = width === undefined ? [] : fitted([names, ...texts], width);
  const table = new Table({
    head: names,
    colAligns: head.map((_, i) => right[i] ? "right" : "left"),
    colWidths,
    chars: { ...BORDERLESS, ...(rows.length > 0 ? {} : { "mid": "" }) },
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0, compact: true },
  });
  table.push(...texts);
  return table.toString().split("\n").map((line) => line.trimEnd()).join("\n") + "\n";
}

/** Whether cells of the table are cut on a line of so many characters. */
export function isCut({ columns, rows }: QueryResult, width: number): boolean {
  const names = columns.map(({ name }) => visible(name));
  return lineOf(widest([names, ...rows.map((row) => columns.map((_, i) => cellText(row[i] ?? null)))])) > width;
}

const widest = (rows: readonly (readonly string[])[]): number[] =>
  rows[0]!.map((_, i) => rows.reduce((most, row) => Math.max(most, stringWidth(row[i] ?? "")), 0));

const lineOf = (widths: readonly number[]): number =>
  widths.reduce((sum, each) => sum + each, 0) + GAP * (widths.length - 1);

/** The columns' widths: the widest are cut until a row fits, as far as something of each is left. */
function fitted(rows: readonly (readonly string[])[], width: number): number[] {
  const widths = widest(rows);
  let over = lineOf(widths) - width;
  while (over > 0) {
    const most = Math.max(...widths);
    if (most <= MIN_CELL) break;
    const next = Math.max(MIN_CELL, ...widths.filter((each) => each < most));
    const which = widths.indexOf(most);
    const less = Math.min(over, Math.max(1, most - next));
    widths[which] = Math.max(MIN_CELL, most - less);
    over -= most - widths[which];
  }
  return widths;
}

/** A block of lines for each row, a column a line. */
function* verticalRows({ columns, rows }: QueryResult): Generator<string, void, undefined> {
  const names = columns.map(({ name }) => visible(name));
  const widest = Math.max(0, ...names.map((name) => stringWidth(name)));
  for (const [n, row] of rows.entries()) {
    const lines = names.map((name, i) =>
      `${name}${" ".repeat(widest - stringWidth(name))}  ${cellText(row[i] ?? null)}`
    );
    yield `${n > 0 ? "\n" : ""}${lines.join("\n")}\n`;
  }
}

const cellText = (cell: unknown): string => visible(cell === null ? "NULL" : plainText(cell));

/** "1 row", "2 rows". */
export const countOf = (count: number, what: string): string =>
  `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;

function plainText(cell: unknown): string {
  return typeof cell === "string" ? cell : JSON.stringify(cell) ?? "";
}

function isNumber(type: string): boolean {
  return /INT|DOUBLE|DECIMAL|NUMBER|FLOAT|REAL|FIXED/i.test(type);
}

/** Data must not be able to move the terminal's cursor. */
export function visible(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
