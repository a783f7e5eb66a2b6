// Each domain's offsets are in a table of their own; FRESHET_OFFSETS, which was one table for all of them, is a view.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { WarehouseRefusedError } from "../../src/errors.ts";
import { SNOWFLAKE } from "../../src/warehouse/snowflake/traits.ts";
import type { Warehouse } from "../../src/warehouse/warehouse.ts";
import { rowsOf, SYSTEM, TABLES, TOPIC } from "../contracts/warehouse/suite.ts";
import { type OwnSchema, ownSchema } from "../support/snowflake/adapter.ts";
import { Client } from "../support/snowflake/driver.ts";
import { startSnowflake, whyNoSnowflake } from "../support/snowflake/mod.ts";
import { olderSchema } from "../support/snowflake/older_schema.ts";

const skip = await whyNoSnowflake();
const double = skip === undefined ? await startSnowflake() : undefined;
Deno.test.afterAll(async () => await double?.stop());

function test(name: string, body: (bench: { schema: OwnSchema; warehouse: Warehouse }) => Promise<void>): void {
  Deno.test({
    name: `snowflake: ${name}`,
    ignore: skip !== undefined,
    async fn() {
      await using schema = await ownSchema(double!, { lockSeconds: 20, abandonedSeconds: 60 });
      await using warehouse = await schema.open();
      await body({ schema, warehouse });
      double!.control.clearFaults();
    },
  });
}

const SCRIPTS = [SYSTEM, { ...TABLES, name: "domain" }];
const POSITIONS = "SELECT DOMAIN, KAFKA_PARTITION, NEXT_OFFSET, EPOCH FROM FRESHET_OFFSETS ORDER BY DOMAIN";

test("rows of the one table of before move into a table for each domain", async ({ schema, warehouse }) => {
  await olderSchema(schema);
  await warehouse.migrate(SCRIPTS);
  assertEquals(await rowsOf(warehouse, POSITIONS), [["domain", 0, 7, 3], ["other", 2, 1, 1]]);
  assertEquals(await rowsOf(warehouse, "SELECT NEXT_OFFSET FROM FRESHET_OFFSETS_OTHER"), [[1]]);
  await using writer = await warehouse.writer("domain");
  const [claim] = await writer.claim(TOPIC, [0]);
  assertEquals([claim!.nextOffset, claim!.checkpoint, claim!.epoch], [7, 5, 4]);
  // Whoever still writes by the version before is stopped.
  await assertRejects(() => schema.sql("UPDATE $SCHEMA.FRESHET_OFFSETS SET NEXT_OFFSET = 8"));
  await using again = await schema.open();
  double!.clearLog();
  await again.migrate(SCRIPTS);
  assertEquals(double!.statements().filter(({ sql }) => /^(CREATE|ALTER|INSERT|UPDATE|DROP)/.test(sql)), []);
  assertEquals((await rowsOf(again, POSITIONS))[0], ["domain", 0, 7, 4]);
});

test("rows also move by the statements that docs/snowflake.md has for who runs them by hand", async ({ schema, warehouse }) => {
  await olderSchema(schema);
  const doc = await Deno.readTextFile(new URL("../../docs/snowflake.md", import.meta.url));
  const [, block] = /```sql\n(ALTER TABLE FRESHET_OFFSETS RENAME[^`]*`[^`]*`[^`]*)```/.exec(doc)!;
  const here = block!.indexOf("-- here what");
  assert(here > 0);
  const own = block!.replaceAll("TRAINS", "DOMAIN").replaceAll("'trains'", "'domain'");
  await using owner = await Client.connect(double!);
  await owner.run(`USE SCHEMA ${schema.name}`);
  for (const statement of SNOWFLAKE.statementsIn(own.slice(0, here))) await owner.run(statement);
  const [pending] = await warehouse.migrate(SCRIPTS, { dryRun: true });
  for (const statement of pending!.statements) await owner.run(statement);
  for (const statement of SNOWFLAKE.statementsIn(own.slice(here))) await owner.run(statement);
  assertEquals(await rowsOf(warehouse, POSITIONS), [["domain", 0, 7, 3]]);
  await using again = await schema.open();
  await using writer = await again.writer("domain");
  assertEquals((await writer.claim(TOPIC, [0])).map(({ nextOffset, epoch }) => [nextOffset, epoch]), [[7, 4]]);
});

for (
  const at of [
    /^ALTER TABLE FRESHET_OFFSETS RENAME/,
    /^ALTER TABLE FRESHET_OFFSETS__BEFORE ADD/,
    /^CREATE TABLE IF NOT EXISTS FRESHET_OFFSETS_DOMAIN/,
    /^UPDATE FRESHET_OFFSETS__BEFORE/,
    /^INSERT INTO FRESHET_OFFSETS_OTHER/,
    /^DELETE FROM FRESHET_OFFSETS__BEFORE/,
    /^DROP TABLE IF EXISTS FRESHET_OFFSETS__BEFORE/,
    /^CREATE OR REPLACE VIEW FRESHET_OFFSETS /,
    /^INSERT INTO FRESHET_OFFSETS_DOMAIN .* WHERE KNOWN = 0/,
  ]
) {
  test(`a move of offsets that ends at ${at.source} goes on at the next start`, async ({ schema, warehouse }) => {
    await olderSchema(schema);
    const fault = double!.control.inject({ kind: "error", code: "000604", sqlState: "57014", message: "cancelled" }, {
      statement: at,
    });
    await assertRejects(() => warehouse.migrate(SCRIPTS));
    assertEquals(fault.hits, 1);
    await warehouse.migrate(SCRIPTS);
    assertEquals(await rowsOf(warehouse, POSITIONS), [["domain", 0, 7, 3], ["other", 2, 1, 1]]);
    await using writer = await warehouse.writer("domain");
    assertEquals((await writer.claim(TOPIC, [0])).map(({ epoch }) => epoch), [4]);
  });
}

test("a move of offsets waits for a transaction that is under way, and takes what that has done", async ({ schema, warehouse }) => {
  await olderSchema(schema);
  // As far as the move had come when somebody's transaction was still open.
  await schema.sql("ALTER TABLE $SCHEMA.FRESHET_OFFSETS RENAME TO FRESHET_OFFSETS__BEFORE");
  await schema.sql("ALTER TABLE $SCHEMA.FRESHET_OFFSETS__BEFORE ADD COLUMN LAST_TIMESTAMP_MS BIGINT");
  await schema.sql("ALTER TABLE $SCHEMA.FRESHET_OFFSETS__BEFORE ADD COLUMN RAW_CHANNEL VARCHAR");
  await using other = await Client.connect(double!);
  await other.run(`USE SCHEMA ${schema.name}`);
  await other.run("BEGIN");
  await other.run("UPDATE FRESHET_OFFSETS__BEFORE SET NEXT_OFFSET = 9, EPOCH = 8 WHERE DOMAIN = 'domain'");
  const moving = warehouse.migrate(SCRIPTS);
  while (!(await double!.control.locks()).some(({ status }) => status === "WAITING")) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await other.run("COMMIT");
  await moving;
  assertEquals((await rowsOf(warehouse, POSITIONS))[0], ["domain", 0, 9, 8]);
});

test("processes that make tables of different domains at once all come into the view", async ({ schema, warehouse }) => {
  await warehouse.migrate([SYSTEM]);
  const names = ["a", "b", "c", "d"];
  await Promise.all(names.map(async (name) => {
    await using own = await schema.open();
    await using writer = await own.writer(name);
    await writer.claim(TOPIC, [0]);
  }));
  assertEquals((await rowsOf(warehouse, POSITIONS)).map(([domain]) => domain), names);
});

/** The view as a process left it that was killed between two views, and had not seen the table of `domain`. */
const INCOMPLETE = "CREATE OR REPLACE VIEW $SCHEMA.FRESHET_OFFSETS AS SELECT * FROM $SCHEMA.FRESHET_OFFSETS_OTHER " +
  "WHERE KAFKA_PARTITION >= 0";

async function bothDomains(warehouse: Warehouse): Promise<void> {
  await warehouse.migrate(SCRIPTS);
  for (const name of ["domain", "other"]) {
    await using writer = await warehouse.writer(name);
    await writer.claim(TOPIC, [0]);
  }
}

test("a view that does not have every table of offsets is made anew at the next start", async ({ schema, warehouse }) => {
  await bothDomains(warehouse);
  await schema.sql(INCOMPLETE);
  assertEquals((await rowsOf(warehouse, POSITIONS)).map(([domain]) => domain), ["other"]);
  await using again = await schema.open();
  const [pending] = await again.migrate(SCRIPTS, { dryRun: true });
  assertEquals(pending!.statements.map((statement) => statement.split(" ").slice(0, 5).join(" ")), [
    "CREATE OR REPLACE VIEW FRESHET_OFFSETS",
  ]);
  assert(pending!.statements[0]!.includes("COPY GRANTS"));
  await again.migrate(SCRIPTS);
  assertEquals((await rowsOf(again, POSITIONS)).map(([domain]) => domain), ["domain", "other"]);
  assertEquals(await again.migrate(SCRIPTS, { dryRun: true }), []);
});

for (
  const [what, statement] of [
    ["does not have every table", INCOMPLETE],
    ["has one that is not done", "DELETE FROM $SCHEMA.FRESHET_OFFSETS_DOMAIN WHERE KAFKA_PARTITION = -1"],
  ] as const
) {
  test(`a view that ${what} is not made anew without one that was dropped`, async ({ schema, warehouse }) => {
    await bothDomains(warehouse);
    await schema.sql(statement);
    await schema.sql("DROP TABLE $SCHEMA.FRESHET_OFFSETS_OTHER");
    await using again = await schema.open();
    await assertRejects(() => again.migrate(SCRIPTS), WarehouseRefusedError, "dropped");
    await assertRejects(() => again.migrate(SCRIPTS, { dryRun: true }), WarehouseRefusedError, "dropped");
    await using writer = await again.writer("other");
    await assertRejects(() => writer.claim(TOPIC, [0]), WarehouseRefusedError, "dropped");
  });
}

test("a table of offsets that was dropped is not made anew", async ({ schema, warehouse }) => {
  await warehouse.migrate(SCRIPTS);
  await schema.sql("DROP TABLE $SCHEMA.FRESHET_OFFSETS_DOMAIN");
  await using again = await schema.open();
  await assertRejects(() => again.migrate(SCRIPTS), WarehouseRefusedError, "dropped");
  await using writer = await again.writer("domain");
  await assertRejects(() => writer.claim(TOPIC, [0]), WarehouseRefusedError, "dropped");
  await assertRejects(() => schema.sql("SELECT 1 FROM $SCHEMA.FRESHET_OFFSETS_DOMAIN"));
});

for (
  const [what, statement] of [
    ["a copy", "CREATE TABLE $SCHEMA.FRESHET_OFFSETS_DOMAIN_OLD AS SELECT * FROM $SCHEMA.FRESHET_OFFSETS_DOMAIN"],
    ["a table of somebody's own", "CREATE TABLE $SCHEMA.FRESHET_OFFSETS_NOTES (DOMAIN VARCHAR, NOTE VARCHAR)"],
  ] as const
) {
  test(`${what} beside the tables of offsets is not in the view, and can be dropped`, async ({ schema, warehouse }) => {
    await bothDomains(warehouse);
    await schema.sql(statement);
    const third = {
      ...TABLES,
      name: "third",
      text: "-- version 1: nothing\nCREATE TABLE IF NOT EXISTS THIRD (ID BIGINT);",
    };
    await using again = await schema.open();
    // The view is made anew, since there is another domain.
    await again.migrate([...SCRIPTS, third]);
    assertEquals((await rowsOf(again, POSITIONS)).map(([domain]) => domain), ["domain", "other"]);
    await schema.sql(statement.replace(/CREATE TABLE (\S+).*/, "DROP TABLE $1"));
    await using later = await schema.open();
    await later.migrate([...SCRIPTS, third]);
    assertEquals((await rowsOf(later, POSITIONS)).map(([domain]) => domain), ["domain", "other"]);
    assertEquals(await later.migrate([...SCRIPTS, third], { dryRun: true }), []);
  });
}

test("a view that reads a copy, as older versions made it, is made anew without it", async ({ schema, warehouse }) => {
  await bothDomains(warehouse);
  await schema.sql("CREATE TABLE $SCHEMA.FRESHET_OFFSETS_OLD AS SELECT * FROM $SCHEMA.FRESHET_OFFSETS_DOMAIN");
  const parts = ["DOMAIN", "OLD", "OTHER"].map((name) => `SELECT * FROM $SCHEMA.FRESHET_OFFSETS_${name}`);
  await schema.sql(`CREATE OR REPLACE VIEW $SCHEMA.FRESHET_OFFSETS AS ${parts.join(" UNION ALL ")}`);
  await using again = await schema.open();
  await again.migrate(SCRIPTS);
  assertEquals((await rowsOf(again, POSITIONS)).map(([domain]) => domain), ["domain", "other"]);
});

test("what was granted on the view stays when it is made anew, and a first one has its schema's future grants", async ({ warehouse }) => {
  double!.clearLog();
  await bothDomains(warehouse);
  const made = double!.statements().map(({ sql }) => sql).filter((sql) =>
    sql.startsWith("CREATE OR REPLACE VIEW FRESHET_")
  );
  assertEquals(made.map((sql) => sql.includes("FRESHET_OFFSETS COPY GRANTS AS")), [false, true]);
});

test("processes that move the offsets of an older schema at once wait for each other", async ({ schema, warehouse }) => {
  await olderSchema(schema);
  // Who looked first renames last, while the other is not done with the rows.
  const late = double!.control.inject({ kind: "slow", ms: 1000 }, { statement: /^ALTER TABLE FRESHET_OFFSETS RENAME/ });
  const long = double!.control.inject({ kind: "slow", ms: 3000 }, {
    statement: /^DELETE FROM FRESHET_OFFSETS__BEFORE/,
  });
  await Promise.all(["domain", "other"].map(async (name) => {
    await using own = await schema.open();
    await using writer = await own.writer(name);
    await writer.claim(TOPIC, [0]);
  }));
  assertEquals([late.hits, long.hits], [1, 1]);
  const positions = [["domain", 0, 7, 4], ["other", 0, 0, 1], ["other", 2, 1, 1]];
  assertEquals(await rowsOf(warehouse, `${POSITIONS}, KAFKA_PARTITION`), positions);
});
