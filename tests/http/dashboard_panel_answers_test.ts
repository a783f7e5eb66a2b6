// Panels that browsers follow by the stream: looked at by the same ticks for all, and only while somebody follows them.
import { assert, assertEquals } from "@std/assert";
import { createDashboard, type DashboardOptions } from "../../src/http/dashboard/mod.ts";
import { DUCKDB } from "../../src/warehouse/duckdb/traits.ts";
import type { QueryOptions, QueryResult } from "../../src/warehouse/warehouse.ts";
import { domainOf } from "../support/domains.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { NO_LOG } from "../support/no_log.ts";
import { noNotes } from "../support/notes.ts";
import { domainStatus } from "../support/status.ts";

type Query = (sql: string, options: QueryOptions) => Promise<QueryResult>;

/** The routes over a warehouse that `query` stands for. */
function dashboard(query: Query, over: Partial<DashboardOptions> = {}) {
  return createDashboard({
    hostname: "127.0.0.1",
    port: 0,
    tokens: { api: undefined, run: undefined },
    version: "0",
    log: "none",
    warehouse: { ...DUCKDB, description: "DuckDB" },
    domains: [domainOf("trains")],
    names: [],
    statuses: () => [domainStatus()],
    clock: new ManualClock(),
    query,
    usersQuery: () => Promise.reject(new Error("Nobody looks into tables")),
    rateLimit: Infinity,
    notes: noNotes,
    ...NO_LOG,
    settings: {},
    ...over,
  });
}

const rows = (...cells: readonly unknown[][]): QueryResult => ({
  columns: cells[0]?.map((_, i) => ({ name: `C${i}`, type: "BIGINT" })) ?? [],
  rows: cells,
  truncated: false,
});

/** Longer than the time between two looks. */
const looks = (count = 1) => new Promise((resolve) => setTimeout(resolve, 130 * count));

type App = ReturnType<typeof dashboard>["app"];

/** A browser that reads all it is sent. */
async function browser(app: App, query: string) {
  const response = await app.request(`http://127.0.0.1/api/live?${query}`);
  let text = "";
  const reader = response.body!.getReader();
  const reading = (async () => {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      text += new TextDecoder().decode(next.value);
    }
  })();
  return {
    status: response.status,
    /** Names and data of the events so far. */
    events: () =>
      [...text.matchAll(/event: (.*)\ndata: (.*)\n/g)].map(([, name, data]) => [name!, JSON.parse(data!)] as const),
    async leave() {
      await reader.cancel();
      await reading;
    },
  };
}

Deno.test("what 20 browsers follow is asked once at each tick, and what is the same is sent to none of them again", async () => {
  const clock = new ManualClock();
  let [asked, newest, checkpoints] = [0, 1, 1];
  const { app, live } = dashboard((sql) => {
    if (!sql.includes("ATS_LATEST_STATUS WHERE")) return Promise.resolve(rows());
    asked++;
    return Promise.resolve(rows(...Array.from({ length: 20 }, (_, n) => [`train ${n}`, n === 7 ? newest : n])));
  }, { clock, statuses: () => [domainStatus({ totals: { ...domainStatus().totals, checkpoints } })] });
  using _live = live;
  const viewers = await Promise.all(Array.from({ length: 20 }, () => browser(app, "ask=trains/status&every=5")));
  await looks(2);
  assertEquals(asked, 1);
  for (const { events } of viewers) {
    const [first, ...more] = events();
    const [name, { is }] = first!;
    assertEquals([name, is.answer.data.rows.length, more.length], ["ask-0", 20, 0]);
  }
  // A checkpoint that changes nothing of it.
  checkpoints++;
  await clock.advance(5_000);
  await looks(2);
  assertEquals([asked, ...viewers.map(({ events }) => events().length)], [2, ...viewers.map(() => 1)]);
  [checkpoints, newest] = [checkpoints + 1, 100];
  await clock.advance(5_000);
  await looks(2);
  assertEquals(asked, 3);
  for (const { events } of viewers) {
    const [, { delta }] = events().at(-1)!;
    assertEquals(delta.in.answer.in.data, { in: { rows: { items: [7, { set: ["train 7", 100] }, 12] } } });
  }
  for (const { leave } of viewers) await leave();
  checkpoints++;
  await clock.advance(60_000);
  await looks(2);
  assertEquals(asked, 3);
});

Deno.test("a page is looked at when its tables have changed, less often where that takes long, and all its panels together", async () => {
  const clock = new ManualClock();
  let [checkpoints, tookMs] = [0, 1];
  const asked = { status: 0, heat: 0 };
  const { app, live } = dashboard(async (sql) => {
    if (sql.includes("ATS_LATEST_STATUS WHERE")) {
      asked.status++;
      await clock.advance(tookMs);
    } else if (sql.includes("ATS_HOURLY_STATS")) asked.heat++;
    return rows();
  }, { clock, statuses: () => [domainStatus({ totals: { ...domainStatus().totals, checkpoints } })] });
  using _live = live;
  const viewer = await browser(app, "ask=trains/status&ask=trains/heat&every=0");
  await looks(2);
  assertEquals(asked, { status: 1, heat: 1 });
  const seconds = async (count: number) => {
    for (let second = 0; second < count; second++) {
      checkpoints++;
      await clock.advance(1_000);
      await looks(2);
    }
  };
  await seconds(2);
  assertEquals(asked, { status: 3, heat: 3 });
  await clock.advance(3_000);
  await looks(2);
  assertEquals(asked, { status: 3, heat: 3 });
  tookMs = 600;
  await seconds(1);
  assertEquals(asked, { status: 4, heat: 4 });
  // A fifth of 3 s.
  await seconds(6);
  assertEquals(asked, { status: 6, heat: 6 });
  await viewer.leave();
});

Deno.test("a question that nobody follows any more is given up", async () => {
  const given = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const { app, live } = dashboard((sql, { signal }) => {
    if (!sql.includes("ATS_LATEST_STATUS WHERE")) return Promise.resolve(rows());
    begun.resolve();
    return new Promise((_, reject) =>
      signal!.addEventListener("abort", () => {
        given.resolve();
        reject(signal!.reason);
      })
    );
  });
  using _live = live;
  const viewer = await browser(app, "ask=trains/status");
  await begun.promise;
  await viewer.leave();
  await given.promise;
});

Deno.test("a panel that is none, or cannot be answered, is told as such, and again only when that changes", async () => {
  const clock = new ManualClock();
  let isAway = true;
  const { app, live } = dashboard(
    (sql) =>
      isAway && sql.includes("ATS_LATEST_STATUS WHERE") ? Promise.reject(new Error("away")) : Promise.resolve(rows()),
    { clock },
  );
  using _live = live;
  const viewer = await browser(app, "ask=trains/nothing&ask=trains/status&ask=trains/timeline%3Frange%3D1e9h&every=2");
  await looks(2);
  await clock.advance(2_000);
  await looks(2);
  const told = new Map(viewer.events().map(([name, { is }]) => [name, is?.failure?.status]));
  assertEquals([...told].sort(), [["ask-0", 404], ["ask-1", 500], ["ask-2", 400]]);
  assertEquals(viewer.events().length, 3);
  isAway = false;
  await clock.advance(2_000);
  await looks(2);
  const [name, { delta }] = viewer.events().at(-1)!;
  assertEquals(name, "ask-1");
  assert(delta.set?.answer ?? delta.in?.answer);
  await viewer.leave();
});

Deno.test("what somebody notes is looked at in every browser at once", async () => {
  let [asked, version] = [0, 0];
  const { app, live } = dashboard((sql) => {
    if (sql.includes("FROM ANNOTATIONS")) asked++;
    return Promise.resolve(rows());
  }, {
    notes: {
      ...noNotes,
      get version() {
        return version;
      },
    },
  });
  using _live = live;
  const viewer = await browser(app, "ask=pipeline/annotations&every=3600");
  await looks(2);
  assertEquals(asked, 1);
  version++;
  await looks(2);
  assertEquals(asked, 2);
  await viewer.leave();
});

for (
  const [what, query] of [
    ["more panels than a page has", Array.from({ length: 31 }, (_, n) => `ask=trains/status%3Fline%3D${n}`).join("&")],
    ["looks in no order of time", "ask=trains/status&every=-1"],
    ["seconds that are none", "ask=trains/status&every=often"],
  ]
) {
  Deno.test(`${what} are refused`, async () => {
    const { app, live } = dashboard(() => Promise.resolve(rows()));
    using _live = live;
    const response = await app.request(`http://127.0.0.1/api/live?${query}`);
    await response.body?.cancel();
    assertEquals(response.status, 400);
  });
}
