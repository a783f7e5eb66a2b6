// Something counted over time, split, and stacked: areas for what flows, bars for what is summed.
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import type { Timeline } from "../../../../panels/answers.ts";
import type { QueryState } from "../asking.ts";
import { ghostSeries, useComparison } from "../compare.ts";
import { everyText, numberText } from "../format.ts";
import { Card, Empty, Waiting } from "./card.tsx";
import { Chart } from "./chart.tsx";
import type { ChartData, ChartSeries } from "./chart_data.ts";
import type { ChartMark } from "./chart_marks.tsx";

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
  const chart = useMemo((): ChartData | undefined =>
    data && {
      axis: { kind: "time", from: data.from, to: data.to, stepMs: data.bucket_s * 1000 },
      left: { unit },
      series: [
        ...seriesOf(data.points).map((name): ChartSeries => ({
          name: name ?? others,
          ...lines ? { kind: "line" } : { kind: bars ? "bar" : "area", isStacked: true, gap: 0.15 },
          ...name === null && { colour: "series-8" },
          points: pointsOf(data, name, lines ? null : 0),
        })),
        ...comparison && before ? [ghostSeries(comparison, totalsOf(before, lines ?? false))] : [],
      ],
    }, [data, before, comparison, unit, others, bars, lines]);
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
          data={chart!}
          marks={marks}
          tall
        />
      )}
    </Card>
  );
}

/** For each bucket that has points of any series; without one of this there is `none` of it. */
function pointsOf({ points }: Timeline, name: string | null, none: number | null): ChartSeries["points"] {
  return [...Map.groupBy(points, ({ at }) => at)].map(([at, points]) => {
    return [at * 1000, points.find(({ series }) => series === name)?.value ?? none];
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

function wordsOfTimeline(title: string, unit: string, { points }: Timeline): string {
  const totals = new Map<number, number>();
  for (const { at, value } of points) totals.set(at, (totals.get(at) ?? 0) + value);
  const values = [...totals.values()];
  return `Chart of ${title.toLowerCase()}: ${numberText(values.at(-1), unit)} at the end, ` +
    `from ${numberText(Math.min(...values), unit)} to ${numberText(Math.max(...values), unit)} in the range`;
}
