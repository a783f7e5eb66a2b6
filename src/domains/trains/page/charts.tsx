// The charts of trains: passengers and power over time, speed and distributions.
import { useMemo } from "preact/hooks";
import {
  bucketsOf,
  Card,
  categoryAxis,
  Chart,
  colour,
  compactText,
  durationText,
  Empty,
  Histogram,
  NO_RECORDS_IN_RANGE,
  numberText,
  type QueryState,
  timeAxis,
  tooltip,
  valueAxis,
  Waiting,
} from "../../../http/dashboard/page/mod.ts";
import type { TrainDistributions, TrainKpis, TrainTimeline } from "../answers.ts";

const noteOf = (data: TrainTimeline | undefined) =>
  data &&
  `a point every ${durationText(data.bucket_s * 1000)}${
    data.source === "ATS_HOURLY_STATS" ? ", from the hourly statistics" : ""
  }`;

/** `[at, value]` for each bucket of the span; `null` where there is none, so that a gap is seen as one. */
function series(data: TrainTimeline, value: (points: TrainTimeline["points"]) => number | null) {
  const byTime = Map.groupBy(data.points, ({ at }) => at);
  return bucketsOf(data).map((at) => {
    const found = byTime.get(at / 1000);
    return [at, found ? value(found) : null] as const;
  });
}

export function PassengerCard({ asked }: { readonly asked: QueryState<TrainTimeline> }) {
  const data = asked.answer?.data;
  const lines = useMemo(() => [...new Set(data?.points.map(({ line }) => line) ?? [])].sort(), [data]);
  const option = () => ({
    xAxis: timeAxis(data!.from, data!.to),
    yAxis: valueAxis("passengers"),
    tooltip: { ...tooltip(), valueFormatter: (value: number) => numberText(value, "passengers") },
    series: lines.map((line) => ({
      name: line === "" ? "no line" : line,
      type: "line",
      stack: "all",
      showSymbol: false,
      lineStyle: { width: 1 },
      areaStyle: { opacity: 0.35 },
      data: series(data!, (points) => points.find((point) => point.line === line)?.passengers ?? 0),
    })),
  });
  return (
    <Card title="Passengers on board" note={data && <>by line, stacked · {noteOf(data)}</>} asked={asked} width="wide">
      {!data
        ? <Waiting height={260} />
        : data.points.length === 0
        ? <Empty>{NO_RECORDS_IN_RANGE}</Empty>
        : <Chart label={passengerWords(data)} data={data} option={option} tall />}
    </Card>
  );
}

function passengerWords(data: TrainTimeline): string {
  const totals = series(data, (points) => points.reduce((sum, { passengers }) => sum + passengers, 0))
    .flatMap(([, value]) => value === null ? [] : [value]);
  return `Line chart of passengers on board of all trains: ${
    numberText(Math.round(totals.at(-1) ?? NaN))
  } at the end, ` +
    `from ${numberText(Math.round(Math.min(...totals)))} to ${
      numberText(Math.round(Math.max(...totals)))
    } in the range`;
}

export function PowerCard(
  { asked, threshold }: { readonly asked: QueryState<TrainTimeline>; readonly threshold: number | undefined },
) {
  const data = asked.answer?.data;
  const mean = (points: TrainTimeline["points"]) => {
    const trains = points.reduce((sum, point) => sum + point.trains, 0);
    return trains === 0
      ? null
      : Math.round(points.reduce((sum, point) => sum + point.mean_kw * point.trains, 0) / trains);
  };
  const option = () => ({
    xAxis: timeAxis(data!.from, data!.to),
    yAxis: valueAxis("kW", {
      max: ({ max }: { max: number }) =>
        threshold === undefined || max > threshold ? null : Math.ceil(threshold / 500 + 0.5) * 500,
    }),
    tooltip: { ...tooltip(), valueFormatter: (value: number) => numberText(value, "kW") },
    series: [
      {
        name: "highest of any train",
        type: "line",
        showSymbol: false,
        lineStyle: { width: 1.5 },
        data: series(data!, (points) => Math.max(...points.map(({ max_kw }) => max_kw))),
        markLine: threshold === undefined ? undefined : {
          silent: true,
          symbol: "none",
          lineStyle: { color: colour("bad"), type: "dashed", width: 1.5 },
          label: {
            formatter: `threshold ${numberText(threshold, "kW")}`,
            position: "insideStartTop",
            color: colour("bad"),
          },
          data: [{ yAxis: threshold }],
        },
      },
      {
        name: "mean of all trains",
        type: "line",
        showSymbol: false,
        lineStyle: { width: 1.5 },
        data: series(data!, mean),
      },
    ],
  });
  return (
    <Card title="Power draw of a train" note={data && noteOf(data)} asked={asked} width="wide">
      {!data ? <Waiting height={260} /> : data.points.length === 0 ? <Empty>{NO_RECORDS_IN_RANGE}</Empty> : (
        <Chart
          label={`Line chart of the power draw of a train, in kW: the highest in the range is ${
            numberText(data.points.reduce((most, { max_kw }) => Math.max(most, max_kw), 0), "kW")
          }${threshold === undefined ? "" : `, the threshold ${numberText(threshold, "kW")}`}`}
          data={[data, threshold]}
          option={option}
          tall
        />
      )}
    </Card>
  );
}

export function BoxCard({ asked }: { readonly asked: QueryState<TrainDistributions> }) {
  const data = asked.answer?.data;
  const boxes = data?.boxes ?? [];
  const option = () => ({
    legend: { show: false },
    grid: { left: 8, right: 12, top: 28, bottom: 4, containLabel: true },
    xAxis: categoryAxis(boxes.map(({ name }) => name.slice(0, 24)), {
      axisLabel: { color: colour("muted"), interval: 0, hideOverlap: true },
    }),
    yAxis: valueAxis("km/h"),
    tooltip: {
      ...tooltip(),
      trigger: "item",
      formatter: ({ dataIndex }: { dataIndex: number }) => {
        const { name, min, q1, median, q3, max, count } = boxes[dataIndex]!;
        return `${name.slice(0, 40)}\nmost ${numberText(max, "km/h")}\nupper quarter from ${
          numberText(q3, "km/h")
        }\nmedian ${numberText(median, "km/h")}\nlower quarter to ${numberText(q1, "km/h")}\nleast ${
          numberText(min, "km/h")
        }\n${numberText(count)} records`;
      },
    },
    series: [{
      type: "boxplot",
      itemStyle: { color: colour("box"), borderColor: colour("series-1") },
      boxWidth: [8, 40],
      data: boxes.map(({ min, q1, median, q3, max }) => [min, q1, median, q3, max]),
    }],
  });
  return (
    <Card title="Speed" note={data && <>km/h, box plots · {lookedAt(data)}</>} asked={asked}>
      {!data ? <Waiting height={260} /> : boxes.length === 0 ? <Empty>{NO_RECORDS_IN_RANGE}</Empty> : (
        <Chart
          label={`Box plots of speed: ${
            boxes.map(({ name, median }) => `${name.slice(0, 40)}, median ${numberText(median, "km/h")}`).join("; ")
          }`}
          data={data}
          option={option}
          tall
        />
      )}
    </Card>
  );
}

function lookedAt({ records, looked_at }: TrainDistributions): string {
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
