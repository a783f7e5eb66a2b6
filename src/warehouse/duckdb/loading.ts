// Puts rows into tables: insert, merge and delete, a chunk of rows per statement, statements kept prepared.
// Runs inside the caller's transaction. Must not know units, offsets or errors' meaning.

import { Cells, type PackedCells, type Packer } from "../cells.ts";
import type { Delete, Upsert } from "../warehouse.ts";
import { WarehouseRefusedError } from "../../errors.ts";
import {
  type Cargo,
  cargoOf,
  cellSql,
  type Column,
  joinPacked,
  longLast,
  type PackedColumn,
  parameterOf,
  sizeOf,
  unpackColumn,
  unpackSql,
} from "./columns.ts";
import type { Session } from "./session.ts";
import { columnsIn, quoted, type Table } from "./tables.ts";

/** How an upsert finds the row to update. */
export type TableKey = Pick<Upsert, "keyColumns" | "guardColumns">;

/** Rows per statement: each statement's answer waits for a turn of the JavaScript thread, so few are better than many. */
const CHUNK_ROWS = 16_384;
/** Bytes per statement, over all columns, beyond which a chunk is made smaller. DuckDB needs some eight times as much memory. */
const CHUNK_BYTES = 8 * 1024 * 1024;

/** The columns of the rows from `from` to before `to`; `undefined` when they are too long for one statement. */
function pack(columns: readonly Column[], cells: Cells, from: number, to: number): Cargo[] | undefined {
  const packed: Cargo[] = [];
  let bytes = 0;
  for (const column of columns) {
    const all = cells.column(column.name) ?? new Array(cells.length).fill(null);
    const one = cargoOf(from === 0 && to === cells.length ? all : all.slice(from, to), column);
    packed.push(one);
    bytes += sizeOf(one);
    if (bytes > CHUNK_BYTES && to - from > 1) return undefined;
  }
  return packed;
}

/** `SELECT` of the packed cells under their columns' names, typed. */
function sourceSql(packed: readonly Cargo[]): string {
  const inner = packed.map((one, i) => `${unpackSql(one, i + 1)} AS c${i}`);
  const outer = packed.map((one, i) => `${cellSql(one, `c${i}`)} AS ${quoted(one.column.name)}`);
  return `SELECT ${outer.join(", ")} FROM (SELECT ${inner.join(", ")})`;
}

function list(packed: readonly Cargo[], of: (name: string) => string = (name) => name): string {
  return packed.map(({ column }) => of(quoted(column.name))).join(", ");
}

function insertSql(table: Table, packed: readonly Cargo[]): string {
  return `INSERT INTO ${quoted(table.name)} (${list(packed)}) ${sourceSql(packed)}`;
}

/** Plain equality where the new rows' keys hold no NULL: by that alone DuckDB passes over the parts of a large table. */
function keyMatch(packed: readonly Cargo[], keyColumns: readonly string[]): string {
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

function mergeSql(table: Table, packed: readonly Cargo[], { keyColumns, guardColumns = [] }: TableKey): string {
  const sets = packed.map(({ column }) => column.name).filter((name) => !keyColumns.includes(name)).map(quoted);
  const guard = guardColumns.length > 0 ? ` AND ${guardSql(guardColumns)}` : "";
  const update = `WHEN MATCHED${guard} THEN UPDATE SET ${sets.map((name) => `${name} = s.${name}`).join(", ")}`;
  return `MERGE INTO ${quoted(table.name)} AS t USING (${sourceSql(packed)}) AS s ON ${keyMatch(packed, keyColumns)} ` +
    `${sets.length > 0 ? update : ""} ` +
    `WHEN NOT MATCHED THEN INSERT (${list(packed)}) VALUES (${list(packed, (name) => `s.${name}`)})`;
}

function deleteSql(table: Table, packed: readonly Cargo[], keyColumns: readonly string[]): string {
  return `DELETE FROM ${quoted(table.name)} AS t USING (${sourceSql(packed)}) AS s WHERE ${
    keyMatch(packed, keyColumns)
  }`;
}

type Statement = (packed: readonly Cargo[]) => Promise<unknown>;

/** Runs the statement on chunk after chunk of the cells. */
async function load(columns: readonly Column[], cells: Cells, statement: Statement): Promise<void> {
  for (let from = 0; from < cells.length;) {
    let to = Math.min(from + CHUNK_ROWS, cells.length);
    let packed = pack(columns, cells, from, to);
    while (!packed) packed = pack(columns, cells, from, to = from + Math.ceil((to - from) / 4));
    await statement(packed);
    from = to;
  }
}

const runOn = (session: Session, sql: (packed: readonly Cargo[]) => string) => (packed: readonly Cargo[]) =>
  session.runPrepared(sql(packed), packed.map(parameterOf));

function removeFrom(session: Session, table: Table, keyColumns: readonly string[]): Statement {
  const remove = runOn(session, (packed) => deleteSql(table, packed, keyColumns));
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
      if (to > from && (rows + length > CHUNK_ROWS || bytes + more > CHUNK_BYTES)) break;
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
export async function mergeRows(session: Session, table: Table, key: TableKey, cells: Cells): Promise<void> {
  const { keyColumns, guardColumns = [] } = key;
  const columns = withColumns(table, columnsIn(table, cells), [...keyColumns, ...guardColumns]);
  if (guardColumns.length > 0 || columns.length < table.columns.length) {
    return await load(columns, cells, runOn(session, (packed) => mergeSql(table, packed, key)));
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

/** `columns` and the named ones, in the table's order. Errors: `WarehouseRefusedError` when the table has no such column. */
function withColumns(table: Table, columns: readonly Column[], names: readonly string[]): readonly Column[] {
  const unknown = names.find((name) => !table.names.has(name));
  if (unknown !== undefined) throw new WarehouseRefusedError(`Table "${table.name}" has no key column "${unknown}"`);
  return table.columns.filter((column) => columns.includes(column) || names.includes(column.name));
}
