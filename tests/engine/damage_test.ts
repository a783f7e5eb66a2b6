// What becomes of a partition with a stretch that cannot be read, and of the others.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { LogDamagedError, LogDivergedError } from "../../src/errors.ts";
import { gapRow } from "../../src/engine/gap.ts";
import type { Claim, Row } from "../../src/warehouse/warehouse.ts";
import { readings, TOPIC } from "../support/simulation/domain.ts";
import { type Instance, START, World } from "../support/simulation/world.ts";

const good = (i: number) => ({ key: i % 3 ? "a" : "b", time: START - 2000 + i * 7, x: i });

/** Thirty records in each of two partitions, of which offsets 10 to 14 of the first cannot be read. */
function damagedWorld(stretch: { readonly from: number; readonly to?: number } = { from: 10, to: 15 }): World {
  const world = new World(readings(Infinity), 1, 2);
  produce(world, 0, 60);
  world.log.partition(TOPIC, 0).damaged.push(stretch);
  return world;
}

function produce(world: World, from: number, to: number): void {
  for (let i = from; i < to; i++) world.produce(good(i), { partition: i % 2 });
}

/** Offsets in the raw table, by partition. */
function rawOffsets(world: World): number[][] {
  const all = world.warehouse.rows("RAW").map(({ META }) => JSON.parse(String(META)));
  return [0, 1].map((p) =>
    all.filter(({ partition }) => partition === p).map(({ offset }) => offset).sort((a, b) => a - b)
  );
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
const gapOf = (
  { KAFKA_PARTITION, FROM_OFFSET, TO_OFFSET, REASON, RECORDED_BY }: Row,
) => [KAFKA_PARTITION, FROM_OFFSET, TO_OFFSET, REASON, RECORDED_BY];
const next = (world: World) => [0, 1].map((partition) => world.warehouse.claims.get(partition)?.nextOffset ?? 0);

/** Waits until the first partition has stopped, and the positions are these. */
async function stoppedAt(world: World, { runner }: Instance, positions: string): Promise<void> {
  await world.until(() => runner.status().partitions[0]?.stopped !== undefined && next(world).join() === positions);
}

Deno.test("a damaged stretch stops its partition after what is before it, and the others go on", async () => {
  const world = damagedWorld();
  const instance = world.start();
  await stoppedAt(world, instance, "10,30");
  produce(world, 60, 70);
  await world.until(() => next(world).join() === "10,35");
  assertEquals(rawOffsets(world), [numbers(0, 10), numbers(0, 35)]);
  const { phase, partitions, totals } = instance.runner.status();
  assertEquals([phase, totals.restarts], ["running", 0]);
  assertEquals(partitions.map(({ stopped }) => stopped && [stopped.from, stopped.to, stopped.reason]), [
    [10, 15, "unreadable"],
    undefined,
  ]);
  const told = world.messages.filter(({ level }) => level === "error");
  assertEquals(told.length, 1);
  assertStringIncludes(String(told[0]!.properties.error), `freshet skip ${TOPIC} 0 10 15`);
  await world.stopped(instance);
  assertEquals(world.warehouse.rows("FRESHET_GAPS"), []);
});

Deno.test("damage that is always there stops the partition in each run, and commits nothing twice", async () => {
  const world = damagedWorld();
  for (let run = 0; run < 3; run++) {
    const instance = world.start();
    await world.until(() => instance.runner.status().partitions[0]?.stopped !== undefined && next(world)[1] === 30);
    await world.stopped(instance);
  }
  assertEquals(rawOffsets(world), [numbers(0, 10), numbers(0, 30)]);
});

Deno.test("where damage is to be skipped its partition goes on behind it, with the gap in the same transaction", async () => {
  const world = damagedWorld();
  const watermarks: (number | null)[] = [];
  let isTogether = false;
  world.warehouse.watch = ({ appends, moves }) => {
    const move = moves.find(({ partition }) => partition === 0);
    if (!move) return;
    watermarks.push(move.to.watermark);
    const isPast = move.expectedOffset <= 10 && move.to.nextOffset >= 15;
    assertEquals(appends.some(({ table }) => table === "FRESHET_GAPS"), isPast);
    isTogether ||= isPast;
  };
  const instance = world.start({ onDamage: "skip" });
  await world.until(() => world.committed);
  await world.stopped(instance);
  assert(isTogether);
  assertEquals(rawOffsets(world), [[...numbers(0, 10), ...numbers(15, 30)], numbers(0, 30)]);
  assertEquals(world.warehouse.rows("FRESHET_GAPS").map(gapOf), [[0, 10, 15, "unreadable", "FRESHET_ON_DAMAGE"]]);
  assertEquals(watermarks, watermarks.toSorted((a, b) => (a ?? -Infinity) - (b ?? -Infinity)));
  assertEquals(instance.runner.status().partitions.map(({ stopped }) => stopped), [undefined, undefined]);
});

Deno.test("damage whose end nobody knows is not skipped by itself", async () => {
  const world = damagedWorld({ from: 10 });
  const instance = world.start({ onDamage: "skip" });
  await stoppedAt(world, instance, "10,30");
  assertEquals(instance.runner.status().partitions[0]!.stopped?.to, undefined);
  assertStringIncludes(String(world.messages.find(({ level }) => level === "error")?.properties.error), "<to>");
  await world.stopped(instance);
  assertEquals(world.warehouse.rows("FRESHET_GAPS"), []);
});

/** Moves the first partition's position, as another process does that claims it and commits one unit. */
function moved(world: World, to: Partial<Claim>): void {
  const claim = world.warehouse.claims.get(0)!;
  world.warehouse.claims.set(0, { ...claim, epoch: claim.epoch + 1, checkpoint: claim.checkpoint + 1, ...to });
}

/** What `freshet skip` leaves. */
function skipped(world: World, from: number, to: number): void {
  const gap = { partition: 0, from, to, reason: "unreadable", why: "by hand", by: "freshet skip", at: START } as const;
  world.warehouse.appended.set("FRESHET_GAPS", [gapRow(world.domain, gap)]);
  moved(world, { nextOffset: to, lastTimestamp: null });
}

Deno.test("a stopped partition goes on when its position was moved past the damage, in the run that is up", async () => {
  const world = damagedWorld();
  const instance = world.start();
  await stoppedAt(world, instance, "10,30");
  skipped(world, 10, 15);
  await world.until(() => world.committed);
  assertEquals(rawOffsets(world), [[...numbers(0, 10), ...numbers(15, 30)], numbers(0, 30)]);
  const { partitions, totals } = instance.runner.status();
  assertEquals([partitions[0]!.stopped, totals.restarts], [undefined, 0]);
  await world.stopped(instance);
});

Deno.test("a stopped partition goes on by itself when the log can be read again", async () => {
  const world = damagedWorld();
  const instance = world.start();
  await stoppedAt(world, instance, "10,30");
  const told = world.messages.length;
  world.log.partition(TOPIC, 0).damaged.length = 0;
  await world.until(() => world.committed);
  assertEquals(rawOffsets(world), [numbers(0, 30), numbers(0, 30)]);
  assertEquals(world.messages.slice(told).map(({ level }) => level), ["info"]);
  await world.stopped(instance);
});

Deno.test("a run until the end commits what it can read, closes nothing, and ends with the damage", async () => {
  const world = damagedWorld();
  const outcome = await world.ended(world.start({ untilEnd: true }));
  assert(outcome instanceof LogDamagedError);
  assertEquals(next(world), [10, 30]);
  assertEquals(world.warehouse.rows("FRESHET_CLOSED"), []);
  await world.workOff({ onDamage: "skip" });
  assertEquals(next(world), [30, 30]);
});

Deno.test("records deleted ahead of a position stop the partition, or are skipped with the gap on record", async () => {
  for (const onDamage of ["stop", "skip"] as const) {
    const world = new World(readings(Infinity), 1, 2);
    produce(world, 0, 40);
    await world.catchUp();
    produce(world, 40, 80);
    world.log.retain(TOPIC, 0, 33);
    const instance = world.start({ onDamage });
    const isStopped = onDamage === "stop";
    if (isStopped) await stoppedAt(world, instance, "20,40");
    else await world.until(() => world.committed);
    const { stopped } = instance.runner.status().partitions[0]!;
    assertEquals(stopped && [stopped.from, stopped.to, stopped.reason], isStopped ? [20, 33, "deleted"] : undefined);
    await world.stopped(instance);
    const gaps = isStopped ? [] : [[0, 20, 33, "deleted", "FRESHET_ON_DAMAGE"]];
    assertEquals(world.warehouse.rows("FRESHET_GAPS").map(gapOf), gaps);
  }
});

Deno.test("damage at the record before the position, which is in the tables, loses nothing and stops nothing", async () => {
  const world = new World(readings(Infinity), 1, 2);
  produce(world, 0, 40);
  await world.catchUp();
  world.log.partition(TOPIC, 0).damaged.push({ from: 15, to: 20 });
  produce(world, 40, 60);
  const instance = world.start();
  await world.until(() => world.committed);
  await world.stopped(instance);
  assertEquals(rawOffsets(world), [numbers(0, 30), numbers(0, 30)]);
  assertEquals(world.messages.filter(({ level }) => level === "error"), []);
});

Deno.test("what a topic had lost before its first read is on record, once", async () => {
  const world = new World(readings(Infinity), 1, 2);
  produce(world, 0, 40);
  world.log.retain(TOPIC, 0, 7);
  await world.workOff();
  await world.workOff();
  assertEquals(world.warehouse.rows("FRESHET_GAPS").map(gapOf), [[0, 0, 7, "before_first_read", "first start"]]);
  assertEquals(rawOffsets(world), [numbers(7, 20), numbers(0, 20)]);
});

Deno.test("what a topic had lost before its first read, which its ends did not tell, is on record as well, and stops nothing", async () => {
  const world = new World(readings(Infinity), 1, 2);
  produce(world, 0, 40);
  world.log.retain(TOPIC, 0, 7);
  // As when a partition has no leader, or loses it between the look and the first read.
  const { bounds } = world.log;
  world.log.bounds = (topic) => bounds.call(world.log, topic).map(({ high }) => ({ low: 0, high }));
  await world.workOff();
  assertEquals(world.warehouse.rows("FRESHET_GAPS").map(gapOf), [[0, 0, 7, "before_first_read", "first start"]]);
  assertEquals(rawOffsets(world), [numbers(7, 20), numbers(0, 20)]);
});

Deno.test("what goes before the first read, once a first gap is on record, stops nothing either", async () => {
  for (const onDamage of ["stop", "skip"] as const) {
    const world = new World(readings(Infinity), 1, 2);
    produce(world, 0, 40);
    world.log.retain(TOPIC, 0, 7);
    // Nothing of it comes until more has gone.
    world.log.partition(TOPIC, 0).isSlow = true;
    const instance = world.start({ onDamage });
    await world.until(() => next(world).join() === "7,20");
    world.log.retain(TOPIC, 0, 12);
    world.log.partition(TOPIC, 0).isSlow = false;
    await world.until(() => next(world).join() === "20,20");
    await world.stopped(instance);
    assertEquals(world.warehouse.rows("FRESHET_GAPS").map(gapOf), [
      [0, 0, 7, "before_first_read", "first start"],
      [0, 7, 12, "before_first_read", "first start"],
    ]);
    assertEquals(rawOffsets(world), [numbers(12, 20), numbers(0, 20)]);
    assertEquals(world.messages.filter(({ level }) => level === "error" || level === "warn"), []);
  }
});

Deno.test("what goes before the first read stops nothing in the run after the one that put a first gap on record", async () => {
  const world = new World(readings(Infinity), 1, 2);
  produce(world, 0, 40);
  world.log.retain(TOPIC, 0, 7);
  // Nothing of it comes in the first run.
  world.log.partition(TOPIC, 0).isSlow = true;
  const first = world.start();
  await world.until(() => next(world).join() === "7,20");
  await world.stopped(first);
  world.log.retain(TOPIC, 0, 12);
  world.log.partition(TOPIC, 0).isSlow = false;
  const second = world.start();
  await world.until(() =>
    next(world).join() === "20,20" || second.runner.status().partitions[0]?.stopped !== undefined
  );
  await world.stopped(second);
  assertEquals(world.warehouse.rows("FRESHET_GAPS").map(gapOf), [
    [0, 0, 7, "before_first_read", "first start"],
    [0, 7, 12, "before_first_read", "first start"],
  ]);
  assertEquals(rawOffsets(world), [numbers(12, 20), numbers(0, 20)]);
  assertEquals(world.messages.filter(({ level }) => level === "error" || level === "warn"), []);
});

Deno.test("what is deleted behind a stretch that was skipped stops its partition in the next run", async () => {
  const world = new World(readings(Infinity), 1, 2);
  produce(world, 0, 10);
  await world.catchUp();
  world.log.partition(TOPIC, 0).damaged.push({ from: 5, to: 20 });
  produce(world, 10, 40);
  await world.catchUp({ onDamage: "skip" });
  assertEquals(world.warehouse.claims.get(0)!.lastTimestamp, null);
  produce(world, 40, 80);
  world.log.retain(TOPIC, 0, 33);
  await stoppedAt(world, world.start(), "20,40");
});

Deno.test("what is deleted after the first read stops its partition, also in the run that began with it", async () => {
  const world = new World(readings(Infinity), 1, 2);
  produce(world, 0, 40);
  const instance = world.start();
  await world.until(() => world.committed);
  produce(world, 40, 80);
  world.log.retain(TOPIC, 0, 33);
  await stoppedAt(world, instance, "20,40");
  await world.stopped(instance);
  assertEquals(world.warehouse.rows("FRESHET_GAPS"), []);
});

Deno.test("a stopped partition that another instance has had is claimed anew, with its state", async () => {
  const moves: readonly Partial<Claim>[] = [
    { nextOffset: 15 }, // it went past the damage by itself
    {}, // it swapped the tables and the state
    { nextOffset: 15, lastTimestamp: null }, // as a skip, of which nothing is on record
    { nextOffset: 15, lastTimestamp: null, checkpoint: 100 }, // a skip that is on record, and more
  ];
  for (const [i, move] of moves.entries()) {
    const world = damagedWorld();
    const instance = world.start();
    await stoppedAt(world, instance, "10,30");
    if (i === 3) skipped(world, 10, 15);
    moved(world, move);
    await world.until(() => instance.runner.status().totals.restarts === 1);
    assertStringIncludes(String(instance.runner.status().lastError), "Another instance has moved partition 0");
    if (move.nextOffset === undefined) await stoppedAt(world, instance, "10,30");
    else await world.until(() => world.committed);
    assertEquals(instance.runner.status().totals.restarts, 1);
    await world.stopped(instance);
  }
});

Deno.test("a partition that has stopped says since when, however often it is tried again", async () => {
  const world = damagedWorld();
  const instance = world.start();
  await stoppedAt(world, instance, "10,30");
  const { since } = instance.runner.status().standstill!;
  const later = world.turns.now() + 300_000;
  await world.until(() => world.turns.now() > later);
  const { standstill } = instance.runner.status();
  assertEquals([standstill?.kind, standstill?.since], ["partition_stopped", since]);
  await world.stopped(instance);
});

Deno.test("a partition whose log has its end again goes on, also where nothing is behind the position", async () => {
  const world = new World(readings(Infinity), 1, 2);
  produce(world, 0, 40);
  await world.catchUp();
  const stored = world.log.partition(TOPIC, 0);
  const records = [...stored.records];
  world.log.truncate(TOPIC, 0, 15);
  const instance = world.start();
  await stoppedAt(world, instance, "20,20");
  Object.assign(stored, { records, high: 20 });
  await world.until(() => instance.runner.status().partitions[0]!.stopped === undefined);
  assertEquals(instance.runner.status().standstill, null);
  produce(world, 40, 50);
  await world.until(() => world.committed);
  await world.stopped(instance);
  assertEquals(rawOffsets(world), [numbers(0, 25), numbers(0, 25)]);
});

/** A world that has read twenty records of each partition, of which the log then lost five of the first. */
async function truncatedWorld(): Promise<World> {
  const world = new World(readings(Infinity), 1, 2);
  produce(world, 0, 40);
  await world.catchUp();
  world.log.truncate(TOPIC, 0, 15);
  world.turns.setNow(world.turns.now() + 60_000);
  return world;
}

Deno.test("a partition whose log has lost what was read stops alone, and reads nothing that came in its place", async () => {
  const world = await truncatedWorld();
  produce(world, 40, 46);
  const instance = world.start();
  await world.until(() => next(world).join() === "20,23");
  const { stopped } = instance.runner.status().partitions[0]!;
  assertEquals([stopped?.from, stopped?.to, stopped?.reason], [18, 20, "truncated"]);
  await world.stopped(instance);
  assertEquals(rawOffsets(world), [numbers(0, 20), numbers(0, 23)]);
  // Beyond the position it shows that the records before it are others.
  produce(world, 46, 60);
  const outcome = await world.ended(world.start());
  assert(outcome instanceof LogDivergedError);
  assertStringIncludes(outcome.message, `freshet skip ${TOPIC} 0 <from> 20`);
});

Deno.test("once that is accepted it goes on at its position, in the run that is up and when the log is there", async () => {
  const world = await truncatedWorld();
  const instance = world.start();
  await stoppedAt(world, instance, "20,20");
  skipped(world, 15, 20);
  await world.until(() => instance.runner.status().partitions[0]!.stopped!.why.includes("waits"));
  produce(world, 40, 60);
  await world.until(() => world.committed);
  assertEquals(next(world), [25, 30]);
  assertEquals(instance.runner.status().partitions[0]!.stopped, undefined);
  await world.stopped(instance);
  assertEquals(rawOffsets(world), [numbers(0, 25), numbers(0, 30)]);
});
