// What every cache must do.

import { assert, assertEquals } from "@std/assert";
import type { Cache } from "../../src/cache/cache.ts";

/** An empty cache for one test. */
export interface CachePlace extends AsyncDisposable {
  /** After a delete values are not taken for `holdMs`. */
  open(holdMs: number): Promise<Cache>;
  /** Time goes by. */
  pass(ms: number): Promise<void>;
}

export interface CacheUnderTest {
  readonly name: string;
  readonly skip?: string;
  place(): Promise<CachePlace>;
}

const LONG_MS = 60_000;

export function cacheContract(under: CacheUnderTest): void {
  if (under.skip !== undefined) console.info(`The cache contract of ${under.name} is skipped: ${under.skip}`);
  const test = (
    behaviour: string,
    body: (cache: Cache, place: CachePlace) => Promise<void>,
    { holdMs = LONG_MS } = {},
  ) =>
    Deno.test({
      name: `${under.name}: ${behaviour}`,
      ignore: under.skip !== undefined,
      async fn() {
        await using place = await under.place();
        await using cache = await place.open(holdMs);
        await body(cache, place);
      },
    });

  test("a key that was not set is a miss, one that was is a hit", async (cache) => {
    assertEquals(await cache.get("a"), undefined);
    await cache.set("a", "1", LONG_MS);
    assertEquals([await cache.get("a"), await cache.get("b")], ["1", undefined]);
    await cache.set("a", "2", LONG_MS);
    assertEquals(await cache.get("a"), "2");
    assertEquals(cache.status().reachable, true);
  });

  test("any text can be a key and a value", async (cache) => {
    const texts = ["", "\n", "a\nb", "été 🌙", "\u0000", "x".repeat(100_000), "__proto__", "a:b", '{"a":[1]}'];
    for (const text of texts) await cache.set(text, text, LONG_MS);
    for (const text of texts) assertEquals(await cache.get(text), text);
  });

  test("a value expires", async (cache, place) => {
    await cache.set("short", "1", 100);
    await cache.set("long", "2", LONG_MS);
    assertEquals(await cache.get("short"), "1");
    await place.pass(200);
    assertEquals([await cache.get("short"), await cache.get("long")], [undefined, "2"]);
  });

  test("deleted keys are misses, others stay", async (cache) => {
    for (const key of ["a", "b", "c"]) await cache.set(key, key, LONG_MS);
    await cache.delete(["a", "c", "never set"]);
    assertEquals([await cache.get("a"), await cache.get("b"), await cache.get("c")], [undefined, "b", undefined]);
    await cache.delete([]);
  });

  test("a value that was made before its key was deleted does not come back", async (cache) => {
    await cache.delete(["a"]);
    await cache.set("a", "old", LONG_MS);
    await cache.set("b", "new", LONG_MS);
    assertEquals([await cache.get("a"), await cache.get("b")], [undefined, "new"]);
  });

  test("some time after a delete its key takes values again", async (cache, place) => {
    await cache.set("a", "old", LONG_MS);
    await cache.delete(["a"]);
    await place.pass(200);
    assertEquals(await cache.get("a"), undefined);
    await cache.set("a", "new", LONG_MS);
    assertEquals(await cache.get("a"), "new");
  }, { holdMs: 100 });

  test("clearing forgets everything, and nothing that was made before comes back", async (cache, place) => {
    for (const key of ["a", "b"]) await cache.set(key, key, LONG_MS);
    await cache.clear();
    await cache.set("c", "old", LONG_MS);
    assertEquals([await cache.get("a"), await cache.get("b"), await cache.get("c")], [undefined, undefined, undefined]);
    await place.pass(300);
    await cache.set("a", "new", LONG_MS);
    assertEquals(await cache.get("a"), "new");
  }, { holdMs: 150 });

  test("many keys are deleted at once", async (cache) => {
    const keys = Array.from({ length: 5_000 }, (_, i) => `key ${i}`);
    const probes = [keys[0]!, keys[2_500]!, keys.at(-1)!];
    for (const key of probes) await cache.set(key, key, LONG_MS);
    assertEquals(await cache.get(keys.at(-1)!), keys.at(-1));
    await cache.delete(keys.slice(1));
    assertEquals(await cache.get(keys[0]!), keys[0]);
    for (const key of [keys[1]!, ...probes.slice(1)]) assertEquals(await cache.get(key), undefined);
  });

  test("its description tells people where it is", (cache) => {
    assert(cache.description.length > 0);
    return Promise.resolve();
  });
}
