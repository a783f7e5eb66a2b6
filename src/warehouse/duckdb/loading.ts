// Puts rows into tables: insert, merge and delete, a chunk of rows per statement, statements kept prepared.
// Runs inside the caller's transaction. Must not know units, offsets or errors' meaning.

import type { Delete, Row, Upsert } from "../warehouse.ts";
import { WarehouseRefusedError } from "../../errors.ts";
import { cellSql, type Column, packColumn, type PackedColumn, unpackSql } from "./columns.ts";
import type { Session } from "./database.ts";
import { columnsIn, quoted, type Table } from "./tables.ts";

/** Rows per statement: DuckDB's own vector size; longer texts cost the JavaScript thread more and gain nothing. */
const CHUNK_ROWS = 8192;
/** Characters per statement, over all columns, beyond which a chunk is halved. */
const CHUNK_CHARS = 32 * 1024 * 1024;

/** The columns of `rows[from..to)`; `undefined` when they are too long for one statement. */
function pack(columns: readonly Column[], rows: readonly Row[], from: number, to: number): PackedColumn[] | undefined {
  const packed: PackedColumn[] = [];
  let chars = 0;
  for (const column of columns) {
    const one = packColumn(rows, from, to, column);
    packed.push(one);
    chars += one.text.length;
    if (chars > CHUNK_CHARS && to - from > 1) return undefined;
  }
  return packed;
}

/** `SELECT` of the packed cells under their columns' names, typed. */
function sourceSql(packed: readonly PackedColumn[]): string {
  const inner = packed.map((one, i) => `${unpackSql(one, i + 1)} AS c${i}`);
  const outer = packed.map((one, i) => `${cellSql(one, `c${i}`)} AS ${quoted(one.column.name)}`);
  return `SELECT ${outer.join(", ")} FROM (SELECT ${inner.join(", ")})`;
}

function list(packed: readonly PackedColumn[], of: (name: string) => string = (name) => name): string {
  return packed.map(({ column }) => of(quoted(column.name))).join(", ");
}

function insertSql(table: Table, packed: readonly PackedColumn[]): string {
  return `INSERT INTO ${quoted(table.name)} (${list(packed)}) ${sourceSql(packed)}`;
}

function keyMatch(keyColumns: readonly string[]): string {
  return keyColumns.map((name) => `t.${quoted(name)} IS NOT DISTINCT FROM s.${quoted(name)}`).join(" AND ");
}

/** Whether the new row's guard is not smaller than the old one's, column by column; NULL is smaller than any value. */
function guardSql(columns: readonly string[]): string {
  const [name, ...rest] = columns;
  if (name === undefined) return "TRUE";
  const [s, t] = [`s.${quoted(name)}`, `t.${quoted(name)}`];
  const greater = `${s} > ${t} OR (${t} IS NULL AND ${s} IS NOT NULL)`;
  return `(${greater} OR (${s} IS NOT DISTINCT FROM ${t} AND ${guardSql(rest)}))`;
}

function mergeSql(table: Table, packed: readonly PackedColumn[], { keyColumns, guardColumns = [] }: Upsert): string {
  const sets = packed.map(({ column }) => column.name).filter((name) => !keyColumns.includes(name)).map(quoted);
  const guard = guardColumns.length > 0 ? ` AND ${guardSql(guardColumns)}` : "";
  const update = `WHEN MATCHED${guard} THEN UPDATE SET ${sets.map((name) => `${name} = s.${name}`).join(", ")}`;
  return `MERGE INTO ${quoted(table.name)} AS t USING (${sourceSql(packed)}) AS s ON ${keyMatch(keyColumns)} ` +
    `${sets.length > 0 ? update : ""} ` +
    `WHEN NOT MATCHED THEN INSERT (${list(packed)}) VALUES (${list(packed, (name) => `s.${name}`)})`;
}

function deleteSql(table: Table, packed: readonly PackedColumn[], keyColumns: readonly string[]): string {
  return `DELETE FROM ${quoted(table.name)} AS t USING (${sourceSql(packed)}) AS s WHERE ${keyMatch(keyColumns)}`;
}

async function load(
  session: Session,
  columns: readonly Column[],
  rows: readonly Row[],
  sql: (packed: readonly PackedColumn[]) => string,
): Promise<void> {
  for (let from = 0; from < rows.length;) {
    let to = Math.min(from + CHUNK_ROWS, rows.length);
    let packed = pack(columns, rows, from, to);
    while (!packed) packed = pack(columns, rows, from, to = from + Math.ceil((to - from) / 4));
    await session.runPrepared(sql(packed), packed.map(({ text }) => text));
    from = to;
  }
}

export async function insertRows(session: Session, table: Table, rows: readonly Row[]): Promise<void> {
  await load(session, columnsIn(table, rows), rows, (packed) => insertSql(table, packed));
}

export async function mergeRows(session: Session, table: Table, upsert: Upsert): Promise<void> {
  const columns = withColumns(table, columnsIn(table, upsert.rows), [
    ...upsert.keyColumns,
    ...upsert.guardColumns ?? [],
  ]);
  await load(session, columns, upsert.rows, (packed) => mergeSql(table, packed, upsert));
}

export async function deleteRows(session: Session, table: Table, { keyColumns, rows }: Delete): Promise<void> {
  const columns = withColumns(table, [], keyColumns);
  await load(session, columns, rows, (packed) => deleteSql(table, packed, keyColumns));
}

/** `columns` and the named ones, in the table's order. Errors: `WarehouseRefusedError` when the table has no such column. */
function withColumns(table: Table, columns: readonly Column[], names: readonly string[]): readonly Column[] {
  const unknown = names.find((name) => !table.names.has(name));
  if (unknown !== undefined) throw new WarehouseRefusedError(`Table "${table.name}" has no key column "${unknown}"`);
  return table.columns.filter((column) => columns.includes(column) || names.includes(column.name));
}
