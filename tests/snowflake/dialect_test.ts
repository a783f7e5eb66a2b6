// One SQL file for both warehouses: every domain's tables come out with the same columns and types, every view answers.

import { assert, assertEquals } from "@std/assert";
import freshetSql from "../../sql/freshet.sql" with { type: "text" };
import { domainModules } from "../../src/domains/mod.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { offsetsTable } from "../../src/warehouse/snowflake/offsets_tables.ts";
import type { Script, Warehouse } from "../../src/warehouse/warehouse.ts";
import { domainOf } from "../support/domains.ts";
import { ownSchema } from "../support/snowflake/adapter.ts";
import { startSnowflake, whyNoSnowflake } from "../support/snowflake/mod.ts";

const skip = await whyNoSnowflake();
const double = skip === undefined ? await startSnowflake() : undefined;
Deno.test.afterAll(async () => await double?.stop());

const scripts: readonly Script[] = [
  { name: "freshet", text: freshetSql },
  ...domainModules.map(({ name }) => ({ name, text: domainOf(name).sql })),
];

/** Tables and views by name, each with its columns and their types. `sql` gives their names. */
async function described(warehouse: Warehouse, sql: string): Promise<Record<string, readonly string[]>> {
  const names = (await warehouse.query(sql)).rows.map(([name]) => String(name)).toSorted();
  const all: Record<string, readonly string[]> = {};
  for (const name of names) {
    const { columns } = await warehouse.query(`SELECT * FROM ${name} LIMIT 0`);
    all[name] = columns.map(({ name, type }) => `${name} ${type}`);
  }
  return all;
}

const DUCKDB_NAMES = "SELECT table_name FROM duckdb_tables() UNION ALL " +
  "SELECT view_name FROM duckdb_views() WHERE NOT internal";
const SNOWFLAKE_NAMES = ["TABLES", "VIEWS"].map((kind) =>
  `SELECT TABLE_NAME FROM INFORMATION_SCHEMA.${kind} WHERE TABLE_SCHEMA = CURRENT_SCHEMA()`
).join(" UNION ");

Deno.test({
  name: "snowflake: every domain's SQL makes the same tables and views, columns and types as on DuckDB",
  ignore: skip !== undefined,
  async fn() {
    await using schema = await ownSchema(double!);
    await using snowflake = await schema.open();
    await using duckdb = await openDuckDb({ path: ":memory:" });
    const steps = await duckdb.migrate(scripts);
    assertEquals(
      (await snowflake.migrate(scripts)).map(({ name, version }) => [name, version]),
      steps.map(({ name, version }) => [name, version]),
    );
    const expected = await described(duckdb, DUCKDB_NAMES);
    assert(Object.keys(expected).length > 10);
    // There each domain's offsets are in a table of their own, and FRESHET_OFFSETS is a view.
    for (const { name } of domainModules) expected[offsetsTable(name)] = expected.FRESHET_OFFSETS!;
    assertEquals(await described(snowflake, SNOWFLAKE_NAMES), expected);
    assertEquals(await snowflake.migrate(scripts), []);
  },
});
