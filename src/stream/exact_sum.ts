// Sums that do not depend on the order of adding, so that a replay, another arrival order, a restart or a merge of partial
// sums gives the same last digit; and what they come to: the nearest double, the mean, each rounded once, and parts that SQL
// can add up exactly.
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
const HUGE = 2 ** 960;
/** Takes the huge ones down to where 2^100 of them can be added. A power of two, so that nothing is lost. */
const HUGE_SCALE = 2 ** -100;

const isHuge = (x: number) => x >= HUGE || x <= -HUGE;

/** The sum of `x` alone, which must be finite. */
export function exactly(x: number): ExactSum {
  return isHuge(x) ? [[x * HUGE_SCALE]] : [x];
}

/** Adds `x`, which must be finite, into `sum`, in place. */
export function addExactly(sum: ExactSum, x: number): void {
  const last = sum.length === 0 ? 0 : sum[sum.length - 1];
  if (typeof last === "number" && !isHuge(last) && !isHuge(x)) addTo(sum as Expansion, x);
  else addBeyond(sum, x, 0);
}

/** The exact sum of two, as a new one. */
export function mergeExactly(a: ExactSum, b: ExactSum): ExactSum {
  let length = copyToParts(a);
  for (let i = 0; i < b.length && length >= 0; i++) {
    const part = b[i]!;
    if (typeof part !== "number" || isHuge(part) || (length > 0 && isHuge(parts[length - 1]!))) length = -1;
    else length = addToFirst(parts, length, part);
  }
  return length < 0 ? mergeBeyond(a, b) : parts.slice(0, length);
}

/** Where sums are worked on. It is never made shorter, so that it need not grow again. */
const parts: Expansion = [];

/** Copies a sum to the first `parts`, and returns how many it has; less than 0 where it has huge numbers. */
function copyToParts(sum: ExactSum): number {
  for (let i = 0; i < sum.length; i++) {
    const part = sum[i]!;
    if (typeof part !== "number") return -1;
    parts[i] = part;
  }
  return sum.length;
}

function mergeBeyond(a: ExactSum, b: ExactSum): ExactSum {
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
function expansionsOf(sum: ExactSum): { readonly normal: Expansion; readonly huge: Expansion } {
  const last = sum.at(-1);
  return typeof last === "object" && last !== null
    ? { normal: sum.slice(0, -1) as Expansion, huge: last }
    : { normal: sum as Expansion, huge: [] };
}

/** Adds `x` into an expansion, in place. No sum on the way may overflow. */
function addTo(expansion: Expansion, x: number): void {
  const kept = addToFirst(expansion, expansion.length, x);
  if (expansion.length !== kept) expansion.length = kept;
}

/** Adds `x` into the first `length` parts, and returns how many they are now; what is behind them is worth nothing. */
function addToFirst(expansion: Expansion, length: number, x: number): number {
  let kept = 0;
  let high = x;
  for (let i = 0; i < length; i++) {
    const part = expansion[i]!;
    const total = high + part;
    // Two-sum: `error` is exactly what the rounding of `total` lost.
    const virtual = total - high;
    const error = (high - (total - virtual)) + (part - virtual);
    if (error !== 0) expansion[kept++] = error;
    high = total;
  }
  expansion[kept++] = high;
  return kept;
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

/** From this magnitude on a sum's smallest parts are beneath every digit that counts, and it is rounded scaled down. */
const ALMOST_OVERFLOWING = 2 ** 1010;
/** A part smaller than this cannot be scaled down without loss. */
const SCALES_EXACTLY = 2 ** -800;

/** The double nearest to the exact sum, ties to even; infinite only when the sum itself is beyond the range of a double. */
export function roundExactly(sum: ExactSum): number {
  if (typeof sum[sum.length - 1] !== "object") return roundExpansion(sum as Expansion);
  const { normal, huge } = expansionsOf(sum);
  if (Math.abs(huge.at(-1)! / HUGE_SCALE) < ALMOST_OVERFLOWING) {
    const all = [...normal];
    for (const part of huge) addTo(all, part / HUGE_SCALE);
    return roundExpansion(all);
  }
  const scaled = [...huge];
  for (const part of normal) if (Math.abs(part) >= SCALES_EXACTLY) addTo(scaled, part * HUGE_SCALE);
  // The greatest of the others says on which side of a tie the sum lies.
  const beneath = normal.findLast((part) => part !== 0 && Math.abs(part) < SCALES_EXACTLY);
  if (beneath !== undefined) addTo(scaled, Math.sign(beneath) * Number.MIN_VALUE);
  return roundExpansion(scaled) / HUGE_SCALE;
}

function roundExpansion(expansion: Expansion, length = expansion.length): number {
  let i = length - 1;
  if (i < 0) return 0;
  let high = expansion[i]!;
  let low = 0;
  while (i > 0) {
    const part = expansion[--i]!;
    const total = high + part;
    low = part - (total - high);
    high = total;
    if (low !== 0) break;
  }
  // `high` may have been rounded to even although what is left beneath says that it lies on the other side of the tie.
  if (i > 0 && low !== 0 && Math.sign(low) === Math.sign(expansion[i - 1]!)) {
    const twice = low * 2;
    const nudged = high + twice;
    if (nudged - high === twice) high = nudged;
  }
  return high;
}

/** The double nearest to the exact sum divided by `n`, a whole number above 0. */
export function meanExactly(sum: ExactSum, n: number): number {
  // A sum that is a double: division rounds once.
  if (sum.length <= 1) {
    const only = sum[0] ?? 0;
    if (typeof only === "number") return only / n;
  }
  return quickMean(sum, n) ?? nearestTo(wholeOf(sum), BigInt(n));
}

/** Splits a double into two of 26 bits (Veltkamp). */
const SPLITTER = 2 ** 27 + 1;

/** The mean where doubles alone tell it for sure, which is nearly always. */
function quickMean(sum: ExactSum, n: number): number | undefined {
  const { normal, huge } = expansionsOf(sum);
  const total = roundExpansion(normal);
  const mean = total / n;
  const size = Math.abs(mean);
  if (huge.length > 0 || !(size > 2 ** -800 && size < 2 ** 800) || n > 2 ** 53) return undefined;
  // mean * n is exactly product + error (Dekker).
  const product = mean * n;
  const [a, b] = halvesOf(mean);
  const [c, d] = halvesOf(n);
  const error = b * d - (((product - a * c) - b * c) - a * d);
  const rest = [...normal];
  addTo(rest, -product);
  addTo(rest, -error);
  const correction = roundExpansion(rest) / n;
  // The correction is off by a few of its last digits at most: if that makes no difference, this is the nearest double.
  const [least, most] = [mean + correction * (1 - 2 ** -45), mean + correction * (1 + 2 ** -45)];
  return least === most ? least : undefined;
}

function halvesOf(x: number): readonly [high: number, low: number] {
  const scaled = x * SPLITTER;
  const high = scaled - (scaled - x);
  return [high, x - high];
}

/** Doubles are whole numbers of 2^-1074, the smallest of them. */
const SMALLEST_EXPONENT = 1074;
const bits = new DataView(new ArrayBuffer(8));

/** A double as a whole number of the smallest doubles. */
function wholeOfDouble(x: number): bigint {
  bits.setFloat64(0, x);
  const raw = bits.getBigUint64(0);
  const exponent = (raw >> 52n) & 0x7ffn;
  const fraction = raw & 0xfffffffffffffn;
  const magnitude = exponent === 0n ? fraction : (fraction | (1n << 52n)) << (exponent - 1n);
  return raw >> 63n === 1n ? -magnitude : magnitude;
}

/** The exact sum as a whole number of the smallest doubles. */
function wholeOf(sum: ExactSum): bigint {
  const { normal, huge } = expansionsOf(sum);
  const wholeOfAll = (parts: Expansion) => parts.reduce((whole, part) => whole + wholeOfDouble(part), 0n);
  return wholeOfAll(normal) + wholeOfAll(huge) * BigInt(1 / HUGE_SCALE);
}

const absolute = (whole: bigint) => whole < 0n ? -whole : whole;
const bitLength = (magnitude: bigint) => magnitude === 0n ? 0 : magnitude.toString(2).length;

/** The double nearest to `whole / n`, of the smallest doubles, ties to even. */
function nearestTo(whole: bigint, n: bigint): number {
  const magnitude = absolute(whole);
  // As many more bits as leave at least 64 in the quotient, and one below them that says whether there is a remainder.
  const more = Math.max(0, 64 + bitLength(n) - bitLength(magnitude));
  const scaled = magnitude << BigInt(more);
  const quotient = scaled / n << 1n | (scaled % n === 0n ? 0n : 1n);
  const dropped = Math.max(bitLength(quotient) - 53, more + 1);
  const [unit, half] = [1n << BigInt(dropped), 1n << BigInt(dropped - 1)];
  const rest = quotient % unit;
  let kept = quotient / unit;
  if (rest > half || (rest === half && kept % 2n === 1n)) kept += 1n;
  // In two steps, as the smallest double alone would be lost or the greatest one's scale overflow.
  const exponent = dropped - more - 1 - SMALLEST_EXPONENT;
  const least = Math.max(exponent, -1000);
  const value = Number(kept) * 2 ** Math.min(least, 900) * 2 ** Math.max(least - 900, 0) * 2 ** (exponent - least);
  return whole < 0n ? -value : value;
}

// A sum in three doubles, for SQL to add up those of several partitions. Each is a whole number of some power of two, and so
// small that SQL's sums of them lose nothing, whatever their order: `high` while the sum of all is below 2^32 (or all numbers
// are whole and it is below 2^53), the others of 2048 partitions.

/** `high` is a whole number of 2^-21 and more. */
const HIGH_BITS = 21;
/** `low` is one of 2^-64, which readings with three decimals are. */
const LOW_BITS = 64;
/** `lowest` is one of 2^-107. */
const LOWEST_BITS = 107;

/** The sum to the nearest 2^-21; infinite when the sum is beyond the range of a double. */
export function highOf(sum: ExactSum): number {
  return toBits(roundExactly(sum), HIGH_BITS);
}

/** What {@link highOf} leaves of the sum, to the nearest 2^-64. */
export function lowOf(sum: ExactSum): number {
  return split(sum).low;
}

/**
 * What {@link highOf} and {@link lowOf} leave of the sum, to the nearest 2^-107; to the last digit where that is all. `null`
 * for nothing, as nearly always. The greatest double for a sum that is beyond the range of a double.
 */
export function lowestOf(sum: ExactSum): number | null {
  return split(sum).lowest;
}

function split(sum: ExactSum): { readonly low: number; readonly lowest: number | null } {
  const high = highOf(sum);
  if (!Number.isFinite(high)) return { low: 0, lowest: Number.MAX_VALUE };
  let length = copyToParts(sum);
  // Of numbers beyond 2^960 what does not fit into one double does not count any more.
  if (length < 0 || (length === 1 && parts[0] === high)) return { low: 0, lowest: null };
  length = addToFirst(parts, length, -high);
  const low = toBits(roundExpansion(parts, length), LOW_BITS);
  length = addToFirst(parts, length, -low);
  const left = roundExpansion(parts, length);
  const lowest = high === 0 && low === 0 ? left : toBits(left, LOWEST_BITS);
  return { low, lowest: lowest === 0 ? null : lowest };
}

/** To the nearest whole number of 2^-bits: a double from 2^(52 - bits) on is one. */
function toBits(x: number, bits: number): number {
  // Adding 0 makes a 0 of -0.
  return Math.abs(x) < 2 ** (52 - bits) ? Math.round(x * 2 ** bits) / 2 ** bits + 0 : x;
}
