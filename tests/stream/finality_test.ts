// What is final stays final: state that was forgotten under other settings, the end of an input, and sessions that go on.

import { assertEquals } from "@std/assert";
import { AccumulatorRow } from "../../src/stream/accumulators.ts";
import { aggregateSessions, aggregateWindows } from "../../src/stream/aggregate_windows.ts";
import { hoppingWindows } from "../../src/stream/hopping_windows.ts";
import { Keys } from "../../src/stream/key.ts";
import { sessionWindows } from "../../src/stream/session_windows.ts";
import { localDayWindows } from "../../src/stream/local_day_windows.ts";
import { tumblingWindows } from "../../src/stream/tumbling_windows.ts";
import { aggregateWindowEpisodes } from "../../src/stream/window_episodes.ts";
import { count, hours, max, type Operator, StateBackend } from "@freshet/stream";
import { type Event, event, Feed, Harness, keyOf, type SessionResult, StoredState, type WindowRow } from "./feed.ts";

const keys = new Keys({ k: keyOf });
const accumulators = new AccumulatorRow({ n: count<Event>() });

type AnyRow = WindowRow | SessionResult;
type Make = (state: StateBackend, allowedLatenessMs: number) => Operator<Event, AnyRow>;

const shared = (state: StateBackend, allowedLatenessMs: number) => ({
  name: "op",
  keys,
  accumulators,
  state,
  allowedLatenessMs,
});
type Counted = { readonly window: { readonly n: number } };
const KINDS: Readonly<Record<string, Make>> = {
  "tumbling windows": (...of) => aggregateWindows({ ...shared(...of), windows: tumblingWindows<Event>(10) }),
  "hopping windows": (...of) => aggregateWindows({ ...shared(...of), windows: hoppingWindows(10, 5) }),
  "local days": (...of) => aggregateWindows({ ...shared(...of), windows: localDayWindows<Event>(() => "Asia/Tokyo") }),
  "sessions": (...of) => aggregateSessions({ ...shared(...of), windows: sessionWindows(3) }),
  "episodes of windows": (...of) =>
    aggregateWindowEpisodes({
      ...shared(...of),
      sizeMs: 10,
      advanceMs: 5,
      trailingMs: 5,
      gapMs: 10,
      contents: new AccumulatorRow({ n: count<Event>() }),
      holds: ({ window }) => window.n >= 2,
      accumulators: new AccumulatorRow({ n: max(({ window }: Counted) => window.n) }),
    }),
};

function text(row: AnyRow): string {
  if ("kind" in row && row.kind === "removed") return `gone ${row.start}`;
  return `${row.key.k} ${row.start}..${row.end} n=${row.values.n} v${row.version}${row.final ? " final" : ""}`;
}

/** Of each window, session or episode the last row. */
function newest(rows: readonly AnyRow[]): { readonly final: boolean; readonly version: number }[] {
  const byStart = new Map(rows.map((row) => [row.start, row]));
  return [...byStart.values()].flatMap((row) => "final" in row ? [row] : []);
}

/** Runs of one partition with a restart between them, each with an allowed lateness of its own. */
class Restarted {
  readonly #stored = new StoredState();
  readonly late: number[] = [];

  constructor(private readonly make: Make, public feed = new Feed()) {}

  async run(allowedLateness: number, ...lists: readonly (readonly Event[])[]): Promise<string[]> {
    const backend = new StateBackend();
    const harness = new Harness(this.make(backend, allowedLateness));
    this.#stored.restoreInto(backend);
    const rows: string[] = [];
    for (const list of lists) rows.push(...(await harness.push(this.feed.batch(list))).map(text));
    this.#stored.take(backend.drain());
    this.late.push(...harness.late);
    await harness.close();
    return rows;
  }
}

const DAY = hours(24);

for (const [kind, make] of Object.entries(KINDS)) {
  Deno.test(`${kind} that were forgotten are not made anew when the allowed lateness is raised`, async () => {
    const unit = kind === "local days" ? DAY : 10;
    const restarted = new Restarted(make);
    await restarted.run(0, [event(0), event(unit * 5), event(unit * 5 + 1), event(unit * 9)]);
    // Its windows were final and are forgotten; with the lateness of now it would still be in time.
    assertEquals(await restarted.run(unit * 1000, [event(unit * 5 + 2)]), []);
    assertEquals(restarted.late, [4]);
    // What is new is aggregated as ever.
    assertEquals(await restarted.run(unit * 1000, [event(unit * 9 + 1)]), []);
    assertEquals(restarted.late, [4]);
  });
}

Deno.test("raising the disorder that is allowed does not make forgotten windows anew either", async () => {
  const restarted = new Restarted(KINDS["tumbling windows"]!);
  assertEquals(await restarted.run(0, [event(1), event(2), event(50)]), ["k 0..10 n=2 v1 final"]);
  restarted.feed = new Feed(1000);
  restarted.feed.batch([event(50)]);
  assertEquals(await restarted.run(0, [event(3), event(51)]), []);
  assertEquals(restarted.late, [1]);
});

Deno.test("an element inside a session that goes on is never late, however long the session is", async () => {
  const harness = new Harness(KINDS["sessions"]!(new StateBackend(), 0));
  const feed = new Feed();
  await harness.push(feed.batch(Array.from({ length: 50 }, (_, i) => event(2 * i))));
  assertEquals(await harness.push(feed.batch([event(3), event(41)])), []);
  assertEquals((await harness.push(feed.batch([event(500, "end")]))).map(text), ["k 0..101 n=52 v1 final"]);
  // Before its start it would be a part of it, too.
  assertEquals(harness.late, []);
  assertEquals(await harness.push(feed.batch([event(50)])), []);
  assertEquals([harness.late, harness.missed], [[53], ["50..53 1"]]);
  await harness.close();
});

Deno.test("a session that a late element opens again stays final, and every change from there has a new version", async () => {
  const harness = new Harness(
    aggregateSessions({ ...shared(new StateBackend(), 10), windows: sessionWindows(3), alerts: true }),
  );
  const feed = new Feed();
  const push = async (...events: Event[]) =>
    (await harness.push(feed.batch(events, true))).map((row) => `${text(row)} ${"open" in row && row.open}`);
  assertEquals(await push(event(0), event(4, "other")), ["k 0..3 n=1 v1 final false", "other 4..7 n=1 v1 true"]);
  assertEquals(await push(event(2)), ["k 0..5 n=2 v2 final true"]);
  assertEquals(await push(event(4)), ["k 0..7 n=3 v3 final true"]);
  assertEquals((await push(event(8, "other")))[0], "k 0..7 n=3 v3 final false");
  await harness.close();
});

Deno.test("a session that an element behind the watermark begins, or begins earlier, has a higher version: parts elsewhere may be final", async () => {
  const harness = new Harness(KINDS["sessions"]!(new StateBackend(), 100));
  const feed = new Feed();
  const push = async (...events: Event[]) => (await harness.push(feed.batch(events, true))).map(text);
  assertEquals(await push(event(20, "other")), ["other 20..23 n=1 v1"]);
  // Its end has been passed; its end has not.
  assertEquals(await push(event(5), event(19)), ["k 5..8 n=1 v2 final", "k 19..22 n=1 v2"]);
  // Inside of it nothing is new to others; before its start there is.
  assertEquals(await push(event(21), event(20), event(18)), ["k 18..24 n=4 v3"]);
  assertEquals(await push(event(22)), ["k 18..25 n=5 v3"]);
  // Ahead of the watermark nothing can be final.
  assertEquals((await push(event(30, "other"), event(31)))[1], "k 18..25 n=5 v3 final");
  await harness.close();
});

Deno.test("silence and the end of an input close sessions that are yet to begin, too", async () => {
  const harness = new Harness(KINDS["sessions"]!(new StateBackend(), 100));
  const feed = new Feed();
  const push = async (events: readonly Event[], ended = false) =>
    (await harness.push(feed.batch(events, true, false, ended))).map(text);
  assertEquals(await push([event(0, "other")]), ["other 0..3 n=1 v1"]);
  assertEquals(await push([], true), ["other 0..3 n=1 v1 final"]);
  // Closed up to 3: a session at 1 was final everywhere without this element.
  assertEquals(await push([event(1)]), ["k 1..4 n=1 v2"]);
  assertEquals(await push([event(3, "later")]), ["later 3..6 n=1 v1"]);
  const silent = feed.batch([]);
  await harness.push({ ...silent, watermark: 50 });
  const after = feed.batch([event(49)], true);
  assertEquals((await harness.push({ ...after, watermark: 50, closedBefore: 50 })).map(text), ["k 49..52 n=1 v2"]);
  await harness.close();
});

for (const [kind, make] of Object.entries(KINDS)) {
  Deno.test(`the end of an input closes all ${kind}; what a later run brings corrects them within the allowed lateness`, async () => {
    const state = new StateBackend();
    const harness = new Harness(make(state, hours(100)));
    const feed = new Feed(5);
    const unit = kind === "local days" ? DAY : 10;
    const push = async (events: readonly Event[], ended = false) =>
      newest(await harness.push(feed.batch(events, true, false, ended)));
    await push([event(0), event(unit * 5), event(unit * 5 + 1)]);
    const ended = await push([], true);
    assertEquals(ended.length > 0 && ended.every(({ final, version }) => final && version === 1), true);
    assertEquals(await push([], true), []);
    const corrected = await push([event(unit * 5 + 2)]);
    assertEquals(corrected.length > 0 && corrected.every(({ final, version }) => final && version === 2), true);
    assertEquals(harness.late, []);
    // Time goes on after it as before: what begins then is open.
    const next = (await push([event(unit * 50), event(unit * 50 + 1)])).filter(({ final }) => !final);
    assertEquals(
      next.map(({ version }) => version),
      ["hopping windows", "episodes of windows"].includes(kind) ? [] : [1],
    );
    await harness.close();
  });
}
