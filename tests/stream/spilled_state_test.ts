// State that memory has no room for: an operator whose keys go to a file and come back answers and stores as one that has all
// of them in memory, over random events, cut into random batches, with crashes in between.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import {
  type Batch,
  type ByteSource,
  count,
  distinct,
  last,
  max,
  type Operator,
  type Output,
  quantile,
  SpilledStateError,
  StateBackend,
  type StateDelta,
  type StateMemory,
  Stream,
  sum,
} from "@freshet/stream";
import fc from "fast-check";
import { StateFile } from "../../src/engine/state_file.ts";
import { DueQueue, GRAIN_MS } from "../../src/stream/due_queue.ts";
import { SnapshotReader, SnapshotWriter } from "../../src/stream/snapshot.ts";
import { SpillLog } from "../../src/stream/spill_log.ts";
import { SpillTable } from "../../src/stream/spill_table.ts";
import { propertyRuns } from "../support/simulation/runs.ts";
import { type Cut, cuts, cutUp } from "./arbitraries.ts";
import { crashesAt, type Lateness, settings } from "./cases.ts";
import { type Event, event, Feed, Harness, StoredState, xOf } from "./feed.ts";

type Build = (events: Stream<Event>) => Output<Event>;

const spec = { N: count<Event>(), SUM: sum(xOf), LAST: last(xOf) };
const by = (events: Stream<Event>) => events.keyBy({ K: ({ key }) => key });
const zones = ["Asia/Kolkata", "America/Los_Angeles"] as const;

const OUTPUTS: Readonly<Record<string, Build>> = {
  "running": (events) => by(events).aggregate("R", { ...spec, D: distinct(xOf) }),
  "scan": (events) => by(events).scan("C", spec).into("CROWD", ({ totals }) => ({ ...totals })),
  "holding": (events) => by(events).holding(({ x }) => x > 5).episodes("A", { type: "HIGH", value: xOf }),
  "tumbling": (events) => by(events).tumbling(20).aggregate("T", { ...spec, Q: quantile(xOf, 0.5) }),
  "local days": (events) => by(events).localDays("Z", ({ key }) => zones[key.length % 2]!).aggregate("D", spec),
  "hopping": (events) => by(events).hopping(30, 10).aggregate("H", spec),
  "cumulative": (events) => by(events).cumulative(60, 20).aggregate("CU", spec),
  "window episodes": (events) =>
    by(events).hopping(20, 10).holding({
      contents: { N: count(), MAX: max(xOf) },
      trailingMs: 40,
      gapMs: 25,
      holds: ({ window, before }) => window.N * 2 > before.N,
    }).episodes("WE", { type: "BUSY", value: ({ window }) => window.N, also: { M: max(({ window }) => window.MAX) } }),
  "sessions": (events) => by(events).session(12).aggregate("S", spec),
  "session episodes": (events) =>
    by(events.filter(({ x }) => x > -20)).session(12).episodes("SE", { type: "LOW", value: xOf, least: true }),
};

/** Keys that a file could take for others, and enough of them that most are not in memory. */
const KEYS = ["a", "b", "é", "[c", "\ud800", "\ud801", "", "a:b", "ab", '"', "🚲", "z".repeat(3000)];

const step = fc.record({
  key: fc.constantFrom(...KEYS),
  on: fc.oneof({ weight: 12, arbitrary: fc.nat(4) }, { weight: 1, arbitrary: fc.integer({ min: 20, max: 200 }) }),
  back: fc.oneof({ weight: 4, arbitrary: fc.nat(6) }, { weight: 3, arbitrary: fc.nat(80) }),
  x: fc.integer({ min: -50, max: 50 }),
});
/** Where time begins: also before 1970, on the way from there, and after 2109. */
const bases = fc.constantFrom(0, -1_000_000_000, -300, 1_700_000_000_000, 4_600_000_000_000);
const eventLists = fc.tuple(bases, fc.array(step, { maxLength: 100, size: "max" })).map(([base, steps]) => {
  let clock = base + 100;
  return { base, list: steps.map(({ key, on, back, x }) => event((clock += on) - back, key, x)) };
});

/** Bytes of memory: for no key, for some of them. */
const budgets = fc.constantFrom(0, 500, 2000);

interface Input {
  readonly events: { readonly base: number; readonly list: readonly Event[] };
  readonly cut: readonly Cut[];
  readonly crashes: readonly number[];
  readonly lateness: Lateness;
  /** Batches of history, before the present. */
  readonly history: number;
}

/** A snapshot after each checkpoint (the first, the second, …, and again from the first): none, one that is kept, or one that is not. */
type Saves = readonly ("none" | "kept" | "lost")[];

/** Bytes one after the other, in memory. */
class Bytes {
  readonly #parts: Uint8Array[] = [];

  write(bytes: Uint8Array): void {
    this.#parts.push(bytes.slice());
  }

  /** From the beginning. */
  source(): ByteSource {
    const all = Buffer.concat(this.#parts);
    let at = 0;
    return {
      read(into) {
        assert(at + into.length <= all.length, "there is no more");
        into.set(all.subarray(at, at += into.length));
      },
    };
  }
}

interface Run {
  /** What each committed batch was answered with, in any order, and which of its elements came too late. */
  readonly answers: readonly string[];
  readonly stored: readonly string[];
}

const text = (value: unknown) => JSON.stringify(value);

async function run(build: Build, input: Input, memory?: StateMemory, saves: Saves = ["none"]): Promise<Run> {
  const { events: { base, list }, cut, crashes, lateness, history } = input;
  const stored = new StoredState();
  let checkpoints = 0;
  let kept: { readonly bytes: Bytes; readonly since: StateDelta[] } | undefined;
  const start = () => {
    const backend = new StateBackend(memory);
    const stream = Stream.of<Event>({ state: backend, allowedLatenessMs: lateness.allowedLateness });
    const harness = new Harness<unknown>(build(stream).operator as Operator<Event, unknown>);
    if (kept) {
      backend.load(kept.bytes.source());
      for (const change of kept.since) backend.replace(change);
      backend.trim();
    } else stored.restoreInto(backend);
    return { backend, harness, answers: [] as string[], taken: [] as Batch<Event>[] };
  };
  const answers: string[] = [];
  const feed = new Feed(lateness.maxOutOfOrderness);
  let now = start();
  const push = async (batch: Batch<Event>) => {
    now.taken.push(batch);
    const rows = await now.harness.push(batch);
    now.answers.push(text([rows.map(text).sort(), now.harness.late.splice(0)]));
    assertEquals(now.harness.failed, []);
    // Also without a checkpoint: what has changed stays in memory.
    now.backend.trim();
    if (!batch.early) return;
    answers.push(...now.answers.splice(0));
    const changes = now.backend.drain();
    answers.push(...changes.map(text).sort());
    stored.take(changes);
    kept?.since.push(...changes);
    now.backend.trim();
    const save = saves[checkpoints++ % saves.length];
    if (save !== "none" && now.backend.hasSpilled) {
      const bytes = new Bytes();
      now.backend.save(bytes);
      if (save === "kept") {
        now.backend.keepSnapshot();
        kept = { bytes, since: [] };
      }
    }
    now.taken.length = 0;
  };
  for (const [i, { events, emit }] of cutUp(list, cut).entries()) {
    await push(feed.batch(events, emit, i < history));
    if (!crashes.includes(i)) continue;
    const [first, latest] = [now.taken[0], now.taken.at(-1)];
    const elements = now.taken.flatMap((batch) => batch.elements);
    await now.harness.close();
    now = start();
    if (latest) await push({ ...latest, closedBefore: first!.closedBefore, elements, side: { late: [], failed: [] } });
  }
  await push(feed.batch([], true, false, true));
  await push(feed.batch([event(base + 1_000_000_000, "end")], true));
  await now.harness.close();
  return { answers, stored: stored.keys("").sort() };
}

const inputs = fc.record({ events: eventLists, cut: cuts, crashes: crashesAt, lateness: settings, history: fc.nat(4) });

for (const [name, build] of Object.entries(OUTPUTS)) {
  Deno.test(`${name} whose keys are in a file answer and store as those in memory`, async () => {
    await fc.assert(
      fc.asyncProperty(inputs, budgets, async (input, bytes) => {
        using files = new DisposableStack();
        const file = () => files.use(StateFile.nameless(folder));
        assertEquals(await run(build, input, { bytes, file }), await run(build, input));
      }),
      propertyRuns(150),
    );
  });

  Deno.test(`${name} whose keys are taken up from a snapshot answer and store as those that are restored`, async () => {
    const saves = fc.array(fc.constantFrom<Saves[number]>("none", "kept", "lost"), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(inputs, budgets, saves, async (input, bytes, saves) => {
        using file = StateFile.nameless(folder);
        assertEquals(await run(build, input, { bytes, file: () => file }, saves), await run(build, input));
      }),
      propertyRuns(150),
    );
  });
}

const folder = await Deno.makeTempDir({ prefix: "freshet-spilled-" });
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

Deno.test("a table in the file holds what a map holds, whatever is put, taken and copied", () => {
  const steps = fc.array(
    fc.record({ key: fc.nat(60), size: fc.nat(4000), take: fc.boolean(), at: fc.integer({ min: -9000, max: 90_000 }) }),
    { maxLength: 300, size: "max" },
  );
  fc.assert(
    fc.property(steps, (list) => {
      using file = StateFile.nameless(folder);
      const log = new SpillLog(file, { segmentBytes: 64 * 1024, fewHolesBytes: 0 });
      const table = new SpillTable(log);
      const model = new Map<string, string>();
      const dues = new Map<string, number>();
      list.forEach(({ key, size, take, at }, i) => {
        const name = `${KEYS[key % KEYS.length]}${key}`;
        assertEquals(table.take(name), model.get(name));
        model.delete(name);
        if (!take) {
          const value = String(i).repeat(size);
          assert(table.put(name, value, [{ clock: "c", at }]));
          model.set(name, value);
          dues.set(name, at);
        }
        log.compact();
      });
      assertEquals(table.size, model.size);
      const walked = [...table.walk()].map(({ key, value }) => [key, value] as const);
      assertEquals(new Map(walked), model);
      for (const now of [-5000, 0, 40_000, 90_000]) {
        for (let next = table.nextDue("c", now); next; next = table.nextDue("c", now)) {
          assert(model.delete(next.key), "told of what is there, once");
          assert(dues.get(next.key)! < Math.max(now, 0) + GRAIN_MS, `${dues.get(next.key)} is told at ${now}`);
          table.take(next.key);
        }
        for (const name of model.keys()) assert(dues.get(name)! > now, `${dues.get(name)} is not told at ${now}`);
      }
      assertEquals([table.size, log.liveBytes], [0, 0]);
    }),
    propertyRuns(100),
  );
});

Deno.test("what a snapshot has is in the file until another one is kept, whatever comes and goes meanwhile", () => {
  const steps = fc.array(
    fc.record({
      key: fc.nat(60),
      size: fc.nat(4000),
      then: fc.oneof(
        { weight: 30, arbitrary: fc.constant("go on") },
        { weight: 1, arbitrary: fc.constantFrom("keep", "lose", "crash") },
      ),
    }),
    { maxLength: 600, size: "max" },
  );
  const sizes = { segmentBytes: 64 * 1024, fewHolesBytes: 0 };
  fc.assert(
    fc.property(steps, (list) => {
      using file = StateFile.nameless(folder);
      let log = new SpillLog(file, sizes);
      let table = new SpillTable(log);
      let model = new Map<string, string>();
      let kept: { readonly bytes: Bytes; readonly model: ReadonlyMap<string, string> } | undefined;
      const save = () => {
        const bytes = new Bytes();
        const snapshot = new SnapshotWriter(bytes);
        log.save(snapshot);
        table.save(snapshot);
        return { bytes, model: new Map(model) };
      };
      const loadKept = () => {
        const snapshot = new SnapshotReader(kept!.bytes.source());
        log = new SpillLog(file, sizes);
        log.load(snapshot);
        table = SpillTable.load(log, snapshot);
        model = new Map(kept!.model);
      };
      list.forEach(({ key, size, then }, i) => {
        const name = `${KEYS[key % KEYS.length]}${key}`;
        assertEquals(table.take(name), model.get(name));
        const value = String(i).repeat(size);
        assert(table.put(name, value));
        model.set(name, value);
        log.compact();
        if (then === "keep") {
          kept = save();
          log.keep();
        } else if (then === "lose") save();
        else if (then === "crash" && kept) loadKept();
      });
      assertEquals(new Map([...table.walk()].map(({ key, value }) => [key, value] as const)), model);
      assert(log.fileBytes < 4 * (log.liveBytes + 5 * sizes.segmentBytes), `${log.fileBytes} for ${log.liveBytes}`);
    }),
    propertyRuns(100),
  );
});

Deno.test("a byte of the file that has changed is noticed, or is nobody's, also where what is in use is copied", () => {
  const sizes = { segmentBytes: 4096, fewHolesBytes: 0 };
  const values = KEYS.slice(0, 8).map((key, i) => [`${key}${i}`, `{"x":"${"é".repeat(9 * i)}"}`] as const);
  let noticed = 0;
  for (const copies of [false, true]) {
    for (let at = 0; at < 1500; at++) {
      using file = StateFile.nameless(folder);
      const log = new SpillLog(file, sizes);
      const table = new SpillTable(log);
      for (const [key, value] of values) table.put(key, value);
      // Behind them a segment of its own, so that theirs is in the file, and emptier than that one.
      for (let i = 0; i < 30; i++) table.put(`full ${i}`, "z".repeat(80));
      const byte = new Uint8Array(1);
      file.read(byte, at);
      file.write(Uint8Array.of(byte[0]! ^ 1 << at % 8), at);
      try {
        if (copies) {
          for (let i = 0; i < 10; i++) table.take(`full ${i}`);
          log.compact();
        }
        for (const [key, value] of values) assertEquals(table.take(key), value, `byte ${at}`);
      } catch (error) {
        assert(error instanceof SpilledStateError, `byte ${at}: ${error}`);
        noticed++;
      }
    }
  }
  assert(noticed > 1000, `${noticed} of 3000 bytes`);
});

Deno.test("a whole record of another key in the place of one is noticed", () => {
  using file = StateFile.nameless(folder);
  const log = new SpillLog(file, { segmentBytes: 4096, fewHolesBytes: 0 });
  const table = new SpillTable(log);
  for (let i = 0; i < 200; i++) table.put(`key ${100 + i}`, '{"n":1}');
  const bytes = new Uint8Array(48);
  file.read(bytes, 16 + 48);
  file.write(bytes, 16);
  assertThrows(() => table.take("key 100"), SpilledStateError, "damaged");
});

Deno.test("the file has not many more holes than it has of what is in use", () => {
  using file = StateFile.nameless(folder);
  const log = new SpillLog(file, { segmentBytes: 64 * 1024, fewHolesBytes: 256 * 1024 });
  const table = new SpillTable(log);
  const value = "x".repeat(1000);
  for (let i = 0; i < 100; i++) table.put(String(i), value);
  for (let i = 0; i < 20_000; i++) {
    table.take(String(i * 7 % 100));
    table.put(String(i * 7 % 100), value);
    if (i % 50 === 0) log.compact();
  }
  assert(log.fileBytes < 2 * log.liveBytes + 256 * 1024 + 3 * 64 * 1024, `${log.fileBytes} for ${log.liveBytes}`);
});

Deno.test("a file that has no room for copies loses nothing, and copies when it has", () => {
  using file = StateFile.nameless(folder);
  const segmentBytes = 64 * 1024;
  const log = new SpillLog(file, { segmentBytes, fewHolesBytes: 0, mostBytes: 4 * segmentBytes });
  const table = new SpillTable(log);
  const value = "x".repeat(1000);
  const keys: string[] = [];
  while (table.put(String(keys.length), value)) keys.push(String(keys.length));
  const kept = keys.filter((_, i) => i % 3 === 0);
  for (const key of keys) if (!kept.includes(key)) table.take(key);
  log.compact();
  assertEquals([...table.walk()].map(({ key }) => Number(key)).sort((a, b) => a - b), kept.map(Number));
  // Those of a whole segment go: there is room.
  for (const key of kept.splice(0, 30)) table.take(key);
  for (let i = 0; i < 5; i++) log.compact();
  for (let i = 0; i < 60; i++) assert(table.put(`new ${i}`, value));
  for (const key of kept) assertEquals(table.take(key), value);
  for (let i = 0; i < 60; i++) assertEquals(table.take(`new ${i}`), value);
  assertEquals([table.size, log.liveBytes, log.fileBytes], [0, 0, 4 * segmentBytes]);
});

Deno.test("keys that come and go long before they are due leave no places behind in the queues", () => {
  using file = StateFile.nameless(folder);
  const log = new SpillLog(file, { segmentBytes: 64 * 1024, fewHolesBytes: 0 });
  const table = new SpillTable(log);
  const [keys, day] = [100, 86_400_000];
  for (let i = 0; i < 50_000; i++) {
    const key = String(i * 7 % keys);
    table.take(key);
    table.put(key, `"${i}"`, [{ clock: "closes", at: i }, { clock: "forgets", at: day + i }]);
    if (i % 50 === 0) log.compact();
  }
  assert(table.places < 3 * 2048 + 6 * keys, `${table.places} places of ${keys} keys`);
  const due = new Set<string>();
  for (let next = table.nextDue("forgets", 2 * day); next; next = table.nextDue("forgets", 2 * day)) {
    assert(!due.has(next.key));
    due.add(next.key);
    table.take(next.key);
  }
  assertEquals(due.size, keys);
});

Deno.test("a queue tells of places in the order in which they are due", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.nat(50), fc.constant(-1)), { maxLength: 200 }), (list) => {
      const queue = new DueQueue();
      const model: number[] = [];
      for (const due of list) {
        if (due < 0 && model.length > 0) {
          const first = Math.min(...model);
          assert(queue.isDue(first * GRAIN_MS));
          assert(first === 0 || !queue.isDue(first * GRAIN_MS - 1));
          assertEquals(queue.take(), first);
          model.splice(model.indexOf(first), 1);
        } else if (due >= 0) {
          // The last millisecond of its grain.
          queue.add((due + 1) * GRAIN_MS - 1, due);
          model.push(due);
        }
      }
      assertEquals(queue.size, model.length);
    }),
    propertyRuns(200),
  );
});
