// What only the cache in memory promises: it is bounded.

import { assertEquals } from "@std/assert";
import { memoryCache } from "../../src/cache/memory.ts";
import { SteppingClock } from "../simulators/stepping_clock.ts";

const LONG_MS = 60_000;

Deno.test("the longest unused value goes first when there are too many", async () => {
  await using cache = memoryCache({ clock: new SteppingClock(0), maxEntries: 3 });
  for (const key of ["a", "b", "c"]) await cache.set(key, key, LONG_MS);
  await cache.get("a");
  await cache.set("d", "d", LONG_MS);
  assertEquals(await Promise.all(["a", "b", "c", "d"].map((key) => cache.get(key))), ["a", undefined, "c", "d"]);
});

Deno.test("more deleted keys than can be remembered hold all keys for a while", async () => {
  const clock = new SteppingClock(0);
  await using cache = memoryCache({ clock, maxEntries: 3, holdMs: 100 });
  await cache.delete(["a", "b", "c", "d"]);
  await cache.set("a", "old", LONG_MS);
  await cache.set("e", "e", LONG_MS);
  assertEquals([await cache.get("a"), await cache.get("e")], [undefined, undefined]);
  clock.pass(100);
  await cache.set("a", "new", LONG_MS);
  assertEquals(await cache.get("a"), "new");
});

Deno.test("a key that is deleted again is held from then on", async () => {
  const clock = new SteppingClock(0);
  await using cache = memoryCache({ clock, holdMs: 100 });
  await cache.delete(["a"]);
  clock.pass(60);
  await cache.delete(["b"]);
  await cache.delete(["a"]);
  clock.pass(60);
  await cache.delete(["c"]);
  await cache.set("a", "old", LONG_MS);
  assertEquals(await cache.get("a"), undefined);
});
