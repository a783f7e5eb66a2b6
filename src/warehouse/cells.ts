// Rows laid out by column: what a warehouse loads, and far fewer objects to keep until it does.
// Knows nothing of tables: cells are as the port says.

import type { Row } from "./warehouse.ts";

/** Rows by column. Every column has a cell for every row; `undefined` where the row had none. */
export class Cells {
  #names: string[] = [];
  #columns: unknown[][] = [];
  #length = 0;

  /** The rows as columns. */
  static of(rows: readonly Row[]): Cells {
    const cells = new Cells();
    for (const row of rows) cells.add(row);
    return cells;
  }

  /** How many rows. */
  get length(): number {
    return this.#length;
  }

  get names(): readonly string[] {
    return this.#names;
  }

  /** A column's cells; `undefined` for a column that no row had. */
  column(name: string): readonly unknown[] | undefined {
    return this.#columns[this.#names.indexOf(name)];
  }

  /** Appends a row. Rows of one shape are quick, any others are right. */
  add(row: Row): void {
    let i = 0;
    for (const name in row) {
      if (this.#names[i] !== name) return this.#addOfOtherShape(row, i);
      this.#columns[i++]!.push(row[name]);
    }
    this.#length++;
    for (; i < this.#columns.length; i++) this.#columns[i]!.push(undefined);
  }

  /** As `add`, when the row's first `done` cells are in and the next column is not the one expected. */
  #addOfOtherShape(row: Row, done: number): void {
    for (let i = 0; i < done; i++) this.#columns[i]!.pop();
    for (const name of Object.keys(row)) {
      if (this.#names.includes(name)) continue;
      this.#names.push(name);
      this.#columns.push(new Array(this.#length).fill(undefined));
    }
    this.#names.forEach((name, i) => this.#columns[i]!.push(row[name]));
    this.#length++;
  }

  /** The rows from `from` to before `to`. */
  slice(from: number, to: number): Cells {
    const slice = new Cells();
    slice.#names = [...this.#names];
    slice.#columns = this.#columns.map((column) => column.slice(from, to));
    slice.#length = Math.max(0, Math.min(to, this.#length) - from);
    return slice;
  }

  /** One row, without the cells that it does not have. */
  row(index: number): Row {
    const named = this.#names.map((name, i) => [name, this.#columns[i]![index]] as const);
    return Object.fromEntries(named.filter(([, cell]) => cell !== undefined));
  }
}
