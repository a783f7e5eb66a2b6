// A domain's tables copied into a DuckDB file of their own, so that rules written for DuckDB can judge those of another
// warehouse. Must not know the rules.
import { Cells } from "../../warehouse/cells.ts";
import type { RawTable, Row, Script, Warehouse } from "../../warehouse/warehouse.ts";
import { writableRows } from "../writable_rows.ts";

/** More rows than may be copied. */
export class TooManyRowsError extends Error {
  override readonly name = "TooManyRowsError";
  constructor(readonly table: string, readonly maxRows: number) {
    super(`${table} has more than ${maxRows} rows`);
  }
}

export interface MirrorOptions {
  readonly from: Pick<Warehouse, "query">;
  readonly domain: string;
  /** The domain's script and Freshet's own. */
  readonly scripts: readonly Script[];
  /** Of one table. */
  readonly maxRows: number;
  /** Folder for the copy. */
  readonly folder: string;
  /** Of raw rows those are left out that are ahead of their partition's position, where rows go ahead. */
  readonly ahead?: Ahead | undefined;
}

/** Raw rows, and the positions that they may be ahead of. */
export interface Ahead extends RawTable {
  readonly positions: ReadonlyMap<number, number>;
}

const SHARED = [
  "FRESHET_OFFSETS",
  "FRESHET_OPERATORS",
  "FRESHET_CLOSED",
  "FRESHET_GAPS",
  "DEAD_LETTERS",
  "LATE_RECORDS",
  "ALERT_EVENTS",
  "ALERT_DELIVERIES",
];
const ROWS_AT_ONCE = 5_000;
const QUERY_MS = 600_000;

/** The copy, closed by whoever asked for it. Errors: `TooManyRowsError`, and of the warehouse. */
export async function mirror(options: MirrorOptions): Promise<Warehouse> {
  const { scripts, folder, domain } = options;
  const { openDuckDb } = await import("../../warehouse/duckdb.ts");
  const copy = await openDuckDb({ path: `${folder}/${domain}.duckdb` });
  try {
    await copy.migrate(scripts);
    await using writer = await copy.writer(domain);
    for (const [table, condition] of tablesOf(options)) {
      const rows = await rowsOf(options, table, condition);
      for (let i = 0; i < rows.length; i += ROWS_AT_ONCE) {
        const some = rows.slice(i, i + ROWS_AT_ONCE);
        const nowhere = some.map(() => 0);
        const append = { table, cells: Cells.of(some), partitions: nowhere, offsets: nowhere };
        await writer.commit({ topic: "", appends: [append], upserts: [], deletes: [], state: [], moves: [] });
      }
    }
    return copy;
  } catch (error) {
    await copy[Symbol.asyncDispose]();
    throw error;
  }
}

function tablesOf({ scripts, domain }: MirrorOptions): (readonly [table: string, condition: string])[] {
  const own = scripts.filter(({ name }) => name === domain).flatMap(({ text }) =>
    [...text.matchAll(/^CREATE TABLE IF NOT EXISTS (\w+)/gm)].map(([, table]) => [table!, ""] as const)
  );
  return [...own, ...SHARED.map((table) => [table, `WHERE DOMAIN = '${domain}'`] as const)];
}

/** The rows that belong to the copy. */
async function rowsOf(options: MirrorOptions, table: string, condition: string): Promise<readonly Row[]> {
  const rows = await readAll(options, table, condition);
  const { ahead } = options;
  if (ahead?.table !== table) return rows;
  return rows.filter((row) => {
    const { partition, offset } = JSON.parse(String(row[ahead.metadata])) as Readonly<Record<string, unknown>>;
    return Number(offset) < (ahead.positions.get(Number(partition)) ?? Infinity);
  });
}

async function readAll({ from, maxRows }: MirrorOptions, table: string, condition: string): Promise<readonly Row[]> {
  const result = await from.query(`SELECT * FROM ${table} ${condition}`, { maxRows, timeoutMs: QUERY_MS });
  if (result.truncated) throw new TooManyRowsError(table, maxRows);
  return writableRows(result);
}
