// Gives the room of deleted rows back in a file with large rows, whose row groups DuckDB may not put together any more: rows that
// are left in thin segments of a table are written again at its end. What is empty then, the next fold drops by itself.
// Must not know units or what rows mean.

import type { DuckDBConnection } from "@duckdb/node-api";
import { quoted } from "../sql/statements.ts";

/** Deleted rows of a table after which it is swept. */
const DUE_AFTER_ROWS = 200_000;
/** Rows of a segment, which is thin when less than a quarter of them are left. */
const SEGMENT_ROWS = 10_240;
/** Rows that one sweep moves: what it holds in memory. */
const MAX_MOVED_ROWS = 20_000;

export class Sweep {
  readonly #deleted = new Map<string, number>();

  /** Counts rows that were deleted, or replaced. */
  deleted(table: string, rows: number): void {
    this.#deleted.set(table, (this.#deleted.get(table) ?? 0) + rows);
  }

  get isDue(): boolean {
    for (const rows of this.#deleted.values()) if (rows >= DUE_AFTER_ROWS) return true;
    return false;
  }

  /** Sweeps what is due. Nobody else may write meanwhile. */
  async run(connection: DuckDBConnection): Promise<void> {
    for (const [table, rows] of this.#deleted) {
      if (rows < DUE_AFTER_ROWS) continue;
      this.#deleted.delete(table);
      await sweep(connection, quoted(table));
    }
  }
}

async function sweep(connection: DuckDBConnection, table: string): Promise<void> {
  const thin = `SELECT SEGMENT FROM (SELECT SEGMENT, SUM(LEFT_ROWS) OVER (ORDER BY SEGMENT) AS MOVED FROM (
    SELECT rowid // ${SEGMENT_ROWS} AS SEGMENT, COUNT(*) AS LEFT_ROWS FROM ${table} GROUP BY SEGMENT
    HAVING LEFT_ROWS < ${SEGMENT_ROWS / 4} AND SEGMENT < (SELECT MAX(rowid) FROM ${table}) // ${SEGMENT_ROWS}
  )) WHERE MOVED <= ${MAX_MOVED_ROWS}`;
  const found = await (await connection.run(thin)).getRows();
  if (found.length === 0) return;
  const among = `rowid // ${SEGMENT_ROWS} IN (${found.join(", ")})`;
  await connection.run("BEGIN TRANSACTION");
  try {
    await connection.run(`INSERT INTO ${table} SELECT * FROM ${table} WHERE ${among}`);
    await connection.run(`DELETE FROM ${table} WHERE ${among}`);
    await connection.run("COMMIT");
  } catch (error) {
    await connection.run("ROLLBACK").catch(() => {});
    throw error;
  }
}
