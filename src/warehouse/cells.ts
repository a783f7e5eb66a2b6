// Rows laid out by column: what a warehouse loads, and far fewer objects to keep until it does.
// Knows nothing of tables.

/**
 * A row by column name. Cells: number (BIGINT, DOUBLE; epoch milliseconds for TIMESTAMP_NTZ and TIMESTAMP_LTZ, fractional
 * down to the microsecond), string (VARCHAR; `YYYY-MM-DD` for DATE; JSON text for VARIANT), bytes (for VARIANT: UTF-8
 * of JSON that holds no escaped half of a surrogate pair, so that every warehouse takes it; they must not change), boolean, null or absent.
 * NaN and infinities are stored as NULL. A column that no row of a table's rows mentions keeps its default; where only some
 * mention it, the others are NULL. A cell for which the table has no column is an error.
 */
export type Row = Readonly<Record<string, unknown>>;

/** Rows in the form in which a warehouse loads them: one thing where the cells are thousands. */
export interface PackedCells {
  readonly length: number;
  /** The rows again; a cell may have become its text. */
  unpack(): Cells;
}

/** Packs rows of one table as they come. */
export interface Packer {
  /** Takes a row; `false` when it must wait as it is: those after it do, too. */
  add(row: Row): boolean;
  /** The rows that it has taken since the last time. */
  take(): readonly PackedCells[];
}

/** Columns as plain data: each has a cell for every row. */
export interface CellColumns {
  readonly names: readonly string[];
  readonly columns: readonly (readonly unknown[])[];
  readonly length: number;
}

/**
 * Rows by column. Every column has a cell for every row; `undefined` where the row had none. With a packer, rows are packed
 * as they come.
 */
export class Cells {
  readonly #packer: Packer | undefined;
  /** The packer has refused a row. */
  #isRefused = false;
  readonly #packed: PackedCells[] = [];
  #packedLength = 0;
  #names: string[] = [];
  #columns: unknown[][] = [];
  /** Of the columns. */
  #length = 0;

  constructor(packer?: Packer) {
    this.#packer = packer;
  }

  /** The rows as columns. */
  static of(rows: readonly Row[]): Cells {
    const cells = new Cells();
    for (const row of rows) cells.add(row);
    return cells;
  }

  /** Rows that were packed, and then others by column, as `parts` gave them. */
  static from(packed: readonly PackedCells[], rest: CellColumns): Cells {
    const cells = new Cells();
    cells.#packed.push(...packed);
    cells.#packedLength = packed.reduce((sum, { length }) => sum + length, 0);
    cells.#names = [...rest.names];
    cells.#columns = rest.columns.map((column) => [...column]);
    cells.#length = rest.length;
    return cells;
  }

  /** The columns themselves. */
  get columns(): CellColumns {
    this.#unpack();
    return { names: this.#names, columns: this.#columns, length: this.#length };
  }

  /** How many rows. */
  get length(): number {
    return this.#packedLength + this.#length;
  }

  get names(): readonly string[] {
    this.#unpack();
    return this.#names;
  }

  /** A column's cells; `undefined` for a column that no row had. */
  column(name: string): readonly unknown[] | undefined {
    this.#unpack();
    return this.#columns[this.#names.indexOf(name)];
  }

  /** The rows in the order they came: those that were packed, then the others. */
  parts(): { readonly packed: readonly PackedCells[]; readonly rest: Cells } {
    this.#packed.push(...this.#packer?.take() ?? []);
    const rest = new Cells();
    rest.#names = this.#names;
    rest.#columns = this.#columns;
    rest.#length = this.#length;
    return { packed: this.#packed, rest };
  }

  /** Appends a row. Rows of one shape are quick, any others are right. */
  add(row: Row): void {
    if (this.#packer !== undefined && !this.#isRefused) {
      if (this.#packer.add(row)) {
        this.#packedLength++;
        return;
      }
      this.#isRefused = true;
    }
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
    this.#unpack();
    const slice = new Cells();
    slice.#names = [...this.#names];
    slice.#columns = this.#columns.map((column) => column.slice(from, to));
    slice.#length = Math.max(0, Math.min(to, this.#length) - from);
    return slice;
  }

  /** One row, without the cells that it does not have. */
  row(index: number): Row {
    this.#unpack();
    const named = this.#names.map((name, i) => [name, this.#columns[i]![index]] as const);
    return Object.fromEntries(named.filter(([, cell]) => cell !== undefined));
  }

  /** Takes everything apart again, for whoever asks for single cells. */
  #unpack(): void {
    if (this.#packedLength === 0) return;
    const all = new Cells();
    const { packed, rest } = this.parts();
    for (const part of [...packed.map((rows) => rows.unpack()), rest]) {
      for (let i = 0; i < part.length; i++) all.add(part.row(i));
    }
    this.#packed.length = 0;
    this.#packedLength = 0;
    this.#isRefused = true;
    this.#names = all.#names;
    this.#columns = all.#columns;
    this.#length = all.#length;
  }
}
