// Cumulative windows: what there is since midnight, or since the start of a period, at every step.

import { assertEquals, assertThrows } from "@std/assert";
import { count, hours, minutes } from "@freshet/stream";
import { PipelineTester } from "@freshet/stream/testing";
import fc from "fast-check";
import { cumulativeDayWindows, cumulativeWindows } from "../../src/stream/cumulative_windows.ts";
import { propertyRuns } from "../support/simulation/runs.ts";
import { cuts, events } from "./arbitraries.ts";
import { advances, assertRun, crashesAt, parts, run, settings, windowCase } from "./cases.ts";
import { type Event, event, keyOf } from "./feed.ts";
import { expectWindowsOf } from "./models.ts";

const at = (text: string) => Temporal.Instant.from(text).epochMilliseconds;

/** Over a period, or a day: each row as `from..to n version`, by the clock that `text` reads. */
function tester(cut: "period" | "day", text: (time: number) => string) {
  const test = new PipelineTester({
    eventTime: ({ time }: Event) => time,
    allowedLatenessMs: hours(8),
    outputs: (events) => {
      const keyed = events.keyBy({ k: keyOf });
      const windows = cut === "period" ? keyed.cumulative(20, 5) : keyed.cumulativeDays("Europe/Paris", hours(7));
      return [windows.aggregate("so far", { n: count() })];
    },
  });
  const rows = async (answer: ReturnType<typeof test.feed>) =>
    (await answer).rows[0].map(({ start, end, values: { n }, version }) =>
      `${text(start)}..${text(end)} ${n} v${version}`
    );
  return { test, rows };
}

// time     0    5    10   15   20   25
// in       a    b              c
// windows  [-a--]
//          [--a+b----]
//          [--a+b---------]
//          [--a+b--------------]
//                              [-c--]
Deno.test("a window from the start of the period closes at every step, and the last one is the whole period", async () => {
  const { test, rows } = tester("period", String);
  await using _ = test;
  assertEquals(await rows(test.feed([event(1), event(6)])), ["0..5 1 v1"]);
  assertEquals(await rows(test.early()), ["0..10 2 v1"]);
  assertEquals(await rows(test.feed([event(21)])), ["0..10 2 v1", "0..15 2 v1", "0..20 2 v1"]);
  assertEquals(await rows(test.feed([event(25)])), ["20..25 1 v1"]);
});

Deno.test("a late element corrects each window that holds it, from its step to the end of its period", async () => {
  const { test, rows } = tester("period", String);
  await using _ = test;
  await test.feed([event(1), event(26)]);
  assertEquals(await rows(test.feed([event(11)])), ["0..15 2 v2", "0..20 2 v2"]);
});

Deno.test("days are those of the zone: 25 hours when clocks go back, and the last step ends with the day", async () => {
  const clock = (time: number) =>
    Temporal.Instant.fromEpochMilliseconds(time).toZonedDateTimeISO("Europe/Paris").toString().slice(8, 16);
  const { test, rows } = tester("day", clock);
  await using _ = test;
  await test.feed([event(at("2024-10-26T22:00:00Z")), event(at("2024-10-27T22:59:59Z"))]);
  assertEquals(await rows(test.feed([event(at("2024-10-27T23:00:00Z"))])), ["27T00:00..28T00:00 2 v1"]);
  assertEquals(await rows(test.feed([event(at("2024-10-28T06:00:00Z"))])), ["28T00:00..28T07:00 1 v1"]);
});

Deno.test("cumulative windows equal brute force over every window, however batches are cut and crashes fall", async () => {
  await fc.assert(
    fc.asyncProperty(events, cuts, advances, parts, settings, crashesAt, async (list, cut, step, n, s, crashes) => {
      const size = n * step;
      const windowsOf = (time: number) => {
        const start = Math.floor(time / size) * size;
        const all = Array.from({ length: n }, (_, i) => ({ start, end: start + (i + 1) * step }));
        return all.filter(({ end }) => time < end);
      };
      const actual = await run(windowCase(cumulativeWindows(size, step), s), list, cut, crashes);
      assertRun(actual, expectWindowsOf(list, { ...s, windowsOf }));
    }),
    propertyRuns(400),
  );
});

Deno.test("in every zone a time's windows begin with its day, and end at each step of it and with the day", () => {
  const zone = fc.constantFrom("UTC", "Europe/Paris", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Asuncion");
  const time = fc.integer({ min: at("2023-01-01T00:00:00Z"), max: at("2025-01-01T00:00:00Z") });
  fc.assert(
    fc.property(zone, time, fc.integer({ min: 1, max: 30 }), (zone, time, hour) => {
      const step = minutes(20) * hour;
      const windows = cumulativeDayWindows(zone, step);
      const day = Temporal.Instant.fromEpochMilliseconds(time).toZonedDateTimeISO(zone).startOfDay();
      const [start, end] = [day.epochMilliseconds, day.add({ days: 1 }).startOfDay().epochMilliseconds];
      const ends = [];
      for (let step = windows.assign(time); step <= end; step = windows.assign(step)) ends.push(step);
      const expected = [];
      for (let at = start + step; at < end; at += step) if (at > time) expected.push(at);
      assertEquals(ends, [...expected, end]);
      assertEquals(ends.map((end) => [windows.startOf(end), windows.lastOf(end)]), ends.map(() => [start, end]));
      assertEquals(windows.count(ends[0]!, end), ends.length);
      assertEquals(ends.map((end) => windows.closedAt(end)), ends);
      assertEquals(windows.assign(windows.closedAt(time)), ends[0]);
    }),
    propertyRuns(500),
  );
});

Deno.test("cumulative windows that cannot be are refused when they are made", () => {
  assertThrows(() => cumulativeWindows(10, 3), Error, "a multiple of the step");
  assertThrows(() => cumulativeWindows(10, 0), Error, "a multiple of the step");
  assertThrows(() => cumulativeDayWindows("UTC", 0), Error, "the step must be positive");
  assertThrows(() => cumulativeDayWindows("Nowhere/City", 5), RangeError, "no such time zone");
});
