// One zone: its demand, its surges, the rides that are asked for in it.
import {
  AlertList,
  Filters,
  KpiRow,
  type LiveNews,
  moneyText,
  panelHook,
  rangeParams,
  RecordsCard,
  type RowColumn,
  TableCard,
  TimelineCard,
  useActiveAlerts,
  useAddress,
  useAlertMarks,
  useCompared,
  useDataTime,
} from "../../../http/dashboard/page/mod.ts";
import type { RidesPanels } from "../answers.ts";
import { kpisOf, TYPE_COLUMNS } from "./numbers.tsx";

const usePanel = panelHook<RidesPanels>("rides");

export function ZonePage({ id, live }: { readonly id: string; readonly live: LiveNews }) {
  const { params } = useAddress();
  const range = [...rangeParams(params)];
  const ranged = new URLSearchParams([...range, ["zone", id]]);
  const kpis = usePanel("kpis", new URLSearchParams({ zone: id }));
  const demand = usePanel("demand", ranged);
  const compared = useCompared(usePanel, "demand", ranged);
  const types = usePanel("types", ranged);
  const one = usePanel("one", new URLSearchParams([...range, ["id", id]]));
  const alerts = one.answer && { ...one.answer, data: one.answer.data.alerts };
  const marks = useAlertMarks(alerts);
  const active = useActiveAlerts(alerts);
  useDataTime(kpis.answer?.data.data_now);
  return (
    <>
      <Filters canCompare />
      <KpiRow
        asked={kpis}
        show={(data, zone) => kpisOf(data, { zone, active, isOne: true })}
        empty="No ride has been asked for yet."
      />
      <div class="grid">
        <TimelineCard
          title="Demand"
          note="requests in the 15 minutes before"
          unit="requests"
          others="others"
          asked={demand}
          compared={compared}
          marks={marks}
        />
        <AlertList
          title="Surges"
          answer={alerts}
          live={live.state === "live"}
          unitOf={() => "× usual"}
          empty="There has been no surge in this zone."
        />
        <TableCard
          title="Ride types"
          note="in the time range"
          asked={types}
          columns={TYPE_COLUMNS}
          keys={["RIDE_TYPE"]}
        />
        <RecordsCard table="RIDE_REQUESTS" columns={RECORD_COLUMNS} asked={one} />
      </div>
    </>
  );
}

const RECORD_COLUMNS: readonly RowColumn[] = [
  { name: "TIMESTAMP", title: "Time", kind: "time" },
  { name: "EVENT_TYPE", title: "Event", kind: "text" },
  { name: "RIDE_TYPE", title: "Ride type", kind: "text" },
  { name: "RIDE_ID", title: "Ride", kind: "text" },
  { name: "USER_ID", title: "User", kind: "text" },
  { name: "LOCATION", title: "Place", kind: "text" },
  {
    name: "FARE_ESTIMATE",
    title: "Fare",
    kind: "number",
    show: (fare) => fare === null ? <span class="muted">–</span> : moneyText(Number(fare)),
  },
];
