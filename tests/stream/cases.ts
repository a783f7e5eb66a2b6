// Runs an operator over random events, cut into random batches, with crashes in between, and says what its table then holds.

import { assertEquals } from "@std/assert";
import { type Batch, count, max, type Operator, StateBackend, sum } from "@freshet/stream";
import fc from "fast-check";
import { AccumulatorRow } from "../../src/stream/accumulators.ts";
import { aggregateWindows } from "../../src/stream/aggregate_windows.ts";
import { Keys } from "../../src/stream/key.ts";
import type { OverlappingWindows, SeparateWindows } from "../../src/stream/window_kind.ts";
import { type Cut, cutUp } from "./arbitraries.ts";
import { type Event, event, Feed, Harness, keyOf, StoredState, type WindowRow, WindowTable, xOf } from "./feed.ts";
import type { Expected } from "./models.ts";

export const keys = new Keys({ k: keyOf });
export const accumulators = new AccumulatorRow({ n: count<Event>(), sum: sum(xOf), max: max(xOf) });

/** A table that answers are folded into, whichever kind they are. */
export interface Table<T> {
  take(results: readonly T[]): void;
  values(): Record<string, unknown>;
  versions(): Record<string, unknown>;
  open(): string[];
}

export interface Run {
  readonly values: Record<string, unknown>;
  readonly versions: Record<string, unknown>;
  readonly late: number[];
  /** Rows that are not final after the last watermark. */
  readonly open: string[];
  readonly stateKeys: string[];
}

export interface Case<T> {
  readonly maxOutOfOrderness: number;
  build(state: StateBackend): Operator<Event, T>;
  table(): Table<T>;
}

/** Later than anything else, so that it closes all that is open and lets all be forgotten. */
const END: Event = event(1_000_000, "end", 0);
const isEnd = (name: string) => /(^| )end( |$)/.test(name);
const withoutEnd = (rows: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(rows).filter(([name]) => !isEnd(name)));

/**
 * Runs the events through. Every batch that asks for early rows is a checkpoint: rows and state up to it are kept.
 * At a crash (after the batches of those numbers) everything since the last checkpoint is lost: a new pipeline starts
 * from the kept state, and what had come since comes again, as one batch. After a batch there may be a silence: the clock is
 * then that far ahead of the events and moves the watermark.
 */
export async function run<T>(
  test: Case<T>,
  list: readonly Event[],
  cut: readonly Cut[],
  crashes: readonly number[] = [],
  silences: readonly number[] = [],
): Promise<Run> {
  const [stored, table] = [new StoredState(), test.table()];
  const feed = new Feed(test.maxOutOfOrderness, 0, silences.length > 0 ? 0 : Infinity);
  const late: number[] = [];
  const start = () => {
    const backend = new StateBackend();
    const harness = new Harness(test.build(backend));
    stored.restoreInto(backend);
    return { backend, harness, results: [] as T[], taken: [] as Batch<Event>[] };
  };
  let now = start();
  const push = async (batch: Batch<Event>) => {
    now.taken.push(batch);
    now.results.push(...await now.harness.push(batch));
    assertEquals(now.harness.failed, []);
    if (!batch.early) return;
    table.take(now.results.splice(0));
    stored.take(now.backend.drain());
    late.push(...now.harness.late.splice(0));
    now.taken.length = 0;
  };
  const batches = [...cutUp(list, cut), { events: [END], emit: true }];
  for (const [i, { events, emit }] of batches.entries()) {
    await push(feed.batch(events, emit));
    const silence = silences[i] ?? 0;
    if (silence > 0 && feed.silence(silence)) await push(feed.batch([]));
    if (!crashes.includes(i)) continue;
    const [first, last] = [now.taken[0], now.taken.at(-1)];
    const elements = now.taken.flatMap((batch) => batch.elements);
    await now.harness.close();
    now = start();
    if (last) await push({ ...last, closedBefore: first!.closedBefore, elements, side: { late: [], failed: [] } });
  }
  await now.harness.close();
  return {
    values: withoutEnd(table.values()),
    versions: withoutEnd(table.versions()),
    late,
    open: table.open().filter((name) => !isEnd(name)),
    stateKeys: stored.keys().filter((name) => !isEnd(name)),
  };
}

export function assertRun(actual: Run, expected: Expected): void {
  assertEquals(actual.late, expected.late);
  assertEquals(actual.values, expected.values);
  assertEquals(actual.versions, expected.versions);
  assertEquals(actual.open, [], "Rows are open after the last watermark");
  assertEquals(actual.stateKeys, [], "State is left after the last watermark");
}

/** How late elements may be. */
export interface Lateness {
  readonly allowedLateness: number;
  readonly maxOutOfOrderness: number;
}

export const settings: fc.Arbitrary<Lateness> = fc.record({
  allowedLateness: fc.nat(30),
  maxOutOfOrderness: fc.nat(8),
});
export const parts = fc.integer({ min: 1, max: 9 });
export const advances = fc.integer({ min: 1, max: 12 });
/** After which batches the process crashes. */
export const crashesAt = fc.uniqueArray(fc.nat(20), { maxLength: 4 });

/** Windows of a kind that is no session's. */
export function windowCase(
  windows: SeparateWindows<Event> | OverlappingWindows,
  { allowedLateness, maxOutOfOrderness }: Lateness,
): Case<WindowRow> {
  return {
    maxOutOfOrderness,
    build: (state) =>
      aggregateWindows({ name: "w", keys, windows, accumulators, state, allowedLatenessMs: allowedLateness }),
    table: () => new WindowTable(),
  };
}
