// Large rows: when they are folded into the file, and that DuckDB leaves them apart there. Must not know tables or units.
//
// DuckDB 1.5 reads up to 2048 neighbouring rows of a row group at a time, with all their texts in memory at once: for a query as
// well as to fold the write-ahead log into the file. And it makes row groups long: folding puts short ones together that lie side
// by side. A few hundred rows of a megabyte are then more than its memory, and nothing reads or folds them any more: the fold
// fails, and with it the instance. So they are folded early, which ends their row group, and short row groups stay short.

import type { DuckDBConnection } from "@duckdb/node-api";

/** What a row may have and not be large: 2048 of them are 8 MiB. */
const SMALL_ROW_BYTES = 4 * 1024;
/**
 * Bytes of large rows, each without what a small row may have, that are folded into the file. A row group has at most these
 * and those of a unit more. Measured on 300 MB in rows of 10 KB to 8 MB: 8 MiB are quicker than 16, and take 100 MB less.
 */
export const FOLD_BYTES = 8 * 1024 * 1024;
/** As many of them, and the file is marked: many runs that write only one large row each are one row group in the end, too. */
const MARK_BYTES = 64 * 1024;

/**
 * Marks a file that has large rows, as a type that nothing uses. Its short row groups are never put together again, so their
 * rows that were deleted keep their place until all of a row group are: `Sweep` sees to that.
 */
const MARK = "FRESHET_LARGE_ROWS";
const IS_MARKED = `SELECT 1 FROM duckdb_types() WHERE database_name = current_database() AND type_name = '${MARK}'`;

/** How many row groups a fold may put together; it is to be allowed where the configuration is locked. */
export const MERGING_SETTING = "max_vacuum_tasks";
const STOP_MERGING = `SET GLOBAL ${MERGING_SETTING} = 0`;
/** Opening a file replays its write-ahead log, and may fold it: nothing is put together until the file is known. */
export const OPENING_SETTINGS = { [MERGING_SETTING]: "0" };

export class LargeRows {
  #bytes = 0;
  /** Columns that have got a long text since the last fold, by table. */
  readonly #longTexts = new Map<string, Set<string>>();
  #marked = false;
  #suspected = false;

  /** Counts what a statement wrote. */
  wrote(rows: number, bytes: number): void {
    this.#bytes += Math.max(0, bytes - rows * SMALL_ROW_BYTES);
  }

  /**
   * Notes a long text. A NULL that comes after it in its row group DuckDB 1.5 stores as that text once more, by reference, and
   * reads it anew for each: a thousand tombstones after a dead letter of 7 MB are 7 GB.
   */
  wroteLong(table: string, column: string): void {
    const columns = this.#longTexts.get(table) ?? new Set();
    this.#longTexts.set(table, columns.add(column));
  }

  /** Columns of the table in which a NULL is to come only after a fold. */
  noNullsIn(table: string): Iterable<string> {
    return this.#longTexts.get(table) ?? [];
  }

  /** Whether the file has some, or must be taken for one that has. */
  get areThere(): boolean {
    return this.#marked || this.#suspected;
  }

  /** Whether it is time to fold. */
  get areMany(): boolean {
    return this.#bytes >= FOLD_BYTES;
  }

  /** What was counted is in the file. */
  folded(): void {
    this.#bytes = 0;
    this.#longTexts.clear();
  }

  /** A fold ran out of memory: the file has large rows of a version that did not mark it. It is marked when it is next opened. */
  suspect(): void {
    this.#suspected = true;
  }

  /** Looks whether the file, just opened, is marked. */
  async recognize(connection: DuckDBConnection): Promise<void> {
    const found = await connection.run(IS_MARKED);
    this.#marked = (await found.getRows()).length > 0;
    if (!this.areThere) await connection.run(`RESET GLOBAL ${MERGING_SETTING}`);
    else if (!this.#marked) await this.#mark(connection);
  }

  /** Whether large rows were written to a file that is not marked. */
  get needMark(): boolean {
    return !this.areThere && this.#bytes >= MARK_BYTES;
  }

  /** To be called before more is written. */
  async markIfNeeded(connection: DuckDBConnection): Promise<void> {
    if (!this.needMark) return;
    await connection.run(STOP_MERGING);
    await this.#mark(connection);
  }

  async #mark(connection: DuckDBConnection): Promise<void> {
    await connection.run(`CREATE TYPE IF NOT EXISTS ${MARK} AS BOOLEAN`);
    this.#marked = true;
  }
}
