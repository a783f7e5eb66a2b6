// Damage of the write-ahead log that a kill leaves beside the log: SQLite takes it for the end, and we do not.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { systemClock } from "../../src/clock.ts";
import { LogRefusedError } from "../../src/errors.ts";
import { embeddedLogFile, openEmbeddedLog } from "../../src/log/embedded.ts";
import { PAGE_BYTES } from "../../src/log/embedded/file.ts";
import { checkLogFile, repairLogFile } from "../../src/log/embedded/salvage.ts";
import { damagedWal } from "../../src/log/embedded/wal.ts";

const TOPIC = "t";
const RECORDS = 12;
const FRAME_BYTES = PAGE_BYTES + 24;

/** Files as a kill leaves them: what has been acknowledged is in the write-ahead log alone. */
async function killed(folder: string): Promise<string> {
  const [running, dataDir] = [`${folder}/running`, `${folder}/killed`];
  await using log = await openEmbeddedLog({ dataDir: running });
  await log.createTopics([{ topic: TOPIC, partitions: 1 }]);
  for (let n = 0; n < RECORDS; n++) await log.produce(TOPIC, [{ value: `${n} ${"x".repeat(9_000)}`, partition: 0 }]);
  await Deno.mkdir(dataDir);
  for (const end of ["", "-wal", "-shm"]) {
    await Deno.copyFile(`${embeddedLogFile(running)}${end}`, `${embeddedLogFile(dataDir)}${end}`);
  }
  return dataDir;
}

const test = (name: string, body: (folder: string) => Promise<void>) =>
  Deno.test(name, async () => {
    const folder = await Deno.makeTempDir({ prefix: "freshet-wal-" });
    try {
      await body(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });

async function change(path: string, how: (bytes: Uint8Array) => Uint8Array | void): Promise<void> {
  const bytes = await Deno.readFile(path);
  await Deno.writeFile(path, how(bytes) ?? bytes);
}

async function highOf(dataDir: string): Promise<number> {
  await using log = await openEmbeddedLog({ dataDir });
  return (await log.topics([TOPIC]))[0]!.partitions[0]!.high;
}

/** The log is refused, and a repair keeps all positions, and all segments but `lost`. */
async function isMended(dataDir: string, { lost }: { readonly lost: number }): Promise<void> {
  const path = embeddedLogFile(dataDir);
  await assertRejects(() => openEmbeddedLog({ dataDir }), LogRefusedError, "freshet log repair");
  const { file } = checkLogFile(path);
  assert(file[0]?.includes("write-ahead log"), file.join());
  // Whoever has only looked has lost nothing.
  await assertRejects(() => openEmbeddedLog({ dataDir }), LogRefusedError, "freshet log repair");
  const { segments } = await repairLogFile(path, { positions: [], clock: systemClock });
  assert(segments >= RECORDS - lost, `${segments} segments`);
  assertEquals(await highOf(dataDir), RECORDS);
  assertEquals([...Deno.readDirSync(dataDir)].filter(({ name }) => name.includes("folded")), []);
}

test("without damage the write-ahead log of a kill is taken as it is", async (folder) => {
  const dataDir = await killed(folder);
  assertEquals(damagedWal(embeddedLogFile(dataDir), PAGE_BYTES), undefined);
  assertEquals(await highOf(dataDir), RECORDS);
});

test("a bit that flips anywhere in what a kill leaves is told", async (folder) => {
  const dataDir = await killed(folder);
  const path = embeddedLogFile(dataDir);
  const bytes = await Deno.readFile(`${path}-wal`);
  for (let at = 3; at < bytes.length; at += 5_003) {
    const flipped = bytes.slice();
    flipped[at]! ^= 0x10;
    await Deno.writeFile(`${path}-wal`, flipped);
    assert(damagedWal(path, PAGE_BYTES), `byte ${at}`);
  }
});

for (
  const [what, at] of [
    ["the header", 9],
    ["a frame's page number", 32 + 4 * FRAME_BYTES + 3],
    ["a frame's salt", 32 + 5 * FRAME_BYTES + 9],
    ["a frame's checksum", 32 + 6 * FRAME_BYTES + 18],
    ["a page", 32 + 20 * FRAME_BYTES + 8_000],
  ] as const
) {
  for (const index of ["with", "without"] as const) {
    test(`damage of ${what}, ${index} the index beside it, is mended by a repair`, async (folder) => {
      const dataDir = await killed(folder);
      const path = embeddedLogFile(dataDir);
      await change(`${path}-wal`, (bytes) => void (bytes[at]! ^= 0x40));
      if (index === "without") await Deno.remove(`${path}-shm`);
      await isMended(dataDir, { lost: 1 });
    });
  }
}

test("a write-ahead log that is gone, or cut off, is told", async (folder) => {
  const dataDir = await killed(folder);
  const path = embeddedLogFile(dataDir);
  await change(`${path}-wal`, (bytes) => bytes.slice(0, bytes.length - 100));
  await assertRejects(() => openEmbeddedLog({ dataDir }), LogRefusedError, "freshet log repair");
  await Deno.remove(`${path}-wal`);
  await assertRejects(() => openEmbeddedLog({ dataDir }), LogRefusedError, "freshet log repair");
  await repairLogFile(path, { positions: [{ topic: TOPIC, partition: 0, nextOffset: 5 }], clock: systemClock });
  assertEquals(await highOf(dataDir), 5);
});

test("a repair that was broken off between its renames is told, and ended by the next one", async (folder) => {
  const dataDir = await killed(folder);
  const path = embeddedLogFile(dataDir);
  await change(`${path}-wal`, (bytes) => void (bytes[32 + 2 * FRAME_BYTES + 100]! ^= 1));
  await Deno.mkdir(`${folder}/beside`);
  const beside = embeddedLogFile(`${folder}/beside`);
  for (const end of ["", "-wal", "-shm"]) await Deno.copyFile(`${path}${end}`, `${beside}${end}`);
  const { segments } = await repairLogFile(beside, { positions: [], clock: systemClock });
  await Deno.rename(beside, `${path}.repaired`);
  await Deno.remove(`${path}-wal`);
  await Deno.remove(`${path}-shm`);
  await assertRejects(() => openEmbeddedLog({ dataDir }), LogRefusedError, "broken off");
  assertEquals((await repairLogFile(path, { positions: [], clock: systemClock })).segments, segments);
  assertEquals(await highOf(dataDir), RECORDS);
});

test("two power cuts that each tear a last commit leave no damage", async (folder) => {
  const dataDir = await killed(folder);
  const wal = `${embeddedLogFile(dataDir)}-wal`;
  // What the second cut has left: a torn commit in place of the first frames of the older one, whose other frames stand behind.
  await change(wal, (bytes) => {
    const at = (n: number) => 32 + (n - 1) * FRAME_BYTES;
    const frames = Math.floor((bytes.length - 32) / FRAME_BYTES);
    const torn = bytes.slice(at(frames - 5), at(frames - 4));
    bytes.set(torn.map((byte) => byte ^ 0x55), at(frames - 5));
    bytes.set(torn, at(frames - 3));
    return bytes;
  });
  await Deno.remove(`${embeddedLogFile(dataDir)}-shm`);
  assertEquals(damagedWal(embeddedLogFile(dataDir), PAGE_BYTES), undefined);
});

test("a last commit that a power cut has torn is none, and the next one is written over it", async (folder) => {
  const dataDir = await killed(folder);
  const path = embeddedLogFile(dataDir);
  // The index is not on disk then.
  await Deno.remove(`${path}-shm`);
  const frames = ((await Deno.stat(`${path}-wal`)).size - 32) / FRAME_BYTES;
  // The first of several frames of one commit; those behind it are whole.
  await change(
    `${path}-wal`,
    (bytes) => void bytes.fill(0, 32 + (frames - 2) * FRAME_BYTES + 100, 32 + (frames - 1) * FRAME_BYTES),
  );
  assertEquals(damagedWal(path, PAGE_BYTES), undefined);
  await using log = await openEmbeddedLog({ dataDir });
  assertEquals((await log.topics([TOPIC]))[0]!.partitions[0]!.high, RECORDS - 1);
  const again = `${folder}/again`;
  await Deno.mkdir(again);
  for (let n = 0; n < 3; n++) {
    await log.produce(TOPIC, [{ value: "next", partition: 0 }]);
    for (const end of ["", "-wal"]) await Deno.copyFile(`${path}${end}`, `${embeddedLogFile(again)}${end}`);
    assertEquals(damagedWal(embeddedLogFile(again), PAGE_BYTES), undefined);
    assertEquals(await highOf(again), RECORDS + n);
  }
});
