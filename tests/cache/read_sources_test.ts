// Reading a route's rows through the cache, when reads and commits cross. The warehouse's answers are held back by hand; the
// cache is the one in memory.

import { assertEquals, assertRejects } from "@std/assert";
import { HOLD_MS } from "../../src/cache/cache.ts";
import { memoryCache } from "../../src/cache/memory.ts";
import type { CheckpointSummary } from "../../src/engine/mod.ts";
import { WarehouseUnavailableError } from "../../src/errors.ts";
import { recommendationRoute } from "../../src/domains/circadian/read_route.ts";
import { createMetrics } from "../../src/metrics/mod.ts";
import { CachedRead } from "../../src/read_sources.ts";
import type { QueryResult } from "../../src/warehouse/warehouse.ts";
import { SteppingClock } from "../simulators/stepping_clock.ts";

/** A warehouse whose answers the test gives, in the order in which it was asked. */
class Asked {
  readonly waiting: { readonly user: unknown; answer(nights: number): void; fail(error: Error): void }[] = [];
  readonly clock = new SteppingClock(1_000_000);
  readonly read = new CachedRead(recommendationRoute, {
    warehouse: { query: (_sql, options) => this.#query(options?.binds?.[0]) },
    cache: memoryCache({ clock: this.clock }),
    clock: this.clock,
    expiryMs: 60_000,
    metrics: createMetrics(),
  });

  #query(user: unknown): Promise<QueryResult> {
    const { promise, resolve, reject } = Promise.withResolvers<QueryResult>();
    const answer = (nights: number) =>
      resolve({ columns: [], rows: [[{ nights }, "2026-01-01 00:00:00.5"]], truncated: false });
    this.waiting.push({ user, answer, fail: reject });
    return promise;
  }

  /** Asks for the user, and waits until the warehouse is asked if it has to be. */
  async ask(user = "ana"): Promise<{ readonly answer: Promise<number | undefined> }> {
    const answer = this.read.of(user).then((found) => found?.recommendation.nights);
    await new Promise((resolve) => setTimeout(resolve));
    return { answer };
  }

  /** A checkpoint that changed what is known of these users. */
  commit(...users: string[]): void {
    const rows = users.map((USER_ID) => ({ USER_ID }));
    const upserts = [{ table: "RECOMMENDATIONS_PARTS", keyColumns: [], rows }, {
      table: "ELSE",
      keyColumns: [],
      rows: [],
    }];
    this.read.observer.checkpoint("circadian", { upserts } as unknown as CheckpointSummary);
  }
}

Deno.test("many who ask for the same user at once cost one question, and those who come later none", async () => {
  const asked = new Asked();
  const answers = [await asked.ask(), await asked.ask(), await asked.ask()];
  assertEquals(asked.waiting.map(({ user }) => user), ["ana"]);
  asked.waiting[0]!.answer(3);
  assertEquals(await Promise.all(answers.map(({ answer }) => answer)), [3, 3, 3]);
  assertEquals(await (await asked.ask()).answer, 3);
  assertEquals(asked.waiting.length, 1);
});

Deno.test("what was read before a commit is neither kept nor given to those who ask after it", async () => {
  const asked = new Asked();
  const before = await asked.ask();
  asked.commit("ana", "bo");
  const after = await asked.ask();
  asked.waiting[0]!.answer(3);
  assertEquals(await before.answer, 3);
  // The one under way is for all who ask meanwhile.
  const joined = await asked.ask();
  asked.waiting[1]!.answer(4);
  assertEquals([await after.answer, await joined.answer, asked.waiting.length], [4, 4, 2]);
  const later = await asked.ask();
  asked.waiting[2]!.answer(4);
  assertEquals(await later.answer, 4);
  asked.clock.pass(HOLD_MS);
  const kept = await asked.ask();
  asked.waiting[3]!.answer(4);
  await kept.answer;
  assertEquals([await (await asked.ask()).answer, asked.waiting.length], [4, 4]);
});

Deno.test("a commit of others leaves what is kept, a restart of the engine forgets it all", async () => {
  const asked = new Asked();
  const first = await asked.ask();
  asked.waiting[0]!.answer(3);
  await first.answer;
  asked.commit("bo");
  assertEquals([await (await asked.ask()).answer, asked.waiting.length], [3, 1]);
  asked.read.observer.restart("circadian", new Error("away"));
  await asked.ask();
  assertEquals(asked.waiting.length, 2);
});

Deno.test("what took the warehouse longer than a deleted key is held is not kept", async () => {
  const asked = new Asked();
  const slow = await asked.ask();
  asked.clock.pass(HOLD_MS);
  asked.waiting[0]!.answer(3);
  assertEquals(await slow.answer, 3);
  await asked.ask();
  assertEquals(asked.waiting.length, 2);
});

Deno.test("the warehouse's error is told to all who wait, and not kept", async () => {
  const asked = new Asked();
  const waiting = [await asked.ask(), await asked.ask()];
  asked.waiting[0]!.fail(new WarehouseUnavailableError("away"));
  for (const { answer } of waiting) await assertRejects(() => answer, WarehouseUnavailableError);
  const next = await asked.ask();
  asked.waiting[1]!.answer(3);
  assertEquals(await next.answer, 3);
});
