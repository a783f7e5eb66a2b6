// In which order a table's rows come, and which come after a row: reading goes on behind the last one that was read, wherever
// that is by now, rather than after so many. Must not know what is read of the rows.
import { all, type Condition, type OpenTable } from "../../panels/mod.ts";
import type { ExactForm, QueryDialect } from "../../warehouse/warehouse.ts";

export interface Column {
  readonly name: string;
  readonly type: string;
}

/** What rows are ordered by, and its values as texts that lose nothing; NULL comes last. */
export interface Term extends ExactForm {
  readonly descending: boolean;
}

export interface Order {
  readonly terms: readonly Term[];
  /** Whether no two rows are alike in all of them: only then is it known which come after one. */
  readonly isTotal: boolean;
}

export interface Ordering {
  readonly dialect: QueryDialect;
  readonly columns: readonly Column[];
  readonly chosen: { readonly column: string; readonly descending: boolean } | null;
  /** Whether it must be total also where that is not cheap. */
  readonly mustBeTotal: boolean;
}

/** As chosen, then the newest first; ties are broken so that pages do not overlap. */
export function orderOf(table: OpenTable, { dialect, columns, chosen, mustBeTotal }: Ordering): Order {
  const typeOf = new Map(columns.map(({ name, type }) => [name, type]));
  const term = (name: string, descending: boolean): Term => ({
    ...dialect.exact(`T.${quoted(name)}`, typeOf.get(name)!),
    descending,
  });
  const known = table.newest.filter((name) => typeOf.has(name));
  const terms = known.filter((name) => name !== chosen?.column).map((name) => term(name, true));
  const isRaw = table.metadata !== undefined && typeOf.has(table.metadata);
  const places = isRaw || known.length === 0 ? placesOf(table, dialect) : [];
  const isCheap = known.length > 0 || dialect.rowOrder !== undefined;
  if (isCheap || mustBeTotal) terms.push(...places);
  if (chosen) terms.unshift(term(chosen.column, chosen.descending));
  return { terms, isTotal: known.length + places.length > 0 };
}

/** Where a raw row is: in the order in which rows came, or in its record's partition. */
function placesOf({ metadata }: OpenTable, { rowOrder, integerIn, exact }: QueryDialect): readonly Term[] {
  const place = (sql: string) => ({ ...exact(sql, "BIGINT"), descending: true });
  if (rowOrder !== undefined) return [place(`T.${rowOrder}`)];
  if (metadata === undefined) return [];
  return ["partition", "offset"].map((field) => place(integerIn(`T.${quoted(metadata)}`, field)));
}

export function orderBy({ terms }: Order): string {
  if (terms.length === 0) return "";
  return `ORDER BY ${terms.map((term) => `${term.ordered} ${term.descending ? "DESC" : "ASC"} NULLS LAST`).join(", ")}`;
}

/** Lets the rows through that come after the one of these values, as the terms' texts. */
export function after({ terms }: Order, values: readonly (string | null)[]): Condition {
  const [term, ...others] = terms;
  const [value, ...otherValues] = values;
  if (term === undefined || value === undefined) return { sql: "FALSE", binds: [] };
  const { ordered, place, descending } = term;
  const tied = after({ terms: others, isTotal: true }, otherValues);
  if (value === null) return all({ sql: `${ordered} IS NULL`, binds: [] }, tied);
  return {
    sql: `(${ordered} ${
      descending ? "<" : ">"
    } ${place} OR ${ordered} IS NULL OR (${ordered} = ${place} AND ${tied.sql}))`,
    binds: [value, value, ...tied.binds],
  };
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
