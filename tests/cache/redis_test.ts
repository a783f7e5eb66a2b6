// A real Redis that dies, comes back, says nothing, or wants a password: callers are not slowed down, nothing that was deleted
// is told, and people hear of it once.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Cache } from "../../src/cache/cache.ts";
import { redisCache } from "../../src/cache/redis.ts";
import { systemClock } from "../../src/clock.ts";
import { RedisServer, whyNoRedis } from "../support/redis/server.ts";

const skip = await whyNoRedis();
if (skip !== undefined) console.info(`The tests of Redis' failures are skipped: ${skip}`);
const test = (name: string, body: () => Promise<void>) => Deno.test({ name, ignore: skip !== undefined, fn: body });

const LONG_MS = 60_000;
const PATIENCE_MS = 15_000;

interface Opened {
  readonly cache: Cache;
  readonly changes: { readonly reachable: boolean; readonly detail: string }[];
}

function open(url: string, holdMs = 1): Opened {
  const changes: { reachable: boolean; detail: string }[] = [];
  const cache = redisCache({ url, clock: systemClock, holdMs, onChange: (change) => changes.push(change) });
  return { cache, changes };
}

/** Waits until it holds; a test that hangs says what for. */
async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + PATIENCE_MS;
  while (!await holds()) {
    if (Date.now() > giveUpAt) throw new Error(`Waited in vain until ${what}`);
    await systemClock.sleep(10);
  }
}

const reachable = ({ cache }: Opened) => until("Redis is reachable", () => cache.status().reachable);
const unreachable = ({ cache }: Opened) => until("Redis is unreachable", () => !cache.status().reachable);

/** Sets the key until the cache has it: after a delete it takes none for a moment. */
const keep = ({ cache }: Opened, key: string, value: string) =>
  until(`"${key}" is kept`, async () => {
    await cache.set(key, value, LONG_MS);
    return await cache.get(key) === value;
  });

async function tookMs(work: () => PromiseLike<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

test("a server that is killed and restarted in mid-run is missed for no longer than it is away", async () => {
  await using server = await RedisServer.start();
  const opened = open(server.url);
  await using cache = opened.cache;
  await reachable(opened);
  await keep(opened, "a", "1");
  await server.kill();
  await unreachable(opened);
  // Nobody waits for a server that is known to be away.
  const ms = await tookMs(async () => {
    for (let i = 0; i < 200; i++) {
      assertEquals(await cache.get("a"), undefined);
      await cache.set("a", "2", LONG_MS);
      await cache.delete(["a"]);
    }
  });
  assert(ms < 200, `${ms} ms for 600 calls without a server`);
  await server.resume();
  await reachable(opened);
  await keep(opened, "a", "3");
  assertEquals(opened.changes.map(({ reachable }) => reachable), [true, false, true]);
  assert(opened.changes[1]!.detail.length > 0);
});

test("a server that is not there from the beginning is told once, and used when it comes", async () => {
  await using server = await RedisServer.start();
  await server.kill();
  const opened = open(server.url);
  await using cache = opened.cache;
  await until("it is told", () => opened.changes.length > 0);
  assertEquals(await cache.get("a"), undefined);
  await systemClock.sleep(500);
  assertEquals(opened.changes.map(({ reachable }) => reachable), [false]);
  await server.resume();
  await reachable(opened);
  await keep(opened, "a", "1");
});

test("what was deleted while the server could not be reached is not told when it can be again", async () => {
  await using server = await RedisServer.start();
  const opened = open(server.url);
  await using cache = opened.cache;
  await reachable(opened);
  await keep(opened, "a", "old");
  await keep(opened, "b", "untouched");
  // It stands still and keeps what it has; the delete goes nowhere.
  server.freeze();
  await cache.delete(["a"]);
  await unreachable(opened);
  server.thaw();
  await reachable(opened);
  assertEquals([await cache.get("a"), await cache.get("b")], [undefined, undefined]);
  await keep(opened, "a", "new");
});

test("a server that stands still keeps nobody waiting for long, and after a few calls nobody at all", async () => {
  await using server = await RedisServer.start();
  const opened = open(server.url);
  await using cache = opened.cache;
  await reachable(opened);
  await keep(opened, "a", "1");
  server.freeze();
  const waits: number[] = [];
  for (let i = 0; i < 20; i++) waits.push(await tookMs(() => cache.get("a")));
  assert(Math.max(...waits) < 1_000, `${waits}`);
  assert(waits.filter((ms) => ms > 50).length <= 4, `${waits}`);
  assertEquals(cache.status().reachable, false);
  server.thaw();
  await reachable(opened);
  await keep(opened, "a", "2");
  assertEquals(opened.changes.map(({ reachable }) => reachable), [true, false, true]);
});

test("two processes share values, and a delete of one is a delete for both", async () => {
  await using server = await RedisServer.start();
  const [one, two] = [open(server.url), open(server.url)];
  await using first = one.cache;
  await using second = two.cache;
  await reachable(one);
  await reachable(two);
  // Whoever starts forgets what is there: it may be older than what was deleted while nobody looked.
  await until("both know the same", async () => {
    await first.get("a");
    await first.set("a", "1", LONG_MS);
    return await second.get("a") === "1";
  });
  await second.delete(["a"]);
  assertEquals(await first.get("a"), undefined);
});

test("a value that another process made before a delete does not come back", async () => {
  await using server = await RedisServer.start();
  const [one, two] = [open(server.url, LONG_MS), open(server.url, LONG_MS)];
  await using first = one.cache;
  await using second = two.cache;
  await reachable(one);
  await reachable(two);
  await second.delete(["a"]);
  await first.set("a", "old", LONG_MS);
  assertEquals([await first.get("a"), await second.get("a")], [undefined, undefined]);
});

test("a password is used, and never told", async () => {
  await using server = await RedisServer.start({ password: "opensesame" });
  const opened = open(server.url);
  await using cache = opened.cache;
  await reachable(opened);
  await keep(opened, "a", "1");
  assertEquals(cache.description, `redis://127.0.0.1:${server.port}`);

  const wrong = open(`redis://:wrongsesame@127.0.0.1:${server.port}`);
  await using other = wrong.cache;
  await until("it is told", () => wrong.changes.length > 0);
  assertEquals([wrong.changes.length, wrong.changes[0]!.reachable], [1, false]);
  assertStringIncludes(wrong.changes[0]!.detail, "WRONGPASS");
  assert(!JSON.stringify([wrong.changes, other.description]).includes("sesame"));
});

test("closing takes no time, whatever the server does", async () => {
  await using server = await RedisServer.start();
  for (const trouble of [() => {}, () => server.freeze(), () => server.kill()]) {
    const opened = open(server.url);
    await reachable(opened);
    await trouble();
    const ms = await tookMs(() => opened.cache[Symbol.asyncDispose]());
    assert(ms < 500, `${ms} ms`);
    server.thaw();
  }
});
