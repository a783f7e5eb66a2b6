// Puts rows into tables: insert, merge and delete, as many rows in a statement as a bind takes.
// Runs inside the caller's transaction. Must not know offsets or errors' meaning.

import { WarehouseUnavailableError } from "../../errors.ts";
import { Cells } from "../cells.ts";
import type { SqlLoading } from "../sql/adapter.ts";
import { deleteSql, mergeSql } from "../sql/statements.ts";
import { columnsIn, type Table as SqlTable, type Tables, withColumns } from "../sql/tables.ts";
import type { Append, Delete, TableKey, Unit } from "../warehouse.ts";
import { type Chunk, chunksOf, type Layout, layoutOf, type Source } from "./binds.ts";
import type { Column } from "./columns.ts";
import type { Bind } from "./driver.ts";
import { briefMessage, isTooLarge } from "./errors.ts";
import { RowTooLargeError } from "./request_size.ts";
import type { Session } from "./session.ts";
import { insertSql, MARKER_OPERATOR, sourceRows } from "./statements.ts";

type Table = SqlTable<Column>;

/** The transaction to write in. */
export interface Transaction {
  readonly session: Session;
  readonly number: string;
}

/** What the chunks of a unit are marked with, so that none goes in twice. */
interface Marker {
  readonly domain: string;
  readonly topic: string;
  /** A partition that the unit moves, and the checkpoint that it makes of it. */
  readonly partition: number;
  readonly checkpoint: number;
}

/** Inserts the rows of all sources, in as few statements as they fit into. */
async function insertSources(
  { session, number }: Transaction,
  sources: readonly Source[],
  marker?: Marker,
): Promise<void> {
  const filled = sources.filter(([target]) => target!.cells.length > 0);
  if (filled.length === 0) return;
  const layout = layoutOf(filled);
  await eachChunk(session, layout, async (chunk, ofChunk) => {
    const rows = chunk.rows(layout.parts.length);
    const mark: Bind[] = marker
      ? [marker.domain, marker.topic, marker.partition, marker.checkpoint, MARKER_OPERATOR, ofChunk]
      : [];
    const sql = insertSql(layout, rows, marker !== undefined);
    checkCounts(await session.change(sql, [...mark, chunk.text, number, ...mark]), layout, rows, marker ? 1 : 0);
  });
}

/** None at all is right, too: then the driver sent the statement twice, and the second time found it done. */
function checkCounts(
  counts: readonly number[],
  { parts }: Layout,
  rows: readonly number[],
  markers: number,
): void {
  const inserted = counts.reduce((sum, count) => sum + count, 0);
  const sent = parts.reduce((sum, { source }, kind) => sum + source.length * rows[kind]!, markers);
  if (inserted === sent || inserted === 0) return;
  throw new WarehouseUnavailableError(`Snowflake inserted ${inserted} rows where ${sent} were sent: try again`);
}

/** Rows of one table as a source of their own. Errors: `WarehouseRefusedError` for a column that the table does not have. */
function sourceOf(table: Table, cells: Cells): Source {
  return [{ table, columns: columnsIn(table, cells), cells }];
}

async function mergeRows(
  { session, number }: Transaction,
  table: Table,
  { key, cells }: { readonly key: TableKey; readonly cells: Cells },
): Promise<void> {
  const columns = withColumns(table, columnsIn(table, cells), [...key.keyColumns, ...key.guardColumns ?? []]);
  const layout = layoutOf([[{ table, columns, cells }]]);
  const sql = mergeSql(sourceRows(layout), key);
  await eachChunk(session, layout, async ({ text }) => void await session.change(sql, [text, number]));
}

async function deleteRows({ session, number }: Transaction, table: Table, del: Delete): Promise<void> {
  const { keyColumns, rows } = del;
  const layout = layoutOf([[{ table, columns: withColumns(table, [], keyColumns), cells: Cells.of(rows) }]]);
  const sql = deleteSql(sourceRows(layout), keyColumns);
  await eachChunk(session, layout, async ({ text }) => void await session.change(sql, [text, number]));
}

/**
 * Sends the chunks one after the other; while one is under way the next is made. One that is refused for its size is sent in
 * halves, in the same transaction. `number`: of no other chunk.
 */
async function eachChunk(
  session: Session,
  layout: Layout,
  send: (chunk: Chunk, number: number) => Promise<void>,
): Promise<void> {
  const { requestSize } = session.account;
  let number = 0;
  const sendAll = async (chunk: Chunk): Promise<void> => {
    // One before it may have been refused while this one was made.
    if (chunk.length === 1 || chunk.bytes <= requestSize.bytes) {
      try {
        return await send(chunk, number++);
      } catch (error) {
        if (!isTooLarge(error)) throw error;
        if (chunk.length === 1) throw new RowTooLargeError(chunk.bytes, error);
        requestSize.refused(chunk.bytes, briefMessage(error));
      }
    }
    for (const half of chunk.halves()) await sendAll(half);
  };
  const chunks = chunksOf(layout, requestSize);
  let next = await chunks.next();
  while (!next.done) {
    const [sent, made] = await Promise.allSettled([sendAll(next.value), chunks.next()]);
    if (sent.status === "rejected") throw sent.reason;
    if (made.status === "rejected") throw made.reason;
    next = made.value;
  }
}

export interface LoadingOptions {
  readonly domain: string;
  readonly tables: Tables<Column>;
  /** Called before a unit's rows are appended. */
  readonly before: (transaction: Transaction, unit: Unit) => Promise<void>;
}

/** What a writer has rows put in by. */
export class SnowflakeLoading implements SqlLoading<Transaction, Column> {
  readonly merge = mergeRows;
  readonly delete = deleteRows;
  readonly #options: LoadingOptions;

  constructor(options: LoadingOptions) {
    this.#options = options;
  }

  /** All rows that are only added, the state among them, in one go. */
  async append(transaction: Transaction, unit: Unit, state: Cells): Promise<void> {
    await this.#options.before(transaction, unit);
    const sources: Source[] = [];
    for (const group of groupsOf(unit.appends)) {
      const targets = await Promise.all(group.map(async ({ table, cells }) => {
        const [target] = sourceOf(await this.#options.tables.named(table), cells);
        return target!;
      }));
      sources.push(targets);
    }
    const appended = sources.some(([target]) => target!.cells.length > 0);
    if (state.length > 0) sources.push(sourceOf(await this.#options.tables.named("FRESHET_STATE"), state));
    await insertSources(transaction, sources, appended ? this.#marker(unit) : undefined);
  }

  #marker({ topic, moves: [move] }: Unit): Marker | undefined {
    if (!move) return undefined;
    return { domain: this.#options.domain, topic, partition: move.partition, checkpoint: move.checkpoint + 1 };
  }

  insert(transaction: Transaction, table: Table, cells: Cells): Promise<void> {
    return insertSources(transaction, [sourceOf(table, cells)]);
  }
}

/** Appends whose rows come from the same records, row by row, together: they travel in one bind. */
function groupsOf(appends: readonly Append[]): Append[][] {
  const groups: Append[][] = [];
  for (const append of appends) {
    const group = groups.find(([first]) => isSame(first!, append));
    if (group) group.push(append);
    else groups.push([append]);
  }
  return groups;
}

function isSame(a: Append, b: Append): boolean {
  return a.table !== b.table && a.offsets.length === b.offsets.length &&
    a.offsets.every((offset, i) => offset === b.offsets[i]) &&
    a.partitions.every((partition, i) => partition === b.partitions[i]);
}
