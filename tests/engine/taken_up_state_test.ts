// What a start does with the keyed state that an earlier one has kept in the data folder: it takes it up where the warehouse has
// what belongs to it, and reads all state from the warehouse otherwise. The tables are the same either way.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import "../support/simulation/disk.ts";
import { readings } from "../support/simulation/domain.ts";
import { checkDerived } from "../support/simulation/oracle.ts";
import { START, World } from "../support/simulation/world.ts";

const KEYS = 12;

interface Bench {
  readonly world: World;
  /** Brings some records more, and works them off; says where the state came from. */
  run(records?: number): Promise<string>;
  readonly folder: string;
}

function test(behaviour: string, body: (bench: Bench) => Promise<void>): void {
  Deno.test(behaviour, async () => {
    const folder = await Deno.makeTempDir({ prefix: "freshet-taken-up-" });
    try {
      const world = new World(readings(Infinity), 7, 2);
      let made = 0;
      const run = async (records = 100) => {
        for (let i = 0; i < records; i++, made++) {
          const event = { key: `k${made * 7 % KEYS}`, time: START - 5000 + 3 * made, x: made % 50 - 20 };
          world.produce(event, { partition: made % 2 });
        }
        const { length } = world.messages;
        // No memory for keys at all.
        await world.catchUp({ stateMemory: { bytes: 0, folder, isKept: true } });
        const said = world.messages.slice(length).filter(({ text }) => text.includes("keys of state"));
        return said.map(({ properties: { from } }) => String(from)).join(", then ");
      };
      await body({ world, run, folder });
      await world.workOff();
      checkDerived(world, { versions: true });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

const READ = "read from the warehouse";
const TAKEN = /^taken up from the data folder with \d+ changes since$/;
const isTaken = (from: string) => assert(TAKEN.test(from), from);

test("a start takes up what the one before has kept", async ({ run }) => {
  assertEquals(await run(), READ);
  isTaken(await run());
  isTaken(await run(1));
  isTaken(await run());
});

test("what somebody else has written meanwhile is added", async ({ world, run }) => {
  await run();
  for (let i = 0; i < 30; i++) {
    world.produce({ key: `k${i % KEYS}`, time: START + 2000 + i, x: i }, { partition: i % 2 });
  }
  await world.catchUp();
  isTaken(await run());
});

test("where somebody else has cleaned the state meanwhile all of it is read", async ({ world, run }) => {
  await run();
  world.warehouse.compactState([1]);
  assertEquals(await run(), READ);
  isTaken(await run());
});

test("cleaning by oneself leaves what the next start needs", async ({ world, run }) => {
  // Cleaning is due after 20,000 rows of state: each key has some.
  for (let i = 0; i < 5000; i++) {
    world.produce({ key: `k${i}`, time: START - 90_000 + 10 * i, x: i % 50 }, { partition: i % 2 });
  }
  await run();
  assert(world.warehouse.compacted > 0);
  isTaken(await run());
});

test("a file of keys that is damaged is not taken up: all state is read from the warehouse", async ({ run, folder }) => {
  await run();
  const path = `${folder}/freshet-state-readings-0.keys`;
  const bytes = await Deno.readFile(path);
  // Not the stamp at its beginning.
  for (let at = 100; at < bytes.length; at += 50) bytes[at]! ^= 4;
  await Deno.writeFile(path, bytes);
  assertEquals(await run(), READ);
});

test("damage that is met later is told, and all state is read from the warehouse", async ({ run, folder, world }) => {
  world.produce({ key: "rare", time: START - 5000, x: 1 });
  await run();
  const path = `${folder}/freshet-state-readings-0.keys`;
  const bytes = await Deno.readFile(path);
  const rare = new TextEncoder().encode("rare");
  for (let at = 0; at < bytes.length; at++) if (rare.every((byte, i) => bytes[at + i] === byte)) bytes[at]! ^= 4;
  await Deno.writeFile(path, bytes);
  world.produce({ key: "rare", time: START - 4000, x: 2 });
  const from = await run();
  assert(/^taken up .* since, then read from the warehouse$/.test(from), from);
  const told = world.messages.find(({ level }) => level === "warn");
  assertStringIncludes(String(told?.properties.error), "The file of keyed state is damaged: all state is read");
});

test("what operators of other settings, and other marks, have left in the state is nobody's", async ({ world, run }) => {
  await run();
  const [partition, operator] = [0, "OPERATOR_OF_OTHER_SETTINGS"];
  const claim = world.warehouse.claims.get(partition)!;
  const { epoch, checkpoint, nextOffset, watermark, maxEventTime, lastTimestamp } = claim;
  world.warehouse.write({
    ...{ topic: world.domain.topic, appends: [], upserts: [], deletes: [] },
    state: [
      { operator, partition, namespace: 0, key: "k", value: null },
      { operator: "freshet.snapshot", partition, namespace: 0, key: "of somebody else", value: null },
    ],
    moves: [{
      ...{ partition, epoch, checkpoint, expectedOffset: nextOffset },
      to: { nextOffset, watermark, maxEventTime, lastTimestamp },
    }],
  });
  isTaken(await run());
});
