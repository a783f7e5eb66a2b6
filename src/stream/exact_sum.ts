// Sums that do not depend on the order of adding, so that a replay, another arrival order, a restart or a merge of partial
// sums gives the same last digit. What the exact sum is rounded to is in exact_result.ts.
//
// Source: J. R. Shewchuk, "Adaptive Precision Floating-Point Arithmetic and Fast Robust Geometric Predicates", 1997:
// a sum is kept as an expansion, a list of doubles that do not overlap and whose exact sum is the sum.

/** Non-overlapping doubles in increasing magnitude. */
export type Expansion = number[];

/**
 * An exact sum, as plain JSON; empty for zero. It is an expansion. Once numbers of {@link HUGE} and more are among those
 * added, a second expansion follows as its last element: of those numbers, times {@link HUGE_SCALE}, so that no intermediate
 * sum overflows.
 */
export type ExactSum = (number | Expansion)[];

/** Numbers from here on are summed apart: of those below, 2^64 can be added before a double overflows. */
export const HUGE = 2 ** 960;
/** Takes the huge ones down to where 2^100 of them can be added. A power of two, so that nothing is lost. */
export const HUGE_SCALE = 2 ** -100;

/** Adds `x`, which must be finite, into `sum`, in place. */
export function addExactly(sum: ExactSum, x: number): void {
  const last = sum.length === 0 ? 0 : sum[sum.length - 1];
  if (typeof last === "number" && last < HUGE && last > -HUGE && x < HUGE && x > -HUGE) addTo(sum as Expansion, x);
  else addBeyond(sum, x, 0);
}

/** The exact sum of two, as a new one. */
export function mergeExactly(a: ExactSum, b: ExactSum): ExactSum {
  const sum = a.slice();
  const last = sum.at(-1);
  if (typeof last === "object") sum[sum.length - 1] = [...last];
  for (let i = 0; i < b.length; i++) {
    const part = b[i]!;
    if (typeof part === "number") addExactly(sum, part);
    else for (const huge of part) addBeyond(sum, 0, huge);
  }
  return sum;
}

/** A sum's two expansions; the second one times {@link HUGE_SCALE}. */
export function expansionsOf(sum: ExactSum): { readonly normal: Expansion; readonly huge: Expansion } {
  const last = sum.at(-1);
  return typeof last === "object" && last !== null
    ? { normal: sum.slice(0, -1) as Expansion, huge: last }
    : { normal: sum as Expansion, huge: [] };
}

/** Adds `x` into an expansion, in place. No sum on the way may overflow. */
export function addTo(expansion: Expansion, x: number): void {
  let kept = 0;
  let high = x;
  for (let i = 0; i < expansion.length; i++) {
    const part = expansion[i]!;
    const total = high + part;
    // Two-sum: `error` is exactly what the rounding of `total` lost.
    const virtual = total - high;
    const error = (high - (total - virtual)) + (part - virtual);
    if (error !== 0) expansion[kept++] = error;
    high = total;
  }
  expansion[kept++] = high;
  if (expansion.length !== kept) expansion.length = kept;
}

/** Adds `x`, and `scaled` which has been taken down already, to a sum that has huge numbers or is about to have one. */
function addBeyond(sum: ExactSum, x: number, scaled: number): void {
  const last = sum.at(-1);
  const huge = typeof last === "object" && last !== null ? sum.pop() as Expansion : [];
  const normal = sum as Expansion;
  if (scaled !== 0) addTo(huge, scaled);
  if (Math.abs(x) >= HUGE) addTo(huge, x * HUGE_SCALE);
  else if (x !== 0) addTo(normal, x);
  // What has grown so far by and by, or was stored before there was a second expansion.
  while (normal.length > 0 && Math.abs(normal.at(-1)!) >= HUGE) addTo(huge, normal.pop()! * HUGE_SCALE);
  if (huge.some((part) => part !== 0)) sum.push(huge);
}
