// Arithmetic of clock times, which go round: in hours from midnight, 24 being 0 again. Must not know zones or people.

const RADIANS = Math.PI / 12;

/** The same time of day in [0, 24). */
export function ofDay(hour: number): number {
  const rest = hour % 24;
  if (rest >= 0) return rest;
  // Just below 0 the sum is rounded to 24.
  const up = rest + 24;
  return up === 24 ? 0 : up;
}

/** Hours from `b` to `a` the shorter way round, in [-12, 12). */
export function hoursBetween(a: number, b: number): number {
  return ofDay(a - b + 12) - 12;
}

/** Mean direction and spread of times of day. */
export interface CircularSummary {
  /** Hours from midnight, in [0, 24). */
  readonly mean: number;
  /** Circular standard deviation, hours. */
  readonly sd: number;
}

/** Below this the resultant counts as it: times all around the clock have no mean, and the logarithm of 0 is none. */
const MIN_RESULTANT = 1e-9;

/**
 * Circular mean and standard deviation of times of day in hours; both `NaN` of nothing.
 *
 * The mean is the direction of the sum of unit vectors, the standard deviation `sqrt(-2 ln R)` of their mean length `R`,
 * turned from radians into hours. Source: K. V. Mardia, P. E. Jupp, "Directional Statistics", Wiley 2000, section 2.3.
 */
export function circularSummary(hours: readonly number[]): CircularSummary {
  const cos = hours.reduce((sum, hour) => sum + Math.cos(hour * RADIANS), 0) / hours.length;
  const sin = hours.reduce((sum, hour) => sum + Math.sin(hour * RADIANS), 0) / hours.length;
  const resultant = Math.min(1, Math.max(Math.hypot(cos, sin), MIN_RESULTANT));
  return { mean: ofDay(Math.atan2(sin, cos) / RADIANS), sd: Math.sqrt(-2 * Math.log(resultant)) / RADIANS };
}

/** `HH:MM`, rounded to the minute. */
export function clockText(hour: number): string {
  const minutes = Math.round(ofDay(hour) * 60) % (24 * 60);
  return `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
}
