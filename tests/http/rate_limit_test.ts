import { assertEquals } from "@std/assert";
import { Buckets } from "../../src/http/rate_limit.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { openBench, report } from "../support/http/ingest.ts";

function setUp(perSecond: number, maxAddresses?: number) {
  const time = { now: 0 };
  const buckets = new Buckets({ perSecond, now: () => time.now }, maxAddresses);
  const take = (address = "a") => buckets.take(address).ok;
  return { time, buckets, take };
}

Deno.test("a second's worth may come at once, then as many as the rate; others have their own", () => {
  const { time, take } = setUp(2);
  assertEquals([take(), take(), take(), take("b")], [true, true, false, true]);
  time.now += 500;
  assertEquals([take(), take()], [true, false]);
  time.now += 60_000;
  assertEquals([take(), take(), take()], [true, true, false]);
});

Deno.test("the wait that is told is the time until the next one is taken", () => {
  const { time, buckets, take } = setUp(0.5);
  take();
  const refused = buckets.take("a");
  assertEquals(refused, { ok: false, retryAfter: 2 });
  time.now += 2_000;
  assertEquals(take(), true);
});

Deno.test("no more addresses are remembered than the limit: those unseen for longest go", () => {
  const { buckets, take } = setUp(1, 2);
  assertEquals([take("a"), take("b"), take("a"), take("c")], [true, true, false, true]);
  assertEquals([buckets.size, take("a"), take("b")], [2, false, true]);
});

Deno.test("a client that asks too often is answered 429 with Retry-After, and health is answered all the same", async () => {
  await using bench = await openBench({ api: { rateLimit: 1, clock: new ManualClock(0) } });
  const send = () =>
    bench.post("/reports", {
      body: JSON.stringify(report({ timestamp: "1970-01-01T00:00:00Z" })),
      headers: { "content-type": "application/json" },
    });
  const first = await send();
  assertEquals(first.status, 200, await first.text());
  const second = await send();
  assertEquals([second.status, second.headers.get("retry-after")], [429, "1"]);
  assertEquals((await second.json()).code, "too_many_requests");
  assertEquals(await bench.count(), 1);
  const health = await bench.post("/livez", { method: "GET" });
  assertEquals(health.status, 200);
  await health.body?.cancel();
});

Deno.test("the program's own verbs are answered, however often others ask from the same address", async () => {
  const tokens = { api: "t0ken", run: "run-token" };
  await using bench = await openBench({ api: { rateLimit: 1, clock: new ManualClock(0), tokens } });
  const ask = async (token: string) => {
    const response = await bench.post("/api/status", { method: "GET", headers: { authorization: `Bearer ${token}` } });
    await response.body?.cancel();
    return response.status;
  };
  const statuses = [];
  for (const token of [tokens.api, tokens.api, tokens.run, tokens.run, "wrong"]) statuses.push(await ask(token));
  assertEquals(statuses, [200, 429, 200, 200, 429]);
});
