// The fence: a writer that waited for another one learns what that has done from a statement that began after the wait.

import { assertEquals, assertRejects } from "@std/assert";
import { FencedError } from "../../src/errors.ts";
import type { Warehouse } from "../../src/warehouse/warehouse.ts";
import { append, rowsOf, segment, SYSTEM, TABLES, TOPIC, unit } from "../contracts/warehouse/suite.ts";
import { type OwnSchema, ownSchema } from "../support/snowflake/adapter.ts";
import { Client } from "../support/snowflake/driver.ts";
import { startSnowflake, whyNoSnowflake } from "../support/snowflake/mod.ts";

const skip = await whyNoSnowflake();
const double = skip === undefined ? await startSnowflake() : undefined;
Deno.test.afterAll(async () => await double?.stop());

/** `other`: a session in the same schema, with a transaction of its own. */
function test(
  name: string,
  body: (bench: { schema: OwnSchema; warehouse: Warehouse; other: Client }) => Promise<void>,
): void {
  Deno.test({
    name: `snowflake: ${name}`,
    ignore: skip !== undefined,
    async fn() {
      // Nobody is given up while the test looks on.
      await using schema = await ownSchema(double!, { lockSeconds: 20, abandonedSeconds: 60 });
      await using warehouse = await schema.open();
      await warehouse.migrate([SYSTEM, TABLES]);
      await using other = await Client.connect(double!);
      await other.run(`USE SCHEMA ${schema.name}`);
      await body({ schema, warehouse, other });
    },
  });
}

/** The statement that is waiting for a lock, once there is one. */
async function waiting(): Promise<string> {
  for (;;) {
    const [waiter] = (await double!.control.locks()).filter(({ status }) => status === "WAITING");
    const statement = double!.statements().findLast(({ session, code }) =>
      session === waiter?.session && code === undefined
    );
    if (statement) return statement.sql;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Statements whose outcome depends on rows that another transaction may have changed. */
const sentSince = (start: string) => double!.statements().filter(({ sql }) => sql.startsWith(start)).length;

test("a unit waits in a statement that depends on nothing, and is fenced by one that began afterwards", async (bench) => {
  const { warehouse, other } = bench;
  await using writer = await warehouse.writer("domain");
  const claims = await writer.claim(TOPIC, [0]);
  await other.run("BEGIN");
  await other.run("UPDATE FRESHET_OFFSETS_DOMAIN SET EPOCH = EPOCH + 1");
  double!.clearLog();
  const rows = { appends: [append("EVENTS", segment([{ ID: 1, NAME: "a" }]))] };
  const committing = assertRejects(() => writer.commit(unit(claims, 1, rows)), FencedError);
  assertEquals((await waiting()).startsWith("UPDATE FRESHET_OFFSETS_DOMAIN SET UPDATED_AT = UPDATED_AT "), true);
  assertEquals(sentSince("UPDATE FRESHET_OFFSETS_DOMAIN SET NEXT_OFFSET"), 0);
  await other.run("COMMIT");
  await committing;
  assertEquals(sentSince("UPDATE FRESHET_OFFSETS_DOMAIN SET NEXT_OFFSET"), 1);
  assertEquals(await rowsOf(warehouse, "SELECT * FROM EVENTS"), []);
});

test("a claim waits in a statement that depends on nothing for a unit that is being committed", async (bench) => {
  const { warehouse, other } = bench;
  await using first = await warehouse.writer("domain");
  await first.claim(TOPIC, [0]);
  await other.run("BEGIN");
  await other.run("UPDATE FRESHET_OFFSETS_DOMAIN SET NEXT_OFFSET = 7, CHECKPOINT_ID = 1");
  double!.clearLog();
  await using second = await warehouse.writer("domain");
  const claiming = second.claim(TOPIC, [0]);
  assertEquals((await waiting()).startsWith("UPDATE FRESHET_OFFSETS_DOMAIN SET UPDATED_AT = UPDATED_AT "), true);
  assertEquals(sentSince("MERGE INTO FRESHET_OFFSETS_DOMAIN"), 0);
  await other.run("COMMIT");
  const [claim] = await claiming;
  assertEquals([claim!.nextOffset, claim!.checkpoint, claim!.epoch], [7, 1, 2]);
});

test("of two first claims of a topic one waits before it looks, and each partition has one row", async (bench) => {
  const { warehouse, other } = bench;
  await using writer = await warehouse.writer("domain");
  await writer.claim("another topic", [0]);
  await other.run("BEGIN");
  // As far as a claim comes before its MERGE.
  await other.run("UPDATE FRESHET_OFFSETS_DOMAIN SET UPDATED_AT = UPDATED_AT");
  await other.run(
    "INSERT INTO FRESHET_OFFSETS_DOMAIN (DOMAIN, TOPIC, KAFKA_PARTITION, NEXT_OFFSET, EPOCH, CHECKPOINT_ID, UPDATED_AT) " +
      `SELECT 'domain', '${TOPIC}', 0, 0, 1, 0, SYSDATE()`,
  );
  double!.clearLog();
  const claiming = writer.claim(TOPIC, [0]);
  assertEquals((await waiting()).startsWith("UPDATE FRESHET_OFFSETS_DOMAIN SET UPDATED_AT = UPDATED_AT "), true);
  assertEquals(sentSince("MERGE INTO FRESHET_OFFSETS_DOMAIN"), 0);
  await other.run("COMMIT");
  assertEquals((await claiming).map(({ epoch }) => epoch), [2]);
  assertEquals(await rowsOf(warehouse, `SELECT KAFKA_PARTITION, EPOCH FROM FRESHET_OFFSETS WHERE TOPIC = '${TOPIC}'`), [
    [0, 2],
  ]);
});
