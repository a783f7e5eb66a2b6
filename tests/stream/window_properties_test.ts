// Random events against the models, cut into random batches, with crashes in between.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { AccumulatorRow } from "../../src/stream/accumulators.ts";
import { aggregateHopping } from "../../src/stream/hopping.ts";
import { Keys } from "../../src/stream/key.ts";
import { aggregateSessions } from "../../src/stream/session.ts";
import { aggregateWindows, tumblingWindows } from "../../src/stream/tumbling.ts";
import { aggregateWindowEpisodes } from "../../src/stream/window_episodes.ts";
import { type Batch, count, last, max, type Operator, StateBackend, sum } from "@freshet/stream";
import { propertyRuns } from "../support/simulation/runs.ts";
import { type Cut, cuts, cutUp, disordered, events } from "./arbitraries.ts";
import {
  type Event,
  event,
  Feed,
  Harness,
  keyOf,
  type SessionResult,
  SessionTable,
  StoredState,
  type WindowRow,
  WindowTable,
  xOf,
} from "./feed.ts";
import {
  type Expected,
  expectSessions,
  expectWindowEpisodes,
  expectWindows,
  type WindowEpisodeModel,
} from "./models.ts";

const keys = new Keys({ k: keyOf });
const accumulators = new AccumulatorRow({ n: count<Event>(), sum: sum(xOf), max: max(xOf) });

/** A table that answers are folded into, whichever kind they are. */
interface Table<T> {
  take(results: readonly T[]): void;
  values(): Record<string, unknown>;
  versions(): Record<string, unknown>;
  open(): string[];
}

interface Run {
  readonly values: Record<string, unknown>;
  readonly versions: Record<string, unknown>;
  readonly late: number[];
  /** Rows that are not final after the last watermark. */
  readonly open: string[];
  readonly stateKeys: string[];
}

interface Case<T> {
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
async function run<T>(
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
    if (!batch.emit) return;
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

function assertRun(actual: Run, expected: Expected): void {
  assertEquals(actual.late, expected.late);
  assertEquals(actual.values, expected.values);
  assertEquals(actual.versions, expected.versions);
  assertEquals(actual.open, [], "Rows are open after the last watermark");
  assertEquals(actual.stateKeys, [], "State is left after the last watermark");
}

const settings = fc.record({ allowedLateness: fc.nat(30), maxOutOfOrderness: fc.nat(8) });
const parts = fc.integer({ min: 1, max: 9 });
const advances = fc.integer({ min: 1, max: 12 });

const tumbling = (size: number, allowedLateness: number, maxOutOfOrderness: number): Case<WindowRow> => ({
  maxOutOfOrderness,
  build: (state) =>
    aggregateWindows({
      name: "w",
      keys,
      windows: tumblingWindows<Event>(size),
      accumulators,
      state,
      allowedLatenessMs: allowedLateness,
    }),
  table: () => new WindowTable(),
});

const hopping = (sizeMs: number, advanceMs: number, allowedLatenessMs: number, maxOutOfOrderness: number) => ({
  maxOutOfOrderness,
  build: (state: StateBackend) =>
    aggregateHopping({ name: "h", keys, sizeMs, advanceMs, accumulators, state, allowedLatenessMs }),
  table: () => new WindowTable() as Table<WindowRow>,
});

const sessions = (gapMs: number, allowedLatenessMs: number, maxOutOfOrderness: number) => ({
  maxOutOfOrderness,
  build: (state: StateBackend) => aggregateSessions({ name: "s", keys, gapMs, accumulators, state, allowedLatenessMs }),
  table: () => new SessionTable() as Table<SessionResult>,
});

const counts = new AccumulatorRow({ n: count<Event>() });
type Counted = { readonly window: { readonly n: number }; readonly before: { readonly n: number } };
const episode = new AccumulatorRow({
  windows: count<Counted>(),
  peak: max(({ window }: Counted) => window.n),
  now: last(({ window }: Counted) => window.n),
});

const windowEpisodes = (model: WindowEpisodeModel) => ({
  maxOutOfOrderness: model.maxOutOfOrderness,
  build: (state: StateBackend) =>
    aggregateWindowEpisodes({
      name: "e",
      keys,
      sizeMs: model.size,
      advanceMs: model.advance,
      trailingMs: model.trailing,
      gapMs: model.gap,
      contents: counts,
      holds: ({ window, before }) => model.holds(window.n, before.n),
      accumulators: episode,
      state,
      allowedLatenessMs: model.allowedLateness,
    }),
  table: () => new SessionTable() as Table<SessionResult>,
});

/** Sizes in advances, so that windows, stretches and gaps meet at their bounds. */
const windowEpisodeModels: fc.Arbitrary<WindowEpisodeModel> = fc.record({
  advance: fc.integer({ min: 1, max: 12 }),
  size: fc.integer({ min: 1, max: 4 }),
  trailing: fc.integer({ min: 1, max: 6 }),
  gap: fc.integer({ min: 2, max: 5 }),
  least: fc.integer({ min: 1, max: 3 }),
  share: fc.constantFrom(0, 0.5, 1, 2),
  allowedLateness: fc.nat(60),
  maxOutOfOrderness: fc.nat(8),
}).map(({ advance, size, trailing, gap, least, share, ...lateness }) => ({
  ...lateness,
  advance,
  size: size * advance,
  trailing: trailing * advance,
  gap: gap * advance,
  holds: (n, before) => n >= least && n >= share * before,
}));

const crashesAt = fc.uniqueArray(fc.nat(20), { maxLength: 4 });

Deno.test("tumbling windows equal a recomputation over the accepted elements, however batches are cut and crashes fall", async () => {
  await fc.assert(
    fc.asyncProperty(events, cuts, advances, settings, crashesAt, async (list, cut, size, s, crashes) => {
      const actual = await run(tumbling(size, s.allowedLateness, s.maxOutOfOrderness), list, cut, crashes);
      assertRun(actual, expectWindows(list, { size, advance: size, ...s }));
    }),
    propertyRuns(300),
  );
});

Deno.test("hopping windows by panes equal brute force over every window, however batches are cut and crashes fall", async () => {
  await fc.assert(
    fc.asyncProperty(events, cuts, advances, parts, settings, crashesAt, async (list, cut, advance, n, s, crashes) => {
      const size = n * advance;
      const actual = await run(hopping(size, advance, s.allowedLateness, s.maxOutOfOrderness), list, cut, crashes);
      assertRun(actual, expectWindows(list, { size, advance, ...s }));
    }),
    propertyRuns(500),
  );
});

Deno.test("sessions equal a recomputation over the accepted elements, however batches are cut and crashes fall", async () => {
  await fc.assert(
    fc.asyncProperty(events, cuts, advances, settings, crashesAt, async (list, cut, gap, s, crashes) => {
      const actual = await run(sessions(gap, s.allowedLateness, s.maxOutOfOrderness), list, cut, crashes);
      assertRun(actual, expectSessions(list, { gap, ...s }));
    }),
    propertyRuns(400),
  );
});

Deno.test("any order within the allowed disorder gives the same final rows", async () => {
  const disorder = 12;
  await fc.assert(
    fc.asyncProperty(disordered(disorder), cuts, advances, parts, async ([ordered, arrived], cut, advance, n) => {
      const cases: Case<WindowRow>[] = [tumbling(advance, 0, disorder), hopping(n * advance, advance, 0, disorder)];
      for (const test of cases) {
        const [plain, mixed] = [await run(test, ordered, [{ size: 1, emit: false }]), await run(test, arrived, cut)];
        assertEquals(mixed, plain);
        assertEquals(mixed.late, []);
        assert(Object.values(mixed.versions).every((version) => version === 1));
      }
      const test = sessions(advance, 0, disorder);
      assertEquals(await run(test, arrived, cut), await run(test, ordered, [{ size: 1, emit: true }]));
    }),
    propertyRuns(200),
  );
});

Deno.test("a silence makes no record late and changes no final value, only how often rows were corrected", async () => {
  const silences = fc.array(fc.oneof(fc.constant(0), fc.nat(120)), { maxLength: 20, size: "max" });
  const all = fc.tuple(events, cuts, advances, parts, settings, crashesAt, silences);
  await fc.assert(
    fc.asyncProperty(all, async ([list, cut, advance, n, s, crashes, silences]) => {
      const { allowedLateness, maxOutOfOrderness } = s;
      const size = n * advance;
      const cases: [Promise<Run>, Expected][] = [
        [
          run(tumbling(size, allowedLateness, maxOutOfOrderness), list, cut, crashes, silences),
          expectWindows(list, { size, advance: size, ...s }),
        ],
        [
          run(hopping(size, advance, allowedLateness, maxOutOfOrderness), list, cut, crashes, silences),
          expectWindows(list, { size, advance, ...s }),
        ],
        [
          run(sessions(advance, allowedLateness, maxOutOfOrderness), list, cut, crashes, silences),
          expectSessions(list, { gap: advance, ...s }),
        ],
      ];
      for (const [running, { values, versions, late }] of cases) {
        const actual = await running;
        assertEquals([actual.values, actual.late, actual.open, actual.stateKeys], [values, late, [], []]);
        for (const [name, version] of Object.entries(actual.versions)) {
          assert(
            Number(version) >= Number(versions[name]),
            `${name} has version ${version}, less than without silences`,
          );
        }
      }
    }),
    propertyRuns(250),
  );
});

Deno.test("episodes of windows equal brute force over every window, however batches are cut and crashes fall", async () => {
  const silences = fc.oneof(
    fc.constant([]),
    fc.array(fc.oneof(fc.constant(0), fc.nat(120)), { maxLength: 20, size: "max" }),
  );
  await fc.assert(
    fc.asyncProperty(
      events,
      cuts,
      windowEpisodeModels,
      crashesAt,
      silences,
      async (list, cut, model, crashes, silent) => {
        const { versions: _, ...actual } = await run(windowEpisodes(model), list, cut, crashes, silent);
        const expected = expectWindowEpisodes(list, model);
        assertEquals(actual, { ...expected, open: [], stateKeys: [] });
      },
    ),
    propertyRuns(500),
  );
});

Deno.test("episodes of windows have the same versions however batches are cut and crashes fall", async () => {
  await fc.assert(
    fc.asyncProperty(events, cuts, windowEpisodeModels, crashesAt, async (list, cut, model, crashes) => {
      const { versions } = await run(windowEpisodes(model), list, [{ size: 1, emit: true }]);
      assertEquals((await run(windowEpisodes(model), list, cut, crashes)).versions, versions);
    }),
    propertyRuns(300),
  );
});

Deno.test("any order within the allowed disorder gives the same episodes of windows, none of them ever corrected", async () => {
  const disorder = 12;
  await fc.assert(
    fc.asyncProperty(disordered(disorder), cuts, windowEpisodeModels, async ([ordered, arrived], cut, lenient) => {
      const model = { ...lenient, allowedLateness: 0, maxOutOfOrderness: disorder };
      // The first element to come says since when there is something to compare with.
      const [first, ...rest] = [event(0), ...arrived];
      const mixed = await run(windowEpisodes(model), [first!, ...rest], cut);
      assertEquals(mixed, await run(windowEpisodes(model), [first!, ...ordered], [{ size: 1, emit: true }]));
      assertEquals(mixed.late, []);
      assert(Object.values(mixed.versions).every((version) => version === 1));
    }),
    propertyRuns(200),
  );
});
