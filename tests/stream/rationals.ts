// Exact arithmetic to compare with: doubles as whole numbers, and whole numbers and fractions rounded to a double, once.

/** A double is a whole number of 2 ** -1074, the smallest of them. */
const SMALLEST_EXPONENT = 1074;

/** The double as a whole number of the smallest doubles. */
export function asWhole(x: number): bigint {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, x);
  const raw = bits.getBigUint64(0);
  const exponent = (raw >> 52n) & 0x7ffn;
  const fraction = raw & 0xfffffffffffffn;
  const magnitude = exponent === 0n ? fraction : (fraction | (1n << 52n)) << (exponent - 1n);
  return raw >> 63n === 1n ? -magnitude : magnitude;
}

/** The double nearest to `whole / n`, of the smallest doubles, ties to even; infinite beyond the greatest. */
export function nearest(whole: bigint, n = 1n): number {
  const magnitude = whole < 0n ? -whole : whole;
  // The greatest unit of which there are fewer than 2^53, but not less than the smallest double.
  let unit = 1n;
  while (magnitude >= unit * n << 53n) unit <<= 1n;
  let kept = magnitude / (unit * n);
  const twiceRest = 2n * (magnitude - kept * unit * n);
  if (twiceRest > unit * n || (twiceRest === unit * n && kept % 2n === 1n)) kept += 1n;
  // In two steps: 2 ** -1074 alone is the smallest there is.
  const shift = unit.toString(2).length - 1 - SMALLEST_EXPONENT;
  const low = Math.max(Math.min(shift, 900), -1000);
  const x = Number(kept) * 2 ** low * 2 ** (shift - low);
  return whole < 0n ? -x : x;
}

/** The exact sum, as a whole number of the smallest doubles. */
export const wholeSum = (xs: readonly number[]): bigint => xs.reduce((total, x) => total + asWhole(x), 0n);
