// The SQL of MERGE and DELETE, which warehouses share once the rows stand in a SELECT. Must not know how rows get there.

import type { TableKey } from "../warehouse.ts";

/** Rows for one table, as a statement has them. */
export interface SourceRows {
  readonly table: string;
  /** In the order of the SELECT. */
  readonly columns: readonly string[];
  /** A SELECT of the cells under their columns' names. */
  readonly select: string;
  /** Whether a column has a NULL among these rows, or may have one. */
  holdsNulls(column: string): boolean;
}

/** An identifier in SQL text. */
export function quoted(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

/** Columns as a list, each as `of` writes its quoted name. */
export function list(columns: readonly string[], of: (name: string) => string = (name) => name): string {
  return columns.map((name) => of(quoted(name))).join(", ");
}

/** Plain equality where the new rows' keys hold no NULL: by that alone a warehouse passes over the parts of a large table. */
function keyMatch(source: SourceRows, target: string, keyColumns: readonly string[]): string {
  return keyColumns.map((name) =>
    `${target}.${quoted(name)} ${source.holdsNulls(name) ? "IS NOT DISTINCT FROM" : "="} S.${quoted(name)}`
  ).join(" AND ");
}

/** Whether the new row's guard is not smaller than the old one's, column by column; NULL is smaller than any value. */
function guardSql(columns: readonly string[]): string {
  const [name, ...rest] = columns;
  if (name === undefined) return "TRUE";
  const [s, t] = [`S.${quoted(name)}`, `T.${quoted(name)}`];
  const greater = `${s} > ${t} OR (${t} IS NULL AND ${s} IS NOT NULL)`;
  return `(${greater} OR (${s} IS NOT DISTINCT FROM ${t} AND ${guardSql(rest)}))`;
}

/** Inserts the rows, or updates those that are there and that the guard lets through. */
export function mergeSql(source: SourceRows, { keyColumns, guardColumns = [] }: TableKey): string {
  const { table, columns, select } = source;
  const sets = columns.filter((name) => !keyColumns.includes(name));
  const guard = guardColumns.length > 0 ? ` AND ${guardSql(guardColumns)}` : "";
  const update = `WHEN MATCHED${guard} THEN UPDATE SET ${list(sets, (name) => `${name} = S.${name}`)} `;
  return `MERGE INTO ${quoted(table)} T USING (${select}) S ON ${keyMatch(source, "T", keyColumns)} ` +
    `${sets.length > 0 ? update : ""}WHEN NOT MATCHED THEN INSERT (${list(columns)}) ` +
    `VALUES (${list(columns, (name) => `S.${name}`)})`;
}

/** Deletes the rows whose keys are among these. */
export function deleteSql(source: SourceRows, keyColumns: readonly string[]): string {
  const table = quoted(source.table);
  return `DELETE FROM ${table} USING (${source.select}) S WHERE ${keyMatch(source, table, keyColumns)}`;
}
