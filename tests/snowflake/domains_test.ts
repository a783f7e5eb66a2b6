// Every domain's records, good and bad, through the whole program into Snowflake (the double) and into DuckDB: each table and
// view must hold the same. That DuckDB's are right is what the domains' checks show.

import { assert, assertEquals } from "@std/assert";
import { openEmbeddedLog } from "../../src/log/embedded.ts";
import { Terminal } from "../cli/terminal.ts";
import { type CheckedDomain, checkedDomains } from "../support/checked_domains.ts";
import { domainOf } from "../support/domains.ts";
import { quietDriver } from "../support/snowflake/driver.ts";
import { startSnowflake, whyNoSnowflake } from "../support/snowflake/mod.ts";
import { Traffic } from "../support/traffic.ts";

const skip = await whyNoSnowflake();
quietDriver();

const SEED = 5;
const RECORDS = 4_000;
/** When something was written differs, and how far ahead of that a future event was. */
const WRITTEN_AT = new Set(["UPDATED_AT", "SEEN_AT", "INGESTION_TIME", "SnowflakeConnectorPushTime", "DETAIL"]);

type Row = Readonly<Record<string, unknown>>;

/** Tables and views that the domain's script makes, and those of all domains. */
function tablesOf({ name }: CheckedDomain): readonly string[] {
  const own = [...domainOf(name).sql.matchAll(/^CREATE (?:TABLE IF NOT EXISTS|OR REPLACE VIEW) (\w+)/gm)];
  return [...own.map(([, table]) => table!), "DEAD_LETTERS", "LATE_RECORDS"];
}

async function produce({ dataDir }: Terminal, domain: CheckedDomain): Promise<void> {
  await using log = await openEmbeddedLog({ dataDir });
  const { topic } = domainOf(domain.name);
  await log.createTopics([{ topic, partitions: 2 }]);
  const traffic = new Traffic(domain, SEED);
  while (traffic.count < RECORDS) await log.produce(topic, traffic.take(500));
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
  return (JSON.parse(stdout) as readonly Row[]).map((row) => JSON.stringify(comparable(row))).toSorted();
}

for (const domain of checkedDomains) {
  Deno.test({
    name: `snowflake double: ${domain.name} fills every table and view as on DuckDB`,
    ignore: skip !== undefined,
    async fn() {
      await using terminal = await Terminal.open();
      const double = await startSnowflake();
      const snowflake = {
        SNOWFLAKE_ACCOUNT: double.account,
        SNOWFLAKE_ACCESS_URL: double.accessUrl,
        SNOWFLAKE_USER: "FRESHET",
        SNOWFLAKE_PASSWORD: "test-password",
        SNOWFLAKE_WAREHOUSE: double.warehouse,
        SNOWFLAKE_DATABASE: double.database,
        SNOWFLAKE_SCHEMA: double.schema,
      };
      try {
        await produce(terminal, domain);
        for (const env of [{}, snowflake]) {
          const { code, stderr } = await terminal.run(["run", domain.name, "--until-end", "--no-simulate"], { env });
          assertEquals(code, 0, stderr);
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
