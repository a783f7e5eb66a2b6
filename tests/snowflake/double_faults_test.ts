// Faults of the double and what the official driver makes of them. The driver's own sleeps between its tries are why
// some of these take seconds.

import { assert, assertEquals } from "@std/assert";
import { Client, refusal } from "../support/snowflake/driver.ts";
import { startSnowflake, whyNoSnowflake } from "../support/snowflake/mod.ts";

const skip = await whyNoSnowflake();
const double = skip === undefined ? await startSnowflake({ inProgressAfterMs: 300 }) : undefined;
Deno.test.afterAll(async () => await double?.stop());

/** Runs a test with a session of its own and an empty table T (N BIGINT). */
function test(name: string, body: (client: Client) => Promise<void>): void {
  Deno.test({
    name: `snowflake double: ${name}`,
    ignore: skip !== undefined,
    async fn() {
      await using client = await Client.connect(double!);
      await client.run("CREATE OR REPLACE TABLE T (N BIGINT)");
      double!.clearLog();
      try {
        await body(client);
      } finally {
        double!.control.clearFaults();
      }
    },
  });
}

const inject = (...args: Parameters<NonNullable<typeof double>["control"]["inject"]>) =>
  double!.control.inject(...args);
/** What the tables hold, asked beside the driver. */
const stored = async () => (await double!.control.sql("SELECT N FROM T ORDER BY N")).map(([n]) => Number(n));
const log = () => double!.statements().map(({ sql, executed, fault }) => [sql, executed, fault ?? ""]);
const INSERT = "INSERT INTO T VALUES (1)";

test("a 503 is retried by the driver and the statement runs once", async (client) => {
  inject({ kind: "status", status: 503 }, { statement: "INSERT" });
  assertEquals((await client.run(INSERT)).updated, 1);
  assertEquals(await stored(), [1]);
  assertEquals(log(), [[INSERT, false, "status"], [INSERT, true, ""]]);
  const [first, second] = double!.statements();
  assertEquals([first!.requestId === second!.requestId, second!.retry], [true, 1]);
});

test("a 429 that asks to wait is retried, too", async (client) => {
  inject({ kind: "status", status: 429, retryAfterSeconds: 1 }, { statement: "INSERT" });
  await client.run(INSERT);
  assertEquals(await stored(), [1]);
});

test("a line cut before a statement leads to a retry that runs it", async (client) => {
  inject({ kind: "cut_before" }, { statement: "INSERT" });
  await client.run(INSERT);
  assertEquals(await stored(), [1]);
  assertEquals(log(), [[INSERT, false, "cut_before"], [INSERT, true, ""]]);
});

test("a line cut after a statement leads to a retry that is answered with the first result", async (client) => {
  inject({ kind: "cut_after" }, { statement: "INSERT" });
  assertEquals((await client.run(INSERT)).updated, 1);
  assertEquals(await stored(), [1]);
  assertEquals(log(), [[INSERT, true, "cut_after"], [INSERT, false, ""]]);
});

test("a cut line is tried again at once by the HTTP client below the driver, then by the driver", async (client) => {
  inject({ kind: "cut_after" }, { statement: "INSERT", times: 2 });
  await client.run(INSERT);
  assertEquals(log(), [[INSERT, true, "cut_after"], [INSERT, false, "cut_after"], [INSERT, false, ""]]);
  assertEquals(double!.statements().map(({ retry }) => retry), [0, 0, 1]);
  assertEquals(await stored(), [1]);
});

test("a retry may run the statement again", async (client) => {
  inject({ kind: "cut_after", retry: "run_again" }, { statement: "INSERT" });
  await client.run(INSERT);
  assertEquals(await stored(), [1, 1]);
});

test("a commit whose answer is lost has happened, and the retry says so", async (client) => {
  await client.run("BEGIN");
  await client.run(INSERT);
  inject({ kind: "cut_after" }, { statement: "COMMIT" });
  await client.run("COMMIT");
  assertEquals(await stored(), [1]);
});

test("a commit that is run again commits nothing more", async (client) => {
  await client.run("BEGIN");
  await client.run(INSERT);
  inject({ kind: "cut_after", retry: "run_again" }, { statement: "COMMIT" });
  await client.run("COMMIT");
  assertEquals(await stored(), [1]);
});

test("a commit whose answer and session are lost has happened, and the driver cannot know", async (client) => {
  await client.run("BEGIN");
  await client.run(INSERT);
  inject({ kind: "cut_after", retry: "dead_session" }, { statement: "COMMIT" });
  assertEquals((await refusal(client.run("COMMIT"))).code, "407002");
  assertEquals(await stored(), [1]);
});

test("a session that goes just before the commit takes the transaction and its locks with it", async (client) => {
  await client.run("BEGIN");
  await client.run(INSERT);
  await client.run("UPDATE T SET N = 2");
  inject({ kind: "session_gone" }, { statement: "COMMIT" });
  assertEquals((await refusal(client.run("COMMIT"))).code, "407002");
  assertEquals(await stored(), []);
  assertEquals(await double!.control.locks(), []);
  assertEquals((await refusal(client.run("SELECT 1"))).code, "407002");
});

test("an expired token is renewed in mid-transaction and nothing is lost", async (client) => {
  await client.run("BEGIN");
  await client.run(INSERT);
  inject({ kind: "token_expired" }, { statement: "VALUES (2)" });
  await client.run("INSERT INTO T VALUES (2)");
  await client.run("COMMIT");
  assertEquals(await stored(), [1, 2]);
  assert(double!.requests().some(({ path }) => path === "/session/token-request"));
});

test("a token is renewed when its time has come", async (client) => {
  double!.control.setClockOffset(3_601_000);
  try {
    assertEquals(await client.values("SELECT 7"), [7]);
  } finally {
    double!.control.setClockOffset(0);
  }
  assert(double!.requests().some(({ path }) => path === "/session/token-request"));
});

test("an expired master token ends the connection", async (client) => {
  inject({ kind: "master_token_expired" }, { statement: "INSERT" });
  assertEquals((await refusal(client.run(INSERT))).code, "407002");
  assertEquals(await stored(), []);
});

test("a session that is ended from outside is gone at the next statement", async (client) => {
  await client.run("BEGIN");
  await client.run(INSERT);
  await double!.control.endSessions();
  assertEquals((await refusal(client.run("COMMIT"))).code, "407002");
  assertEquals(await stored(), []);
});

test("an error of choice is answered without running the statement", async (client) => {
  inject({ kind: "error", code: "000603", sqlState: "XX000", message: "incident 1" }, {
    statement: /^insert/i,
    skip: 1,
  });
  await client.run(INSERT);
  const { code, sqlState } = await refusal(client.run(INSERT));
  assertEquals([code, sqlState, await stored()], ["000603", "XX000", [1]]);
});

test("a transaction rolled back by the server goes on in silence: what follows is committed by itself", async (client) => {
  await client.run("BEGIN");
  await client.run(INSERT);
  inject({ kind: "transaction_aborted" }, { statement: "VALUES (2)" });
  await client.run("INSERT INTO T VALUES (2)");
  assertEquals(await stored(), [2]);
  await client.run("COMMIT");
});

test("or what follows is refused until it is rolled back", async (client) => {
  await double!.control.set({ after_forced_rollback: "error" });
  try {
    await client.run("BEGIN");
    await client.run(INSERT);
    inject({ kind: "transaction_aborted" }, { statement: "VALUES (2)" });
    assertEquals((await refusal(client.run("INSERT INTO T VALUES (2)"))).code, "000664");
    await client.run("ROLLBACK");
    await client.run("INSERT INTO T VALUES (3)");
    assertEquals(await stored(), [3]);
  } finally {
    await double!.control.set({ after_forced_rollback: "silent" });
  }
});

test("a slow statement is answered with in progress, then with its result", async (client) => {
  inject({ kind: "slow", ms: 900 }, { statement: "INSERT" });
  assertEquals((await client.run(INSERT)).updated, 1);
  const polls = double!.requests().filter(({ path }) => path.endsWith("/result"));
  assert(polls.length >= 1);
  assertEquals(await stored(), [1]);
});

test("a statement that is cancelled ends with 000604 and undoes nothing else", async (client) => {
  await client.run("BEGIN");
  await client.run(INSERT);
  inject({ kind: "slow", ms: 60_000 }, { statement: "VALUES (2)" });
  const running = refusal(client.run("INSERT INTO T VALUES (2)"));
  await new Promise((resolve) => setTimeout(resolve, 100));
  client.started?.cancel(() => {});
  assertEquals((await running).code, "000604");
  await client.run("COMMIT");
  assertEquals(await stored(), [1]);
});

test("latency is added to every request", async (client) => {
  double!.control.setLatency(120);
  try {
    const begin = performance.now();
    await client.run("SELECT 1");
    assert(performance.now() - begin >= 120);
  } finally {
    double!.control.setLatency(0);
  }
});

test("the log has bytes, rows, time and session of each statement", async (client) => {
  await client.run("INSERT INTO T SELECT value::BIGINT FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?)))", ["[1,2,3]"]);
  await client.run("SELECT * FROM T");
  const [insert, select] = double!.statements();
  assertEquals([insert!.rows, select!.rows, insert!.session === select!.session], [3, 3, true]);
  assert(insert!.bindBytes >= 7 && insert!.textBytes > 50 && insert!.ms >= 0 && insert!.code === "");
});

test("a fault waits for its session, and for as many requests as it was told to let through", async (client) => {
  await using other = await Client.connect(double!);
  const [{ id } = { id: "" }] = double!.control.sessions().slice(-1);
  const fault = inject({ kind: "error", code: "000603", sqlState: "XX000", message: "" }, {
    session: id,
    skip: 1,
    times: 2,
  });
  await client.run("SELECT 1");
  await other.run("SELECT 1");
  await refusal(other.run("SELECT 2"));
  await refusal(other.run("SELECT 3"));
  await other.run("SELECT 4");
  assertEquals(fault.hits, 2);
});
