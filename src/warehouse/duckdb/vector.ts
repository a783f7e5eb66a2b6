// A column's cells as DuckDB lays them out in memory: what vectors of all forms have. Nothing here is unsafe: these are plain
// arrays. Must not know tables, statements or DuckDB's client.

import type { Column } from "./columns.ts";

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
