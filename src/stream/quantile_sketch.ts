// A sketch of a distribution from which quantiles are read with a bounded relative error. It is plain JSON, merges
// exactly, and does not depend on the order of adding. Our own: what is stored has to stay readable, byte for byte.
//
// Source: C. Masson, J. E. Rim, H. K. Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error
// guarantees", VLDB 2019: values are counted in buckets whose bounds grow by a constant factor.

/** Counts by bucket. */
export interface QuantileSketch {
  /** Of positive values, by the logarithm of the magnitude. */
  readonly positive: Record<string, number>;
  /** Of negative values, by the logarithm of the magnitude. */
  readonly negative: Record<string, number>;
  /** Of values that are zero, or so near it that it makes no difference. */
  zeros: number;
  /** The smallest value; `null` of none. Absent from sketches stored before this was kept. */
  min?: number | null;
  /** The greatest value; `null` of none. Absent from sketches stored before this was kept. */
  max?: number | null;
}

/** Quantiles are within this fraction of the true value. */
export const RELATIVE_ERROR = 0.01;
const GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR);
const LOG_GAMMA = Math.log(GAMMA);
// Magnitudes below this count as zero: buckets are at most about 37,000 for each sign, of which a real reading fills few.
const SMALLEST = 1e-15;

/** A sketch of no values. */
export function emptySketch(): QuantileSketch {
  return { positive: {}, negative: {}, zeros: 0, min: null, max: null };
}

/** Counts a value, in place. Values that are not finite are not counted. */
export function addToSketch(sketch: QuantileSketch, value: number): void {
  if (!Number.isFinite(value)) return;
  widen(sketch, value, value);
  const magnitude = Math.abs(value);
  if (magnitude < SMALLEST) {
    sketch.zeros++;
    return;
  }
  const buckets = value > 0 ? sketch.positive : sketch.negative;
  const index = Math.ceil(Math.log(magnitude) / LOG_GAMMA);
  buckets[index] = (buckets[index] ?? 0) + 1;
}

/** Notes that values from `low` to `high` are in the sketch; of one that does not know its own bounds they stay unknown. */
function widen(sketch: QuantileSketch, low: number, high: number): void {
  const { min, max } = sketch;
  if (min === undefined || max === undefined) return;
  sketch.min = min === null ? low : Math.min(min, low);
  sketch.max = max === null ? high : Math.max(max, high);
}

function boundsOfBoth(a: QuantileSketch, b: QuantileSketch): Pick<QuantileSketch, "min" | "max"> {
  const both: QuantileSketch = { ...emptySketch(), min: a.min, max: a.max };
  if (b.min === undefined || b.max === undefined) return {};
  if (b.min !== null && b.max !== null) widen(both, b.min, b.max);
  return both.min === undefined ? {} : { min: both.min, max: both.max };
}

/** Both counted together, as a new sketch. */
export function mergeSketches(a: QuantileSketch, b: QuantileSketch): QuantileSketch {
  const add = (x: Record<string, number>, y: Record<string, number>) => {
    const sum = { ...x };
    for (const [index, count] of Object.entries(y)) sum[index] = (sum[index] ?? 0) + count;
    return sum;
  };
  return {
    positive: add(a.positive, b.positive),
    negative: add(a.negative, b.negative),
    zeros: a.zeros + b.zeros,
    ...boundsOfBoth(a, b),
  };
}

/**
 * The value at quantile `q` (0 to 1) by nearest rank, within {@link RELATIVE_ERROR} and never outside of the values that were
 * added; `null` for an empty sketch.
 */
export function quantileOf(sketch: QuantileSketch, q: number): number | null {
  const byIndex = (buckets: Record<string, number>) =>
    Object.entries(buckets).map(([index, count]) => [Number(index), count] as const).sort((a, b) => a[0] - b[0]);
  const middle = (index: number) => 2 * GAMMA ** index / (GAMMA + 1);
  const ascending: (readonly [value: number, count: number])[] = [
    ...byIndex(sketch.negative).reverse().map(([index, count]) => [-middle(index), count] as const),
    ...(sketch.zeros > 0 ? [[0, sketch.zeros] as const] : []),
    ...byIndex(sketch.positive).map(([index, count]) => [middle(index), count] as const),
  ];
  const total = ascending.reduce((sum, [, count]) => sum + count, 0);
  let rank = Math.max(1, Math.ceil(q * total));
  for (const [value, count] of ascending) {
    rank -= count;
    if (rank <= 0) return Math.min(Math.max(value, sketch.min ?? -Infinity), sketch.max ?? Infinity);
  }
  return null;
}
