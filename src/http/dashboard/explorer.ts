// Looking into a table as it is: filters, sorting, pages, and CSV. Tables come from a list, columns from the table itself,
// values are bound: no text of the asker ever becomes SQL. Must not know HTTP.
import * as z from "zod";
import { csvText } from "../../csv.ts";
import { QueryTooLargeError } from "../../errors.ts";
import { after, type Column, type Order, orderBy, orderOf, quoted } from "./row_order.ts";
import { all, type Ask, type Condition, type OpenTable, several } from "../../panels/mod.ts";
import type { Bind, QueryDialect } from "../../warehouse/warehouse.ts";
import type { TablePage } from "./protocol.ts";

/** A cell of a page is cut here, characters. */
const CELL_LIMIT = 20_000;
/** A cell of a CSV file is cut here: spreadsheets take no more. */
const CSV_CELL_LIMIT = 32_767;
/** Rows that may be passed over to get to a page: the warehouse has to walk over them. */
const MAX_OFFSET = 10_000;
export const CSV_ROWS = 10_000;
/** Rows of a CSV file that are read first, and characters that are read at once when it is known how long they are. */
const FIRST_ROWS = 100;
const CSV_CHARACTERS = 2_000_000;
const MAX_FILTERS = 10;

export const OPERATORS = ["is", "not", "contains", "from", "to", "null", "notnull"] as const;

/** `COLUMN:operator:value`; the value may hold colons. */
const condition = z.string().max(2_000).transform((text, context) => {
  const [, column, operator, value = ""] = /^([^:]+):([a-z]+)(?::(.*))?$/s.exec(text) ?? [];
  if (column === undefined || !(OPERATORS as readonly string[]).includes(operator ?? "")) {
    context.addIssue(`Expected COLUMN:operator:value with one of ${OPERATORS.join(", ")}`);
    return z.NEVER;
  }
  return { column, operator: operator as typeof OPERATORS[number], value };
});

/** Query parameters of a table's page. */
export const TableQuery = z.object({
  where: several.pipe(z.array(condition).max(MAX_FILTERS)),
  sort: z.string().regex(/^[^:]+(:(asc|desc))?$/).optional(),
  page: z.coerce.number().int().min(1).default(1),
  size: z.coerce.number().int().min(1).max(200).default(50),
});

export type TableQuery = z.infer<typeof TableQuery>;

/** The asker named what is not there, or wrote a value that the column cannot have. */
export class ExplorerError extends Error {}

export interface ExploreOptions {
  readonly table: OpenTable;
  readonly dialect: QueryDialect;
  readonly ask: Ask;
}

/** One page of a table. */
export async function tablePage(query: TableQuery, options: ExploreOptions): Promise<TablePage> {
  const { page, size } = query;
  const lastPage = Math.floor(MAX_OFFSET / size) + 1;
  if (page > lastPage) throw new ExplorerError(`Page ${page} is too far: ask for ${lastPage} at most, or filter`);
  const { columns, rows, truncated, sort } = await readRows(query, {
    ...options,
    cellLimit: CELL_LIMIT,
    offset: (page - 1) * size,
    rows: size,
  });
  return {
    table: options.table.name,
    columns,
    rows,
    truncated,
    page,
    size,
    last_page: lastPage,
    sort,
    cell_limit: CELL_LIMIT,
  };
}

/**
 * The rows as RFC 4180 text that no spreadsheet takes for formulas, piece by piece; times and numbers as the page shows them.
 * Each piece begins behind the last row of the one before, so what does not change is there once, whatever else does. Rows
 * that come meanwhile are left out.
 */
export async function* tableCsv(query: TableQuery, options: ExploreOptions): AsyncGenerator<string, void> {
  const columns = await columnsOf(options);
  const reading = { ...options, columns, until: await newestNow(options, columns), cellLimit: CSV_CELL_LIMIT };
  let last: Last | undefined;
  for (let count = 0, rows = FIRST_ROWS; count < CSV_ROWS;) {
    const page = await readRows(query, { ...reading, offset: count, last: last ?? "none", rows })
      .catch((error: unknown) => tooLarge(error, rows));
    if (page === "too large") {
      rows = Math.ceil(rows / 4);
      continue;
    }
    const lines = page.rows.map((row) =>
      row.map((value) => typeof value === "string" ? harmless(value) : plain(value))
    );
    const text = csvText(count === 0 ? [columns.map(({ name }) => name), ...lines] : lines);
    yield text;
    if (!page.truncated) return;
    last = page.last;
    count += page.rows.length;
    const fitting = Math.floor(CSV_CHARACTERS / (text.length / rows));
    // Those that come next may be longer.
    rows = Math.min(Math.max(fitting, 1), 8 * rows, CSV_ROWS - count);
  }
}

/** Rethrows what fewer rows at once would not mend. */
function tooLarge(error: unknown, rows: number): "too large" {
  if (error instanceof QueryTooLargeError && rows > 1) return "too large";
  throw error;
}

/** Lets the rows through that are there now, by the column that they are sorted by when nobody chooses one. */
async function newestNow(
  { table, dialect: { rowOrder, exact }, ask }: ExploreOptions,
  columns: readonly Column[],
): Promise<Condition | undefined> {
  const newest = columns.find(({ name }) => name === table.newest[0]);
  if (!newest && rowOrder === undefined) return undefined;
  const column = newest ? `T.${quoted(newest.name)}` : `T.${rowOrder}`;
  const type = newest?.type ?? "BIGINT";
  const { text } = exact(`MAX(${column})`, type);
  const { rows: [row] } = await ask(`SELECT ${text} FROM ${quoted(table.name)} AS T`, { maxRows: 1 });
  const value = row?.[0];
  if (typeof value !== "string") return undefined;
  const { ordered, place } = exact(column, type);
  return { sql: `(${ordered} <= ${place} OR ${ordered} IS NULL)`, binds: [value] };
}

/** A text that a spreadsheet would run begins with one of these; a quote before it makes it text (OWASP, CSV injection). */
const FORMULA = /^[=+\-@\t\r\n＝＋－＠]/;

function harmless(text: string): string {
  // Times begin with a digit and numbers are no text: what is left and begins like a formula was written by somebody.
  return FORMULA.test(text) ? `'${text}` : text;
}

function plain(value: unknown): string {
  return value === null || value === undefined ? "" : String(value);
}

interface Reading extends ExploreOptions {
  /** When they are known. */
  readonly columns?: readonly Column[];
  /** Beside what was asked for. */
  readonly until?: Condition;
  readonly cellLimit: number;
  /** Rows to pass over. */
  readonly offset: number;
  /** The last row that was read, when reading goes on behind it: rows are passed over only where that is not known. */
  readonly last?: Last | "none";
  readonly rows: number;
}

/** What a row is ordered by, as texts; of its table's NULLs `null`. */
type Last = readonly (string | null)[];

async function readRows({ where, sort }: TableQuery, reading: Reading) {
  const { table, dialect, until, ask } = reading;
  const columns = reading.columns ?? await columnsOf(reading);
  const named = (name: string) => {
    const column = columns.find((column) => column.name === name);
    if (!column) throw new ExplorerError(`${table.name} has no column "${name.slice(0, 100)}"`);
    return column;
  };
  const wanted = where.map((one) => conditionSql(named(one.column), one));
  const filter = all({ sql: "TRUE", binds: [] }, ...wanted, ...until ? [until] : []);
  const [name, direction] = (sort ?? "").split(":");
  const chosen = sort === undefined ? null : { column: named(name!).name, descending: direction === "desc" };
  const order = orderOf(table, { dialect, columns, chosen, mustBeTotal: reading.last !== undefined });
  const statements = statementsOf(reading, { columns, order, filter, isFiltered: where.length > 0 });
  const newest = statements.newest && await ask(...statements.newest);
  const result = newest?.truncated ? newest : await ask(...statements.all);
  const newestColumn = table.newest[0];
  return {
    columns,
    rows: result.rows.map((row) => row.slice(0, columns.length)),
    truncated: result.truncated,
    last: order.isTotal ? result.rows.at(-1)?.slice(columns.length) as Last | undefined : undefined,
    sort: chosen ?? (newestColumn === undefined ? null : { column: newestColumn, descending: true }),
  };
}

type Statement = Parameters<Ask>;

interface Selecting {
  readonly columns: readonly Column[];
  readonly order: Order;
  readonly filter: Condition;
  /** Whether the asker has filters. */
  readonly isFiltered: boolean;
}

/** The statement that reads the rows, and one that does without looking at all of a table, where there is one. */
function statementsOf(
  { table, dialect: { rowOrder }, cellLimit, offset, last, rows }: Reading,
  { columns, order, filter, isFiltered }: Selecting,
): { readonly all: Statement; readonly newest?: Statement } {
  const goesOn = last !== undefined && order.isTotal;
  const behind = goesOn && last !== "none" ? after(order, last) : undefined;
  const passed = goesOn ? 0 : offset;
  const texts = goesOn ? order.terms.map(({ text }, i) => `${text} AS "KEY ${i}"`) : [];
  const cells = columns.map((column) => `${cell(column, cellLimit)} AS ${quoted(column.name)}`);
  const read = (...conditions: readonly Condition[]): Statement => {
    const where = all(...conditions, ...behind ? [behind] : []);
    const sql = `SELECT ${[...cells, ...texts].join(", ")} FROM ${quoted(table.name)} AS T WHERE ${where.sql}
      ${orderBy(order)} LIMIT ${rows + 1} OFFSET ${passed}`;
    return [sql, { binds: where.binds, maxRows: rows }];
  };
  const byPlace = order.terms.length === 1 && order.terms[0]!.ordered === `T.${rowOrder}`;
  if (!byPlace || isFiltered) return { all: read(filter) };
  // Sorted by their places alone, a table's last rows are found without reading the others. Where rows have been deleted the
  // places have gaps, and all must be read after all.
  const end = behind === undefined ? `(SELECT MAX(${rowOrder}) FROM ${quoted(table.name)})` : "CAST(? AS BIGINT)";
  const near = { sql: `T.${rowOrder} > ${end} - ${passed + rows + 2}`, binds: behind === undefined ? [] : [last![0]!] };
  return { all: read(filter), newest: read(filter, near) };
}

async function columnsOf({ table, ask }: ExploreOptions): Promise<readonly Column[]> {
  return (await ask(`SELECT * FROM ${quoted(table.name)} LIMIT 0`, { maxRows: 0 })).columns;
}

/** Long text is cut in the warehouse, so that it never gets here; JSON comes as its text. */
function cell({ name, type }: Column, limit: number): string {
  if (type === "VARCHAR") return `LEFT(T.${quoted(name)}, ${limit})`;
  return isJson(type) ? `LEFT(CAST(T.${quoted(name)} AS VARCHAR), ${limit})` : `T.${quoted(name)}`;
}

interface One {
  readonly operator: typeof OPERATORS[number];
  readonly value: string;
}

const COMPARED: Readonly<Record<string, string>> = { is: "=", not: "IS DISTINCT FROM", from: ">=", to: "<=" };

function conditionSql({ name, type }: Column, { operator, value }: One): Condition {
  const column = `T.${quoted(name)}`;
  if (operator === "null" || operator === "notnull") {
    return { sql: `${column} IS ${operator === "null" ? "" : "NOT "}NULL`, binds: [] };
  }
  if (operator === "contains" || isJson(type)) {
    const text = `LOWER(CAST(${column} AS VARCHAR))`;
    if (operator === "contains") return { sql: `CONTAINS(${text}, LOWER(?))`, binds: [value] };
    throw new ExplorerError(`${name} holds JSON: filter it with "contains"`);
  }
  const { place, bind } = typed(type, value, name);
  return { sql: `${column} ${COMPARED[operator]} ${place}`, binds: [bind] };
}

/** A value as the column's type, and the place for it. */
function typed(type: string, value: string, name: string): { readonly place: string; readonly bind: Bind } {
  const wrong = (what: string) => new ExplorerError(`"${value.slice(0, 100)}" is not ${what}, which ${name} holds`);
  if (type === "BOOLEAN") {
    if (!/^(true|false)$/i.test(value)) throw wrong("true or false");
    return { place: "?", bind: value.toLowerCase() === "true" };
  }
  if (type.startsWith("TIMESTAMP") || type === "DATE") {
    const text = value.trim().replace(/Z$/i, "");
    if (Number.isNaN(Date.parse(`${text.replace(" ", "T")}${text.length > 10 ? "Z" : ""}`))) {
      throw wrong("a time such as 2026-01-31 13:45:00 (UTC)");
    }
    return { place: `CAST(? AS ${type === "DATE" ? "DATE" : "TIMESTAMP_NTZ"})`, bind: text };
  }
  if (/^(BIGINT|HUGEINT|DOUBLE|DECIMAL|NUMBER|FLOAT|FIXED|REAL|INT)/.test(type)) {
    const number = Number(value);
    if (value.trim() === "" || !Number.isFinite(number)) throw wrong("a number");
    return { place: "CAST(? AS DOUBLE)", bind: number };
  }
  return { place: "?", bind: value };
}

function isJson(type: string): boolean {
  return type === "VARIANT" || type === "OBJECT" || type === "ARRAY";
}
