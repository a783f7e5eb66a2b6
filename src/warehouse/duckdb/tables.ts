// What the tables look like, out of the catalog, so that rows need not say how their cells are typed.
// Must not know what is written.

import { ALTERED, GONE } from "../gone.ts";
import { WarehouseRefusedError } from "../../errors.ts";
import type { Cells } from "../cells.ts";
import { type Column, columnOf } from "./columns.ts";
import type { Session } from "./session.ts";

export interface Table {
  readonly name: string;
  readonly columns: readonly Column[];
  readonly names: ReadonlySet<string>;
}

/** An identifier in SQL text. */
export function quoted(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

const COLUMNS = `SELECT table_name, column_name, data_type FROM duckdb_columns()
  WHERE schema_name = 'main' AND database_name = current_database() AND NOT internal
  ORDER BY table_name, column_index`;

export class Tables {
  readonly #session: Session;
  readonly #file: string;
  #tables = new Map<string, Table>();

  constructor(session: Session, file: string) {
    this.#session = session;
    this.#file = file;
  }

  async load(): Promise<void> {
    const columns = new Map<string, Column[]>();
    for (const [table, column, type] of await this.#session.rows(COLUMNS)) {
      const of = columns.get(String(table).toUpperCase()) ?? [];
      of.push(columnOf(String(column), String(type)));
      columns.set(String(table).toUpperCase(), of);
    }
    this.#tables = new Map();
    for (const [name, of] of columns) {
      this.#tables.set(name, { name, columns: of, names: new Set(of.map((column) => column.name)) });
    }
  }

  /** The table, if it was there when the catalog was last looked at. */
  known(name: string): Table | undefined {
    return this.#tables.get(name.toUpperCase());
  }

  /** Looks at the catalog again for a table it does not know. Errors: `WarehouseRefusedError` when there is none. */
  async named(name: string): Promise<Table> {
    const key = name.toUpperCase();
    if (!this.#tables.has(key)) await this.load();
    const table = this.#tables.get(key);
    if (table) return table;
    throw new WarehouseRefusedError(`Table "${name}" is not in warehouse file "${this.#file}": ${GONE}`);
  }
}

/**
 * The table's columns that the rows have cells for; the others keep their defaults.
 * Errors: `WarehouseRefusedError` when there are cells for which the table has no column: they would be lost in silence.
 */
export function columnsIn(table: Table, cells: Cells): readonly Column[] {
  const unknown = cells.names.find((name) => !table.names.has(name));
  if (unknown !== undefined) {
    throw new WarehouseRefusedError(
      `Table "${table.name}" has no column "${unknown}": ${ALTERED}`,
    );
  }
  return table.columns.filter(({ name }) => cells.names.includes(name));
}
