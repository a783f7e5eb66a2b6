// A column's cells as DuckDB lays them out in memory: what vectors of all forms have, and those of numbers and booleans.
// Nothing here is unsafe: these are plain arrays. Must not know tables, statements or DuckDB's client.

import type { Column } from "./columns.ts";

const TWO_TO_THE_32 = 2 ** 32;

/** What a vector has room for at first. */
export interface Room {
  readonly rows: number;
  readonly textBytes: number;
}

export const FIRST_ROOM: Room = { rows: 256, textBytes: 4096 };
/** What the last vector of a column has needed: the next one is made that large, as growing means copying. */
export const rooms = new WeakMap<Column, Room>();

/** A number as text that DuckDB reads back to the same bits; `null` when it is not finite. */
export function numberText(value: number): string | null {
  if (value - value !== 0) return null;
  return value === 0 && 1 / value < 0 ? "-0.0" : "" + value;
}

/** Twice as much room, with what is there. Its buffer is its own, and never inside of V8's heap, where it could be moved. */
export function grown<T extends Uint8Array | Int32Array | Float64Array>(
  make: (buffer: ArrayBuffer) => T,
  old: T,
  bytes: number,
): T {
  const larger = make(new ArrayBuffer(bytes));
  larger.set(old);
  return larger;
}

export const bytesIn = (buffer: ArrayBuffer) => new Uint8Array(buffer);
export const wordsIn = (buffer: ArrayBuffer) => new Int32Array(buffer);

/** What a vector's cells lie in: plain data that another thread can have. */
export interface VectorMemory {
  readonly cells: ArrayBuffer;
  readonly nulls: ArrayBuffer;
  readonly hasNulls: boolean;
  /** Of texts: their run of UTF-8, how much of it is taken, where each row ends in it, and what is known of them. */
  readonly texts?: {
    readonly heap: ArrayBuffer;
    readonly end: number;
    readonly ends: ArrayBuffer;
    readonly hasLong: boolean;
    readonly isUncertain: boolean;
  };
}

/** The cells of a column, row by row. A row may be written again until the next one is. */
export abstract class Vector {
  /** 1 where a cell is NULL. */
  nulls: Uint8Array;
  hasNulls = false;
  /** How many there is room for. */
  protected rows: number;
  protected readonly room: Room;

  constructor(readonly column: Column) {
    this.room = rooms.get(column) ?? FIRST_ROOM;
    this.rows = this.room.rows;
    this.nulls = bytesIn(new ArrayBuffer(this.rows));
  }

  /** Begins anew, with the room that it has. */
  reset(): void {
    this.hasNulls = false;
  }

  /** Whether so many rows are most of what it has room for. */
  isWellFilledBy(rows: number): boolean {
    return 4 * rows >= this.rows;
  }

  /** It gets no more than these rows; the next vector of the column will be much the same. */
  ended(rows: number): void {
    rooms.set(this.column, { rows: Math.max(rows, FIRST_ROOM.rows), textBytes: FIRST_ROOM.textBytes });
  }

  /** Writes a cell; `false` when it cannot be kept in this form without loss. */
  abstract put(row: number, cell: unknown): boolean;
  /** A cell as it was given; a number of a text column as its text. */
  abstract cell(row: number): unknown;
  /** A cell as DuckDB reads it from text; `null` for NULL. */
  abstract text(row: number): string | null;
  /** Bytes of a row. */
  abstract readonly width: number;
  /** What DuckDB is given: `width` bytes a row. */
  abstract readonly buffer: ArrayBuffer;

  /** Memory that it has taken, whatever of it is in use. */
  get heldBytes(): number {
    return this.nulls.byteLength + this.buffer.byteLength;
  }

  /** What its cells lie in. Whoever gives it to another thread must not ask for a cell before it is back. */
  memory(): VectorMemory {
    return { cells: this.buffer, nulls: this.nulls.buffer as ArrayBuffer, hasNulls: this.hasNulls };
  }

  /** Has the cells of a vector of the same form, which lie in `memory`, in place of its own. */
  attach({ nulls, hasNulls }: VectorMemory): void {
    this.nulls = bytesIn(nulls);
    this.rows = nulls.byteLength;
    this.hasNulls = hasNulls;
  }

  putNull(row: number): boolean {
    if (row >= this.rows) this.grow();
    this.hasNulls = true;
    this.nulls[row] = 1;
    return true;
  }

  /** Makes room for twice as many rows. */
  protected grow(): void {
    this.rows *= 2;
    this.nulls = grown(bytesIn, this.nulls, this.rows);
  }
}

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
