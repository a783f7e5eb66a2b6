// From what the outputs answer to rows of derived tables (ingest.ts makes those of the raw table): which columns windows, sessions, episodes and latest values have.

import type {
  Element,
  Key,
  KeyPart,
  LatestResult,
  Named,
  Output,
  RunningResult,
  SessionChange,
  WindowResult,
} from "@freshet/stream";
import type { Row, TableKey } from "../warehouse/warehouse.ts";
import type { EpisodeOutput } from "./episodes.ts";

/** A keyed row to be written, or taken away. */
export interface KeyedChange {
  readonly op: "upsert" | "delete";
  /** Holds at least the key columns. */
  readonly row: Row;
}

/** The columns by which the row of a newer record is newer, unless an output names others. */
const NEWER_BY = ["TIMESTAMP", "KAFKA_OFFSET"];

/** The key of an output's table; `null` where rows are only ever added. */
export function tableKeyOf(output: Output<unknown>): TableKey | null {
  switch (output.kind) {
    case "append":
      return null;
    case "latest":
      return { keyColumns: output.keyNames, guardColumns: output.order ?? NEWER_BY };
    case "running":
      return { keyColumns: ["KAFKA_PARTITION", ...output.keyNames] };
    case "windows":
    case "sessions": {
      const nested = output.kind === "windows" && output.nested;
      const columns = nested ? ["WINDOW_START", "WINDOW_END"] : ["WINDOW_START"];
      return { keyColumns: ["KAFKA_PARTITION", ...output.keyNames, ...columns] };
    }
    case "episodes":
      return { keyColumns: ["ALERT_ID"] };
  }
}

/** The changes that an answer of a keyed output stands for. `now` is the wall clock, epoch milliseconds. */
export function keyedChanges(
  output: Output<unknown>,
  elements: readonly Element<unknown>[],
  now: number,
): KeyedChange[] {
  switch (output.kind) {
    case "append":
      return [];
    case "latest":
      return elements.map(({ value }) => latestChange(value as LatestResult<Named>, now));
    case "running":
      return elements.map(({ value }) => runningChange(value as RunningResult<Named>, now));
    case "windows":
      return elements.map(({ value }) => windowChange(value as WindowResult<Named>, now));
    case "sessions":
      return elements.flatMap(({ value }) => sessionChanges(value as SessionChange<Named>, now));
    case "episodes":
      return elements.map(({ value }) => episodeChange(output, value as SessionChange<Named>, now));
  }
}

function latestChange({ key, value }: LatestResult<Named>, now: number): KeyedChange {
  return { op: "upsert", row: { ...key, ...value, UPDATED_AT: now } };
}

function runningChange({ key, partition, values }: RunningResult<Named>, now: number): KeyedChange {
  return { op: "upsert", row: { KAFKA_PARTITION: partition, ...key, ...values, UPDATED_AT: now } };
}

function windowChange(of: Windowed, now: number): KeyedChange {
  return { op: "upsert", row: windowRow(of, now) };
}

function sessionChanges(change: SessionChange<Named>, now: number): KeyedChange[] {
  const { key, partition } = change;
  const removed = (start: number): KeyedChange => ({
    op: "delete",
    row: { KAFKA_PARTITION: partition, ...key, WINDOW_START: start },
  });
  if (change.kind === "removed") return [removed(change.start)];
  const row = windowChange(change, now);
  return change.previousStart === null ? [row] : [removed(change.previousStart), row];
}

/** `<type>/<key parts>/<partition>/<time it was raised>`: stays while the episode grows, the same on every replay. */
function alertId(type: string, key: Key, partition: number, raisedAt: number): string {
  return [type, ...Object.values(key).map(segment), partition, new Date(raisedAt).toISOString()].join("/");
}

/** A part of a key as text that holds no slash, different for different parts. */
function segment(part: KeyPart): string {
  return part === null ? "%" : String(part).replaceAll(/[%/]/g, encodeURIComponent);
}

function episodeChange(output: EpisodeOutput, change: SessionChange<Named>, now: number): KeyedChange {
  const { key, partition, id } = change;
  const ALERT_ID = alertId(output.type, key, partition, id);
  if (change.kind === "removed") return { op: "delete", row: { ALERT_ID } };
  return {
    op: "upsert",
    row: {
      ALERT_ID,
      ALERT_TYPE: output.type,
      ...key,
      // What is still open but long past is no alert: it becomes one when the partition has caught up and it still is.
      STATUS: change.open && !change.backfill ? "ACTIVE" : "CLEARED",
      STARTED_AT: change.start,
      LAST_SEEN_AT: change.last,
      CLEARED_AT: change.open ? null : change.end,
      THRESHOLD: output.threshold,
      ...change.values,
      VERSION: change.version,
      KAFKA_PARTITION: partition,
      UPDATED_AT: now,
    },
  };
}

/** What the row of a window is made of. */
export type Windowed = Pick<
  WindowResult<Named>,
  "key" | "partition" | "start" | "end" | "values" | "final" | "version"
>;

/** Makes a row; `now` is epoch milliseconds. */
type Write = (of: Windowed, now: number) => Row;

/** The code for rows of some keys and values, by their names. */
interface RowWriter {
  readonly keyNames: readonly string[];
  readonly valueNames: readonly string[];
  readonly write: Write;
}

/** As many kinds of windows as a process may have; others begin anew. */
const MOST_WRITERS = 64;
let writers: RowWriter[] = [];
/** The rows of one output come together. */
let last: RowWriter | undefined;

/**
 * The row of a window or a session. Of two columns of one name the later one counts. It is written at once by code that is put
 * together of its columns' names: an object that is spread into another is put together name by name, which takes three times
 * as long.
 */
export function windowRow(of: Windowed, now: number): Row {
  if (last === undefined || !isFor(last, of)) last = writers.find((writer) => isFor(writer, of)) ?? addWriter(of);
  return last.write(of, now);
}

const isFor = ({ keyNames, valueNames }: RowWriter, { key, values }: Windowed) =>
  hasNames(key, keyNames) && hasNames(values, valueNames);

/** Whether these are the object's names, in this order. */
function hasNames(object: object, names: readonly string[]): boolean {
  let i = 0;
  for (const name in object) if (name !== names[i++]) return false;
  return i === names.length;
}

function addWriter({ key, values }: Windowed): RowWriter {
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
