// What a card and the charts in it know of each other.
import { createContext } from "preact";
import type { Drawn, DrawnSeries, Shown } from "./chart_data.ts";

/** A chart of which files can be made. */
export interface ChartInCard {
  /** What files of it are called; the card's title without it. */
  readonly name: string | undefined;
  readonly drawn: Drawn;
  /** Those that are shown. */
  readonly series: readonly DrawnSeries[];
  readonly shown: Shown;
  readonly size: () => { readonly width: number; readonly height: number };
}

export interface InCard {
  /** Tables instead of charts. */
  readonly asNumbers: boolean;
  /** Returns what takes the chart away again. */
  readonly join: (chart: ChartInCard) => () => void;
}

export const CardContext = createContext<InCard>({ asNumbers: false, join: () => () => {} });
