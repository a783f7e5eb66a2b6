// The same of each of several things over time: small charts that are compared with each other.
import type { Multiples, Span } from "./answers.ts";
import { bucketOf, number, numberOrNull, type RowObject } from "./panel.ts";

/** Things that are compared at most: each is a chart of its own. */
export const MAX_MULTIPLES = 48;
/** A small chart shows this part of the points that a large one does. */
const SHARE = 1 / 2;

/** Seconds between the points of a small chart, at least `leastS`. */
export function multiplesBucket({ from, to }: Span, leastS: number): number {
  return bucketOf({ from, to: from + (to - from) / SHARE }, leastS);
}

/** Values are told by so many digits below one: more could not be seen. */
const DIGITS = 10;

export interface MultiplesAbout {
  readonly measure: string;
  readonly span: Span;
  readonly bucketS: number;
  readonly source: string;
}

/**
 * Rows of BUCKET_AT (epoch seconds), SERIES (text), VALUE and KNOWN (how many series there are) as an answer. Buckets start at
 * multiples of `bucketS`.
 */
export function multiplesOf(
  rows: readonly RowObject[],
  about: MultiplesAbout,
): Multiples {
  const { measure, span, bucketS, source } = about;
  const first = Math.floor(span.from / 1000 / bucketS) * bucketS;
  const buckets = Math.max(0, Math.ceil((span.to / 1000 - first) / bucketS));
  const byName = Map.groupBy(rows, ({ series }) => String(series));
  const series = [...byName].map(([name, points]) => {
    const values: (number | null)[] = Array(buckets).fill(null);
    for (const { bucket_at, value } of points) {
      const place = Math.round((number(bucket_at) - first) / bucketS);
      if (place >= 0 && place < buckets) values[place] = rounded(numberOrNull(value));
    }
    return { name, values };
  });
  series.sort((a, b) => a.name < b.name ? -1 : 1);
  return { ...span, measure, bucket_s: bucketS, source, first, series, known: number(rows[0]?.known) };
}

const rounded = (value: number | null) => value === null ? null : Math.round(value * DIGITS) / DIGITS;
