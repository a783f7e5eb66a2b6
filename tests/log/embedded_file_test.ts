// The embedded log's file: damaged, foreign, locked, full, and shared by processes that are killed.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import type { Clock } from "../../src/clock.ts";
import { LogDamagedError, LogRefusedError, LogUnavailableError } from "../../src/errors.ts";
import { type EmbeddedLog, type EmbeddedLogOptions, openEmbeddedLog } from "../../src/log/embedded.ts";
import { generationOf, pull, readAll, startAt, text } from "../contracts/log/place.ts";

const TOPIC = "t";
const RECORD_HEAD_BYTES = 20;

/** Runs `body` with an empty data directory. */
async function inFolder(body: (dataDir: string) => Promise<void>): Promise<void> {
  const dataDir = await Deno.makeTempDir({ prefix: "freshet-log-" });
  try {
    await body(dataDir);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

async function openWithTopic(options: EmbeddedLogOptions): Promise<EmbeddedLog> {
  const log = await openEmbeddedLog(options);
  await log.createTopics([{ topic: TOPIC, partitions: 1 }]);
  return log;
}

function fileOf(dataDir: string): string {
  return `${dataDir}/freshet.log.db`;
}

/** A clock on which a second passes with every sleep, so that patience is short. */
function hastyClock(): Clock {
  let now = 1_700_000_000_000;
  return {
    now: () => now,
    monotonic: () => now,
    sleep: () => {
      now += 1_000;
      return Promise.resolve();
    },
  };
}

Deno.test("the log forgets subscriptions that have ended, and those that never began", () =>
  inFolder(async (dataDir) => {
    await using log = await openWithTopic({ dataDir });
    /** To what changes in groups. */
    const listeners = new Set<() => void>();
    const { onChange } = log.file;
    log.file.onChange = (what, listener) => {
      const stop = onChange.call(log.file, what, listener);
      if (what === "groups") listeners.add(listener);
      return () => {
        listeners.delete(listener);
        stop();
      };
    };
    const { signal } = new AbortController();
    const [ended, open] = [
      await log.subscribe({ topic: TOPIC, group: "ended", signal }),
      await log.subscribe({ topic: TOPIC, group: "open", signal }),
    ];
    await ended[Symbol.asyncDispose]();
    await assertRejects(() => log.subscribe({ topic: TOPIC, group: "none", signal: AbortSignal.abort() }));
    assertEquals(listeners.size, 1);

    // Whoever is still known is ended with the log.
    const told: string[] = [];
    for (const [name, subscription] of Object.entries({ ended, open })) {
      const dispose = subscription[Symbol.asyncDispose];
      subscription[Symbol.asyncDispose] = () => {
        told.push(name);
        return dispose.call(subscription);
      };
    }
    await log[Symbol.asyncDispose]();
    assertEquals([told, listeners.size], [["open"], 0]);
  }));

Deno.test("a member that died before the wall clock was set back an hour is expelled in its session's time all the same", () =>
  inFolder(async (dataDir) => {
    await using log = await openEmbeddedLog({ dataDir, sessionTimeoutMs: 300 });
    await log.createTopics([{ topic: "t", partitions: 2 }]);
    const other = new DatabaseSync(fileOf(dataDir));
    other.exec(`INSERT INTO groups SELECT topic_id, 'g', 1 FROM partitions LIMIT 1`);
    other.exec(
      `INSERT INTO members SELECT topic_id, 'g', 'dead', 1, ${Date.now() + 3_600_000} FROM partitions LIMIT 1`,
    );
    other.close();
    const { signal } = new AbortController();
    await using subscription = await log.subscribe({ topic: "t", group: "g", signal });
    assertEquals((await subscription.nextGeneration()).partitions, [0, 1]);
  }));

Deno.test("the data directory is made when it is missing", () =>
  inFolder(async (folder) => {
    await using log = await openEmbeddedLog({ dataDir: `${folder}/a/b` });
    assertEquals(await log.topics(), []);
    assert((await Deno.stat(fileOf(`${folder}/a/b`))).isFile);
  }));

Deno.test("records survive closing and opening", () =>
  inFolder(async (dataDir) => {
    {
      await using log = await openWithTopic({ dataDir });
      await log.produce(TOPIC, [{ value: "kept" }]);
    }
    await using log = await openEmbeddedLog({ dataDir });
    const [batch] = await readAll(log, TOPIC, 1);
    assertEquals(text(batch!.records[0]!.value), "kept");
    assertEquals(await log.produce(TOPIC, [{ value: "next" }]), [{ partition: 0, offset: 1 }]);
  }));

Deno.test("a file that is no log is refused and left as it is", () =>
  inFolder(async (dataDir) => {
    await Deno.writeTextFile(fileOf(dataDir), "notes ".repeat(1000));
    const error = await assertRejects(() => openEmbeddedLog({ dataDir }), LogRefusedError, fileOf(dataDir));
    assert(error.message.includes("freshet log repair"));
    assertEquals(await Deno.readTextFile(fileOf(dataDir)), "notes ".repeat(1000));
  }));

Deno.test("another program's SQLite file is refused", () =>
  inFolder(async (dataDir) => {
    const other = new DatabaseSync(fileOf(dataDir));
    other.exec("CREATE TABLE theirs (x)");
    other.close();
    await assertRejects(() => openEmbeddedLog({ dataDir }), LogRefusedError, "not a log of Freshet");
  }));

Deno.test("a file of another version is refused", () =>
  inFolder(async (dataDir) => {
    {
      await using log = await openEmbeddedLog({ dataDir });
      log.file.db.exec("PRAGMA user_version = 99");
    }
    await assertRejects(() => openEmbeddedLog({ dataDir }), LogRefusedError, "another version");
  }));

Deno.test("a record that may be damaged is told of as such: a batch of its own segment, with all that can be told apart", () =>
  inFolder(async (dataDir) => {
    await using log = await openWithTopic({ dataDir });
    await log.produce(TOPIC, [{ value: "a good record" }]);
    await log.produce(TOPIC, [{ value: "a bad record" }]);
    await log.file.write("other", () => {
      const { records } = log.file.get<{ records: Uint8Array }>("SELECT records FROM segments WHERE base_offset = 1")!;
      records[RECORD_HEAD_BYTES + 4]! ^= 1;
      log.file.run("UPDATE segments SET records = ? WHERE base_offset = 1", records);
    });
    await log.produce(TOPIC, [{ value: "another good record" }]);
    const batches = await readAll(log, TOPIC, 3);
    assertEquals(
      batches.map(({ records, damage }) => [records.map(({ value }) => text(value)), damage !== undefined]),
      [
        [["a good record"], false],
        [["a bae record"], true],
        [["another good record"], false],
      ],
    );
    assert(batches[1]!.damage!.includes("checksum") && batches[1]!.damage!.includes(fileOf(dataDir)));
  }));

Deno.test("segments that are gone, or lie on pages that SQLite cannot read, are damage with its offsets", () =>
  inFolder(async (dataDir) => {
    {
      await using log = await openWithTopic({ dataDir });
      for (let i = 0; i < 30; i++) await log.produce(TOPIC, [{ value: "x".repeat(50_000) }]);
      await log.file.write("other", () => log.file.run("DELETE FROM segments WHERE base_offset IN (3, 4)"));
      log.file.get("PRAGMA wal_checkpoint(TRUNCATE)");
    }
    using file = await Deno.open(fileOf(dataDir), { write: true });
    const { size } = await file.stat();
    // The pointers from each page of a long row to the next: of the last few rows.
    for (let at = size - 16_384 * 8; at < size; at += 16_384) {
      await file.seek(at, Deno.SeekMode.Start);
      await file.write(new Uint8Array(4).fill(0xab));
    }
    await using log = await openEmbeddedLog({ dataDir });
    await using subscription = await log.subscribe({ topic: TOPIC, group: "g", signal: new AbortController().signal });
    const generation = await generationOf(subscription, 1);
    await startAt(generation);
    const [read, damaged]: [number[], number[][]] = [[], []];
    while (!generation.caughtUp(0)) {
      try {
        read.push(...(await generation.next(0))?.records.map(({ offset }) => offset) ?? []);
      } catch (error) {
        if (!(error instanceof LogDamagedError)) throw error;
        const { from, to } = error.damage;
        damaged.push([from, to!]);
        generation.skip(0, to!);
      }
    }
    assertEquals(damaged[0], [3, 5]);
    assert(damaged.length > 1 && damaged.every(([from, to]) => to! > from!), JSON.stringify(damaged));
    const lost = damaged.flatMap(([from, to]) => Array.from({ length: to! - from! }, (_, i) => from! + i));
    assertEquals([...read, ...lost].toSorted((a, b) => a - b), Array.from({ length: 30 }, (_, i) => i));
    assert(read.length > 20);
  }));

Deno.test("a file damaged in the middle is refused when that part is read", () =>
  inFolder(async (dataDir) => {
    {
      await using log = await openWithTopic({ dataDir });
      for (let i = 0; i < 50; i++) await log.produce(TOPIC, [{ value: "x".repeat(50_000) }]);
    }
    using file = await Deno.open(fileOf(dataDir), { write: true });
    const { size } = await file.stat();
    for (let at = 16_384 * 8; at < size; at += 16_384) {
      await file.seek(at, Deno.SeekMode.Start);
      await file.write(new Uint8Array(400).fill(0xab));
    }
    await assertRejects(async () => {
      await using log = await openEmbeddedLog({ dataDir });
      await readAll(log, TOPIC, 50);
    }, LogRefusedError);
  }));

Deno.test("a write-ahead log that is removed or replaced is noticed before anything else is taken, and nothing is lost", () =>
  inFolder(async (dataDir) => {
    for (const replaced of [false, true]) {
      const folder = `${dataDir}/${replaced}`;
      await using log = await openWithTopic({ dataDir: folder });
      for (let i = 0; i < 20; i++) await log.produce(TOPIC, [{ value: `${i}` }]);
      await Deno.remove(`${fileOf(folder)}-wal`);
      if (replaced) await Deno.writeTextFile(`${fileOf(folder)}-wal`, "");
      const error = await assertRejects(() => log.produce(TOPIC, [{ value: "lost" }]), LogUnavailableError, "-wal");
      assert(error.message.includes("stop and start again; what was taken is safe"), error.message);
      await assertRejects(() => log.topics(), LogUnavailableError, "-wal");
      // As after a kill: only the file itself is there.
      await Deno.mkdir(`${folder}/copy`);
      await Deno.copyFile(fileOf(folder), `${folder}/copy/freshet.log.db`);
      await using copy = await openEmbeddedLog({ dataDir: `${folder}/copy` });
      const values = (await readAll(copy, TOPIC, 20)).flatMap(({ records }) => records.map(({ value }) => text(value)));
      assertEquals(values, Array.from({ length: 20 }, (_, i) => `${i}`));
    }
  }));

Deno.test("a file that another program holds locked is waited for, then an error that names it", () =>
  inFolder(async (dataDir) => {
    await using log = await openWithTopic({ dataDir, clock: hastyClock() });
    const other = new DatabaseSync(fileOf(dataDir));
    other.exec("BEGIN IMMEDIATE");
    await assertRejects(() => log.produce(TOPIC, [{ value: "x" }]), LogUnavailableError, fileOf(dataDir));
    await assertRejects(() => openEmbeddedLog({ dataDir, clock: hastyClock() }), LogUnavailableError, "locked");
    other.exec("ROLLBACK");
    other.close();
    assertEquals(await log.produce(TOPIC, [{ value: "x" }]), [{ partition: 0, offset: 0 }]);
  }));

Deno.test("a full disk is an error that can pass, and nothing is half written", () =>
  inFolder(async (dataDir) => {
    await using log = await openWithTopic({ dataDir });
    await log.produce(TOPIC, [{ value: "before" }]);
    const { page_count } = log.file.get<{ page_count: number }>("PRAGMA page_count")!;
    log.file.get(`PRAGMA max_page_count = ${page_count + 2}`);
    const large = Array.from({ length: 20 }, () => ({ value: "x".repeat(100_000) }));
    const error = await assertRejects(() => log.produce(TOPIC, large), LogUnavailableError, "free some space");
    assert(error.retriable && error.message.includes(fileOf(dataDir)));
    log.file.get("PRAGMA max_page_count = 1000000");
    assertEquals((await log.produce(TOPIC, large)).at(0), { partition: 0, offset: 1 });
    assertEquals((await readAll(log, TOPIC, 21)).flatMap(({ records }) => records).length, 21);
  }));

Deno.test(
  "a read-only folder is refused with its name",
  { ignore: Deno.uid() === 0 },
  () =>
    inFolder(async (folder) => {
      await Deno.chmod(folder, 0o500);
      await assertRejects(() => openEmbeddedLog({ dataDir: folder }), LogRefusedError, folder);
    }),
);

Deno.test("a folder that cannot be made is refused with its name", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    await assertRejects(() => openEmbeddedLog({ dataDir: `${folder}/file/data` }), LogRefusedError, `${folder}/file`);
  }));

Deno.test("what a killed writer was told is on disk is there, whole and in order", () =>
  inFolder(async (dataDir) => {
    await using log = await openWithTopic({ dataDir });
    let own = 0;
    for (let round = 0; round < 4; round++) {
      const writer = new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "-A", new URL("embedded_writer.ts", import.meta.url).href, dataDir, TOPIC, `${round}`],
        stdin: "null",
        stdout: "piped",
        stderr: "inherit",
      }).spawn();
      const reader = writer.stdout.getReader();
      let said = "";
      while (said.split("\n").length < 20 + round * 15) {
        said += new TextDecoder().decode((await reader.read()).value);
        own += (await log.produce(TOPIC, [{ value: `own ${own}` }])).length; // two processes write at once
      }
      writer.kill("SIGKILL");
      await writer.status;
      for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
        said += new TextDecoder().decode(chunk.value);
      }
      const acknowledged = said.split("\n").slice(0, -1).map(Number).at(-1)!;
      const { high } = (await log.topics([TOPIC]))[0]!.partitions[0]!;
      const records = (await readAll(log, TOPIC, high)).flatMap((batch) => batch.records);
      assertEquals(records.map(({ offset }) => offset), Array.from({ length: high }, (_, i) => i));
      const values = records.map(({ value }) => text(value)!);
      assertEquals(
        values.filter((value) => value.startsWith("own")),
        Array.from({ length: own }, (_, i) => `own ${i}`),
      );
      const written = values.filter((value) => value.startsWith(`${round} `)).map((value) =>
        Number(value.split(" ")[1])
      );
      assertEquals(written, written.map((_, i) => i));
      assert(written.length >= acknowledged, `${acknowledged} were acknowledged, ${written.length} are there`);
    }
  }));

Deno.test("a record that another process produces reaches a waiting reader soon", () =>
  inFolder(async (dataDir) => {
    await using log = await openWithTopic({ dataDir });
    await using other = await openEmbeddedLog({ dataDir });
    await using subscription = await log.subscribe({ topic: TOPIC, group: "g", signal: new AbortController().signal });
    const generation = await generationOf(subscription, 1);
    await startAt(generation);
    for (let i = 0; i < 5; i++) {
      const waiting = pull(generation, 1);
      await other.produce(TOPIC, [{ value: `${i}` }]);
      const producedAt = performance.now();
      await waiting;
      assert(performance.now() - producedAt < 500);
    }
  }));
