// Event time in a running engine: windows close without another event, and no record, silence or crash makes others late.

import { assert, assertEquals } from "@std/assert";
import { readings, TOPIC } from "../support/simulation/domain.ts";
import { watchInvariants } from "../support/simulation/oracle.ts";
import { type Instance, START, World } from "../support/simulation/world.ts";

const IDLE_MS = 300;
/** A window's bounds: times below are within it. */
const WINDOW_START = START - 5000;

function worldOf(partitions = 1, idleAfterMs = IDLE_MS): World {
  const world = new World(readings(idleAfterMs), 1, partitions);
  watchInvariants(world);
  return world;
}

const at = (ms: number, key = "a", x = 1) => ({ key, time: WINDOW_START + ms, x });

/** The tumbling rows of a key: start (from {@link WINDOW_START}), count, finality and version. */
function windows(world: World, key = "a"): unknown[] {
  return world.warehouse.rows("TUMBLING").filter((row) => row.K === key)
    .map((row) => [Number(row.WINDOW_START) - WINDOW_START, row.n, row.IS_FINAL, row.VERSION]);
}

const lateOffsets = (world: World, operator: string) =>
  world.warehouse.rows("LATE_RECORDS").filter((row) => row.OPERATOR === operator).map((row) => row.KAFKA_OFFSET);

/** Lets it run for this long of wall-clock time. */
async function pass(world: World, ms: number): Promise<void> {
  const until = world.turns.now() + ms;
  await world.until(() => world.turns.now() >= until);
}

async function running(world: World): Promise<Instance> {
  const instance = world.start();
  await world.until(() => world.committed);
  return instance;
}

Deno.test("the last window closes without another event, once the partition was silent for long enough", async () => {
  const world = worldOf();
  world.produce(at(10));
  world.produce(at(30));
  const instance = await running(world);
  assertEquals(windows(world), [[0, 2, false, 1]]);
  await world.until(() => world.warehouse.rows("TUMBLING")[0]!.IS_FINAL === true);
  assertEquals(windows(world), [[0, 2, true, 1]]);
  assertEquals(world.warehouse.rows("SESSIONS").map((row) => row.IS_FINAL), [true, true]);
  assert(world.warehouse.rows("HOPPING").every((row) => row.IS_FINAL));
  await world.stopped(instance);
});

Deno.test("a record that comes after a silence corrects what the silence has closed and is not late", async () => {
  const world = worldOf();
  world.produce(at(10));
  const instance = await running(world);
  await pass(world, 1500);
  assertEquals(windows(world), [[0, 1, true, 1]]);
  world.produce(at(20));
  await world.until(() => world.committed);
  assertEquals([windows(world), world.warehouse.rows("LATE_RECORDS")], [[[0, 2, true, 2]], []]);
  await world.stopped(instance);
});

Deno.test("without idleness the last window stays open, however long the silence", async () => {
  const world = worldOf(1, Infinity);
  world.produce(at(10));
  const instance = await running(world);
  await pass(world, 60_000);
  assertEquals(windows(world), [[0, 1, false, 1]]);
  await world.stopped(instance);
});

Deno.test("a silence that closes nothing more costs no checkpoints", async () => {
  const world = worldOf();
  world.produce(at(10));
  const instance = await running(world);
  await pass(world, 5000);
  const { checkpoints } = instance.runner.status().totals;
  await pass(world, 60_000);
  assertEquals(instance.runner.status().totals.checkpoints, checkpoints);
  await world.stopped(instance);
});

Deno.test("while the log is away the clock closes no window: records may be waiting there", async () => {
  const world = worldOf();
  world.produce(at(10));
  const instance = await running(world);
  world.log.away = true;
  await pass(world, 10_000);
  assertEquals(windows(world), [[0, 1, false, 1]]);
  world.log.away = false;
  await pass(world, 2000);
  assertEquals(windows(world), [[0, 1, true, 1]]);
  await world.stopped(instance);
});

Deno.test("a record a year ahead is a dead letter and makes nothing late, closes nothing and moves no watermark", async () => {
  const [with_, without] = [worldOf(1, Infinity), worldOf(1, Infinity)];
  for (const world of [with_, without]) {
    world.produce(at(10));
    if (world === with_) world.produce(at(365 * 86_400_000));
    world.produce(at(20));
    world.produce(at(130, "b"));
    await world.workOff();
  }
  assertEquals(windows(with_), windows(without));
  assertEquals(windows(with_), [[0, 2, true, 1]]);
  assertEquals(with_.warehouse.claims.get(0)!.watermark, without.warehouse.claims.get(0)!.watermark);
  assertEquals(with_.warehouse.rows("DEAD_LETTERS").map((row) => row.REASON), ["future_timestamp"]);
});

Deno.test("a silent partition does not hold the windows of others, and a fast one makes nothing late in others", async () => {
  const world = worldOf(3, Infinity);
  world.produce(at(10, "slow"), { partition: 0 });
  for (let ms = 0; ms < 5000; ms += 50) world.produce(at(ms, "fast"), { partition: 1 });
  await world.catchUp();
  assert(windows(world, "fast").filter((row) => (row as unknown[])[2] === true).length >= 48);
  assertEquals(windows(world, "slow"), [[0, 1, false, 1]]);
  world.produce(at(20, "slow"), { partition: 0 });
  await world.catchUp();
  assertEquals(windows(world, "slow"), [[0, 2, false, 1]]);
  assertEquals(world.warehouse.rows("LATE_RECORDS"), []);
});

Deno.test("within the allowed lateness a record corrects a final row, later it is a row in LATE_RECORDS", async () => {
  const world = worldOf(1, Infinity);
  world.produce(at(10));
  world.produce(at(120, "b"));
  await world.catchUp();
  assertEquals(windows(world), [[0, 1, true, 1]]);
  world.produce(at(20));
  await world.catchUp();
  assertEquals(windows(world), [[0, 2, true, 2]]);
  world.produce(at(200, "b"));
  world.produce(at(30));
  await world.catchUp();
  assertEquals(windows(world), [[0, 2, true, 2]]);
  assertEquals(lateOffsets(world, "TUMBLING"), [4]);
  const [row] = world.warehouse.rows("LATE_RECORDS").filter(({ OPERATOR }) => OPERATOR === "TUMBLING");
  const watermark = WINDOW_START + 190;
  assertEquals<unknown>(row, {
    DOMAIN: "readings",
    OPERATOR: "TUMBLING",
    TOPIC,
    KAFKA_PARTITION: 0,
    KAFKA_OFFSET: 4,
    EVENT_TIME: WINDOW_START + 30,
    WATERMARK: watermark,
    LATENESS_MS: 160,
    WINDOW_START,
    WINDOW_END: WINDOW_START + 100,
    WINDOWS_MISSED: 1,
  });
  assertEquals(world.warehouse.rows("RAW").length, 5);
});

Deno.test("the same records are late after a crash as before: lateness does not depend on where a run began", async () => {
  const world = worldOf(1, Infinity);
  world.produce(at(10));
  world.produce(at(300, "b"));
  const instance = await running(world);
  world.crash(instance);
  world.expel(instance);
  world.produce(at(20));
  world.produce(at(280));
  await world.catchUp();
  assertEquals(lateOffsets(world, "TUMBLING"), [2]);
  assertEquals(windows(world), [[0, 1, true, 1], [200, 1, false, 1]]);
});

Deno.test("a wall clock that steps back a day moves no watermark back, and windows go on closing", async () => {
  const world = worldOf();
  world.produce(at(10));
  const instance = await running(world);
  await pass(world, 2000);
  const { watermark } = world.warehouse.claims.get(0)!;
  world.turns.setNow(world.turns.now() - 86_400_000);
  world.produce(at(-86_400_000, "b"));
  world.produce(at(400));
  await pass(world, 5000);
  assert(world.committed && world.warehouse.claims.get(0)!.watermark! >= watermark!);
  assertEquals(windows(world), [[0, 1, true, 1]]);
  await world.stopped(instance);
});

Deno.test("an event time that no TIMESTAMP holds makes a dead letter, and moves no watermark", async () => {
  const world = new World(readings(Infinity));
  for (const time of [START, -1e15, -62_135_596_800_001, START + 5]) world.produce({ key: "a", time, x: 1 });
  await world.workOff();
  assertEquals(world.warehouse.rows("DEAD_LETTERS").map(({ KAFKA_OFFSET, REASON }) => [KAFKA_OFFSET, REASON]), [
    [1, "invalid_timestamp"],
    [2, "invalid_timestamp"],
  ]);
  assertEquals(world.warehouse.rows("RAW").length, 2);
});
