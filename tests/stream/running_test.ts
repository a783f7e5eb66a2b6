// Aggregates without a window, by example.

import { assertEquals } from "@std/assert";
import { AccumulatorRow } from "../../src/stream/accumulators.ts";
import { Keys } from "../../src/stream/key.ts";
import { aggregateRunning } from "../../src/stream/running.ts";
import { count, type Operator, type RunningResult, StateBackend, sum } from "@freshet/stream";
import { type Event, event, Feed, Harness, keyOf, StoredState, xOf } from "./feed.ts";

type Row = RunningResult<Readonly<Record<string, unknown>>>;

function running(state: StateBackend, of: (e: Event) => number = xOf): Operator<Event, Row> {
  const accumulators = new AccumulatorRow({ n: count<Event>(), sum: sum(of) });
  return aggregateRunning({ name: "op", keys: new Keys({ k: keyOf }), accumulators, state });
}

const text = ({ key, partition, values }: Row) => `${partition} ${key.k} n=${values.n} sum=${values.sum}`;

Deno.test("each key has one row over all its elements, given out when asked for and changed since", async () => {
  const harness = new Harness(running(new StateBackend()));
  const feed = new Feed();
  assertEquals(await harness.push(feed.batch([event(5, "a", 1), event(6, "b", 2)])), []);
  assertEquals((await harness.push(feed.batch([event(7, "a", 4)], true))).map(text), [
    "0 a n=2 sum=5",
    "0 b n=1 sum=2",
  ]);
  assertEquals(await harness.push(feed.batch([], true)), []);
  assertEquals((await harness.push(feed.batch([event(8, "b", 8)], true))).map(text), ["0 b n=2 sum=10"]);
  await harness.close();
});

Deno.test("no element is too late for a row over all elements", async () => {
  const harness = new Harness(running(new StateBackend()));
  const feed = new Feed();
  await harness.push(feed.batch([event(1_000_000_000, "a", 1)]));
  assertEquals((await harness.push(feed.batch([event(1, "a", 2)], true))).map(text), ["0 a n=2 sum=3"]);
  assertEquals(harness.late, []);
  await harness.close();
});

Deno.test("partitions keep their own rows, and go on after a restart from what was stored", async () => {
  const state = new StateBackend();
  const stored = new StoredState();
  const before = new Harness(running(state));
  const feeds = [new Feed(0, 0), new Feed(0, 1)];
  for (const feed of feeds) await before.push(feed.batch([event(1, "a", feed.partition + 1)]));
  stored.take(state.drain());
  await before.push(feeds[0]!.batch([event(2, "a", 100)]));
  await before.close();

  const restored = new StateBackend();
  const after = new Harness(running(restored));
  stored.restoreInto(restored);
  assertEquals((await after.push(feeds[0]!.batch([event(2, "a", 10)], true))).map(text), ["0 a n=2 sum=11"]);
  assertEquals((await after.push(feeds[1]!.batch([event(2, "a", 10)], true))).map(text), ["1 a n=2 sum=12"]);
  await after.close();
});

Deno.test("an element for which a function throws is reported, and leaves no key behind", async () => {
  const state = new StateBackend();
  const harness = new Harness(running(state, (e) => {
    if (e.x < 0) throw new Error("negative");
    return e.x;
  }));
  assertEquals(await harness.push(new Feed().batch([event(1, "a", -1)], true)), []);
  assertEquals([harness.failed, state.drain()], [[0], []]);
  await harness.close();
});
