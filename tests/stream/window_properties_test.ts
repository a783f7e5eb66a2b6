// Random events against the models, cut into random batches, with crashes in between.

import { assert, assertEquals } from "@std/assert";
import { count, last, max, type StateBackend } from "@freshet/stream";
import fc from "fast-check";
import { AccumulatorRow } from "../../src/stream/accumulators.ts";
import { aggregateSessions } from "../../src/stream/aggregate_windows.ts";
import { hoppingWindows } from "../../src/stream/hopping_windows.ts";
import { sessionWindows } from "../../src/stream/session_windows.ts";
import { tumblingWindows } from "../../src/stream/tumbling_windows.ts";
import { aggregateWindowEpisodes } from "../../src/stream/window_episodes.ts";
import { propertyRuns } from "../support/simulation/runs.ts";
import { cuts, disordered, events } from "./arbitraries.ts";
import {
  accumulators,
  advances,
  assertRun,
  type Case,
  crashesAt,
  keys,
  type Lateness,
  parts,
  type Run,
  run,
  settings,
  type Table,
  windowCase,
} from "./cases.ts";
import { type Event, event, type SessionResult, SessionTable, type WindowRow } from "./feed.ts";
import {
  type Expected,
  expectSessions,
  expectWindowEpisodes,
  expectWindows,
  type WindowEpisodeModel,
} from "./models.ts";

const tumbling = (size: number, lateness: Lateness) => windowCase(tumblingWindows(size), lateness);
const hopping = (size: number, advance: number, lateness: Lateness) =>
  windowCase(hoppingWindows(size, advance), lateness);

const sessions = (gapMs: number, allowedLatenessMs: number, maxOutOfOrderness: number) => ({
  maxOutOfOrderness,
  build: (state: StateBackend) =>
    aggregateSessions({ name: "s", keys, windows: sessionWindows(gapMs), accumulators, state, allowedLatenessMs }),
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

Deno.test("tumbling windows equal a recomputation over the accepted elements, however batches are cut and crashes fall", async () => {
  await fc.assert(
    fc.asyncProperty(events, cuts, advances, settings, crashesAt, async (list, cut, size, s, crashes) => {
      const actual = await run(tumbling(size, s), list, cut, crashes);
      assertRun(actual, expectWindows(list, { size, advance: size, ...s }));
    }),
    propertyRuns(300),
  );
});

Deno.test("hopping windows by panes equal brute force over every window, however batches are cut and crashes fall", async () => {
  await fc.assert(
    fc.asyncProperty(events, cuts, advances, parts, settings, crashesAt, async (list, cut, advance, n, s, crashes) => {
      const size = n * advance;
      const actual = await run(hopping(size, advance, s), list, cut, crashes);
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
  const lateness = { allowedLateness: 0, maxOutOfOrderness: disorder };
  await fc.assert(
    fc.asyncProperty(disordered(disorder), cuts, advances, parts, async ([ordered, arrived], cut, advance, n) => {
      const cases: Case<WindowRow>[] = [tumbling(advance, lateness), hopping(n * advance, advance, lateness)];
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
          run(tumbling(size, s), list, cut, crashes, silences),
          expectWindows(list, { size, advance: size, ...s }),
        ],
        [
          run(hopping(size, advance, s), list, cut, crashes, silences),
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
