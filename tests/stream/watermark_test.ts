import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { PartitionWatermark } from "@freshet/stream";
import { propertyRuns } from "../support/simulation/runs.ts";

const settings = { maxOutOfOrdernessMs: 30, idleAfterMs: 100 };

Deno.test("the watermark follows the greatest event time at the allowed distance and ignores older events", () => {
  const watermark = new PartitionWatermark(settings);
  assertEquals([watermark.observe(1000), watermark.observe(900), watermark.observe(1200)], [-Infinity, 970, 970]);
  assertEquals([watermark.current, watermark.eventWatermark, watermark.maxEventTime], [1170, 1170, 1200]);
});

Deno.test("the watermark of a silent partition goes on at the clock's pace from where its events stood, and what is late stays as it was", () => {
  const watermark = new PartitionWatermark(settings);
  watermark.observe(1000);
  assertEquals([watermark.quiet(5000), watermark.quiet(5099)], [false, false]);
  assertEquals([watermark.quiet(5100), watermark.current, watermark.eventWatermark], [true, 1070, 970]);
  assertEquals([watermark.quiet(5100), watermark.quiet(5200), watermark.current], [false, true, 1170]);
});

Deno.test("a trickle of old events keeps the clock near them, however long it goes on", () => {
  const watermark = new PartitionWatermark(settings);
  for (let i = 0; i < 1000; i++) {
    watermark.busy();
    watermark.observe(1000 + i);
    watermark.quiet(1_000_000 + i * 150);
    watermark.quiet(1_000_000 + i * 150 + 149);
  }
  assertEquals([watermark.eventWatermark, watermark.current], [1969, 1969 + 149]);
});

Deno.test("records that come or wait start the idle clock over", () => {
  const watermark = new PartitionWatermark(settings);
  watermark.observe(1000);
  watermark.quiet(5000);
  watermark.busy();
  assertEquals([watermark.quiet(5100), watermark.quiet(5199), watermark.quiet(5200)], [false, false, true]);
});

Deno.test("a partition without any event has no watermark, however long it is silent, where the others have none", () => {
  const watermark = new PartitionWatermark(settings);
  watermark.quiet(0);
  assertEquals([watermark.quiet(1e9), watermark.current], [false, -Infinity]);
});

Deno.test("a silent partition without any event goes along with the others, and its first event is not late for that", () => {
  const watermark = new PartitionWatermark(settings);
  assertEquals([watermark.quiet(0, 700), watermark.quiet(99, 800), watermark.current], [false, false, -Infinity]);
  assertEquals([watermark.quiet(100, 900), watermark.current, watermark.idle], [true, 900, false]);
  assertEquals([watermark.quiet(200, 850), watermark.current], [false, 900]);
  assertEquals([watermark.observe(500), watermark.eventWatermark, watermark.current], [-Infinity, 470, 900]);
});

Deno.test("without idleness only events move the watermark", () => {
  const watermark = new PartitionWatermark({ ...settings, idleAfterMs: Infinity });
  watermark.observe(1000);
  watermark.quiet(5000);
  assertEquals([watermark.quiet(1e12), watermark.current], [false, 970]);
});

Deno.test("a restored watermark goes on where it was, the part of the clock included", () => {
  const watermark = new PartitionWatermark(settings, { maxEventTime: 1000, watermark: 5070 });
  assertEquals([watermark.current, watermark.eventWatermark], [5070, 970]);
  watermark.quiet(0);
  watermark.quiet(100);
  assertEquals(watermark.current, 5170);
  watermark.observe(2000);
  assertEquals([watermark.current, watermark.eventWatermark], [5170, 1970]);
});

Deno.test("a watermark never goes back, whatever events and clocks do", () => {
  const step = fc.oneof(
    fc.record({ event: fc.integer({ min: -10_000, max: 10_000 }) }),
    fc.record({ quiet: fc.integer({ min: -10_000, max: 10_000 }) }),
    fc.constant({ busy: true }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const watermark = new PartitionWatermark(settings);
      let [before, beforeByEvents] = [watermark.current, watermark.eventWatermark];
      for (const step of steps) {
        if ("event" in step) assertEquals(watermark.observe(step.event), beforeByEvents);
        else if ("quiet" in step) {
          const moved = watermark.quiet(step.quiet);
          assertEquals(moved, watermark.current > before);
        } else watermark.busy();
        assert(watermark.current >= before && watermark.eventWatermark >= beforeByEvents);
        assert(watermark.current >= watermark.eventWatermark);
        [before, beforeByEvents] = [watermark.current, watermark.eventWatermark];
      }
    }),
    propertyRuns(500),
  );
});
