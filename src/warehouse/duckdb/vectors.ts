// A column's cells as DuckDB lays them out in memory: numbers as their bytes, texts as entries of 16 bytes beside one run of
// UTF-8. Nothing here is unsafe: these are plain arrays. Must not know tables, statements or DuckDB's client.

import type { Column } from "./columns.ts";

/** A text of so many characters, or bytes, is long: see `LargeRows`. */
export const LONG_TEXT = 128 * 1024;
/** What a vector has room for at first. */
interface Room {
  readonly rows: number;
  readonly textBytes: number;
}

const FIRST_ROOM: Room = { rows: 256, textBytes: 4096 };
/** What the last vector of a column has needed: the next one is made that large, as growing means copying. */
const rooms = new WeakMap<Column, Room>();
/** Bytes of an entry for a text: its length, then the text itself where it has at most 12 bytes, else its first 4 and where it is. */
export const ENTRY_BYTES = 16;
const ENTRY_WORDS = ENTRY_BYTES / 4;
export const INLINE_BYTES = 12;
const TWO_TO_THE_32 = 2 ** 32;
/** Up to so many characters are copied one by one: that is quicker than a call. */
const SHORT_CHARS = 48;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** A number as text that DuckDB reads back to the same bits; `null` when it is not finite. */
function numberText(value: number): string | null {
  if (value - value !== 0) return null;
  return value === 0 && 1 / value < 0 ? "-0.0" : "" + value;
}

/** Twice as much room, with what is there. Its buffer is its own, and never inside of V8's heap, where it could be moved. */
function grown<T extends Uint8Array | Int32Array | Float64Array>(
  make: (buffer: ArrayBuffer) => T,
  old: T,
  bytes: number,
): T {
  const larger = make(new ArrayBuffer(bytes));
  larger.set(old);
  return larger;
}

const bytesIn = (buffer: ArrayBuffer) => new Uint8Array(buffer);
const wordsIn = (buffer: ArrayBuffer) => new Int32Array(buffer);

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

  protected override grow(): void {
    super.grow();
    this.#values = grown(bytesIn, this.#values, this.rows);
  }
}

/** Texts, and everything else that DuckDB reads from text. */
export class TextVector extends Vector {
  readonly width = ENTRY_BYTES;
  /** Some text is long. */
  hasLong = false;
  /** Some text may be no JSON as DuckDB takes it. */
  isUncertain = false;
  /** UTF-8 of the texts that do not fit into their entries. */
  heap = bytesIn(new ArrayBuffer(this.room.textBytes));
  #words = wordsIn(new ArrayBuffer(this.rows * ENTRY_BYTES));
  #bytes = bytesIn(this.#words.buffer as ArrayBuffer);
  /** Where the bytes of a row end in the heap. */
  #ends = wordsIn(new ArrayBuffer(this.rows * 4));
  #end = 0;

  constructor(column: Column, private readonly longest: number) {
    super(column);
  }

  get buffer(): ArrayBuffer {
    return this.#words.buffer as ArrayBuffer;
  }

  override reset(): void {
    super.reset();
    this.hasLong = this.isUncertain = false;
    this.#end = 0;
  }

  override ended(rows: number): void {
    const textBytes = Math.max(Math.ceil(this.#end * 1.1), FIRST_ROOM.textBytes);
    rooms.set(this.column, { rows: Math.max(rows, FIRST_ROOM.rows), textBytes });
  }

  /** How many bytes the heap has. */
  get heapBytes(): number {
    return this.#end;
  }

  put(row: number, cell: unknown): boolean {
    if (typeof cell === "string") return this.#putText(row, cell);
    if (cell === null || cell === undefined) return this.putNull(row);
    if (cell instanceof Uint8Array) return this.#putBytes(row, cell);
    return this.#putOther(row, cell);
  }

  override putNull(row: number): boolean {
    super.putNull(row);
    this.#begin(row);
    this.#words.fill(0, ENTRY_WORDS * row, ENTRY_WORDS * (row + 1));
    this.#ends[row] = this.#end;
    return true;
  }

  #putOther(row: number, cell: unknown): boolean {
    const { name, encoding } = this.column;
    switch (typeof cell) {
      case "number": {
        const text = numberText(encoding === "micros" ? Math.round(cell * 1000) : cell);
        return text === null ? this.putNull(row) : this.#putText(row, text);
      }
      case "boolean":
      case "bigint":
        return this.#putText(row, String(cell));
      default:
        throw new TypeError(`Column "${name}" cannot hold an object or function: give VARIANT cells as JSON text`);
    }
  }

  /** Begins a row, or begins it again. */
  #begin(row: number): void {
    if (row >= this.rows) this.grow();
    this.#end = row === 0 ? 0 : this.#ends[row - 1]!;
  }

  #putText(row: number, text: string): boolean {
    const { length } = text;
    if (length >= this.longest) return false;
    this.#begin(row);
    this.nulls[row] = 0;
    this.isUncertain = true;
    if (length >= LONG_TEXT) this.hasLong = true;
    if (length <= INLINE_BYTES && this.#putInline(row, text)) return true;
    const from = this.#end;
    this.#makeRoom(3 * length);
    const { heap } = this;
    let [bits, i] = [0, 0];
    if (length <= SHORT_CHARS) {
      for (; i < length; i++) {
        const code = text.charCodeAt(i);
        bits |= code;
        heap[from + i] = code;
      }
    } else bits = 128;
    const bytes = bits < 128 ? length : encoder.encodeInto(text, heap.subarray(from)).written;
    this.#enter(row, from, bytes);
    return true;
  }

  /** A short text, when it is ASCII. */
  #putInline(row: number, text: string): boolean {
    const [bytes, words, { length }] = [this.#bytes, this.#words, text];
    const word = ENTRY_WORDS * row;
    words[word] = length;
    words[word + 1] = 0;
    words[word + 2] = 0;
    words[word + 3] = 0;
    const at = ENTRY_BYTES * row + 4;
    let bits = 0;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      bits |= code;
      bytes[at + i] = code;
    }
    this.#ends[row] = this.#end;
    return bits < 128;
  }

  /** UTF-8 that every warehouse takes for JSON, where the column is of JSON. */
  #putBytes(row: number, utf8: Uint8Array): boolean {
    if (utf8.length >= this.longest) return false;
    this.#begin(row);
    this.nulls[row] = 0;
    if (utf8.length >= LONG_TEXT) this.hasLong = true;
    const from = this.#end;
    this.#makeRoom(utf8.length);
    this.heap.set(utf8, from);
    this.#enter(row, from, utf8.length);
    return true;
  }

  /** The bytes of a row are in the heap, at its end; where they are few they go into its entry. */
  #enter(row: number, from: number, length: number): void {
    const [words, { heap }] = [this.#words, this];
    const word = ENTRY_WORDS * row;
    words[word] = length;
    if (length > INLINE_BYTES) {
      words[word + 1] = heap[from]! | heap[from + 1]! << 8 | heap[from + 2]! << 16 | heap[from + 3]! << 24;
      words[word + 2] = from;
      words[word + 3] = 0;
      this.#end = from + length;
    } else {
      words.fill(0, word + 1, word + ENTRY_WORDS);
      const at = ENTRY_BYTES * row + 4;
      for (let i = 0; i < length; i++) this.#bytes[at + i] = heap[from + i]!;
    }
    this.#ends[row] = this.#end;
  }

  #makeRoom(bytes: number): void {
    const needed = this.#end + bytes;
    if (needed <= this.heap.length) return;
    this.heap = grown(bytesIn, this.heap.subarray(0, this.#end), Math.max(needed, 2 * this.heap.length));
  }

  /** The bytes of a text. */
  bytesOf(row: number): Uint8Array {
    const length = this.#words[ENTRY_WORDS * row]!;
    if (length <= INLINE_BYTES) return this.#bytes.subarray(ENTRY_BYTES * row + 4, ENTRY_BYTES * row + 4 + length);
    const from = this.#words[ENTRY_WORDS * row + 2]!;
    return this.heap.subarray(from, from + length);
  }

  cell(row: number): string | null {
    return this.text(row);
  }

  text(row: number): string | null {
    return this.nulls[row] === 1 ? null : decoder.decode(this.bytesOf(row));
  }

  protected override grow(): void {
    super.grow();
    this.#words = grown(wordsIn, this.#words, this.rows * ENTRY_BYTES);
    this.#bytes = bytesIn(this.#words.buffer as ArrayBuffer);
    this.#ends = grown(wordsIn, this.#ends, this.rows * 4);
  }
}

/** Vectors that are needed no more, by column: fresh memory costs time, and has the garbage collector look at everything. */
const spares = new WeakMap<Column, Vector[]>();
/** Two units, one being written while the next one grows, and what they have in more than one statement. */
const MAX_SPARES = 4;

/** Keeps a vector that had so many rows for the next one of its column, unless that would be far too large. */
export function giveBack(vector: Vector, rows: number): void {
  const kept = spares.get(vector.column) ?? [];
  const isOfItsForm = vector instanceof TextVector === (vector.column.encoding === "text");
  if (!isOfItsForm || kept.length >= MAX_SPARES || !vector.isWellFilledBy(rows)) return;
  vector.reset();
  kept.push(vector);
  spares.set(vector.column, kept);
}

/** An empty vector that keeps no long text: one that was given back, or a new one. */
export function spareFor(column: Column): Vector {
  return spares.get(column)?.pop() ?? vectorFor(column, LONG_TEXT);
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
