// A damaged log file: what is found in it, and what a repair keeps.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { systemClock } from "../../src/clock.ts";
import { LogDamagedError, LogRefusedError } from "../../src/errors.ts";
import { embeddedLogFile, openEmbeddedLog } from "../../src/log/embedded.ts";
import { checkLogFile, repairLogFile } from "../../src/log/embedded/salvage.ts";
import { damageEmbedded } from "../support/embedded_damage.ts";
import { generationOf, startAt, text } from "../contracts/log/place.ts";

const TOPIC = "t";
const PAGE_BYTES = 16_384;
const RUNS = 30;

const test = (name: string, body: (dataDir: string, path: string) => Promise<void>) =>
  Deno.test(name, async () => {
    const dataDir = await Deno.makeTempDir({ prefix: "freshet-salvage-" });
    try {
      await using log = await openEmbeddedLog({ dataDir });
      await log.createTopics([{ topic: TOPIC, partitions: 2 }]);
      for (let i = 0; i < RUNS; i++) {
        await log.produce(
          TOPIC,
          [0, 1, 2].map((n) => ({ value: `${i} ${n} ${"x".repeat(20_000)}`, partition: i % 2 })),
        );
      }
      await log[Symbol.asyncDispose]();
      await body(dataDir, embeddedLogFile(dataDir));
    } finally {
      await Deno.remove(dataDir, { recursive: true });
    }
  });

/** Offsets of a partition that can be read, that are in doubt, and that cannot. */
async function readThrough(dataDir: string, partition: number) {
  await using log = await openEmbeddedLog({ dataDir });
  const { signal } = new AbortController();
  await using subscription = await log.subscribe({ topic: TOPIC, group: crypto.randomUUID(), signal });
  const generation = await generationOf(subscription, 2);
  await startAt(generation);
  const { low } = (await generation.bounds()).get(partition)!;
  const found = { low, read: [] as string[], doubtful: [] as number[], lost: [] as number[] };
  while (!generation.caughtUp(partition)) {
    try {
      const batch = await generation.next(100);
      if (batch?.partition !== partition) continue;
      if (batch.damage === undefined) {
        found.read.push(...batch.records.map(({ value }) => text(value)!.slice(0, 5).trim()));
      } else found.doubtful.push(...batch.records.map(({ offset }) => offset));
    } catch (error) {
      if (!(error instanceof LogDamagedError)) throw error;
      const { partition: where, from, to } = error.damage;
      if (where === partition) { for (let offset = from; offset < to!; offset++) found.lost.push(offset); }
      generation.skip(where, to!);
    }
  }
  return found;
}

async function overwrite(path: string, pages: (page: number, count: number) => boolean): Promise<void> {
  using file = await Deno.open(path, { read: true, write: true });
  const count = (await file.stat()).size / PAGE_BYTES;
  for (let page = 0; page < count; page++) {
    if (!pages(page, count)) continue;
    await file.seek(page * PAGE_BYTES, Deno.SeekMode.Start);
    await file.write(new Uint8Array(400).fill(0xab));
  }
}

test("a whole log is whole, and a repair of it keeps every record and position", async (dataDir, path) => {
  assertEquals(checkLogFile(path), { file: [], stretches: [] });
  const before = await readThrough(dataDir, 0);
  const { segments, setAside } = await repairLogFile(path, { positions: [], clock: systemClock });
  assertEquals(segments, RUNS);
  assertEquals(await readThrough(dataDir, 0), before);
  assert((await Deno.stat(setAside)).isFile);
  await using log = await openEmbeddedLog({ dataDir });
  assertEquals(await log.produce(TOPIC, [{ value: "next", partition: 0 }]), [{ partition: 0, offset: 45 }]);
});

test("damaged segments are told by their offsets, and the others are kept", async (dataDir, path) => {
  await damageEmbedded(dataDir, { topic: TOPIC, partition: 0, offset: 7 }, "value");
  await damageEmbedded(dataDir, { topic: TOPIC, partition: 0, offset: 13 }, "length");
  const { stretches } = checkLogFile(path);
  assertEquals(stretches.map(({ from, to, kind }) => [from, to, kind]), [[6, 9, "doubtful"], [12, 15, "unreadable"]]);
  const { segments } = await repairLogFile(path, { positions: [], clock: systemClock });
  assertEquals(segments, RUNS - 1);
  assertEquals(checkLogFile(path).stretches.map(({ kind }) => kind), ["doubtful", "missing"]);
  const { read, doubtful, lost } = await readThrough(dataDir, 0);
  assertEquals([read.length, doubtful, lost], [39, [6, 7, 8], [12, 13, 14]]);
});

for (const every of [3, 7, 20]) {
  test(
    `of a file with one page in ${every} overwritten what can be read is kept, each offset once`,
    async (dataDir, path) => {
      await overwrite(path, (page) => page > 3 && page % every === 0);
      assert(checkLogFile(path).file.length + checkLogFile(path).stretches.length > 0);
      await repairLogFile(path, { positions: [{ topic: TOPIC, partition: 0, nextOffset: 45 }], clock: systemClock });
      assertEquals(checkLogFile(path).file, []);
      const { read, doubtful, lost } = await readThrough(dataDir, 0);
      assertEquals(read.length + doubtful.length + lost.length, 45);
      assertEquals(read.length, new Set(read).size);
    },
  );
}

test("where nothing can be read the log begins anew where the tables stand", async (dataDir, path) => {
  await Deno.writeTextFile(path, "no database ".repeat(10_000));
  await assertRejects(() => openEmbeddedLog({ dataDir }), LogRefusedError, "freshet log repair");
  const positions = [{ topic: TOPIC, partition: 0, nextOffset: 40 }, { topic: TOPIC, partition: 1, nextOffset: 17 }];
  assertEquals((await repairLogFile(path, { positions, clock: systemClock })).segments, 0);
  await using log = await openEmbeddedLog({ dataDir });
  const [info] = await log.topics([TOPIC]);
  assertEquals(info!.partitions, [{ low: 40, high: 40 }, { low: 17, high: 17 }]);
  assertEquals(await log.produce(TOPIC, [{ value: "next", partition: 1 }]), [{ partition: 1, offset: 17 }]);
});
