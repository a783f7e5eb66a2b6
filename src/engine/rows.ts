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
import { type Windowed, windowRow } from "./window_row.ts";

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
