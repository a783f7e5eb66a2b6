import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { DomainStatus, StandstillKind } from "../../src/engine/status.ts";
import { ConfigError, QueryBusyError, QueryRefusedError, WarehouseUnavailableError } from "../../src/errors.ts";
import { createApi, type HttpOptions, startHttp } from "../../src/http/mod.ts";
import { createMetrics, observerOf } from "../../src/metrics/mod.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { domainStatus, partitionStatus } from "../support/status.ts";

const status = domainStatus({
  topic: "t",
  lastCheckpointAt: 1000,
  totals: { records: 5, accepted: 4, deadLetters: 1, late: 0, checkpoints: 2, restarts: 0 },
  partitions: [
    partitionStatus({
      nextOffset: 5,
      highOffset: 9,
      readableOffset: 9,
      lag: 4,
      confirmedAt: 111_000,
      watermark: 61_000,
    }),
    partitionStatus({ partition: 1, highOffset: null, readableOffset: null, lag: null, confirmedAt: null }),
  ],
  openWindows: { stats: 3 },
});

function options(overrides: Partial<HttpOptions> = {}): HttpOptions {
  return {
    hostname: "127.0.0.1",
    port: 0,
    pid: 42,
    version: "1.2.3",
    isLogReachable: () => Promise.resolve(true),
    isWarehouseReachable: () => Promise.resolve(true),
    ingest: [],
    reads: [],
    rateLimit: Infinity,
    tokens: { api: undefined, run: "run-token" },
    statuses: () => [status],
    metrics: createMetrics(),
    clock: new ManualClock(121_000),
    skip: () => Promise.resolve("recorded"),
    query: (sql) => Promise.resolve({ columns: [{ name: "SQL", type: "VARCHAR" }], rows: [[sql]], truncated: false }),
    ...overrides,
  };
}

interface Ask {
  readonly path: string;
  readonly method?: string;
  readonly host?: string;
  readonly token?: string;
  readonly body?: string;
}

async function ask(
  { path, method = "GET", host = "127.0.0.1:8000", token, body }: Ask,
  over: Partial<HttpOptions> = {},
) {
  const headers = new Headers({ host, "content-type": "application/json" });
  if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
  return await createApi(options(over)).request(`http://${host}${path}`, { method, headers, body });
}

const query = (sql: string, more: object = {}) => JSON.stringify({ sql, ...more });
const locked = { tokens: { api: "api-token", read: "read-token", ingest: "ingest-token", run: "run-token" } };
const ingestLocked = { tokens: { api: undefined, ingest: "ingest-token", run: "run-token" } };
const asking = { path: "/api/query", method: "POST" };

const published: Partial<HttpOptions> = { hostname: "0.0.0.0", allowedHosts: ["freshet"] };

const CASES: readonly (readonly [name: string, ask: Ask, over: Partial<HttpOptions>, expected: number])[] = [
  ["health is open", { path: "/health" }, locked, 200],
  ["livez is open", { path: "/livez" }, locked, 200],
  ["readyz is open", { path: "/readyz" }, locked, 200],
  ["metrics are open on loopback without a token configured", { path: "/metrics" }, {}, 200],
  ["metrics need the token when one is configured", { path: "/metrics" }, locked, 401],
  ["metrics with the token", { path: "/metrics", token: "api-token" }, locked, 200],
  ["metrics with the token for reading", { path: "/metrics", token: "read-token" }, locked, 200],
  ["metrics with the token for events", { path: "/metrics", token: "ingest-token" }, locked, 403],
  ["metrics where only events need a token", { path: "/metrics" }, ingestLocked, 200],
  ["a query with the token for reading", { ...asking, token: "read-token", body: query("select 1") }, locked, 403],
  ["status is open on loopback without a token configured", { path: "/api/status" }, {}, 200],
  ["status needs the token when one is configured", { path: "/api/status" }, locked, 401],
  ["status with a wrong token", { path: "/api/status", token: "api-tokem" }, locked, 401],
  ["status with the run file's token", { path: "/api/status", token: "run-token" }, locked, 200],
  ["a query always needs a token", { ...asking, body: query("select 1") }, {}, 401],
  ["a query with an empty token", { ...asking, token: "", body: query("select 1") }, {}, 401],
  ["a query with the text undefined as token", { ...asking, token: "undefined", body: query("select 1") }, {}, 401],
  ["a query with the token", { ...asking, token: "run-token", body: query("select 1") }, {}, 200],
  ["a query without SQL", { ...asking, token: "run-token", body: "{}" }, {}, 422],
  ["a query that is not JSON", { ...asking, token: "run-token", body: "select 1" }, {}, 400],
  ["a query with a wrong limit", { ...asking, token: "run-token", body: query("select 1", { max_rows: 0 }) }, {}, 422],
  ["a body that is too large", { ...asking, token: "run-token", body: query("x".repeat(1_100_000)) }, {}, 413],
  ["a method that the path does not take", { path: "/metrics", method: "PUT" }, {}, 405],
  ["a method that the path does not take, without the token", { path: "/metrics", method: "PUT" }, locked, 401],
  ["the description of the API", { path: "/openapi.json" }, locked, 200],
  ["the page about the API", { path: "/docs" }, locked, 200],
  ["an unknown path", { path: "/nothing" }, {}, 404],
  ["a host name that is not this machine's", { path: "/health", host: "evil.example:8000" }, {}, 421],
  ["localhost", { path: "/health", host: "localhost:8000" }, {}, 200],
  ["IPv6 loopback", { path: "/health", host: "[::1]:8000" }, {}, 200],
  ["any host name where others may connect", { path: "/health", host: "freshet.example" }, {
    ...locked,
    hostname: "0.0.0.0",
  }, 200],
  ["an allowed host name", { path: "/health", host: "freshet:8000" }, published, 200],
  ["localhost beside an allowed host name", { path: "/health", host: "localhost:8000" }, published, 200],
  ["any other host name than the allowed one", { path: "/health", host: "evil.example:8000" }, published, 421],
];

Deno.test("where no token opens a query, the refusal names the setting", async () => {
  const detail = async (over: Partial<HttpOptions>) =>
    (await (await ask({ ...asking, body: query("select 1") }, over)).json()).detail;
  assertStringIncludes(await detail({}), "FRESHET_API_TOKEN, which is not set");
  assertEquals(await detail(locked), 'Send the token as "Authorization: Bearer …"');
});

Deno.test("wrong tokens make their address wait, and neither others nor the run's own verbs", async () => {
  const clock = new ManualClock();
  const api = createApi(options({ ...locked, clock }));
  const status = async (token: string, group = "guesser") => {
    const headers = { host: "127.0.0.1:8000", authorization: `Bearer ${token}` };
    const client = { remoteAddress: group, group };
    return (await api.request("http://127.0.0.1:8000/api/status", { headers }, client)).status;
  };
  for (let i = 0; i < 20; i++) assertEquals(await status(`guess ${i}`), 401);
  assertEquals(await status("api-token"), 429);
  assertEquals([await status("run-token"), await status("api-token", "other")], [200, 200]);
  await clock.advance(3_001);
  assertEquals(await status("api-token"), 200);
});

Deno.test("metrics are written a few times a second for one address", async () => {
  const api = createApi(options({ clock: new ManualClock(), rateLimit: 5_000 }));
  const status = async () => (await api.request("http://127.0.0.1:8000/metrics")).status;
  const statuses = [];
  for (let n = 0; n < 11; n++) statuses.push(await status());
  assertEquals(statuses, [...new Array(10).fill(200), 429]);
});

for (const [name, question, over, expected] of CASES) {
  Deno.test(`HTTP answers ${expected} to ${name}`, async () => {
    const response = await ask(question, over);
    await response.body?.cancel();
    assertEquals(response.status, expected);
    assertEquals(response.headers.get("x-content-type-options"), "nosniff");
  });
}

const stands = (kind: StandstillKind) => ({ kind, reason: `because of ${kind}`, since: 1_000 });

/** What each route answers while a domain is in a state: a restart of the process helps only where /livez says so. */
const STATES: readonly (readonly [state: string, Partial<DomainStatus>, livez: number, readyz: number])[] = [
  ["starting", { phase: "starting" }, 200, 503],
  ["joining", { phase: "joining" }, 200, 200],
  ["standing by", { phase: "standby" }, 200, 200],
  ["running", {}, 200, 200],
  ["starting again", { phase: "restarting" }, 200, 503],
  ["draining", { phase: "draining" }, 200, 503],
  ["failed", { phase: "failed", lastError: "no such topic" }, 503, 503],
  ["unable to join its group", { phase: "joining", standstill: stands("joining") }, 200, 503],
  ["cut off from the log", { standstill: stands("unreachable") }, 200, 503],
  ["without a partition's leader", { standstill: stands("partition_blocked") }, 200, 503],
  ["stopped in a partition", { standstill: stands("partition_stopped") }, 200, 503],
  ["behind an open transaction", { standstill: stands("open_transaction") }, 200, 503],
  ["in one rebalance after the other", { standstill: stands("rebalancing") }, 200, 503],
  ["stalled", { standstill: stands("stalled") }, 503, 503],
];

for (const [state, given, livez, readyz] of STATES) {
  Deno.test(`while a domain is ${state}, livez is ${livez} and readyz and health are ${readyz}, and they say why`, async () => {
    const statuses = () => [{ ...status, ...given }];
    const codes = [];
    for (const path of ["/livez", "/readyz", "/health"]) {
      const response = await ask({ path }, { statuses });
      codes.push(response.status);
      const body = await response.json();
      if (path === "/health") {
        assertEquals(body.domains.trains.standstill?.reason, given.standstill?.reason);
      } else if (response.status === 503) {
        assertEquals(body.domains, ["trains"]);
        assertStringIncludes(body.reasons.trains, given.standstill?.reason ?? given.lastError ?? given.phase!);
      }
    }
    assertEquals(codes, [livez, readyz, readyz]);
  });
}

Deno.test("a domain that has failed beside one that runs is no reason to end the process, and readyz names it", async () => {
  const statuses = () => [status, domainStatus({ domain: "rides", phase: "failed", lastError: "no such topic" })];
  assertEquals((await (await ask({ path: "/livez" }, { statuses })).json()).status, "ok");
  assertEquals(await (await ask({ path: "/readyz" }, { statuses })).json(), {
    status: "not ready",
    domains: ["rides"],
    reasons: { rides: "failed: no such topic" },
  });
});

Deno.test("the metrics tell how old the lag is, and for how long a domain has stood still", async () => {
  const statuses = () => [{ ...status, standstill: stands("open_transaction") }];
  const metrics = await (await ask({ path: "/metrics" }, { statuses })).text();
  for (
    const line of [
      'freshet_consumer_lag{domain="trains",partition="0"} 4',
      'freshet_consumer_lag_age_seconds{domain="trains",partition="0"} 10',
      'freshet_standstill_seconds{domain="trains",kind="open_transaction"} 120',
      'freshet_domain_up{domain="trains"} 0',
    ]
  ) assertStringIncludes(metrics, line);
  assert(!(await (await ask({ path: "/metrics" })).text()).includes("freshet_standstill_seconds{"));
});

Deno.test("a query for which there is no place is told when to come again", async () => {
  const response = await ask({ ...asking, token: "run-token", body: query("x") }, {
    query: () => Promise.reject(new QueryBusyError("Too many queries at once: ask again in a while")),
  });
  assertEquals([response.status, response.headers.get("retry-after")], [503, "2"]);
  assertEquals((await response.json()).code, "query_busy");
});

Deno.test("a query ends when who asked has hung up", async () => {
  const hungUp = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  await using server = startHttp(options({
    query(_sql, { signal }) {
      asked.resolve();
      return new Promise((_, reject) =>
        signal!.addEventListener("abort", () => {
          hungUp.resolve();
          reject(signal!.reason);
        })
      );
    },
  }));
  const leaving = new AbortController();
  const headers = { "content-type": "application/json", authorization: "Bearer run-token" };
  const answer = fetch(`${server.url}/api/query`, {
    method: "POST",
    headers,
    body: query("x"),
    signal: leaving.signal,
  });
  await asked.promise;
  leaving.abort();
  await assertRejects(() => answer);
  await hungUp.promise;
});

Deno.test("a query is answered with its rows, limits passed on", async () => {
  const seen: unknown[] = [];
  const response = await ask(
    { ...asking, token: "run-token", body: query("select 7", { max_rows: 5, timeout_ms: 9 }) },
    {
      query(sql, { signal: _, held: __, ...limits }) {
        seen.push(sql, limits);
        return Promise.resolve({ columns: [], rows: [[1]], truncated: true });
      },
    },
  );
  assertEquals(await response.json(), { columns: [], rows: [[1]], truncated: true });
  assertEquals(seen, ["select 7", { maxRows: 5, timeoutMs: 9 }]);
});

for (
  const [error, expected] of [
    [new QueryRefusedError("only one statement"), 400],
    [new WarehouseUnavailableError("disk full"), 503],
    [new TypeError("secret detail"), 500],
  ] as const
) {
  Deno.test(`a query that fails with ${error.name} is answered ${expected}`, async () => {
    const response = await ask({ ...asking, token: "run-token", body: query("x") }, {
      query: () => Promise.reject(error),
    });
    assertEquals(response.status, expected);
    const { detail } = await response.json();
    assertEquals(detail.includes(error.message), expected !== 500);
  });
}

Deno.test("metrics tell what the engine reported, and lag and watermark as of now", async () => {
  const metrics = createMetrics();
  observerOf(metrics).checkpoint("trains", {
    alertEvents: 0,
    topic: "t",
    bytes: 2_000,
    ages: [{ ageMs: 300, records: 6 }, { ageMs: 61_000, records: 2 }],
    processingMs: 30,
    records: 10,
    accepted: 8,
    kinds: new Map([["a", 7], ["other", 1]]),
    deadLetters: [{ stage: "decode", reason: "not_json" }, { stage: "decode", reason: "not_json" }],
    readBySchema: 12,
    skippedOffsets: 40,
    late: [{ operator: "stats", count: 3 }],
    rows: 30,
    upserts: [],
    durationMs: 20,
  });
  observerOf(metrics).restart("trains", new Error("x"));
  observerOf(metrics).deadLetterCopies("trains", { cut: 1, leftOut: 0 });
  const text = await (await ask({ path: "/metrics" }, { metrics })).text();
  for (
    const line of [
      'freshet_records_total{domain="trains",result="accepted"} 8',
      'freshet_records_total{domain="trains",result="dead_letter"} 2',
      'freshet_dead_letters_total{domain="trains",stage="decode",reason="not_json"} 2',
      'freshet_dead_letter_copies_total{domain="trains",outcome="cut"} 1',
      'freshet_late_records_total{domain="trains",operator="stats"} 3',
      'freshet_checkpoints_total{domain="trains"} 1',
      'freshet_checkpoint_duration_seconds_count{domain="trains"} 1',
      'freshet_checkpoint_rows_sum{domain="trains"} 10',
      'freshet_restarts_total{domain="trains"} 1',
      'freshet_watermark_lag_seconds{domain="trains",partition="0"} 60',
      'freshet_consumer_lag{domain="trains",partition="0"} 4',
      'freshet_state_keys{domain="trains",operator="stats"} 3',
      'freshet_assigned_partitions{domain="trains"} 2',
      'freshet_rows_written_total{domain="trains"} 30',
      'freshet_last_checkpoint_timestamp_seconds{domain="trains"} 1',
      'freshet_event_to_commit_seconds_bucket{domain="trains",le="0.25"} 0',
      'freshet_event_to_commit_seconds_bucket{domain="trains",le="0.5"} 6',
      'freshet_event_to_commit_seconds_bucket{domain="trains",le="300"} 8',
      'freshet_event_to_commit_seconds_bucket{domain="trains",le="+Inf"} 8',
      'freshet_event_to_commit_seconds_count{domain="trains"} 8',
      'kafka_events_consumed_total{domain="trains",topic="t",event_type="a",status="success"} 7',
      'kafka_events_consumed_total{domain="trains",topic="t",event_type="other",status="success"} 1',
      'kafka_events_consumed_total{domain="trains",topic="t",status="error"} 2',
      'kafka_events_inserted_snowflake_total{domain="trains",topic="t",event_type="a"} 7',
      'kafka_events_dlq_total{domain="trains",topic="t",error_type="not_json"} 2',
      'kafka_batch_size_sum{domain="trains",topic="t"} 10',
      'kafka_batch_processing_duration_seconds_sum{domain="trains",topic="t"} 0.03',
      'snowflake_insert_duration_seconds_sum{domain="trains",topic="t"} 0.02',
      'kafka_current_batch_size{domain="trains",topic="t"} 10',
      'kafka_snowflake_insert_rows{domain="trains",topic="t"} 8',
      'kafka_consumer_lag{domain="trains",topic="t",partition="0"} 4',
      'kafka_event_size_bytes_sum{domain="trains",topic="t"} 2000',
      'kafka_event_size_bytes_count{domain="trains",topic="t"} 10',
    ]
  ) assertStringIncludes(text, line);
  assert(!text.includes('freshet_consumer_lag{domain="trains",partition="1"}'));
});

Deno.test("before anything was committed counters are 0 rather than missing", async () => {
  const text = await (await ask({ path: "/metrics" })).text();
  for (
    const line of [
      'freshet_records_total{domain="trains",result="dead_letter"} 0',
      'freshet_restarts_total{domain="trains"} 0',
      'kafka_events_dlq_total{domain="trains",topic="t"} 0',
      'kafka_event_size_bytes_count{domain="trains",topic="t"} 0',
    ]
  ) assertStringIncludes(text, line);
});

Deno.test("requests are counted by route as written, whatever clients ask for", async () => {
  const metrics = createMetrics();
  const api = createApi(options({ metrics, tokens: { api: "api-token", run: "run-token" } }));
  const send = async (path: string, method: string) => {
    const response = await api.request(`http://localhost${path}`, { method });
    await response.body?.cancel();
  };
  await send("/health?user=42", "GET");
  await send("/metrics", "GET");
  await send("/nothing/42", "GET");
  await send("/nothing/43", "PROPFIND");
  await send("/health", "PUT");
  const text = await metrics.registry.getSingleMetricAsString("freshet_http_requests_total");
  const lines = text.split("\n").filter((line) => !line.startsWith("#")).sort();
  assertEquals(lines, [
    'freshet_http_requests_total{route="/health",method="GET",status="200"} 1',
    'freshet_http_requests_total{route="/metrics",method="GET",status="401"} 1',
    'freshet_http_requests_total{route="none",method="GET",status="404"} 1',
    'freshet_http_requests_total{route="none",method="PUT",status="405"} 1',
    'freshet_http_requests_total{route="none",method="other",status="404"} 1',
  ]);
});

Deno.test("a warehouse that does not answer makes readyz and health 503, and leaves livez alone", async () => {
  const codes = [];
  for (const path of ["/livez", "/readyz", "/health"]) {
    const response = await ask({ path }, { isWarehouseReachable: () => Promise.resolve(false) });
    codes.push(response.status);
    const { warehouse } = await response.json();
    assertEquals(warehouse, path === "/livez" ? undefined : "unreachable");
  }
  assertEquals(codes, [200, 503, 503]);
});

Deno.test("a log that does not answer is the old degraded answer", async () => {
  const response = await ask({ path: "/health" }, { isLogReachable: () => Promise.resolve(false) });
  const { status, kafka } = await response.json();
  assertEquals([response.status, status, kafka], [503, "degraded", "unreachable"]);
});

Deno.test("the server listens on a free port, and a taken one is an error that names the setting", async () => {
  await using server = startHttp(options());
  const response = await fetch(`${server.url}/api/instance`, { headers: { authorization: "Bearer run-token" } });
  assertEquals(await response.json(), { pid: 42 });
  try {
    startHttp(options({ port: Number(new URL(server.url).port) }));
    throw new Error("should have been refused");
  } catch (error) {
    assert(error instanceof ConfigError);
    assertStringIncludes(error.message, "FRESHET_API_PORT");
  }
});
