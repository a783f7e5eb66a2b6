// Rows of one table in the form in which a statement is given them: a vector for each column, new or used again. Must not know
// statements.

import { Cells, type PackedCells, type Packer, type Row } from "../cells.ts";
import type { Table as SqlTable } from "../sql/tables.ts";
import { type Column, isSurelyJson } from "./columns.ts";
import { LONG_TEXT, TextVector } from "./text_vector.ts";
import { BooleanVector, DoubleVector, IntegerVector, type Vector } from "./vector.ts";

/** Rows per statement: each statement's answer waits for a turn of the JavaScript thread, so few are better than many. */
const MAX_ROWS = 16_384;
/** Bytes per statement beyond which it gets no more rows. */
const MAX_BYTES = 8 * 1024 * 1024;

/** Vectors that are needed no more, by column: fresh memory costs time, and has the garbage collector look at everything. */
const spares = new WeakMap<Column, Spares>();

interface Spares {
  readonly vectors: Vector[];
  readonly size: Size;
}

/** Apart from the vectors, which lead to their column. */
interface Size {
  bytes: number;
}
/**
 * What all that are kept may hold together, bytes: that of one domain that works off a backlog. With several domains each would
 * keep as much, all of it for nothing but at its own units.
 */
const MAX_SPARE_BYTES = 32 * 1024 * 1024;
let spareBytes = 0;
/** A writer that is opened anew has columns of its own: those of the one before go with all that is kept for them. */
const gone = new FinalizationRegistry<Size>(({ bytes }) => spareBytes -= bytes);
/** Two units, one being written while the next one grows, and what they have in more than one statement. */
const MAX_SPARES = 4;

/** Keeps a vector that had so many rows for the next one of its column, unless that would be far too large. */
function giveBack(vector: Vector, rows: number): void {
  const { vectors: kept, size } = sparesOf(vector.column);
  const isOfItsForm = vector instanceof TextVector === (vector.column.encoding === "text");
  if (!isOfItsForm || kept.length >= MAX_SPARES || !vector.isWellFilledBy(rows)) return;
  if (spareBytes + vector.heldBytes > MAX_SPARE_BYTES) return;
  vector.reset();
  spareBytes += vector.heldBytes;
  size.bytes += vector.heldBytes;
  kept.push(vector);
}

function sparesOf(column: Column): Spares {
  const known = spares.get(column);
  if (known) return known;
  const made: Spares = { vectors: [], size: { bytes: 0 } };
  spares.set(column, made);
  gone.register(column, made.size);
  return made;
}

/** An empty vector that keeps no long text: one that was given back, or a new one. */
function spareFor(column: Column): Vector {
  const kept = spares.get(column);
  const spare = kept?.vectors.pop();
  if (!kept || !spare) return vectorFor(column, LONG_TEXT);
  spareBytes -= spare.heldBytes;
  kept.size.bytes -= spare.heldBytes;
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
function asText(vector: Vector, rows: number, longest: number): TextVector {
  const texts = new TextVector(vector.column, longest);
  for (let row = 0; row < rows; row++) texts.put(row, vector.text(row));
  return texts;
}

/** Rows for one statement. */
export class Rows implements PackedCells {
  length = 0;
  readonly vectors: Vector[] = [];
  /** Those of the vectors that have texts. */
  #texts: TextVector[] = [];
  /** Bytes of a row, texts aside. */
  #width = 0;

  /** A text of as many characters as `longest` is not kept. */
  constructor(vectors: readonly Vector[] = [], private readonly longest = Infinity) {
    for (const vector of vectors) this.add(vector);
  }

  /** Adds a column; its cells of the rows that are there must be in it. */
  add(vector: Vector): void {
    this.vectors.push(vector);
    this.#width += vector.width;
    if (vector instanceof TextVector) this.#texts.push(vector);
  }

  /** Lets a column go on as text. */
  turnToText(index: number): TextVector {
    const known = this.vectors[index]!;
    const texts = asText(known, this.length, this.longest);
    this.vectors[index] = texts;
    this.#texts.push(texts);
    this.#width += texts.width - known.width;
    return texts;
  }

  /** Some columns of the same rows. */
  only(names: readonly string[]): Rows {
    const rows = new Rows(this.vectors.filter(({ column }) => names.includes(column.name)));
    rows.length = this.length;
    return rows;
  }

  get bytes(): number {
    let bytes = this.length * this.#width;
    for (let i = 0; i < this.#texts.length; i++) bytes += this.#texts[i]!.heapBytes;
    return bytes;
  }

  get isFull(): boolean {
    return this.length >= MAX_ROWS || this.bytes >= MAX_BYTES;
  }

  /** Nobody asks for the rows any more: they are gone, and their memory is for those to come. */
  giveBack(): void {
    for (const vector of this.vectors) giveBack(vector, this.length);
    this.vectors.length = this.#texts.length = this.length = 0;
  }

  unpack(): Cells {
    const cells = new Cells();
    for (let row = 0; row < this.length; row++) {
      cells.add(Object.fromEntries(this.vectors.map((vector) => [vector.column.name, vector.cell(row)])));
    }
    return cells;
  }
}

/** Puts a cell in, whatever it is; `false` when it is too long. */
function putAny(rows: Rows, index: number, cell: unknown): boolean {
  const vector = rows.vectors[index]!;
  if (vector.put(rows.length, cell)) return true;
  return !(vector instanceof TextVector) && rows.turnToText(index).put(rows.length, cell);
}

/** Puts a row's cells into vectors; `false` when one of them cannot keep its cell. */
type Put = (row: Row, at: number) => boolean;

/**
 * Code for rows of one shape, whose names the first vectors are for; others get NULL. Each of its loads sees that shape alone,
 * which makes it several times as quick.
 */
function compile(names: readonly string[], others: number): (vectors: readonly Vector[]) => Put {
  const vectors = Array.from({ length: names.length + others }, (_, i) => `v${i}`);
  const puts = vectors.map((vector, i) =>
    i < names.length ? `${vector}.put(at, row[${JSON.stringify(names[i])}])` : `${vector}.putNull(at)`
  );
  const code = `"use strict"; const [${vectors.join(", ")}] = vectors; return (row, at) => ${puts.join(" && ")};`;
  return new Function("vectors", code) as ReturnType<typeof compile>;
}

/** Keeps rows of a table as they come, up to one that it cannot keep. */
export class TablePacker implements Packer {
  #full: Rows[] = [];
  #rows = new Rows([], LONG_TEXT);
  /** Of the row that came last. */
  #shape: readonly string[] = [];
  #put: Put = () => false;
  readonly #compiled = new Map<string, ReturnType<typeof compile>>();

  constructor(private readonly table: SqlTable<Column>) {}

  add(row: Row): boolean {
    const shape = this.#shape;
    let i = 0;
    for (const name in row) {
      if (name !== shape[i++]) {
        i = -1;
        break;
      }
    }
    if ((i !== shape.length || i === 0) && !this.#take(Object.keys(row))) return false;
    if (!this.#put(row, this.#rows.length) && !this.#putSlowly(row)) return false;
    this.#rows.length++;
    if (this.#rows.isFull) this.#end();
    return true;
  }

  take(): readonly PackedCells[] {
    this.#end();
    const taken = this.#full;
    this.#full = [];
    return taken;
  }

  #end(): void {
    if (this.#rows.length === 0) return;
    for (const vector of this.#rows.vectors) vector.ended(this.#rows.length);
    this.#full.push(this.#rows);
    this.#rows = new Rows([], LONG_TEXT);
    this.#shape = [];
  }

  /** Makes ready for rows of these names; `false` when the table does not have them all. */
  #take(names: readonly string[]): boolean {
    if (names.length === 0 || names.some((name) => !this.table.names.has(name))) return false;
    const { vectors, length } = this.#rows;
    for (const column of this.table.columns) {
      if (!names.includes(column.name) || vectors.some((known) => known.column === column)) continue;
      const vector = spareFor(column);
      for (let row = 0; row < length; row++) vector.putNull(row);
      this.#rows.add(vector);
    }
    this.#shape = names;
    this.#prepare();
    return true;
  }

  #prepare(): void {
    const { vectors } = this.#rows;
    const named = this.#shape.map((name) => vectors.find(({ column }) => column.name === name)!);
    const others = vectors.filter((vector) => !named.includes(vector));
    const key = JSON.stringify([this.#shape, others.length]);
    let compiled = this.#compiled.get(key);
    if (!compiled) this.#compiled.set(key, compiled = compile(this.#shape, others.length));
    this.#put = compiled([...named, ...others]);
  }

  /** Puts a row in of which a column cannot keep its cell: that goes on as text. A text that is long is for others. */
  #putSlowly(row: Row): boolean {
    for (let i = 0; i < this.#rows.vectors.length; i++) {
      if (!putAny(this.#rows, i, row[this.#rows.vectors[i]!.column.name])) return false;
    }
    this.#prepare();
    return true;
  }
}

/** The rows of cells, from one on, as many as a statement takes. */
export function rowsFrom(columns: readonly Column[], cells: Cells, from: number): Rows {
  const rows = new Rows(columns.map((column) => vectorFor(column)));
  const all = columns.map(({ name }) => cells.column(name));
  for (let at = from; at < cells.length && !rows.isFull; at++) {
    for (let i = 0; i < all.length; i++) putAny(rows, i, all[i]?.[at]);
    rows.length++;
  }
  return rows;
}

const isLong = (cell: unknown): boolean =>
  (typeof cell === "string" || cell instanceof Uint8Array) && cell.length >= LONG_TEXT;

/** The rows in another order: those with a long text last, so that few NULLs come after one. See `LargeRows`. */
export function longLast(columns: readonly Column[], cells: Cells): Cells {
  const texts = columns.filter(({ type }) => type === "VARCHAR").map(({ name }) => cells.column(name) ?? []);
  const long = new Set<number>();
  for (const column of texts) column.forEach((cell, row) => isLong(cell) && long.add(row));
  if (long.size === 0 || long.size === cells.length) return cells;
  const rows = Array.from({ length: cells.length }, (_, row) => row);
  const ordered = [...rows.filter((row) => !long.has(row)), ...rows.filter((row) => long.has(row))];
  return Cells.of(ordered.map((row) => cells.row(row)));
}

/** Whether DuckDB need not look at a column of JSON. Of one with a long text all texts are looked at here, in less memory. */
export function needsNoLook(vector: TextVector, rows: number): boolean {
  if (!vector.isUncertain) return true;
  if (!vector.hasLong) return false;
  for (let row = 0; row < rows; row++) {
    const text = vector.text(row);
    if (text !== null && !isSurelyJson(text)) return false;
  }
  return true;
}
