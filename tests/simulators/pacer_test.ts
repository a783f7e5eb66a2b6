import { assert, assertEquals } from "@std/assert";
import { paced, type PaceOptions } from "../../simulators/pacer.ts";
import type { SimulatedRecord } from "../../simulators/simulator.ts";
import { SteppingClock } from "./stepping_clock.ts";

const NOW = 1_000_000_000;

/** A record every `step` milliseconds. */
function* every(step: number, start: number): Generator<SimulatedRecord, never, undefined> {
  for (let timestamp = start;; timestamp += step) yield { timestamp, key: "k", value: "v" };
}

async function collect(options: Partial<PaceOptions> & { readonly step: number }, most = Infinity) {
  const clock = new SteppingClock(NOW);
  const start = options.start ?? NOW;
  const seen: { at: number; timestamps: number[] }[] = [];
  const pace = { start, speed: 1, clock, signal: new AbortController().signal, ...options };
  for await (const batch of paced(every(options.step, start), pace)) {
    for (const { timestamp } of batch) assert(timestamp <= clock.now(), "handed out before its time");
    seen.push({ at: clock.now() - NOW, timestamps: batch.map(({ timestamp }) => timestamp - start) });
    if (seen.length >= most) break;
  }
  return { seen, clock };
}

Deno.test("at speed 10 an event a second of event time is due every tenth of a second", async () => {
  const { seen } = await collect({ step: 1000, start: NOW - 3_600_000, speed: 10, count: 7, tickMs: 200 });
  assertEquals(seen, [
    { at: 0, timestamps: [0] },
    { at: 200, timestamps: [1000, 2000] },
    { at: 400, timestamps: [3000, 4000] },
    { at: 600, timestamps: [5000, 6000] },
  ]);
});

Deno.test("when event time reaches the clock it goes on in real time", async () => {
  const { seen } = await collect({ step: 1000, start: NOW - 3000, speed: 10, count: 8, tickMs: 100 });
  const last = seen.slice(-3);
  assertEquals(last.map(({ timestamps }) => timestamps), [[5000], [6000], [7000]]);
  assertEquals(last.map(({ at }) => at), [2000, 3000, 4000]);
});

Deno.test("as fast as possible means no waiting until the present", async () => {
  const { seen, clock } = await collect({
    step: 10,
    start: NOW - 50_000,
    speed: Infinity,
    count: 5000,
    batchRecords: 1000,
  });
  assertEquals(seen.map(({ timestamps }) => timestamps.length), [1000, 1000, 1000, 1000, 1000]);
  assertEquals(clock.slept, []);
});

Deno.test("until ends before the first record at that event time", async () => {
  const { seen } = await collect({ step: 1000, start: NOW - 5000, speed: Infinity, until: NOW });
  assertEquals(seen.flatMap(({ timestamps }) => timestamps), [0, 1000, 2000, 3000, 4000]);
});

Deno.test("an aborted signal ends it, also while it waits", async () => {
  const abort = new AbortController();
  const clock = new SteppingClock(NOW);
  const sleep = clock.sleep.bind(clock);
  clock.sleep = (ms, signal) => {
    abort.abort();
    return sleep(ms, signal);
  };
  let batches = 0;
  for await (const _ of paced(every(1000, NOW), { start: NOW, speed: 1, clock, signal: abort.signal })) batches++;
  assertEquals(batches, 1);
});

Deno.test("until ends at once, and does not wait for the record after it", async () => {
  const clock = new SteppingClock(NOW);
  const rare = every(3_600_000, NOW - 3_600_000);
  const signal = new AbortController().signal;
  const times: number[] = [];
  for await (const batch of paced(rare, { start: NOW, speed: Infinity, until: NOW, clock, signal })) {
    times.push(...batch.map(({ timestamp }) => timestamp));
  }
  assertEquals([times, clock.now()], [[NOW - 3_600_000], NOW]);
});

Deno.test("leaving early closes the source", async () => {
  let closed = false;
  function* source(): Generator<SimulatedRecord, void, undefined> {
    try {
      yield* every(1, NOW - 1000);
    } finally {
      closed = true;
    }
  }
  const pace = {
    start: NOW - 1000,
    speed: Infinity,
    clock: new SteppingClock(NOW),
    signal: new AbortController().signal,
  };
  for await (const _ of paced(source(), pace)) break;
  assert(closed);
});
