import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { PartitionWatermark } from "../../src/stream/mod.ts";
import { propertyRuns } from "../support/simulation/runs.ts";

const settings = { maxOutOfOrdernessMs: 30, idleAfterMs: 100 };

Deno.test("the watermark follows the greatest event time at the allowed distance and ignores older events", () => {
  const watermark = new PartitionWatermark(settings);
  assertEquals([watermark.observe(1000), watermark.observe(900), watermark.observe(1200)], [-Infinity, 970, 970]);
  assertEquals([watermark.current, watermark.eventWatermark, watermark.maxEventTime], [1170, 1170, 1200]);
});

Deno.test("a partition that was silent for long enough follows the clock, and what is late stays as it was", () => {
  const watermark = new PartitionWatermark(settings);
  watermark.observe(1000);
  assertEquals([watermark.quiet(5000), watermark.quiet(5099)], [false, false]);
  assertEquals([watermark.quiet(5100), watermark.current, watermark.eventWatermark], [true, 5070, 970]);
  assertEquals([watermark.quiet(5100), watermark.quiet(5200), watermark.current], [false, true, 5170]);
});

Deno.test("records that come or wait start the idle clock over", () => {
  const watermark = new PartitionWatermark(settings);
  watermark.observe(1000);
  watermark.quiet(5000);
  watermark.busy();
  assertEquals([watermark.quiet(5100), watermark.quiet(5199), watermark.quiet(5200)], [false, false, true]);
});

Deno.test("a partition without any event has no watermark, however long it is silent", () => {
  const watermark = new PartitionWatermark(settings);
  watermark.quiet(0);
  assertEquals([watermark.quiet(1e9), watermark.current], [false, -Infinity]);
});

Deno.test("without idleness only events move the watermark", () => {
  const watermark = new PartitionWatermark({ ...settings, idleAfterMs: Infinity });
  watermark.observe(1000);
  watermark.quiet(5000);
  assertEquals([watermark.quiet(1e12), watermark.current], [false, 970]);
});

Deno.test("a wall clock that steps back starts the idle clock over and does not move the watermark back", () => {
  const watermark = new PartitionWatermark(settings);
  watermark.observe(9_000_000);
  watermark.quiet(10_000_000);
  assertEquals([watermark.quiet(10_000_100), watermark.current], [true, 10_000_070]);
  // An hour back; silent for the idle time from there on, and then past where it was.
  assertEquals([watermark.quiet(6_400_100), watermark.quiet(6_400_200), watermark.current], [false, false, 10_000_070]);
  assertEquals([watermark.quiet(10_000_200), watermark.current], [true, 10_000_170]);
});

Deno.test("a clock that steps back while a partition falls silent does not hold its windows for as long as the step", () => {
  const watermark = new PartitionWatermark(settings);
  watermark.observe(6_300_000);
  watermark.quiet(10_000_000);
  watermark.quiet(6_400_000);
  assertEquals([watermark.quiet(6_400_100), watermark.current], [true, 6_400_070]);
});

Deno.test("a restored watermark goes on where it was, the part of the clock included", () => {
  const watermark = new PartitionWatermark(settings, { maxEventTime: 1000, watermark: 5070 });
  assertEquals([watermark.current, watermark.eventWatermark], [5070, 970]);
  watermark.observe(2000);
  assertEquals([watermark.current, watermark.eventWatermark], [5070, 1970]);
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
