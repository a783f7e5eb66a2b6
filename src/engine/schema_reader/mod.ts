// Reads records by their domain's schema, straight from their bytes: the fields in the order and with the white space that the
// last records had, each by the type that the schema gives it, into an object of one shape. Whatever is laid out otherwise, or
// is not certainly accepted, is not its own: it goes to JSON.parse and to the schema, which alone say what is wrong with a
// record. So it cannot be wrong about one: what it returns is what they would have returned.

import { isDeepStrictEqual } from "node:util";
import type { z } from "zod";
import { compile, NOT_MINE, type Read, take } from "./compile.ts";
import { layoutOf } from "./layout.ts";
import { isAscii, isPlain } from "./scan.ts";
import { type Branch, readable } from "./shape.ts";

export { NOT_MINE };

interface Known {
  readonly read: Read;
  /** How many records it has read, fewer the longer ago that was. */
  hits: number;
}

/** Longer records are left to others, who know how long one may be. */
const LONGEST_BYTES = 64 * 1024;
const NONE: readonly Known[] = [];
/** A topic has records of some kinds, each laid out in some ways by some producers. */
const MAX_LAYOUTS = 16;
/** So many records of no known layout are let by, at most, until one more is learnt. */
const MAX_PATIENCE = 100_000;

const readers = new WeakMap<z.ZodType, SchemaReader>();

/** The reader of a schema's records, the same for all partitions: their records are laid out alike. */
export function readerOf(schema: z.ZodType): SchemaReader {
  let reader = readers.get(schema);
  if (!reader) readers.set(schema, reader = new SchemaReader(schema));
  return reader;
}

/** Reads the records of one schema. */
export class SchemaReader {
  /** How many records were read here. */
  readonly counts = { read: 0 };
  /** The most used ones first. */
  readonly #layouts: Known[] = [];
  readonly #branches: readonly Branch[] | undefined;
  #patience = 1;
  #unknown = 0;

  constructor(private readonly schema: z.ZodType) {
    this.#branches = readable(schema);
  }

  /** What the schema makes of the record, or {@link NOT_MINE}. */
  read(bytes: Uint8Array): unknown {
    const layouts = bytes.length > LONGEST_BYTES ? NONE : this.#layouts;
    for (let i = 0; i < layouts.length; i++) {
      const layout = layouts[i]!;
      const value = layout.read(bytes);
      if (value === NOT_MINE) continue;
      const before = layouts[i - 1];
      if (++layout.hits > (before?.hits ?? Infinity)) [this.#layouts[i - 1], this.#layouts[i]] = [layout, before!];
      this.counts.read++;
      return value;
    }
    return NOT_MINE;
  }

  /** Whether the record that was read last is all ASCII. */
  wasAscii(): boolean {
    return isAscii();
  }

  /** Whether the record that was read last is without a backslash. */
  wasPlain(): boolean {
    return isPlain();
  }

  /**
   * Learns how a record is laid out that {@link read} did not take, and that `JSON.parse` made `json` of and the schema
   * `value`. It is rarer the more layouts there have been.
   */
  learn(bytes: Uint8Array, json: unknown, value: unknown): void {
    if (this.#branches === undefined || bytes.length > LONGEST_BYTES || ++this.#unknown < this.#patience) return;
    this.#unknown = 0;
    this.#patience = Math.min(2 * this.#patience, MAX_PATIENCE);
    const read = this.#reading(bytes, json);
    if (read === undefined || !isDeepStrictEqual(read(bytes), value)) return;
    for (const layout of this.#layouts) layout.hits >>>= 1;
    if (this.#layouts.length === MAX_LAYOUTS) this.#layouts.pop();
    this.#layouts.push({ read, hits: 0 });
  }

  #reading(bytes: Uint8Array, json: unknown): Read | undefined {
    const layout = layoutOf(bytes, json, this.#branches!);
    const read = layout && compile(layout);
    if (read === undefined || !layout!.hasOwnRules) return read;
    return (bytes) => {
      const value = read(bytes);
      return value === NOT_MINE ? NOT_MINE : take(this.schema, value);
    };
  }
}
