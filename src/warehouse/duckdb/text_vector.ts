// Texts as DuckDB lays them out in memory: entries of 16 bytes beside one run of UTF-8. Must not know tables, statements or
// DuckDB's client.

import type { Column } from "./columns.ts";
import { bytesIn, FIRST_ROOM, grown, numberText, rooms, Vector, type VectorMemory, wordsIn } from "./vector.ts";

/** A text of so many characters, or bytes, is long: see `LargeRows`. */
export const LONG_TEXT = 128 * 1024;
/** Bytes of an entry for a text: its length, then the text itself where it has at most 12 bytes, else its first 4 and where it is. */
export const ENTRY_BYTES = 16;
const ENTRY_WORDS = ENTRY_BYTES / 4;
export const INLINE_BYTES = 12;
/** Up to so many characters are copied one by one: that is quicker than a call. */
const SHORT_CHARS = 48;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

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

  override get heldBytes(): number {
    return super.heldBytes + this.heap.byteLength + this.#ends.byteLength;
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

  override memory(): VectorMemory {
    const { heap, hasLong, isUncertain } = this;
    const [bytes, ends] = [heap.buffer as ArrayBuffer, this.#ends.buffer as ArrayBuffer];
    return { ...super.memory(), texts: { heap: bytes, end: this.#end, ends, hasLong, isUncertain } };
  }

  override attach(memory: VectorMemory): void {
    super.attach(memory);
    const { heap, end, ends, hasLong, isUncertain } = memory.texts!;
    this.heap = bytesIn(heap);
    this.#words = wordsIn(memory.cells);
    this.#bytes = bytesIn(memory.cells);
    this.#ends = wordsIn(ends);
    this.#end = end;
    this.hasLong = hasLong;
    this.isUncertain = isUncertain;
  }

  protected override grow(): void {
    super.grow();
    this.#words = grown(wordsIn, this.#words, this.rows * ENTRY_BYTES);
    this.#bytes = bytesIn(this.#words.buffer as ArrayBuffer);
    this.#ends = grown(wordsIn, this.#ends, this.rows * 4);
  }
}
