// The charts of trains: passengers, power and speed over time, and distributions.
import { useMemo } from "preact/hooks";
import {
  Card,
  Chart,
  type ChartData,
  type ChartMark,
  type ChartSeries,
  compactText,
  Empty,
  everyText,
  ghostSeries,
  Histogram,
  NO_RECORDS_IN_RANGE,
  numberText,
  powerText,
  type QueryState,
  useComparison,
  valueText,
  Waiting,
} from "../../../http/dashboard/page/mod.ts";
import type { TrainDistributions, TrainKpis, TrainTimeline } from "../answers.ts";

type Points = TrainTimeline["points"];

const noteOf = (data: TrainTimeline) =>
  `${everyText(data.bucket_s)}${data.source === "ATS_HOURLY_STATS" ? ", from the hourly statistics" : ""}`;

/** What there is of each bucket that has any points. */
function series(data: TrainTimeline, value: (points: Points) => number | null): ChartSeries["points"] {
  return [...Map.groupBy(data.points, ({ at }) => at)].map(([at, points]) => [at * 1000, value(points)]);
}

const axisOf = ({ from, to, bucket_s }: TrainTimeline): ChartData["axis"] => ({
  ...{ kind: "time", from, to, stepMs: bucket_s * 1000 },
});

const namesOf = ({ points }: TrainTimeline) => [...new Set(points.map(({ series }) => series))].sort();

const passengersIn = (points: Points) => points.reduce((sum, { passengers }) => sum + passengers, 0);

const PASSENGERS = { unit: "passengers" };
const POWER = { unit: "kW", isPower: true };

interface TimelineProps {
  readonly asked: QueryState<TrainTimeline>;
  /** The same a day or a week before. */
  readonly compared: QueryState<TrainTimeline>;
  readonly marks: readonly ChartMark[];
}

interface ThresholdProps extends TimelineProps {
  /** From which a train has an alert. */
  readonly threshold: number | undefined;
}

/** A train's threshold on a chart; a little room above it is a part of `step`, by which its axis is divided. */
function thresholdOf(value: number | undefined, axis: ChartData["left"], step: number): ChartData["threshold"] {
  if (value === undefined) return undefined;
  return { value, text: `threshold ${valueText(value, axis)}`, axisTo: Math.ceil(value / step + 0.5) * step };
}

/** Lines stacked, of many trains each; trains that are chosen beside each other, with the threshold of one. */
export function PassengerCard({ asked, compared, marks, threshold }: ThresholdProps) {
  const data = asked.answer?.data;
  const before = compared.answer?.data;
  const comparison = useComparison();
  const areTrains = data?.by === "train";
  const chart = useMemo((): ChartData | undefined =>
    data && {
      axis: axisOf(data),
      left: PASSENGERS,
      series: [
        ...passengerSeries(data),
        ...comparison && before ? [ghostSeries(comparison, series(before, passengersIn))] : [],
      ],
      threshold: areTrains ? thresholdOf(threshold, PASSENGERS, 200) : undefined,
    }, [data, before, comparison, threshold]);
  return (
    <Card
      title="Passengers on board"
      note={data && <>{areTrains ? "by train" : "by line, stacked"} · {noteOf(data)}</>}
      asked={asked}
      width="wide"
    >
      {!data ? <Waiting height={260} /> : data.points.length === 0 ? <Empty>{NO_RECORDS_IN_RANGE}</Empty> : (
        <Chart
          label={passengerWords(data) + (areTrains ? thresholdWords(threshold, PASSENGERS) : "")}
          data={chart!}
          marks={marks}
          tall
        />
      )}
    </Card>
  );
}

function passengerSeries(data: TrainTimeline): readonly ChartSeries[] {
  const areTrains = data.by === "train";
  return namesOf(data).map((name) => ({
    name: name === "" ? "no line" : name,
    ...areTrains ? { kind: "line" } : { kind: "area", isStacked: true },
    points: series(
      data,
      (points) => points.find((point) => point.series === name)?.passengers ?? (areTrains ? null : 0),
    ),
  }));
}

function passengerWords(data: TrainTimeline): string {
  const totals = series(data, passengersIn).flatMap(([, value]) => value === null ? [] : [Math.round(value)]);
  return `Line chart of passengers on board of ${data.by === "train" ? "the trains chosen" : "all trains"}: ${
    numberText(totals.at(-1))
  } at the end, from ${numberText(Math.min(...totals))} to ${numberText(Math.max(...totals))} in the range`;
}

/** The end of the words for a chart. */
function thresholdWords(threshold: number | undefined, axis: ChartData["left"]): string {
  return threshold === undefined ? "" : `, the threshold of a train ${valueText(threshold, axis)}`;
}

export function PowerCard({ asked, compared, marks, threshold }: ThresholdProps) {
  const data = asked.answer?.data;
  const before = compared.answer?.data;
  const comparison = useComparison();
  const chart = useMemo((): ChartData | undefined =>
    data && {
      axis: axisOf(data),
      left: POWER,
      series: [...powerSeries(data), ...comparison && before ? [ghostSeries(comparison, series(before, highest))] : []],
      threshold: thresholdOf(threshold, POWER, 500),
    }, [data, before, comparison, threshold]);
  return (
    <Card title="Power draw of a train" note={data && noteOf(data)} asked={asked} width="wide">
      {!data ? <Waiting height={260} /> : data.points.length === 0 ? <Empty>{NO_RECORDS_IN_RANGE}</Empty> : (
        <Chart
          label={`Line chart of the power draw of a train: the highest in the range is ${
            powerText(highest(data.points))
          }${thresholdWords(threshold, POWER)}`}
          data={chart!}
          marks={marks}
          tall
        />
      )}
    </Card>
  );
}

const highest = (points: Points) => points.reduce((most, { max_kw }) => Math.max(most, max_kw), 0);

/** The highest and the mean of all trains; of trains that are chosen the highest of each. */
function powerSeries(data: TrainTimeline): readonly ChartSeries[] {
  const line = { kind: "line", width: 1.5 } as const;
  if (data.by === "train") {
    return namesOf(data).map((name) => ({
      ...line,
      name,
      points: series(data, (points) => points.find((point) => point.series === name)?.max_kw ?? null),
    }));
  }
  return [
    { ...line, name: "highest of any train", points: series(data, highest) },
    { ...line, name: "mean of all trains", points: series(data, meanPower) },
  ];
}

function meanPower(points: Points): number | null {
  const trains = points.reduce((sum, point) => sum + point.trains, 0);
  if (trains === 0) return null;
  return Math.round(points.reduce((sum, point) => sum + point.mean_kw * point.trains, 0) / trains);
}

export function lookedAt({ records, looked_at }: TrainDistributions): string {
  return records > looked_at * 1.5
    ? `${compactText(looked_at)} of ${compactText(records)} records, evenly chosen`
    : `${compactText(looked_at)} records`;
}

const HISTOGRAMS = {
  passengers: { title: "Passengers of a train", unit: "passengers" },
  power_kw: { title: "Power draw", unit: "kW" },
  speed_kmh: { title: "Speed", unit: "km/h" },
} as const;

interface HistogramCardsProps {
  readonly asked: QueryState<TrainDistributions>;
  readonly thresholds: TrainKpis["thresholds"] | undefined;
}

export function HistogramCards({ asked, thresholds }: HistogramCardsProps) {
  const data = asked.answer?.data;
  return (
    <Card
      title="Distributions"
      note={data && <>how many records have which value · {lookedAt(data)}</>}
      asked={asked}
      width="full"
    >
      {!data ? <Waiting /> : data.records === 0 ? <Empty>{NO_RECORDS_IN_RANGE}</Empty> : (
        <div class="histograms">
          {data.histograms.map(({ measure, width, bins }) => (
            <Histogram
              key={measure}
              {...HISTOGRAMS[measure]}
              counted="records"
              width={width}
              bins={bins}
              threshold={measure === "passengers"
                ? thresholds?.passengers
                : measure === "power_kw"
                ? thresholds?.power_kw
                : undefined}
            />
          ))}
        </div>
      )}
    </Card>
  );
}
