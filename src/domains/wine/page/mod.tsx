// The wine shop: what is sold where, what is in stock, what went wrong.
import {
  type ActiveAlerts,
  AlertList,
  clockText,
  difference,
  type DomainPage,
  Filters,
  HeatCard,
  Kpi,
  KpiRow,
  Kpis,
  type LiveNews,
  momentOf,
  moneyText,
  numberText,
  panelHook,
  rangeParams,
  type RowColumn,
  setParams,
  share,
  TableCard,
  TimelineCard,
  useActiveAlerts,
  useAddress,
  useAlertMarks,
  useCompared,
  useDataTime,
  useNoRecords,
  usePipelinePanel,
  type Zone,
} from "../../../http/dashboard/page/mod.ts";
import type { WineKpis, WinePanels } from "../answers.ts";
import { lowText, stateColumn } from "./columns.tsx";
import { ProductPage } from "./one.tsx";

const useNothingYet = () => useNoRecords("Nothing has been sold yet.");

const usePanel = panelHook<WinePanels>("wine");

export const page: DomainPage = {
  title: "Wine",
  show: (live) => <WinePage live={live} />,
  one: (id, live) => <ProductPage id={id} live={live} />,
  pathOf: { PRODUCT_ID: productPath },
};

function WinePage({ live }: { readonly live: LiveNews }) {
  const nothingYet = useNothingYet();
  const { params } = useAddress();
  const by = params.get("by") === "channel" ? "channel" : "category";
  const range = rangeParams(params);
  const kpis = usePanel("kpis");
  const sold = new URLSearchParams([...range, ["by", by]]);
  const sales = usePanel("sales", sold);
  const compared = useCompared(usePanel, "sales", sold);
  const split = usePanel("split", range);
  const stock = usePanel("stock");
  const heat = usePanel("heat");
  const dead = usePipelinePanel("dead-letter-counts", new URLSearchParams({ domain: "wine" }));
  const alerts = live.news["alerts/wine"];
  const marks = useAlertMarks(alerts);
  const active = useActiveAlerts(alerts);
  useDataTime(kpis.answer?.data.data_now);
  return (
    <>
      <Filters canCompare>
        <label class="field">
          <span>Sales by</span>
          <select
            value={by}
            onChange={(event) => setParams({ by: event.currentTarget.value === "channel" ? "channel" : undefined })}
          >
            <option value="category">category</option>
            <option value="channel">channel</option>
          </select>
        </label>
      </Filters>
      <KpiRow
        asked={kpis}
        show={(data, zone) => kpisOf(data, { zone, active })}
        empty={nothingYet}
      />
      <div class="grid">
        <TimelineCard
          title="Net revenue"
          note={`by ${by}, stacked`}
          unit="EUR"
          others={by === "channel" ? "other channels" : "other categories"}
          bars
          asked={sales}
          compared={compared}
          marks={marks}
        />
        <AlertList
          title="Stock alerts"
          answer={alerts}
          live={live.state === "live"}
          unitOf={() => "bottles"}
          linkOf={({ subject_id }) => productPath(subject_id)}
          empty="No alerts. One is raised when a product runs low in a warehouse, or bottles spoil."
        />
        <TableCard
          title="Sales by channel and category"
          note="in the time range"
          asked={split}
          columns={SALES_COLUMNS}
          keys={["CHANNEL", "CATEGORY"]}
          sort={{ key: "NET_REVENUE", descending: true }}
          width="wide"
        />
        <TableCard
          title="Dead letters"
          note="events that could not be used; their bytes are on the pipeline page"
          asked={dead}
          columns={DEAD_COLUMNS}
          keys={["STAGE", "REASON"]}
          empty="No dead letters: every event so far could be used."
        />
        <HeatCard title="Net revenue by day and hour" unit="EUR" asked={heat} />
        <TableCard
          title="Stock"
          note={`bottles of each product in each warehouse, the fewest first${lowText(kpis.answer?.data.low_stock)}`}
          asked={stock}
          columns={stockColumns(kpis.answer?.data.low_stock)}
          keys={["PRODUCT_ID", "WAREHOUSE"]}
          sort={{ key: "QUANTITY", descending: false }}
          find="product or warehouse"
          empty={nothingYet}
          width="full"
        />
      </div>
    </>
  );
}

/** Path of the page about a product. */
function productPath(id: unknown): string {
  return `/wine/${encodeURIComponent(String(id))}`;
}

interface KpiOptions {
  readonly zone: Zone;
  /** Active alerts as the list beside has them. */
  readonly active: ActiveAlerts;
}

function kpisOf(data: WineKpis, { zone, active: { count = data.alerts.now ?? 0, toneOf } }: KpiOptions) {
  if (data.data_now === null || data.hour === null) return undefined;
  const start = momentOf(data.hour);
  const hour = `${clockText(start, zone).slice(0, 5)}–${clockText(start + 3_600_000, zone).slice(0, 5)}`;
  const against = "vs the hour before";
  return (
    <Kpis label={`Sales, ${hour}`}>
      <Kpi
        label="Net revenue in an hour"
        value={data.net_revenue.now === null ? "–" : moneyText(data.net_revenue.now)}
        unit="EUR"
        change={share(data.net_revenue, against)}
        detail={`${hour}, ${numberText(data.units.now, "bottles")}`}
      />
      <Kpi
        label="Orders in an hour"
        value={numberText(data.orders.now)}
        change={share(data.orders, against)}
        detail={hour}
      />
      <Kpi
        label="Active stock alerts"
        value={numberText(count)}
        tone={toneOf(count)}
        change={difference({ now: count, before: data.alerts.before }, "vs an hour before")}
        detail={count > 0 ? undefined : "all in stock"}
      />
      <Kpi
        label="Dead letters"
        value={numberText(data.dead_letters)}
        tone={data.dead_letters > 0 ? "bad" : "ok"}
        detail="of all time, in DEAD_LETTERS"
      />
    </Kpis>
  );
}

const SALES_COLUMNS: readonly RowColumn[] = [
  { name: "CHANNEL", title: "Channel", kind: "text" },
  { name: "CATEGORY", title: "Category", kind: "text" },
  { name: "NET_REVENUE", title: "Net", kind: "money" },
  { name: "ORDER_COUNT", title: "Orders", kind: "number" },
  { name: "UNITS", title: "Bottles", kind: "number" },
  { name: "GROSS_REVENUE", title: "Gross", kind: "money" },
  { name: "DISCOUNT", title: "Discount", kind: "money" },
];

const DEAD_COLUMNS: readonly RowColumn[] = [
  { name: "STAGE", title: "Stage", kind: "text" },
  { name: "REASON", title: "Reason", kind: "text" },
  { name: "RECORDS", title: "Records", kind: "number" },
  { name: "LAST_SEEN_AT", title: "Last seen", kind: "time" },
];

const stockColumns = (low: number | undefined): readonly RowColumn[] => [
  { name: "PRODUCT_ID", title: "Product", kind: "text", to: productPath },
  { name: "QUANTITY", title: "In stock", unit: "bottles", kind: "number" },
  stateColumn(low),
  { name: "PRODUCT_NAME", title: "Name", kind: "text" },
  { name: "WAREHOUSE", title: "Warehouse", kind: "text" },
  { name: "UPDATED_AT", title: "Changed", kind: "time" },
];
