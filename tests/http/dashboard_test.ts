import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { commandName } from "../../src/cli/command_name.ts";
import { WarehouseUnavailableError } from "../../src/errors.ts";
import { createDashboard, type DashboardOptions } from "../../src/http/dashboard/mod.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { DUCKDB } from "../../src/warehouse/duckdb/traits.ts";
import { SNOWFLAKE } from "../../src/warehouse/snowflake/traits.ts";
import { domainOf } from "../support/domains.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { NO_LOG } from "../support/no_log.ts";
import { domainStatus, partitionStatus } from "../support/status.ts";
import { noNotes } from "../support/notes.ts";

const status = domainStatus({
  lastCheckpointAt: 1000,
  totals: { records: 5, accepted: 4, deadLetters: 1, late: 0, checkpoints: 2, restarts: 0 },
  partitions: [partitionStatus({ nextOffset: 5, highOffset: 9, readableOffset: 9, lag: 4, watermark: 61_000 })],
});

function options(overrides: Partial<DashboardOptions> = {}): DashboardOptions {
  return {
    hostname: "127.0.0.1",
    port: 0,
    tokens: { api: undefined, run: undefined },
    rateLimit: Infinity,
    version: "1.2.3",
    log: "the log",
    warehouse: { ...DUCKDB, description: "the file" },
    domains: [domainOf("trains")],
    names: ["trains", "wine"],
    statuses: () => [status],
    clock: new ManualClock(121_000),
    query: () => Promise.resolve({ columns: [{ name: "NEWEST", type: "TIMESTAMP_NTZ" }], rows: [], truncated: false }),
    usersQuery: () => Promise.resolve({ columns: [{ name: "NAME", type: "VARCHAR" }], rows: [], truncated: false }),
    notes: noNotes,
    ...NO_LOG,
    settings: { ATS_HIGH_POWER_KW: 2600, SOME_PASSWORD: "s3cret" },
    ...overrides,
  };
}

interface Ask {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

async function ask({ path, method = "GET", headers = {}, body }: Ask, over: Partial<DashboardOptions> = {}) {
  const { app } = createDashboard(options(over));
  return await app.request(`http://127.0.0.1:8501${path}`, {
    method,
    headers: { host: "127.0.0.1:8501", "content-type": "application/json", ...headers },
    body,
  });
}

const locked = { tokens: { api: "api-token", read: "read-token", ingest: "ingest-token", run: "run-token" } };
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

const CASES: readonly (readonly [name: string, ask: Ask, over: Partial<DashboardOptions>, expected: number])[] = [
  ["the page", { path: "/" }, {}, 200],
  ["a page by its path", { path: "/pipeline" }, {}, 200],
  ["the page of a domain that does not run", { path: "/wine" }, {}, 200],
  ["the page of a domain that there is not", { path: "/beer" }, {}, 404],
  ["the page about one train", { path: "/trains/C101" }, {}, 200],
  ["a page below that of a train", { path: "/trains/C101/more" }, {}, 404],
  ["no panels asked together", { path: "/api/panels" }, {}, 400],
  ["too many panels asked together", { path: `/api/panels?${"ask=trains/kpis&".repeat(31)}` }, {}, 400],
  ["what the pipelines did lately", { path: "/api/history" }, {}, 200],
  ["the page without the token, as it holds no data", { path: "/" }, locked, 200],
  ["the style sheet", { path: "/page.css" }, {}, 200],
  ["a path beside the fixed files", { path: "/../deno.json" }, {}, 404],
  ["a file by an encoded path", { path: "/%2e%2e/deno.json" }, {}, 404],
  ["what runs here", { path: "/api/about" }, {}, 200],
  ["data without the token", { path: "/api/about" }, locked, 401],
  ["the stream without the token", { path: "/api/live?topic=status" }, locked, 401],
  ["data with the bearer token", { path: "/api/about", headers: bearer("api-token") }, locked, 200],
  ["data with the token for reading", { path: "/api/about", headers: bearer("read-token") }, locked, 200],
  ["data with the token for events", { path: "/api/about", headers: bearer("ingest-token") }, locked, 403],
  ["data where only events need a token", { path: "/api/about" }, {
    tokens: { api: undefined, ingest: "ingest-token", run: undefined },
  }, 200],
  ["data with a wrong token", { path: "/api/about", headers: bearer("api-tokem") }, locked, 401],
  [
    "data with a made-up cookie",
    { path: "/api/about", headers: { cookie: "freshet_dashboard=api-token" } },
    locked,
    401,
  ],
  ["a panel", { path: "/api/panels/trains/kpis" }, {}, 200],
  ["a panel of a domain that does not run", { path: "/api/panels/wine/kpis" }, {}, 404],
  ["a time range that is none", { path: "/api/panels/trains/timeline?range=1e9h" }, {}, 400],
  ["a moment that is none", { path: "/api/panels/trains/timeline?from=yesterday&to=today" }, {}, 400],
  ["more trains than may be chosen", { path: `/api/panels/trains/kpis?${"train=x&".repeat(51)}` }, {}, 400],
  ["a table beside the list", { path: "/api/tables/FRESHET_STATE" }, {}, 404],
  ["a table with SQL in its name", { path: "/api/tables/ATS_ALERTS%22%3B%20DROP%20TABLE%20X" }, {}, 404],
  ["a column that the table does not have", { path: "/api/tables/ATS_ALERTS?sort=NEWEST%22;drop:asc" }, {}, 400],
  ["a filter without an operator", { path: "/api/tables/ATS_ALERTS?where=NEWEST" }, {}, 400],
  ["a time that is none", { path: "/api/tables/ATS_ALERTS?where=NEWEST:is:soon" }, {}, 400],
  ["a page too far away", { path: "/api/tables/ATS_ALERTS?page=9999" }, {}, 400],
  ["a host name that is not this machine's", { path: "/", headers: { host: "evil.example" } }, {}, 421],
  ["a page of another site", { path: "/api/about", headers: { "sec-fetch-site": "cross-site" } }, {}, 403],
  ["a page of another port", { path: "/api/about", headers: { "sec-fetch-site": "same-site" } }, {}, 403],
  [
    "a login from another site's page",
    {
      path: "/api/session",
      method: "POST",
      headers: { origin: "https://evil.example" },
      body: '{"token":"api-token"}',
    },
    locked,
    403,
  ],
  [
    "a login with a body that is too large",
    { path: "/api/session", method: "POST", body: "x".repeat(20_000) },
    {},
    413,
  ],
  ["a login that is not JSON", { path: "/api/session", method: "POST", body: "token" }, locked, 400],
  ["writing", { path: "/api/about", method: "POST", body: "{}" }, {}, 404],
];

for (const [name, question, over, expected] of CASES) {
  Deno.test(`the dashboard answers ${expected} to ${name}`, async () => {
    const response = await ask(question, over);
    await response.body?.cancel();
    assertEquals(response.status, expected);
    const csp = response.headers.get("content-security-policy") ?? "";
    assertStringIncludes(csp, "default-src 'none'");
    assert(!csp.includes("unsafe"), csp);
  });
}

Deno.test("the token, given once, gets a cookie that opens the data and does not hold the token", async () => {
  const login = await ask(
    { path: "/api/session", method: "POST", body: JSON.stringify({ token: "api-token" }) },
    locked,
  );
  assertEquals(login.status, 204);
  const cookie = login.headers.get("set-cookie")!;
  assert(/; HttpOnly/.test(cookie) && /; SameSite=Strict/.test(cookie), cookie);
  assert(!cookie.includes("api-token"));
  const opened = await ask({ path: "/api/about", headers: { cookie: cookie.split(";")[0]! } }, locked);
  assertEquals((await opened.json()).version, "1.2.3");
  const elsewhere = await ask({ path: "/api/about", headers: { cookie: cookie.split(";")[0]! } }, {
    tokens: { api: "another", run: undefined },
  });
  await elsewhere.body?.cancel();
  assertEquals(elsewhere.status, 401);
});

Deno.test("wrong tokens are counted by address, and too many make that one wait, and no other, nor a session", async () => {
  const clock = new ManualClock();
  const { app, live } = createDashboard(options({ ...locked, clock }));
  using _live = live;
  const from = (group: string) => ({ remoteAddress: group, group });
  const login = async (token: string, address: string) =>
    await app.request("http://127.0.0.1:8501/api/session", {
      method: "POST",
      headers: { host: "127.0.0.1:8501", "content-type": "application/json" },
      body: JSON.stringify({ token }),
    }, from(address));
  const cookie = (await login("read-token", "guesser")).headers.get("set-cookie")!.split(";")[0]!;
  const look = async (headers: Readonly<Record<string, string>>) =>
    (await app.request("http://127.0.0.1:8501/api/about", { headers }, from("guesser"))).status;
  for (let i = 0; i < 10; i++) assertEquals((await login(`guess ${i}`, "guesser")).status, 401);
  for (let i = 0; i < 10; i++) assertEquals(await look(bearer(`guess ${i}`)), 401);
  const late = await login("api-token", "guesser");
  assertEquals([late.status, late.headers.get("retry-after")], [429, "3"]);
  assertEquals([await look(bearer("api-token")), await look({ cookie })], [429, 200]);
  assertEquals((await login("api-token", "somebody else")).status, 204);
  await clock.advance(3_001);
  assertEquals((await login("api-token", "guesser")).status, 204);
});

Deno.test("requests are limited by address", async () => {
  const { app, live } = createDashboard(options({ rateLimit: 2 }));
  using _live = live;
  const ask = async () => (await app.request("http://127.0.0.1:8501/api/about")).status;
  assertEquals([await ask(), await ask(), await ask()], [200, 200, 429]);
});

Deno.test("a login whose body does not come is ended", async () => {
  const { app, live } = createDashboard(options({ ...locked, bodyTimeoutMs: 20 }));
  using _live = live;
  const response = await app.request("http://127.0.0.1:8501/api/session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: new ReadableStream(),
  });
  assertEquals([response.status, (await response.json()).code], [408, "body_timeout"]);
});

Deno.test("what runs here holds no settings", async () => {
  const text = await (await ask({ path: "/api/about" })).text();
  const kpis = await (await ask({ path: "/api/panels/trains/kpis" })).text();
  assert(!text.includes("s3cret") && !kpis.includes("s3cret"));
  assertEquals(JSON.parse(kpis).data.thresholds.power_kw, 2600);
});

Deno.test("the page is told what a person types before a verb where it runs", async () => {
  const commandOf = async (over: Partial<DashboardOptions>) =>
    (await (await ask({ path: "/api/about" }, over)).json()).command;
  assertEquals(commandName(), "deno task freshet");
  assertEquals([await commandOf({ command: commandName() }), await commandOf({})], ["deno task freshet", "freshet"]);
});

Deno.test("a warehouse that is away is told as such", async () => {
  const response = await ask({ path: "/api/panels/trains/kpis" }, {
    query: () => Promise.reject(new WarehouseUnavailableError("disk full")),
  });
  assertEquals(response.status, 503);
  assertEquals(response.headers.get("content-type"), "application/problem+json");
  assertStringIncludes((await response.json()).detail, "disk full");
});

Deno.test("Snowflake is asked only while somebody looks, and then no more than every 30 s", async () => {
  const clock = new ManualClock(1_000_000);
  const asked: string[] = [];
  const { app, live } = createDashboard(options({
    warehouse: { ...SNOWFLAKE, description: "an account" },
    clock,
    statuses: () => [{ ...status, totals: { ...status.totals, checkpoints: clock.now() } }],
    query(sql) {
      asked.push(sql);
      return Promise.resolve({ columns: [], rows: [], truncated: false });
    },
  }));
  using _live = live;
  const looks = (count: number) => new Promise((resolve) => setTimeout(resolve, 110 * count));
  await looks(2);
  assertEquals(asked.length, 0);
  const viewers = await Promise.all([1, 2, 3].map(() => app.request("http://127.0.0.1/api/live?topic=alerts/trains")));
  await looks(3);
  assertEquals(asked.length, 1);
  await clock.advance(29_000);
  await looks(2);
  assertEquals(asked.length, 1);
  await clock.advance(1_001);
  await looks(2);
  assertEquals(asked.length, 2);
  for (const viewer of viewers) await viewer.body?.cancel();
  await clock.advance(100_000);
  await looks(2);
  assertEquals(asked.length, 2);
});

Deno.test("a statement of the page that takes too long is told as such, and what to do", async () => {
  await using warehouse = await openDuckDb({ path: ":memory:" });
  const slow = "SELECT MAX(A.I * B.I) FROM RANGE(1000000) A(I), RANGE(1000000) B(I)";
  const over = { query: () => warehouse.query(slow, { timeoutMs: 50 }) };
  const response = await ask({ path: "/api/panels/trains/kpis" }, over);
  const { code, detail } = await response.json();
  assertEquals([response.status, code], [504, "query_timeout"]);
  assertStringIncludes(detail, "took longer than 50 ms, and was ended: choose a shorter time range");
  const [line] = await together(["trains/kpis"], over);
  assertEquals([line.failure.status, line.failure.code], [504, "query_timeout"]);
});

/** The lines of an answer to panels that are asked together, by what was asked. */
async function together(asked: readonly string[], over: Partial<DashboardOptions> = {}) {
  const query = new URLSearchParams(asked.map((one) => ["ask", one]));
  const text = await (await ask({ path: `/api/panels?${query}` }, over)).text();
  // deno-lint-ignore no-explicit-any
  const lines = text.trimEnd().split("\n").map((line): any => JSON.parse(line));
  return asked.map((one) => lines.find(({ ask }) => ask === one));
}

for (const length of [10, 200_000]) {
  Deno.test(`an open table asks Snowflake when it has changed, and then every 30 s at most, with ${length} characters`, async () => {
    const clock = new ManualClock(0);
    let checkpoints = 2;
    let asked = 0;
    const { app } = createDashboard(options({
      warehouse: { ...SNOWFLAKE, description: "the account" },
      statuses: () => [{ ...status, phase: "running", totals: { ...status.totals, checkpoints } }],
      clock,
      usersQuery(sql) {
        if (/LIMIT 0$/.test(sql)) {
          return Promise.resolve({ columns: [{ name: "ALERT_ID", type: "VARCHAR" }], rows: [], truncated: false });
        }
        return Promise.resolve({ columns: [], rows: [[`${++asked}`.padEnd(length)]], truncated: false });
      },
    }));
    let etag = "";
    const look = async (afterMs: number): Promise<number | string> => {
      await clock.advance(afterMs);
      const response = await app.request("http://127.0.0.1:8501/api/tables/ATS_ALERTS", {
        headers: { "if-none-match": etag },
      });
      etag = response.headers.get("etag")!;
      if (response.status === 304) return "as before";
      return parseInt((await response.json()).data.rows[0][0]);
    };
    assertEquals(await look(0), 1);
    assertEquals([await look(5_000), await look(60_000), await look(3_600_000)], Array(3).fill("as before"));
    checkpoints++;
    assertEquals(await look(5_000), 2);
    checkpoints++;
    assertEquals([await look(5_000), await look(24_000)], ["as before", "as before"]);
    assertEquals([await look(1_000), await look(5_000)], [3, "as before"]);
    // Another browser has it with the others, where it is small enough to be remembered.
    etag = '"of another process"';
    assertEquals(await look(1_000), length < 100_000 ? 3 : 4);
  });
}

Deno.test("panels that are asked together are about one moment, however time goes on meanwhile", async () => {
  let minute = 0;
  const [kpis, timeline, compared] = await together([
    "trains/kpis",
    "trains/timeline?range=1h",
    "trains/timeline?back=1d",
  ], {
    query: (sql) => {
      const at = `2026-01-15 10:${String(minute++).padStart(2, "0")}:00.000`;
      const isMoment = sql.includes("MAX(MAX_EVENT_TIME)");
      const columns = [{ name: "NEWEST", type: "TIMESTAMP_NTZ" }, { name: "CLOSED", type: "TIMESTAMP_NTZ" }];
      return Promise.resolve({ columns, rows: isMoment ? [[at, at]] : [], truncated: false });
    },
  });
  const now = Date.parse(`${kpis.answer.data.data_now.replace(" ", "T")}Z`);
  assertEquals(timeline.answer.data.to, now + 1);
  assertEquals(compared.answer.data.to, now + 1 - 86_400_000);
  assert(minute > 3);
});

Deno.test("of panels that are asked together each fails by itself", async () => {
  const answers = await together(["trains/kpis", "trains/none", "wine/kpis", "trains/timeline?range=banana", "trains"]);
  assertEquals(answers.map(({ answer, failure }) => answer ? 200 : failure.status), [200, 404, 404, 400, 404]);
});

Deno.test("a browser at an address that there is not gets the page, which says so in words; a program gets an answer", async () => {
  const page = await ask({ path: "/nonsense", headers: { accept: "text/html,*/*" } });
  assertEquals([page.status, page.headers.get("content-type")], [404, "text/html; charset=UTF-8"]);
  assertStringIncludes(await page.text(), "page.js");
  for (const [path, accept] of [["/nonsense", "application/json"], ["/api/nonsense", "text/html"]] as const) {
    const answer = await ask({ path, headers: { accept } });
    assertEquals([answer.status, (await answer.json()).code], [404, "not_found"]);
  }
});

Deno.test("the page's script is sent small, and once to who has it", async () => {
  const get = (headers: Readonly<Record<string, string>>) => ask({ path: "/page.js", headers });
  const plain = await get({});
  const text = await plain.text();
  for (const [named, format] of [["gzip", "gzip"], ["deflate, gzip;q=0.5", "gzip"], ["gzip, br", "br"]] as const) {
    const small = await get({ "accept-encoding": named });
    assertEquals(small.headers.get("content-encoding"), format);
    const bytes = new Uint8Array(await small.arrayBuffer());
    const whole = format === "br" ? brotliDecompressSync(bytes) : gunzipSync(bytes);
    assertEquals(new TextDecoder().decode(whole), text);
  }
  const again = await get({ "if-none-match": plain.headers.get("etag")! });
  assertEquals([again.status, await again.text()], [304, ""]);
});

Deno.test("what a page loads at first is less than 350 kB, and the editor of SQL is not in it", async () => {
  const script = await ask({ path: "/page.js", headers: { "accept-encoding": "gzip" } });
  const bytes = new Uint8Array(await script.arrayBuffer());
  assert(bytes.length < 350_000, `${bytes.length} bytes`);
  assert(!gunzipSync(bytes).includes("cm-content"), "CodeMirror is in the page's own script");
  const editor = await ask({ path: "/editor.js" });
  assertEquals([editor.status, editor.headers.get("content-type")], [200, "text/javascript; charset=utf-8"]);
  assertStringIncludes(await editor.text(), "cm-content");
});

Deno.test("what the pipelines did lately is kept for an hour at most", async () => {
  const clock = new ManualClock(1_000_000);
  const { app, live, history } = createDashboard(options({ clock }));
  using _live = live;
  for (let i = 0; i < 400; i++) {
    history.sample();
    await clock.advance(10_000);
  }
  const { data } = await (await app.request("http://127.0.0.1:8501/api/history")).json();
  const { trains } = data.domains;
  assertEquals([trains.length, trains.at(-1).at - trains[0].at], [360, 3_590_000]);
  assertEquals(trains.at(-1), { at: 4_990_000, records: 5, lag: 4, behind_ms: 4_929_000 });
});

Deno.test("panels that are asked together have so many places of one address, and hold their connection while they come", async () => {
  const { app } = createDashboard(options());
  const told: string[] = [];
  const connection = {
    begin: () => void told.push("begins"),
    end: () => void told.push("ends"),
    close: async () => {},
  };
  const look = async (group: string) =>
    await app.fetch(
      new Request("http://127.0.0.1:8501/api/panels?ask=trains/kpis", { headers: { host: "127.0.0.1:8501" } }),
      { remoteAddress: group, group, connection },
    );
  const slow = await Promise.all(Array.from({ length: 25 }, () => look("a")));
  assertEquals(slow.map(({ status }) => status), slow.map(() => 200));
  assertEquals(told, slow.map(() => "begins"));
  const refused = await look("a");
  assertEquals([refused.status, refused.headers.get("retry-after")], [503, "5"]);
  assertEquals((await refused.json()).code, "too_many_pages");
  assertStringIncludes(await (await look("b")).text(), '"ask":"trains/kpis"');
  assertEquals(told.slice(25), ["begins", "ends"]);
  for (const { body } of slow) await body?.cancel();
  assertEquals(told.filter((word) => word === "ends").length, 26);
  assertEquals(await (await look("a")).text().then((text) => text.trim().split("\n").length), 1);
});

Deno.test("a day of the pipelines is kept, further apart, with checkpoints, memory, and lags by partition", async () => {
  const clock = new ManualClock(1_000_000);
  let ms = 0;
  const checkpointsOf = () => ({ checkpoints: 2, ms, rows: 30 });
  const { app, live, history } = createDashboard(options({ clock, checkpointsOf }));
  using _live = live;
  const samplesOf = async (query: string) => {
    const { data } = await (await app.request(`http://127.0.0.1:8501/api/history/day${query}`)).json();
    return data.samples;
  };
  history.sample();
  await clock.advance(10_000);
  history.sample();
  assertEquals((await samplesOf("?hours=24")).length, 2);
  for (let i = 0; i < 780; i++) {
    ms++;
    history.sample();
    await clock.advance(120_000);
  }
  for (let i = 0; i < 370; i++) {
    ms++;
    history.sample();
    await clock.advance(10_000);
  }
  const day = await samplesOf("?hours=24");
  const six = await samplesOf("");
  const hour = await samplesOf("?hours=1");
  // The wall clock is a step ahead of the last sample.
  assertEquals([day.length, six.length, hour.length].map((count) => count > 170 && count <= 180), [true, true, true]);
  assert(day.at(-1).at - day[0].at > 23 * 3_600_000 && day.at(-1).at - day[0].at <= 24 * 3_600_000);
  assert(hour.at(-1).at - hour[0].at >= 3_560_000 && hour.at(-1).at - hour[0].at < 3_600_000);
  const { memory, domains: { trains } } = hour.at(-1);
  assert(memory > 10_000_000, `${memory} bytes`);
  assertEquals({ ...trains, behind_ms: 0 }, {
    ...{ records: 5, lag: 4, behind_ms: 0, checkpoints: 2, checkpoint_ms: 1150, rows: 30 },
    lags: [[0, 4]],
  });
  const refused = await app.request("http://127.0.0.1:8501/api/history/day?hours=99");
  assertEquals([refused.status, (await refused.json()).detail], [400, "Ask for hours=1, 6 or 24"]);
});
