// The same stretch a day or a week before, as a line beside what is shown. Lies in the address.
import { useAddress } from "./address.ts";
import { colour } from "./look.ts";

const DAY_MS = 86_400_000;

export const COMPARISONS = [
  { value: "1d", name: "a day before", ms: DAY_MS },
  { value: "7d", name: "a week before", ms: 7 * DAY_MS },
] as const;

export type Comparison = typeof COMPARISONS[number];

/** What is compared with; `undefined` for nothing. */
export function useComparison(): Comparison | undefined {
  const { params } = useAddress();
  return COMPARISONS.find(({ value }) => value === params.get("compare"));
}

/** A panel's parameters for the stretch that is compared with. */
export function comparedParams(params: URLSearchParams, { value }: Comparison): URLSearchParams {
  return new URLSearchParams([...params, ["back", value]]);
}

/** A series of that stretch, moved to where the other one is. Moments are epoch milliseconds. */
export function ghostSeries(
  { name, ms }: Comparison,
  points: readonly (readonly [at: number, value: number | null])[],
) {
  return {
    name,
    type: "line",
    showSymbol: false,
    connectNulls: true,
    color: colour("muted"),
    lineStyle: { width: 1.5, type: "dashed" },
    data: points.map(([at, value]) => [at + ms, value]),
  };
}
