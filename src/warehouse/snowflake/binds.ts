// Rows as JSON arrays, so many in one bind as its size allows: Snowflake takes few large binds far better than many small
// ones. Also says which place in an array is which column. Must not know transactions or units.

import { Buffer } from "node:buffer";
import { setImmediate } from "node:timers/promises";
import type { Cells } from "../cells.ts";
import { cellJson, cellSql, type Column } from "./columns.ts";
import type { Table } from "../sql/tables.ts";

/** Rows for one table. */
export interface Target {
  readonly table: Table<Column>;
  readonly columns: readonly Column[];
  readonly cells: Cells;
}

/** Rows that belong together: the n-th row of every target goes into its table. */
export type Source = readonly Target[];

/** A column's place in the arrays. */
interface Slot {
  readonly sql: string;
  /** What a column must be like to share the place. */
  readonly cast: string;
}

/** One source's part of the layout. */
interface Part {
  readonly source: Source;
  readonly length: number;
  /** Slots of each target's columns, in their order. */
  readonly slots: readonly (readonly number[])[];
  /** By slot, up to the last one that the source uses. */
  readonly cells:
    readonly ({ readonly column: Column; readonly cells: readonly unknown[]; readonly asIs: boolean } | undefined)[];
}

/** Where every cell of some sources stands in the arrays. With several sources the first place says which one a row is of. */
export interface Layout {
  readonly parts: readonly Part[];
  /** SQL of each slot, an expression over the array `value`. */
  readonly slots: readonly string[];
  /** SQL of the place that says which source a row is of; `undefined` where there is but one. */
  readonly kind: string | undefined;
}

/** Rows for one bind. */
export class Chunk {
  /** As they are sent, before they are compressed: a bind is text within JSON. */
  readonly bytes: number;
  readonly #texts: readonly string[];
  readonly #sources: readonly number[];

  /** `texts`: each row as JSON; `sources`: which source each row is of; `bytes`: of the rows, as they are sent. */
  constructor(texts: readonly string[], { sources, bytes }: { readonly sources: readonly number[]; bytes: number }) {
    this.#texts = texts;
    this.#sources = sources;
    this.bytes = bytes;
  }

  get length(): number {
    return this.#texts.length;
  }

  /** A JSON array of arrays. */
  get text(): string {
    return `[${this.#texts.join(",")}]`;
  }

  /** How many rows of each of so many sources. */
  rows(sources: number): readonly number[] {
    const rows = new Array<number>(sources).fill(0);
    for (const source of this.#sources) rows[source]!++;
    return rows;
  }

  /** The rows in two chunks, of a chunk of several. */
  halves(): readonly [Chunk, Chunk] {
    const middle = this.length >>> 1;
    const part = (from: number, to: number) => {
      const texts = this.#texts.slice(from, to);
      return new Chunk(texts, { sources: this.#sources.slice(from, to), bytes: sum(texts.map(sentBytes)) });
    };
    return [part(0, middle), part(middle, this.length)];
  }
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

/** How long a row's text is within the JSON of a request. */
function sentBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text));
}

export function layoutOf(sources: readonly Source[]): Layout {
  const first = sources.length > 1 ? 1 : 0;
  const slots: Slot[] = [];
  const parts = sources.map((source): Part => {
    const taken = new Set<number>();
    const cells: Part["cells"][number][] = [];
    const place = (column: Column, given: readonly unknown[]): number => {
      const values = given.some(isBytes) ? given.map(jsonText) : given;
      const asIs = column.encoding === "json" && values.every((cell) => typeof cell === "string");
      const cast = `${column.encoding} ${column.type} ${asIs}`;
      let slot = slots.findIndex((known, i) => known.cast === cast && !taken.has(i));
      if (slot < 0) slot = slots.push({ cast, sql: cellSql(`value[${first + slots.length}]`, column, asIs) }) - 1;
      taken.add(slot);
      cells[slot] = { column, cells: values, asIs };
      return slot;
    };
    const places = source.map((target) =>
      target.columns.map((column) =>
        place(column, target.cells.column(column.name) ?? new Array(target.cells.length).fill(null))
      )
    );
    return { source, length: source[0]!.cells.length, slots: places, cells };
  });
  return { parts, slots: slots.map(({ sql }) => sql), kind: first === 1 ? "value[0]::NUMBER(38,0)" : undefined };
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

const isBytes = (cell: unknown) => cell instanceof Uint8Array;

/** Bytes of JSON as text: a bind is one. */
const jsonText = (cell: unknown) => cell instanceof Uint8Array ? decoder.decode(cell) : cell;

/** One row as a JSON array. */
function rowJson({ cells }: Part, row: number, kind: number | undefined): string {
  let text = kind === undefined ? "[" : `[${kind},`;
  for (let slot = 0; slot < cells.length; slot++) {
    if (slot > 0) text += ",";
    const cell = cells[slot];
    if (!cell) text += "null";
    else text += cell.asIs ? cell.cells[row] as string : cellJson(cell.cells[row], cell.column);
  }
  return `${text}]`;
}

/** Rows written in one turn of the JavaScript thread: a few milliseconds. */
const ROWS_A_TURN = 500;

/**
 * All rows, source by source, in chunks of at most `limit.bytes`, which may change from chunk to chunk. A row that is longer is
 * a chunk of its own. Leaves turns of the JavaScript thread to others, such as the sending of the chunk before.
 */
export async function* chunksOf(
  layout: Layout,
  limit: { readonly bytes: number },
): AsyncGenerator<Chunk, void, undefined> {
  let texts: string[] = [];
  let sources: number[] = [];
  let bytes = 0;
  for (const [index, part] of layout.parts.entries()) {
    for (let row = 0; row < part.length; row++) {
      const text = rowJson(part, row, layout.kind === undefined ? undefined : index);
      const length = sentBytes(text);
      if (bytes + length > limit.bytes && texts.length > 0) {
        yield new Chunk(texts, { sources, bytes });
        [texts, sources, bytes] = [[], [], 0];
      }
      texts.push(text);
      sources.push(index);
      bytes += length;
      if (row % ROWS_A_TURN === ROWS_A_TURN - 1) await setImmediate();
    }
  }
  if (texts.length > 0) yield new Chunk(texts, { sources, bytes });
}
