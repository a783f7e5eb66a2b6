// Vectors of numbers and booleans, which vector a column has, and those that are used again. Must not know tables, statements
// or DuckDB's client.

import type { Column } from "./columns.ts";
import { LONG_TEXT, TextVector } from "./text_vector.ts";
import { bytesIn, grown, numberText, Vector, type VectorMemory, wordsIn } from "./vector.ts";

const TWO_TO_THE_32 = 2 ** 32;

/** Whole numbers of 64 bits: of BIGINT, or microseconds since the epoch out of milliseconds. */
export class IntegerVector extends Vector {
  readonly width = 8;
  #words = wordsIn(new ArrayBuffer(this.rows * 8));
  /** What a cell is multiplied by. */
  readonly #scale: number;

  constructor(column: Column) {
    super(column);
    this.#scale = column.encoding === "micros" ? 1000 : 1;
  }

  get buffer(): ArrayBuffer {
    return this.#words.buffer as ArrayBuffer;
  }

  put(row: number, cell: unknown): boolean {
    if (typeof cell !== "number") return (cell === null || cell === undefined) && this.putNull(row);
    if (cell - cell !== 0) return this.putNull(row);
    const value = this.#scale === 1 ? cell : Math.round(cell * this.#scale);
    if (!Number.isSafeInteger(value)) return false;
    if (row >= this.rows) this.grow();
    this.#words[2 * row] = value;
    this.#words[2 * row + 1] = Math.floor(value / TWO_TO_THE_32);
    this.nulls[row] = 0;
    return true;
  }

  #value(row: number): number {
    return this.#words[2 * row + 1]! * TWO_TO_THE_32 + (this.#words[2 * row]! >>> 0);
  }

  cell(row: number): number | null {
    return this.nulls[row] === 1 ? null : this.#value(row) / this.#scale;
  }

  text(row: number): string | null {
    return this.nulls[row] === 1 ? null : String(this.#value(row));
  }

  override attach(memory: VectorMemory): void {
    super.attach(memory);
    this.#words = wordsIn(memory.cells);
  }

  protected override grow(): void {
    super.grow();
    this.#words = grown(wordsIn, this.#words, this.rows * 8);
  }
}

export class DoubleVector extends Vector {
  readonly width = 8;
  #values = new Float64Array(new ArrayBuffer(this.rows * 8));

  get buffer(): ArrayBuffer {
    return this.#values.buffer as ArrayBuffer;
  }

  put(row: number, cell: unknown): boolean {
    if (typeof cell !== "number") return (cell === null || cell === undefined) && this.putNull(row);
    if (cell - cell !== 0) return this.putNull(row);
    if (row >= this.rows) this.grow();
    this.#values[row] = cell;
    this.nulls[row] = 0;
    return true;
  }

  cell(row: number): number | null {
    return this.nulls[row] === 1 ? null : this.#values[row]!;
  }

  text(row: number): string | null {
    return this.nulls[row] === 1 ? null : numberText(this.#values[row]!);
  }

  override attach(memory: VectorMemory): void {
    super.attach(memory);
    this.#values = new Float64Array(memory.cells);
  }

  protected override grow(): void {
    super.grow();
    this.#values = grown((buffer) => new Float64Array(buffer), this.#values, this.rows * 8);
  }
}

export class BooleanVector extends Vector {
  readonly width = 1;
  #values = bytesIn(new ArrayBuffer(this.rows));

  get buffer(): ArrayBuffer {
    return this.#values.buffer as ArrayBuffer;
  }

  put(row: number, cell: unknown): boolean {
    if (typeof cell !== "boolean") return (cell === null || cell === undefined) && this.putNull(row);
    if (row >= this.rows) this.grow();
    this.#values[row] = cell ? 1 : 0;
    this.nulls[row] = 0;
    return true;
  }

  cell(row: number): boolean | null {
    return this.nulls[row] === 1 ? null : this.#values[row] === 1;
  }

  text(row: number): string | null {
    return this.nulls[row] === 1 ? null : String(this.#values[row] === 1);
  }

  override attach(memory: VectorMemory): void {
    super.attach(memory);
    this.#values = bytesIn(memory.cells);
  }

  protected override grow(): void {
    super.grow();
    this.#values = grown(bytesIn, this.#values, this.rows);
  }
}

/** Vectors that are needed no more, by column: fresh memory costs time, and has the garbage collector look at everything. */
const spares = new WeakMap<Column, Vector[]>();
/**
 * What all that are kept may hold together, bytes: that of one domain that works off a backlog. With several domains each would
 * keep as much, all of it for nothing but at its own units.
 */
const MAX_SPARE_BYTES = 32 * 1024 * 1024;
let spareBytes = 0;
/** Two units, one being written while the next one grows, and what they have in more than one statement. */
const MAX_SPARES = 4;

/** Keeps a vector that had so many rows for the next one of its column, unless that would be far too large. */
export function giveBack(vector: Vector, rows: number): void {
  const kept = spares.get(vector.column) ?? [];
  const isOfItsForm = vector instanceof TextVector === (vector.column.encoding === "text");
  if (!isOfItsForm || kept.length >= MAX_SPARES || !vector.isWellFilledBy(rows)) return;
  if (spareBytes + vector.heldBytes > MAX_SPARE_BYTES) return;
  vector.reset();
  spareBytes += vector.heldBytes;
  kept.push(vector);
  spares.set(vector.column, kept);
}

/** An empty vector that keeps no long text: one that was given back, or a new one. */
export function spareFor(column: Column): Vector {
  const spare = spares.get(column)?.pop();
  if (!spare) return vectorFor(column, LONG_TEXT);
  spareBytes -= spare.heldBytes;
  return spare;
}

/** An empty vector. A text of as many characters as `longest` it does not keep. */
export function vectorFor(column: Column, longest = Infinity): Vector {
  switch (column.encoding) {
    case "integer":
    case "micros":
      return new IntegerVector(column);
    case "double":
      return new DoubleVector(column);
    case "boolean":
      return new BooleanVector(column);
    case "text":
      return new TextVector(column, longest);
  }
}

/** The first rows of a vector as text, for a column that has got a cell that its own form cannot keep. */
export function asText(vector: Vector, rows: number, longest: number): TextVector {
  const texts = new TextVector(vector.column, longest);
  for (let row = 0; row < rows; row++) texts.put(row, vector.text(row));
  return texts;
}
