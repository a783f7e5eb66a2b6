// Copies tables from one warehouse into a DuckDB file, so that the rules of the domains' checks can be asked of them.

import { Cells } from "../../../src/warehouse/cells.ts";
import type { QueryResult, Row, Script, Unit, Warehouse } from "../../../src/warehouse/warehouse.ts";

const ROWS_A_UNIT = 20_000;

/** Makes the tables in `to` and fills them with what `from` has; views stay views. */
export async function copyTables(from: Warehouse, to: Warehouse, scripts: readonly Script[]): Promise<void> {
  await to.migrate(scripts);
  const tables = await to.query("SELECT table_name FROM duckdb_tables() WHERE table_name <> 'FRESHET_MIGRATIONS'");
  await using writer = await to.writer("copy");
  for (const [table] of tables.rows) {
    const result = await from.query(`SELECT * FROM ${table}`);
    for (let first = 0; first < result.rows.length; first += ROWS_A_UNIT) {
      const rows = rowsOf(result, first);
      const positions = rows.map(() => 0);
      const append = { table: String(table), cells: Cells.of(rows), partitions: positions, offsets: positions };
      const unit: Unit = { topic: "", appends: [append], upserts: [], deletes: [], state: [], moves: [] };
      await writer.commit(unit);
    }
  }
}

function rowsOf({ columns, rows }: QueryResult, first: number): Row[] {
  return rows.slice(first, first + ROWS_A_UNIT).map((row) =>
    Object.fromEntries(columns.map(({ name, type }, i) => [name, cellOf(row[i], type)]))
  );
}

/** From what a query answers to what a unit takes. */
function cellOf(cell: unknown, type: string): unknown {
  if (cell === null) return null;
  if (type === "VARIANT" || type === "OBJECT") return JSON.stringify(cell);
  if (!type.startsWith("TIMESTAMP")) return cell;
  const [, seconds, fraction = ""] = /^([^.]+)(?:\.(\d+))?$/.exec(String(cell))!;
  return Date.parse(`${seconds!.replace(" ", "T")}Z`) + Number(fraction.padEnd(6, "0")) / 1000;
}
