import { assertEquals } from "@std/assert";
import { LogDivergedError, LogUnavailableError } from "../../src/errors.ts";
import type { Codecs } from "../../src/log/kafka/codecs.ts";
import type { FetchedPartition } from "../../src/log/kafka/fetch.ts";
import { KafkaGeneration } from "../../src/log/kafka/generation.ts";
import type { PartitionBounds } from "../../src/log/log.ts";
import { ManualClock } from "../support/manual_clock.ts";

/** What a fetch of a partition brought: batches without records, as compaction leaves them. */
function fetched(partition: number, nextOffset: number, bytes: number): FetchedPartition {
  return {
    partition,
    errorCode: 0,
    highWatermark: nextOffset,
    lastStableOffset: nextOffset,
    preferredReadReplica: -1,
    batches: [],
    nextOffset,
    bytes,
  };
}

Deno.test("a partition is paused while too much of it waits to be taken, and counted as long as that lasts", async () => {
  const said: string[] = [];
  const generation = new KafkaGeneration({
    pause: (partitions) => void said.push(`pause ${partitions}`),
    resume: (partitions) => void said.push(`resume ${partitions}`),
    seek() {},
    bounds: () => Promise.resolve(new Map()),
    commit: () => Promise.resolve(),
    failed() {},
  }, {
    id: 1,
    topic: "t",
    partitions: [0, 1],
    codecs: {} as Codecs,
    clock: new ManualClock(),
    partitionBytes: 100,
    recentMs: 1_000,
    unservedMs: 1_000,
  });
  await generation.start(new Map([[0, 0], [1, 0]]));
  assertEquals(generation.paused(), 0);
  generation.enqueue(fetched(0, 5, 60), 0);
  assertEquals(generation.paused(), 0);
  generation.enqueue(fetched(0, 9, 60), 5);
  generation.enqueue(fetched(1, 3, 200), 0);
  assertEquals(generation.paused(), 2);
  while (await generation.next(0) !== undefined) { /* until nothing waits */ }
  assertEquals(generation.paused(), 0);
  assertEquals(said, ["resume 0,1", "pause 0", "pause 1", "resume 0", "resume 1"]);
  generation.end();
});

Deno.test("an offset out of range is no divergence while nobody can say what the log holds", async () => {
  const failures: unknown[] = [];
  let bounds = () => Promise.reject<ReadonlyMap<number, PartitionBounds>>(new LogUnavailableError("away"));
  const generation = new KafkaGeneration({
    pause() {},
    resume() {},
    seek() {},
    bounds: (partitions) => {
      assertEquals(partitions, [1]);
      return bounds();
    },
    commit: () => Promise.resolve(),
    failed: (failure) => void failures.push(failure),
  }, {
    id: 1,
    topic: "t",
    partitions: [0, 1],
    codecs: {} as Codecs,
    clock: new ManualClock(),
    partitionBytes: 100,
    recentMs: 1_000,
    unservedMs: 60_000,
  });
  await generation.start(new Map([[0, 0], [1, 7]]));
  await generation.outOfRange(1, 7);
  assertEquals(failures, []);
  bounds = () => Promise.resolve(new Map([[1, { low: 0, high: 3 }]]));
  await generation.outOfRange(1, 7);
  assertEquals(failures.map((failure) => failure instanceof LogDivergedError), [true]);
});
