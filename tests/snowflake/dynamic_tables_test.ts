// sql/snowflake/ on the Snowflake double: the set-up runs as it is and filled in, and the Dynamic Tables give the rows that
// Freshet itself writes. In the double a Dynamic Table is a table made once, so it has to be made after the raw rows.

import { assert, assertEquals } from "@std/assert";
import ownSql from "../../sql/freshet.sql" with { type: "text" };
import { fillIn, SETUP_PARTS } from "../../src/cli/setup_sql.ts";
import { openEmbeddedLog } from "../../src/log/embedded.ts";
import { parseTimestamp } from "@freshet/stream";
import { snowflakeDialect, splitStatements } from "../../src/warehouse/sql/scripts.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import type { Warehouse } from "../../src/warehouse/warehouse.ts";
import { Terminal } from "../cli/terminal.ts";
import { checkedDomains } from "../support/checked_domains.ts";
import { domainOf } from "../support/domains.ts";
import { Client } from "../support/snowflake/driver.ts";
import { startSnowflake, whyNoSnowflake } from "../support/snowflake/mod.ts";
import { Traffic } from "../support/traffic.ts";
import { until } from "../contracts/log/place.ts";

const skip = await whyNoSnowflake();
const HOUR_MS = 3_600_000;

const part = (name: string) => SETUP_PARTS.find((found) => found.name === name)!.text;
const asTheyAre = (names: ReadonlyMap<string, string> = new Map()) => (text: string) =>
  fillIn(text, { names, number: () => undefined, publicKey: "MIIBIjAN" });

/** A double where one may be any of Snowflake's own roles. */
async function startEmptyAccount() {
  const roles = ["ACCOUNTADMIN", "SYSADMIN", "SECURITYADMIN", "USERADMIN"];
  const double = await startSnowflake({ users: [{ name: "ADMIN", password: "test-password", roles }] });
  const options = { username: "ADMIN", role: "ACCOUNTADMIN" } as const;
  return { double, client: await Client.connect(double, options) };
}

async function runAll(client: Client, text: string): Promise<void> {
  for (const statement of splitStatements(text, snowflakeDialect)) {
    try {
      await client.run(statement);
    } catch (error) {
      throw new Error(`${(error as Error).message}\nin: ${statement}`);
    }
  }
}

const NAMES = new Map([
  ["FRESHET_WRITER", '"MY_WRITER"'],
  ["FRESHET_READER", '"SELECT"'],
  ["FRESHET_WH", '"TABLE"'],
  ["FRESHET_DB", '"SALES"'],
  ["FRESHET_SCHEMA", '"a schema"'],
  ["FRESHET_MONITOR", '"limit; drop user x"'],
  ["FRESHET_USER", '"X@Y.Z"'],
]);

for (const [title, names] of [["as they are", new Map<string, string>()], ["with strange names", NAMES]] as const) {
  Deno.test({
    name: `snowflake double: the files of sql/snowflake/ run ${title}, and again`,
    ignore: skip !== undefined,
    async fn() {
      const { double, client } = await startEmptyAccount();
      const fill = asTheyAre(names);
      try {
        for (let time = 0; time < 2; time++) {
          for (const { text } of SETUP_PARTS.filter(({ optional }) => !optional)) await runAll(client, fill(text));
        }
        const place = fill("USE ROLE FRESHET_WRITER; USE WAREHOUSE FRESHET_WH; USE SCHEMA FRESHET_DB.FRESHET_SCHEMA");
        await runAll(client, `${place};${ownSql}`);
        for (const { name } of checkedDomains) await runAll(client, domainOf(name).sql);
        for (const { text } of SETUP_PARTS.filter(({ optional }) => optional)) await runAll(client, fill(text));
      } finally {
        await client[Symbol.asyncDispose]();
        await double.stop();
      }
    },
  });
}

interface Compared {
  readonly domain: string;
  /** Tables and views by what identifies a row. */
  readonly tables: Readonly<Record<string, readonly string[]>>;
  /** Which rows are compared, where not all are in both. */
  readonly where?: Readonly<Record<string, string>>;
  /** Columns that are not compared. */
  readonly left?: readonly string[];
}

const COMPARED: readonly Compared[] = [
  {
    domain: "trains",
    tables: {
      ATS_TRANSFORMED: ["KAFKA_PARTITION", "KAFKA_OFFSET"],
      ATS_LATEST_STATUS: ["TRAIN_ID"],
      ATS_ALERTS: ["ALERT_TYPE", "TRAIN_ID", "KAFKA_PARTITION", "STARTED_AT"],
      ATS_ALERTS_JOINED: ["ALERT_TYPE", "TRAIN_ID", "STARTED_AT"],
      ATS_HOURLY_STATS: ["TRAIN_ID", "WINDOW_START"],
    },
  },
  {
    domain: "rides",
    tables: {
      RIDE_DEMAND: ["ZONE", "RIDE_TYPE", "WINDOW_START"],
      RIDE_SURGE_ALERTS: ["KAFKA_PARTITION", "ZONE", "STARTED_AT"],
      RIDE_HOURLY_STATS: ["ZONE", "RIDE_TYPE", "WINDOW_START"],
    },
    // Of the windows that have not closed Freshet shows only the next.
    where: { RIDE_DEMAND: "IS_FINAL" },
  },
  {
    domain: "wine",
    tables: {
      SALES_HOURLY: ["CHANNEL", "CATEGORY", "WINDOW_START"],
      STOCK_LEVELS: ["PRODUCT_ID", "WAREHOUSE"],
      STOCK_ALERTS: ["ALERT_TYPE", "PRODUCT_ID", "WAREHOUSE", "KAFKA_PARTITION", "STARTED_AT"],
      STOCK_ALERTS_JOINED: ["ALERT_TYPE", "PRODUCT_ID", "WAREHOUSE", "KAFKA_PARTITION", "STARTED_AT"],
    },
    // While Freshet loads history it raises no alert as active.
    left: ["STATUS"],
  },
  {
    domain: "actions",
    tables: {
      USER_ACTIONS: ["KAFKA_PARTITION", "KAFKA_OFFSET"],
      ACTIONS_PER_MINUTE: ["ACTION", "WINDOW_START"],
      USER_SESSIONS: ["KAFKA_PARTITION", "USER_ID", "WINDOW_START"],
      USER_SESSIONS_JOINED: ["USER_ID", "WINDOW_START"],
    },
  },
];

/** Records of the day that is simulated in order. A whole day: there is something of everything in it whenever it begins. */
const RECORDS: Readonly<Record<string, string>> = { trains: "28000", rides: "20000", actions: "10000", wine: "10000" };
/** Late enough to correct what was final, and never too late. */
const LATE_BY_MS: Readonly<Record<string, number>> = {
  trains: 1.5 * HOUR_MS,
  rides: 1.5 * HOUR_MS,
  actions: 0.5 * HOUR_MS,
  wine: 1.5 * HOUR_MS,
};

/** The time when a row was written is not its content. */
const NOT_COMPARED = ["UPDATED_AT"];
/** What depends on the order in which events came, which nobody can tell from the raw rows. */
const OF_ARRIVAL = ["ALERT_ID", "VERSION"];

type Cell = string | number | boolean | null;

/** Times as ISO text, whatever either warehouse calls them. */
function plain(value: unknown): Cell {
  if (value === null || value === undefined) return null;
  if (value instanceof Date) return value.toISOString();
  if (typeof value === "number") return value;
  if (typeof value === "string" && /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/.test(value)) {
    return new Date(`${value.replace(" ", "T")}Z`).toISOString();
  }
  return typeof value === "boolean" ? value : String(value);
}

type Row = Readonly<Record<string, Cell>>;
type Rows = ReadonlyMap<string, Row>;

/** The row, with the expected doubles where its own are within 10⁻¹¹ of them: sums depend on their order there. */
function within(row: Row | undefined, expected: Row): Row | undefined {
  if (row === undefined) return undefined;
  const cells = Object.entries(row).map(([column, cell]) => {
    const wanted = expected[column];
    const isClose = typeof cell === "number" && typeof wanted === "number" &&
      Math.abs(cell - wanted) <= 1e-11 * Math.abs(wanted);
    return [column, isClose ? wanted : cell];
  });
  return Object.fromEntries(cells);
}

function byKey(rows: readonly Readonly<Record<string, unknown>>[], key: readonly string[], columns: readonly string[]) {
  const found = new Map<string, Row>();
  for (const row of rows) {
    const cells = Object.fromEntries(columns.map((column) => [column, plain(row[column])]));
    found.set(JSON.stringify(key.map((column) => plain(row[column]))), cells);
  }
  assertEquals(found.size, rows.length, "a key is there twice");
  return found as Rows;
}

async function ask(warehouse: Warehouse, sql: string) {
  const { columns, rows } = await warehouse.query(sql, { maxRows: 1_000_000, timeoutMs: 60_000 });
  return rows.map((row) => Object.fromEntries(columns.map(({ name }, i) => [name, row[i]])));
}

const LOAD_ROWS = 2_000;

/** What the connector would have written: all that is JSON, valid or not, and some of it twice. */
async function loadAsConnector(client: Client, warehouse: Warehouse, { domain }: Compared): Promise<void> {
  const { topic, raw } = domainOf(domain);
  const rows = await ask(
    warehouse,
    `SELECT CAST(${raw.metadata} AS VARCHAR) AS M, CAST(${raw.content} AS VARCHAR) AS C FROM ${raw.table}
     UNION ALL
     SELECT '{"topic":"${topic}","partition":' || KAFKA_PARTITION || ',"offset":' || KAFKA_OFFSET
       || ',"CreateTime":' || epoch_ms(SEEN_AT) || '}', RECORD_VALUE
     FROM DEAD_LETTERS WHERE STAGE IN ('validate', 'time')`,
  );
  const texts = rows.map(({ M, C }) => [String(M), String(C)]);
  assert(texts.length > 0);
  const sent = [...texts, ...texts.slice(0, 50)];
  for (let i = 0; i < sent.length; i += LOAD_ROWS) {
    await client.run(
      `INSERT INTO ${raw.table} (${raw.metadata}, ${raw.content}) SELECT PARSE_JSON(value[0]::VARCHAR), PARSE_JSON(value[1]::VARCHAR, 'd')
       FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?)))`,
      [JSON.stringify(sent.slice(i, i + LOAD_ROWS))],
    );
  }
}

async function compare(client: Client, warehouse: Warehouse, { tables, where }: Compared, left: readonly string[]) {
  for (const [table, key] of Object.entries(tables)) {
    const sql = `SELECT * FROM ${table} WHERE ${where?.[table] ?? "TRUE"}`;
    const { rows } = await client.run(sql);
    const own = await ask(warehouse, sql);
    assert(own.length > 0, `${table} has no rows`);
    const columns = Object.keys(own[0]!).filter((column) => !left.includes(column));
    const [expected, actual] = [byKey(own, key, columns), byKey(rows, key, columns)];
    for (const [id, row] of expected) assertEquals(within(actual.get(id), row), row, `${table} ${id}`);
    assertEquals(actual.size, expected.size, `${table} has more rows in the Dynamic Table`);
    for (const column of columns) assert(rows.every((row) => column in row), `${table} has no ${column}`);
  }
}

/** Not until the end: that would close every window, and of an end the raw rows know nothing. */
async function runFreshet(terminal: Terminal, domain: string): Promise<void> {
  const stop = new AbortController();
  const running = terminal.run(["run", domain, "--no-simulate"], { signal: stop.signal });
  try {
    await until(async () => {
      const file = await Deno.readTextFile(`${terminal.dataDir}/freshet.run.json`).catch(() => undefined);
      const text = file && await fetch(`${JSON.parse(file).url}/api/status`).then((it) => it.text(), () => undefined);
      if (!text) return false;
      const { partitions } = JSON.parse(text).domains[0] as {
        partitions: { nextOffset: number; highOffset: number }[];
      };
      return partitions.length > 0 && partitions.every(({ nextOffset, highOffset }) => nextOffset === highOffset);
    }, "working off the topic");
  } finally {
    stop.abort();
  }
  const { code, stderr } = await running;
  assertEquals(code, 0, stderr);
}

const TIMES: readonly (string | number)[] = [
  "2026-01-15T10:00:00Z",
  "2026-01-15T10:00:00.123456",
  "2026-01-15 10:00:00,5z",
  "2026-01-15T10:00",
  "2026-01-15",
  "2026-01-15T10:00:00.25+02:00",
  "2026-01-15T01:00:00-0530",
  "2026-01-15T10:00:00+11",
  1768471200123,
  1768471200123.25,
];

Deno.test({
  name: "snowflake double: a Dynamic Table reads event times as Freshet does, whatever the session's time zone",
  ignore: skip !== undefined,
  async fn() {
    const { double, client } = await startEmptyAccount();
    try {
      for (const { text } of SETUP_PARTS.filter(({ optional }) => !optional)) await runAll(client, text);
      const place = "USE ROLE FRESHET_WRITER; USE SCHEMA FRESHET_DB.FRESHET_SCHEMA";
      for (const text of [place, ownSql, domainOf("trains").sql]) await runAll(client, text);
      const good = { train_id: "T", passenger_count: 1, total_weight_tons: 1, power_draw_kw: 1, speed_kmh: 1 };
      const rows = TIMES.map((timestamp, offset) => [
        JSON.stringify({ topic: "t", partition: 0, offset, CreateTime: Date.UTC(2026, 0, 16) }),
        JSON.stringify({ ...good, latitude: 0, longitude: 0, timestamp }),
      ]);
      await client.run(
        `INSERT INTO ATS_RAW_JSON SELECT PARSE_JSON(value[0]::VARCHAR), PARSE_JSON(value[1]::VARCHAR)
         FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?)))`,
        [JSON.stringify(rows)],
      );
      await runAll(client, part("dynamic-tables-trains"));
      const { rows: typed } = await client.run(
        'SELECT KAFKA_OFFSET AS O, DATE_PART(EPOCH_MICROSECOND, "TIMESTAMP") AS T FROM ATS_TRANSFORMED ORDER BY 1',
      );
      assertEquals(
        typed.map(({ O, T }) => [TIMES[Number(O)], Number(T)]),
        TIMES.map((time) => [time, Math.floor(parseTimestamp(time) * 1000)]),
      );
    } finally {
      await client[Symbol.asyncDispose]();
      await double.stop();
    }
  },
});

const RECORD_MS = Date.UTC(2026, 0, 16);
const READING = { train_id: "T", passenger_count: 1, total_weight_tons: 1, power_draw_kw: 1, speed_kmh: 1 };
const RIDE = { ride_id: "r", user_id: "u", ride_type: "pool", location: "Z" };

/** Records of other producers, and what is read of them. */
const OLDER: readonly (readonly [domain: string, sql: string, sent: object, read: readonly unknown[]])[] = [
  [
    "trains",
    "SELECT LATITUDE, LONGITUDE, IS_OVERCROWDED, IS_HIGH_POWER_DRAW FROM ATS_TRANSFORMED",
    {
      ...READING,
      timestamp: "2026-01-15T10:00:00",
      location: { latitude: 40.5, longitude: -73.25 },
      alerts: { overcrowding: true, high_power_draw: false },
    },
    [40.5, -73.25, true, false],
  ],
  [
    "rides",
    "SELECT DATE_PART(EPOCH_MICROSECOND, WINDOW_START) FROM RIDE_HOURLY_STATS",
    { ...RIDE, timestamp: 1768473000.25 },
    [1768471200000000],
  ],
  [
    "actions",
    'SELECT USER_ID, ACTION, PAGE, DATE_PART(EPOCH_MICROSECOND, "TIMESTAMP") FROM USER_ACTIONS',
    { user_id: 7, event_type: "click", timestamp: 1768471200.123456 },
    ["7", "click", null, 1768471200123456],
  ],
  [
    "actions",
    'SELECT USER_ID, ACTION, PAGE, DATE_PART(EPOCH_MILLISECOND, "TIMESTAMP") FROM USER_ACTIONS',
    { user_id: 7, action: "click", page: "/" },
    ["7", "click", "/", RECORD_MS],
  ],
];

for (const [i, [domain, sql, sent, read]] of OLDER.entries()) {
  Deno.test({
    name: `snowflake double: the Dynamic Tables of ${domain} read other producers' records (${i})`,
    ignore: skip !== undefined,
    async fn() {
      const { double, client } = await startEmptyAccount();
      try {
        for (const { text } of SETUP_PARTS.filter(({ optional }) => !optional)) await runAll(client, text);
        const place = "USE ROLE FRESHET_WRITER; USE SCHEMA FRESHET_DB.FRESHET_SCHEMA";
        for (const text of [place, ownSql, domainOf(domain).sql]) await runAll(client, text);
        const { table, metadata, content } = domainOf(domain).raw;
        const row = [
          JSON.stringify({ topic: "t", partition: 0, offset: 0, CreateTime: RECORD_MS }),
          JSON.stringify(sent),
        ];
        await client.run(
          `INSERT INTO ${table} (${metadata}, ${content}) SELECT PARSE_JSON(value[0]::VARCHAR), PARSE_JSON(value[1]::VARCHAR, 'd')
           FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?)))`,
          [JSON.stringify([row])],
        );
        await runAll(client, part(`dynamic-tables-${domain}`));
        const { rows } = await client.run(sql);
        assertEquals(rows.map((found) => Object.values(found)), [[...read]]);
      } finally {
        await client[Symbol.asyncDispose]();
        await double.stop();
      }
    },
  });
}

for (const compared of COMPARED) {
  const { domain } = compared;
  const body = async (fillLog: (terminal: Terminal) => Promise<void>, left: readonly string[]) => {
    await using terminal = await Terminal.open();
    await fillLog(terminal);
    await runFreshet(terminal, domain);
    await using warehouse = await openDuckDb({ path: `${terminal.dataDir}/freshet.duckdb` });
    const { double, client } = await startEmptyAccount();
    try {
      for (const { text } of SETUP_PARTS.filter(({ optional }) => !optional)) await runAll(client, text);
      await runAll(client, "USE ROLE FRESHET_WRITER; USE SCHEMA FRESHET_DB.FRESHET_SCHEMA");
      for (const text of [ownSql, domainOf(domain).sql]) await runAll(client, text);
      await client.run("ALTER SESSION SET TIMEZONE = 'America/Los_Angeles'");
      await loadAsConnector(client, warehouse, compared);
      await runAll(client, part(`dynamic-tables-${domain}`));
      await compare(client, warehouse, compared, [...left, ...compared.left ?? []]);
    } finally {
      await client[Symbol.asyncDispose]();
      await double.stop();
    }
  };

  Deno.test({
    name: `snowflake double: the Dynamic Tables of ${domain} give what Freshet writes, of records in order`,
    ignore: skip !== undefined,
    fn: () =>
      body(async (terminal) => {
        const { code, stderr } = await terminal.run([
          "simulate",
          domain,
          "--days",
          "1",
          "--per-day",
          RECORDS[domain]!,
          "--bad",
          "0.02",
        ]);
        assertEquals(code, 0, stderr);
      }, NOT_COMPARED),
  });

  Deno.test({
    name: `snowflake double: the Dynamic Tables of ${domain} give what Freshet writes, of records in disorder`,
    ignore: skip !== undefined,
    fn: () =>
      body(async ({ dataDir }) => {
        const checked = checkedDomains.find(({ name }) => name === domain)!;
        const traffic = new Traffic({ ...checked, lateByMs: LATE_BY_MS[domain]! }, 11);
        const { topic } = domainOf(domain);
        await using log = await openEmbeddedLog({ dataDir });
        await log.createTopics([{ topic, partitions: 2 }]);
        await log.produce(topic, traffic.take(20_000));
      }, [...NOT_COMPARED, ...OF_ARRIVAL]),
  });
}
