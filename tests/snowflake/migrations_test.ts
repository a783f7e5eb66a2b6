// What a migration meets: errors that pass by themselves, and statements that are to blame.

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { WarehouseRefusedError, WarehouseUnavailableError } from "../../src/errors.ts";
import { rowsOf, SYSTEM, TABLES } from "../contracts/warehouse/suite.ts";
import { ownSchema } from "../support/snowflake/adapter.ts";
import { startSnowflake, whyNoSnowflake } from "../support/snowflake/mod.ts";

const skip = await whyNoSnowflake();
const double = skip === undefined ? await startSnowflake() : undefined;
Deno.test.afterAll(async () => await double?.stop());

const PASSING = [
  ["000603", "XX000", "SQL execution internal error"],
  ["000604", "57014", "SQL execution canceled"],
  ["000625", "57014", "Statement has locked table 'FRESHET_MIGRATIONS' and this lock has not yet been released"],
] as const;

for (const [code, sqlState, message] of PASSING) {
  Deno.test({
    name: `snowflake: a migration that meets ${code} is told to try again, and goes on then`,
    ignore: skip !== undefined,
    async fn() {
      await using schema = await ownSchema(double!);
      await using warehouse = await schema.open();
      const fault = double!.control.inject({ kind: "error", code, sqlState, message }, {
        statement: "CREATE TABLE IF NOT EXISTS EVENTS",
      });
      const error = await assertRejects(() => warehouse.migrate([SYSTEM, TABLES]), WarehouseUnavailableError);
      assertEquals([fault.hits, error.retriable], [1, true]);
      assertStringIncludes(error.message, "try again");
      await warehouse.migrate([SYSTEM, TABLES]);
      assertEquals(await rowsOf(warehouse, "SELECT COUNT(*) FROM EVENTS"), [[0]]);
    },
  });
}

Deno.test({
  name: "snowflake: what was granted on a view stays when a script makes it anew, and a first one has future grants",
  ignore: skip !== undefined,
  async fn() {
    await using schema = await ownSchema(double!);
    await using warehouse = await schema.open();
    const script = (...versions: readonly string[]) => ({
      name: "views",
      text: versions.map((sql, i) => `-- version ${i + 1}: a view\n\n-- With a comment.\n${sql};\n`).join("\n"),
    });
    const [one, two] = ["CREATE OR REPLACE VIEW V AS SELECT 1 AS X", "CREATE OR REPLACE VIEW V AS\nSELECT 2 AS X"];
    const made = async (work: () => Promise<unknown>) => {
      double!.clearLog();
      await work();
      return double!.statements().map(({ sql }) => sql).filter((sql) => /CREATE OR REPLACE VIEW V\b/.test(sql))
        .map((sql) => sql.includes("COPY GRANTS"));
    };
    assertEquals(await made(() => warehouse.migrate([SYSTEM, script(one)])), [false]);
    const [pending] = await warehouse.migrate([SYSTEM, script(one, two)], { dryRun: true });
    assertStringIncludes(pending!.statements.join(), "CREATE OR REPLACE VIEW V COPY GRANTS AS\nSELECT 2");
    assertEquals(await made(() => warehouse.migrate([SYSTEM, script(one, two)])), [true]);
    assertEquals(await rowsOf(warehouse, "SELECT X FROM V"), [[2]]);
    assertEquals(await warehouse.migrate([SYSTEM, script(one, two)]), []);
    await schema.sql("DROP VIEW $SCHEMA.V");
    assertEquals(await made(() => warehouse.restore([SYSTEM, script(one, two)])), [false, true]);
    assertEquals(await rowsOf(warehouse, "SELECT X FROM V"), [[2]]);
  },
});

Deno.test({
  name: "snowflake: a statement of a script that is wrong is refused, by the script's name",
  ignore: skip !== undefined,
  async fn() {
    await using schema = await ownSchema(double!);
    await using warehouse = await schema.open();
    const wrong = { name: "wrong", text: "-- version 1: nothing\nCREATE OR REPLACE VIEW V AS SELECT X FROM NOWHERE;" };
    const error = await assertRejects(() => warehouse.migrate([SYSTEM, wrong]), WarehouseRefusedError);
    assertStringIncludes(error.message, 'SQL script "wrong" version 1 (nothing)');
  },
});
