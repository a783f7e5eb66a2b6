// What the tables look like, out of the catalog, so that rows need not say how their cells are typed.
// Must not know what is written.

import { WarehouseRefusedError } from "../../errors.ts";
import type { Cells } from "../cells.ts";
import { TABLE_ALTERED, TABLE_DROPPED } from "./dropped.ts";

/** A column; what else a warehouse must know of it is its adapter's. */
export interface NamedColumn {
  /** As rows name it: in upper case. */
  readonly name: string;
}

export interface Table<C extends NamedColumn> {
  readonly name: string;
  readonly columns: readonly C[];
  readonly names: ReadonlySet<string>;
}

/** A row of the catalog. */
export interface CatalogColumn {
  readonly name: string;
  /** As the catalog calls its type. */
  readonly type: string;
  readonly precision: number;
  readonly scale: number;
}

export interface Catalog<C extends NamedColumn> {
  /** Where the tables are, for messages. */
  readonly place: string;
  /** What to do about a table that is not there; by default what holds for every warehouse. */
  readonly dropped?: string;
  rows(sql: string): Promise<readonly (readonly unknown[])[]>;
  columnOf(column: CatalogColumn): C;
}

const COLUMNS = `SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, NUMERIC_PRECISION, NUMERIC_SCALE
  FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = CURRENT_SCHEMA() AND TABLE_CATALOG = CURRENT_DATABASE()
  ORDER BY TABLE_NAME, ORDINAL_POSITION`;

export class Tables<C extends NamedColumn> {
  readonly #catalog: Catalog<C>;
  #tables = new Map<string, Table<C>>();

  constructor(catalog: Catalog<C>) {
    this.#catalog = catalog;
  }

  async load(): Promise<void> {
    const columns = new Map<string, C[]>();
    for (const [table, column, type, precision, scale] of await this.#catalog.rows(COLUMNS)) {
      const name = String(table).toUpperCase();
      const of = columns.get(name) ?? [];
      of.push(this.#catalog.columnOf({
        name: String(column).toUpperCase(),
        type: String(type),
        precision: Number(precision ?? 38),
        scale: Number(scale ?? 0),
      }));
      columns.set(name, of);
    }
    this.#tables = new Map();
    for (const [name, of] of columns) {
      this.#tables.set(name, { name, columns: of, names: new Set(of.map((column) => column.name)) });
    }
  }

  /** The table, if it was there when the catalog was last looked at. */
  known(name: string): Table<C> | undefined {
    return this.#tables.get(name.toUpperCase());
  }

  /** All of them, as they were when the catalog was last looked at. */
  get all(): readonly Table<C>[] {
    return [...this.#tables.values()];
  }

  /** Looks at the catalog again for a table it does not know. Errors: `WarehouseRefusedError` when there is none. */
  async named(name: string): Promise<Table<C>> {
    if (!this.known(name)) await this.load();
    const table = this.known(name);
    if (table) return table;
    throw new WarehouseRefusedError(
      `Table "${name}" is not in ${this.#catalog.place}: ${this.#catalog.dropped ?? TABLE_DROPPED}`,
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
export function columnsIn<C extends NamedColumn>(table: Table<C>, cells: Cells): readonly C[] {
  const unknown = cells.names.find((name) => !table.names.has(name));
  if (unknown !== undefined) {
    throw new WarehouseRefusedError(`Table "${table.name}" has no column "${unknown}": ${TABLE_ALTERED}`);
  }
  return table.columns.filter(({ name }) => cells.names.includes(name));
}

/** `columns` and the named ones, in the table's order. Errors: `WarehouseRefusedError` when the table has no such column. */
export function withColumns<C extends NamedColumn>(
  table: Table<C>,
  columns: readonly C[],
  names: readonly string[],
): readonly C[] {
  const unknown = names.find((name) => !table.names.has(name));
  if (unknown !== undefined) throw new WarehouseRefusedError(`Table "${table.name}" has no key column "${unknown}"`);
  return table.columns.filter((column) => columns.includes(column) || names.includes(column.name));
}
