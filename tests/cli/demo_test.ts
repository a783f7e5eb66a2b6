import { assert, assertEquals } from "@std/assert";
import type { SimulatedRecord, Simulator } from "../../simulators/mod.ts";
import { Demo } from "../../src/cli/demo.ts";
import { openEmbeddedLog } from "../../src/log/embedded.ts";
import type { Log } from "../../src/log/log.ts";
import { SteppingClock } from "../simulators/stepping_clock.ts";
import { domainOf } from "../support/domains.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOW = Date.parse("2026-11-19T10:20:00Z");
/** Twenty minutes and a day before, on the hour. */
const START = NOW - 24 * HOUR - 20 * MINUTE;

/** A record every `minutes`, anchored to the epoch. */
const every = (minutes: number): Simulator => ({
  domain: `every ${minutes}`,
  sources: 1,
  intervalMs: minutes * MINUTE,
  fields: { timestamp: "t", required: "t", amount: "t" },
  *generate({ start, intervalMs }): Generator<SimulatedRecord, never, undefined> {
    for (let n = Math.ceil(start / intervalMs);; n++) yield { timestamp: n * intervalMs, key: "k", value: "{}" };
  },
});

interface Stage {
  readonly log: Log;
  /** Topic, first and last event time of each batch, in the order in which the log got them. */
  readonly sent: (readonly [topic: string, first: number, last: number])[];
}

async function onStage(body: (stage: Stage) => Promise<void>): Promise<void> {
  const dataDir = await Deno.makeTempDir({ prefix: "freshet_demo_" });
  try {
    await using log = await openEmbeddedLog({ dataDir });
    await log.createTopics(["often", "rarely"].map((topic) => ({ topic, partitions: 2 })));
    const sent: Stage["sent"] = [];
    const produce = log.produce.bind(log);
    log.produce = async (topic, records) => {
      const positions = await produce(topic, records);
      sent.push([topic, records[0]!.timestamp!, records.at(-1)!.timestamp!]);
      return positions;
    };
    await body({ log, sent });
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

/** Runs a demonstration of two topics from a moment on, until the clock has gone on for `forMs`. */
async function play({ log }: Stage, { now = NOW, forMs }: { readonly now?: number; readonly forMs: number }) {
  const clock = new SteppingClock(now);
  const stop = new AbortController();
  const sleep = clock.sleep.bind(clock);
  clock.sleep = (ms, signal) => {
    if (clock.now() >= now + forMs) stop.abort();
    return sleep(ms, signal);
  };
  const demo = new Demo({
    simulated: [
      { domain: { ...domainOf("trains"), topic: "often" }, simulator: every(0.1) },
      { domain: { ...domainOf("rides"), topic: "rarely" }, simulator: every(10) },
    ],
    seed: 1,
    settings: {},
    clock,
  });
  assertEquals(demo.made, { records: 0, share: 0 });
  await demo.prepare(log, stop.signal);
  await demo.run(log, stop.signal);
  return demo;
}

Deno.test("a demonstration makes the last day from the hour on, all domains side by side, and goes on with the clock", () =>
  onStage(async (stage) => {
    const demo = await play(stage, { forMs: 30 * MINUTE });
    assertEquals(demo.made, { records: 24 * 600 + 200 + 24 * 6 + 2, share: 1 });
    for (const [topic, stepMs] of [["often", 0.1 * MINUTE], ["rarely", 10 * MINUTE]] as const) {
      const batches = stage.sent.filter(([name]) => name === topic);
      assertEquals(batches[0]![1], START);
      batches.slice(1).forEach(([, first], i) => assertEquals(first, batches[i]![2] + stepMs, `${topic} has a hole`));
      assert(batches.at(-1)![2] > NOW && batches.at(-1)![2] <= NOW + 31 * MINUTE);
    }
    // A batch of what comes often is 100 minutes.
    const reached = new Map([["often", START], ["rarely", START]]);
    for (const [topic, first, last] of stage.sent.filter(([, , last]) => last < NOW)) {
      const least = Math.min(...reached.values());
      assert(first <= least + 130 * MINUTE, `${topic} is ${(first - least) / MINUTE} minutes ahead`);
      reached.set(topic, last);
    }
  }));

Deno.test("a second demonstration fills what is missing since the first, and no more than a day of it", () =>
  onStage(async (stage) => {
    await play(stage, { forMs: 1 });
    assertEquals((await play(stage, { forMs: 1 })).made.share, 1, "nothing is missing");
    for (const later of [3 * HOUR, 60 * HOUR]) {
      const last = Math.max(...stage.sent.filter(([topic]) => topic === "often").map(([, , last]) => last));
      stage.sent.length = 0;
      const { made } = await play(stage, { now: NOW + later, forMs: 1 });
      assertEquals(made.share, 1);
      const first = stage.sent.find(([topic]) => topic === "often")![1];
      assertEquals(first, later < 24 * HOUR ? last + 6_000 : START + later);
    }
  }));
