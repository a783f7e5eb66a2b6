// Windows by example: events at their times go in, rows come out.

import { assertEquals, assertThrows } from "@std/assert";
import { AccumulatorRow } from "../../src/stream/accumulators.ts";
import { aggregateSessions, aggregateWindows } from "../../src/stream/aggregate_windows.ts";
import { hoppingWindows } from "../../src/stream/hopping_windows.ts";
import { Keys } from "../../src/stream/key.ts";
import { latest } from "../../src/stream/latest.ts";
import { sessionWindows } from "../../src/stream/session_windows.ts";
import { localDayWindows } from "../../src/stream/local_day_windows.ts";
import { tumblingWindows } from "../../src/stream/tumbling_windows.ts";
import { count, hours, type Operator, StateBackend, sum } from "@freshet/stream";
import { type Event, event, Feed, Harness, keyOf, type SessionResult, type WindowRow, xOf } from "./feed.ts";

const keys = new Keys({ k: keyOf });
const accumulators = new AccumulatorRow({ n: count<Event>(), sum: sum(xOf) });
const shared = (allowedLatenessMs = 0) => ({
  name: "op",
  keys,
  accumulators,
  state: new StateBackend(),
  allowedLatenessMs,
});
const tumbling = (allowedLateness?: number) =>
  aggregateWindows({ ...shared(allowedLateness), windows: tumblingWindows<Event>(10) }) as Operator<Event, WindowRow>;
const hopping = (allowedLateness?: number) =>
  aggregateWindows({ ...shared(allowedLateness), windows: hoppingWindows(10, 5) }) as Operator<Event, WindowRow>;
const sessions = (allowedLateness?: number) =>
  aggregateSessions({ ...shared(allowedLateness), windows: sessionWindows(3) }) as Operator<Event, SessionResult>;

/** `k 0..10 n=2 sum=3 v1 final`. */
function text({ key, start, end, values, version, final }: WindowRow): string {
  return `${key.k} ${start}..${end} n=${values.n} sum=${values.sum} v${version}${final ? " final" : ""}`;
}

function sessionText(change: SessionResult): string {
  if (change.kind === "removed") return `${change.key.k} gone #${change.id} at ${change.start}`;
  const moved = change.previousStart === null ? "" : ` was ${change.previousStart}`;
  return `${text(change)} #${change.id}${moved}`;
}

/** Gives the operator each list as a batch, and says what it answers to each; a list of one that begins with "emit" asks. */
async function answers<T>(
  operator: Operator<Event, T>,
  batches: readonly (readonly Event[] | "emit")[],
  { say, feed = new Feed() }: { say: (row: T) => string; feed?: Feed },
): Promise<{ rows: string[][]; late: number[]; missed: string[] }> {
  const harness = new Harness(operator);
  const rows: string[][] = [];
  for (const batch of batches) {
    rows.push((await harness.push(batch === "emit" ? feed.batch([], true) : feed.batch(batch))).map(say));
  }
  await harness.close();
  return { rows, late: harness.late, missed: harness.missed };
}

// time     0    5    10   15   20
// in       1    2    |4        8
// windows  [---3-----)[---4----)
Deno.test("a tumbling window holds its start and not its end, and closes when the watermark reaches its end", async () => {
  const { rows } = await answers(
    tumbling(),
    [[event(0, "k", 1), event(9.999, "k", 2)], [event(10, "k", 4)], [event(19.999)], [event(20, "k", 8)]],
    { say: text },
  );
  assertEquals(rows, [[], ["k 0..10 n=2 sum=3 v1 final"], [], ["k 10..20 n=2 sum=5 v1 final"]]);
});

Deno.test("tumbling windows are anchored to the epoch, before it too", async () => {
  const { rows } = await answers(tumbling(), [[event(-1), event(3), event(14)]], { say: text });
  assertEquals(rows, [["k -10..0 n=1 sum=1 v1 final", "k 0..10 n=1 sum=1 v1 final"]]);
});

Deno.test("early rows come when asked for, of the windows that changed since, and cost no version", async () => {
  const { rows } = await answers(
    tumbling(),
    [[event(1), event(12)], "emit", "emit", [event(13)], "emit", [event(25)]],
    { say: text, feed: new Feed(5) },
  );
  assertEquals(rows, [
    [],
    ["k 0..10 n=1 sum=1 v1", "k 10..20 n=1 sum=1 v1"],
    [],
    [],
    ["k 10..20 n=2 sum=2 v1"],
    ["k 0..10 n=1 sum=1 v1 final", "k 10..20 n=2 sum=2 v1 final"],
  ]);
});

// time     0        10        20   24 25
// in       a   a at 3, late → v2  |late → left out
Deno.test("within the allowed lateness an element corrects a closed window, after it it is late", async () => {
  const { rows, late } = await answers(
    tumbling(15),
    [[event(1), event(12)], [event(3)], [event(24)], [event(4), event(5)], [event(25)], [event(6)]],
    { say: text },
  );
  assertEquals(rows, [
    ["k 0..10 n=1 sum=1 v1 final"],
    ["k 0..10 n=2 sum=2 v2 final"],
    ["k 10..20 n=1 sum=1 v1 final"],
    ["k 0..10 n=4 sum=4 v4 final"],
    [],
    [],
  ]);
  assertEquals(late, [7]);
});

Deno.test("a window that only a late element makes corrects the one that was not there: version 2, and final at once", async () => {
  const { rows, late } = await answers(tumbling(15), [[event(12, "other")], [event(3)], [event(4)]], { say: text });
  assertEquals(rows, [[], ["k 0..10 n=1 sum=1 v2 final"], ["k 0..10 n=2 sum=2 v3 final"]]);
  assertEquals(late, []);
});

Deno.test("a silence closes windows by the clock, and a record that comes then corrects and is never late", async () => {
  const windows: readonly [string, Operator<Event, WindowRow>][] = [["tumbling", tumbling()], ["hopping", hopping()]];
  for (const [name, operator] of windows) {
    const feed = new Feed(0, 0, 100);
    const harness = new Harness(operator);
    await harness.push(feed.batch([event(1)]));
    assertEquals([feed.silence(99), feed.silence(100)], [false, true]);
    const closed = await harness.push(feed.batch([]));
    assertEquals(closed.map(text).slice(0, 2).at(name === "hopping" ? 1 : 0), "k 0..10 n=1 sum=1 v1 final");
    const corrected = await harness.push(feed.batch([event(2)]));
    assertEquals(
      corrected.map(text).at(-1),
      name === "hopping" ? "k 0..10 n=2 sum=2 v2 final" : "k 0..10 n=2 sum=2 v2 final",
    );
    assertEquals(harness.late, []);
    await harness.close();
  }
});

// time      0    5    10   15   20
// in        1    2    4    8
// windows   [--1+2---)
//                [--2+4---)
//                     [--4+8---)
Deno.test("hopping windows overlap, and each closes when the watermark reaches its end", async () => {
  const { rows } = await answers(
    hopping(),
    [[event(0, "k", 1)], [event(5, "k", 2)], [event(10, "k", 4)], [event(15, "k", 8)], [event(40, "end")]],
    { say: text },
  );
  assertEquals(rows, [
    [],
    ["k -5..5 n=1 sum=1 v1 final"],
    ["k 0..10 n=2 sum=3 v1 final"],
    ["k 5..15 n=2 sum=6 v1 final"],
    ["k 10..20 n=2 sum=12 v1 final", "k 15..25 n=1 sum=8 v1 final"],
  ]);
});

Deno.test("of hopping windows only the one that closes next appears early", async () => {
  const { rows } = await answers(hopping(), [
    [event(1, "k", 1)],
    "emit",
    [event(6, "k", 2)],
    "emit",
    [event(7, "j")],
    "emit",
  ], {
    say: text,
  });
  assertEquals(rows, [
    [],
    ["k -5..5 n=1 sum=1 v1"],
    ["k -5..5 n=1 sum=1 v1 final"],
    ["k 0..10 n=2 sum=3 v1"],
    [],
    ["j 0..10 n=1 sum=1 v1"],
  ]);
});

Deno.test("an element of hopping windows is late for those past their lateness, and corrects the others", async () => {
  const { rows, late, missed } = await answers(hopping(5), [[event(1), event(16, "end")], [event(8)], [event(3)]], {
    say: text,
  });
  assertEquals(rows, [
    ["k -5..5 n=1 sum=1 v1 final", "k 0..10 n=1 sum=1 v1 final", "end 10..20 n=1 sum=1 v1 final"].slice(0, 2),
    ["k 5..15 n=1 sum=1 v2 final"],
    [],
  ]);
  assertEquals([late, missed], [[2, 3], ["0..10 1", "-5..10 2"]]);
  const lenient = await answers(hopping(10), [[event(1), event(16, "end")], [event(8)], [event(3)]], { say: text });
  assertEquals(lenient.rows.slice(1), [
    ["k 0..10 n=2 sum=2 v2 final", "k 5..15 n=1 sum=1 v2 final"],
    ["k 0..10 n=3 sum=3 v3 final"],
  ]);
  assertEquals([lenient.late, lenient.missed], [[3], ["-5..5 1"]]);
});

// time   0 1 2 3 4 5 6 7 8 9       (gap 3)
// in     a   b     |c d
// out    [-a+b----)  [-c+d----)
Deno.test("elements a gap apart are in two sessions, and a session closes a gap after its last", async () => {
  const { rows } = await answers(sessions(), [[event(0), event(2)], [event(5)], "emit", [event(7)], [event(10)]], {
    say: sessionText,
  });
  assertEquals(rows, [
    [],
    ["k 0..5 n=2 sum=2 v1 final #0"],
    ["k 5..8 n=1 sum=1 v1 #5"],
    [],
    ["k 5..10 n=2 sum=2 v1 final #5"],
  ]);
});

Deno.test("an element between two sessions makes them one: the smaller id stays, the other is gone", async () => {
  const { rows } = await answers(sessions(), [[event(0), event(4)], "emit", [event(2)], "emit"], {
    say: sessionText,
    feed: new Feed(5),
  });
  assertEquals(rows, [[], ["k 0..3 n=1 sum=1 v1 #0", "k 4..7 n=1 sum=1 v1 #4"], ["k gone #4 at 4"], [
    "k 0..7 n=3 sum=3 v1 #0",
  ]]);
});

Deno.test("an earlier element moves a session's start: the id stays, and the row says where it was", async () => {
  const { rows } = await answers(sessions(), [[event(4)], "emit", [event(2)], [event(1)], "emit"], {
    say: sessionText,
    feed: new Feed(5),
  });
  assertEquals(rows, [[], ["k 4..7 n=1 sum=1 v1 #4"], [], [], ["k 1..7 n=3 sum=3 v1 #4 was 4"]]);
});

Deno.test("a late element that joins two closed sessions makes one of a higher version", async () => {
  const { rows, late } = await answers(sessions(10), [[event(0), event(4), event(9, "end")], [event(2)]], {
    say: sessionText,
  });
  assertEquals(rows, [["k 0..3 n=1 sum=1 v1 final #0", "k 4..7 n=1 sum=1 v1 final #4"], [
    "k gone #4 at 4",
    "k 0..7 n=3 sum=3 v2 final #0",
  ]]);
  assertEquals(late, []);
});

Deno.test("latest gives out the newest element of each key when asked, by event time and then by offset", async () => {
  const operator = latest("op", keys, (e: Event) => e.x);
  const { rows } = await answers(
    operator,
    [
      [event(5, "a", 1), event(3, "a", 2), event(1, "b", 3), event(1, "b", 4)],
      "emit",
      "emit",
      [event(2, "a", 5)],
      "emit",
    ],
    { say: ({ key, time, offset, value }) => `${key.k} ${value} at ${time} (${offset})` },
  );
  assertEquals(rows, [[], ["a 1 at 5 (0)", "b 4 at 1 (3)"], [], [], ["a 5 at 2 (4)"]]);
});

Deno.test("local days are windows of 23, 24 or 25 hours in the zone that each element names", async () => {
  const zoned = (text: string, zone: string) => event(Temporal.Instant.from(text).epochMilliseconds, zone);
  const operator = aggregateWindows({ ...shared(), windows: localDayWindows((e: Event) => e.key) });
  const harness = new Harness(operator as Operator<Event, WindowRow>);
  const rows = await harness.push(
    new Feed(hours(48)).batch([
      zoned("2024-03-30T22:59:59Z", "Europe/Paris"),
      zoned("2024-03-30T23:00:00Z", "Europe/Paris"),
      zoned("2024-03-31T21:59:59Z", "Europe/Paris"),
      zoned("2024-03-31T21:59:59Z", "Asia/Kathmandu"),
      zoned("2024-04-09T00:00:00Z", "UTC"),
    ]),
  );
  await harness.close();
  const said = rows.map((
    { key, start, end, values },
  ) => [key.k, new Date(start).toISOString(), (end - start) / hours(1), values.n]);
  assertEquals<unknown>(said, [
    ["Europe/Paris", "2024-03-29T23:00:00.000Z", 24, 1],
    ["Europe/Paris", "2024-03-30T23:00:00.000Z", 23, 2],
    ["Asia/Kathmandu", "2024-03-31T18:15:00.000Z", 24, 1],
  ]);
});

Deno.test("windows that cannot be are refused when they are made", () => {
  assertThrows(() => tumblingWindows(0), Error, "the size must be positive");
  assertThrows(() => tumblingWindows(NaN), Error, "the size must be positive");
  assertThrows(
    () => aggregateWindows({ ...shared(), windows: hoppingWindows(10, 3) }),
    Error,
    "a multiple of the advance",
  );
  assertThrows(
    () => aggregateWindows({ ...shared(), windows: hoppingWindows(5, 10) }),
    Error,
    "a multiple of the advance",
  );
  assertThrows(() => aggregateSessions({ ...shared(), windows: sessionWindows(0) }), Error, "it must be positive");
  assertThrows(() => new Keys({}), Error, "name at least one part");
  const { state } = shared();
  aggregateSessions({ ...shared(), state, windows: sessionWindows(1) });
  assertThrows(
    () => aggregateSessions({ ...shared(), state, windows: sessionWindows(1) }),
    Error,
    'Cannot open the state "op" twice',
  );
});
