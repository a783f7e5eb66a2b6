// Sums that do not depend on the order of adding, so that a replay, another arrival order or a merge of
// partial sums gives the same last digit.
//
// Source: J. R. Shewchuk, "Adaptive Precision Floating-Point Arithmetic and Fast Robust Geometric Predicates", 1997:
// a sum is kept as an expansion, a list of doubles that do not overlap and whose exact sum is the sum.

/** An exact sum: non-overlapping doubles in increasing magnitude; empty for zero. It is plain JSON. */
export type ExactSum = number[];

/** Adds `x` into `sum`, in place. A value that is not finite makes the sum that value. */
export function addExactly(sum: ExactSum, x: number): void {
  let kept = 0;
  let high = x;
  for (let i = 0; i < sum.length; i++) {
    const part = sum[i]!;
    const total = high + part;
    // Two-sum: `error` is exactly what the rounding of `total` lost.
    const virtual = total - high;
    const error = (high - (total - virtual)) + (part - virtual);
    if (error !== 0 && error === error) sum[kept++] = error;
    high = total;
  }
  sum[kept++] = high;
  if (sum.length !== kept) sum.length = kept;
}

/** The exact sum of two, as a new one. */
export function mergeExactly(a: ExactSum, b: ExactSum): ExactSum {
  const sum = a.slice();
  for (const part of b) addExactly(sum, part);
  return sum;
}

/** The double nearest to the exact sum, ties to even. */
export function roundExactly(sum: ExactSum): number {
  let i = sum.length - 1;
  if (i < 0) return 0;
  let high = sum[i]!;
  let low = 0;
  while (i > 0) {
    const part = sum[--i]!;
    const total = high + part;
    low = part - (total - high);
    high = total;
    if (low !== 0) break;
  }
  // `high` may have been rounded to even although what is left beneath says that it lies on the other side of the tie.
  if (i > 0 && low !== 0 && Math.sign(low) === Math.sign(sum[i - 1]!)) {
    const twice = low * 2;
    const nudged = high + twice;
    if (nudged - high === twice) high = nudged;
  }
  return high;
}
