// Puts rows into tables: insert, merge and delete, a chunk of rows per statement, statements kept prepared.
// Runs inside the caller's transaction. Must not know units, offsets or errors' meaning.

import { Cells, type PackedCells, type Packer } from "../cells.ts";
import { deleteSql, list, mergeSql, quoted, type SourceRows } from "../sql/statements.ts";
import { columnsIn, type Table as SqlTable, withColumns } from "../sql/tables.ts";
import type { Delete, TableKey } from "../warehouse.ts";
import {
  bytesOf,
  type Cargo,
  cargoOf,
  cellSql,
  type Column,
  joinPacked,
  longLast,
  type PackedColumn,
  parameterOf,
  unpackColumn,
  unpackSql,
} from "./columns.ts";
import type { Session } from "./session.ts";

type Table = SqlTable<Column>;

/** Rows per statement: each statement's answer waits for a turn of the JavaScript thread, so few are better than many. */
const MAX_CHUNK_ROWS = 16_384;
/** Bytes per statement, over all columns, beyond which a chunk is made smaller. DuckDB needs some eight times as much memory. */
const MAX_CHUNK_BYTES = 8 * 1024 * 1024;

/** The columns of the rows from `from` to before `to`; `undefined` when they are too long for one statement. */
function pack(columns: readonly Column[], cells: Cells, from: number, to: number): Cargo[] | undefined {
  const packed: Cargo[] = [];
  let bytes = 0;
  for (const column of columns) {
    const all = cells.column(column.name) ?? new Array(cells.length).fill(null);
    const one = cargoOf(from === 0 && to === cells.length ? all : all.slice(from, to), column);
    packed.push(one);
    bytes += bytesOf(one);
    if (bytes > MAX_CHUNK_BYTES && to - from > 1) return undefined;
  }
  return packed;
}

/** `SELECT` of the packed cells under their columns' names, typed. */
function selectSql(packed: readonly Cargo[]): string {
  const inner = packed.map((one, i) => `${unpackSql(one, i + 1)} AS c${i}`);
  const outer = packed.map((one, i) => `${cellSql(one, `c${i}`)} AS ${quoted(one.column.name)}`);
  return `SELECT ${outer.join(", ")} FROM (SELECT ${inner.join(", ")})`;
}

function insertSql(table: Table, packed: readonly Cargo[]): string {
  const columns = list(packed.map(({ column }) => column.name));
  return `INSERT INTO ${quoted(table.name)} (${columns}) ${selectSql(packed)}`;
}

/** The packed cells as the rows of a statement. */
function sourceOf(table: Table, packed: readonly Cargo[]): SourceRows {
  return {
    table: table.name,
    columns: packed.map(({ column }) => column.name),
    select: selectSql(packed),
    holdsNulls: (name) => packed.find(({ column }) => column.name === name)?.packing !== "split",
  };
}

type Statement = (packed: readonly Cargo[]) => Promise<unknown>;

/** Runs the statement on chunk after chunk of the cells. */
async function load(columns: readonly Column[], cells: Cells, statement: Statement): Promise<void> {
  for (let from = 0; from < cells.length;) {
    let to = Math.min(from + MAX_CHUNK_ROWS, cells.length);
    let packed = pack(columns, cells, from, to);
    while (!packed) packed = pack(columns, cells, from, to = from + Math.ceil((to - from) / 4));
    await statement(packed);
    from = to;
  }
}

const runOn = (session: Session, sql: (packed: readonly Cargo[]) => string) => (packed: readonly Cargo[]) =>
  session.runPrepared(sql(packed), packed.map(parameterOf));

function removeFrom(session: Session, table: Table, keyColumns: readonly string[]): Statement {
  const remove = runOn(session, (packed) => deleteSql(sourceOf(table, packed), keyColumns));
  return async (packed) => session.deleted(table.name, await remove(packed));
}

/** Rows of one table, packed before their unit is made. */
class PackedRows implements PackedCells {
  readonly bytes: number;

  constructor(readonly length: number, readonly columns: readonly PackedColumn[]) {
    this.bytes = columns.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  unpack(): Cells {
    const columns = this.columns.map((packed) => [packed.column.name, unpackColumn(packed)] as const);
    const cells = new Cells();
    for (let i = 0; i < this.length; i++) {
      cells.add(Object.fromEntries(columns.map(([name, texts]) => [name, texts[i]])));
    }
    return cells;
  }
}

/** Packs rows of the table, except those that it has no columns for: about them the unit will complain. */
export function packerFor(table: Table): Packer {
  return (cells) => {
    if (cells.names.some((name) => !table.names.has(name))) return undefined;
    const packed = pack(columnsIn(table, cells), cells, 0, cells.length);
    return packed?.every((one) => one.packing !== "none") ? new PackedRows(cells.length, packed) : undefined;
  };
}

/** Neighbours as one, as far as a statement holds them. */
function* joined(parts: readonly PackedRows[]): Generator<readonly PackedColumn[]> {
  for (let from = 0; from < parts.length;) {
    let [to, rows, bytes] = [from, 0, 0];
    while (to < parts.length && sameColumns(parts[to]!, parts[from]!)) {
      const { length, bytes: more } = parts[to]!;
      if (to > from && (rows + length > MAX_CHUNK_ROWS || bytes + more > MAX_CHUNK_BYTES)) break;
      [to, rows, bytes] = [to + 1, rows + length, bytes + more];
    }
    const group = parts.slice(from, to);
    const columns = group[0]!.columns.map((_, i) => joinPacked(group.map((part) => part.columns[i]!)));
    if (columns.every((column) => column !== undefined)) yield columns;
    else for (const { columns } of group) yield columns;
    from = to;
  }
}

const sameColumns = (a: PackedRows, b: PackedRows): boolean =>
  a.columns.length === b.columns.length && a.columns.every(({ column }, i) => column === b.columns[i]!.column);

export async function insertRows(session: Session, table: Table, cells: Cells): Promise<void> {
  const insert = runOn(session, (packed) => insertSql(table, packed));
  const { packed, rest } = cells.parts();
  for (const columns of joined(packed as readonly PackedRows[])) await insert(columns);
  const columns = columnsIn(table, rest);
  await load(columns, longLast(columns, rest), async (cargo) => {
    await insert(cargo);
    for (const { packing, column: { name, type } } of cargo) {
      if (packing === "none" && type === "VARCHAR") session.wroteLong(table.name, name);
    }
  });
}

/**
 * Whole rows without a guard are deleted and inserted: DuckDB updates in place, every column of every block that holds one of
 * the rows, and of a thousand rows anywhere among a million that is four times the work.
 */
export async function mergeRows(
  session: Session,
  table: Table,
  { key, cells }: { readonly key: TableKey; readonly cells: Cells },
): Promise<void> {
  const { keyColumns, guardColumns = [] } = key;
  const columns = withColumns(table, columnsIn(table, cells), [...keyColumns, ...guardColumns]);
  if (guardColumns.length > 0 || columns.length < table.columns.length) {
    return await load(columns, cells, runOn(session, (packed) => mergeSql(sourceOf(table, packed), key)));
  }
  const remove = removeFrom(session, table, keyColumns);
  const insert = runOn(session, (packed) => insertSql(table, packed));
  await load(columns, cells, async (packed) => {
    await remove(packed.filter(({ column }) => keyColumns.includes(column.name)));
    await insert(packed);
  });
}

export async function deleteRows(session: Session, table: Table, { keyColumns, rows }: Delete): Promise<void> {
  const columns = withColumns(table, [], keyColumns);
  await load(columns, Cells.of(rows), removeFrom(session, table, keyColumns));
}
