// What a start finds of the keyed state that an earlier one has kept in the data folder: all of it, as it was, or nothing.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { KeptState, type StateIdentity } from "../../src/engine/kept_state.ts";

const OURS: StateIdentity = { domain: "d", topic: "t", partitions: [2, 3], settings: { O: "1:{}" } };
const SAVED = new TextEncoder().encode("what was saved");
const PLACE = { checkpoints: new Map([[2, 7], [3, 1]]), appended: 5 };
const [KEYS, SNAPSHOT] = ["freshet-state-d-2.keys", "freshet-state-d-2.snapshot"];

function test(behaviour: string, body: (folder: string) => Promise<void> | void): void {
  Deno.test(behaviour, async () => {
    const folder = await Deno.makeTempDir({ prefix: "freshet-kept-" });
    try {
      await body(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** Keeps a snapshot as a run does, that is then killed; returns its marks. */
async function keep(folder: string, of = OURS, bytes = SAVED) {
  using kept = new KeptState(folder, of);
  kept.file().write(Uint8Array.of(1, 2, 3), 100);
  assert(kept.canSave);
  const snapshot = kept.write(PLACE, (sink) => sink.write(bytes));
  await snapshot.keep();
  return snapshot.marks;
}

/** What is found, as bytes; nothing where nothing is. */
function find(folder: string, of = OURS): Uint8Array | undefined {
  using kept = new KeptState(folder, of);
  const found = new Uint8Array(SAVED.length);
  const snapshot = kept.find();
  snapshot?.read((source) => source.read(found));
  return snapshot && found;
}

test("what was saved is found again, with the checkpoints and marks of its unit", async (folder) => {
  const marks = await keep(folder);
  assertEquals(marks.map(({ partition, value }) => [partition, value]), [[2, null], [3, null]]);
  using kept = new KeptState(folder, OURS);
  const found = kept.find()!;
  assertEquals([found.checkpoints, found.appended], [PLACE.checkpoints, PLACE.appended]);
  assertEquals(marks.map((mark) => found.isMark(mark)), [true, true]);
  assertEquals(found.isMark({ ...marks[0]!, key: "of another one" }), false);
  assertEquals(found.isMark({ ...marks[0]!, operator: "O" }), false);
  assertEquals(find(folder), undefined, "somebody else has the files");
  const bytes = new Uint8Array(3);
  kept.file().read(bytes, 100);
  assertEquals(bytes, Uint8Array.of(1, 2, 3));
});

test("what was saved of other partitions, settings, topics is not taken for it", async (folder) => {
  await keep(folder);
  assertEquals(find(folder, { ...OURS, partitions: [2] }), undefined);
  assertEquals(find(folder, { ...OURS, settings: { O: "1:{}", allowedLatenessMs: "1" } }), undefined);
  assertEquals(find(folder, { ...OURS, topic: "other" }), undefined);
  assertEquals(find(folder), SAVED);
});

test("of a snapshot that was changed in any byte, cut short or added to nothing is found", async (folder) => {
  await keep(folder);
  const path = `${folder}/${SNAPSHOT}`;
  const whole = await Deno.readFile(path);
  for (let at = 0; at < whole.length; at++) {
    const bytes = whole.slice();
    bytes[at]! ^= 1 << at % 8;
    await Deno.writeFile(path, bytes);
    assertEquals(find(folder), undefined, `byte ${at}`);
    await Deno.writeFile(path, whole.subarray(0, at));
    assertEquals(find(folder), undefined, `${at} bytes`);
  }
  await Deno.writeFile(path, Uint8Array.of(...whole, 0));
  assertEquals(find(folder), undefined);
  await Deno.writeFile(path, whole);
  assertEquals(find(folder), SAVED);
});

test("a file of keys from another time than the snapshot's is not taken for its own", async (folder) => {
  await keep(folder);
  const first = await Deno.readFile(`${folder}/${KEYS}`);
  await keep(folder);
  assertEquals(find(folder), SAVED);
  await Deno.writeFile(`${folder}/${KEYS}`, first);
  assertEquals(find(folder), undefined);
  await Deno.remove(`${folder}/${KEYS}`);
  assertEquals(find(folder), undefined);
});

test("one that is written and not kept leaves the one before in its place", async (folder) => {
  await keep(folder);
  {
    using kept = new KeptState(folder, OURS);
    assert(kept.find());
    kept.write(PLACE, (sink) => sink.write(Uint8Array.of(9)));
  }
  assertEquals(find(folder), SAVED);
});

test("what is on its way when all is forgotten is not kept", async (folder) => {
  await keep(folder);
  {
    using kept = new KeptState(folder, OURS);
    assert(kept.find());
    const snapshot = kept.write(PLACE, (sink) => sink.write(SAVED));
    const keeping = snapshot.keep();
    kept.forget();
    await keeping;
  }
  assertEquals(find(folder), undefined);
});

test("who gets the files of another one later than that has looked for them begins with empty ones", async (folder) => {
  const first = new KeptState(folder, OURS);
  first.file();
  {
    using second = new KeptState(folder, { ...OURS, partitions: [2] });
    assertEquals(second.find(), undefined);
    await first.write(PLACE, (sink) => sink.write(SAVED)).keep();
    first[Symbol.dispose]();
    second.file().write(Uint8Array.of(7), 16);
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), [KEYS]);
  }
  assertEquals(find(folder), undefined);
});

test("a snapshot that there is no room for leaves nothing behind", async (folder) => {
  await keep(folder);
  using kept = new KeptState(folder, OURS);
  assert(kept.find());
  assertThrows(() =>
    kept.write(PLACE, () => {
      throw new Error("No space left on device");
    })
  );
  assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), [KEYS, SNAPSHOT]);
});

test("a file of keys without a snapshot takes no room once it is closed", (folder) => {
  {
    using kept = new KeptState(folder, OURS);
    kept.file().write(SAVED, 100);
  }
  assertEquals(Deno.statSync(`${folder}/${KEYS}`).size, 0);
});

test("what is forgotten is not found, and takes no room", async (folder) => {
  await keep(folder);
  {
    using kept = new KeptState(folder, OURS);
    kept.forget();
  }
  assertEquals(find(folder), undefined);
  assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), [KEYS]);
  assertEquals((await Deno.stat(`${folder}/${KEYS}`)).size, 0);
});

test("what others have left of partitions that are ours now takes no room, unless they are still at it", async (folder) => {
  const theirs = { ...OURS, partitions: [3] };
  await keep(folder, theirs);
  {
    using busy = new KeptState(folder, theirs);
    assert(busy.find());
    assertEquals(find(folder), undefined);
  }
  assertEquals(find(folder, theirs), SAVED);
  assertEquals(find(folder), undefined);
  assertEquals(find(folder, theirs), undefined);
  assertEquals((await Deno.stat(`${folder}/freshet-state-d-3.keys`)).size, 0);
});

test("whoever finds the files taken does without: it has a file that nobody finds, and saves nothing", (folder) => {
  using first = new KeptState(folder, OURS);
  first.file();
  using second = new KeptState(folder, OURS);
  second.file().write(Uint8Array.of(1), 0);
  assertEquals([first.canSave, second.canSave], [true, false]);
  assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), [KEYS]);
});
