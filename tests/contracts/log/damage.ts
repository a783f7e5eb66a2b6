// The log contract: a stretch of a partition that cannot be read.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { LogDamagedError } from "../../../src/errors.ts";
import type { Generation, Log, LogBatch } from "../../../src/log/log.ts";
import { generationOf, type LogAdapter, logWithTopic, PATIENCE_MS, type Place, pull, startAt, until } from "./place.ts";

export function damageTests(adapter: LogAdapter): void {
  const test = (name: string, body: (place: Place, topic: string) => Promise<void>) =>
    Deno.test({
      name: `${adapter.name} log: ${name}`,
      ignore: adapter.skip !== undefined,
      fn: async () => {
        await using place = await adapter.place();
        const { log, topic } = await logWithTopic(place, 2);
        // Three runs of five records in the one partition, and one in the other.
        for (const partition of [0, 0, 0, 1]) {
          await log.produce(topic, [0, 1, 2, 3, 4].map((i) => ({ value: `${i}`, partition })));
        }
        await log[Symbol.asyncDispose]();
        await place.damage(topic, 0, 6);
        await body(place, topic);
      },
    });

  test(
    "a damaged stretch is told after what is before it; other partitions go on, and it does when told",
    async (place, topic) => {
      await using log = await place.open();
      await using subscription = await subscribe(log, topic);
      const generation = await generationOf(subscription, 2);
      await startAt(generation);
      const { batches, error } = await untilDamage(generation);
      const { why, ...damage } = error.damage;
      assertEquals(damage, { topic, partition: 0, from: 5, to: 10, reason: "unreadable" });
      assert(why.includes("checksum") && error.message.includes(`freshet skip ${topic} 0 5 10`), error.message);
      assertEquals(offsetsOf(batches, 0), [0, 1, 2, 3, 4]);
      assertEquals(batches.filter(({ partition }) => partition === 0).at(-1)!.nextOffset, 5);

      if (offsetsOf(batches, 1).length === 0) await pull(generation, 5);
      await log.produce(topic, [{ value: "new", partition: 1 }]);
      assertEquals(offsetsOf(await pull(generation, 1), 1), [5]);
      await until(() => generation.caughtUp(1), "the other partition is caught up");
      assertEquals([generation.caughtUp(0), await generation.next(300), generation.signal.aborted], [
        false,
        undefined,
        false,
      ]);

      generation.skip(0, 10);
      assertEquals(offsetsOf(await pull(generation, 5), 0), [10, 11, 12, 13, 14]);
      await until(() => generation.caughtUp(0), "caught up behind the damage");
    },
  );

  test("reading that begins inside of a damaged stretch is told of the rest of it", async (place, topic) => {
    await using log = await place.open();
    await using subscription = await subscribe(log, topic);
    const generation = await generationOf(subscription, 2);
    await generation.start(new Map([[0, 7], [1, 5]]));
    const { batches, error } = await untilDamage(generation);
    assertEquals([batches, error.damage.from, error.damage.to], [[], 7, 10]);
    generation.skip(0, 8);
    assertEquals((await untilDamage(generation)).error.damage.from, 8);
  });
}

function subscribe(log: Log, topic: string) {
  return log.subscribe({ topic, group: "readers", signal: new AbortController().signal });
}

async function untilDamage(generation: Generation) {
  const batches: LogBatch[] = [];
  const giveUpAt = Date.now() + PATIENCE_MS;
  const error = await assertRejects(async () => {
    while (Date.now() < giveUpAt) {
      const batch = await generation.next(100);
      if (batch) batches.push(batch);
    }
  }, LogDamagedError);
  return { batches, error };
}

function offsetsOf(batches: readonly LogBatch[], of: number): number[] {
  return batches.filter(({ partition }) => partition === of).flatMap(({ records }) =>
    records.map(({ offset }) => offset)
  );
}
