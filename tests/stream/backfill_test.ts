// Alerts and history: what a backfill makes is marked as such, and what still lasts when the present is reached is told again.

import { assert, assertEquals } from "@std/assert";
import { AccumulatorRow } from "../../src/stream/accumulators.ts";
import { whileHolding } from "../../src/stream/holding.ts";
import { Keys } from "../../src/stream/key.ts";
import { aggregateSessions } from "../../src/stream/aggregate_windows.ts";
import { sessionWindows } from "../../src/stream/session_windows.ts";
import { aggregateWindowEpisodes } from "../../src/stream/window_episodes.ts";
import { type ComparedWindow, count, type Operator, StateBackend } from "@freshet/stream";
import { type Event, event, Feed, Harness, keyOf, type SessionResult, StoredState, xOf } from "./feed.ts";

const keys = new Keys({ k: keyOf });
const counted = new AccumulatorRow({ n: count<Event>() });

/** Each kind of episode: of key "a" one begins with the first events and lasts, of "b" one that the second ones end. */
const KINDS: readonly {
  readonly name: string;
  readonly build: (state: StateBackend) => Operator<Event, SessionResult>;
  readonly begin: readonly Event[];
  readonly goOn: readonly Event[];
}[] = [
  {
    name: "sessions",
    build: (state) =>
      aggregateSessions({
        name: "op",
        keys,
        windows: sessionWindows(10),
        accumulators: counted,
        state,
        allowedLatenessMs: 0,
        alerts: true,
      }),
    begin: [event(1, "b"), event(5, "a")],
    goOn: [event(12, "a")],
  },
  {
    name: "conditions that last",
    build: (state) => whileHolding({ name: "op", keys, holds: (e) => xOf(e) > 0, accumulators: counted, state }),
    begin: [event(1, "b"), event(5, "a")],
    goOn: [event(12, "b", 0)],
  },
  {
    name: "windows",
    build: (state) =>
      aggregateWindowEpisodes({
        name: "op",
        keys,
        sizeMs: 10,
        advanceMs: 10,
        trailingMs: 10,
        gapMs: 20,
        contents: counted,
        holds: ({ window }) => window.n > 1,
        accumulators: new AccumulatorRow({ windows: count<ComparedWindow<{ n: number }>>() }),
        state,
        allowedLatenessMs: 0,
      }),
    begin: [event(0, "z"), event(21, "b"), event(22, "b"), event(31, "a"), event(32, "a"), event(45, "z")],
    goOn: [event(51, "z")],
  },
];

const told = (rows: readonly SessionResult[]) =>
  rows.map((row) => {
    assert(row.kind === "session");
    return `${row.key.k} ${row.final ? "over" : row.backfill ? "history" : "news"}`;
  });

for (const { name, build, begin, goOn } of KINDS) {
  Deno.test(`episodes of ${name}: history is no news, and what lasts is news when the present is reached, once`, async () => {
    const state = new StateBackend();
    const harness = new Harness(build(state));
    const feed = new Feed();
    const push = async (events: readonly Event[], backfill: boolean, of = harness) =>
      told(await of.push(feed.batch(events, true, backfill))).toSorted();
    assertEquals(await push(begin, true), ["a history", "b history"]);
    const stored = new StoredState();
    stored.take(state.drain());
    assertEquals((await push(goOn, true)).filter((row) => row !== "a history"), ["b over"]);
    assertEquals(await push([], false), ["a news"]);
    assertEquals(await push([], false), []);
    await harness.close();

    // One that was restored does not know what had been told.
    const restored = new StateBackend();
    const after = new Harness(build(restored));
    stored.restoreInto(restored);
    assertEquals(
      await push([], false, after),
      name === "sessions" || name === "windows" ? ["a news", "b over"] : ["a news", "b news"],
    );
    assertEquals(await push([], false, after), []);
    await after.close();
  });
}

Deno.test("sessions that are no alerts are not told again", async () => {
  const options = { name: "op", keys, windows: sessionWindows(10), accumulators: counted, allowedLatenessMs: 0 };
  const harness = new Harness(aggregateSessions({ ...options, state: new StateBackend() }));
  const feed = new Feed();
  await harness.push(feed.batch([event(1)], true, true));
  assertEquals(await harness.push(feed.batch([], true)), []);
  await harness.close();
});
