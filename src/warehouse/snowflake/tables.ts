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

const COLUMNS = `SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, NUMERIC_PRECISION, NUMERIC_SCALE
  FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = CURRENT_SCHEMA() ORDER BY TABLE_NAME, ORDINAL_POSITION`;

export class Tables {
  readonly #session: Session;
  #tables = new Map<string, Table>();

  constructor(session: Session) {
    this.#session = session;
  }

  async load(): Promise<void> {
    const columns = new Map<string, Column[]>();
    for (const [table, column, type, precision, scale] of await this.#session.rows(COLUMNS)) {
      const of = columns.get(String(table)) ?? [];
      of.push(columnOf(String(column), String(type), Number(precision ?? 38), Number(scale ?? 0)));
      columns.set(String(table), of);
    }
    this.#tables = new Map();
    for (const [name, of] of columns) {
      this.#tables.set(name, { name, columns: of, names: new Set(of.map((column) => column.name)) });
    }
  }

  /** Looks at the catalog again for a table it does not know. Errors: `WarehouseRefusedError` when there is none. */
  async named(name: string): Promise<Table> {
    const key = name.toUpperCase();
    if (!this.#tables.has(key)) await this.load();
    const table = this.#tables.get(key);
    if (table) return table;
    throw new WarehouseRefusedError(
      `Table "${name}" is not in ${this.#session.account.description}: ${GONE}`,
    );
  }

  /** Forgets what it knows: after a refusal the catalog may have changed. */
  forget(): void {
    this.#tables.clear();
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

/** `columns` and the named ones, in the table's order. Errors: `WarehouseRefusedError` when the table has no such column. */
export function withColumns(table: Table, columns: readonly Column[], names: readonly string[]): readonly Column[] {
  const unknown = names.find((name) => !table.names.has(name));
  if (unknown !== undefined) throw new WarehouseRefusedError(`Table "${table.name}" has no key column "${unknown}"`);
  return table.columns.filter((column) => columns.includes(column) || names.includes(column.name));
}
