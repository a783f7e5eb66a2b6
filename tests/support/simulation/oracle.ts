// What the tables must be: recomputed from what is in the log and from the raw rows, by the models of the stream tests.

import { assert, assertEquals } from "@std/assert";
import { deadLetterTopic } from "../../../src/engine/mod.ts";
import type { NewRecord } from "../../../src/log/log.ts";
import type { Unit } from "../../../src/warehouse/warehouse.ts";
import { type Event, sorted } from "../../stream/feed.ts";
import { type Expected, expectSessions, expectWindows, valuesOf as summaryOf } from "../../stream/models.ts";
import { isAlert, type Reading, TOPIC, WINDOW } from "./domain.ts";
import type { World } from "./world.ts";

type Row = Readonly<Record<string, unknown>>;

/** Watches every unit: watermarks and offsets never go back (I4), final rows change only by a new version (I5). */
export function watchInvariants({ warehouse }: World): void {
  warehouse.watch = ({ moves, upserts }: Unit) => {
    for (const { partition, to } of moves) {
      const before = warehouse.claims.get(partition)!;
      assert(to.nextOffset >= before.nextOffset, "An offset went back");
      assert((to.watermark ?? -Infinity) >= (before.watermark ?? -Infinity), "A watermark went back");
    }
    for (const { table, keyColumns, rows } of upserts) {
      const known = new Map(warehouse.rows(table).map((row) => [JSON.stringify(keyColumns.map((c) => row[c])), row]));
      for (const row of rows) {
        const before = known.get(JSON.stringify(keyColumns.map((column) => row[column])));
        if (!before || (before.IS_FINAL !== true && before.STATUS !== "CLEARED")) continue;
        assert(Number(row.VERSION) > Number(before.VERSION), `${table} changed a final row without a new version`);
      }
    }
  };
}

/**
 * Where a record must end: its dead letter's stage, or undefined for the raw table; "maybe operator" either of the two, when
 * the function that throws is not asked of every record (late ones; of latest rows those that are soon replaced).
 */
export type Fate = "decode" | "validate" | "time" | "operator" | "write" | "maybe operator" | undefined;
/** By `partition/offset`. */
export type Fates = ReadonlyMap<string, Fate>;

/**
 * I1: every offset is in exactly one of raw and dead letters, once; and every dead letter is in its topic, unless the
 * topic has once failed to take one: then no commit waits for it, and who crashes does not try again.
 */
export function checkAccounting({ warehouse, log }: World, expected: Fates): void {
  const found: [string, unknown][] = [];
  for (const row of warehouse.rows("RAW")) {
    const { partition, offset } = JSON.parse(String(row.META));
    found.push([`${partition}/${offset}`, undefined]);
  }
  for (const row of warehouse.rows("DEAD_LETTERS")) {
    found.push([`${row.KAFKA_PARTITION}/${row.KAFKA_OFFSET}`, row.STAGE]);
  }
  assertEquals(found.length, new Set(found.map(([at]) => at)).size, "An offset was written twice");
  const dead = new Map(found.filter(([, stage]) => stage !== undefined));
  const fates = [...expected].map(([at, fate]) =>
    [at, fate === "maybe operator" ? dead.has(at) && "operator" || undefined : fate] as const
  );
  assertEquals(sorted(found), sorted(fates));
  const typed = warehouse.rows("TYPED").map((row) =>
    [`${row.KAFKA_PARTITION}/${row.KAFKA_OFFSET}`, undefined] as const
  );
  assertEquals(typed.length, warehouse.rows("RAW").length);
  assertEquals(sorted(typed), sorted(fates.filter(([, stage]) => stage === undefined)));

  const text = new TextDecoder();
  const placeOf = ({ headers = {} }: Pick<NewRecord, "headers">) =>
    ["partition", "offset"].map((name) => {
      const value = headers[`__connect.errors.${name}`] as string | Uint8Array;
      return typeof value === "string" ? value : text.decode(value);
    }).join("/");
  const deadLetters = deadLetterTopic(TOPIC);
  const failed = log.failed.filter(({ topic }) => topic === deadLetters);
  if (failed.length > 0) return; // those behind one that failed wait for it, and go with the one who crashes meanwhile
  const letters = new Set(log.partition(deadLetters, 0).records.map(placeOf));
  assert([...dead.keys()].every((at) => letters.has(at)), "A dead letter is not in its topic");
}

/** I2: the derived tables equal a recomputation over the raw rows. Versions too, where nothing but events closed windows. */
export function checkDerived(world: World, options: { readonly versions: boolean }): void {
  const { allowedLatenessMs: allowedLateness, maxOutOfOrdernessMs: maxOutOfOrderness } = world.domain.time;
  const lateness = { allowedLateness, maxOutOfOrderness };
  const { size, advance, gap, alertGap } = WINDOW;
  const expected: Record<string, (events: readonly Event[]) => Expected> = {
    TUMBLING: (events) => expectWindows(events, { size, advance: size, ...lateness }),
    HOPPING: (events) => expectWindows(events, { size, advance, ...lateness }),
    SESSIONS: (events) => expectSessions(events, { gap, ...lateness }),
    "ALERTS/HIGH": (events) => expectSessions(events, { gap: alertGap, where: isAlert, ...lateness }),
  };
  const raw = readingsByPartition(world);
  for (const [operator, recompute] of Object.entries(expected)) {
    const table = operator.split("/")[0]!;
    const rows = world.warehouse.rows(table);
    for (const [partition, events] of raw) {
      const { late, ...made } = recompute(events.map(({ value }) => value));
      const [values, versions] = [withoutEnd(made.values), withoutEnd(made.versions)];
      const mine = rows.filter((row) => row.KAFKA_PARTITION === partition && !isEnd(String(row.K)));
      assertEquals(
        sorted(mine.map((row) => [nameOf(table, row), valuesOf(row)])),
        table === "ALERTS" ? peaks(values) : values,
        operator,
      );
      if (options.versions) {
        assertEquals(sorted(mine.map((row) => [nameOf(table, row), row.VERSION])), versions, operator);
      }
      const lateRows = world.warehouse.rows("LATE_RECORDS").filter((row) =>
        row.OPERATOR === operator && row.KAFKA_PARTITION === partition
      );
      assertEquals(lateRows.map((row) => Number(row.KAFKA_OFFSET)), late.map((i) => events[i]!.offset), operator);
    }
  }
  checkLatest(world, raw);
  checkRunning(world, raw);
}

/** Keys of the events that close all windows: their own stay open. */
export const isEnd = (key: string) => key.startsWith("end");
const withoutEnd = (rows: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(rows).filter(([name]) => !isEnd(name)));

type Readings = ReadonlyMap<number, readonly { readonly offset: number; readonly value: Reading }[]>;

function readingsByPartition({ warehouse }: World): Readings {
  const readings = warehouse.rows("RAW").map((row) => {
    const { partition, offset } = JSON.parse(String(row.META)) as { partition: number; offset: number };
    return { partition, offset, value: JSON.parse(String(row.CONTENT)) as Reading };
  });
  const byPartition = Map.groupBy(readings, ({ partition }) => partition);
  for (const list of byPartition.values()) list.sort((a, b) => a.offset - b.offset);
  return byPartition;
}

function checkLatest({ warehouse }: World, raw: Readings): void {
  const latest = new Map<string, Row>();
  for (const [partition, readings] of raw) {
    for (const { offset, value } of readings) {
      if (value.time < Number(latest.get(value.key)?.TIMESTAMP ?? -Infinity)) continue;
      const row = { K: value.key, TIMESTAMP: value.time, X: value.x, KAFKA_PARTITION: partition, KAFKA_OFFSET: offset };
      latest.set(value.key, row);
    }
  }
  const found = warehouse.rows("LATEST").map(({ UPDATED_AT: _, ...row }) => [String(row.K), row] as const);
  assertEquals<unknown>(sorted(found), sorted([...latest].map(([k, row]) => [k, row])));
}

function checkRunning({ warehouse }: World, raw: Readings): void {
  const expected = [...raw].flatMap(([partition, readings]) =>
    [...Map.groupBy(readings, ({ value }) => value.key)].map(([key, of]) =>
      [`${partition} ${key}`, summaryOf(of.map(({ value }) => value))] as const
    )
  );
  const found = warehouse.rows("RUNNING").map((row) => [`${row.KAFKA_PARTITION} ${row.K}`, valuesOf(row)] as const);
  assertEquals(sorted(found), sorted(expected));
}

/** As the models name rows: windows by their bounds, sessions and alerts by first and last element. */
function nameOf(table: string, row: Row): string {
  switch (table) {
    case "ALERTS":
      return `${row.K} ${row.STARTED_AT}..${row.LAST_SEEN_AT}`;
    case "SESSIONS":
      return `${row.K} ${row.WINDOW_START}..${Number(row.WINDOW_END) - WINDOW.gap}`;
    default:
      return `${row.K} ${row.WINDOW_START}..${row.WINDOW_END}`;
  }
}

function valuesOf(row: Row): Row {
  return "ALERT_ID" in row ? { n: row.EVENT_COUNT, max: row.PEAK_VALUE } : { n: row.n, sum: row.sum, max: row.max };
}

function peaks(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values as Record<string, { n: number; max: number }>).map((
      [name, { n, max }],
    ) => [name, { n, max }]),
  );
}
