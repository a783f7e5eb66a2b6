// Exact sums and means in SQL. Doubles are added as whole numbers on a grid of a power of two, each group's own, and the
// result is rounded once, to the nearest double, ties to even. DuckDB's FSUM and FAVG are Kahan sums, and not exact.

export interface Exactly {
  /** Name of the table of the results: the keys; each value under its name; under `<name>_OFF` how far off that may be. */
  readonly into: string;
  readonly from: string;
  readonly keys: readonly string[];
  /** Doubles by the name of their result; NULL counts nowhere. */
  readonly values: Readonly<Record<string, string>>;
  readonly what: "sum" | "mean";
  /** Merged sums: from here on, or with digits below 2^-107, the last digit may be off. */
  readonly below?: number;
}

/**
 * Bits that a sum may have as a whole number. A HUGEINT has 127: some are left for shifting.
 */
const BITS = 119;
/** Binary digits of a double after its first. */
const FRACTION_BITS = 52;
/** Of a double, relative to it. */
const LAST_DIGIT = 2 ** -52;
/** Merged sums below this are promised to be exact whatever partitions the records came in (docs/tables.md). */
export const MERGED_EXACTLY_BELOW = 2 ** 32;
/** The last digit that is promised of merged sums. */
const MIN_DIGIT = "POW(2, -107)";
/** Where the grid ends: powers of two beyond it are no doubles. */
const MIN_EXPONENT = -960;

/** Common table expressions, to be put after WITH, of which the last is `into`. */
export function exactly({ into, from, keys, values, what, below }: Exactly): string {
  const named = keys.join(", ");
  const using = `USING (${[...keys, "NAME"].join(", ")})`;
  const carried = `${named}, NAME, N, GRID, FITS, PLAIN`;
  const unit = below === undefined ? "POW(2, GRID)" : `GREATEST(POW(2, GRID), ${MIN_DIGIT})`;
  const isExact = below === undefined ? "FITS" : `FITS AND PLAIN AND ABS(CAST(S AS DOUBLE)) * POW(2, GRID) < ${below}`;
  const [readings, scales, sums, divided, topped, cut, rounded, judged] = [..."ABCDEFGH"].map((step) =>
    `${into}_${step}`
  );
  const divisor = what === "mean" ? "N" : "1";
  return `${readings} AS (${
    Object.entries(values).map(([name, value]) =>
      `SELECT ${named}, '${name}' AS NAME, CAST(${value} AS DOUBLE) AS X FROM ${from} WHERE ${value} IS NOT NULL`
    ).join(" UNION ALL ")
  }),
    ${scales} AS (
      SELECT ${named}, NAME, COUNT(*) AS N,
        GREATEST(CAST(CEIL(LOG2(GREATEST(MAX(ABS(X)), 1e-300))) + CEIL(LOG2(COUNT(*))) AS INTEGER) - ${BITS}, ${MIN_EXPONENT})
          AS GRID
      FROM ${readings} GROUP BY ALL
    ),
    ${sums} AS (
      SELECT ${named}, NAME, N, GRID, BOOL_AND(X * POW(2, -GRID) = FLOOR(X * POW(2, -GRID))) AS FITS,
        BOOL_AND(X / ${MIN_DIGIT} = FLOOR(X / ${MIN_DIGIT})) AS PLAIN, SUM(CAST(X * POW(2, -GRID) AS HUGEINT)) AS S
      FROM ${readings} JOIN ${scales} ${using} GROUP BY ALL
    ),
    -- The quotient, with many more bits than a double has, and one below them that says whether anything is left.
    ${divided} AS (
      SELECT ${carried}, S, GRID - SHIFT - 1 AS UNIT,
        2 * ((ABS(S) << SHIFT) // ${divisor}) + CAST((ABS(S) << SHIFT) % ${divisor} <> 0 AS HUGEINT) AS Q
      FROM (SELECT *, 121 - CAST(FLOOR(LOG2(GREATEST(CAST(ABS(S) AS DOUBLE), 1))) AS INTEGER) AS SHIFT FROM ${sums})
    ),
    ${topped} AS (
      SELECT *, CASE WHEN Q >> TOP = 0 THEN TOP - 1 WHEN Q >> (TOP + 1) > 0 THEN TOP + 1 ELSE TOP END - ${FRACTION_BITS} AS DROPPED
      FROM (SELECT *, CAST(FLOOR(LOG2(GREATEST(CAST(Q AS DOUBLE), 2e16))) AS INTEGER) AS TOP FROM ${divided})
    ),
    ${cut} AS (
      SELECT *, Q >> DROPPED AS M, Q - ((Q >> DROPPED) << DROPPED) AS REST, CAST(1 AS HUGEINT) << (DROPPED - 1) AS HALF
      FROM ${topped}
    ),
    ${rounded} AS (
      SELECT *, CASE WHEN S = 0 THEN 0 ELSE SIGN(S) * POW(2, UNIT + DROPPED)
          * CAST(M + CAST(REST > HALF OR (REST = HALF AND M % 2 = 1) AS HUGEINT) AS DOUBLE) END AS VALUE
      FROM ${cut}
    ),
    ${judged} AS (
      -- Of numbers too far apart for one grid each may have lost half a unit of it, and the sum its last digit thereby.
      SELECT *, CASE WHEN ${isExact} THEN 0 ELSE ABS(VALUE) * ${LAST_DIGIT} + N * ${unit} END AS OFF
      FROM ${rounded}
    ),
    ${into} AS (
      SELECT ${named}, ${
    Object.keys(values).flatMap((name) => [
      `MAX(VALUE) FILTER (NAME = '${name}') AS ${name}`,
      `MAX(OFF) FILTER (NAME = '${name}') AS ${name}_OFF`,
    ]).join(", ")
  }
      FROM ${judged} GROUP BY ${named}
    )`;
}
