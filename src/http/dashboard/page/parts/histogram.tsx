// How many have which value: bars of equal width.
import { useMemo } from "preact/hooks";
import { compactText, LOCALE, numberText } from "../format.ts";
import { colour } from "../look.ts";
import { Chart } from "./chart.tsx";
import { categoryAxis, valueAxis } from "./chart_option.ts";

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
  const [first, last] = [bins[0]?.[0] ?? 0, bins.at(-1)?.[0] ?? 0];
  const counts = new Map(bins);
  const bars = Math.min(MAX_BARS, Math.round((last - first) / width) + 1);
  const starts = Array.from({ length: bars }, (_, i) => first + i * width);
  const shown = useMemo(() => ({}), [bins, threshold]);
  const rangeText = (start: number) =>
    start === more
      ? `${numberText(start, unit)} and more`
      : `${numberText(start)} to ${numberText(start + width, unit)}`;
  const option = () => ({
    grid: { left: 8, right: 12, top: 28, bottom: 16, containLabel: true },
    xAxis: categoryAxis(starts.map((start) => start.toLocaleString(LOCALE)), {
      name: unit,
      nameLocation: "middle",
      nameGap: 22,
      nameTextStyle: { color: colour("muted") },
    }),
    yAxis: valueAxis(counted, { axisLabel: { color: colour("muted"), formatter: compactText }, minInterval: 1 }),
    series: [{
      type: "bar",
      name: counted,
      barCategoryGap: "6%",
      barMaxWidth: 60,
      data: starts.map((start) => ({
        value: counts.get(start) ?? 0,
        itemStyle: { color: threshold !== undefined && start >= threshold ? colour("bad") : colour("series-1") },
      })),
    }],
  });
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
        data={shown}
        option={option}
        titleOf={(at) => rangeText(starts[at]!)}
        tall={tall}
      />
    </figure>
  );
}
