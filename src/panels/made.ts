// Panels of a domain that has none of its own, made of what it declares: numbers, a chart for each table of windows, the rows of
// its tables, alerts. Which columns a table has is asked of the warehouse.
import { z } from "zod";
import type { Domain } from "../domains/domain.ts";
import { alertCounts, alertsOf, type AlertTable } from "./alerts.ts";
import type { Alert, MadeMeasure, MadeNumber, MadeOverview, MadePanels, Rows, Timeline } from "./answers.ts";
import { type DeclaredTable, declaredTables } from "./declared.ts";
import {
  type Ask,
  bucketOf,
  bucketSql,
  type Combine,
  dataNow,
  type DomainPanels,
  number,
  panel,
  type PanelContext,
  pointsOf,
  rowsOf,
  spanIn,
  timeFilter,
  timestampText,
  topSeries,
  wholeBuckets,
  within,
} from "./panel.ts";

const MAX_ROWS = 200;
/** Texts are cut here, characters. */
const MAX_TEXT = 300;
const NUMERIC = /^(BIGINT|DOUBLE|DECIMAL|NUMBER|FLOAT|INTEGER)/;
/** Columns that say how a row came to be, not what it is about. */
const ORIGIN = new Set(["KAFKA_PARTITION", "KAFKA_OFFSET", "VERSION", "UPDATED_AT"]);

const tableFilter = z.object({ table: z.string().max(256) });
const chartFilter = timeFilter.extend({
  table: z.string().max(256),
  measure: z.string().max(256).optional(),
  by: z.string().max(256).optional(),
});

/** The panels of a domain, by its outputs. */
export function madePanels(domain: Domain): DomainPanels<MadePanels> {
  const tables = declaredTables(domain);
  const episodes = alertTables(tables);
  return {
    panels: {
      overview: panel(z.object({}), (_filter, context) => overview(domain, { tables, context })),
      chart: panel(chartFilter, (filter, context) => chart(filter, { domain, tables, context })),
      rows: panel(tableFilter, ({ table }, { ask }) => rows(tables.find(({ name }) => name === table), ask)),
    },
    alerts: episodes.length === 0 ? undefined : (context) => alerts(episodes, context),
    tables: [...tables.map(({ name, newest }) => ({ name, newest })), {
      name: domain.raw.table,
      newest: [],
      metadata: domain.raw.metadata,
    }],
  };
}

interface Asking {
  readonly tables: readonly DeclaredTable[];
  readonly context: PanelContext;
}

async function overview(domain: Domain, { tables, context }: Asking): Promise<MadeOverview> {
  const now = await dataNow(context, domain.name);
  const charts = await Promise.all(
    tables.filter(({ windows }) => windows !== undefined).map(async (table) => ({
      table: table.name,
      keys: table.keys,
      measures: await measuresOf(table, context.ask),
    })),
  );
  const shown = tables.filter(({ kind }) => kind !== "append" && kind !== "episodes");
  return {
    data_now: now === null ? null : timestampText(now),
    numbers: await numbers(domain, { tables, context }),
    charts: charts.filter(({ measures }) => measures.length > 0),
    tables: shown.toSorted((a, b) => Number(a.windows !== undefined) - Number(b.windows !== undefined))
      .map(({ name, rowKeys, windows }) => ({ name, keys: rowKeys, has_windows: windows !== undefined })),
  };
}

async function numbers(domain: Domain, { tables, context }: Asking): Promise<readonly MadeNumber[]> {
  const count = async (table: string, where = "TRUE", binds: readonly string[] = []) => {
    const [row] = await rowsOf(context, `SELECT COUNT(*) AS N FROM ${table} WHERE ${where}`, binds);
    return number(row?.n);
  };
  const keyed = tables.filter(({ kind }) => kind === "latest" || kind === "running");
  const active = await Promise.all(
    alertTables(tables).map(async ({ table }) => (await alertCounts(table, 0, { context })).now ?? 0),
  );
  return [
    { label: "Events", value: await count(domain.raw.table), is_bad: false },
    ...await Promise.all(keyed.map(async ({ name }) => ({ label: name, value: await count(name), is_bad: false }))),
    ...active.length === 0
      ? []
      : [{ label: "Active alerts", value: active.reduce((sum, value) => sum + value), is_bad: true }],
    { label: "Dead letters", value: await count("DEAD_LETTERS", "DOMAIN = ?", [domain.name]), is_bad: true },
    { label: "Late records", value: await count("LATE_RECORDS", "DOMAIN = ?", [domain.name]), is_bad: true },
  ];
}

interface ChartAsking extends Asking {
  readonly domain: Domain;
}

async function chart(
  filter: z.infer<typeof chartFilter>,
  { domain, tables, context }: ChartAsking,
): Promise<Timeline> {
  const span = await spanIn(filter, context, domain.name);
  const table = tables.find(({ name, windows }) => name === filter.table && windows !== undefined);
  const bucket = bucketOf(span, Math.max(1, (table?.windows?.everyMs ?? 60_000) / 1000));
  const empty = { ...span, bucket_s: bucket, source: filter.table, points: [] };
  if (!table?.windows) return empty;
  const measures = await measuresOf(table, context.ask);
  // Names that the table does not have never become SQL.
  const measure = measures.find(({ name }) => name === filter.measure) ?? measures[0];
  if (measure === undefined) return empty;
  const by = table.keys.find((name) => name === filter.by) ?? table.keys[0];
  const combine = combineOf(measure.name);
  const { everyMs, sizeMs } = table.windows;
  // Cumulative windows begin together.
  const at = table.rowKeys.includes("WINDOW_END") ? "WINDOW_END" : "WINDOW_START";
  // Windows that overlap count a record several times: of those a bucket has the mean.
  const overlapping = combine === "SUM" && everyMs !== undefined && sizeMs !== undefined && sizeMs > everyMs;
  const windows = overlapping ? Math.max(1, bucket * 1000 / everyMs) : 1;
  const where = within(at, wholeBuckets(span, bucket));
  const counted = `SELECT ${bucketSql(at, bucket)} AS BUCKET_AT,
      ${by === undefined ? `'${measure.name}'` : `CAST(${by} AS VARCHAR)`} AS SERIES,
      ${combine}(${measure.name}) / ${windows}.0 AS VALUE
    FROM ${table.name} WHERE ${where.sql} AND ${measure.name} IS NOT NULL GROUP BY 1, 2`;
  return { ...empty, points: pointsOf(await rowsOf(context, topSeries(counted, combine), where.binds)) };
}

/** How values of several windows or keys are told as one, by what the column is called. */
function combineOf(name: string): Combine {
  if (/^(AVG|MEAN|MEDIAN|P\d+|STDDEV)_|_(AVG|MEAN|MEDIAN|P\d+|RATIO|SHARE|RATE)$/.test(name)) return "AVG";
  // Of things that are told apart, the sum would count some of them twice.
  if (/^(MAX|LAST|UNIQUE|DISTINCT)_|_(MAX|LAST)$/.test(name)) return "MAX";
  if (/^(MIN|FIRST)_|_(MIN|FIRST)$/.test(name)) return "MIN";
  return "SUM";
}

async function columnsOf(name: string, ask: Ask) {
  return (await ask(`SELECT * FROM ${name} LIMIT 0`)).columns;
}

async function measuresOf({ name, keys }: DeclaredTable, ask: Ask): Promise<readonly MadeMeasure[]> {
  return (await columnsOf(name, ask))
    .filter(({ name, type }) => NUMERIC.test(type) && !ORIGIN.has(name) && !keys.includes(name))
    .map(({ name }) => ({ name, adds_up: combineOf(name) === "SUM" }));
}

async function rows(table: DeclaredTable | undefined, ask: Ask): Promise<Rows> {
  if (table === undefined) return { columns: [], rows: [], truncated: false };
  const { name, rowKeys, newest } = table;
  const shown = (await columnsOf(name, ask)).filter((column) =>
    rowKeys.includes(column.name) || !ORIGIN.has(column.name)
  );
  const selected = shown.map(({ name, type }) =>
    NUMERIC.test(type) || /^(TIMESTAMP|DATE|BOOLEAN)/.test(type)
      ? name
      : `LEFT(CAST(${name} AS VARCHAR), ${MAX_TEXT}) AS ${name}`
  );
  const order = newest.map((column, i) => i === 0 ? `${column} DESC` : column).join(", ");
  const answer = await ask(`SELECT ${selected.join(", ")} FROM ${name} AS T ORDER BY ${order}`, { maxRows: MAX_ROWS });
  return { ...answer, columns: answer.columns.map(({ name }, i) => ({ name, type: shown[i]!.type })) };
}

function alertTables(tables: readonly DeclaredTable[]): readonly AlertTable[] {
  const episodes = tables.filter(({ kind }) => kind === "episodes");
  return episodes.map(({ name, keys }) => {
    const parts = keys.map((key) => `COALESCE(CAST(${key} AS VARCHAR), '')`);
    return { table: name, subject: parts.length === 0 ? `'${name}'` : parts.join(" || ' ' || ") };
  });
}

async function alerts(tables: readonly AlertTable[], context: PanelContext): Promise<readonly Alert[]> {
  const found = (await Promise.all(tables.map((table) => alertsOf(table, context)))).flat();
  const isActive = ({ status }: Alert) => Number(status === "ACTIVE");
  return found.toSorted((a, b) => isActive(b) - isActive(a) || b.last_seen_at.localeCompare(a.last_seen_at));
}
