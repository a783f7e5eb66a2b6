// Rides: demand by zone, surges, what rides are asked for.
import {
  type Alert,
  AlertList,
  Chosen,
  type DomainPage,
  Filters,
  HeatCard,
  KpiRow,
  type LiveNews,
  numberText,
  panelHook,
  rangeParams,
  type RowColumn,
  TableCard,
  TimelineCard,
  useActiveAlerts,
  useAddress,
  useAlertMarks,
  useCompared,
  useDataTime,
  useNoRecords,
} from "../../../http/dashboard/page/mod.ts";
import type { RidesPanels } from "../answers.ts";
import { ZoneMap } from "./map.tsx";
import { ComparedZones } from "./multiples.tsx";
import { kpisOf, TYPE_COLUMNS, zonePath } from "./numbers.tsx";
import { ZonePage } from "./one.tsx";

const useNothingYet = () =>
  useNoRecords("No ride has been asked for yet.", () => "POST /produce on the API's port makes and sends one");

const usePanel = panelHook<RidesPanels>("rides");

export const page: DomainPage = {
  title: "Rides",
  show: (live) => <RidesPage live={live} />,
  one: (id, live) => <ZonePage id={id} live={live} />,
  ids: { hint: "zone", use: (isAsked) => usePanel(isAsked ? "kpis" : undefined).answer?.data.all_zones },
  pathOf: { ZONE: zonePath },
};

function RidesPage({ live }: { readonly live: LiveNews }) {
  const nothingYet = useNothingYet();
  const { params } = useAddress();
  const zones = params.getAll("zone");
  const chosen = new URLSearchParams(zones.map((zone) => ["zone", zone]));
  const ranged = new URLSearchParams([...rangeParams(params), ...chosen]);
  const kpis = usePanel("kpis", chosen);
  const demand = usePanel("demand", ranged);
  const compared = useCompared(usePanel, "demand", ranged);
  const byZone = usePanel("zones", chosen);
  const places = usePanel("places", chosen);
  const heat = usePanel("heat", chosen);
  const types = usePanel("types", ranged);
  const hourly = usePanel("hourly", ranged);
  const alerts = live.news["alerts/rides"];
  const matches = ({ subject }: Alert) => zones.length === 0 || zones.includes(subject);
  const marks = useAlertMarks(alerts, matches);
  const active = useActiveAlerts(alerts, matches);
  useDataTime(kpis.answer?.data.data_now);
  return (
    <>
      <Filters all={{ title: "All zones", names: ["zone"] }} canCompare>
        <Chosen name="zone" title="Zone" chosen={zones} offered={kpis.answer?.data.all_zones ?? []} />
      </Filters>
      <KpiRow
        asked={kpis}
        show={(data, zone) => kpisOf(data, { zone, active })}
        empty={nothingYet}
      />
      <div class="grid">
        <TimelineCard
          title="Demand"
          note="requests in the 15 minutes before, by zone, stacked"
          unit="requests"
          others="other zones"
          asked={demand}
          compared={compared}
          marks={marks}
        />
        <AlertList
          title="Surges"
          answer={alerts}
          live={live.state === "live"}
          unitOf={() => "× usual"}
          matches={matches}
          linkOf={({ subject_id }) => zonePath(subject_id)}
          empty="No surges. One is raised when a zone has many times the requests that are usual there."
        />
        <ZoneMap asked={places} zones={byZone} />
        <TableCard
          title="Zones now"
          note="the newest 15 minutes; fares as estimated, in the currency of the requests"
          asked={byZone}
          columns={ZONE_COLUMNS}
          keys={["ZONE"]}
          sort={{ key: "REQUEST_COUNT", descending: true }}
          find="zone"
          empty={nothingYet}
          width="wide"
        />
        <TableCard
          title="Ride types"
          note="in the time range"
          asked={types}
          columns={TYPE_COLUMNS}
          keys={["RIDE_TYPE"]}
        />
        <ComparedZones usePanel={usePanel} params={ranged} />
        <TableCard
          title="Hourly statistics"
          note="an open hour is still counted"
          asked={hourly}
          columns={HOUR_COLUMNS}
          keys={["WINDOW_START"]}
          width="wide"
        />
        <HeatCard title="Requests by day and hour" unit="requests" asked={heat} width="full" />
      </div>
    </>
  );
}

const ZONE_COLUMNS: readonly RowColumn[] = [
  { name: "ZONE", title: "Zone", kind: "text", to: zonePath },
  {
    name: "SURGE_RATIO",
    title: "State",
    kind: "state",
    show: (ratio) =>
      ratio === null
        ? <span class="tag tag-ok">✓ usual</span>
        : <span class="tag tag-info">▲ surge {numberText(Number(ratio))}×</span>,
  },
  { name: "REQUEST_COUNT", title: "15 min", unit: "requests", kind: "number" },
  { name: "REQUEST_COUNT_BEFORE", title: "An hour before", unit: "requests", kind: "number" },
  { name: "AVG_FARE_ESTIMATE", title: "Mean fare", kind: "money", unit: "" },
];

const HOUR_COLUMNS: readonly RowColumn[] = [
  { name: "WINDOW_START", title: "Hour from", kind: "hour" },
  { name: "ZONES", title: "Zones", kind: "number" },
  { name: "REQUEST_COUNT", title: "Requests", kind: "number" },
  { name: "AVG_FARE_ESTIMATE", title: "Mean fare", kind: "money", unit: "" },
  { name: "IS_FINAL", title: "State", kind: "final" },
];
