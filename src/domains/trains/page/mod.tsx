// Trains: how full, how hungry for power, which alerts. Replaces the Streamlit page of the old system.
import {
  type ActiveAlerts,
  type Alert,
  AlertList,
  Chosen,
  countText,
  difference,
  type DomainPage,
  Filters,
  HeatCard,
  Kpi,
  KpiRow,
  Kpis,
  type LiveNews,
  momentOf,
  numberText,
  panelHook,
  powerOf,
  powerText,
  rangeParams,
  type RowColumn,
  share,
  TableCard,
  timeText,
  useActiveAlerts,
  useAddress,
  useAlertMarks,
  useCompared,
  useDataTime,
  useNoRecords,
  type Zone,
  zoneText,
} from "../../../http/dashboard/page/mod.ts";
import type { TrainKpis, TrainsPanels } from "../answers.ts";
import { HistogramCards, PassengerCard, PowerCard } from "./charts.tsx";
import { MapCard } from "./map.tsx";
import { ComparedTrains } from "./multiples.tsx";
import { TrainPage } from "./one.tsx";
import { SpeedCard } from "./speed.tsx";
import { StatusCard, trainPath } from "./status.tsx";

const useNothingYet = () =>
  useNoRecords(
    "No train has reported yet.",
    (command) => `your own records come with ${command} produce ats_telemetry file.ndjson --key train_id`,
  );

const usePanel = panelHook<TrainsPanels>("trains");

export const page: DomainPage = {
  title: "Trains",
  show: (live) => <TrainsPage live={live} />,
  one: (id, live) => <TrainPage id={id} live={live} />,
  ids: { hint: "train", use: (isAsked) => usePanel(isAsked ? "kpis" : undefined).answer?.data.trains },
  pathOf: { TRAIN_ID: trainPath },
};

function TrainsPage({ live }: { readonly live: LiveNews }) {
  const nothingYet = useNothingYet();
  const { params } = useAddress();
  const chosen = new URLSearchParams();
  for (const name of ["train", "line"]) for (const value of params.getAll(name)) chosen.append(name, value);
  const ranged = new URLSearchParams([...rangeParams(params), ...chosen]);
  const kpis = usePanel("kpis", chosen);
  const timeline = usePanel("timeline", ranged);
  const compared = useCompared(usePanel, "timeline", ranged);
  const distributions = usePanel("distributions", ranged);
  const hourly = usePanel("hourly", ranged);
  const status = usePanel("status", chosen);
  const trails = usePanel("trails", chosen);
  const heat = usePanel("heat", chosen);
  const { data_now, lines = [], trains = [], thresholds } = kpis.answer?.data ?? {};
  const alerts = live.news["alerts/trains"];
  const matches = matching(params);
  const marks = useAlertMarks(alerts, matches);
  const active = useActiveAlerts(alerts, matches);
  useDataTime(data_now);
  return (
    <>
      <Filters all={{ title: "All trains", names: ["line", "train"] }} canCompare>
        <Chosen name="line" title="Line" chosen={params.getAll("line")} offered={lines} />
        <Chosen name="train" title="Train" chosen={params.getAll("train")} offered={trains} />
      </Filters>
      <KpiRow
        asked={kpis}
        show={(data, zone) => kpisOf(data, { zone, active })}
        empty={nothingYet}
      />
      <div class="grid">
        <PassengerCard asked={timeline} compared={compared} marks={marks} threshold={thresholds?.passengers} />
        <AlertList
          answer={alerts}
          live={live.state === "live"}
          unitOf={(type) => type === "OVERCROWDING" ? "passengers" : "kW"}
          matches={matches}
          linkOf={({ subject_id }) => trainPath(subject_id)}
          empty="No alerts. One is raised when a train has too many passengers or draws too much power."
        />
        <PowerCard asked={timeline} compared={compared} marks={marks} threshold={thresholds?.power_kw} />
        <MapCard asked={trails} thresholds={thresholds} />
        <SpeedCard asked={distributions} />
        <ComparedTrains usePanel={usePanel} params={ranged} thresholds={thresholds} />
        <HeatCard title="Passengers by day and hour" unit="passengers" asked={heat} width="full" />
        <HistogramCards asked={distributions} thresholds={thresholds} />
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

interface KpiOptions {
  readonly zone: Zone;
  /** Active alerts as the list beside has them. */
  readonly active: ActiveAlerts;
}

function kpisOf(
  { recent, alerts, ...data }: TrainKpis,
  { zone, active: { count = alerts.now ?? 0, toneOf } }: KpiOptions,
) {
  if (data.data_now === null || recent === null) return undefined;
  const { minutes, trains, passengers, power_kw, points, point_s } = recent;
  const now = momentOf(data.data_now);
  const lineOf = (name: keyof typeof points, textOf: (value: number) => string) => ({
    values: points[name],
    at: points[name].map((_, i, { length }) => now - (length - i) * point_s * 1000),
    textOf,
  });
  const against = `vs the ${minutes} min before`;
  const [power, unit] = powerOf(power_kw.now);
  const perTrain = power_kw.now === null || !trains.now ? undefined : power_kw.now / trains.now;
  return (
    <Kpis label={`As of ${timeText(now, zone)} ${zoneText(zone)}`}>
      <Kpi
        label="Active trains"
        value={numberText(data.active_trains)}
        change={difference({ now: data.active_trains, before: trains.before }, against)}
        trend={lineOf("trains", (trains) => countText(trains, "trains"))}
        detail={`${numberText(data.active_trains)} of ${
          countText(data.known_trains, "trains")
        } reported in the last ${data.active_minutes} min`}
      />
      <Kpi
        label="Passengers on board"
        value={numberText(passengers.now === null ? null : Math.round(passengers.now))}
        change={share(passengers, against)}
        trend={lineOf("passengers", (passengers) => numberText(Math.round(passengers), "passengers"))}
        detail={data.capacity > 0 && passengers.now !== null
          ? `${numberText(100 * passengers.now / data.capacity, "%")} of ${
            numberText(data.capacity)
          } places, mean of ${minutes} min`
          : `mean of ${minutes} min`}
      />
      <Kpi
        label="Active alerts"
        value={numberText(count)}
        tone={toneOf(count)}
        change={difference({ now: count, before: alerts.before }, "vs an hour before")}
        detail={count === 0 ? "all clear" : undefined}
      />
      <Kpi
        label="Power draw"
        value={power}
        unit={unit}
        change={share(power_kw, against)}
        trend={lineOf("power_kw", powerText)}
        detail={`${perTrain === undefined ? "" : `${powerText(perTrain)} a train, `}mean of ${minutes} min`}
      />
    </Kpis>
  );
}

const HOUR_COLUMNS: readonly RowColumn[] = [
  { name: "WINDOW_START", title: "Hour from", kind: "hour" },
  { name: "TRAINS", title: "Trains", kind: "number" },
  { name: "EVENT_COUNT", title: "Records", kind: "number" },
  { name: "AVG_PASSENGER_COUNT", title: "Mean", unit: "passengers", kind: "number" },
  { name: "MAX_PASSENGER_COUNT", title: "Max", unit: "passengers", kind: "number" },
  { name: "AVG_POWER_DRAW_KW", title: "Mean", unit: "kW", kind: "number" },
  { name: "MAX_POWER_DRAW_KW", title: "Max", unit: "kW", kind: "number" },
  { name: "AVG_SPEED_KMH", title: "Mean", unit: "km/h", kind: "number" },
  { name: "AVG_TOTAL_WEIGHT_TONS", title: "Mean", unit: "t", kind: "number" },
  { name: "OVERCROWDED_COUNT", title: "Overcrowded", unit: "records", kind: "number" },
  { name: "HIGH_POWER_DRAW_COUNT", title: "High power", unit: "records", kind: "number" },
  { name: "IS_FINAL", title: "State", kind: "final" },
];
