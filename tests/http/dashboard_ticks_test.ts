// Where the labels of time are below strips, and what they say.
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { ticksOf } from "../../src/http/dashboard/page/ticks.ts";

const texts = (from: string, to: string, most = 10) =>
  ticksOf({ from: Date.parse(from), to: Date.parse(to) }, { zone: "utc", most }).map(({ text }) => text);

Deno.test("ticks are at round moments, in steps that fit", () => {
  assertEquals(
    texts("2026-01-15T12:31:00Z", "2026-01-15T18:30:00Z"),
    ["13:00", "14:00", "15:00", "16:00", "17:00", "18:00"],
  );
  assertEquals(texts("2026-01-15T12:31:00Z", "2026-01-15T18:30:00Z", 3), ["14:00", "16:00", "18:00"]);
  assertEquals(texts("2026-01-15T12:00:00Z", "2026-01-15T12:00:20Z", 4), [
    "12:00",
    "12:00:05",
    "12:00:10",
    "12:00:15",
    "12:00:20",
  ]);
});

Deno.test("a midnight is told by its day, and so are all where there are days alone", () => {
  assertEquals(texts("2026-01-31T18:30:00Z", "2026-02-01T18:30:00Z", 8), [
    ...["21:00", "Feb 1", "03:00", "06:00", "09:00", "12:00", "15:00", "18:00"],
  ]);
  assertEquals(texts("2026-01-28T18:30:00Z", "2026-02-02T18:30:00Z", 5), [
    "Jan 29",
    "Jan 30",
    "Jan 31",
    "Feb 1",
    "Feb 2",
  ]);
});

Deno.test("where there is room for half of them, midnights and full hours stay", () => {
  const major = ticksOf(
    { from: Date.parse("2026-01-31T18:30:00Z"), to: Date.parse("2026-02-01T18:30:00Z") },
    { zone: "utc", most: 10 },
  ).filter(({ isMajor }) => isMajor);
  assertEquals(major.map(({ text }) => text), ["Feb 1", "06:00", "12:00", "18:00"]);
});

Deno.test("local ticks are round by the local clock, also where it is put forward", () => {
  const before = Deno.env.get("TZ");
  Deno.env.set("TZ", "Europe/Berlin");
  try {
    // From 22:30 to 10:30 there; there is no 02:00.
    const ticks = ticksOf(
      { from: Date.parse("2026-03-28T21:30:00Z"), to: Date.parse("2026-03-29T08:30:00Z") },
      { zone: "local", most: 6 },
    );
    assertEquals(
      ticks.map(({ text }) => text),
      ["Mar 29", "04:00", "06:00", "08:00", "10:00"],
    );
  } finally {
    if (before === undefined) Deno.env.delete("TZ");
    else Deno.env.set("TZ", before);
  }
});

Deno.test("all ticks are within the stretch, in order, no more than there is room for", () => {
  const start = Date.parse("2020-01-01T00:00:00Z");
  fc.assert(fc.property(
    fc.nat(10 * 365 * 86_400_000),
    fc.integer({ min: 1, max: 400 * 86_400_000 }),
    fc.integer({ min: 1, max: 20 }),
    (after, length, most) => {
      const from = start + after;
      const ticks = ticksOf({ from, to: from + length }, { zone: "utc", most });
      assert(ticks.length <= most + 1, `${ticks.length} of ${most}`);
      assert(ticks.every(({ at }, i) => at >= from && at <= from + length && (i === 0 || at > ticks[i - 1]!.at)));
    },
  ));
});
