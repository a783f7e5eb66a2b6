// How many have which value: bars of equal width.
import { useMemo } from "preact/hooks";
import { LOCALE, numberText } from "../format.ts";
import { Chart } from "./chart.tsx";
import type { ChartData } from "./chart_data.ts";

export interface HistogramProps {
  readonly title: string;
  readonly unit: string;
  /** What the bars count. */
  readonly counted: string;
  readonly width: number;
  /** Start of the bin and what is in it; bins without any are left out. */
  readonly bins: readonly (readonly [number, number])[];
  /** Bars from here on are marked. */
  readonly threshold?: number;
  /** The bin from here on holds all that is greater. */
  readonly more?: number;
  readonly tall?: boolean;
}

const MAX_BARS = 300;

export function Histogram({ title, unit, counted, width, bins, threshold, more, tall }: HistogramProps) {
  const last = bins.at(-1)?.[0] ?? 0;
  const starts = useMemo(() => startsOf(bins, width), [bins, width]);
  const data = useMemo((): ChartData => {
    const counts = new Map(bins);
    return {
      axis: { kind: "places", names: starts.map((start) => start.toLocaleString(LOCALE)), title: unit },
      left: { unit: counted, isCount: true },
      series: [{
        name: counted,
        kind: "bar",
        points: starts.map((start, i) => [i, counts.get(start) ?? 0]),
        colourOf: (i) => threshold !== undefined && starts[i]! >= threshold ? "bad" : "series-1",
        gap: 0.06,
        maxWidth: 60,
      }],
    };
  }, [starts, threshold]);
  const rangeText = (start: number) =>
    start === more
      ? `${numberText(start, unit)} and more`
      : `${numberText(start)} to ${numberText(start + width, unit)}`;
  const common = bins.reduce((most, bin) => bin[1] > most[1] ? bin : most, bins[0] ?? [0, 0] as const);
  return (
    <figure>
      <figcaption>
        {title}
        {threshold !== undefined && last >= threshold && (
          <span class="muted">, red from {numberText(threshold, unit)}</span>
        )}
      </figcaption>
      <Chart
        label={`Histogram of ${title.toLowerCase()}: most ${counted}, ${numberText(common[1])}, are at ${
          rangeText(common[0])
        }`}
        name={title}
        data={data}
        titleOf={(at) => rangeText(starts[at]!)}
        tall={tall}
      />
    </figure>
  );
}

/** The starts of all bars, those without anything in them, too. */
function startsOf(bins: HistogramProps["bins"], width: number): readonly number[] {
  const [first, last] = [bins[0]?.[0] ?? 0, bins.at(-1)?.[0] ?? 0];
  const bars = Math.min(MAX_BARS, Math.round((last - first) / width) + 1);
  return Array.from({ length: bars }, (_, i) => first + i * width);
}
