// A pipeline for a reading loop of one's own, and the tester of pipelines over it.

import { assertEquals, assertRejects } from "@std/assert";
import { count, Pipeline, sum } from "@freshet/stream";
import { PipelineTester } from "@freshet/stream/testing";
import { type Event, event, keyOf, xOf } from "./feed.ts";

const settings = {
  eventTime: ({ time }: Event) => time,
  allowedLatenessMs: 20,
  idleAfterMs: 100,
} as const;
const tumbling = () =>
  new PipelineTester({
    ...settings,
    outputs: (events) => [
      events.keyBy({ k: keyOf }).tumbling(10).aggregate("t", { n: count(), x: sum(xOf) }),
      events.filter(({ x }) => x > 8).into("big", ({ x }, { offset }, partition) => ({ x, offset, partition })),
    ],
  });

Deno.test("lists go in, and each output's rows come out in its place", async () => {
  await using test = tumbling();
  const { rows: [windows, big], late, failed } = await test.feed([event(1), event(2, "k", 9), event(12)], 3);
  assertEquals(windows.map(({ start, values, partition }) => [start, values, partition]), [[0, { n: 2, x: 10 }, 3]]);
  assertEquals(big, [{ x: 9, offset: 1, partition: 3 }]);
  assertEquals([late, failed], [[], []]);
});

Deno.test("early rows come when asked for, and the end of the input closes what is open", async () => {
  await using test = tumbling();
  await test.feed([event(1)]);
  assertEquals((await test.early()).rows[0].map(({ final }) => final), [false]);
  assertEquals((await test.end()).rows[0].map(({ final }) => final), [true]);
});

Deno.test("a silence closes windows by the clock that the test moves", async () => {
  await using test = tumbling();
  await test.feed([event(1)]);
  assertEquals((await test.pass(99)).rows[0], []);
  assertEquals((await test.pass(1)).rows[0].map(({ end, final }) => [end, final]), [[10, true]]);
});

Deno.test("what is open goes on after a restart, and so does what is late", async () => {
  await using test = tumbling();
  await test.feed([event(1), event(35)]);
  await test.restart();
  await test.restart();
  const { rows: [windows], late } = await test.feed([event(2), event(36), event(17), event(45)]);
  assertEquals(windows.map(({ start, values, version }) => [start, values.n, version]), [[30, 2, 1], [10, 1, 2]]);
  assertEquals(late.map(({ offset, missed }) => [offset, missed.end]), [[2, 10]]);
});

Deno.test("partitions have event times of their own", async () => {
  await using test = tumbling();
  await test.feed([event(50)], 0);
  const { rows: [windows], late } = await test.feed([event(1), event(12)], 1);
  assertEquals([windows.map(({ end }) => end), late], [[10], []]);
});

Deno.test("a record that has been taken is passed over when it comes again", async () => {
  await using pipeline = new Pipeline({
    ...settings,
    outputs: (events) => [events.keyBy({ k: keyOf }).aggregate("all", { n: count() })],
  });
  const records = [1, 2, 3].map((time, i) => ({ offset: 10 + 2 * i, value: event(time) }));
  await pipeline.push(0, records.slice(0, 2));
  const { rows: [running] } = await pipeline.push(0, records, { early: true });
  assertEquals(running.map(({ values }) => values.n), [3]);
  assertEquals(pipeline.checkpoint().positions.get(0), { nextOffset: 15, watermark: 3, maxEventTime: 3 });
});

Deno.test("a record without an event time is refused, and so is an element that a function fails on reported", async () => {
  const fails = ({ x }: Event) => {
    if (x === 13) throw new Error("bad luck");
    return { x };
  };
  await using test = new PipelineTester({ ...settings, outputs: (events) => [events.into("rows", fails)] });
  const { rows: [rows], failed } = await test.feed([event(1, "k", 13), event(2)]);
  assertEquals([rows, failed.map(({ offset }) => offset)], [[{ x: 1 }], [0]]);
  await assertRejects(() => test.feed([event(3), event(NaN)]), RangeError, "offset 3: it has no event time");
});
