// What a domain's page is made of: questions, the address, how numbers and times are written, cards and charts.
import type { ComponentChildren } from "preact";
import type { LiveNews } from "./live_stream.ts";

export type { Alert, Compared, Rows, Timeline } from "../../../panels/answers.ts";
export { setParams, useAddress } from "./address.ts";
export { type PanelHook, panelHook, type QueryState, usePipelinePanel } from "./asking.ts";
export * from "./format.ts";
export type { LiveNews } from "./live_stream.ts";
export { LookContext, useDataTime } from "./look.ts";
export { AlertList } from "./parts/alert_list.tsx";
export { Card, Empty, Waiting } from "./parts/card.tsx";
export { categoryAxis, Chart, colour, timeAxis, tooltip, valueAxis } from "./parts/chart.tsx";
export { Chosen } from "./parts/chosen.tsx";
export { type Column, DataTable, Text } from "./parts/data_table.tsx";
export { Histogram } from "./parts/histogram.tsx";
export { Filters } from "./parts/filters.tsx";
export { difference, Kpi, KpiRow, Kpis, share } from "./parts/kpi.tsx";
export { rangeParams } from "./parts/range_filter.tsx";
export { moneyText, type RowColumn, RowsTable } from "./parts/rows_table.tsx";
export { TableCard } from "./parts/table_card.tsx";
export { bucketsOf, NO_RECORDS_IN_RANGE, TimelineCard } from "./parts/timeline_card.tsx";

/** The page of a domain: its `page/mod.tsx` exports one as `page`. */
export interface DomainPage {
  readonly title: string;
  readonly show: (live: LiveNews) => ComponentChildren;
}
