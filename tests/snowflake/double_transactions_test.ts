// Transactions, locks and isolation of the double, as Snowflake documents them, through the official driver.

import { assertEquals } from "@std/assert";
import { refusal } from "../support/snowflake/driver.ts";
import { double, testTwoClients as test } from "./two_clients.ts";

test("a transaction is its session's until it commits, and gone when it is rolled back", async (one, two) => {
  await one.run("CREATE TABLE T (N BIGINT)");
  await one.run("BEGIN");
  await one.run("INSERT INTO T VALUES (1)");
  assertEquals(await one.values("SELECT N FROM T"), [1]);
  assertEquals(await two.values("SELECT N FROM T"), []);
  await one.run("COMMIT");
  assertEquals(await two.values("SELECT N FROM T"), [1]);
  await one.run("BEGIN TRANSACTION");
  await one.run("INSERT INTO T VALUES (2)");
  await one.run("ROLLBACK");
  assertEquals(await one.values("SELECT N FROM T"), [1]);
});

test("with AUTOCOMMIT off a transaction opens by itself", async (one, two) => {
  await one.run("CREATE TABLE T (N BIGINT)");
  await one.run("ALTER SESSION SET AUTOCOMMIT = FALSE");
  await one.run("INSERT INTO T VALUES (1)");
  assertEquals(await two.values("SELECT N FROM T"), []);
  await one.run("COMMIT");
  assertEquals(await two.values("SELECT N FROM T"), [1]);
});

test("a failed statement leaves the transaction open with what came before", async (one) => {
  await one.run("CREATE TABLE T (N BIGINT)");
  await one.run("BEGIN");
  await one.run("INSERT INTO T VALUES (1)");
  assertEquals((await refusal(one.run("INSERT INTO T SELECT 'abc'"))).code, "100038");
  assertEquals((await refusal(one.run("SELECT NOPE FROM T"))).code, "000904");
  await one.run("INSERT INTO T VALUES (2)");
  await one.run("COMMIT");
  assertEquals(await one.values("SELECT N FROM T ORDER BY N"), [1, 2]);
});

test("DDL commits the open transaction", async (one) => {
  await one.run("CREATE TABLE T (N BIGINT)");
  await one.run("BEGIN");
  await one.run("INSERT INTO T VALUES (1)");
  await one.run("CREATE TABLE U (N BIGINT)");
  await one.run("ROLLBACK");
  assertEquals(await one.values("SELECT N FROM T"), [1]);
});

test("each statement of a transaction sees what others have committed by then", async (one, two) => {
  await one.run("CREATE TABLE T (N BIGINT)");
  await one.run("CREATE TABLE O (NEXT_OFFSET BIGINT, EPOCH BIGINT)");
  await one.run("INSERT INTO O VALUES (10, 1)");
  await one.run("BEGIN");
  await one.run("INSERT INTO T VALUES (1)");
  await two.run("UPDATE O SET EPOCH = 2");
  assertEquals(await one.values("SELECT EPOCH FROM O"), [2]);
  assertEquals((await one.run("UPDATE O SET NEXT_OFFSET = 20 WHERE EPOCH = 1")).updated, 0);
  await one.run("ROLLBACK");
});

test("UPDATE waits for the table that another transaction has changed, INSERT does not", async (one, two) => {
  await one.run("CREATE TABLE O (EPOCH BIGINT)");
  await one.run("INSERT INTO O VALUES (1)");
  await one.run("BEGIN");
  await one.run("UPDATE O SET EPOCH = 2 WHERE EPOCH = 1");
  await two.run("INSERT INTO O VALUES (100)");
  const waiting = two.run("UPDATE O SET EPOCH = 3 WHERE EPOCH = 1");
  await until(async () => (await double!.control.locks()).some(({ status }) => status === "WAITING"));
  await one.run("COMMIT");
  assertEquals((await waiting).updated, 0);
});

test("a wait longer than LOCK_TIMEOUT is refused", async (one, two) => {
  await one.run("CREATE TABLE O (EPOCH BIGINT)");
  await one.run("INSERT INTO O VALUES (1)");
  await one.run("BEGIN");
  await one.run("DELETE FROM O");
  await two.run("ALTER SESSION SET LOCK_TIMEOUT = 1");
  assertEquals((await refusal(two.run("UPDATE O SET EPOCH = 3"))).code, "000625");
  await one.run("ROLLBACK");
  assertEquals((await two.run("UPDATE O SET EPOCH = 3")).updated, 1);
});

test("two transactions that wait for each other are told apart", async (one, two) => {
  for (const table of ["A", "B"]) await one.run(`CREATE TABLE ${table} (N BIGINT)`);
  await one.run("BEGIN");
  await two.run("BEGIN");
  await one.run("UPDATE A SET N = 1");
  await two.run("UPDATE B SET N = 1");
  const waiting = one.run("UPDATE B SET N = 2");
  await until(async () => (await double!.control.locks()).some(({ status }) => status === "WAITING"));
  assertEquals((await refusal(two.run("UPDATE A SET N = 2"))).code, "000625");
  await two.run("ROLLBACK");
  await waiting;
});

test(
  "a killed predecessor's transaction is rolled back once it was idle long enough and is in the way",
  async (one, _two, schema) => {
    await one.run("CREATE TABLE O (EPOCH BIGINT)");
    await one.run("INSERT INTO O VALUES (1)");
    await using _dead = await double!.control.abandonTransaction(`UPDATE ${schema}.O SET EPOCH = 99`);
    await double!.control.set({ idle_transaction_seconds: 0.5 });
    try {
      assertEquals((await one.run("UPDATE O SET EPOCH = 2 WHERE EPOCH = 1")).updated, 1);
    } finally {
      await double!.control.set({ idle_transaction_seconds: 300 });
    }
  },
);

test("a statement over STATEMENT_TIMEOUT_IN_SECONDS is ended", async (one) => {
  await one.run("ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = 1");
  double!.control.inject({ kind: "slow", ms: 60_000 }, { statement: "'slow'" });
  assertEquals((await refusal(one.run("SELECT 'slow'"))).code, "000630");
});

test("the transaction of a session can be named, and is gone with it", async (one, two) => {
  await one.run("CREATE TABLE T (N BIGINT)");
  assertEquals(await one.values("SELECT CURRENT_TRANSACTION()"), [null]);
  await one.run("BEGIN");
  await one.run("UPDATE T SET N = 1");
  const [id] = await one.values("SELECT CURRENT_TRANSACTION()");
  await one.run("BEGIN");
  assertEquals(await one.values("SELECT CURRENT_TRANSACTION()"), [id]);
  await two.run(`SELECT SYSTEM$ABORT_TRANSACTION(${id})`);
  assertEquals(await one.values("SELECT CURRENT_TRANSACTION()"), [null]);
});

/** Asks until it is so. */
async function until(so: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 500 && !await so(); tries++) await new Promise((resolve) => setTimeout(resolve, 10));
}
