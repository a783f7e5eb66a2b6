// Sums to the last digit, sketches within their bound, and accumulators that do not care about order.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { AccumulatorRow } from "../../src/stream/accumulators.ts";
import {
  addExactly,
  highOf,
  lowestOf,
  lowOf,
  meanExactly,
  mergeExactly,
  roundExactly,
} from "../../src/stream/exact_sum.ts";
import {
  atMax,
  count,
  distinct,
  type Element,
  type ExactSum,
  first,
  last,
  max,
  mean,
  min,
  quantile,
  sum,
} from "@freshet/stream";
import { propertyRuns } from "../support/simulation/runs.ts";
import { asWhole, nearest, wholeSum } from "./rationals.ts";

const reference = (xs: readonly number[]) => nearest(wholeSum(xs));

function exactly(xs: readonly number[]): ExactSum {
  const sum: ExactSum = [];
  for (const x of xs) addExactly(sum, x);
  return sum;
}

const same = (a: number, b: number) => assertEquals(a + 0, b + 0);

const HOSTILE = [
  ...[Number.MAX_VALUE, 1.7e308, 2 ** 1023, 2 ** 970, 2 ** 969, 2 ** 960, 2 ** 960 - 2 ** 907, 1e300].flatMap((
    x,
  ) => [x, -x]),
  ...[1, 2 ** 53, 2 ** -53, 0.1, -0.3, 1e-308, 5e-324, -5e-324, 2 ** -1022],
];

/** Of every magnitude: sums of a few of them are beyond the range of a double, and come back. */
const anyDouble = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(...HOSTILE),
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

Deno.test("an exact sum goes on after every restart, and in any split into merges, as if nothing had been", () => {
  const split = fc.tuple(
    fc.array(fc.array(anyDouble, { maxLength: 12 }), { maxLength: 8 }),
    fc.infiniteStream(fc.nat(1)),
  );
  fc.assert(
    fc.property(split, ([parts, coins]) => {
      const stored = (sum: ExactSum): ExactSum => JSON.parse(JSON.stringify(sum));
      let all: ExactSum = [];
      for (const part of parts) {
        const one: ExactSum = [];
        for (const x of part) addExactly(coins.next().value === 0 ? all : one, x);
        all = stored(coins.next().value === 0 ? mergeExactly(stored(one), all) : mergeExactly(all, one));
      }
      same(roundExactly(all), reference(parts.flat()));
    }),
    propertyRuns(700),
  );
});

Deno.test("a mean is the double nearest to the exact sum divided by the count", () => {
  const few = fc.array(fc.oneof(anyDouble, fc.integer({ min: -50, max: 50 }), fc.constantFrom(0.1, 0.2, 0.7)), {
    minLength: 1,
    maxLength: 40,
    size: "max",
  });
  fc.assert(
    fc.property(few, (xs) => same(meanExactly(exactly(xs), xs.length), nearest(wholeSum(xs), BigInt(xs.length)))),
    propertyRuns(1500),
  );
});

Deno.test("the mean of readings with two decimals is rounded once, where rounding the sum first would be off", () => {
  let offBefore = 0;
  for (let n = 2; n < 400; n++) {
    const xs = Array.from({ length: n }, (_, i) => ((i * 7919 + n * 104729) % 260_000) / 100);
    const exact = nearest(wholeSum(xs), BigInt(n));
    same(meanExactly(exactly(xs), n), exact);
    if (roundExactly(exactly(xs)) / n !== exact) offBefore++;
  }
  assert(offBefore > 20, "these readings do not show the difference");
});

const elementOf = (value: number | null, offset = 0, time = offset): Element<number | null> => (
  { value, offset, time, watermark: -Infinity }
);
type Value = number | null;
const self = (x: Value) => x;

/** Multiples of 2^-107, some of many digits; all sums of them are below 2^31. */
const withinParts = fc.oneof(
  fc.double({ noNaN: true, min: -1e6, max: 1e6 }).filter((x) => x === 0 || Math.abs(x) >= 2 ** -54),
  fc.integer({ min: -1_000_000, max: 1_000_000 }).map((x) => x / 1000),
  fc.constantFrom(2 ** -22, -(2 ** -22), 3 * 2 ** -22, 2 ** -65, -(2 ** -65), 2 ** -107, 0.1, -0),
);

Deno.test("the three parts of a sum are the sum, however many sums of parts are added up, in any order", () => {
  fc.assert(
    fc.property(fc.array(fc.array(withinParts, { maxLength: 6 }), { maxLength: 30, size: "max" }), (partitions) => {
      const plus = (a: number, b: number) => a + b;
      const sums = partitions.map(exactly);
      const parts = [sums.map(highOf), sums.map(lowOf), sums.map((sum) => lowestOf(sum) ?? 0)];
      for (const order of [parts, parts.map((part) => part.toReversed())]) {
        const added = order.map((part) => asWhole(part.reduce(plus, 0)));
        assertEquals(added.reduce((a, b) => a + b, 0n), wholeSum(partitions.flat()));
      }
    }),
    propertyRuns(700),
  );
});

Deno.test("parts of sums out of their range are as near as doubles can be", () => {
  const nearlyWhole = (xs: readonly number[]) => {
    const sum = exactly(xs);
    const told = [highOf(sum), lowOf(sum), lowestOf(sum) ?? 0].reduce((whole, part) => whole + asWhole(part), 0n);
    const [exact, off] = [wholeSum(xs), wholeSum(xs) - told];
    return (off < 0n ? -off : off) << 52n <= (exact < 0n ? -exact : exact);
  };
  fc.assert(
    fc.property(doubles, (xs) => !Number.isFinite(roundExactly(exactly(xs))) || nearlyWhole(xs)),
    propertyRuns(700),
  );
  for (const x of [5e-324, 1e-30, 1.5e-18]) assert(nearlyWhole([x, -2 * x]));
});

Deno.test("a sum with few decimals has no lowest part, and one beyond the range of a double says so in it", () => {
  for (const xs of [[], [0], [-0.5], [1e6, 0.01, -0.07], [4e15, 0.125], [2 ** -64], [1e300]]) {
    assertEquals(lowestOf(exactly(xs)), null);
  }
  assertEquals([1.7e308, -1.7e308].map((x) => lowestOf(exactly([x, x]))), [Number.MAX_VALUE, Number.MAX_VALUE]);
});

Deno.test("a mergeable sum has the state of any sum, and gives its parts as more results", () => {
  const row = new AccumulatorRow({ S: sum(self, { mergeable: true }) });
  const accs = row.initial();
  for (const x of [0.1, 1e-30]) row.add(accs, elementOf(x));
  const high = Math.round(0.1 * 2 ** 21) / 2 ** 21;
  assertEquals<unknown>(row.results(accs), {
    S: high,
    S_LOW: 0.1 - high,
    S_LOWEST: Math.round(2 ** 107 * 1e-30) / 2 ** 107,
  });
  assertEquals(row.config, new AccumulatorRow({ S: sum(self) }).config);
});

const sums: readonly (readonly [string, readonly number[], number])[] = [
  ["numbers that go beyond the range and come back", [1.7e308, 1.7e308, -1.7e308, 5], 1.7e308],
  ["numbers beyond the range that cancel", [1.7e308, 1.7e308, -1.7e308, -1.7e308, 5], 5],
  ["numbers beyond the range", [1.7e308, 1.7e308, 1.7e308], Infinity],
  ["half a digit more than the greatest double", [Number.MAX_VALUE, 2 ** 970], Infinity],
  ["less than half a digit more than the greatest double", [Number.MAX_VALUE, 2 ** 970, -5e-324], Number.MAX_VALUE],
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

Deno.test("a sum stored before there was a second expansion is read, and goes on", () => {
  for (const stored of [[1.7e308], [5, 1.7e308], [5e-324, 3, 2 ** 1023]]) {
    const sum: ExactSum = [...stored];
    for (const x of [1.7e308, 1, -1.7e308, -1]) addExactly(sum, x);
    same(roundExactly(sum), reference(stored));
  }
});

Deno.test("the stored form of an ordinary sum is a flat list of numbers, also after huge ones have cancelled", () => {
  const sum = exactly([0.1, 1e-20, 1e9, 1.7e308, 1.7e308]);
  assert(sum.some((part) => typeof part !== "number"));
  for (const x of [-1.7e308, -1.7e308, 1e10]) addExactly(sum, x);
  assert(sum.every((part) => typeof part === "number"), JSON.stringify(sum));
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
