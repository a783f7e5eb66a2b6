// Panels that are made of what a domain declares: for every domain there is, over its real tables.
import { count, hours, minutes } from "@freshet/stream";
import { assert, assertEquals } from "@std/assert";
import { type Domain, domainModules } from "../../src/domains/mod.ts";
import { type DomainPanels, madePanels, type PanelContext } from "../../src/panels/mod.ts";
import type { MadePanels } from "../../src/panels/answers.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { domainOf } from "../support/domains.ts";

const freshetSql = await Deno.readTextFile(new URL("../../sql/freshet.sql", import.meta.url));

/** A domain's made panels over its tables, filled by `inserts`. */
async function made(domain: Domain, inserts: readonly string[] = []) {
  const warehouse = await openDuckDb({ path: ":memory:" });
  await warehouse.migrate([
    { name: "freshet", text: freshetSql },
    { name: domain.name, text: domain.sql },
    ...inserts.length === 0 ? [] : [{ name: "contents", text: `-- version 1: contents\n${inserts.join(";\n")}` }],
  ]);
  const panels: DomainPanels<MadePanels> = madePanels(domain);
  const context: PanelContext = {
    settings: {},
    domain: domain.name,
    ask: (sql, options = {}) => warehouse.query(sql, options),
  };
  return {
    panels,
    context,
    async ask<N extends keyof MadePanels>(name: N, parameters: object = {}): Promise<MadePanels[N]> {
      const question = panels.panels[name].read({ ...parameters });
      if ("error" in question) throw question.error;
      return await question.answer(context);
    },
    [Symbol.asyncDispose]: () => warehouse[Symbol.asyncDispose](),
  };
}

for (const { name } of domainModules) {
  Deno.test(`${name}: everything that could be asked has an answer, before there are any records`, async () => {
    await using asked = await made(domainOf(name));
    const { charts, tables, numbers, data_now } = await asked.ask("overview");
    assertEquals(data_now, null);
    assertEquals(numbers.filter(({ value }) => value !== 0), []);
    assert(tables.length > 0);
    for (const { table, keys, measures } of charts) {
      for (const { name: measure } of measures) {
        for (const by of keys) assertEquals((await asked.ask("chart", { table, measure, by })).points, []);
      }
    }
    for (const { name, keys } of tables) {
      const { columns, rows } = await asked.ask("rows", { table: name });
      assertEquals(rows, []);
      const missing = keys.filter((key) => !columns.some(({ name }) => name === key));
      assertEquals(missing, [], `keys of ${name} that its rows do not have`);
    }
    assertEquals(await asked.panels.alerts?.(asked.context) ?? [], []);
    for (const { name, newest } of asked.panels.tables) {
      await asked.context.ask(`SELECT * FROM ${name}${newest.length === 0 ? "" : ` ORDER BY ${newest.join(", ")}`}`);
    }
  });
}

const DEMAND = ["09:00", "09:01", "09:02", "09:03", "09:04"].flatMap((clock) => [
  `(0, 'Clifton', 'xl', '2026-01-15 ${clock}:00', '2026-01-15 ${clock}:00', 4, 40, TRUE, 1)`,
  `(1, 'Clifton', 'xl', '2026-01-15 ${clock}:00', '2026-01-15 ${clock}:00', 2, 20, TRUE, 1)`,
]);
const RIDES = [
  `INSERT INTO FRESHET_OFFSETS
     (DOMAIN, TOPIC, KAFKA_PARTITION, NEXT_OFFSET, EPOCH, CHECKPOINT_ID, WATERMARK, MAX_EVENT_TIME, UPDATED_AT)
   VALUES ('rides', 't', 0, 9, 1, 1, '2026-01-15 10:00:00', '2026-01-15 10:00:00', '2026-01-15 00:00:00')`,
  `INSERT INTO RIDE_DEMAND_PARTS
     (KAFKA_PARTITION, ZONE, RIDE_TYPE, WINDOW_START, WINDOW_END, REQUEST_COUNT, SUM_FARE_ESTIMATE, IS_FINAL, VERSION)
   VALUES ${DEMAND.join(", ")}`,
];

Deno.test("windows that overlap are told by their mean in a bucket, those of several partitions as one", async () => {
  await using asked = await made(domainOf("rides"), RIDES);
  const { points, bucket_s } = await asked.ask("chart", {
    table: "RIDE_DEMAND",
    measure: "REQUEST_COUNT",
    range: "6h",
  });
  assertEquals(bucket_s, 300);
  assertEquals(points, [{ at: Date.parse("2026-01-15T09:00:00Z") / 1000, series: "Clifton", value: 6 }]);
});

Deno.test("the first point of a chart is of a whole bucket, wherever the range begins", async () => {
  await using asked = await made(domainOf("rides"), RIDES);
  const at = async (from: string) => {
    const range = { from: `2026-01-15T${from}Z`, to: "2026-01-15T15:02:30Z" };
    const { points, bucket_s } = await asked.ask("chart", { table: "RIDE_DEMAND", measure: "REQUEST_COUNT", ...range });
    assertEquals(bucket_s, 300);
    return points;
  };
  // Five windows of six in the five minutes that begin at 9:00, and not only those after the range's begin.
  assertEquals(await at("09:02:30"), [{ at: Date.parse("2026-01-15T09:00:00Z") / 1000, series: "Clifton", value: 6 }]);
  assertEquals(await at("09:05:00"), []);
});

Deno.test("a table, a measure or a key that the domain does not have is answered with nothing or by the first", async () => {
  await using asked = await made(domainOf("rides"), RIDES);
  const first = await asked.ask("chart", { table: "RIDE_DEMAND" });
  const hostile = { measure: "1) FROM FRESHET_OFFSETS --", by: "ZONE; DROP TABLE RIDE_DEMAND_PARTS" };
  assertEquals((await asked.ask("chart", { table: "RIDE_DEMAND", ...hostile })).points, first.points);
  assertEquals((await asked.ask("chart", { table: "FRESHET_OFFSETS" })).points, []);
  assertEquals((await asked.ask("rows", { table: "FRESHET_OFFSETS" })).columns, []);
});

const SO_FAR = `-- version 1: tables
CREATE TABLE IF NOT EXISTS SO_FAR (
  KAFKA_PARTITION BIGINT, ZONE VARCHAR, WINDOW_START TIMESTAMP_NTZ, WINDOW_END TIMESTAMP_NTZ, REQUEST_COUNT BIGINT,
  IS_FINAL BOOLEAN, VERSION BIGINT, UPDATED_AT TIMESTAMP_NTZ
);`;

Deno.test("windows that begin together are told by their end", async () => {
  const domain: Domain = {
    ...domainOf("rides"),
    sql: SO_FAR,
    tables: (events) => [
      events.keyBy({ ZONE: () => "Clifton" }).cumulative(hours(1), minutes(5)).aggregate("SO_FAR", {
        REQUEST_COUNT: count(),
      }),
    ],
  };
  const rows = ["05", "10", "15"].map((minute, i) =>
    `(0, 'Clifton', '2026-01-15 09:00:00', '2026-01-15 09:${minute}:00', ${i + 1}, TRUE, 1)`
  );
  await using asked = await made(domain, [
    RIDES[0]!,
    `INSERT INTO SO_FAR (KAFKA_PARTITION, ZONE, WINDOW_START, WINDOW_END, REQUEST_COUNT, IS_FINAL, VERSION)
     VALUES ${rows.join(", ")}`,
  ]);
  const { points } = await asked.ask("chart", { table: "SO_FAR", range: "6h" });
  const at = (minute: string) => Date.parse(`2026-01-15T09:${minute}:00Z`) / 1000;
  assertEquals(points.map((point) => [point.at, point.value]), [[at("05"), 1], [at("10"), 2], [at("15"), 3]]);
});
