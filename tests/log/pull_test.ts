// Pulling batches, as every log's generation does it.

import { assertEquals, assertRejects } from "@std/assert";
import { systemClock } from "../../src/clock.ts";
import { Pull } from "../../src/log/pull.ts";

Deno.test("what pulling failed with stays, whoever ends it afterwards", async () => {
  const pull = new Pull(systemClock, [0]);
  const waiting = pull.next(10_000, () => undefined);
  pull.end(new Error("diverged"));
  pull.end();
  await assertRejects(() => waiting, Error, "diverged");
  await assertRejects(() => pull.next(0, () => undefined), Error, "diverged");
});

Deno.test("partitions take turns, and those without anything are passed over", () => {
  const pull = new Pull(systemClock, [0, 1, 2]);
  const left = new Map([[0, 2], [1, 0], [2, 3]]);
  const take = (partition: number) => {
    if (left.get(partition) === 0) return undefined;
    left.set(partition, left.get(partition)! - 1);
    return partition;
  };
  assertEquals(Array.from({ length: 6 }, () => pull.inTurn(take)), [0, 2, 0, 2, 2, undefined]);
});
