// Sums to the last digit, sketches within their bound, and accumulators that do not care about order.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  AccumulatorRow,
  addExactly,
  atMax,
  count,
  distinct,
  type Element,
  type ExactSum,
  first,
  last,
  max,
  mean,
  mergeExactly,
  min,
  quantile,
  RELATIVE_ERROR,
  roundExactly,
  sum,
} from "../../src/stream/mod.ts";
import { propertyRuns } from "../support/simulation/runs.ts";

const SMALLEST_EXPONENT = 1074n;

/** The double as a whole number of the smallest subnormals (2 ** -1074). */
function asWhole(x: number): bigint {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, x);
  const raw = bits.getBigUint64(0);
  const exponent = (raw >> 52n) & 0x7ffn;
  const fraction = raw & 0xfffffffffffffn;
  const magnitude = exponent === 0n ? fraction : (fraction | (1n << 52n)) << (exponent - 1n);
  return raw >> 63n === 1n ? -magnitude : magnitude;
}

/** The double nearest to a whole number of the smallest subnormals, ties to even. */
function nearest(whole: bigint): number {
  const magnitude = whole < 0n ? -whole : whole;
  const drop = BigInt(Math.max(0, magnitude.toString(2).length - 53));
  const half = drop === 0n ? 0n : 1n << (drop - 1n);
  let kept = magnitude >> drop;
  const rest = magnitude - (kept << drop);
  if (drop > 0n && (rest > half || (rest === half && (kept & 1n) === 1n))) kept += 1n;
  // In two steps: 2 ** -1074 alone is the smallest there is.
  const shift = Number(drop - SMALLEST_EXPONENT);
  const x = Number(kept) * 2 ** Math.max(shift, -1000) * 2 ** Math.min(shift + 1000, 0);
  return whole < 0n ? -x : x;
}

const reference = (xs: readonly number[]) => nearest(xs.reduce((total, x) => total + asWhole(x), 0n));

function exactly(xs: readonly number[]): ExactSum {
  const sum: ExactSum = [];
  for (const x of xs) addExactly(sum, x);
  return sum;
}

const same = (a: number, b: number) => assertEquals(a + 0, b + 0);

/** Of every magnitude, but small enough that no partial sum overflows. */
const anyDouble = fc.oneof(
  fc.double({ noNaN: true, min: -1e300, max: 1e300 }),
  fc.constantFrom(1e300, -1e300, 1, -1, 1e-308, -1e-308, 5e-324, -5e-324, 0.1, 0.2, -0.3, 2 ** 53, 1, 2 ** -53),
);
const doubles = fc.array(anyDouble, { maxLength: 60, size: "max" });

Deno.test("an exact sum equals the sum of rationals, rounded once", () => {
  fc.assert(fc.property(doubles, (xs) => same(roundExactly(exactly(xs)), reference(xs))), propertyRuns(1500));
});

Deno.test("an exact sum does not depend on the order, and merging sums is the sum of all", () => {
  const halves = fc.tuple(doubles, doubles, fc.integer({ min: 0, max: 59 }));
  fc.assert(
    fc.property(halves, ([a, b, turn]) => {
      const all = [...a, ...b];
      const turned = [...all.slice(turn), ...all.slice(0, turn)].reverse();
      const [whole, left] = [roundExactly(exactly(all)), exactly(a)];
      const before = left.slice();
      same(roundExactly(exactly(turned)), whole);
      same(roundExactly(mergeExactly(left, exactly(b))), whole);
      assertEquals(left, before, "merge must leave its arguments as they are");
      same(roundExactly(JSON.parse(JSON.stringify(exactly(all)))), whole);
    }),
    propertyRuns(700),
  );
});

const sums: readonly (readonly [string, readonly number[], number])[] = [
  ["nothing", [], 0],
  ["great numbers that cancel", [1e308, 1, 1e-308, -1e308], 1],
  ["all but the smallest cancel", [1e308, 5e-324, -1e308], 5e-324],
  ["subnormals", [5e-324, 5e-324, -5e-324], 5e-324],
  ["tenths", Array.from({ length: 10 }, () => 0.1), 1],
  ["a tie that what is beneath decides upwards", [1, 2 ** -53, 2 ** -106], 1 + 2 ** -52],
  ["a tie that nothing decides, to even", [1, 2 ** -53], 1],
  ["a tie that what is beneath decides downwards", [1 + 2 ** -52, 2 ** -53, -(2 ** -106)], 1 + 2 ** -52],
];

for (const [name, xs, expected] of sums) {
  Deno.test(`the exact sum of ${name} is right in any order`, () => {
    same(roundExactly(exactly(xs)), expected);
    same(roundExactly(exactly(xs.toReversed())), expected);
  });
}

const elementOf = (value: number | null, offset = 0, time = offset): Element<number | null> => (
  { value, offset, time, watermark: -Infinity }
);
type Value = number | null;
const self = (x: Value) => x;

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

const everything = () =>
  new AccumulatorRow({
    count: count<Value>(),
    positive: count<Value>((x) => x !== null && x > 0),
    sum: sum(self),
    mean: mean(self),
    min: min(self),
    max: max(self),
    distinct: distinct(self),
    median: quantile(self, 0.5),
    first: first(self),
    last: last(self),
    peak: atMax((x) => x === null ? null : Math.abs(x), self),
  });

Deno.test("no accumulator depends on the order of elements or on how they are merged", () => {
  const value = fc.option(fc.oneof(fc.integer({ min: -9, max: 9 }), anyDouble, fc.constantFrom(NaN, -0)), { freq: 6 });
  const timed = fc.array(fc.tuple(value, fc.nat(5)), { maxLength: 40, size: "max" });
  fc.assert(
    fc.property(timed, fc.infiniteStream(fc.nat(1000)), fc.nat(40), (list, order, cut) => {
      const elements = list.map(([value, time], offset) => elementOf(value, offset, time));
      const row = everything();
      const plain = row.initial();
      for (const element of elements) row.add(plain, element);
      const mixed = elements.map((element) => ({ element, at: order.next().value }))
        .toSorted((a, b) => a.at - b.at).map(({ element }) => element);
      const [left, right] = [row.initial(), row.initial()];
      mixed.forEach((element, i) => row.add(i < cut ? left : right, element));
      const merged = row.merge(right, left);
      const text = (accs: readonly unknown[]) => JSON.stringify(row.results(accs));
      assertEquals(text(merged), text(plain));
      assertEquals(text(JSON.parse(JSON.stringify(merged))), text(plain), "Stored and restored it says something else");
    }),
    propertyRuns(500),
  );
});

Deno.test("accumulators of nothing, and of elements without a number", () => {
  const row = everything();
  const nothing = { mean: null, min: null, max: null, median: null, first: null, last: null, peak: null };
  assertEquals<unknown>(row.results(row.initial()), { count: 0, positive: 0, sum: 0, distinct: 0, ...nothing });
  const accs = row.initial();
  row.add(accs, elementOf(null));
  assertEquals<unknown>(row.results(accs), { count: 1, positive: 0, sum: 0, distinct: 0, ...nothing });
});

Deno.test("first and last go by event time, and by offset where that is the same", () => {
  const row = new AccumulatorRow({ first: first(self), last: last(self) });
  const accs = row.initial();
  for (const [x, offset, time] of [[1, 0, 5], [2, 1, 5], [3, 2, 9], [4, 3, 9], [5, 4, 7]] as const) {
    row.add(accs, elementOf(x, offset, time));
  }
  assertEquals(row.results(accs), { first: 1, last: 4 });
});

Deno.test("the value at the maximum is the earliest of equals, by event time and then by offset", () => {
  const row = new AccumulatorRow({ peak: atMax((x: Value) => x === null ? null : Math.abs(x), self) });
  const accs = row.initial();
  for (const [x, offset, time] of [[1, 0, 1], [-3, 1, 9], [3, 2, 4], [-3, 3, 4], [NaN, 4, 0]] as const) {
    row.add(accs, elementOf(x, offset, time));
  }
  assertEquals(row.results(accs), { peak: 3 });
});

Deno.test("distinct tells apart names that objects know", () => {
  const row = new AccumulatorRow({ n: distinct((s: string) => s) });
  const accs = row.initial();
  for (const value of ["__proto__", "constructor", "1", "01", "__proto__"]) {
    row.add(accs, { value, offset: 0, time: 0, watermark: 0 });
  }
  assertEquals(row.results(row.merge(accs, row.initial())), { n: 4 });
  assertEquals(row.results(JSON.parse(JSON.stringify(accs))), { n: 4 });
});
