// The page of a domain that has none of its own: what the server makes of its tables.
import { useContext, useState } from "preact/hooks";
import type { MadeChart, MadeOverview, MadePanels, MadeTable, Rows } from "../../../../panels/answers.ts";
import type { DomainAbout } from "../../protocol.ts";
import { panelHook, type QueryState } from "../asking.ts";
import { rangeParams, useAddress } from "../address.ts";
import { momentOf, numberText, timeText, wordsOf, zoneText } from "../format.ts";
import type { LiveNews } from "../live_stream.ts";
import { LookContext, useDataTime } from "../look.ts";
import { AlertList } from "../parts/alert_list.tsx";
import { useNoRecords } from "../parts/no_records.ts";
import { Empty, NotYet } from "../parts/card.tsx";
import { Filters } from "../parts/filters.tsx";
import { Kpi, Kpis } from "../parts/kpi.tsx";
import type { RowColumn } from "../parts/rows_table.tsx";
import { TableCard } from "../parts/table_card.tsx";
import { TimelineCard } from "../parts/timeline_card.tsx";

/** Columns that a card of a third of the width has room for. */
const MAX_NARROW = 4;

interface MadePageProps {
  readonly domain: DomainAbout;
  readonly live: LiveNews;
}

export function MadePage({ domain: { name, topic, has_alerts }, live }: MadePageProps) {
  const overview = panelHook<MadePanels>(name)("overview");
  const nothingYet = useNoRecords(
    "Nothing has come yet.",
    (command) => `your own records come with ${command} produce ${topic} file.ndjson`,
  );
  const data = overview.answer?.data;
  useDataTime(data?.data_now);
  if (!data) return <NotYet asked={overview} />;
  if (data.data_now === null) {
    return <Empty>{nothingYet}</Empty>;
  }
  return (
    <>
      <Filters />
      <Numbers data={data} />
      <div class="grid">
        {data.charts.slice(0, 1).map((chart) => <ChartCard key={chart.table} domain={name} chart={chart} />)}
        {has_alerts && (
          <AlertList
            answer={live.news[`alerts/${name}`]}
            live={live.state === "live"}
            unitOf={() => ""}
            empty="No alerts. One is raised when a condition of the domain holds."
          />
        )}
        {data.charts.slice(1).map((chart) => <ChartCard key={chart.table} domain={name} chart={chart} />)}
        {data.tables.map((table) => <RowsCard key={table.name} domain={name} table={table} beside={!has_alerts} />)}
      </div>
    </>
  );
}

function Numbers({ data: { numbers, data_now } }: { readonly data: MadeOverview }) {
  const { zone } = useContext(LookContext);
  return (
    <Kpis label="Numbers">
      {numbers.map(({ label, value, is_bad }, i) => (
        <Kpi
          key={label}
          label={wordsOf(label)}
          value={numberText(value)}
          tone={is_bad ? (value > 0 ? "bad" : "ok") : "plain"}
          detail={i === 0 && data_now !== null && `the newest ${timeText(momentOf(data_now), zone)} ${zoneText(zone)}`}
        />
      ))}
    </Kpis>
  );
}

function ChartCard({ domain, chart }: { readonly domain: string; readonly chart: MadeChart }) {
  const { params } = useAddress();
  const [measure, setMeasure] = useState(chart.measures[0]!.name);
  const [by, setBy] = useState(chart.keys[0]);
  const asked = panelHook<MadePanels>(domain)(
    "chart",
    new URLSearchParams([
      ...rangeParams(params),
      ["table", chart.table],
      ["measure", measure],
      ...by === undefined ? [] : [["by", by]],
    ]),
  );
  const addsUp = chart.measures.find(({ name }) => name === measure)?.adds_up ?? true;
  return (
    <TimelineCard
      title={wordsOf(chart.table)}
      note={`${wordsOf(measure)}${by === undefined ? "" : ` by ${wordsOf(by).toLowerCase()}`}${
        addsUp ? ", stacked" : ""
      }`}
      unit={wordsOf(measure).toLowerCase()}
      others="all others"
      bars={addsUp}
      lines={!addsUp}
      asked={asked}
      tools={
        <>
          <Choice
            label={`What is drawn of ${wordsOf(chart.table)}`}
            chosen={measure}
            offered={chart.measures.map(({ name }) => name)}
            onChoose={setMeasure}
          />
          {by !== undefined && (
            <Choice
              label={`What splits ${wordsOf(chart.table)}`}
              chosen={by}
              offered={chart.keys}
              onChoose={setBy}
            />
          )}
        </>
      }
    />
  );
}

interface ChoiceProps {
  readonly label: string;
  readonly chosen: string;
  readonly offered: readonly string[];
  readonly onChoose: (name: string) => void;
}

/** Nothing to choose from one. */
function Choice({ label, chosen, offered, onChoose }: ChoiceProps) {
  if (offered.length < 2) return null;
  return (
    <select aria-label={label} value={chosen} onChange={(event) => onChoose(event.currentTarget.value)}>
      {offered.map((name) => <option key={name} value={name}>{wordsOf(name)}</option>)}
    </select>
  );
}

interface RowsCardProps {
  readonly domain: string;
  readonly table: MadeTable;
  /** Whether there is room beside the first chart. */
  readonly beside: boolean;
}

function RowsCard({ domain, table, beside }: RowsCardProps) {
  const asked: QueryState<Rows> = panelHook<MadePanels>(domain)("rows", new URLSearchParams({ table: table.name }));
  const columns = asked.answer?.data.columns.map(columnOf) ?? [];
  return (
    <TableCard
      title={table.has_windows ? `${wordsOf(table.name)}: rows` : wordsOf(table.name)}
      note={table.has_windows
        ? "a row for each key and window, the newest first"
        : "a row for each key, the newest first"}
      asked={asked}
      columns={columns}
      keys={table.keys}
      find="rows"
      empty="No rows yet."
      width={beside && columns.length <= MAX_NARROW ? undefined : "full"}
    />
  );
}

function columnOf({ name, type }: Rows["columns"][number]): RowColumn {
  const kind = name === "IS_FINAL"
    ? "final"
    : type.startsWith("TIMESTAMP")
    ? "time"
    : /^(VARCHAR|VARIANT|BOOLEAN|DATE)/.test(type)
    ? "text"
    : "number";
  return { name, title: wordsOf(name), kind };
}
