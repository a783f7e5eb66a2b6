// Puts rows into tables: insert, merge and delete, a chunk of rows per statement, statements kept prepared.
// Runs inside the caller's transaction. Must not know units, offsets or errors' meaning.

import { Cells } from "../cells.ts";
import type { Delete, Upsert } from "../warehouse.ts";
import { WarehouseRefusedError } from "../../errors.ts";
import { cellSql, type Column, packColumn, type PackedColumn, unpackSql } from "./columns.ts";
import type { Session } from "./database.ts";
import { columnsIn, quoted, type Table } from "./tables.ts";

/** How an upsert finds the row to update. */
export type TableKey = Pick<Upsert, "keyColumns" | "guardColumns">;

/** Rows per statement: each statement's answer waits for a turn of the JavaScript thread, so few are better than many. */
const CHUNK_ROWS = 16_384;
/** Characters per statement, over all columns, beyond which a chunk is halved. */
const CHUNK_CHARS = 32 * 1024 * 1024;

/** The columns of the rows from `from` to before `to`; `undefined` when they are too long for one statement. */
function pack(columns: readonly Column[], cells: Cells, from: number, to: number): PackedColumn[] | undefined {
  const packed: PackedColumn[] = [];
  let chars = 0;
  for (const column of columns) {
    const all = cells.column(column.name) ?? new Array(cells.length).fill(null);
    const one = packColumn(from === 0 && to === cells.length ? all : all.slice(from, to), column);
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

/** Plain equality where the new rows' keys hold no NULL: by that alone DuckDB passes over the parts of a large table. */
function keyMatch(packed: readonly PackedColumn[], keyColumns: readonly string[]): string {
  return keyColumns.map((name) => {
    const holdsNulls = packed.find(({ column }) => column.name === name)?.packing !== "split";
    return `t.${quoted(name)} ${holdsNulls ? "IS NOT DISTINCT FROM" : "="} s.${quoted(name)}`;
  }).join(" AND ");
}

/** Whether the new row's guard is not smaller than the old one's, column by column; NULL is smaller than any value. */
function guardSql(columns: readonly string[]): string {
  const [name, ...rest] = columns;
  if (name === undefined) return "TRUE";
  const [s, t] = [`s.${quoted(name)}`, `t.${quoted(name)}`];
  const greater = `${s} > ${t} OR (${t} IS NULL AND ${s} IS NOT NULL)`;
  return `(${greater} OR (${s} IS NOT DISTINCT FROM ${t} AND ${guardSql(rest)}))`;
}

function mergeSql(table: Table, packed: readonly PackedColumn[], { keyColumns, guardColumns = [] }: TableKey): string {
  const sets = packed.map(({ column }) => column.name).filter((name) => !keyColumns.includes(name)).map(quoted);
  const guard = guardColumns.length > 0 ? ` AND ${guardSql(guardColumns)}` : "";
  const update = `WHEN MATCHED${guard} THEN UPDATE SET ${sets.map((name) => `${name} = s.${name}`).join(", ")}`;
  return `MERGE INTO ${quoted(table.name)} AS t USING (${sourceSql(packed)}) AS s ON ${keyMatch(packed, keyColumns)} ` +
    `${sets.length > 0 ? update : ""} ` +
    `WHEN NOT MATCHED THEN INSERT (${list(packed)}) VALUES (${list(packed, (name) => `s.${name}`)})`;
}

function deleteSql(table: Table, packed: readonly PackedColumn[], keyColumns: readonly string[]): string {
  return `DELETE FROM ${quoted(table.name)} AS t USING (${sourceSql(packed)}) AS s WHERE ${
    keyMatch(packed, keyColumns)
  }`;
}

async function load(
  session: Session,
  columns: readonly Column[],
  cells: Cells,
  sql: (packed: readonly PackedColumn[]) => string,
): Promise<void> {
  for (let from = 0; from < cells.length;) {
    let to = Math.min(from + CHUNK_ROWS, cells.length);
    let packed = pack(columns, cells, from, to);
    while (!packed) packed = pack(columns, cells, from, to = from + Math.ceil((to - from) / 4));
    await session.runPrepared(sql(packed), packed.map(({ text }) => text));
    from = to;
  }
}

export async function insertRows(session: Session, table: Table, cells: Cells): Promise<void> {
  await load(session, columnsIn(table, cells), cells, (packed) => insertSql(table, packed));
}

export async function mergeRows(session: Session, table: Table, key: TableKey, cells: Cells): Promise<void> {
  const columns = withColumns(table, columnsIn(table, cells), [...key.keyColumns, ...key.guardColumns ?? []]);
  await load(session, columns, cells, (packed) => mergeSql(table, packed, key));
}

export async function deleteRows(session: Session, table: Table, { keyColumns, rows }: Delete): Promise<void> {
  const columns = withColumns(table, [], keyColumns);
  await load(session, columns, Cells.of(rows), (packed) => deleteSql(table, packed, keyColumns));
}

/** `columns` and the named ones, in the table's order. Errors: `WarehouseRefusedError` when the table has no such column. */
function withColumns(table: Table, columns: readonly Column[], names: readonly string[]): readonly Column[] {
  const unknown = names.find((name) => !table.names.has(name));
  if (unknown !== undefined) throw new WarehouseRefusedError(`Table "${table.name}" has no key column "${unknown}"`);
  return table.columns.filter((column) => columns.includes(column) || names.includes(column.name));
}
