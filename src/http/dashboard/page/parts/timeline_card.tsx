// Something counted over time, split, and stacked: areas for what flows, bars for what is summed.
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import type { Timeline } from "../../../../panels/answers.ts";
import type { QueryState } from "../asking.ts";
import { ghostSeries, useComparison } from "../compare.ts";
import { everyText, numberText } from "../format.ts";
import { colour } from "../look.ts";
import { Card, Empty, Waiting } from "./card.tsx";
import { Chart } from "./chart.tsx";
import type { ChartMark } from "./chart_marks.tsx";
import { timeAxis, valueAxis } from "./chart_option.ts";

export interface TimelineCardProps {
  readonly title: string;
  readonly note: string;
  readonly unit: string;
  /** What the points beyond the greatest few are called. */
  readonly others: string;
  readonly bars?: boolean;
  /** Lines beside each other, for what does not add up. */
  readonly lines?: boolean;
  readonly asked: QueryState<Timeline>;
  /** The same a day or a week before. */
  readonly compared?: QueryState<Timeline>;
  readonly marks?: readonly ChartMark[];
  readonly tools?: ComponentChildren;
}

export const NO_RECORDS_IN_RANGE = "No data in this time range: choose a longer one.";

export function TimelineCard(
  { title, note, unit, others, bars, lines, asked, compared, marks, tools }: TimelineCardProps,
) {
  const data = asked.answer?.data;
  const before = compared?.answer?.data;
  const comparison = useComparison();
  const names = useMemo(() => seriesOf(data?.points ?? []), [data]);
  const shown = useMemo(() => ({}), [data, before, comparison]);
  const option = () => ({
    xAxis: timeAxis(data!.from, data!.to),
    yAxis: valueAxis(unit),
    series: [
      ...names.map((name) => ({
        name: name ?? others,
        ...(lines
          ? { type: "line", showSymbol: false, connectNulls: true, lineStyle: { width: 2 } }
          : bars
          ? { type: "bar", stack: "all", barCategoryGap: "15%" }
          : { type: "line", stack: "all", showSymbol: false, lineStyle: { width: 1 }, areaStyle: { opacity: 0.35 } }),
        ...(name === null ? { color: colour("series-8") } : {}),
        data: valuesOf(data!, name, lines ? null : 0),
      })),
      ...comparison && before ? [ghostSeries(comparison, totalsOf(before, lines ?? false))] : [],
    ],
  });
  return (
    <Card
      title={title}
      note={data && <>{note} · {everyText(data.bucket_s)}</>}
      tools={tools}
      asked={asked}
      width="wide"
    >
      {!data ? <Waiting height={260} /> : data.points.length === 0 ? <Empty>{NO_RECORDS_IN_RANGE}</Empty> : (
        <Chart
          label={wordsOfTimeline(title, unit, data)}
          data={shown}
          option={option}
          marks={marks}
          tall
        />
      )}
    </Card>
  );
}

/** A bucket without any point is a gap; one with points of others has `none` of this. */
function valuesOf(data: Timeline, name: string | null, none: number | null) {
  const byTime = Map.groupBy(data.points, ({ at }) => at);
  return bucketsOf(data).map((at) => {
    const points = byTime.get(at / 1000);
    const value = points?.find(({ series }) => series === name)?.value ?? (points === undefined ? null : none);
    return [at, value] as const;
  });
}

/** All series together: their sum, or where that means nothing their mean. */
function totalsOf(data: Timeline, isMean: boolean) {
  const byTime = Map.groupBy(data.points, ({ at }) => at);
  return [...byTime].map(([at, points]) => {
    const sum = points.reduce((sum, { value }) => sum + value, 0);
    return [at * 1000, isMean ? sum / points.length : sum] as const;
  });
}

/** The names, the greatest sum first; `null`, the others, last. */
function seriesOf(points: Timeline["points"]): readonly (string | null)[] {
  const sums = new Map<string | null, number>();
  for (const { series, value } of points) sums.set(series, (sums.get(series) ?? 0) + value);
  const sorted = [...sums].sort(([a, x], [b, y]) => Number(a === null) - Number(b === null) || y - x);
  return sorted.map(([name]) => name);
}

const MAX_BUCKETS = 2_000;

/** The starts of all buckets of the span, so that a gap is seen as one; epoch milliseconds. */
export function bucketsOf(
  { from, to, bucket_s }: { readonly from: number; readonly to: number; readonly bucket_s: number },
): readonly number[] {
  const step = bucket_s * 1000;
  const first = Math.ceil((from - step) / step) * step;
  const count = Math.min(MAX_BUCKETS, Math.ceil((to - first) / step));
  return Array.from({ length: Math.max(0, count) }, (_, i) => first + i * step);
}

function wordsOfTimeline(title: string, unit: string, { points }: Timeline): string {
  const totals = new Map<number, number>();
  for (const { at, value } of points) totals.set(at, (totals.get(at) ?? 0) + value);
  const values = [...totals.values()];
  return `Chart of ${title.toLowerCase()}: ${numberText(values.at(-1), unit)} at the end, ` +
    `from ${numberText(Math.min(...values), unit)} to ${numberText(Math.max(...values), unit)} in the range`;
}
