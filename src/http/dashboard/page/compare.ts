// The same stretch a day or a week before, as a line beside what is shown. Lies in the address.
import { useAddress } from "./address.ts";
import type { PanelHook, QueryState } from "./asking.ts";
import type { ChartSeries } from "./parts/chart_data.ts";

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

/** What a panel says of the stretch that is compared with; nothing is asked where there is none. */
export function useCompared<A, N extends keyof A & string>(
  usePanel: PanelHook<A>,
  name: N,
  params: URLSearchParams,
): QueryState<A[N]> {
  const comparison = useComparison();
  return usePanel(comparison && name, comparison && new URLSearchParams([...params, ["back", comparison.value]]));
}

/** A series of that stretch, moved to where the other one is. Moments are epoch milliseconds. */
export function ghostSeries({ name, ms }: Comparison, points: ChartSeries["points"]): ChartSeries {
  const moved = points.map(([at, value]) => [at + ms, value] as const);
  return { name, kind: "line", points: moved, colour: "muted", width: 1.5, isDashed: true };
}
