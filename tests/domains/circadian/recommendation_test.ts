// The science: circular statistics, the phase that sleep shows, and plans that shift it, against numbers worked out by hand.

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { circularSummary, clockText, hoursBetween, ofDay } from "../../../src/domains/circadian/clock_time.ts";
import { shiftPlan } from "../../../src/domains/circadian/jet_lag.ts";
import { recommend, type Recommendation } from "../../../src/domains/circadian/recommendation.ts";
import {
  HISTORY_MS,
  mainSleeps,
  MAX_SLEEPS,
  type Sleep,
  sleepHistory,
} from "../../../src/domains/circadian/sleep_history.ts";
import { propertyRuns } from "../../support/simulation/runs.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const at = (text: string) => Date.parse(text);

/** A sleep that ended at the time, by the clocks of the zone. */
function sleepAt(end: string | number, hours: number, timeZone = "Europe/Paris"): Sleep {
  const ms = typeof end === "number" ? end : at(end);
  const local = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(timeZone);
  const wakeHour = local.hour + local.minute / 60 + local.second / 3600;
  return { end: ms, hours, timeZone, date: local.toPlainDate().toString(), wakeHour };
}

const near = (a: number, b: number, within = 1e-9) => assertAlmostEquals(a, b, within);

Deno.test("hours of the day go round: means and differences take the shorter way", () => {
  near(hoursBetween(circularSummary([23, 1]).mean, 0), 0);
  near(circularSummary([22, 23, 0]).mean, 23);
  near(circularSummary([5, 5, 5]).sd, 0);
  assert(Number.isNaN(circularSummary([]).mean));
  assert(circularSummary([0, 12]).sd > 20, "all around the clock has no mean, but is no error");
  assertEquals([hoursBetween(1, 23), hoursBetween(23, 1), hoursBetween(0, 12)], [2, -2, -12]);
  assertEquals([ofDay(-1), ofDay(25.5), ofDay(24)], [23, 1.5, 0]);
  assertEquals([clockText(-0.25), clockText(23.9999), clockText(7.508), clockText(31)], [
    "23:45",
    "00:00",
    "07:30",
    "07:00",
  ]);
});

Deno.test("a circular standard deviation of near times is as the usual one", () => {
  const hours = [6.8, 7, 7.4, 6.6, 7.2];
  const mean = hours.reduce((a, b) => a + b) / hours.length;
  const usual = Math.sqrt(hours.reduce((sum, hour) => sum + (hour - mean) ** 2, 0) / hours.length);
  near(circularSummary(hours).sd, usual, 0.001);
});

const week = (hours: number) =>
  Array.from({ length: 7 }, (_, i) => sleepAt(at("2026-01-20T06:00:00Z") - i * DAY, hours));

Deno.test("the phase is the mean of a week of main sleeps, the temperature minimum 3 hours before waking", () => {
  const { phase, ...rest } = recommend(week(8))!;
  assertEquals(phase, { wake_utc: 6, wake_local: 7, sleep_hours: 8, cbt_min_utc: 3, cbt_min_before_wake: 3 });
  assertEquals([rest.time_zone, rest.as_of, rest.nights], ["Europe/Paris", "2026-01-20T06:00:00.000Z", 7]);
  assertEquals([rest.sleep, rest.cbt_min, rest.irregularity_hours], [{ from: "23:00", to: "07:00" }, "04:00", 0]);
  assertEquals(rest.light, {
    day: { from: "07:00", to: "20:00", at_least_lux: 250 },
    evening: { from: "20:00", to: "23:00", at_most_lux: 10 },
    night: { from: "23:00", to: "07:00", at_most_lux: 1 },
  });
  assertEquals(rest.advice.map(({ code }) => code), ["keep_going"]);
  assert(rest.note.includes("not medical advice"));
});

Deno.test("who sleeps 7 hours or less has the minimum 2 hours before waking, and is told to sleep longer below 7", () => {
  assertEquals(recommend(week(7))!.phase.cbt_min_utc, 4);
  assertEquals(recommend(week(7))!.advice.map(({ code }) => code), ["keep_going"]);
  assertEquals(recommend(week(6))!.advice.map(({ code }) => code), ["sleep_longer"]);
});

Deno.test("sleep that moves about is told to be regular", () => {
  const moving = week(8).map((sleep, i) => sleepAt(sleep.end + (i % 2) * 4 * HOUR, 8));
  const { advice, irregularity_hours } = recommend(moving)!;
  assertEquals(advice.map(({ code }) => code), ["keep_regular"]);
  assert(irregularity_hours > 1.9 && irregularity_hours < 2.1, String(irregularity_hours));
});

Deno.test("naps and older nights do not move the phase", () => {
  const nap = sleepAt("2026-01-20T14:00:00Z", 1);
  const older = sleepAt("2026-01-12T12:00:00Z", 8);
  assertEquals(recommend([nap, ...week(8), older])!.phase, recommend(week(8))!.phase);
  assertEquals(recommend([]), null);
});

Deno.test("after a flight the body clock stays in UTC, and its times are told by the clocks of the new zone", () => {
  const away = sleepAt("2026-01-21T06:00:00Z", 8, "America/New_York");
  const { phase, sleep, time_zone } = recommend([away, ...week(8)])!;
  assertEquals([phase.wake_utc, time_zone, sleep], [6, "America/New_York", { from: "17:00", to: "01:00" }]);
  // Six nights at seven and one at one: between, but near what the user is used to.
  assert(phase.wake_local > 6 && phase.wake_local < 7);
});

Deno.test("a sleep history is the same whatever the order and the merging, and does not grow", () => {
  const history = sleepHistory((sleep: Sleep) => sleep, (sleeps) => sleeps);
  const sleeps = fc.array(
    fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 5 }), fc.integer({ min: 1, max: 9 })),
    { maxLength: 120, size: "max" },
  );
  fc.assert(
    fc.property(sleeps, fc.infiniteStream(fc.nat(1000)), fc.nat(100), (list, order, cut) => {
      const made = list.map(([day, hour, hours]) => sleepAt(day * DAY + hour * HOUR + hours * 600_000, hours));
      const element = { offset: 0, time: 0, watermark: 0 };
      const add = (all: readonly Sleep[]) =>
        all.reduce((acc, value) => history.add(acc, value, { ...element, value }), history.initial());
      const mixed = made.map((sleep) => ({ sleep, at: order.next().value })).sort((a, b) => a.at - b.at)
        .map(({ sleep }) => sleep);
      const whole = add(made);
      assertEquals(history.merge(add(mixed.slice(cut)), add(mixed.slice(0, cut))), whole);
      assertEquals(history.result(JSON.parse(JSON.stringify(whole))), history.result(whole));
      const kept = history.result(whole);
      assert(kept.length <= MAX_SLEEPS && kept.every(({ end }) => end > kept[0]!.end - HISTORY_MS));
      assertEquals(new Set(mainSleeps(kept).map(({ date }) => date)).size, mainSleeps(kept).length);
    }),
    propertyRuns(200),
  );
});

/** Sleeps from 23 to 7 in Paris: 22 to 6 UTC. */
const parisian = recommend(week(8))!;
const EVENING = at("2026-01-20T12:00:00Z");
const plan = (targetZone: string, more: { targetWake?: number; from?: Recommendation; now?: number } = {}) =>
  shiftPlan(more.from ?? parisian, { targetZone, targetWake: more.targetWake, now: more.now ?? EVENING });

const journeys: readonly (readonly [zone: string, direction: string, hours: number, days: number])[] = [
  ["Europe/Paris", "none", 0, 0],
  ["Africa/Lagos", "none", 0, 0],
  ["Europe/London", "delay", 1, 1],
  ["America/New_York", "delay", 6, 4],
  ["America/Los_Angeles", "delay", 9, 6],
  ["Asia/Kolkata", "advance", 4.5, 5],
  ["Asia/Tokyo", "advance", 8, 8],
  ["Asia/Vladivostok", "advance", 9, 9],
  // Eastwards by ten hours it is quicker to delay by fourteen.
  ["Australia/Sydney", "delay", 14, 10],
  ["Pacific/Auckland", "delay", 12, 8],
];

for (const [zone, direction, hours, days] of journeys) {
  Deno.test(`from Paris to ${zone} the body clock goes by ${direction}, ${hours} hours in ${days} days`, () => {
    const made = plan(zone);
    assertEquals([made.direction, made.shift_hours, made.days.length], [direction, hours, days]);
    assertEquals([made.from_zone, made.target_zone], ["Europe/Paris", zone]);
    const last = made.days.at(-1);
    // In the end the user gets up by the clock as at home, and sleeps as long.
    if (last) assertEquals([last.sleep.from.slice(11, 16), last.sleep.to.slice(11, 16)], ["23:00", "07:00"]);
  });
}

Deno.test("a plan to the east gets up an hour earlier each day, into light after the temperature minimum", () => {
  const { days, hours_a_day } = plan("Asia/Tokyo");
  assertEquals(hours_a_day, 1);
  assertEquals(days[0], {
    day: 1,
    shifted_hours: 1,
    sleep: { from: "2026-01-21T06:00+09:00", to: "2026-01-21T14:00+09:00" },
    cbt_min: "2026-01-21T11:00+09:00",
    seek_light: { from: "2026-01-21T14:00+09:00", to: "2026-01-21T17:00+09:00" },
    avoid_light: { from: "2026-01-21T03:00+09:00", to: "2026-01-21T06:00+09:00" },
  });
  assertEquals(days[7]!.sleep, { from: "2026-01-27T23:00+09:00", to: "2026-01-28T07:00+09:00" });
});

Deno.test("a plan to the west gets up an hour and a half later each day, after light before the temperature minimum", () => {
  const { days, hours_a_day } = plan("America/New_York");
  assertEquals(hours_a_day, 1.5);
  assertEquals(days[0], {
    day: 1,
    shifted_hours: 1.5,
    sleep: { from: "2026-01-20T18:30-05:00", to: "2026-01-21T02:30-05:00" },
    cbt_min: "2026-01-20T23:30-05:00",
    seek_light: { from: "2026-01-20T15:30-05:00", to: "2026-01-20T18:30-05:00" },
    avoid_light: { from: "2026-01-21T02:30-05:00", to: "2026-01-21T05:30-05:00" },
  });
});

Deno.test("a wished time of waking shifts the body clock without a journey", () => {
  const earlier = plan("Europe/Paris", { targetWake: 5.5 });
  assertEquals([earlier.direction, earlier.shift_hours, earlier.days.length], ["advance", 1.5, 2]);
  assertEquals(earlier.days.map(({ sleep, shifted_hours }) => [sleep.to, shifted_hours]), [
    ["2026-01-21T06:00+01:00", 1],
    ["2026-01-22T05:30+01:00", 1.5],
  ]);
});

Deno.test("who has flown already is planned from the body's time, not from the new clocks", () => {
  const landed = recommend([sleepAt("2026-01-21T06:00:00Z", 8, "America/New_York"), ...week(8)])!;
  const made = plan("America/New_York", { from: landed, targetWake: 7, now: at("2026-01-21T12:00:00Z") });
  assertEquals([made.direction, made.shift_hours, made.from_zone], ["delay", 6, "America/New_York"]);
});

Deno.test("the offset of the day counts: London is an hour from Paris, New York five from London while only one has changed", () => {
  const march = Array.from({ length: 7 }, (_, i) => sleepAt(at("2026-03-18T07:00:00Z") - i * DAY, 8, "Europe/London"));
  const made = plan("America/New_York", { from: recommend(march)!, now: at("2026-03-18T12:00:00Z") });
  assertEquals([made.direction, made.shift_hours], ["delay", 4]);
});

Deno.test("every plan of any phase and zone ends at the wished time, in steps that the body can follow", () => {
  const zones = fc.constantFrom(
    "UTC",
    "Asia/Tokyo",
    "America/Los_Angeles",
    "Asia/Kathmandu",
    "Pacific/Auckland",
    "Africa/Cairo",
  );
  const hour = fc.integer({ min: 0, max: 24 * 4 - 1 }).map((quarters) => quarters / 4);
  const length = fc.integer({ min: 4 * 4, max: 10 * 4 }).map((quarters) => quarters / 4);
  fc.assert(
    fc.property(
      zones,
      hour,
      hour,
      length,
      fc.integer({ min: 0, max: 365 * 24 }),
      (zone, wake, wish, sleep_hours, hours) => {
        const now = at("2026-01-01T00:00:00Z") + hours * HOUR;
        const from: Recommendation = {
          ...parisian,
          phase: { ...parisian.phase, wake_utc: wake, wake_local: wake, sleep_hours },
        };
        const { days, direction, hours_a_day } = shiftPlan(from, { targetZone: zone, targetWake: wish, now });
        if (direction === "none") return assertEquals(days, []);
        assert(days.length <= 16, `${days.length} days`);
        assert(at(days[0]!.sleep.from) >= now - 60_000, "A plan cannot begin before now");
        const wakes = days.map(({ sleep }) => at(sleep.to));
        const steps = wakes.slice(1).map((ms, i) => (ms - wakes[i]! - DAY) / HOUR);
        const sign = direction === "advance" ? -1 : 1;
        for (const step of steps) assert(sign * step > -0.02 && sign * step <= hours_a_day + 0.02, `${step}`);
        const offset = Temporal.Instant.fromEpochMilliseconds(wakes[0]!).toZonedDateTimeISO(zone).offsetNanoseconds /
          3.6e12;
        near(Math.abs(hoursBetween(ofDay(wakes.at(-1)! / HOUR + offset), wish)), 0, 0.02);
      },
    ),
    propertyRuns(300),
  );
});

Deno.test("a plan for a zone that does not exist is an error", () => {
  assertThrows(() => plan("Mars/Olympus"), RangeError);
});
