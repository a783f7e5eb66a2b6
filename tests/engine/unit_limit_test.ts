// Units that the warehouse has not the memory for: they become smaller, and in time larger again.

import { assert, assertEquals } from "@std/assert";
import { sizeOf } from "../../src/engine/ingest.ts";
import { UnitLimit } from "../../src/engine/unit_limit.ts";
import { WarehouseMemoryError } from "../../src/errors.ts";
import { readings, TOPIC } from "../support/simulation/domain.ts";
import { START, World } from "../support/simulation/world.ts";

const RECORDS = 60;
const PAD = "x".repeat(100_000);
const NEVER = { checkpointRows: 1_000_000, checkpointMs: 1e12 };

function worldOfLargeRecords(): World {
  const world = new World(readings(Infinity), 1, 1);
  for (let i = 0; i < RECORDS; i++) world.produce({ key: "a", time: START - 2000 + i, x: i, pad: PAD });
  return world;
}

Deno.test("a unit that is too large for the warehouse's memory is halved until it fits, and nothing is lost", async () => {
  const world = worldOfLargeRecords();
  const [refused, taken]: [number[], number[]] = [[], []];
  world.warehouse.watch = ({ moves }) => {
    const records = moves[0]!.to.nextOffset - moves[0]!.expectedOffset;
    if (records > 15) {
      refused.push(records);
      throw new WarehouseMemoryError("It does not fit");
    }
    taken.push(records);
  };
  const { runner } = await world.workOff({ ...NEVER, maxRestarts: 0 });
  assertEquals(world.warehouse.rows("RAW").length, RECORDS);
  assertEquals(world.log.group(TOPIC, "freshet-readings").committed.get(0), RECORDS);
  assert(refused.length > 1 && refused.at(-1)! < refused[0]!, `${refused}`);
  // What was learnt is kept: no refusal comes after the first unit that was taken.
  assertEquals(runner.status().totals.restarts, refused.length);
  assert(taken.length >= RECORDS / 15 && Math.max(...taken) > 4, `${taken}`);
});

Deno.test("a warehouse that has memory for nothing ends the run with that error", async () => {
  const world = worldOfLargeRecords();
  world.warehouse.watch = () => {
    throw new WarehouseMemoryError("Nothing fits");
  };
  const instance = world.start({ ...NEVER, untilEnd: true, maxRestarts: 1 });
  const outcome = await world.ended(instance);
  assert(outcome instanceof WarehouseMemoryError, String(outcome));
  assertEquals(world.warehouse.rows("RAW").length, 0);
});

const MIB = 1024 * 1024;

/** Units at the limit, all taken; how many it takes until the limit grows. */
function takenUntilItGrows(limit: UnitLimit): number {
  const { bytes } = limit;
  for (let units = 0;; units++) {
    if (limit.bytes > bytes) return units;
    limit.trying({ size: bytes });
    limit.taken();
  }
}

Deno.test("a limit that was halved grows again, each time later that it is refused, and never above the first", () => {
  const limit = new UnitLimit();
  const most = limit.bytes;
  const waits = [];
  for (let refusals = 0; refusals < 3; refusals++) {
    limit.trying({ size: limit.bytes });
    assert(limit.halve());
    waits.push(takenUntilItGrows(limit));
    assertEquals(limit.bytes, most);
  }
  assertEquals(waits, [64, 128, 256]);
  limit.trying({ size: most });
  limit.taken();
  assertEquals(limit.bytes, most);
});

Deno.test("half of the unit that was refused is the limit, and small units say nothing of what fits", () => {
  const limit = new UnitLimit();
  limit.trying({ size: 8 * MIB });
  limit.halve();
  assertEquals(limit.bytes, 4 * MIB);
  for (let unit = 0; unit < 1_000; unit++) {
    limit.trying({ size: MIB });
    limit.taken();
  }
  assertEquals(limit.bytes, 4 * MIB);
});

Deno.test("large records fill a unit sooner where the warehouse says so, and small ones do not", () => {
  const limit = new UnitLimit();
  assert(limit.isReachedBy({ size: 9 * MIB, large: 8 * MIB }, 8 * MIB));
  assert(!limit.isReachedBy({ size: 9 * MIB, large: 8 * MIB }));
  assert(!limit.isReachedBy({ size: 31 * MIB, large: 0 }, 8 * MIB));
  assert(limit.isReachedBy({ size: 32 * MIB, large: 0 }, 8 * MIB));
});

Deno.test("keys and headers count as much as values do", () => {
  const of = (text: string) => new TextEncoder().encode(text);
  const record = { offset: 0, timestamp: 0, key: of("key"), value: of("value") };
  assertEquals(sizeOf({ ...record, headers: { one: of("1234"), two: [of("12"), of("34")] } }), 3 + 5 + 7 + 5 + 5);
  assertEquals(sizeOf({ ...record, key: null, value: null, headers: {} }), 0);
});
