// Rows of windows and sessions, each written at once by code that is put together of its columns' names: an object that is
// spread into another is put together name by name, which takes three times as long. Must not know operators or tables.

import type { Named, WindowResult } from "@freshet/stream";
import type { Row } from "../warehouse/warehouse.ts";

/** What the row of a window is made of. */
export type Windowed = Pick<
  WindowResult<Named>,
  "key" | "partition" | "start" | "end" | "values" | "final" | "version"
>;

/** Makes a row; `now` is epoch milliseconds. */
type Write = (of: Windowed, now: number) => Row;

/** The code for rows of some keys and values, by their names. */
interface Writer {
  readonly keyNames: readonly string[];
  readonly valueNames: readonly string[];
  readonly write: Write;
}

/** As many kinds of windows as a process may have; others begin anew. */
const MOST_WRITERS = 64;
let writers: Writer[] = [];
/** The rows of one output come together. */
let last: Writer | undefined;

/** The row of a window. Of two columns of one name the later one counts. */
export function windowRow(of: Windowed, now: number): Row {
  if (last === undefined || !isFor(last, of)) last = writers.find((writer) => isFor(writer, of)) ?? addWriter(of);
  return last.write(of, now);
}

const isFor = ({ keyNames, valueNames }: Writer, { key, values }: Windowed) =>
  hasNames(key, keyNames) && hasNames(values, valueNames);

/** Whether these are the object's names, in this order. */
function hasNames(object: object, names: readonly string[]): boolean {
  let i = 0;
  for (const name in object) if (name !== names[i++]) return false;
  return i === names.length;
}

function addWriter({ key, values }: Windowed): Writer {
  const [keyNames, valueNames] = [Object.keys(key), Object.keys(values)];
  const writer = { keyNames, valueNames, write: compile(keyNames, valueNames) };
  if (writers.length >= MOST_WRITERS) writers = [];
  writers.push(writer);
  return writer;
}

function compile(keyNames: readonly string[], valueNames: readonly string[]): Write {
  const members = (of: string, names: readonly string[]) =>
    names.map((name) => `${member(name)}: ${of}[${quoted(name)}]`);
  const all = [
    "KAFKA_PARTITION: of.partition",
    ...members("key", keyNames),
    "WINDOW_START: of.start",
    "WINDOW_END: of.end",
    ...members("values", valueNames),
    "IS_FINAL: of.final",
    "VERSION: of.version",
    "UPDATED_AT: now",
  ];
  return new Function("of", "now", `"use strict"; const { key, values } = of; return { ${all.join(", ")} };`) as Write;
}

const quoted = (name: string) => JSON.stringify(name);
/** A name as a literal has it: this one would be taken for the object's prototype. */
const member = (name: string) => name === "__proto__" ? `[${quoted(name)}]` : quoted(name);
