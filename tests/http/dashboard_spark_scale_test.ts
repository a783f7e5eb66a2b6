// The scale of small lines: a short peak does not press all else to the ground, and what goes up and down is shown whole.

import { assertEquals } from "@std/assert";
import { topOf } from "../../src/http/dashboard/page/spark_scale.ts";

const like = (length: number, value: number) => Array.from({ length }, () => value);

const CASES: readonly (readonly [what: string, values: readonly number[], top: number])[] = [
  ["a rate after the loading at the start", [2300, 1900, ...like(100, 12), 14], 24],
  ["a peak that is not far above the rest", [50, ...like(100, 12)], 50],
  ["peaks that come again and again", like(100, 1).map((value, i) => i % 10 === 0 ? 90 : value), 90],
  ["nothing but a peak", [...like(100, 0), 7], 7],
  ["too few to tell what is usual", [1, 1, 1, 90], 90],
  ["one value", [3], 3],
  ["below zero", [-5, ...like(40, -9)], -5],
];

for (const [what, values, top] of CASES) {
  Deno.test(`the scale of a small line: ${what}`, () => assertEquals(topOf(values), top));
}
