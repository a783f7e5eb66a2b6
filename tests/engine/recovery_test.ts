// What the engine does when the log, the warehouse or another instance is not as it was: it goes on without a doubled or a lost
// record, or it ends with a message that says what to do.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Domain } from "../../src/domains/domain.ts";
import {
  FencedError,
  LogDivergedError,
  StateMismatchError,
  TopicMissingError,
  WarehouseUnavailableError,
} from "../../src/errors.ts";
import { count } from "@freshet/stream";
import { type Reading, readings, TOPIC } from "../support/simulation/domain.ts";
import { checkAccounting, checkDerived, type Fate, watchInvariants } from "../support/simulation/oracle.ts";
import { START, World } from "../support/simulation/world.ts";

const good = (i: number) => ({ key: i % 3 ? "a" : "b", time: START - 2000 + i * 7, x: i });

/** A world with some good records. */
function worldOf(records: number, partitions = 1, seed = 1): World {
  const world = new World(readings(Infinity), seed, partitions);
  watchInvariants(world);
  produce(world, 0, records);
  return world;
}

function produce(world: World, from: number, to: number): void {
  for (let i = from; i < to; i++) {
    world.produce(good(i), { partition: i % world.log.bounds(TOPIC).length });
    world.turns.setNow(world.turns.now() + 1);
  }
}

/** Closes all windows, works the rest off, and compares with a recomputation. */
async function settle(world: World): Promise<void> {
  const partitions = world.log.bounds(TOPIC);
  partitions.forEach((_, partition) =>
    world.produce({ key: `end${partition}`, time: START + 9000, x: 0 }, { partition })
  );
  await world.workOff();
  const fates = partitions.flatMap((_, p) =>
    world.log.partition(TOPIC, p).records.map(({ offset }): [string, Fate] => [`${p}/${offset}`, undefined])
  );
  checkAccounting(world, new Map(fates));
  checkDerived(world, { versions: true });
}

Deno.test("a commit whose answer is lost after it was written is not repeated, and nothing restarts", async () => {
  const world = worldOf(30);
  world.once.add("commit.lost after");
  const { runner } = await world.workOff({ checkpointRows: 10 });
  assertEquals(runner.status().totals.restarts, 0);
  await settle(world);
});

Deno.test("a commit whose answer is lost before it was written is done again after going back", async () => {
  const world = worldOf(30);
  world.once.add("commit.lost before");
  const { runner } = await world.workOff({ checkpointRows: 10 });
  assertEquals(runner.status().totals.restarts, 1);
  await settle(world);
});

Deno.test("an instance that lost its partitions without knowing is fenced, and what it wrote last is nowhere", async () => {
  const world = worldOf(30);
  const slow = world.start({ checkpointRows: 1000, checkpointMs: 1e9 });
  await world.until(() => slow.runner.status().partitions[0]?.highOffset === 30);
  world.expel(slow);
  await world.catchUp();
  assertEquals(world.warehouse.claims.get(0)!.nextOffset, 30);
  produce(world, 30, 35);
  await world.stopped(slow);
  await settle(world);
});

Deno.test("two instances that both believe to own a partition write every record once", async () => {
  for (let seed = 1; seed <= 5; seed++) {
    const world = worldOf(60, 2, seed);
    const [a, b] = [world.start({ checkpointRows: 7 }), world.start({ checkpointRows: 5 })];
    for (let turn = 0; turn < 150; turn++) {
      await world.turns.next();
      if (turn % 30 === 10) world.expel(world.random.pick([a, b]));
    }
    await world.until(() => world.committed);
    await world.stopped(a);
    await world.stopped(b);
    assert([a, b].every(({ outcome }) => !(outcome instanceof FencedError)));
    await settle(world);
  }
});

Deno.test("a log that is away is waited for, however often it is asked, and told of once in a while", async () => {
  const world = worldOf(5);
  const instance = world.start({ maxRestarts: 2 });
  world.log.away = true;
  await world.until(() => instance.runner.status().totals.restarts > 10);
  assertEquals(instance.runner.status().phase, "restarting");
  assertEquals(world.messages.filter(({ level }) => level === "warn").length, 1);
  world.log.away = false;
  await world.until(() => world.committed);
  await world.stopped(instance);
});

Deno.test("a run gives up after so many restarts in a row, waiting longer each time", async () => {
  const world = worldOf(5);
  world.warehouse.away = true;
  const outcome = await world.ended(world.start({ maxRestarts: 4 }));
  assert(outcome instanceof WarehouseUnavailableError);
  const waits = world.messages.filter(({ level }) => level === "warn").map(({ properties }) =>
    Number(properties.waitMs)
  );
  assertEquals(waits.length, 4);
  assert(waits.every((wait) => wait > 0 && wait <= 30_000));
});

Deno.test("restarts with progress in between do not add up", async () => {
  const world = worldOf(800);
  world.faults = { "log.next": 0.1 };
  const instance = world.start({ checkpointRows: 5, maxRestarts: 3 });
  await world.until(() => instance.outcome !== undefined || world.committed);
  assert(instance.runner.status().totals.restarts > 3, "There were too few restarts to tell");
  world.faults = {};
  await world.stopped(instance);
  await settle(world);
});

/** The domain with another window under the same name. */
function changed(): Domain {
  return {
    ...readings(Infinity),
    tables: (events) => [
      events.keyBy({ K: (e) => (e as Reading).key }).tumbling(50).aggregate("TUMBLING", { n: count() }),
    ],
  };
}

Deno.test("state of other windows is refused with a message that names them, and stays as it is", async () => {
  const world = worldOf(30);
  await world.workOff();
  const [claims, state] = [structuredClone(world.warehouse.claims), structuredClone(world.warehouse.stateRows)];
  const outcome = await world.ended(world.start({ domain: changed() }));
  assert(outcome instanceof StateMismatchError);
  assertMatch(outcome.message, /TUMBLING: stored .*"sizeMs":100.*, configured .*"sizeMs":50/);
  assertMatch(outcome.message, /SESSIONS: stored .*, configured no such operator/);
  assertStringIncludes(outcome.message, "freshet sql reset readings");
  assertEquals<unknown>([world.warehouse.claims, world.warehouse.stateRows], [claims, state]);
  await settle(world);
});

Deno.test("a first start reads what the log still has, without an error", async () => {
  const world = worldOf(20);
  world.log.retain(TOPIC, 0, 5);
  await world.workOff();
  assertEquals(world.messages.filter(({ level }) => level === "error"), []);
  await settle(world);
});

for (
  const [what, records, says] of [
    ["shorter", 10, "but the log ends at 10"],
    ["longer", 60, "Offset 29 of partition 0"],
    ["of the same length", 30, "Offset 29 of partition 0"],
  ] as const
) {
  for (const untilEnd of [false, true]) {
    Deno.test(`a topic recreated ${what} is noticed at the start${untilEnd ? ", also by a run until the end" : ""}`, async () => {
      const world = worldOf(30, 1);
      await world.workOff();
      const before = world.warehouse.rows("RAW").length;
      world.log.create(TOPIC, 1);
      world.turns.setNow(world.turns.now() + 60_000);
      produce(world, 100, 100 + records);
      const outcome = await world.ended(world.start({ untilEnd }));
      assert(outcome instanceof LogDivergedError, `ended with ${outcome}`);
      assertStringIncludes(outcome.message, says);
      assertMatch(outcome.message, /recreated.*freshet sql reset readings/);
      assertEquals(world.warehouse.rows("RAW").length, before);
    });
  }
}

Deno.test("a run until the end does not end before it has seen that the topic is the one it was", async () => {
  const world = worldOf(30);
  await world.workOff();
  world.log.create(TOPIC, 1);
  world.turns.setNow(world.turns.now() + 60_000);
  produce(world, 0, 30);
  const instance = world.start({ untilEnd: true });
  const started = world.messages.length;
  await world.until(() => world.messages.length > started);
  world.log.away = true;
  for (let turn = 0; turn < 20 && instance.outcome === undefined; turn++) await world.turns.next();
  world.log.away = false;
  assert(await world.ended(instance) instanceof LogDivergedError);
});

Deno.test("a topic that lost all its records to retention, and no offset, is still the same topic", async () => {
  const world = worldOf(30);
  await world.workOff();
  world.log.retain(TOPIC, 0, 30);
  produce(world, 30, 33);
  await world.workOff();
  assertEquals(world.warehouse.rows("RAW").length, 33);
});

Deno.test("a missing topic ends the run with the command that makes it", async () => {
  const world = worldOf(0);
  world.log.topics.clear();
  const outcome = await world.ended(world.start());
  assert(outcome instanceof TopicMissingError);
  assertStringIncludes(outcome.message, `Topic "${TOPIC}" does not exist: create it with`);
});
