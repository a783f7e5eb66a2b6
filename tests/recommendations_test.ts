// Recommendations as those who ask over HTTP get them: from the running program, with the embedded log and warehouse, cached in
// memory and in a real Redis that dies and comes back.

import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../src/clock.ts";
import { openEmbeddedLog } from "../src/log/embedded.ts";
import { findRunning } from "../src/run_file.ts";
import { Terminal } from "./cli/terminal.ts";
import { RedisServer, whyNoRedis } from "./support/redis/server.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const PATIENCE_MS = 30_000;

async function until<T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> {
  const giveUpAt = Date.now() + PATIENCE_MS;
  while (true) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() > giveUpAt) throw new Error(`Waited in vain until ${what}`);
    await systemClock.sleep(25);
  }
}

/** A running program, as a client sees it. */
class Program {
  constructor(readonly url: string, private readonly terminal: Terminal) {}

  async get(path: string): Promise<{ readonly status: number; readonly body: Answer; readonly text: string }> {
    const response = await fetch(this.url + path);
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.includes("json");
    return { status: response.status, text, body: isJson ? JSON.parse(text) : {} };
  }

  /** Things that users did, told now. */
  async tell(events: readonly { readonly user_id: string }[]): Promise<void> {
    await using log = await openEmbeddedLog({ dataDir: this.terminal.dataDir });
    await log.produce("user_activity", events.map((event) => ({ key: event.user_id, value: JSON.stringify(event) })));
  }

  /** Nights of sleep that ended at these times, told now. */
  async sleep(user: string, ends: readonly number[], hours = 8): Promise<void> {
    await using log = await openEmbeddedLog({ dataDir: this.terminal.dataDir });
    await log.produce(
      "user_activity",
      ends.map((end) => ({
        key: user,
        value: JSON.stringify({
          timestamp: new Date(end).toISOString(),
          user_id: user,
          activity_type: "sleep",
          time_zone: "Europe/Paris",
          duration_minutes: hours * 60,
        }),
      })),
    );
  }

  /** Recommendations given out so far, by where they came from. */
  async given(): Promise<Record<string, number>> {
    const { text } = await this.get("/metrics");
    const lines = text.matchAll(/^freshet_recommendations_total\{source="(\w+)"\} (\d+)$/gm);
    return Object.fromEntries([...lines].map(([, source, count]) => [source!, Number(count)]));
  }
}

interface Answer {
  readonly status?: string;
  readonly code?: string;
  readonly redis?: string;
  readonly user_id?: string;
  readonly updated_at?: string;
  readonly recommendation?: {
    readonly nights: number;
    readonly as_of: string;
    readonly phase: { readonly sleep_hours: number };
    readonly advice: readonly { readonly code: string }[];
  };
  readonly meals?: { readonly days: number; readonly window_hours: number; readonly last: string };
  readonly light?: { readonly days: number; readonly lux_hours: number };
  readonly plan?: { readonly target_zone: string; readonly direction: string; readonly days: readonly unknown[] };
}

/** Runs the program while the body looks at it. */
async function withProgram(env: Record<string, string>, body: (program: Program) => Promise<void>): Promise<void> {
  await using terminal = await Terminal.open();
  const stop = new AbortController();
  // Metrics are asked again and again.
  const settings = { FRESHET_CHECKPOINT_MS: "50", FRESHET_LOG_FORMAT: "json", FRESHET_RATE_LIMIT: "0", ...env };
  const run = terminal.run(["run", "circadian", "--no-simulate"], { env: settings, signal: stop.signal });
  try {
    const { url } = await until("the program is up", () => findRunning(terminal.dataDir));
    await body(new Program(url, terminal));
  } finally {
    stop.abort();
    const { code, stderr } = await run;
    assertEquals(code, 0, stderr);
  }
}

/** Midday two days ago: whole days before and after. */
const base = () => Math.floor(Date.now() / DAY_MS) * DAY_MS - 2 * DAY_MS + 6 * HOUR_MS;

const nightsOf = (program: Program, user: string, count: number) =>
  until(`${user} has ${count} nights`, async () => {
    const { status, body } = await program.get(`/recommendations/${user}`);
    return status === 200 && body.recommendation?.nights === count && body;
  });

async function servesAndForgets(program: Program): Promise<void> {
  const end = base();
  await program.sleep("ana", [end - 2 * DAY_MS, end - DAY_MS]);
  const first = await nightsOf(program, "ana", 2);
  assertEquals([first.user_id, first.recommendation!.as_of], ["ana", new Date(end - DAY_MS).toISOString()]);

  // A moment after a change it is kept: then one more question costs the warehouse nothing.
  await until("it comes from the cache", async () => {
    const before = await program.given();
    await program.get("/recommendations/ana");
    const after = await program.given();
    return (after.cache ?? 0) > (before.cache ?? 0);
  });

  const planned = await program.get("/recommendations/ana?target_zone=asia/tokyo");
  assertEquals([planned.status, planned.body.plan?.target_zone, planned.body.plan?.direction], [
    200,
    "Asia/Tokyo",
    "advance",
  ]);

  // The expiry is far away: only the newer sleep can have made it forget.
  await program.sleep("ana", [end], 7);
  const later = await nightsOf(program, "ana", 3);
  assertEquals(later.recommendation!.as_of, new Date(end).toISOString());
  assert(later.updated_at! > first.updated_at!);
}

Deno.test("a recommendation is cached in memory, and a newer sleep makes it be forgotten", async () => {
  await withProgram({ FRESHET_CACHE_EXPIRY_SECONDS: "3600" }, async (program) => {
    await servesAndForgets(program);
    const health = await program.get("/health");
    assertEquals([health.status, "redis" in health.body], [200, false]);
  });
});

Deno.test("advice uses meals and light where they are recorded", async () => {
  await withProgram({ FRESHET_CACHE_EXPIRY_SECONDS: "1" }, async (program) => {
    const end = base();
    const ends = [end - 2 * DAY_MS, end - DAY_MS, end];
    await program.sleep("bob", ends);
    const alone = await nightsOf(program, "bob", 3);
    assertEquals([alone.meals, alone.light, alone.recommendation!.advice.map(({ code }) => code)], [
      undefined,
      undefined,
      ["keep_going"],
    ]);
    // Bed is 16 hours after waking: the last meal two hours before it, the first 12 hours before that one.
    const told = (kind: string, at: number, more: object = {}) => ({
      timestamp: new Date(at).toISOString(),
      user_id: "bob",
      activity_type: kind,
      time_zone: "Europe/Paris",
      ...more,
    });
    await program.tell(
      ends.slice(0, 2).flatMap((waking) => [
        told("meal", waking + 2 * HOUR_MS),
        told("meal", waking + 14 * HOUR_MS),
        told("light", waking + 3 * HOUR_MS, { lux: 300, duration_minutes: 30 }),
      ]),
    );
    const { meals, light, recommendation } = await until("meals count", async () => {
      const { body } = await program.get("/recommendations/bob");
      return body.meals?.days === 2 && body.light?.days === 2 && body;
    });
    const paris = new Intl.DateTimeFormat("en-GB", { timeZone: "Europe/Paris", timeStyle: "short" });
    assertEquals([meals!.window_hours, meals!.last], [12, paris.format(end - 10 * HOUR_MS)]);
    assertEquals(light!.lux_hours, 150);
    assertEquals(recommendation!.advice.map(({ code }) => code), ["eat_earlier", "more_daylight"]);
  });
});

Deno.test("users of whom nothing is known, and what is asked wrongly, are refused and say why", async () => {
  await withProgram({}, async (program) => {
    await program.sleep("o'brien/1", [base()]);
    await nightsOf(program, encodeURIComponent("o'brien/1"), 1);
    const refusals: readonly (readonly [string, number, string])[] = [
      ["nobody", 404, "unknown_user"],
      ["'%20OR%201=1%20--", 404, "unknown_user"],
      ["x".repeat(257), 422, "invalid_request"],
      ["ana?target_zone=Mars/Olympus", 422, "invalid_request"],
      ["ana?target_zone=%2B25:00", 422, "invalid_request"],
      ["ana?target_wake=25:00", 422, "invalid_request"],
      ["ana?target_wake=7", 422, "invalid_request"],
    ];
    for (const [path, status, code] of refusals) {
      const answer = await program.get(`/recommendations/${path}`);
      assertEquals([path, answer.status, answer.body.code], [path, status, code]);
    }
    // Whom nothing is known of is remembered too, until there is a first sleep.
    await program.sleep("nobody", [base()]);
    await nightsOf(program, "nobody", 1);
  });
});

const skip = await whyNoRedis();
if (skip !== undefined) console.info(`The tests of recommendations in Redis are skipped: ${skip}`);

Deno.test({
  name:
    "recommendations cached in Redis are forgotten with a newer sleep, also when Redis is killed and restarted in mid-run",
  ignore: skip !== undefined,
  async fn() {
    await using redis = await RedisServer.start();
    const env = { REDIS_URL: redis.url, FRESHET_CACHE_EXPIRY_SECONDS: "3600" };
    await withProgram(env, async (program) => {
      const health = (state: string) =>
        until(`Redis is ${state}`, async () => {
          const { status, body } = await program.get("/health");
          assertEquals([status, body.status], [200, "ok"]);
          return body.redis === state;
        });
      await until("it runs", async () => (await program.get("/health")).status === 200);
      await health("ok");
      await servesAndForgets(program);
      await redis.kill();
      await health("unreachable");
      const [, cacheGauge] = /freshet_cache_reachable\{kind="redis"\} (\d)/.exec((await program.get("/metrics")).text)!;
      assertEquals(cacheGauge, "0");
      // Answers come from the warehouse, fresh, while it is away.
      await program.sleep("ana", [base() + DAY_MS]);
      await nightsOf(program, "ana", 4);
      await redis.resume();
      await health("ok");
      await nightsOf(program, "ana", 4);
      await program.sleep("ana", [base() - 3 * DAY_MS]);
      await nightsOf(program, "ana", 5);
      await until("it comes from Redis again", async () => {
        const before = await program.given();
        await program.get("/recommendations/ana");
        return (await program.given()).cache! > before.cache!;
      });
    });
  },
});

Deno.test({
  name: "what Redis was told before it stood still is not given out after a newer sleep",
  ignore: skip !== undefined,
  async fn() {
    await using redis = await RedisServer.start();
    await withProgram({ REDIS_URL: redis.url, FRESHET_CACHE_EXPIRY_SECONDS: "3600" }, async (program) => {
      await servesAndForgets(program);
      await until("it is kept", async () => {
        const before = await program.given();
        await program.get("/recommendations/ana");
        return (await program.given()).cache! > before.cache!;
      });
      redis.freeze();
      await program.sleep("ana", [base() + DAY_MS]);
      await nightsOf(program, "ana", 4);
      redis.thaw();
      await until("Redis is back", async () => (await program.get("/health")).body.redis === "ok");
      assertEquals((await program.get("/recommendations/ana")).body.recommendation?.nights, 4);
    });
  },
});
