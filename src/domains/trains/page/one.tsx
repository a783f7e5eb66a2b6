// One train: how it is, what it did, its alerts, its records.
import {
  agoText,
  AlertList,
  Empty,
  Filters,
  Kpi,
  Kpis,
  Link,
  type LiveNews,
  momentOf,
  NotYet,
  numberText,
  panelHook,
  powerOf,
  rangeParams,
  RecordsCard,
  type RowColumn,
  timeText,
  TONES,
  useAddress,
  useAlertMarks,
  useCompared,
  useDataTime,
  useSeverityOf,
} from "../../../http/dashboard/page/mod.ts";
import type { OneTrain, TrainsPanels } from "../answers.ts";
import { PassengerCard, PowerCard } from "./charts.tsx";
import { SpeedCard } from "./speed.tsx";

const usePanel = panelHook<TrainsPanels>("trains");

export function TrainPage({ id, live }: { readonly id: string; readonly live: LiveNews }) {
  const { params } = useAddress();
  const range = [...rangeParams(params)];
  const ranged = new URLSearchParams([...range, ["train", id]]);
  const one = usePanel("one", new URLSearchParams([...range, ["id", id]]));
  const kpis = usePanel("kpis", new URLSearchParams({ train: id }));
  const timeline = usePanel("timeline", ranged);
  const compared = useCompared(usePanel, "timeline", ranged);
  const distributions = usePanel("distributions", ranged);
  const data = one.answer?.data;
  const alerts = one.answer && { ...one.answer, data: one.answer.data.alerts };
  const marks = useAlertMarks(alerts);
  useDataTime(data?.data_now);
  if (!data) return <NotYet asked={one} />;
  if (data.state === null) return <Empty>No train of this name has reported. Its name may have changed.</Empty>;
  const charts = { asked: timeline, compared, marks };
  const { passengers, power_kw } = kpis.answer?.data.thresholds ?? {};
  return (
    <>
      <Filters canCompare />
      <State state={data.state} now={momentOf(data.data_now ?? data.state.at)} />
      <div class="grid">
        <PassengerCard {...charts} threshold={passengers} />
        <AlertList
          answer={alerts}
          live={live.state === "live"}
          unitOf={(type) => type === "OVERCROWDING" ? "passengers" : "kW"}
          empty="This train has had no alerts."
        />
        <PowerCard {...charts} threshold={power_kw} />
        <SpeedCard asked={distributions} />
        <RecordsCard table="ATS_TRANSFORMED" columns={RECORD_COLUMNS} asked={one} />
      </div>
    </>
  );
}

interface StateProps {
  readonly state: NonNullable<OneTrain["state"]>;
  /** Epoch milliseconds. */
  readonly now: number;
}

function State(
  { state: { line, at, passengers, capacity, power_kw, speed_kmh, weight_t, ...state }, now }: StateProps,
) {
  const [power, unit] = powerOf(power_kw);
  const severityOf = useSeverityOf();
  const tone = (isOn: boolean, type: string) => isOn ? TONES[severityOf(type)] : "ok";
  return (
    <Kpis label="As it last reported">
      <Kpi
        label="Line"
        value={line === null
          ? "none"
          : <Link to={`/trains?line=${encodeURIComponent(line)}`}>{line.slice(0, 60)}</Link>}
        detail={<>reported {agoText(Math.max(0, now - momentOf(at)))}, {timeText(momentOf(at), "utc")} UTC</>}
      />
      <Kpi
        label="Passengers"
        value={numberText(passengers)}
        tone={tone(state.is_overcrowded, "OVERCROWDING")}
        detail={`${state.is_overcrowded ? "▲ overcrowded" : "✓ normal"}${
          capacity === null || capacity === 0
            ? ""
            : `, ${numberText(Math.round(100 * passengers / capacity), "%")} of ${numberText(capacity)} places`
        }`}
      />
      <Kpi
        label="Power draw"
        value={power}
        unit={unit}
        tone={tone(state.is_high_power_draw, "HIGH_POWER_DRAW")}
        detail={state.is_high_power_draw ? "▲ high" : power_kw < 0 ? "✓ feeding back" : "✓ normal"}
      />
      <Kpi label="Speed" value={numberText(speed_kmh)} unit="km/h" detail={`${numberText(weight_t)} t`} />
    </Kpis>
  );
}

/** To a metre. */
function degreesText(degrees: unknown): string {
  return degrees === null ? "–" : Number(degrees).toFixed(5);
}

const RECORD_COLUMNS: readonly RowColumn[] = [
  { name: "TIMESTAMP", title: "Time", kind: "time" },
  { name: "PASSENGER_COUNT", title: "Passengers", kind: "number" },
  { name: "POWER_DRAW_KW", title: "Power", unit: "kW", kind: "number" },
  { name: "SPEED_KMH", title: "Speed", unit: "km/h", kind: "number" },
  { name: "TOTAL_WEIGHT_TONS", title: "Weight", unit: "t", kind: "number" },
  { name: "LATITUDE", title: "Latitude", unit: "°", kind: "number", show: degreesText },
  { name: "LONGITUDE", title: "Longitude", unit: "°", kind: "number", show: degreesText },
];
