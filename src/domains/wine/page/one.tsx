// One product: what is in stock where, its alerts, the events that came last.
import {
  AlertList,
  Card,
  Empty,
  type LiveNews,
  NotYet,
  panelHook,
  type RowColumn,
  type Rows,
  RowsTable,
} from "../../../http/dashboard/page/mod.ts";
import type { WinePanels } from "../answers.ts";
import { lowText, stateColumn } from "./columns.tsx";

const usePanel = panelHook<WinePanels>("wine");

export function ProductPage({ id, live }: { readonly id: string; readonly live: LiveNews }) {
  const one = usePanel("one", new URLSearchParams({ id }));
  const low = usePanel("kpis").answer?.data.low_stock;
  const data = one.answer?.data;
  if (!data) return <NotYet asked={one} />;
  if (data.stock.rows.length === 0 && data.records.rows.length === 0) {
    return <Empty>Nothing has been sold, delivered or spoilt of a product of this number.</Empty>;
  }
  return (
    <div class="grid">
      <Card title={data.name ?? `Product ${id.slice(0, 40)}`} note={`bottles in stock${lowText(low)}`} asked={one}>
        <RowsTable
          label="Stock"
          rows={data.stock}
          columns={stockColumns(low)}
          keys={["WAREHOUSE"]}
          empty="Nothing is in stock."
        />
      </Card>
      <AlertList
        title="Stock alerts"
        answer={{ ...one.answer!, data: data.alerts }}
        live={live.state === "live"}
        unitOf={() => "bottles"}
        empty="This product has had no alerts."
      />
      <Card title="Newest events" note="as they came, out of RAW_EVENTS_STREAM" asked={one} width="full">
        <RowsTable
          label="Newest events"
          rows={withPlaces(data.records)}
          columns={EVENT_COLUMNS}
          keys={["PARTITION", "OFFSET"]}
          empty="No events of this product."
          tall
        />
      </Card>
    </div>
  );
}

/** With where in the log each lies, which the metadata say. */
function withPlaces({ columns, rows, truncated }: Rows): Rows {
  const place = columns.findIndex(({ name }) => name === "EVENT_METADATA");
  const named = ["PARTITION", "OFFSET"].map((name) => ({ name, type: "BIGINT" }));
  return {
    columns: [...columns, ...named],
    rows: rows.map((row) => [...row, ...placeIn(String(row[place]))]),
    truncated,
  };
}

function placeIn(metadata: string): readonly unknown[] {
  try {
    const { partition, offset } = JSON.parse(metadata);
    return [partition, offset];
  } catch {
    return [null, null];
  }
}

const stockColumns = (low: number | undefined): readonly RowColumn[] => [
  { name: "WAREHOUSE", title: "Warehouse", kind: "text" },
  { name: "QUANTITY", title: "In stock", unit: "bottles", kind: "number" },
  stateColumn(low),
  { name: "UPDATED_AT", title: "Changed", kind: "time" },
];

const EVENT_COLUMNS: readonly RowColumn[] = [
  { name: "INGESTION_TIME", title: "Came", kind: "time" },
  { name: "EVENT_TYPE", title: "Event", kind: "text" },
  { name: "CUSTOMER_ID", title: "Customer", kind: "text" },
  {
    name: "EVENT_CONTENT",
    title: "Record",
    kind: "text",
    show: (content) => <bdi class="cell mono" title={String(content)}>{String(content).slice(0, 160)}</bdi>,
  },
  { name: "PARTITION", title: "Partition", kind: "number", to: () => "/pipeline" },
  { name: "OFFSET", title: "Offset", kind: "number" },
];
