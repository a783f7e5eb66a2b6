// Every question that the dashboard asks, and every table that it opens, on Snowflake (the double) and on DuckDB: after the
// same records both must answer the same.

import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../../src/clock.ts";
import { createDashboard } from "../../src/http/dashboard/mod.ts";
import { pipelinePanels } from "../../src/http/dashboard/pipeline_panels.ts";
import { openEmbeddedLog } from "../../src/log/embedded.ts";
import type { DomainPanels } from "../../src/panels/mod.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { openSnowflake } from "../../src/warehouse/snowflake.ts";
import type { Warehouse } from "../../src/warehouse/warehouse.ts";
import { Terminal } from "../cli/terminal.ts";
import { type CheckedDomain, checkedDomains } from "../support/checked_domains.ts";
import { domainOf } from "../support/domains.ts";
import { NO_LOG } from "../support/no_log.ts";
import { quietDriver } from "../support/snowflake/driver.ts";
import { settingsFor, type SnowflakeDouble, startSnowflake, whyNoSnowflake } from "../support/snowflake/mod.ts";
import { domainStatus } from "../support/status.ts";
import { Traffic } from "../support/traffic.ts";
import { noNotes } from "../support/notes.ts";

const skip = await whyNoSnowflake();
quietDriver();

const SEED = 11;
const RECORDS = 2_000;
const SETTINGS = { ATS_OVERCROWDING_PASSENGERS: 1100, ATS_HIGH_POWER_KW: 2600, WINE_LOW_STOCK: 60 };

/** A domain, or the pipelines themselves, and what is shown of it. */
type Shown = readonly [name: string, panels: DomainPanels];

/** Questions beside those without parameters; all are asked of each panel, which ignores what it does not know. */
const PARAMETERS = [
  "",
  "range=7d&by=channel",
  "from=2026-01-15T00:00:00Z&to=2026-01-16T12:00:00Z",
  "train=A101&train=C102&line=Central%20Line&zone=Clifton&action=click&channel=E-com&category=Rouge",
];

function loginTo({ account, accessUrl, database, warehouse, schema }: SnowflakeDouble) {
  return { account, accessUrl, database, warehouse, schema, user: "FRESHET" };
}

async function fill(terminal: Terminal, domain: CheckedDomain, double: SnowflakeDouble): Promise<void> {
  const { topic } = domainOf(domain.name);
  {
    await using log = await openEmbeddedLog({ dataDir: terminal.dataDir });
    await log.createTopics([{ topic, partitions: 2 }]);
    const traffic = new Traffic(domain, SEED);
    while (traffic.count < RECORDS) await log.produce(topic, traffic.take(500));
  }
  for (const env of [{}, settingsFor(double)]) {
    const { code, stderr } = await terminal.run(["run", domain.name, "--until-end", "--no-simulate"], { env });
    assertEquals(code, 0, stderr);
  }
}

function dashboardOn(warehouse: Warehouse, domain: CheckedDomain) {
  const declared = domainOf(domain.name);
  const status = domainStatus({ domain: domain.name, topic: declared.topic });
  const { app } = createDashboard({
    hostname: "127.0.0.1",
    port: 0,
    tokens: { api: undefined, run: undefined },
    rateLimit: Infinity,
    version: "0",
    log: "none",
    warehouse,
    domains: [declared],
    names: [],
    statuses: () => [status],
    clock: systemClock,
    query: (sql, options) => warehouse.query(sql, options),
    notes: noNotes,
    usersQuery: (sql, options) => warehouse.query(sql, { ...options, asker: "user" }),
    ...NO_LOG,
    settings: SETTINGS,
  });
  return async (path: string): Promise<string> => {
    const response = await app.request(`http://127.0.0.1${path}`);
    const text = await response.text();
    assertEquals(response.status, 200, `${path}: ${text}`);
    return text;
  };
}

/** Columns that differ from run to run, and the types' names, which each warehouse has its own of. */
const WRITTEN_AT = new Set([
  "UPDATED_AT",
  "SEEN_AT",
  "INGESTION_TIME",
  "LAST_SEEN_AT",
  "DETAIL",
  "RECORD_METADATA",
  "EPOCH",
  "CHECKPOINT_ID",
  "LAST_TIMESTAMP",
  "EVENT_METADATA",
]);

interface Table {
  readonly columns: readonly { readonly name: string }[];
  readonly rows: readonly (readonly unknown[])[];
}

function comparable(value: unknown): unknown {
  if (typeof value === "number") return Number(value.toPrecision(10)) + 0;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(comparable);
  if ("columns" in value && "rows" in value) return comparableTable(value as Table);
  return Object.fromEntries(
    Object.entries(value).filter(([name]) => name !== "asked_at" && name !== "took_ms").map((
      [name, inner],
    ) => [name, comparable(inner)]),
  );
}

/** Records by their text: of wine's it is known when they came, which differs from run to run. */
function inOrder(answer: unknown): unknown {
  const { data } = answer as { readonly data: { readonly records?: readonly object[] } };
  if (!Array.isArray(data?.records)) return answer;
  const records = data.records.toSorted((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
  return { ...answer as object, data: { ...data, records } };
}

function comparableTable({ columns, rows }: Table): unknown {
  return rows.map((row) =>
    Object.fromEntries(
      columns.flatMap(({ name }, i) => WRITTEN_AT.has(name) ? [] : [[name, comparable(jsonOf(row[i]))]]),
    )
  );
}

/** JSON cells come as text, and each warehouse writes its own. */
function jsonOf(cell: unknown): unknown {
  if (typeof cell !== "string" || !/^[[{]/.test(cell)) return cell;
  const sorted = (_key: string, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1))
      : value;
  try {
    return JSON.stringify(JSON.parse(cell), sorted);
  } catch {
    return cell;
  }
}

/** Whom the panels about one train, zone, product or user are asked about: somebody who is in the tables. */
const ONE: Readonly<Record<string, string>> = {
  trains: "SELECT MIN(TRAIN_ID) FROM ATS_LATEST_STATUS",
  rides: "SELECT MIN(ZONE) FROM RIDE_DEMAND",
  wine: "SELECT MIN(PRODUCT_ID) FROM STOCK_LEVELS",
  actions: "SELECT MIN(USER_ID) FROM USER_ACTIONS",
};

/** Tables that simulated records need not fill, and those of people and of who is told. */
const MAY_BE_EMPTY: ReadonlySet<string> = new Set([
  ...["STOCK_ALERTS", "RIDE_SURGE_ALERTS"],
  ...["ALERT_EVENTS", "ALERT_DELIVERIES", "ALERT_ACKNOWLEDGEMENTS", "ALERT_MUTES", "ANNOTATIONS"],
]);

/** Columns of a table that are filtered and sorted by: the first ones hold every type. */
const EXPLORED_COLUMNS = 4;

/** Columns of a table by which its CSV is sorted: the last ones hold other types. */
const sortedBy = ({ columns }: Table) => [...columns.slice(0, 2), ...columns.slice(-3)].map(({ name }) => name);

/** Each row once, however the parts are put together that they come in. */
async function assertWholeCsv(ask: (path: string) => Promise<string>, path: string, expected: number): Promise<void> {
  const lines = (await ask(path)).split("\r\n").slice(1, -1);
  assertEquals([lines.length, new Set(lines).size], [expected, expected], path);
}

/** Filters and orders of each column of the table, by a value that is in it. */
function explorations({ columns, rows }: Table): readonly string[] {
  return columns.slice(0, EXPLORED_COLUMNS).flatMap(({ name }, i) => {
    if (WRITTEN_AT.has(name)) return [];
    const value = rows.map((row) => row[i]).find((cell) => cell !== null);
    const isJson = typeof value === "string" && /^[[{]/.test(value);
    const where = (operator: string, text: unknown) => `where=${encodeURIComponent(`${name}:${operator}:${text}`)}`;
    const compared = value === undefined || isJson
      ? []
      : ["is", "not", "from", "to"].map((operator) => where(operator, value));
    return [
      ...compared,
      where("contains", "a"),
      `where=${name}:null`,
      `where=${name}:notnull&size=5`,
      ...isJson ? [] : [`sort=${name}:asc`, `sort=${name}:desc&page=2&size=7`],
    ];
  });
}

for (const domain of checkedDomains) {
  Deno.test({
    name: `snowflake double: the dashboard of ${domain.name} is answered as on DuckDB`,
    ignore: skip !== undefined,
    async fn() {
      await using terminal = await Terminal.open();
      const double = await startSnowflake();
      try {
        await fill(terminal, domain, double);
        await using duckDb = await openDuckDb({ path: `${terminal.dataDir}/freshet.duckdb` });
        await using snowflake = await openSnowflake({
          ...loginTo(double),
          credentials: { kind: "password", password: "test-password" },
          role: undefined,
        });
        const [ours, theirs] = [dashboardOn(duckDb, domain), dashboardOn(snowflake, domain)];
        const same = async (path: string): Promise<string> => {
          const expected = await ours(path);
          const [theirRows, ourRows] = [await theirs(path), expected].map((text) =>
            inOrder(comparable(JSON.parse(text)))
          );
          assertEquals(theirRows, ourRows, path);
          return expected;
        };
        // What all domains have in common is asked once.
        const common: readonly Shown[] = domain === checkedDomains[0] ? [["pipeline", pipelinePanels]] : [];
        const shown: readonly Shown[] = [[domain.name, domainOf(domain.name).panels!], ...common];
        const one = ONE[domain.name];
        const id = one === undefined ? "" : `&id=${(await duckDb.query(one)).rows[0]![0]}`;
        for (const [name, { panels }] of shown) {
          for (const panel of Object.keys(panels)) {
            for (const parameters of PARAMETERS) {
              await same(`/api/panels/${name}/${panel}?user=user_001&domain=${domain.name}${id}&${parameters}`);
            }
          }
        }
        for (const { name, newest } of shown.flatMap(([, { tables }]) => tables)) {
          const path = `/api/tables/${name}`;
          const { data } = JSON.parse(await ours(path)) as { readonly data: Table };
          assert(data.rows.length > 0 || MAY_BE_EMPTY.has(name), `${name} is empty`);
          for (const query of explorations(data)) {
            // Rows that cannot be told apart by what is sorted come in an order of the warehouse's own.
            const both = await Promise.all(
              [ours, theirs].map(async (ask) => JSON.parse(await ask(`${path}?${query}`))),
            );
            const rows = both.map(({ data }) => (data as Table).rows.length);
            assertEquals(rows[1], rows[0], `${path}?${query}`);
            if (newest.length > 0 && !newest.some((column) => WRITTEN_AT.has(column))) await same(`${path}?${query}`);
          }
        }
        for (const { name } of shown.flatMap(([, { tables }]) => tables)) {
          const path = `/api/tables/${name}`;
          const { data } = JSON.parse(await theirs(path)) as { readonly data: Table };
          const count = Number((await snowflake.query(`SELECT COUNT(*) FROM ${name}`)).rows[0]![0]);
          for (const sort of ["", ...sortedBy(data).map((column) => `?sort=${column}:asc`)]) {
            await assertWholeCsv(theirs, `${path}/csv${sort}`, count);
          }
        }
      } finally {
        await double.stop();
      }
    },
  });
}
