import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { rides } from "../../simulators/rides.ts";
import type { GenerateOptions, SimulatedRecord } from "../../simulators/simulator.ts";
import { UsageError } from "../../src/cli/context.ts";
import { makePlan, type SimulateFlags } from "../../src/cli/simulate_plan.ts";
import type { Plan } from "../../src/cli/simulation.ts";
import { hurriedMorning } from "../../src/cli/simulation_start.ts";
import type { Log } from "../../src/log/log.ts";

const HOUR = 3_600_000;
const NOW = Date.parse("2026-11-19T10:00:00Z");
const emptyLog = { topics: () => Promise.resolve([]) } as unknown as Log;
/** Records that come one after the other, evenly. */
function* evenly({ start, intervalMs }: GenerateOptions): Generator<SimulatedRecord, never, undefined> {
  for (let i = 0;; i++) yield { timestamp: start + i * intervalMs / 24, key: "k", value: "{}" };
}

const basis = {
  simulator: { sources: 24, intervalMs: 30_000, generate: evenly },
  log: emptyLog,
  domain: { name: "trains", topic: "t", group: "g", sql: "" },
  clock: { now: () => NOW, monotonic: () => 0, sleep: () => Promise.resolve() },
};
const plan = (flags: Partial<SimulateFlags>) => makePlan({ seed: 1, bad: 0, ...flags }, basis);

const PLANS: readonly (readonly [name: string, flags: Partial<SimulateFlags>, expected: Partial<Plan>])[] = [
  ["nothing said: the last 24 hours at once, and on with the clock", {}, {
    start: NOW - 24 * HOUR,
    speed: Infinity,
    intervalMs: 30_000,
    natural: true,
  }],
  ["a speed: from a past morning on", { speed: 240 }, {
    start: Date.parse("2026-11-18T06:00:00Z"),
    speed: 240,
    natural: true,
  }],
  ["a count alone: at once, the last record dated now", { count: 2400 }, { start: NOW - 50 * 60_000, speed: Infinity }],
  ["days: history up to now, at once", { days: 2 }, {
    start: NOW - 48 * HOUR,
    until: NOW,
    speed: Infinity,
    history: true,
  }],
  ["days of so many records", { days: 2, perDay: 240 }, { until: NOW, intervalMs: 2.4 * HOUR }],
  ["days at a rate: so many records a second", { days: 2, rate: 80 }, { until: NOW, speed: 100, intervalMs: 30_000 }],
  ["days at a speed", { days: 2, speed: 60 }, { until: NOW, speed: 60 }],
  ["a rate alone: dated now, the trains reporting often enough", { rate: 240 }, {
    start: NOW,
    speed: 1,
    intervalMs: 100,
  }],
  ["a rate and a count", { rate: 24, count: 10 }, { start: NOW, speed: 1, intervalMs: 1000, count: 10 }],
];

Deno.test("a count of rides is dated before now at any hour, in the dead of night too, and the last shortly before", async () => {
  for (const at of ["2026-11-22T00:30:00Z", "2026-11-23T04:00:00Z", "2026-11-20T17:30:00Z"]) {
    const now = Date.parse(at);
    const clock = { ...basis.clock, now: () => now };
    const { start, intervalMs } = await makePlan({ seed: 1, bad: 0, count: 1000 }, {
      ...basis,
      simulator: rides,
      clock,
    });
    const times = [...rides.generate({ seed: 1, start, intervalMs }).take(1000)].map(({ timestamp }) => timestamp);
    assert(times.at(-1)! <= now && now - times.at(-1)! < (now - start) / 4, `${at}: ${now - times.at(-1)!} ms before`);
  }
});

for (const [name, flags, expected] of PLANS) {
  Deno.test(`simulate with ${name}`, async () => {
    const made = await plan(flags) as unknown as Record<string, number>;
    for (const [key, value] of Object.entries(expected)) {
      if (Number.isFinite(value)) assertAlmostEquals(made[key]!, value as number, 1e-6, `${key} is ${made[key]}`);
      else assertEquals(made[key], value);
    }
  });
}

Deno.test("rate and speed of a history say the same: only one of them may be given", async () => {
  await assertRejects(() => plan({ days: 1, rate: 1, speed: 1 }), UsageError, "--rate and --speed");
});

for (const flags of [{ days: 1e9 }, { days: Infinity }, { count: 9e15 }, { days: 1e9, count: 3 }]) {
  Deno.test(`simulate with ${Deno.inspect(flags)} would begin before 1970, and is refused`, async () => {
    await assertRejects(() => plan(flags), UsageError, "before 1970");
  });
}

Deno.test("a history may be less dense than what is live", async () => {
  const simulator = { sources: 1, intervalMs: 1000, historyIntervalMs: 60_000, generate: evenly };
  const made = await makePlan({ seed: 1, bad: 0, days: 1 }, { ...basis, simulator });
  assertEquals(made.intervalMs, 60_000);
  await assertRejects(() => plan({ perDay: 5 }), UsageError, "--days");
});

Deno.test("a simulation that hurries begins on the latest weekday at 06:00 UTC that is 18 hours ago", () => {
  for (
    const [now, expected] of [
      ["2026-11-19T23:59:00Z", "2026-11-18T06:00:00Z"], // Thursday
      ["2026-11-20T00:00:00Z", "2026-11-19T06:00:00Z"],
      ["2026-11-22T12:00:00Z", "2026-11-20T06:00:00Z"], // Sunday: Friday
      ["2026-11-23T23:00:00Z", "2026-11-20T06:00:00Z"], // Monday: Friday
      ["2026-11-24T00:00:00Z", "2026-11-23T06:00:00Z"],
    ] as const
  ) assertEquals(new Date(hurriedMorning(Date.parse(now))).toISOString(), expected.replace("Z", ".000Z"));
});
