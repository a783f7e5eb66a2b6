// Something counted over time and split: the greatest few by name, the others as one.

const NAMED = 7;

/** How values are told as one. */
export type Combine = "SUM" | "AVG" | "MAX" | "MIN";

/**
 * SQL of a timeline. `counted` is a SELECT of BUCKET_AT (epoch seconds), SERIES (text) and VALUE; the answer has the same
 * columns, with SERIES NULL for all but the greatest few as one.
 */
export function topSeries(counted: string, combine: Combine = "SUM"): string {
  return `WITH COUNTED AS (${counted}),
    NAMED AS (SELECT SERIES FROM COUNTED WHERE SERIES IS NOT NULL GROUP BY SERIES ORDER BY ${combine}(VALUE) DESC, SERIES LIMIT ${NAMED})
    SELECT C.BUCKET_AT, LEFT(N.SERIES, 100) AS SERIES, ${combine}(C.VALUE) AS VALUE
    FROM COUNTED AS C LEFT JOIN NAMED AS N ON N.SERIES = C.SERIES
    GROUP BY C.BUCKET_AT, LEFT(N.SERIES, 100) ORDER BY C.BUCKET_AT, 2`;
}

/** The answer's rows as points. */
export function pointsOf(rows: readonly Readonly<Record<string, unknown>>[]) {
  return rows.map(({ bucket_at, series, value }) => ({
    at: Number(bucket_at),
    series: series === null ? null : String(series),
    value: Number(value),
  }));
}
