// Puts rows into tables: insert, merge and delete, as many rows in a statement as it takes, statements kept prepared.
// Runs inside the caller's transaction. Must not know offsets or errors' meaning.

import { Cells, type Packer } from "../cells.ts";
import type { SqlLoading } from "../sql/adapter.ts";
import { deleteSql, list, mergeSql, quoted, type SourceRows } from "../sql/statements.ts";
import { columnsIn, type Table as SqlTable, type Tables, withColumns } from "../sql/tables.ts";
import type { Delete, TableKey, Unit } from "../warehouse.ts";
import { type Column, readSql } from "./columns.ts";
import { longLast, needsNoLook, type Rows, rowsFrom, TablePacker } from "./rows.ts";
import type { Session } from "./session.ts";
import { TextVector } from "./text_vector.ts";
import type { Vector } from "./vector.ts";

type Table = SqlTable<Column>;

/** The columns of JSON that DuckDB need not look at. */
function sureJson({ vectors, length }: Rows): ReadonlySet<Vector> {
  return new Set(
    vectors.filter((vector) =>
      vector.column.type === "JSON" && vector instanceof TextVector && needsNoLook(vector, length)
    ),
  );
}

/** The SQL of a cell out of those that were handed over. */
function cellSql(vector: Vector, index: number, isSure: boolean): string {
  const cell = vector.hasNulls ? `CASE WHEN n${index} THEN NULL ELSE c${index} END` : `c${index}`;
  return vector instanceof TextVector && !isSure ? readSql(vector.column, `(${cell})`) : cell;
}

/** `SELECT` of the cells that the function hands over, under their columns' names. */
function selectSql({ vectors }: Rows, sure: ReadonlySet<Vector>, call: string): string {
  const inner = vectors.flatMap(({ hasNulls }, i) => [
    `unnest(s.c${i}) AS c${i}`,
    ...(hasNulls ? [`unnest(s.n${i}) AS n${i}`] : []),
  ]);
  const outer = vectors.map((vector, i) => `${cellSql(vector, i, sure.has(vector))} AS ${quoted(vector.column.name)}`);
  return `SELECT ${outer.join(", ")} FROM (SELECT ${inner.join(", ")} FROM (SELECT ${call}($1::BIGINT) AS s))`;
}

const namesOf = ({ vectors }: Rows) => vectors.map(({ column }) => column.name);

type Sql = (source: SourceRows) => string;

/** Runs a statement on the rows; resolves with how many it changed. */
function run(session: Session, table: Table, { rows, sql }: { readonly rows: Rows; readonly sql: Sql }) {
  const sure = sureJson(rows);
  const nullable = new Set(rows.vectors.filter(({ hasNulls }) => hasNulls).map(({ column }) => column.name));
  const source = (call: string): SourceRows => ({
    table: table.name,
    columns: namesOf(rows),
    select: selectSql(rows, sure, call),
    holdsNulls: (name) => nullable.has(name),
  });
  return session.runOn(rows, sure, (call) => sql(source(call)));
}

const insertSql: Sql = ({ table, columns, select }) => `INSERT INTO ${quoted(table)} (${list(columns)}) ${select}`;

/** Inserts the rows, and tells the session of long texts. */
async function insert(session: Session, table: Table, rows: Rows): Promise<void> {
  await run(session, table, { rows, sql: insertSql });
  for (const vector of rows.vectors) {
    const { name, type } = vector.column;
    if (type === "VARCHAR" && vector instanceof TextVector && vector.hasLong) session.wroteLong(table.name, name);
  }
}

async function remove(session: Session, table: Table, rows: Rows): Promise<void> {
  const names = namesOf(rows);
  session.deleted(table.name, await run(session, table, { rows, sql: (source) => deleteSql(source, names) }));
}

/** Runs `statement` on all cells, as many at a time as one takes. */
async function load(
  columns: readonly Column[],
  cells: Cells,
  statement: (rows: Rows) => Promise<unknown>,
): Promise<void> {
  for (let from = 0; from < cells.length;) {
    const rows = rowsFrom(columns, cells, from);
    await statement(rows);
    from += rows.length;
  }
}

/** How rows of the table may wait for their unit. */
export function packerFor(table: Table): Packer {
  return new TablePacker(table);
}

/** Rows that waited have been written, and will not be asked for again. */
export function forgetPacked(cells: Cells): void {
  for (const rows of cells.parts().packed) (rows as Rows).giveBack();
}

export async function insertRows(session: Session, table: Table, cells: Cells): Promise<void> {
  const { packed, rest } = cells.parts();
  for (const rows of packed) await insert(session, table, rows as Rows);
  const columns = columnsIn(table, rest);
  await load(columns, longLast(columns, rest), (rows) => insert(session, table, rows));
}

/**
 * Whole rows without a guard are deleted and inserted: DuckDB updates in place, every column of every block that holds one of
 * the rows, and of a thousand rows anywhere among a million that is four times the work.
 */
async function mergeRows(
  session: Session,
  table: Table,
  { key, cells }: { readonly key: TableKey; readonly cells: Cells },
): Promise<void> {
  const { keyColumns, guardColumns = [] } = key;
  const columns = withColumns(table, columnsIn(table, cells), [...keyColumns, ...guardColumns]);
  if (guardColumns.length > 0 || columns.length < table.columns.length) {
    return await load(columns, cells, (rows) => run(session, table, { rows, sql: (source) => mergeSql(source, key) }));
  }
  await load(columns, cells, async (rows) => {
    await remove(session, table, rows.only(keyColumns));
    await run(session, table, { rows, sql: insertSql });
  });
}

async function deleteRows(session: Session, table: Table, { keyColumns, rows }: Delete): Promise<void> {
  const columns = withColumns(table, [], keyColumns);
  await load(columns, Cells.of(rows), (some) => remove(session, table, some));
}

/** What a writer has rows put in by. */
export class DuckDbLoading implements SqlLoading<Session, Column> {
  readonly insert = insertRows;
  readonly merge = mergeRows;
  readonly delete = deleteRows;

  constructor(private readonly tables: Tables<Column>) {}

  async append(session: Session, { appends }: Unit, state: Cells): Promise<void> {
    for (const { table, cells } of appends) await insertRows(session, await this.tables.named(table), cells);
    await insertRows(session, await this.tables.named("FRESHET_STATE"), state);
  }
}
