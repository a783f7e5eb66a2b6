// How a run begins, ends, and says how it is.

import { assert, assertEquals } from "@std/assert";
import type { CheckpointSummary } from "../../src/engine/mod.ts";
import { readings, TOPIC } from "../support/simulation/domain.ts";
import { START, World } from "../support/simulation/world.ts";

const good = (i: number) => ({ key: i % 3 ? "a" : "b", time: START - 2000 + i * 7, x: i });
const NEVER = { checkpointRows: 1_000_000, checkpointMs: 1e12 };

function worldOf(records: number, partitions = 1): World {
  const world = new World(readings(Infinity), 1, partitions);
  for (let i = 0; i < records; i++) world.produce(good(i), { partition: i % partitions });
  return world;
}

const taken = (world: World, records: number) => {
  const instance = world.start(NEVER);
  return world.until(() => instance.runner.status().partitions[0]?.highOffset === records)
    .then(async () => {
      for (let turn = 0; turn < 100; turn++) await world.turns.next();
      return instance;
    });
};

Deno.test("a stop writes a last checkpoint of all that was taken", async () => {
  const world = worldOf(30);
  const instance = await taken(world, 30);
  assertEquals(world.warehouse.rows("RAW").length, 0);
  await world.stopped(instance);
  assert(world.committed);
  assertEquals(world.warehouse.rows("RAW").length, 30);
  assertEquals([...world.log.group(TOPIC, "freshet-readings").committed], [[0, 30]]);
  assertEquals(instance.runner.status().phase, "stopped");
});

Deno.test("a stop with nothing taken since the last checkpoint writes nothing", async () => {
  const world = worldOf(10);
  const instance = world.start();
  await world.until(() => world.committed);
  await world.until(() => instance.runner.status().totals.checkpoints > 0);
  const { checkpoint } = world.warehouse.claims.get(0)!;
  await world.stopped(instance);
  assertEquals(world.warehouse.claims.get(0)!.checkpoint, checkpoint);
});

Deno.test("a run whose last checkpoint is written has stopped, also while brokers take their time over what is left", async () => {
  const world = worldOf(30);
  const instance = await taken(world, 30);
  world.log.isSilent = true;
  instance.stop.abort();
  await world.until(() => world.committed);
  await world.until(() => instance.runner.status().phase === "stopped");
  assertEquals(instance.outcome, undefined, "the group's offsets are not moved yet");
  world.log.isSilent = false;
  assertEquals(await world.ended(instance), "done");
});

Deno.test("a stop does not wait for brokers that say nothing of others' partitions", async () => {
  const world = worldOf(40, 2);
  const instances = [world.start(), world.start()];
  const owned = () => instances.map(({ runner }) => runner.status().partitions.length).join();
  await world.until(() => world.committed && owned() === "1,1");
  for (let turn = 0; turn < 100; turn++) await world.turns.next();
  world.log.isSilent = true;
  const askedBy = world.turns.now() + 10_000;
  await world.until(() => world.turns.now() > askedBy);
  const stoppedAt = world.turns.now();
  for (const instance of instances) await world.stopped(instance);
  assert(world.turns.now() - stoppedAt < 5_000, "by the simulated clock");
});

Deno.test("a stop when the warehouse is away ends with that error, and the next run loses nothing", async () => {
  const world = worldOf(30);
  const instance = await taken(world, 30);
  world.warehouse.away = true;
  instance.stop.abort();
  const outcome = await world.ended(instance);
  assert(outcome instanceof Error && outcome.name === "WarehouseUnavailableError");
  world.warehouse.away = false;
  await world.workOff();
  assertEquals(world.warehouse.rows("RAW").length, 30);
});

Deno.test("a stop before the start, and one while waiting to start again, ends at once", async () => {
  const world = worldOf(5);
  const early = world.start();
  early.stop.abort();
  await world.stopped(early);
  world.warehouse.away = true;
  const waiting = world.start({ maxRestarts: 100 });
  await world.until(() => waiting.runner.status().phase === "restarting");
  await world.stopped(waiting);
  assertEquals(world.warehouse.rows("RAW").length, 0);
});

Deno.test("while the warehouse cannot be reached a run is starting again, and does not stand by", async () => {
  const world = worldOf(5);
  world.warehouse.away = true;
  const instance = world.start({ maxRestarts: 100 });
  const phases = new Set<string>();
  await world.until(() => {
    phases.add(instance.runner.status().phase);
    return instance.runner.status().totals.restarts === 5;
  });
  assertEquals([...phases], ["starting", "restarting"]);
  world.warehouse.away = false;
  await world.until(() => instance.runner.status().phase === "running");
  await world.stopped(instance);
});

Deno.test("a run until the end commits what was there at the start and ends, whatever comes meanwhile", async () => {
  const world = worldOf(50, 2);
  const instance = world.start({ untilEnd: true, checkpointRows: 3 });
  for (let i = 50; instance.outcome === undefined; i++) {
    if (i < 400) world.produce(good(i), { partition: i % 2 });
    await world.turns.next();
  }
  assertEquals(instance.outcome, "done");
  assert([0, 1].every((partition) => world.warehouse.claims.get(partition)!.nextOffset >= 25));
});

Deno.test("a run until the end of an empty topic ends, and so does one of a topic that is all read", async () => {
  const world = worldOf(0, 3);
  await world.workOff();
  for (let i = 0; i < 9; i++) world.produce(good(i), { partition: i % 3 });
  await world.workOff();
  await world.workOff();
  assertEquals(world.warehouse.rows("RAW").length, 9);
});

Deno.test("a run until the end ends where trailing offsets hold no record", async () => {
  const world = worldOf(4);
  world.log.skip(TOPIC, 0);
  world.log.skip(TOPIC, 0);
  await world.workOff();
  assertEquals(world.warehouse.claims.get(0)!.nextOffset, 6);
  await world.workOff();
});

Deno.test("a checkpoint is due by rows or by age, whichever comes first", async () => {
  const byRows = worldOf(40);
  const summaries: CheckpointSummary[] = [];
  const observer = {
    checkpoint: (_: string, summary: CheckpointSummary) => void summaries.push(summary),
  };
  await byRows.workOff({ ...NEVER, checkpointRows: 10, observer });
  assert(summaries.length >= 2 && summaries.length <= 4);
  assert(summaries.slice(0, -1).every(({ records }) => records >= 10));

  const byAge = worldOf(1);
  const instance = byAge.start({ ...NEVER, checkpointMs: 700 });
  const from = byAge.turns.now();
  await byAge.until(() => byAge.committed);
  assert(byAge.turns.now() - from >= 700);
  assert(byAge.turns.now() - from < 1000);
  await byAge.stopped(instance);
});

Deno.test("a wall clock that is set back an hour holds no checkpoint up", async () => {
  const world = worldOf(1);
  const instance = world.start({ ...NEVER, checkpointMs: 700 });
  await world.until(() => instance.runner.status().phase === "running");
  world.turns.setNow(world.turns.now() - 3_600_000);
  const from = world.turns.now();
  await world.until(() => world.committed);
  assert(world.turns.now() - from < 1000);
  await world.stopped(instance);
});

Deno.test("where waking the warehouse costs, what is due by age comes at common ticks of the wall clock", async () => {
  const TICK = 700;
  const world = worldOf(1);
  const at: number[] = [];
  const observer = { checkpoint: () => void at.push(world.turns.now()) };
  // Started between two ticks, as processes are, and so is what comes later.
  world.turns.setNow(Math.ceil(world.turns.now() / TICK) * TICK + 250);
  const instance = world.start({ ...NEVER, checkpointMs: TICK, checkpointOnTicks: true, observer });
  for (let records = 1; records <= 4; records++) {
    await world.until(() => at.length === records);
    const until = world.turns.now() + 130 * records;
    await world.until(() => world.turns.now() >= until);
    world.produce({ key: "a", time: world.turns.now(), x: records });
  }
  await world.until(() => at.length === 5);
  // A turn takes its time.
  for (const time of at) assert(time % TICK < 100, `${at.map((each) => each % TICK)}`);
  await world.stopped(instance);
});

Deno.test("while records wait a checkpoint grows to what is told, and without any waiting it does not", async () => {
  const records: number[] = [];
  const observer = {
    checkpoint: (_: string, summary: CheckpointSummary) => void records.push(summary.records),
  };
  const world = worldOf(400);
  await world.catchUp({ ...NEVER, checkpointRows: 10, checkpointBacklogRows: 150, observer });
  assert(records.slice(0, -1).every((count) => count >= 150), `${records}`);
  assert(records.length >= 2 && records.length <= 3, `${records}`);

  const trickle = worldOf(10);
  records.length = 0;
  const instance = trickle.start({ ...NEVER, checkpointRows: 10, checkpointBacklogRows: 150, observer });
  await trickle.until(() => records.length === 1);
  assertEquals(records, [10]);
  await trickle.stopped(instance);
});

Deno.test("observers are told what each checkpoint holds", async () => {
  const world = worldOf(10);
  world.produce("no JSON");
  world.produce({ key: "a", time: START, x: 1 });
  world.produce({ key: "a", time: START - 4000, x: 1 });
  const summaries: CheckpointSummary[] = [];
  const observer = {
    checkpoint: (_: string, summary: CheckpointSummary) => void summaries.push(summary),
  };
  const { runner } = await world.workOff({ ...NEVER, observer });
  const [{ rows, upserts, durationMs, processingMs, bytes, ages, readBySchema, ...summary }] = summaries as [
    CheckpointSummary,
  ];
  assertEquals(summary, {
    topic: TOPIC,
    records: 13,
    accepted: 12,
    kinds: new Map(),
    deadLetters: [{ stage: "decode", reason: "invalid_json" }],
    skippedOffsets: 0,
    alertEvents: 0,
    late: ["TUMBLING", "HOPPING", "SESSIONS"].map((operator) => ({ operator, count: 1 })),
  });
  assert(readBySchema > 0 && readBySchema < 13, "all alike but the first and the one that is no JSON");
  assert(rows > 24 && durationMs >= 0 && processingMs >= durationMs && bytes > 13 * 20);
  assertEquals(ages.reduce((sum, { records }) => sum + records, 0), 12);
  assert(ages.every(({ ageMs }) => Number.isFinite(ageMs)));
  const latest = upserts.find(({ table }) => table === "LATEST")!;
  assertEquals([latest.keyColumns, latest.rows.map(({ K }) => K).includes("a")], [["K"], true]);
  const { totals, lastCheckpointAt, openWindows, partitions: [partition], ...status } = runner.status();
  assertEquals(totals, { records: 13, accepted: 12, deadLetters: 1, late: 3, checkpoints: 1, restarts: 0 });
  assertEquals<unknown>(status, {
    domain: "readings",
    topic: TOPIC,
    phase: "stopped",
    lastError: null,
    retryAt: null,
    standstill: null,
    pausedPartitions: 0,
  });
  const { confirmedAt, ...place } = partition!;
  assertEquals(
    place,
    { partition: 0, nextOffset: 13, highOffset: 13, readableOffset: 13, lag: 0, watermark: START - 10, obstacle: null },
  );
  assert(confirmedAt !== null && confirmedAt <= world.turns.now());
  assert(lastCheckpointAt !== null && openWindows.TUMBLING! > 0);
});

Deno.test("two instances share the partitions, a third waits, and when one stops the others take over", async () => {
  const world = worldOf(40, 2);
  const instances = [world.start(), world.start(), world.start()];
  await world.until(() => world.committed);
  const owned = () => instances.map(({ runner }) => runner.status().partitions.length);
  await world.until(() => owned().toSorted().join() === "0,1,1");
  const [leaving] = instances.splice(owned().indexOf(1), 1);
  await world.stopped(leaving!);
  for (let i = 40; i < 60; i++) world.produce(good(i), { partition: i % 2 });
  await world.until(() => world.committed);
  for (const instance of instances) await world.stopped(instance);
  assertEquals(world.warehouse.rows("RAW").length, 60);
});

Deno.test("what is pending when the group rebalances is committed: a member that comes and goes keeps nobody from it", async () => {
  const world = worldOf(40, 2);
  const first = world.start(NEVER);
  const taken = () => first.runner.status().partitions.map(({ readableOffset }) => readableOffset).join();
  await world.until(() => taken() === "20,20");
  for (let i = 0; i < 50; i++) await world.turns.next();
  assertEquals(world.committed, false);
  const second = world.start(NEVER);
  await world.until(() => world.committed);
  world.crash(second);
  world.expel(second);
  await world.stopped(first);
  assertEquals(world.warehouse.rows("RAW").length, 40);
});

Deno.test("who has lost all partitions to another stands by, and tells nothing of them any more", async () => {
  const world = worldOf(40);
  const first = world.start({ maxRestarts: 100 });
  await world.until(() => first.runner.status().partitions.length === 1);
  const second = world.start({ maxRestarts: 100 });
  const phases = () => [first, second].map(({ runner }) => runner.status().phase);
  await world.until(() => second.runner.status().phase === "standby");
  // The first fails, again and again until it comes back as the second in line.
  for (let i = 40; first.runner.status().phase !== "standby"; i++) {
    world.warehouse.away = true;
    world.produce(good(i), { partition: 0 });
    await world.until(() => phases().includes("restarting"));
    world.warehouse.away = false;
    await world.until(() => phases().toSorted().join() === "running,standby");
  }
  for (let turn = 0; turn < 100; turn++) await world.turns.next();
  assertEquals(first.runner.status().partitions, []);
  assertEquals(second.runner.status().phase, "running");
  await world.stopped(first);
  await world.stopped(second);
});

for (const [partitions, share] of [[2, "1 of the 2"], [1, "all"]] as const) {
  Deno.test(`tables of one process are warned of another that has ${share} partitions, those of many are not`, async () => {
    const world = worldOf(10, partitions);
    const warnings: unknown[] = [];
    const logger = { debug() {}, info() {}, error() {}, warn: (_: string, told?: unknown) => void warnings.push(told) };
    const first = world.start({ logger });
    await world.until(() => first.runner.status().partitions.length === partitions);
    const second = world.start({ logger, expectsAllPartitions: true });
    await world.until(() => ["running", "standby"].includes(second.runner.status().phase));
    assertEquals(warnings, [{ domain: "readings", group: "freshet-readings", share, topic: TOPIC }]);
    await world.stopped(first);
    await world.until(() => second.runner.status().partitions.length === partitions);
    assertEquals(warnings.length, 1, "with all partitions there is nothing to warn of");
    await world.stopped(second);
  });
}
