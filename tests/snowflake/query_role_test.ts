// SNOWFLAKE_QUERY_ROLE: queries run on a session of their own with that role, and no other of the user's. And text that begins
// with U+FEFF comes back from Snowflake's reader as it went in.

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { QueryRefusedError, WarehouseRefusedError } from "../../src/errors.ts";
import type { Warehouse } from "../../src/warehouse/warehouse.ts";
import { ownSchema } from "../support/snowflake/adapter.ts";
import { DEFAULT_USER, startSnowflake, whyNoSnowflake } from "../support/snowflake/mod.ts";
import { SCRIPTS, TOPIC, unitOf } from "../warehouse/support.ts";

const skip = await whyNoSnowflake();

const WRITER = "FRESHET_WRITER";
const READER = "FRESHET_READER";
const double = skip === undefined
  ? await startSnowflake({ users: [{ ...DEFAULT_USER, roles: [WRITER, READER] }] })
  : undefined;
Deno.test.afterAll(async () => await double?.stop());

/** A warehouse with the role for its queries, whose tables are there. */
function test(name: string, queryRole: string | undefined, body: (warehouse: Warehouse) => Promise<void>): void {
  Deno.test({
    name: `snowflake: ${name}`,
    ignore: skip !== undefined,
    async fn() {
      await using schema = await ownSchema(double!);
      double!.clearLog();
      await using warehouse = await schema.open({ queryRole });
      await warehouse.migrate(SCRIPTS);
      try {
        await body(warehouse);
      } finally {
        await double!.control.set({ denied: [] });
      }
    },
  });
}

/** Sessions by the statement that they ran. */
const sessionsOf = (part: string) =>
  new Set(double!.statements().filter(({ sql }) => sql.includes(part)).map(({ session }) => session));

async function commitOne(warehouse: Warehouse): Promise<void> {
  await using writer = await warehouse.writer("domain");
  const [claim] = await writer.claim(TOPIC, [0]);
  await writer.commit(unitOf(claim!, 1));
}

test(
  "queries have the role of SNOWFLAKE_QUERY_ROLE alone, on a session that nothing else uses",
  READER,
  async (warehouse) => {
    const { rows } = await warehouse.query("SELECT CURRENT_ROLE() AS R");
    assertEquals(rows, [[READER]]);
    await commitOne(warehouse);
    const reading = sessionsOf("CURRENT_ROLE() AS R");
    assertEquals(reading.size, 1);
    assertEquals(sessionsOf("USE SECONDARY ROLES NONE"), reading);
    for (const part of ["CREATE TABLE", "INSERT", "UPDATE"]) {
      const others = sessionsOf(part);
      assert(others.size > 0, part);
      assert(others.isDisjointFrom(reading), part);
    }
  },
);

test("what its role may not read a query does not see, whatever the writer may", READER, async (warehouse) => {
  await double!.control.set({
    denied: ["INSERT", "UPDATE", "DELETE", "CREATE TABLE", "SELECT"].map((privilege) => ({
      role: READER,
      privilege,
      on: privilege === "SELECT" ? "FRESHET_STATE" : "*",
    })),
  });
  await commitOne(warehouse);
  assertEquals((await warehouse.query("SELECT COUNT(*) FROM FRESHET_OFFSETS")).rows, [[1]]);
  await assertRejects(() => warehouse.query("SELECT * FROM FRESHET_STATE"), QueryRefusedError, "FRESHET_STATE");
});

test("without it queries have the writer's role, and share the session of migrations", undefined, async (warehouse) => {
  assertEquals((await warehouse.query("SELECT CURRENT_ROLE() AS R")).rows, [[WRITER]]);
  assertEquals(sessionsOf("USE SECONDARY ROLES NONE").size, 0);
  assertEquals(sessionsOf("CREATE TABLE"), sessionsOf("CURRENT_ROLE() AS R"));
});

Deno.test({
  name:
    "snowflake: queries have the warehouse of SNOWFLAKE_QUERY_WAREHOUSE, and the writer's role where they have none of their own",
  ignore: skip !== undefined,
  async fn() {
    await using schema = await ownSchema(double!);
    await double!.control.sql("CREATE WAREHOUSE IF NOT EXISTS LOOKING_WH");
    double!.clearLog();
    await using warehouse = await schema.open({ queryWarehouse: "LOOKING_WH" });
    const asked = "SELECT CURRENT_WAREHOUSE() AS W, CURRENT_ROLE() AS R";
    assertEquals((await warehouse.query(asked)).rows, [["LOOKING_WH", WRITER]]);
    await warehouse.migrate(SCRIPTS);
    await commitOne(warehouse);
    assert(sessionsOf("INSERT").isDisjointFrom(sessionsOf(asked)));
    assert(sessionsOf("CREATE TABLE").isDisjointFrom(sessionsOf(asked)));
    await using wrong = await schema.open({ queryWarehouse: "NOT_MINE" });
    await assertRejects(
      () => wrong.query("SELECT * FROM FRESHET_OFFSETS"),
      WarehouseRefusedError,
      "check SNOWFLAKE_QUERY_WAREHOUSE",
    );
  },
});

Deno.test({
  name: "snowflake: a role for queries that the user does not have is told with the setting's name",
  ignore: skip !== undefined,
  async fn() {
    await using schema = await ownSchema(double!);
    const error = await assertRejects(() => schema.open({ queryRole: "NOBODY" }), WarehouseRefusedError);
    for (const part of ["NOBODY", "check SNOWFLAKE_QUERY_ROLE"]) assertStringIncludes(error.message, part);
  },
});

test("text and keys of state that begin with U+FEFF come back as they went in", READER, async (warehouse) => {
  const texts = ["\ufeff", "\ufeffC106", "C106", `\ufeff${"long".repeat(100)}`];
  const cells = "? AS A, TO_JSON(OBJECT_CONSTRUCT('k', ?)) AS B";
  for (const text of texts) {
    const { rows } = await warehouse.query(`SELECT ${cells}`, { binds: [text, text] });
    assertEquals(rows, [[text, JSON.stringify({ k: text })]]);
  }
  await using writer = await warehouse.writer("domain");
  const [claim] = await writer.claim(TOPIC, [0]);
  const state = texts.map((key) => ({ operator: "o", partition: 0, namespace: 0, key, value: JSON.stringify(key) }));
  await writer.commit({ ...unitOf(claim!, 1), state });
  const found = [];
  for await (const changes of writer.state(TOPIC, [0])) found.push(...changes);
  const byKey = <T extends { readonly key: string }>(changes: readonly T[]) =>
    changes.toSorted((a, b) => a.key < b.key ? -1 : 1);
  assertEquals(byKey(found), byKey(state));
});
