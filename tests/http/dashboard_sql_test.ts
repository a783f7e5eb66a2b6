import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createDashboard, type DashboardOptions } from "../../src/http/dashboard/mod.ts";
import { faultOf } from "../../src/http/dashboard/page/pages/sql/fault.ts";
import { resultText } from "../../src/http/dashboard/page/pages/sql/result_text.ts";
import { DUCKDB } from "../../src/warehouse/duckdb/traits.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import type { QueryOptions } from "../../src/warehouse/warehouse.ts";
import { domainOf } from "../support/domains.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { noNotes } from "../support/notes.ts";
import { NO_LOG } from "../support/no_log.ts";

/** A dashboard over a warehouse that holds nothing. */
async function withWarehouse(
  body: (app: ReturnType<typeof createDashboard>["app"], asked: QueryOptions[]) => Promise<void>,
  over: Partial<DashboardOptions> = {},
): Promise<void> {
  await using warehouse = await openDuckDb({ path: ":memory:" });
  await warehouse.migrate([
    { name: "freshet", text: await Deno.readTextFile(new URL("../../sql/freshet.sql", import.meta.url)) },
  ]);
  const query = (sql: string, options: QueryOptions) => warehouse.query(sql, { ...options, asker: "user" });
  const asked: QueryOptions[] = [];
  const { app, live } = createDashboard({
    hostname: "127.0.0.1",
    port: 0,
    tokens: { api: undefined, run: undefined },
    rateLimit: Infinity,
    version: "1",
    log: "the log",
    warehouse: { ...DUCKDB, description: "the file" },
    domains: [domainOf("trains")],
    names: ["trains"],
    statuses: () => [],
    clock: new ManualClock(0),
    query,
    usersQuery: (sql, options) => {
      asked.push(options);
      return query(sql, options);
    },
    notes: noNotes,
    ...NO_LOG,
    settings: {},
    ...over,
  });
  using _live = live;
  await body(app, asked);
}

type App = ReturnType<typeof createDashboard>["app"];

async function send(app: App, sql: string, headers: Readonly<Record<string, string>> = {}) {
  const response = await app.request("http://127.0.0.1:8501/api/query", {
    method: "POST",
    headers: { host: "127.0.0.1:8501", "content-type": "application/json", ...headers },
    body: JSON.stringify({ sql }),
  });
  return { status: response.status, body: await response.json() };
}

Deno.test("a statement is answered with columns and rows, and within its limits", async () => {
  await withWarehouse(async (app, asked) => {
    const { status, body } = await send(app, "SELECT RANGE AS N FROM RANGE(20000)");
    assertEquals([status, body.data.rows.length, body.data.truncated], [200, 10_000, true]);
    assertEquals(body.data.columns, [{ name: "N", type: "BIGINT" }]);
    assertEquals([asked[0]!.maxRows, asked[0]!.timeoutMs], [10_000, 15_000]);
    const large = await send(app, `SELECT '${"x".repeat(2_000)}' AS X FROM RANGE(9000)`);
    assertEquals([large.status, large.body.code], [400, "query_refused"], JSON.stringify(large.body).slice(0, 300));
  });
});

Deno.test("what more than reads is refused, and an error is the writer's, with its place", async () => {
  await withWarehouse(async (app) => {
    for (const sql of ["DROP TABLE X", "CREATE TABLE X (A INT)", "SELECT 1; SELECT 2", "COPY (SELECT 1) TO 'x.csv'"]) {
      assertEquals([(await send(app, sql)).status, sql], [400, sql]);
    }
    const { body } = await send(app, "\n\nSELECT\n  FOO FROM RANGE(3)");
    assertEquals([body.status, body.code], [400, "query_refused"]);
    assertEquals(faultOf(body.detail, "\n\nSELECT\n  FOO FROM RANGE(3)")!.from, 11);
    const empty = await send(app, "");
    assertEquals([empty.status, empty.body.detail], [400, 'Expected {"sql": "SELECT …"}']);
  });
});

const TOKENS = { tokens: { api: "api-token", read: "read-token", ingest: "ingest-token", run: "run-token" } };

async function cookieOf(app: App, token: string): Promise<string> {
  const login = await app.request("http://127.0.0.1:8501/api/session", {
    method: "POST",
    headers: { host: "127.0.0.1:8501", "content-type": "application/json" },
    body: JSON.stringify({ token }),
  });
  return login.headers.get("set-cookie")!.split(";")[0]!;
}

Deno.test("SQL needs the token that opens everything, as over the API, and the page is told so", async () => {
  await withWarehouse(async (app) => {
    const about = async (cookie: string) => {
      const headers = { host: "127.0.0.1:8501", cookie };
      return (await (await app.request("http://127.0.0.1:8501/api/about", { headers })).json()).may_all;
    };
    const [api, read] = [await cookieOf(app, "api-token"), await cookieOf(app, "read-token")];
    assertEquals([await about(api), await about(read)], [true, false]);
    assertEquals((await send(app, "SELECT 1", { cookie: api })).status, 200);
    assertEquals((await send(app, "SELECT 1", { authorization: "Bearer run-token" })).status, 200);
    const refused = await send(app, "SELECT 1", { cookie: read });
    assertEquals([refused.status, refused.body.code], [403, "wrong_right"]);
    assertStringIncludes(refused.body.detail, "FRESHET_API_TOKEN");
    assertEquals((await send(app, "SELECT 1")).status, 401);
    assertEquals((await send(app, "SELECT 1", { cookie: api, origin: "https://evil.example" })).status, 403);
    assertEquals((await send(app, "SELECT 1", { cookie: api, "sec-fetch-site": "cross-site" })).status, 403);
  }, TOKENS);
});

Deno.test("a token that is for events alone opens no SQL to those who have none", async () => {
  await withWarehouse(async (app) => {
    assertEquals((await send(app, "SELECT 1")).status, 403);
  }, { tokens: { api: undefined, ingest: "ingest-token", run: undefined } });
});

Deno.test("what a statement can name is told", async () => {
  await withWarehouse(async (app) => {
    const headers = { host: "127.0.0.1:8501" };
    const { data } = await (await app.request("http://127.0.0.1:8501/api/columns", { headers })).json();
    const { columns } = data.tables.find(({ name }: { readonly name: string }) => name === "DEAD_LETTERS");
    assert(columns.includes("RECORD_VALUE"), columns.join(", "));
  });
});

const FAULTS: readonly (readonly [name: string, message: string, sql: string, marked: string | undefined])[] = [
  ["a word", 'Binder Error: no "FOO"\n\nLINE 1: SELECT FOO FROM T\n               ^', "SELECT FOO FROM T", "FOO"],
  ["a word of another line", "Parser Error\n\nLINE 3: WHER A = 1\n        ^", "SELECT *\nFROM T\nWHER A = 1", "WHER"],
  [
    "a word of a long line, which is cut",
    `Binder Error\n\nLINE 1: ...aaaaaaa, FOO FROM T\n                  ^`,
    `SELECT ${"b".repeat(200)}aaaaaaa, FOO FROM T`,
    ",",
  ],
  ["the end", "Parser Error: at end of input\n\nLINE 1: SELECT\n              ^", "SELECT", "T"],
  ["Snowflake's place", "SQL compilation error: error line 2 at position 5\ninvalid", "SELECT *\nFROM NOPE", "NOPE"],
  ["no place", "The question took longer than 15000 ms", "SELECT 1", undefined],
  ["a place beyond the text", "LINE 9: x\n        ^", "SELECT 1", undefined],
];

for (const [name, message, sql, marked] of FAULTS) {
  Deno.test(`what is wrong in a statement is marked: ${name}`, () => {
    const fault = faultOf(message, sql);
    assertEquals(fault && sql.slice(fault.from, fault.to), marked);
  });
}

Deno.test("a result is copied as CSV that runs no formula, as JSON, and as a table of Markdown", () => {
  const result = {
    columns: [{ name: "A", type: "VARCHAR" }, { name: "B|C", type: "DOUBLE" }],
    rows: [["=1+1", 2], ['say "hi"\nthere', null], ["x|y\\z", 1.5]],
  };
  assertEquals(resultText(result, "CSV"), `A,B|C\r\n'=1+1,2\r\n"say ""hi""\nthere",\r\nx|y\\z,1.5\r\n`);
  assertEquals(JSON.parse(resultText(result, "JSON"))[1], { A: 'say "hi"\nthere', "B|C": null });
  assertEquals(
    resultText(result, "Markdown"),
    `| A | B\\|C |\n| --- | --- |\n| =1+1 | 2 |\n| say "hi"<br>there |  |\n| x\\|y\\\\z | 1.5 |\n`,
  );
});
