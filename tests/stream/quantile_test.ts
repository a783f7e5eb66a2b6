// Quantiles by a sketch: within their bound, and within the values that were added.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { AccumulatorRow } from "../../src/stream/accumulators.ts";
import { RELATIVE_ERROR } from "../../src/stream/quantile_sketch.ts";
import { addToSketch, type Element, emptySketch, mergeSketches, quantile, quantileOf } from "@freshet/stream";
import { propertyRuns } from "../support/simulation/runs.ts";

const self = (x: number) => x;
const elementOf = (value: number): Element<number> => ({ value, offset: 0, time: 0, watermark: -Infinity });

Deno.test("a quantile is within 1 % of the value at its rank, whatever is merged", () => {
  const values = fc.array(
    fc.oneof(
      fc.double({ noNaN: true, min: 1e-9, max: 1e12 }),
      fc.double({ noNaN: true, min: -1e12, max: -1e-9 }),
      fc.constant(0),
    ),
    { minLength: 1, maxLength: 80, size: "max" },
  );
  fc.assert(
    fc.property(values, fc.nat(80), fc.double({ min: 0, max: 1, noNaN: true }), (xs, cut, q) => {
      const row = new AccumulatorRow({ q: quantile(self, q) });
      const [left, right] = [row.initial(), row.initial()];
      xs.forEach((x, i) => row.add(i < cut ? left : right, elementOf(x)));
      const { q: found } = row.results(JSON.parse(JSON.stringify(row.merge(left, right))));
      const exact = xs.toSorted((a, b) => a - b)[Math.max(1, Math.ceil(q * xs.length)) - 1]!;
      assert(Math.abs(found! - exact) <= (RELATIVE_ERROR + 1e-9) * Math.abs(exact), `${found} is not near ${exact}`);
    }),
    propertyRuns(500),
  );
});

function sketchOf(values: readonly number[]) {
  const sketch = emptySketch();
  for (const value of values) addToSketch(sketch, value);
  return sketch;
}

Deno.test("a quantile is never outside of the values that were added, whatever is merged and stored", () => {
  const anything = fc.array(
    fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom(100, 1e-16, -1e-16, 0, 5e-324)),
    { minLength: 1, maxLength: 20 },
  );
  fc.assert(
    fc.property(anything, fc.nat(20), fc.double({ min: 0, max: 1, noNaN: true }), (xs, cut, q) => {
      const merged = mergeSketches(sketchOf(xs.slice(0, cut)), sketchOf(xs.slice(cut)));
      const found = quantileOf(JSON.parse(JSON.stringify(merged)), q)!;
      assert(found >= Math.min(...xs) && found <= Math.max(...xs), `${found} is outside of ${xs}`);
    }),
    propertyRuns(500),
  );
});

Deno.test("all quantiles of one value are that value", () => {
  for (const value of [100, -100, 1e-16, 12.34]) {
    assertEquals([0, 0.5, 1].map((q) => quantileOf(sketchOf([value, value]), q)), [value, value, value]);
  }
});

Deno.test("a sketch stored before bounds were kept is read, added to and merged, within its relative error", () => {
  const stored = () => {
    const { positive, negative, zeros } = sketchOf([10, 20, 30]);
    return JSON.parse(JSON.stringify({ positive, negative, zeros }));
  };
  const near = (found: number | null, exact: number) => assert(Math.abs(found! / exact - 1) <= RELATIVE_ERROR + 1e-9);
  const grown = stored();
  addToSketch(grown, 15);
  near(quantileOf(grown, 1), 30);
  near(quantileOf(grown, 0), 10);
  for (const merged of [mergeSketches(stored(), sketchOf([15])), mergeSketches(sketchOf([15]), stored())]) {
    near(quantileOf(merged, 1), 30);
    near(quantileOf(merged, 0), 10);
  }
});
