// What is made between two checkpoints becomes one unit, with at most one change for each key.

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { outputsOf } from "../../src/domains/domain.ts";
import { Pending } from "../../src/engine/pending.ts";
import { type Batch, count, type Output, type SessionChange, type Stream } from "@freshet/stream";
import type { Append, Unit } from "../../src/warehouse/warehouse.ts";
import { readings } from "../support/simulation/domain.ts";

const domain = readings(Infinity);
const outputs = outputsOf(domain);
const names = outputs.map(({ name }) => name);
const MOVE = { partition: 1, epoch: 1, checkpoint: 0, expectedOffset: 0 };
const TO = { nextOffset: 9, watermark: 5, maxEventTime: 6, lastTimestamp: 7 };

const batchOf = <T>(values: readonly T[], partition = 1): Batch<T> => ({
  partition,
  elements: values.map((value, i) => ({ value, time: i, offset: 100 + i, watermark: 0 })),
  nextOffset: 200,
  watermark: 0,
  closedBefore: -Infinity,
  eventWatermark: 0,
  backfill: false,
  early: false,
  ended: false,
  side: { late: [], failed: [] },
});

/** Answers of nothing, but for the named output. */
function answer(pending: Pending, name: string, values: readonly unknown[], partition = 1, now = 50): void {
  const answers = names.map((other) => batchOf(other === name ? values : [], partition));
  pending.addAnswers(batchOf([], partition), answers, now);
}

const unitOf = (pending: Pending): Unit => pending.unit([{ ...MOVE, to: TO }], []);
const rowsOf = ({ cells }: Append) => Array.from({ length: cells.length }, (_, i) => cells.row(i));

const windowRow = (version: number, n: number, final = false) => (
  { key: { K: "a" }, partition: 1, start: 0, end: 100, values: { n }, final, version }
);
const session = (id: number, start: number, last: number, previousStart: number | null = null) => ({
  kind: "session" as const,
  key: { K: "a" },
  partition: 1,
  id,
  start,
  last,
  end: last + 15,
  values: { n: 1 },
  open: true,
  final: false,
  version: 1,
  previousStart,
});
const gone = (id: number, start: number): SessionChange<unknown> => (
  { kind: "removed", key: { K: "a" }, partition: 1, id, start }
);

Deno.test("cumulative windows that begin together are rows of their own", () => {
  const [output] = outputsOf({
    tables: (events: Stream<{ k: string }>) => [
      events.keyBy({ K: ({ k }) => k }).cumulative(200, 100).aggregate("CUMULATIVE", { n: count() }),
    ],
  });
  const pending = new Pending(domain, [output as Output<unknown>]);
  const rows = [{ ...windowRow(1, 1, true), end: 100 }, { ...windowRow(1, 2), end: 200 }];
  pending.addAnswers(batchOf([]), [batchOf(rows)], 50);
  const [upsert] = unitOf(pending).upserts;
  assertEquals(upsert!.keyColumns, ["KAFKA_PARTITION", "K", "WINDOW_START", "WINDOW_END"]);
  assertEquals(upsert!.rows.map(({ WINDOW_END, n }) => [WINDOW_END, n]), [[100, 1], [200, 2]]);
});

Deno.test("of several changes of a window the last is written, with its final and version columns", () => {
  const pending = new Pending(domain, outputs);
  answer(pending, "TUMBLING", [windowRow(1, 1), windowRow(1, 2)]);
  answer(pending, "TUMBLING", [windowRow(2, 3, true)]);
  const { upserts, deletes, moves } = unitOf(pending);
  assertEquals<unknown>(upserts, [{
    table: "TUMBLING",
    keyColumns: ["KAFKA_PARTITION", "K", "WINDOW_START"],
    rows: [{
      KAFKA_PARTITION: 1,
      K: "a",
      WINDOW_START: 0,
      WINDOW_END: 100,
      n: 3,
      IS_FINAL: true,
      VERSION: 2,
      UPDATED_AT: 50,
    }],
  }]);
  assertEquals<unknown>([deletes, moves], [[], [{ ...MOVE, to: TO }]]);
});

Deno.test("a session whose start moved takes the row at its old start away", () => {
  const pending = new Pending(domain, outputs);
  answer(pending, "SESSIONS", [session(40, 40, 45)]);
  answer(pending, "SESSIONS", [session(40, 30, 45, 40)]);
  const { upserts, deletes } = unitOf(pending);
  assertEquals(upserts[0]!.rows.map((row) => [row.WINDOW_START, row.WINDOW_END]), [[30, 60]]);
  assertEquals<unknown>(deletes, [{
    table: "SESSIONS",
    keyColumns: ["KAFKA_PARTITION", "K", "WINDOW_START"],
    rows: [{ KAFKA_PARTITION: 1, K: "a", WINDOW_START: 40 }],
  }]);
});

Deno.test("a session that went into another is deleted, whether its row was written before or in the same unit", () => {
  const pending = new Pending(domain, outputs);
  answer(pending, "SESSIONS", [session(10, 10, 12), session(40, 40, 45)]);
  answer(pending, "SESSIONS", [gone(40, 40), session(10, 10, 45)]);
  const { upserts, deletes } = unitOf(pending);
  assertEquals(upserts[0]!.rows.map((row) => row.WINDOW_START), [10]);
  assertEquals(deletes[0]!.rows.map((row) => row.WINDOW_START), [40]);
});

Deno.test("an alert is one row by the time it was raised at, and goes when it has become part of another", () => {
  const pending = new Pending(domain, outputs);
  const values = { EVENT_COUNT: 2, PEAK_VALUE: 30 };
  answer(pending, "ALERTS", [{ ...session(40, 30, 45), values }, gone(60, 60)]);
  const { upserts, deletes } = unitOf(pending);
  const [row] = upserts[0]!.rows;
  assertEquals([row!.ALERT_ID, row!.STATUS, row!.STARTED_AT, row!.LAST_SEEN_AT, row!.CLEARED_AT, row!.PEAK_VALUE], [
    "HIGH/a/1/1970-01-01T00:00:00.040Z",
    "ACTIVE",
    30,
    45,
    null,
    30,
  ]);
  assertEquals<unknown>(deletes[0]!.rows, [{ ALERT_ID: "HIGH/a/1/1970-01-01T00:00:00.060Z" }]);
});

Deno.test("alerts of different keys have different ids, whatever the keys hold", () => {
  const output = outputs.find(({ kind }) => kind === "episodes") as Extract<Output<unknown>, { kind: "episodes" }>;
  const keys = [{ A: "a/b", B: "c" }, { A: "a", B: "b/c" }, { A: "a%2Fb", B: "c" }, { A: null, B: "" }, {
    A: "",
    B: null,
  }];
  const pending = new Pending(domain, [{ ...output, keyNames: ["A", "B"] }]);
  pending.addAnswers(batchOf([]), [batchOf(keys.map((key) => ({ ...session(40, 40, 45), key })))], 50);
  const ids = unitOf(pending).upserts[0]!.rows.map((row) => row.ALERT_ID);
  assertEquals(new Set(ids).size, keys.length, ids.join(" "));
});

Deno.test("of latest rows from several partitions the newest by its order columns is written, whichever came last", () => {
  const latest = (time: number, offset: number) => (
    { key: { K: "a" }, partition: 0, time, offset, value: { TIMESTAMP: time, KAFKA_OFFSET: offset, K: "a" } }
  );
  const pending = new Pending(domain, outputs);
  answer(pending, "LATEST", [latest(10, 7)], 0);
  answer(pending, "LATEST", [latest(9, 900)], 1);
  answer(pending, "LATEST", [latest(10, 6)], 1);
  const [upsert] = unitOf(pending).upserts;
  assertEquals(upsert!.rows.map((row) => [row.TIMESTAMP, row.KAFKA_OFFSET]), [[10, 7]]);
  assertEquals([upsert!.keyColumns, upsert!.guardColumns], [["K"], ["TIMESTAMP", "KAFKA_OFFSET"]]);
});

Deno.test("appended rows and dead letters know the records that they came from", () => {
  const pending = new Pending(domain, outputs);
  const raw = [{ value: { META: "{}", CONTENT: "1" }, time: 0, offset: 5, watermark: 0 }];
  const record = { offset: 6, key: null, value: null, timestamp: 0, headers: {} };
  const dead = [{
    stage: "decode" as const,
    reason: "tombstone",
    detail: "no value",
    partition: 1,
    record,
    seenAt: 50,
  }];
  pending.add({ batch: batchOf([{}]), raw, dead, bytes: 12, size: 12, large: 0, readBySchema: 0 });
  answer(pending, "TYPED", [{ X: 1 }, { X: 2 }]);
  const { appends } = unitOf(pending);
  const said = appends.map((
    { table, partitions, offsets, ...append },
  ) => [table, rowsOf({ table, partitions, offsets, ...append }).length, [...partitions], [...offsets]]);
  assertEquals<unknown>(said, [["RAW", 1, [1], [5]], ["TYPED", 2, [1, 1], [100, 101]], ["DEAD_LETTERS", 1, [1], [6]]]);
  assertEquals([pending.records, pending.accepted, pending.bytes, [...pending.partitions]], [2, 1, 12, [1]]);
});

Deno.test("late records are rows that name the window operator, how late they were, and the windows that they missed", () => {
  const pending = new Pending(domain, outputs);
  const batch = batchOf([]);
  const missed = { start: 500, end: 1500, count: 1 };
  batch.side.late.push({ operator: "TUMBLING", partition: 1, offset: 8, time: 1000, watermark: 1500.4, missed });
  pending.addAnswers(batch, names.map(() => batchOf([])), 50);
  const [append] = unitOf(pending).appends;
  assertEquals(append!.table, "LATE_RECORDS");
  const [row] = rowsOf(append!);
  assertEquals([row!.OPERATOR, row!.KAFKA_OFFSET, row!.LATENESS_MS], ["TUMBLING", 8, 500]);
  assertEquals([row!.WINDOW_START, row!.WINDOW_END, row!.WINDOWS_MISSED], [500, 1500, 1]);
});

Deno.test("a partition that only told the time is in the unit too, so that its watermark is kept", () => {
  const pending = new Pending(domain, outputs);
  assertEquals([pending.empty, pending.keyedChanges], [true, 0]);
  answer(pending, "TUMBLING", [], 3);
  assertEquals([pending.empty, [...pending.partitions], pending.keyedChanges], [false, [3], 0]);
});

Deno.test("rows of different keys are all written, whatever the keys hold; of each key the last", () => {
  const part = fc.oneof(
    fc.constantFrom(null, true, false, 0, 1, 10, -0.5, NaN, "", "1", "null", '"1 a', "1 ", " ", "[", ","),
    fc.string({ unit: fc.constantFrom('"', " ", "1", "0", "a", ","), maxLength: 4 }),
    fc.double({ noNaN: true }),
  );
  const { key: _, ...row } = windowRow(1, 1);
  fc.assert(fc.property(fc.array(fc.tuple(part, part), { maxLength: 20 }), (keys) => {
    const [output] = outputsOf({
      tables: (events: Stream<{ a: string; b: string }>) => [
        events.keyBy({ A: ({ a }) => a, B: ({ b }) => b }).tumbling(100).aggregate("PAIRS", { n: count() }),
      ],
    });
    const pending = new Pending(domain, [output as Output<unknown>]);
    keys.forEach(([A, B], n) =>
      pending.addAnswers(batchOf([]), [batchOf([{ ...row, key: { A, B }, values: { n } }])], 50)
    );
    const last = new Map(keys.map((key, n) => [JSON.stringify(key), n]));
    assertEquals(unitOf(pending).upserts.flatMap(({ rows }) => rows.map(({ n }) => n)), [...last.values()]);
  }));
});
