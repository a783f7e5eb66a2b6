// Locks that others hold, statements that take long, and tables that were changed under the run.

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { FencedError, WarehouseRefusedError, WarehouseUnavailableError } from "../../src/errors.ts";
import type { Claim, Row, Unit, Warehouse, Writer } from "../../src/warehouse/warehouse.ts";
import { append, rowsOf, segment, stateOf, SYSTEM, TABLES, TOPIC, unit } from "../contracts/warehouse/suite.ts";
import { type OwnSchema, ownSchema } from "../support/snowflake/adapter.ts";
import { DEFAULT_USER, startSnowflake, whyNoSnowflake } from "../support/snowflake/mod.ts";

const skip = await whyNoSnowflake();
const double = skip === undefined ? await startSnowflake({ inProgressAfterMs: 300 }) : undefined;
Deno.test.afterAll(async () => await double?.stop());

interface Bench {
  readonly schema: OwnSchema;
  readonly warehouse: Warehouse;
  readonly writer: Writer;
  readonly claims: readonly Claim[];
}

function test(name: string, body: (bench: Bench) => Promise<void>): void {
  Deno.test({
    name: `snowflake: ${name}`,
    ignore: skip !== undefined,
    async fn() {
      await using schema = await ownSchema(double!);
      await using warehouse = await schema.open();
      await warehouse.migrate([SYSTEM, TABLES]);
      await using writer = await warehouse.writer("domain");
      try {
        await body({ schema, warehouse, writer, claims: await writer.claim(TOPIC, [0]) });
      } finally {
        double!.control.clearFaults();
        await double!.control.set({ denied: [] });
      }
    },
  });
}

const events = (...rows: readonly Row[]) => ({ appends: [append("EVENTS", segment(rows))] });
const ROW = { ID: 1, NAME: "a" };
const COUNT: Partial<Unit> = {
  upserts: [{ table: "COUNTS", keyColumns: ["NAME"], rows: [{ NAME: "a", TOTAL: 1 }] }],
};

const ABANDONED = [
  ["the offsets", "UPDATE $SCHEMA.FRESHET_OFFSETS_DOMAIN SET EPOCH = EPOCH + 1"],
  ["a derived table", "DELETE FROM $SCHEMA.COUNTS"],
] as const;

for (const [what, statement] of ABANDONED) {
  test(`a predecessor killed in mid-transaction with locks on ${what} holds nobody up for long`, async (bench) => {
    const { schema, writer, claims } = bench;
    const scoped = statement.replace("$SCHEMA", `${double!.database}.${schema.name}`);
    await using _dead = await double!.control.abandonTransaction("BEGIN NAME freshet_domain_0badcafe_7", scoped);
    const from = performance.now();
    await using successor = await bench.warehouse.writer("domain");
    const newer = await successor.claim(TOPIC, [0]);
    await successor.commit(unit(newer, 1, { ...events(ROW), ...COUNT }));
    assert(performance.now() - from < 20_000);
    assertEquals(await rowsOf(bench.warehouse, "SELECT * FROM EVENTS"), [[1, "a"]]);
    await assertRejects(() => writer.commit(unit(claims, 1, events(ROW))), FencedError);
  });
}

test("a transaction of somebody else is left alone, and the lock is told", async ({ schema, writer, claims }) => {
  const counts = `${double!.database}.${schema.name}.COUNTS`;
  const other = await double!.control.abandonTransaction("BEGIN NAME nightly_report", `DELETE FROM ${counts}`);
  const error = await assertRejects(() => writer.commit(unit(claims, 1, COUNT)), WarehouseUnavailableError);
  assertStringIncludes(error.message, "locked");
  await other[Symbol.asyncDispose]();
  await writer.commit(unit(claims, 1, COUNT));
});

test("a lock that is released in time is waited for", async ({ schema, writer, claims }) => {
  const counts = `${double!.database}.${schema.name}.COUNTS`;
  const other = await double!.control.abandonTransaction("BEGIN NAME nightly_report", `DELETE FROM ${counts}`);
  const committing = writer.commit(unit(claims, 1, COUNT));
  await until(async () => (await double!.control.locks()).some(({ status }) => status === "WAITING"));
  await other[Symbol.asyncDispose]();
  await committing;
});

/** An upsert into COUNTS and one into DEFAULTED, whose names are in this order. */
const upsertsOf = (id: number): Unit["upserts"] => [
  { table: "COUNTS", keyColumns: ["NAME"], rows: [{ NAME: `n${id}`, TOTAL: id }] },
  { table: "DEFAULTED", keyColumns: ["ID"], rows: [{ ID: id, KIND: "k" }] },
];

test("two processes whose units have the tables in opposite orders do not wait for each other for ever", async (bench) => {
  const limits = { lockSeconds: 20, abandonedSeconds: 60 };
  await using one = await bench.schema.open({ limits });
  await using other = await bench.schema.open({ limits });
  await using first = await one.writer("domain");
  await using second = await other.writer("domain");
  const claims = [await first.claim(TOPIC, [0]), await second.claim(TOPIC, [1])];
  const units = [0, 1].map((i) => {
    const [counts, defaulted] = upsertsOf(i);
    const gone = { table: "COUNTS", keyColumns: ["NAME"], rows: [{ NAME: "gone" }] };
    const parts = i === 0 ? { upserts: [counts!, defaulted!] } : { upserts: [defaulted!], deletes: [gone] };
    return unit(claims[i]!, 1, parts);
  });
  double!.clearLog();
  double!.control.inject({ kind: "slow", ms: 700 }, { statement: /^(MERGE|DELETE)/, times: Infinity });
  await Promise.all([first, second].map((writer, i) => writer.commit(units[i]!)));
  const locked = double!.statements().filter(({ code }) => code === "000625");
  assertEquals(locked.map(({ sql }) => sql), []);
  assertEquals(await rowsOf(bench.warehouse, "SELECT ID FROM DEFAULTED ORDER BY ID"), [[0], [1]]);
});

test("who waits in vain for a lock lets go of those it has, and writes its unit once it gets all", async (bench) => {
  const { schema, warehouse, writer, claims } = bench;
  const table = `${double!.database}.${schema.name}.DEFAULTED`;
  const other = await double!.control.abandonTransaction("BEGIN NAME nightly_report", `DELETE FROM ${table}`);
  const has = async (name: string) =>
    (await double!.control.locks()).some((lock) => lock.table.endsWith(`.${name}`) && lock.status === "HOLDING");
  const committing = writer.commit(unit(claims, 1, { ...events(ROW), upserts: upsertsOf(7) }));
  committing.catch(() => {});
  await until(() => has("COUNTS"));
  await until(async () => !await has("COUNTS"));
  await other[Symbol.asyncDispose]();
  await committing;
  assertEquals(await rowsOf(warehouse, "SELECT * FROM EVENTS"), [[1, "a"]]);
  assertEquals(await rowsOf(warehouse, "SELECT NAME, TOTAL FROM COUNTS"), [["n7", 7]]);
  assertEquals((await writer.positions(TOPIC, [0])).map(({ checkpoint }) => checkpoint), [1]);
});

/** Fails when it does not hold within a minute. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  for (const giveUpAt = Date.now() + 60_000; !await condition();) {
    assert(Date.now() < giveUpAt, "waited in vain");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test("a statement without an answer is given up at the deadline, and the unit is written by the next try", async (bench) => {
  const limits = { statementSeconds: 0, driverMs: 4_000 };
  await using warehouse = await bench.schema.open({ limits });
  await using writer = await warehouse.writer("domain");
  const claims = await writer.claim(TOPIC, [0]);
  double!.control.inject({ kind: "slow", ms: 10_000 }, { statement: "INSERT" });
  const error = await assertRejects(() => writer.commit(unit(claims, 1, events(ROW))), WarehouseUnavailableError);
  assertStringIncludes(error.message, "did not answer in time");
  await writer.commit(unit(claims, 1, events(ROW)));
  assertEquals(await rowsOf(warehouse, "SELECT * FROM EVENTS"), [[1, "a"]]);
});

Deno.test({
  name: "snowflake: a server that answers nothing but 503 is told as such",
  ignore: skip !== undefined,
  // The driver goes on trying after the adapter has given up.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using schema = await ownSchema(double!);
    await using warehouse = await schema.open({ limits: { statementSeconds: 0, driverMs: 4_000 } });
    double!.control.inject({ kind: "status", status: 503 }, { times: Infinity });
    await assertRejects(() => warehouse.query("SELECT 1"), WarehouseUnavailableError, "Snowflake account");
    double!.control.clearFaults();
    assertEquals((await warehouse.query("SELECT 1")).rows, [[1]]);
    // The driver's next try, if it has one left, comes to a session that was logged out.
    const tries = double!.requests().length;
    for (const giveUpAt = Date.now() + 10_000; double!.requests().length === tries && Date.now() < giveUpAt;) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assertEquals((await warehouse.query("SELECT 1")).rows, [[1]]);
  },
});

Deno.test({
  name: "snowflake: a statement that the driver sends again after its transaction was given up changes nothing",
  ignore: skip !== undefined,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using schema = await ownSchema(double!);
    await using warehouse = await schema.open({ limits: { statementSeconds: 0, driverMs: 4_000 } });
    await warehouse.migrate([SYSTEM, TABLES]);
    await using writer = await warehouse.writer("domain");
    const claims = await writer.claim(TOPIC, [0]);
    try {
      double!.clearLog();
      // No answer before the deadline, and the session cannot be ended.
      const refused = double!.control.inject({ kind: "status", status: 503 }, {
        statement: "INSERT ALL",
        times: Infinity,
      });
      const stuck = double!.control.inject({ kind: "status", status: 503 }, { request: "close", times: Infinity });
      await assertRejects(() => writer.commit(unit(claims, 1, events(ROW))), WarehouseUnavailableError);
      // A new connection has ended the transaction.
      assertEquals(await writer.positions(TOPIC, [0]), claims);
      // Only now does a try of the driver, which goes on by itself, come through.
      refused.remove();
      const again = () => double!.statements().find(({ sql, executed }) => executed && sql.startsWith("INSERT ALL"));
      await until(() => Promise.resolve(again()?.code !== undefined));
      stuck.remove();
      assert(refused.hits > 0);
      assertEquals([again()!.code, again()!.rows], ["", 0]);
      assertEquals(await writer.positions(TOPIC, [0]), claims);
      await writer.commit(unit(claims, 1, events(ROW)));
      assertEquals(await rowsOf(warehouse, "SELECT * FROM EVENTS"), [[1, "a"]]);
    } finally {
      double!.control.clearFaults();
    }
  },
});

const CHANGES: readonly (readonly [what: string, change: string, undo: string, told: readonly string[]])[] = [
  ["dropped", "DROP TABLE $SCHEMA.EVENTS", "CREATE TABLE $SCHEMA.EVENTS (ID BIGINT, NAME VARCHAR)", [
    "EVENTS",
    "freshet replay <domain>",
    "UNDROP TABLE",
  ]],
  [
    "altered so that a column is missing",
    "ALTER TABLE $SCHEMA.EVENTS DROP COLUMN NAME",
    [
      "ALTER TABLE $SCHEMA.EVENTS ADD COLUMN NAME VARCHAR",
    ][0]!,
    ["NAME", "altered"],
  ],
];

for (const [what, change, undo, told] of CHANGES) {
  test(`a table ${what} under the run is named, and nothing of the unit is written`, async (bench) => {
    const { schema, warehouse, writer, claims } = bench;
    await writer.commit(unit(claims, 1, events(ROW)));
    await schema.sql(change);
    const now = await writer.positions(TOPIC, [0]);
    const error = await assertRejects(
      () => writer.commit(unit(now, 2, { ...events({ ID: 2, NAME: "b" }), ...COUNT })),
      WarehouseRefusedError,
    );
    for (const part of told) assertStringIncludes(error.message, part);
    assertEquals(await writer.positions(TOPIC, [0]), now);
    assertEquals(await rowsOf(warehouse, "SELECT * FROM COUNTS"), []);
    await schema.sql(undo);
    await writer.commit(unit(now, 2, events({ ID: 2, NAME: "b" })));
    assertEquals((await rowsOf(warehouse, "SELECT NAME FROM EVENTS WHERE ID = 2")).flat(), ["b"]);
  });
}

test("a column added under the run does no harm", async ({ schema, warehouse, writer, claims }) => {
  await schema.sql("ALTER TABLE $SCHEMA.EVENTS ADD COLUMN NOVELTY BIGINT");
  await writer.commit(unit(claims, 1, events(ROW)));
  assertEquals(await rowsOf(warehouse, "SELECT * FROM EVENTS"), [[1, "a", null]]);
});

for (const privilege of ["INSERT", "UPDATE", "DELETE"] as const) {
  test(`a role that lacks ${privilege} is told so, and nothing of the unit is written`, async (bench) => {
    const { schema, writer, claims } = bench;
    const role = DEFAULT_USER.roles[0]!;
    await double!.control.set({ denied: [{ role, privilege, on: privilege === "INSERT" ? "EVENTS" : "COUNTS" }] });
    const parts: Partial<Unit> = {
      ...events(ROW),
      ...COUNT,
      deletes: [{ table: "COUNTS", keyColumns: ["NAME"], rows: [{ NAME: "z" }] }],
    };
    const error = await assertRejects(() => writer.commit(unit(claims, 1, parts)), WarehouseRefusedError);
    assertStringIncludes(error.message, role);
    assertStringIncludes(error.message, "GRANT");
    await double!.control.set({ denied: [] });
    assertEquals(await schema.sql("SELECT * FROM $SCHEMA.EVENTS"), []);
    await writer.commit(unit(claims, 1, parts));
  });
}

test("a refusal that no single row explains can be tried again, and then goes well", async ({ warehouse, writer, claims }) => {
  const error = {
    kind: "error",
    code: "100038",
    sqlState: "22018",
    message: "Numeric value is not recognized",
  } as const;
  double!.control.inject(error, { statement: "INSERT ALL" });
  const told = await assertRejects(() => writer.commit(unit(claims, 1, events(ROW))), WarehouseUnavailableError);
  assertStringIncludes(told.message, "none alone");
  await writer.commit(unit(claims, 1, events(ROW)));
  assertEquals(await rowsOf(warehouse, "SELECT * FROM EVENTS"), [[1, "a"]]);
});

test("state that a process before never came to compact is compacted when it is read", async (bench) => {
  const { schema, warehouse, writer } = bench;
  const checkpoints = JSON.stringify(Array.from({ length: 30_000 }, (_, i) => i + 1));
  await schema.sql(`INSERT INTO $SCHEMA.FRESHET_STATE
    (DOMAIN, OPERATOR, TOPIC, KAFKA_PARTITION, NAMESPACE, STATE_KEY, STATE_VALUE, CHECKPOINT_ID)
    SELECT 'domain', 'o', '${TOPIC}', 0, 0, 'k' || (value::BIGINT % 10), 'v' || value::BIGINT, value::BIGINT
    FROM TABLE(FLATTEN(INPUT => PARSE_JSON('${checkpoints}')))`);
  assertEquals((await stateOf(writer, [0])).map(({ value }) => value).toSorted(), [
    ...Array.from({ length: 10 }, (_, i) => `v${29_991 + i}`),
  ]);
  assertEquals(await rowsOf(warehouse, "SELECT COUNT(*) FROM FRESHET_STATE"), [[10]]);
});

test("without anything to do nothing is sent", async ({ writer, claims }) => {
  await writer.commit(unit(claims, 1, events(ROW)));
  double!.clearLog();
  await new Promise((resolve) => setTimeout(resolve, 300));
  assertEquals(double!.statements(), []);
});
