// The numbers of rides, of all zones or of one.
import {
  type ActiveAlerts,
  clockText,
  difference,
  Kpi,
  Kpis,
  momentOf,
  moneyText,
  numberText,
  type RowColumn,
  share,
  type Zone,
  zoneText,
} from "../../../http/dashboard/page/mod.ts";
import type { RideKpis } from "../answers.ts";

/** Path of the page about a zone. */
export function zonePath(zone: unknown): string {
  return `/rides/${encodeURIComponent(String(zone))}`;
}

interface KpiOptions {
  readonly zone: Zone;
  /** Active surges as the list beside has them. */
  readonly active: ActiveAlerts;
  /** Whether they are of one zone. */
  readonly isOne?: boolean;
}

export function kpisOf(data: RideKpis, { zone, active, isOne }: KpiOptions) {
  if (data.data_now === null || data.window_end === null) return undefined;
  const end = momentOf(data.window_end);
  const window = `${clockText(end - data.window_minutes * 60_000, zone).slice(0, 5)}–${
    clockText(end, zone).slice(0, 5)
  } ${zoneText(zone)}`;
  const against = "vs an hour before";
  const { count = data.alerts.now ?? 0, toneOf } = active;
  return (
    <Kpis label={`Rides, ${window}`}>
      <Kpi
        label="Requests in 15 minutes"
        value={numberText(data.requests.now)}
        change={share(data.requests, against)}
        detail={window}
      />
      {!isOne && (
        <Kpi label="Zones with requests" value={numberText(data.zones.now)} change={difference(data.zones, against)} />
      )}
      <Kpi
        label="Active surges"
        value={numberText(count)}
        tone={toneOf(count)}
        change={difference({ now: count, before: data.alerts.before }, against)}
        detail={count > 0 ? undefined : "all usual"}
      />
      <Kpi
        label="Mean fare estimate"
        value={data.fare.now === null ? "–" : moneyText(data.fare.now)}
        change={share(data.fare, against)}
        detail="in the currency of the requests"
      />
    </Kpis>
  );
}

export const TYPE_COLUMNS: readonly RowColumn[] = [
  { name: "RIDE_TYPE", title: "Ride type", kind: "text" },
  { name: "REQUEST_COUNT", title: "Requests", kind: "number" },
  { name: "AVG_FARE_ESTIMATE", title: "Mean fare", kind: "money", unit: "" },
];
