// Trains: how full, how hungry for power, which alerts. Replaces the Streamlit page of the old system.
import { useContext, useMemo, useState } from "preact/hooks";
import type { Alert, Answer, Rows, TrainDistributions, TrainKpis, TrainTimeline } from "../../protocol.ts";
import { setParams, useAddress } from "../address.ts";
import { type Asked, useAnswer } from "../asking.ts";
import {
  changeOf,
  clockText,
  compactText,
  durationText,
  momentOf,
  numberText,
  percentText,
  timeText,
  zoneText,
} from "../format.ts";
import type { LiveNews } from "../live_stream.ts";
import { LookContext, useDataTime } from "../look.ts";
import { AlertList } from "../parts/alert_list.tsx";
import { Card, Empty, Waiting } from "../parts/card.tsx";
import { categoryAxis, Chart, colour, timeAxis, tooltip, valueAxis } from "../parts/chart.tsx";
import { type Column, DataTable, Text } from "../parts/data_table.tsx";
import { Chosen } from "../parts/chosen.tsx";
import { Kpi, type KpiProps, Kpis } from "../parts/kpi.tsx";
import { RangeFilter, rangeParams } from "../parts/range_filter.tsx";

const NO_RECORDS =
  "No train has reported yet. The simulation sends by itself (deno task run); your own records come with " +
  "deno task produce ats_telemetry file.ndjson --key train_id";

export function TrainsPage({ live }: { readonly live: LiveNews }) {
  const { params } = useAddress();
  const chosen = new URLSearchParams();
  for (const name of ["train", "line"]) for (const value of params.getAll(name)) chosen.append(name, value);
  const ranged = new URLSearchParams([...rangeParams(params), ...chosen]);
  const kpis = useAnswer<TrainKpis>("/api/panels/trains/kpis", chosen);
  const timeline = useAnswer<TrainTimeline>("/api/panels/trains/timeline", ranged);
  const distributions = useAnswer<TrainDistributions>("/api/panels/trains/distributions", ranged);
  const hourly = useAnswer<Rows>("/api/panels/trains/hourly", ranged);
  const status = useAnswer<Rows>("/api/panels/trains/status", chosen);
  useDataTime(kpis.answer?.data.data_now);
  const lines = kpis.answer?.data.lines ?? [];
  const trainIds = useMemo(() => status.answer?.data.rows.map(([id]) => String(id)) ?? [], [status.answer]);
  return (
    <>
      <div class="filters" role="group" aria-label="Filters">
        <RangeFilter />
        <Chosen name="line" title="Line" chosen={params.getAll("line")} offered={lines} />
        <Chosen name="train" title="Train" chosen={params.getAll("train")} offered={trainIds} />
        {(chosen.size > 0) && (
          <button type="button" class="quiet" onClick={() => setParams({ line: [], train: [] })}>All trains</button>
        )}
      </div>
      <KpiRow asked={kpis} />
      <div class="grid">
        <PassengerCard asked={timeline} />
        <AlertList
          answer={live.news["alerts/trains"] as Answer<readonly Alert[]> | undefined}
          live={live.state === "live"}
          unitOf={(type) => type === "OVERCROWDING" ? "passengers" : "kW"}
          matches={matching(params)}
          empty="No alerts. One is raised when a train has too many passengers or draws too much power."
        />
        <PowerCard asked={timeline} threshold={kpis.answer?.data.thresholds.power_kw} />
        <BoxCard asked={distributions} />
        <HistogramCards asked={distributions} thresholds={kpis.answer?.data.thresholds} />
        <StatusCard asked={status} />
        <HourlyCard asked={hourly} />
      </div>
    </>
  );
}

function matching(params: URLSearchParams): (alert: Alert) => boolean {
  const trains = new Set(params.getAll("train"));
  const lines = new Set(params.getAll("line"));
  return ({ subject, place }) =>
    (trains.size === 0 || trains.has(subject)) && (lines.size === 0 || (place !== null && lines.has(place)));
}

function KpiRow({ asked }: { readonly asked: Asked<TrainKpis> }) {
  const { zone } = useContext(LookContext);
  const data = asked.answer?.data;
  if (asked.error && !data) return <p class="problem" role="alert">{asked.error}</p>;
  if (!data) return <Waiting />;
  if (data.data_now === null) return <Empty>{NO_RECORDS}</Empty>;
  const before = data.hour_before;
  const start = before ? momentOf(before.start) : 0;
  const hour = before
    ? `vs mean ${clockText(start, zone).slice(0, 5)}–${clockText(start + 3_600_000, zone).slice(0, 5)}`
    : "";
  const change = (now: number, then: number | undefined): KpiProps["change"] => {
    const share = then === undefined ? null : changeOf(now, then);
    if (share === null) return undefined;
    return { text: percentText(share), direction: direction(share), against: hour };
  };
  const more = data.active_alerts - data.alerts_hour_before;
  return (
    <Kpis label={`As of ${timeText(momentOf(data.data_now), zone)} ${zoneText(zone)}`}>
      <Kpi
        label="Active trains"
        value={numberText(data.active_trains)}
        change={before ? difference(data.active_trains - before.trains, hour.replace("mean ", "")) : undefined}
        detail={`of ${numberText(data.known_trains)} known, reported in ${data.active_minutes} min`}
      />
      <Kpi
        label="Passengers on board"
        value={numberText(data.passengers)}
        change={change(data.passengers, before?.passengers)}
        detail={data.capacity > 0
          ? `${numberText(100 * data.passengers / data.capacity, "%")} of ${numberText(data.capacity)} places`
          : undefined}
      />
      <Kpi
        label="Active alerts"
        value={numberText(data.active_alerts)}
        tone={data.active_alerts > 0 ? "bad" : "ok"}
        change={difference(more, "vs an hour before")}
        detail={data.active_alerts === 0 ? "all clear" : undefined}
      />
      <Kpi
        label="Power draw"
        value={numberText(data.power_kw / 1000)}
        unit="MW"
        change={change(data.power_kw, before?.power_kw)}
        detail={data.active_trains > 0
          ? `${numberText(Math.round(data.power_kw / data.active_trains), "kW")} a train`
          : undefined}
      />
    </Kpis>
  );
}

const direction = (value: number): -1 | 0 | 1 => value > 0 ? 1 : value < 0 ? -1 : 0;

function difference(value: number, against: string): KpiProps["change"] {
  return { text: value === 0 ? "no change" : numberText(Math.abs(value)), direction: direction(value), against };
}

const noteOf = (data: TrainTimeline | undefined) =>
  data &&
  `a point every ${durationText(data.bucket_s * 1000)}${
    data.source === "ATS_HOURLY_STATS" ? ", from the hourly statistics" : ""
  }`;

/** `[at, value]` for each bucket of the span; `null` where there is none, so that a gap is seen as one. */
function series(data: TrainTimeline, value: (points: TrainTimeline["points"]) => number | null) {
  const byTime = Map.groupBy(data.points, ({ at }) => at);
  const step = data.bucket_s * 1000;
  const [first, last] = [Math.ceil((data.from - step) / step) * step, data.to];
  const points: (readonly [number, number | null])[] = [];
  for (let at = Math.max(first, last - 2000 * step); at < last; at += step) {
    const found = byTime.get(at / 1000);
    points.push([at, found ? value(found) : null]);
  }
  return points;
}

function PassengerCard({ asked }: { readonly asked: Asked<TrainTimeline> }) {
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
        ? <Empty>No records in this time range: choose a longer one.</Empty>
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

function PowerCard(
  { asked, threshold }: { readonly asked: Asked<TrainTimeline>; readonly threshold: number | undefined },
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
    yAxis: valueAxis("kW"),
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
      {!data
        ? <Waiting height={260} />
        : data.points.length === 0
        ? <Empty>No records in this time range: choose a longer one.</Empty>
        : (
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

function BoxCard({ asked }: { readonly asked: Asked<TrainDistributions> }) {
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
      {!data
        ? <Waiting height={260} />
        : boxes.length === 0
        ? <Empty>No records in this time range: choose a longer one.</Empty>
        : (
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

interface HistogramProps {
  readonly asked: Asked<TrainDistributions>;
  readonly thresholds: TrainKpis["thresholds"] | undefined;
}

function HistogramCards({ asked, thresholds }: HistogramProps) {
  const data = asked.answer?.data;
  return (
    <Card
      title="Distributions"
      note={data && <>how many records have which value · {lookedAt(data)}</>}
      asked={asked}
      width="full"
    >
      {!data
        ? <Waiting />
        : data.records === 0
        ? <Empty>No records in this time range: choose a longer one.</Empty>
        : (
          <div class="histograms">
            {data.histograms.map(({ measure, width, bins }) => (
              <Histogram
                key={measure}
                {...HISTOGRAMS[measure]}
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

interface OneHistogram {
  readonly title: string;
  readonly unit: string;
  readonly width: number;
  readonly bins: readonly (readonly [number, number])[];
  readonly threshold: number | undefined;
}

function Histogram({ title, unit, width, bins, threshold }: OneHistogram) {
  const [first, last] = [bins[0]?.[0] ?? 0, bins.at(-1)?.[0] ?? 0];
  const counts = new Map(bins);
  const starts = Array.from(
    { length: Math.min(300, Math.round((last - first) / width) + 1) },
    (_, i) => first + i * width,
  );
  const option = () => ({
    legend: { show: false },
    grid: { left: 8, right: 12, top: 28, bottom: 4, containLabel: true },
    xAxis: categoryAxis(starts.map((start) => start.toLocaleString("en")), {
      name: unit,
      nameLocation: "middle",
      nameGap: 24,
      nameTextStyle: { color: colour("muted") },
    }),
    yAxis: valueAxis("records", { axisLabel: { color: colour("muted"), formatter: compactText } }),
    tooltip: {
      ...tooltip(),
      axisPointer: { type: "shadow" },
      formatter: ([{ dataIndex }]: [{ dataIndex: number }]) =>
        `${numberText(starts[dataIndex]!)} to ${numberText(starts[dataIndex]! + width, unit)}\n${
          numberText(counts.get(starts[dataIndex]!) ?? 0)
        } records`,
    },
    series: [{
      type: "bar",
      barCategoryGap: "6%",
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
        label={`Histogram of ${title.toLowerCase()}: most records between ${numberText(common[0])} and ${
          numberText(common[0] + width, unit)
        }`}
        data={[bins, threshold]}
        option={option}
      />
    </figure>
  );
}

interface Train {
  readonly id: string;
  readonly line: string | null;
  readonly at: number;
  readonly passengers: number;
  readonly capacity: number | null;
  readonly weight: number;
  readonly kw: number;
  readonly speed: number;
  readonly crowded: boolean;
  readonly hungry: boolean;
}

const STATUS_COLUMNS = (zone: "utc" | "local", newest: number): readonly Column<Train>[] => [
  { key: "id", title: "Train", show: ({ id }) => <Text>{id.slice(0, 80)}</Text>, by: ({ id }) => id },
  { key: "line", title: "Line", show: ({ line }) => <Text>{line?.slice(0, 60) ?? null}</Text>, by: ({ line }) => line },
  {
    key: "state",
    title: "State",
    show: ({ crowded, hungry }) =>
      crowded || hungry
        ? (
          <span class="states">
            {crowded && <span class="tag tag-bad">▲ overcrowded</span>}
            {hungry && <span class="tag tag-warn">▲ high power</span>}
          </span>
        )
        : <span class="tag tag-ok">✓ normal</span>,
    by: ({ crowded, hungry }) => Number(crowded) * 2 + Number(hungry),
  },
  {
    key: "passengers",
    title: "Passengers",
    numeric: true,
    show: ({ passengers, capacity }) => (
      <span class="bar-cell">
        {numberText(passengers)}
        {capacity !== null && capacity > 0 && (
          <meter
            min={0}
            max={1}
            value={Math.min(1, passengers / capacity)}
            aria-label={`${Math.round(100 * passengers / capacity)} % of ${capacity} places`}
          />
        )}
      </span>
    ),
    by: ({ passengers }) => passengers,
  },
  { key: "kw", title: "Power", unit: "kW", numeric: true, show: ({ kw }) => numberText(kw), by: ({ kw }) => kw },
  {
    key: "speed",
    title: "Speed",
    unit: "km/h",
    numeric: true,
    show: ({ speed }) => numberText(speed),
    by: ({ speed }) => speed,
  },
  {
    key: "weight",
    title: "Weight",
    unit: "t",
    numeric: true,
    show: ({ weight }) => numberText(weight),
    by: ({ weight }) => weight,
  },
  {
    key: "at",
    title: "Reported",
    unit: zoneText(zone),
    numeric: true,
    show: ({ at }) => <time dateTime={new Date(at).toISOString()}>{clockText(at, zone, newest)}</time>,
    by: ({ at }) => at,
  },
];

function StatusCard({ asked }: { readonly asked: Asked<Rows> }) {
  const { zone } = useContext(LookContext);
  const [text, setText] = useState("");
  const data = asked.answer?.data;
  const trains = useMemo(() => data?.rows.map(toTrain) ?? [], [data]);
  const newest = Math.max(...trains.map(({ at }) => at));
  const wanted = text.trim().toLowerCase();
  const shown = trains.filter(({ id, line }) => `${id} ${line ?? ""}`.toLowerCase().includes(wanted));
  return (
    <Card
      title="Trains now"
      note={data &&
        `${numberText(shown.length)} of ${numberText(trains.length)} trains${
          data.truncated ? ", more are not listed: choose a line" : ""
        }`}
      tools={
        <input
          type="search"
          aria-label="Find trains"
          placeholder="Find train or line"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      }
      asked={asked}
      width="full"
    >
      {!data ? <Waiting height={260} /> : (
        <DataTable
          label="Trains now"
          columns={STATUS_COLUMNS(zone, newest)}
          rows={shown}
          keyOf={({ id }) => id}
          sort={{ key: "state", descending: true }}
          empty={trains.length === 0 ? NO_RECORDS : `No train matches "${text}".`}
          tall
        />
      )}
    </Card>
  );
}

function toTrain(
  [id, line, at, passengers, capacity, weight, kw, speed, , , crowded, hungry]: readonly unknown[],
): Train {
  return {
    id: String(id),
    line: line === null ? null : String(line),
    at: momentOf(String(at)),
    passengers: Number(passengers),
    capacity: capacity === null ? null : Number(capacity),
    weight: Number(weight),
    kw: Number(kw),
    speed: Number(speed),
    crowded: crowded === true,
    hungry: hungry === true,
  };
}

interface Hour {
  readonly start: number;
  readonly trains: number;
  readonly events: number;
  readonly meanPassengers: number;
  readonly maxPassengers: number;
  readonly meanKw: number;
  readonly maxKw: number;
  readonly speed: number;
  readonly crowded: number;
  readonly hungry: number;
  readonly final: boolean;
}

const HOUR_COLUMNS = (zone: "utc" | "local"): readonly Column<Hour>[] => {
  const amount = (key: keyof Hour & string, title: string, unit?: string): Column<Hour> => ({
    key,
    title,
    unit,
    numeric: true,
    show: (hour) => numberText(hour[key] as number),
    by: (hour) => hour[key] as number,
  });
  return [
    {
      key: "start",
      title: "Hour from",
      unit: zoneText(zone),
      show: ({ start }) => <time dateTime={new Date(start).toISOString()}>{timeText(start, zone).slice(0, 16)}</time>,
      by: ({ start }) => start,
    },
    amount("trains", "Trains"),
    amount("events", "Records"),
    amount("meanPassengers", "Mean", "passengers"),
    amount("maxPassengers", "Most", "passengers"),
    amount("meanKw", "Mean", "kW"),
    amount("maxKw", "Most", "kW"),
    amount("speed", "Mean", "km/h"),
    amount("crowded", "Overcrowded", "records"),
    amount("hungry", "High power", "records"),
    {
      key: "final",
      title: "State",
      show: ({ final }) => final ? <span class="tag tag-ok">✓ final</span> : <span class="tag">◷ open</span>,
      by: ({ final }) => Number(final),
    },
  ];
};

function HourlyCard({ asked }: { readonly asked: Asked<Rows> }) {
  const { zone } = useContext(LookContext);
  const data = asked.answer?.data;
  const hours = useMemo(() =>
    data?.rows.map((
      [start, trains, events, meanPassengers, maxPassengers, meanKw, maxKw, speed, , crowded, hungry, final],
    ): Hour => ({
      start: momentOf(String(start)),
      trains: Number(trains),
      events: Number(events),
      meanPassengers: Number(meanPassengers),
      maxPassengers: Number(maxPassengers),
      meanKw: Number(meanKw),
      maxKw: Number(maxKw),
      speed: Number(speed),
      crowded: Number(crowded),
      hungry: Number(hungry),
      final: final === true,
    })) ?? [], [data]);
  return (
    <Card
      title="Hourly statistics"
      note="means are per record; an open hour is still counted"
      asked={asked}
      width="full"
    >
      {!data ? <Waiting height={260} /> : (
        <DataTable
          label="Hourly statistics"
          columns={HOUR_COLUMNS(zone)}
          rows={hours}
          keyOf={({ start }) => String(start)}
          sort={{ key: "start", descending: true }}
          empty="No hours in this time range: choose a longer one."
          tall
        />
      )}
    </Card>
  );
}
