// Looking into a table as it is: filters, sorting, pages, and CSV. Tables come from a list, columns from the table itself,
// values are bound: no text of the asker ever becomes SQL. Must not know HTTP.
import * as z from "zod";
import { csvText } from "../../csv.ts";
import { QueryTooLargeError } from "../../errors.ts";
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

interface Column {
  readonly name: string;
  readonly type: string;
}

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
 * Rows that come meanwhile are left out, so that they move none from one piece into another.
 */
export async function* tableCsv(query: TableQuery, options: ExploreOptions): AsyncGenerator<string, void> {
  const columns = await columnsOf(options);
  const until = await newestNow(options, columns);
  for (let offset = 0, rows = FIRST_ROWS; offset < CSV_ROWS;) {
    const page = await readRows(query, { ...options, columns, until, cellLimit: CSV_CELL_LIMIT, offset, rows })
      .catch((error: unknown) => tooLarge(error, rows));
    if (page === "too large") {
      rows = Math.ceil(rows / 4);
      continue;
    }
    const lines = page.rows.map((row) =>
      row.map((value) => typeof value === "string" ? harmless(value) : plain(value))
    );
    const text = csvText(offset === 0 ? [columns.map(({ name }) => name), ...lines] : lines);
    yield text;
    if (!page.truncated) return;
    offset += rows;
    const fitting = Math.floor(CSV_CHARACTERS / (text.length / rows));
    // Those that come next may be longer.
    rows = Math.min(Math.max(fitting, 1), 8 * rows, CSV_ROWS - offset);
  }
}

/** Rethrows what fewer rows at once would not mend. */
function tooLarge(error: unknown, rows: number): "too large" {
  if (error instanceof QueryTooLargeError && rows > 1) return "too large";
  throw error;
}

/** Lets the rows through that are there now, by the column that they are sorted by when nobody chooses one. */
async function newestNow(
  { table, dialect: { rowOrder }, ask }: ExploreOptions,
  columns: readonly Column[],
): Promise<Condition | undefined> {
  const newest = columns.find(({ name }) => name === table.newest[0]);
  if (!newest && rowOrder === undefined) return undefined;
  const column = newest ? `T.${quoted(newest.name)}` : `T.${rowOrder}`;
  const { rows: [row] } = await ask(`SELECT MAX(${column}) FROM ${quoted(table.name)} AS T`, { maxRows: 1 });
  const value = row?.[0];
  if (value === null || value === undefined) return undefined;
  const { place, bind } = typed(newest?.type ?? "BIGINT", String(value), newest?.name ?? "");
  return { sql: `(${column} <= ${place} OR ${column} IS NULL)`, binds: [bind] };
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
  readonly offset: number;
  readonly rows: number;
}

async function readRows(
  { where, sort }: TableQuery,
  { until, ...reading }: Reading,
) {
  const { table, dialect: { rowOrder }, ask, cellLimit, offset, rows } = reading;
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
  const selected = columns.map((column) => `${cell(column, cellLimit)} AS ${quoted(column.name)}`).join(", ");
  const order = orderBy(table, { rowOrder, chosen, columns });
  const read = (where: string) =>
    ask(
      `SELECT ${selected} FROM ${quoted(table.name)} AS T WHERE ${where} ${order} LIMIT ${rows + 1} OFFSET ${offset}`,
      { binds: filter.binds, maxRows: rows },
    );
  // Sorted by their places alone, a table's last rows are found without reading the others. Where rows have been deleted the
  // places have gaps, and all must be read after all.
  const last = rowOrder !== undefined && order === `ORDER BY T.${rowOrder} DESC` && where.length === 0
    ? await read(
      `${filter.sql} AND T.${rowOrder} > (SELECT MAX(${rowOrder}) FROM ${quoted(table.name)}) - ${offset + rows + 1}`,
    )
    : undefined;
  const result = last?.truncated ? last : await read(filter.sql);
  const newest = table.newest[0];
  return {
    columns,
    rows: result.rows,
    truncated: result.truncated,
    sort: chosen ?? (newest === undefined ? null : { column: newest, descending: true }),
  };
}

async function columnsOf({ table, ask }: ExploreOptions): Promise<readonly Column[]> {
  return (await ask(`SELECT * FROM ${quoted(table.name)} LIMIT 0`, { maxRows: 0 })).columns;
}

/** Long text is cut in the warehouse, so that it never gets here; JSON comes as its text. */
function cell({ name, type }: Column, limit: number): string {
  if (type === "VARCHAR") return `LEFT(T.${quoted(name)}, ${limit})`;
  return isJson(type) ? `LEFT(CAST(T.${quoted(name)} AS VARCHAR), ${limit})` : `T.${quoted(name)}`;
}

interface Order {
  readonly rowOrder: string | undefined;
  readonly chosen: { readonly column: string; readonly descending: boolean } | null;
  readonly columns: readonly Column[];
}

/** As chosen, then the newest first; ties are broken so that pages do not overlap. */
function orderBy({ newest }: OpenTable, { rowOrder, chosen, columns }: Order): string {
  const known = newest.filter((name) => columns.some((column) => column.name === name));
  const terms = known.filter((name) => name !== chosen?.column).map((name) => `T.${quoted(name)} DESC`);
  if (chosen) terms.unshift(`T.${quoted(chosen.column)} ${chosen.descending ? "DESC" : "ASC"} NULLS LAST`);
  if (known.length === 0 && rowOrder !== undefined) terms.push(`T.${rowOrder} DESC`);
  return terms.length === 0 ? "" : `ORDER BY ${terms.join(", ")}`;
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

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
