// When the views say that a row is final, how their versions rise, and tables of an older Freshet under them.

import { assertEquals } from "@std/assert";
import ownSql from "../../sql/freshet.sql" with { type: "text" };
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import type { Row, Script, Warehouse } from "../../src/warehouse/warehouse.ts";
import { append, loose } from "../contracts/warehouse/suite.ts";
import { domainOf } from "../support/domains.ts";

const at = (clock: string) => Date.parse(`2026-01-15T${clock}Z`);
const END = at("10:00:00");

async function onWarehouse(body: (warehouse: Warehouse) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await using warehouse = await openDuckDb({ path: `${dir}/test.duckdb` });
    await body(warehouse);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const scriptsOf = (domain: string): Script[] => [
  { name: "freshet", text: ownSql },
  { name: domain, text: domainOf(domain).sql },
];

async function load(warehouse: Warehouse, tables: Readonly<Record<string, readonly Row[]>>): Promise<void> {
  await using writer = await warehouse.writer("test");
  const appends = Object.entries(tables).map(([table, rows]) => append(table, { rows, partition: 0, offset: 0 }));
  await writer.commit(loose({ appends }));
}

const ask = async (warehouse: Warehouse, sql: string) => (await warehouse.query(sql)).rows;

/** The parts of one row of a merged view, its operator, and what the view needs besides. */
interface Merged {
  readonly domain: string;
  readonly view: string;
  readonly part: Row;
  readonly besides?: Readonly<Record<string, readonly Row[]>>;
}

const window = { KAFKA_PARTITION: 0, WINDOW_START: at("09:00:00"), WINDOW_END: END, IS_FINAL: true, VERSION: 1 };
const zone = { ZONE: "Docks", RIDE_TYPE: "standard" };

const MERGED: readonly Merged[] = [
  { domain: "trains", view: "ATS_HOURLY_STATS", part: { TRAIN_ID: "T1", EVENT_COUNT: 1 } },
  { domain: "rides", view: "RIDE_DEMAND", part: { ...zone, REQUEST_COUNT: 1 } },
  {
    domain: "rides",
    view: "RIDE_HOURLY_STATS",
    part: { ...zone, REQUEST_COUNT: 1 },
    besides: {
      RIDE_REQUESTS: [{ ...zone, EVENT_TYPE: "ride_requested", USER_ID: "u", TIMESTAMP: window.WINDOW_START }],
    },
  },
  { domain: "wine", view: "SALES_HOURLY", part: { CHANNEL: "E-com", CATEGORY: "Rouge", ORDER_COUNT: 1 } },
  {
    domain: "actions",
    view: "ACTIONS_PER_MINUTE",
    part: { ACTION: "click", ACTION_COUNT: 1, USER_HASHES: "000000000000001" },
  },
  {
    domain: "circadian",
    view: "CIRCADIAN_DAILY",
    part: { USER_ID: "ana", TIME_ZONE: "UTC", LOCAL_DATE: "2026-01-15", SLEEP_COUNT: 0, MEAL_COUNT: 0, LIGHT_COUNT: 0 },
  },
];

const operator = (domain: string, name: string) => ({
  DOMAIN: domain,
  OPERATOR: name,
  FINGERPRINT: "f",
  UPDATED_AT: END,
});

/** A partition's position. */
const position = (domain: string, partition: number, watermark: number | null, more: Row = {}) => ({
  DOMAIN: domain,
  TOPIC: domainOf(domain).topic,
  KAFKA_PARTITION: partition,
  NEXT_OFFSET: 1,
  EPOCH: 1,
  CHECKPOINT_ID: 1,
  WATERMARK: watermark,
  UPDATED_AT: END,
  ...more,
});

const closed = (domain: string, name: string, partition: number, upTo: number) => ({
  DOMAIN: domain,
  OPERATOR: name,
  TOPIC: domainOf(domain).topic,
  KAFKA_PARTITION: partition,
  CLOSED_UP_TO: upTo,
  UPDATED_AT: END,
});

for (const { domain, view, part, besides } of MERGED) {
  Deno.test(`a row of ${view} is final once every partition has closed it, also one that has no part of it`, async () => {
    const name = `${view}_PARTS`;
    await onWarehouse(async (warehouse) => {
      await warehouse.migrate(scriptsOf(domain));
      await load(warehouse, { [name]: [{ ...window, ...part }], ...besides });
      const isFinal = async () => (await ask(warehouse, `SELECT IS_FINAL, VERSION FROM ${view}`))[0];
      assertEquals(await isFinal(), [false, 1], "before the operator is known");
      await load(warehouse, {
        FRESHET_OPERATORS: [operator(domain, name), operator(domain, "OTHER"), operator("other", name)],
        FRESHET_OFFSETS: [position(domain, 0, END)],
      });
      assertEquals(await isFinal(), [true, 1]);
      await load(warehouse, { FRESHET_OFFSETS: [position(domain, 1, END - 1)] });
      assertEquals(await isFinal(), [false, 1], "another partition is not there yet");
      await load(warehouse, { FRESHET_CLOSED: [closed(domain, "OTHER", 1, END), closed(domain, name, 0, END)] });
      assertEquals(await isFinal(), [false, 1], "others are closed");
      await load(warehouse, { FRESHET_CLOSED: [closed(domain, name, 1, END)] });
      assertEquals(await isFinal(), [true, 1]);
    });
  });
}

interface Known {
  readonly positions: readonly Row[];
  readonly closed?: readonly Row[];
  readonly finalUpTo: number | null;
}

const TRAINS = "ATS_HOURLY_STATS_PARTS";
const upTo: Readonly<Record<string, Known>> = {
  "nothing while no partition is known": { positions: [], finalUpTo: null },
  "the least of the watermarks": {
    positions: [position("trains", 0, at("09:30:00")), position("trains", 1, at("09:20:00"))],
    finalUpTo: at("09:20:00"),
  },
  "nothing while a partition has no watermark": {
    positions: [position("trains", 0, at("09:30:00")), position("trains", 1, null)],
    finalUpTo: null,
  },
  "where a partition without a watermark is closed": {
    positions: [position("trains", 0, at("09:30:00")), position("trains", 1, null)],
    closed: [closed("trains", TRAINS, 1, at("09:10:00"))],
    finalUpTo: at("09:10:00"),
  },
  "the greater of watermark and what is closed, in each partition": {
    positions: [position("trains", 0, at("09:30:00")), position("trains", 1, at("09:20:00"))],
    closed: [closed("trains", TRAINS, 0, at("09:10:00")), closed("trains", TRAINS, 1, at("09:50:00"))],
    finalUpTo: at("09:30:00"),
  },
  "only the topic that moved last": {
    positions: [
      position("trains", 0, at("09:30:00")),
      position("trains", 0, at("08:00:00"), { TOPIC: "former", UPDATED_AT: END - 1 }),
      position("trains", 1, null, { TOPIC: "former", UPDATED_AT: END - 2 }),
    ],
    finalUpTo: at("09:30:00"),
  },
};

for (const [what, { positions, closed = [], finalUpTo }] of Object.entries(upTo)) {
  Deno.test(`an operator is final up to ${what}`, async () => {
    await onWarehouse(async (warehouse) => {
      await warehouse.migrate([{ name: "freshet", text: ownSql }]);
      await load(warehouse, {
        FRESHET_OPERATORS: [operator("trains", TRAINS)],
        FRESHET_OFFSETS: [...positions, position("rides", 7, at("01:00:00"))],
        FRESHET_CLOSED: closed,
      });
      const rows = await ask(warehouse, "SELECT OPERATOR, epoch_ms(FINAL_UP_TO) FROM FRESHET_FINAL");
      assertEquals(rows, [[TRAINS, finalUpTo]]);
    });
  });
}

/** A script as it was before its second section. */
const beforeSecond = ({ name, text }: Script): Script => ({
  name,
  text: text.slice(0, text.indexOf("\n-- version 2:")),
});

for (const { domain, view, part, besides } of MERGED) {
  Deno.test(`${view} over tables that an older Freshet made and filled keeps its columns`, async () => {
    await onWarehouse(async (warehouse) => {
      const scripts = scriptsOf(domain);
      await warehouse.migrate(scripts.map(beforeSecond));
      await load(warehouse, { [`${view}_PARTS`]: [{ ...window, ...part }], ...besides });
      const columns = async () =>
        (await warehouse.query(`SELECT * FROM ${view}`)).columns.map(({ name, type }) => [name, type]);
      const before = await columns();
      const steps = await warehouse.migrate(scripts);
      assertEquals(
        steps.map(({ name, version }) => `${name} ${version}`),
        scripts.flatMap(({ name, text }) =>
          [...text.matchAll(/^-- version (\d+):/gm)].map(([, version]) => `${name} ${version}`).slice(1)
        ),
      );
      assertEquals(await columns(), before);
      assertEquals(await ask(warehouse, `SELECT VERSION, IS_FINAL FROM ${view}`), [[1, false]]);
      assertEquals(await warehouse.restore(scripts), []);
    });
  });
}

Deno.test("parts and a view that were dropped are made again with the columns of every section", async () => {
  await onWarehouse(async (warehouse) => {
    const scripts = scriptsOf("trains");
    await warehouse.migrate(scripts);
    const away = "DROP VIEW ATS_HOURLY_STATS; DROP TABLE ATS_HOURLY_STATS_PARTS; DROP VIEW FRESHET_FINAL";
    await warehouse.migrate([{ name: "other", text: `-- version 1: away\n${away}` }]);
    assertEquals(await warehouse.restore(scripts), ["FRESHET_FINAL", "ATS_HOURLY_STATS_PARTS", "ATS_HOURLY_STATS"]);
    await load(warehouse, {
      ATS_HOURLY_STATS_PARTS: [{ ...window, EVENT_COUNT: 1, SUM_SPEED_KMH: 2, SUM_SPEED_KMH_LOW: 2 ** -22 }],
    });
    assertEquals(await ask(warehouse, "SELECT AVG_SPEED_KMH, IS_FINAL FROM ATS_HOURLY_STATS"), [[2 + 2 ** -22, false]]);
  });
});

const DAY_MS = 86_400_000;

/** What one partition knows of a night; `day` of January 2026. */
function night(day: number, more: Row = {}): Row {
  const start = Date.UTC(2026, 0, day);
  return {
    KAFKA_PARTITION: 0,
    USER_ID: "ana",
    TIME_ZONE: "UTC",
    LOCAL_DATE: new Date(start).toISOString().slice(0, 10),
    WINDOW_START: start,
    WINDOW_END: start + DAY_MS,
    SLEEP_COUNT: 1,
    SLEEP_HOURS: 8,
    MAIN_SLEEP_HOURS: 8,
    SLEEP_MIDPOINT: 3,
    SLEEP_MIDPOINT_AT: start + DAY_MS / 3,
    MEAL_COUNT: 0,
    LIGHT_COUNT: 0,
    VERSION: 1,
    ...more,
  };
}

async function nights(parts: readonly Row[], columns: string): Promise<readonly (readonly unknown[])[]> {
  let rows: readonly (readonly unknown[])[] = [];
  await onWarehouse(async (warehouse) => {
    await warehouse.migrate(scriptsOf("circadian"));
    await load(warehouse, { CIRCADIAN_DAILY_PARTS: parts });
    rows = await ask(warehouse, `SELECT ${columns} FROM CIRCADIAN_DAILY ORDER BY WINDOW_END`);
  });
  return rows;
}

Deno.test("of equally long sleeps in several partitions the main one is that which ended first", async () => {
  const early = night(1, { KAFKA_PARTITION: 1, SLEEP_MIDPOINT: 2, SLEEP_MIDPOINT_AT: Date.UTC(2026, 0, 1, 6) });
  const longest = night(2, {
    KAFKA_PARTITION: 2,
    SLEEP_MIDPOINT: 13,
    MAIN_SLEEP_HOURS: 9,
    SLEEP_MIDPOINT_AT: Date.UTC(2026, 0, 2, 18),
  });
  for (const parts of [[night(1), early, night(2), longest], [longest, night(2), early, night(1)]]) {
    assertEquals(await nights(parts, "SLEEP_MIDPOINT"), [[2], [13]]);
  }
});

Deno.test("a day's version rises when a day of the week up to it is corrected, and not for a day after it", async () => {
  const days = Array.from({ length: 10 }, (_, i) => night(i + 1, { VERSION: i === 2 ? 3 : 1 }));
  assertEquals(await nights(days, "VERSION"), [1, 1, 3, 3, 3, 3, 3, 3, 3, 1].map((version) => [version]));
});

Deno.test("a day's regularity and version look only at days that ended no later than it", async () => {
  const same = { LOCAL_DATE: "2026-01-02" };
  const tokyo = {
    TIME_ZONE: "Asia/Tokyo",
    WINDOW_START: Date.UTC(2026, 0, 1, 15),
    WINDOW_END: Date.UTC(2026, 0, 2, 15),
  };
  const rows = await nights(
    [night(2, { ...same, ...tokyo, VERSION: 2 }), night(2, { ...same, SLEEP_MIDPOINT: 4, VERSION: 5 })],
    "TIME_ZONE, VERSION, SLEEP_REGULARITY IS NULL",
  );
  assertEquals(rows, [["Asia/Tokyo", 2, true], ["UTC", 6, false]]);
});

Deno.test("regularity is the same to the last bit whatever order and partitions the days come in", async () => {
  const days = Array.from(
    { length: 7 },
    (_, i) => night(i + 1, { SLEEP_MIDPOINT: 2.1 + (i * 0.7) % 1.3, KAFKA_PARTITION: i % 3 }),
  );
  const ascending = await nights(days, "SLEEP_REGULARITY");
  assertEquals(await nights(days.toReversed(), "SLEEP_REGULARITY"), ascending);
  assertEquals(ascending.filter(([regularity]) => regularity !== null).length, 6);
});
