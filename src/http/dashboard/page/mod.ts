// What a domain's page is made of: questions, the address, how numbers and times are written, cards and charts.
import type { ComponentChildren } from "preact";
import type { LiveNews } from "./live_stream.ts";

export type { Alert, Compared, Rows, Timeline } from "../../../panels/answers.ts";
export { rangeParams, setParams, useAddress } from "./address.ts";
export { type Comparison, ghostSeries, useCompared, useComparison } from "./compare.ts";
export { type PanelHook, panelHook, type QueryState, usePipelinePanel } from "./asking.ts";
export * from "./format.ts";
export type { LiveNews } from "./live_stream.ts";
export { LookContext, shadeOf, useDataTime } from "./look.ts";
export { TimeNotes } from "./parts/annotations.tsx";
export { type ActiveAlerts, AlertList, useActiveAlerts, useAlertMarks } from "./parts/alert_list.tsx";
export { Card, Empty, NotYet, Waiting } from "./parts/card.tsx";
export { Chart } from "./parts/chart.tsx";
export type { ChartMark } from "./parts/chart_marks.tsx";
export type { ChartData, ChartSeries } from "./parts/chart_data.ts";
export { Chosen } from "./parts/chosen.tsx";
export { type Column, DataTable, Text } from "./parts/data_table.tsx";
export { Histogram } from "./parts/histogram.tsx";
export { Filters } from "./parts/filters.tsx";
export { difference, Kpi, KpiRow, Kpis, share } from "./parts/kpi.tsx";
export { HeatCard } from "./parts/heat_card.tsx";
export { Link } from "./parts/link.tsx";
export { Map, type MapOutline, type MapPoint, type Place } from "./parts/map.tsx";
export { MultiplesCard } from "./parts/multiples_card.tsx";
export { RecordsCard } from "./parts/records_card.tsx";
export { moneyText, type RowColumn, RowsTable } from "./parts/rows_table.tsx";
export { type Severity, TONES } from "./parts/alert_groups.ts";
export { useSeverityOf } from "./parts/severity.ts";
export { TableCard } from "./parts/table_card.tsx";
export { useNoRecords } from "./parts/no_records.ts";
export { TimeTicks } from "./parts/time_ticks.tsx";
export { NO_RECORDS_IN_RANGE, TimelineCard } from "./parts/timeline_card.tsx";

/** The page of a domain: its `page/mod.tsx` exports one as `page`. */
export interface DomainPage {
  readonly title: string;
  readonly show: (live: LiveNews) => ComponentChildren;
  /** The page about one train, zone, product or user, by its id. */
  readonly one?: (id: string, live: LiveNews) => ComponentChildren;
  /** The ids that the search finds, each with a page of `one`; `hint` says what they are. A hook, asked while the search is open. */
  readonly ids?: {
    readonly hint: string;
    readonly use: (isAsked: boolean) => readonly string[] | undefined;
  };
  /** Its path by what a column of the domain's tables holds. */
  readonly pathOf?: Readonly<Record<string, (id: unknown) => string>>;
}
