// What the embedded log deletes, what it keeps for whom, and that the file shrinks.

import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Clock } from "../../src/clock.ts";
import { systemClock } from "../../src/clock.ts";
import { LogDamagedError } from "../../src/errors.ts";
import { type EmbeddedLog, openEmbeddedLog, type Retention } from "../../src/log/embedded.ts";
import type { PartitionBounds } from "../../src/log/log.ts";
import { generationOf, startAt } from "../contracts/log/place.ts";

const TOPIC = "t";
const DAY_MS = 86_400_000;

/** The machine's clock, moved forward. */
class MovableClock implements Clock {
  aheadMs = 0;
  /** For as long the machine has slept: the monotonic clock has stood still. */
  sleptMs = 0;
  now(): number {
    return systemClock.now() + this.aheadMs + this.sleptMs;
  }
  monotonic(): number {
    return systemClock.monotonic() + this.aheadMs;
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal);
  }
}

function test(
  name: string,
  retention: Partial<Retention>,
  body: (log: EmbeddedLog, clock: MovableClock, dataDir: string) => Promise<void>,
): void {
  Deno.test(name, async () => {
    const dataDir = await Deno.makeTempDir({ prefix: "freshet-log-" });
    const clock = new MovableClock();
    try {
      await using log = await openEmbeddedLog({ dataDir, clock, retention });
      await log.createTopics([{ topic: TOPIC, partitions: 1 }]);
      await body(log, clock, dataDir);
    } finally {
      await Deno.remove(dataDir, { recursive: true });
    }
  });
}

/** Ten segments of a hundred records of a kilobyte. */
async function produceTen(log: EmbeddedLog): Promise<void> {
  const records = Array.from({ length: 100 }, () => ({ value: "x".repeat(1024) }));
  for (let i = 0; i < 10; i++) await log.produce(TOPIC, records);
}

async function bounds(log: EmbeddedLog): Promise<PartitionBounds> {
  return (await log.topics([TOPIC]))[0]!.partitions[0]!;
}

/** A group that has committed `offset` and left. */
async function leaveCommitted(log: EmbeddedLog, group: string, offset: number): Promise<void> {
  await using subscription = await log.subscribe({ topic: TOPIC, group, signal: new AbortController().signal });
  const generation = await generationOf(subscription, 1);
  await generation.commit(new Map([[0, offset]]));
}

test("records within age and size are kept", {}, async (log) => {
  await produceTen(log);
  assertEquals(await log.enforceRetention(), 0);
  assertEquals(await bounds(log), { low: 0, high: 1000 });
});

test("whole segments go when they are too old, and offsets go on", { maxAgeMs: DAY_MS }, async (log, clock) => {
  await produceTen(log);
  clock.aheadMs = 2 * DAY_MS;
  await log.produce(TOPIC, [{ value: "young" }]);
  await log.enforceRetention();
  assertEquals(await bounds(log), { low: 1000, high: 1001 });
});

test("the oldest segments go while there is too much", { maxPartitionBytes: 350_000 }, async (log) => {
  await produceTen(log);
  await log.enforceRetention();
  const { low, high } = await bounds(log);
  assertEquals([low, high], [700, 1000]);
});

test("nothing is deleted that a group has still to read", { maxPartitionBytes: 1 }, async (log) => {
  await produceTen(log);
  await leaveCommitted(log, "slow", 250);
  await leaveCommitted(log, "fast", 900);
  await log.enforceRetention();
  assertEquals(await bounds(log), { low: 200, high: 1000 });
  await leaveCommitted(log, "slow", 1000);
  await log.enforceRetention();
  assertEquals(await bounds(log), { low: 900, high: 1000 });
});

test("a group with members that has not committed yet needs everything", { maxPartitionBytes: 1 }, async (log) => {
  await produceTen(log);
  {
    await using _member = await log.subscribe({ topic: TOPIC, group: "new", signal: new AbortController().signal });
    assertEquals(await log.enforceRetention(), 0);
  }
  await log.enforceRetention();
  assertEquals(await bounds(log), { low: 1000, high: 1000 });
});

test(
  "a group that was given up holds nothing back for ever",
  { maxPartitionBytes: 1, groupExpiryMs: 7 * DAY_MS },
  async (log, clock) => {
    await produceTen(log);
    await leaveCommitted(log, "gone", 100);
    clock.aheadMs = 6 * DAY_MS;
    await log.enforceRetention();
    assertEquals((await bounds(log)).low, 100);
    clock.aheadMs = 8 * DAY_MS;
    await log.enforceRetention();
    assertEquals((await bounds(log)).low, 1000);
    assertEquals([...await log.committed(TOPIC, "gone")], []);
  },
);

test(
  "a member that was killed before it committed holds nothing back for ever, and leaves no group behind",
  { maxPartitionBytes: 1, groupExpiryMs: 7 * DAY_MS },
  async (log, clock) => {
    {
      await using _reader = await log.subscribe({ topic: TOPIC, group: "look", signal: new AbortController().signal });
    }
    // As a process that is killed while this one is there: nobody leaves.
    await log.file.write("groups", () => {
      log.file.run("INSERT INTO groups SELECT id, 'killed', 1 FROM topics");
      log.file.run("INSERT INTO members SELECT id, 'killed', 'm', 1, ? FROM topics", clock.now() + 10_000);
    });
    await produceTen(log);
    clock.aheadMs = 6 * DAY_MS;
    await log.enforceRetention();
    assertEquals((await bounds(log)).low, 0);
    clock.aheadMs = 8 * DAY_MS;
    await log.enforceRetention();
    assertEquals((await bounds(log)).low, 0);
    clock.aheadMs += 30_000;
    await log.enforceRetention();
    assertEquals((await bounds(log)).low, 1000);
    assertEquals([log.file.all("SELECT * FROM members"), log.file.all("SELECT * FROM groups")], [[], []]);
  },
);

test(
  "a reader that lives keeps what it has not read, also when the machine has slept for longer than groups expire",
  { maxPartitionBytes: 1, groupExpiryMs: 7 * DAY_MS },
  async (log, clock) => {
    await produceTen(log);
    await using subscription = await log.subscribe({ topic: TOPIC, group: "g", signal: new AbortController().signal });
    const generation = await generationOf(subscription, 1);
    await generation.commit(new Map([[0, 300]]));
    clock.sleptMs = 8 * DAY_MS;
    await log.enforceRetention();
    await log.enforceRetention();
    assertEquals((await bounds(log)).low, 300);
    assertEquals([...await log.committed(TOPIC, "g")], [[0, 300]]);
  },
);

test("what was deleted ahead of a reader is told as lost, not a silent jump", { maxPartitionBytes: 1 }, async (log) => {
  await produceTen(log);
  await log.enforceRetention();
  await using subscription = await log.subscribe({ topic: TOPIC, group: "late", signal: new AbortController().signal });
  const generation = await generationOf(subscription, 1);
  await startAt(generation, 10);
  const { damage } = await assertRejects(() => generation.next(0), LogDamagedError);
  assertEquals([damage.from, damage.to, damage.reason], [10, 1000, "deleted"]);
  generation.skip(0, 1000);
  await log.produce(TOPIC, [{ value: "x" }]);
  assertEquals((await generation.next(1_000))!.records.map(({ offset }) => offset), [1000]);
});

test("the file gives deleted space back", { maxPartitionBytes: 1 }, async (log, _clock, dataDir) => {
  for (let i = 0; i < 10; i++) await produceTen(log);
  const size = async () => {
    log.file.get("PRAGMA wal_checkpoint(TRUNCATE)");
    return (await Deno.stat(`${dataDir}/freshet.log.db`)).size;
  };
  const before = await size();
  await log.enforceRetention();
  const after = await size();
  assert(before > 10_000_000 && after < before / 2, `${before} bytes became ${after}`);
});

test("retention runs by itself while records are produced", { maxPartitionBytes: 100_000 }, async (log, clock) => {
  await produceTen(log);
  clock.aheadMs = 60_000;
  await log.produce(TOPIC, [{ value: "x" }]);
  const giveUpAt = Date.now() + 10_000;
  while ((await bounds(log)).low === 0) {
    assert(Date.now() < giveUpAt, "nothing was deleted");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
});
