// How high the scale of a small line goes.

/** So many of the values are what is usual; of fewer than that leaves some beside, nobody can tell. */
const USUAL_SHARE = 0.95;
const FEWEST = 20;
/** From so many times what is usual on a peak is cut off, at twice of that. */
const PEAK_TIMES = 5;

/**
 * The greatest of the values; where that is a short peak far above the others, such as the loading of what was there at the
 * start, something above the usual ones, which would all lie on the ground. There must be one.
 */
export function topOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const most = sorted.at(-1)!;
  const usual = sorted[Math.floor((sorted.length - 1) * USUAL_SHARE)]!;
  return sorted.length >= FEWEST && usual > 0 && most > PEAK_TIMES * usual ? 2 * usual : most;
}
