// Every domain's records, good and bad, through the whole program: from Kafka (a real broker, where one can be had) into
// Snowflake (the double), and from the embedded log into DuckDB. Each table and view must hold the same, and DuckDB's must
// keep the domain's rules.

import { assert, assertEquals } from "@std/assert";
import { openEmbeddedLog } from "../../src/log/embedded.ts";
import type { Log } from "../../src/log/log.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { Terminal } from "../cli/terminal.ts";
import { type CheckedDomain, checkedDomains } from "../support/checked_domains.ts";
import { checkRules } from "../support/checks.ts";
import { domainOf } from "../support/domains.ts";
import { KafkaBroker } from "../support/kafka/broker.ts";
import { openOn } from "../support/kafka/fixture.ts";
import { whyNoKafka } from "../support/kafka/jars.ts";
import { quietDriver } from "../support/snowflake/driver.ts";
import { settingsFor, startSnowflake, whyNoSnowflake } from "../support/snowflake/mod.ts";
import { Traffic } from "../support/traffic.ts";

const skip = await whyNoSnowflake();
const noKafka = skip ?? await whyNoKafka();
if (skip === undefined && noKafka !== undefined) console.info(`Not from Kafka into Snowflake: ${noKafka}`);
const broker = noKafka === undefined ? await KafkaBroker.start() : undefined;
Deno.test.afterAll(async () => await broker?.[Symbol.asyncDispose]());
quietDriver();

const SEED = 7;
const RECORDS = 6_000;
/** When something was written differs, and how far ahead of that a future event was. */
const WRITTEN_AT = new Set(["UPDATED_AT", "SEEN_AT", "INGESTION_TIME", "SnowflakeConnectorPushTime", "DETAIL"]);

type Row = Readonly<Record<string, unknown>>;

/** Tables and views that the domain's script makes, and those of all domains. */
function tablesOf({ name }: CheckedDomain): readonly string[] {
  const own = [...domainOf(name).sql.matchAll(/^CREATE (?:TABLE IF NOT EXISTS|OR REPLACE VIEW) (\w+)/gm)];
  return [...own.map(([, table]) => table!), "DEAD_LETTERS", "LATE_RECORDS"];
}

/** The same records, at the same offsets, into each log. */
async function produce(domain: CheckedDomain, logs: readonly Log[]): Promise<void> {
  const { topic } = domainOf(domain.name);
  const traffic = new Traffic(domain, SEED);
  const timestamp = Date.now();
  for (const log of logs) await log.createTopics([{ topic, partitions: 2 }]);
  while (traffic.count < RECORDS) {
    const records = traffic.take(500).map((record) => ({ ...record, timestamp }));
    for (const log of logs) await log.produce(topic, records);
  }
}

/** The value without what differs from run to run, keys in order, numbers to twelve digits. */
function comparable(value: unknown): unknown {
  if (typeof value === "number") return Number(value.toPrecision(12)) + 0;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(comparable);
  const entries = Object.entries(value).filter(([name]) => !WRITTEN_AT.has(name)).sort(([a], [b]) => a < b ? -1 : 1);
  return Object.fromEntries(entries.map(([name, inner]) => [name, comparable(inner)]));
}

async function rowsOf(terminal: Terminal, table: string, env: Record<string, string>): Promise<readonly string[]> {
  const sql = `SELECT * FROM ${table}`;
  const { code, stdout, stderr } = await terminal.run(["query", sql, "--json", "--limit", "100000"], { env });
  assertEquals(code, 0, stderr);
  // Which windows that are not closed are there already depends on when it was looked.
  const rows = (JSON.parse(stdout) as readonly Row[]).filter((row) => row.IS_FINAL !== false);
  return rows.map((row) => JSON.stringify(comparable(row))).toSorted();
}

for (const domain of checkedDomains) {
  Deno.test({
    name: `snowflake double: ${domain.name} fills every table and view as on DuckDB`,
    ignore: skip !== undefined,
    async fn() {
      await using terminal = await Terminal.open();
      const double = await startSnowflake();
      const snowflake: Record<string, string> = {
        ...(broker && { KAFKA_BROKERS: broker.listeners.plaintext }),
        ...settingsFor(double),
      };
      try {
        {
          await using embedded = await openEmbeddedLog({ dataDir: terminal.dataDir });
          await using log = broker && await openOn(broker);
          await produce(domain, log ? [embedded, log] : [embedded]);
        }
        for (const env of [{}, snowflake]) {
          const { code, stderr } = await terminal.run(["run", domain.name, "--until-end", "--no-simulate"], { env });
          assertEquals(code, 0, stderr);
        }
        {
          await using warehouse = await openDuckDb({ path: `${terminal.dataDir}/freshet.duckdb` });
          await checkRules(warehouse, domain.rules);
        }
        for (const table of tablesOf(domain)) {
          const [expected, found] = [await rowsOf(terminal, table, {}), await rowsOf(terminal, table, snowflake)];
          assert(expected.length > 0, `${table} is empty`);
          const missing = expected.filter((row) => !found.includes(row));
          const extra = found.filter((row) => !expected.includes(row));
          assertEquals([missing.slice(0, 2), extra.slice(0, 2), found.length], [[], [], expected.length], table);
        }
      } finally {
        await double.stop();
      }
    },
  });
}
