// What an exact sum comes to: the nearest double, the mean, and what SQL can add up exactly. Each is rounded once.

import { addTo, type ExactSum, type Expansion, expansionsOf, HUGE_SCALE } from "./exact_sum.ts";

/** From this magnitude on a sum's smallest parts are beneath every digit that counts, and it is rounded scaled down. */
const ALMOST_OVERFLOWING = 2 ** 1010;
/** A part smaller than this cannot be scaled down without loss. */
const SCALES_EXACTLY = 2 ** -800;

/** The double nearest to the exact sum, ties to even; infinite only when the sum itself is beyond the range of a double. */
export function roundExactly(sum: ExactSum): number {
  const { normal, huge } = expansionsOf(sum);
  if (huge.length === 0) return roundExpansion(normal);
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

function roundExpansion(parts: Expansion): number {
  let i = parts.length - 1;
  if (i < 0) return 0;
  let high = parts[i]!;
  let low = 0;
  while (i > 0) {
    const part = parts[--i]!;
    const total = high + part;
    low = part - (total - high);
    high = total;
    if (low !== 0) break;
  }
  // `high` may have been rounded to even although what is left beneath says that it lies on the other side of the tie.
  if (i > 0 && low !== 0 && Math.sign(low) === Math.sign(parts[i - 1]!)) {
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
  const [a, b] = split(mean);
  const [c, d] = split(n);
  const error = b * d - (((product - a * c) - b * c) - a * d);
  const rest = [...normal];
  addTo(rest, -product);
  addTo(rest, -error);
  const correction = roundExpansion(rest) / n;
  // The correction is off by a few of its last digits at most: if that makes no difference, this is the nearest double.
  const [least, most] = [mean + correction * (1 - 2 ** -45), mean + correction * (1 + 2 ** -45)];
  return least === most ? least : undefined;
}

function split(x: number): readonly [high: number, low: number] {
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

// A sum as SQL can add it to others: `units * 2^-64 + rest`.

const UNIT_EXPONENT = 64;
const UNITS_IN_ONE = 2 ** UNIT_EXPONENT;
/** Of a thousand sums of so many units each the sum still is a DECIMAL(38, 0). */
export const MOST_UNITS = 10n ** 35n;
/** Beyond {@link MOST_UNITS} whole numbers of 2^52 go to the rest: as doubles of that grid many can be added without loss. */
const OVERFLOW_EXPONENT = 52;
/** So do the bits beneath the unit, in whole numbers of 2^-105: 40 bits, which leaves a double 13 to add without loss. */
const REST_EXPONENT = 105;
/** Parts below it, which do not overlap, come to fewer units than {@link MOST_UNITS}. */
const SURELY_FITS = 2 ** 51;

/** A sum's whole units of 2^-64, at most {@link MOST_UNITS}, as digits. */
export function unitsOf(sum: ExactSum): string {
  if (!fitsUnits(sum)) return String(inUnits(wholeOf(sum)).units);
  let units = 0n;
  for (const part of sum) units += BigInt(part as number * UNITS_IN_ONE);
  return String(units);
}

/** What of a sum is not in its units: 0 nearly always, infinite when the sum is beyond the range of a double. */
export function restOf(sum: ExactSum): number {
  return fitsUnits(sum) ? 0 : inUnits(wholeOf(sum)).rest;
}

/** Whether the sum surely is a number of whole units, and not too many. */
function fitsUnits(sum: ExactSum): boolean {
  for (const part of sum) {
    if (typeof part !== "number" || !(Math.abs(part) < SURELY_FITS) || !Number.isInteger(part * UNITS_IN_ONE)) {
      return false;
    }
  }
  return true;
}

function inUnits(whole: bigint): { readonly units: bigint; readonly rest: number } {
  const units = nearestMultiple(whole, SMALLEST_EXPONENT - UNIT_EXPONENT);
  if (absolute(units) > MOST_UNITS) {
    const grid = 1n << BigInt(UNIT_EXPONENT + OVERFLOW_EXPONENT);
    return { units: units % grid, rest: Number(units / grid) * 2 ** OVERFLOW_EXPONENT };
  }
  const beneath = whole - (units << BigInt(SMALLEST_EXPONENT - UNIT_EXPONENT));
  if (units === 0n) return { units, rest: nearestTo(beneath, 1n) };
  return { units, rest: Number(nearestMultiple(beneath, SMALLEST_EXPONENT - REST_EXPONENT)) * 2 ** -REST_EXPONENT };
}

/** `whole / 2^exponent` to the nearest whole number. */
function nearestMultiple(whole: bigint, exponent: number): bigint {
  const half = 1n << BigInt(exponent - 1);
  // Shifting rounds down, also below zero.
  return (whole + half) >> BigInt(exponent);
}
