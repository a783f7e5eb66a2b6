// Trains: how full, how hungry for power, which alerts. Replaces the Streamlit page of the old system.
import { useMemo } from "preact/hooks";
import {
  type Alert,
  AlertList,
  Chosen,
  clockText,
  difference,
  type DomainPage,
  Filters,
  Kpi,
  KpiRow,
  Kpis,
  type LiveNews,
  momentOf,
  numberText,
  panelHook,
  rangeParams,
  type RowColumn,
  share,
  TableCard,
  timeText,
  useAddress,
  useDataTime,
  type Zone,
  zoneText,
} from "../../../http/dashboard/page/mod.ts";
import type { TrainKpis, TrainsPanels } from "../answers.ts";
import { BoxCard, HistogramCards, PassengerCard, PowerCard } from "./charts.tsx";
import { StatusCard } from "./status.tsx";

const NO_RECORDS =
  "No train has reported yet. The simulation sends by itself (deno task run); your own records come with " +
  "deno task produce ats_telemetry file.ndjson --key train_id";

const usePanel = panelHook<TrainsPanels>("trains");

export const page: DomainPage = {
  title: "Trains",
  show: (live) => <TrainsPage live={live} />,
};

function TrainsPage({ live }: { readonly live: LiveNews }) {
  const { params } = useAddress();
  const chosen = new URLSearchParams();
  for (const name of ["train", "line"]) for (const value of params.getAll(name)) chosen.append(name, value);
  const ranged = new URLSearchParams([...rangeParams(params), ...chosen]);
  const kpis = usePanel("kpis", chosen);
  const timeline = usePanel("timeline", ranged);
  const distributions = usePanel("distributions", ranged);
  const hourly = usePanel("hourly", ranged);
  const status = usePanel("status", chosen);
  useDataTime(kpis.answer?.data.data_now);
  const lines = kpis.answer?.data.lines ?? [];
  const trainIds = useMemo(() => status.answer?.data.rows.map(([id]) => String(id)) ?? [], [status.answer]);
  return (
    <>
      <Filters all={{ title: "All trains", names: ["line", "train"] }}>
        <Chosen name="line" title="Line" chosen={params.getAll("line")} offered={lines} />
        <Chosen name="train" title="Train" chosen={params.getAll("train")} offered={trainIds} />
      </Filters>
      <KpiRow asked={kpis} show={kpisOf} empty={NO_RECORDS} />
      <div class="grid">
        <PassengerCard asked={timeline} />
        <AlertList
          answer={live.news["alerts/trains"]}
          live={live.state === "live"}
          unitOf={(type) => type === "OVERCROWDING" ? "passengers" : "kW"}
          matches={matching(params)}
          empty="No alerts. One is raised when a train has too many passengers or draws too much power."
        />
        <PowerCard asked={timeline} threshold={kpis.answer?.data.thresholds.power_kw} />
        <BoxCard asked={distributions} />
        <HistogramCards asked={distributions} thresholds={kpis.answer?.data.thresholds} />
        <StatusCard asked={status} />
        <TableCard
          title="Hourly statistics"
          note="means are per record; an open hour is still counted"
          asked={hourly}
          columns={HOUR_COLUMNS}
          keys={["WINDOW_START"]}
          sort={{ key: "WINDOW_START", descending: true }}
          width="full"
        />
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

function kpisOf(data: TrainKpis, zone: Zone) {
  if (data.data_now === null) return undefined;
  const before = data.hour_before;
  const start = before ? momentOf(before.start) : 0;
  const hour = before
    ? `vs mean ${clockText(start, zone).slice(0, 5)}–${clockText(start + 3_600_000, zone).slice(0, 5)}`
    : "";
  return (
    <Kpis label={`As of ${timeText(momentOf(data.data_now), zone)} ${zoneText(zone)}`}>
      <Kpi
        label="Active trains"
        value={numberText(data.active_trains)}
        change={difference({ now: data.active_trains, before: before?.trains ?? null }, hour.replace("mean ", ""))}
        detail={`of ${numberText(data.known_trains)} known, reported in ${data.active_minutes} min`}
      />
      <Kpi
        label="Passengers on board"
        value={numberText(data.passengers)}
        change={share({ now: data.passengers, before: before?.passengers ?? null }, hour)}
        detail={data.capacity > 0
          ? `${numberText(100 * data.passengers / data.capacity, "%")} of ${numberText(data.capacity)} places`
          : undefined}
      />
      <Kpi
        label="Active alerts"
        value={numberText(data.active_alerts)}
        tone={data.active_alerts > 0 ? "bad" : "ok"}
        change={difference({ now: data.active_alerts, before: data.alerts_hour_before }, "vs an hour before")}
        detail={data.active_alerts === 0 ? "all clear" : undefined}
      />
      <Kpi
        label="Power draw"
        value={numberText(data.power_kw / 1000)}
        unit="MW"
        change={share({ now: data.power_kw, before: before?.power_kw ?? null }, hour)}
        detail={data.active_trains > 0
          ? `${numberText(Math.round(data.power_kw / data.active_trains), "kW")} a train`
          : undefined}
      />
    </Kpis>
  );
}

const HOUR_COLUMNS: readonly RowColumn[] = [
  { name: "WINDOW_START", title: "Hour from", kind: "hour" },
  { name: "TRAINS", title: "Trains", kind: "number" },
  { name: "EVENT_COUNT", title: "Records", kind: "number" },
  { name: "AVG_PASSENGER_COUNT", title: "Mean", unit: "passengers", kind: "number" },
  { name: "MAX_PASSENGER_COUNT", title: "Most", unit: "passengers", kind: "number" },
  { name: "AVG_POWER_DRAW_KW", title: "Mean", unit: "kW", kind: "number" },
  { name: "MAX_POWER_DRAW_KW", title: "Most", unit: "kW", kind: "number" },
  { name: "AVG_SPEED_KMH", title: "Mean", unit: "km/h", kind: "number" },
  { name: "AVG_TOTAL_WEIGHT_TONS", title: "Mean", unit: "t", kind: "number" },
  { name: "OVERCROWDED_COUNT", title: "Overcrowded", unit: "records", kind: "number" },
  { name: "HIGH_POWER_DRAW_COUNT", title: "High power", unit: "records", kind: "number" },
  { name: "IS_FINAL", title: "State", kind: "final" },
];
