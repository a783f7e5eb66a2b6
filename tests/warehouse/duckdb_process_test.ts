// The DuckDB file and processes: killed while they write, locked out, out of disk space.

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { WarehouseRefusedError, WarehouseUnavailableError } from "../../src/errors.ts";
import { domainModules } from "../../src/domains/mod.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { startChild } from "./child.ts";
import { consistentOffset, SCRIPTS, TOPIC, unitOf } from "./support.ts";

const startCommitting = (args: readonly string[], wrap?: (command: string) => string) =>
  startChild("committing_process.ts", args, wrap);

const test = (name: string, body: (file: string) => Promise<void>, ignore = false) =>
  Deno.test({
    name,
    ignore,
    sanitizeOps: true,
    sanitizeResources: true,
    async fn() {
      const folder = await Deno.makeTempDir({ prefix: "freshet-warehouse-" });
      try {
        await body(`${folder}/freshet.duckdb`);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });

test("a process killed at a random time leaves whole units only, and all that it had confirmed", async (file) => {
  let before = 0;
  for (let round = 0; round < 8; round++) {
    const threshold = round % 2 === 0 ? "256MB" : "64KB";
    let confirmed = before;
    {
      await using child = startCommitting([file, "400", threshold]);
      assertEquals(await child.next(), { ready: before });
      const units = Math.floor(Math.random() * 12);
      for (let unit = 0; unit < units; unit++) confirmed = Number((await child.next())?.committed);
      // Somewhere inside the units that follow.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 25));
      child.kill("SIGKILL");
      for (let line = await child.next(); line; line = await child.next()) {
        confirmed = Number(line.committed ?? confirmed);
      }
      assertEquals((await child.finish()).signal, "SIGKILL");
    }
    await using warehouse = await openDuckDb({ path: file });
    const found = await consistentOffset(warehouse);
    assert(found >= confirmed, `Confirmed ${confirmed}, found ${found}`);
    before = found;
  }
  assert(before > 0);
});

test("a process killed right after it made the tables leaves a file that can be opened", async (file) => {
  const program = new URL("./migrating_process.ts", import.meta.url).pathname;
  const args = ["run", "--quiet", "--no-prompt", "--allow-all", program, file];
  const { signal } = await new Deno.Command(Deno.execPath(), { args, stdout: "inherit", stderr: "inherit" }).output();
  assertEquals(signal, "SIGKILL");
  // DuckDB replays its log: not every statement that it takes can be replayed.
  await using warehouse = await openDuckDb({ path: file });
  const { rows } = await warehouse.query("SELECT COUNT(DISTINCT NAME) FROM FRESHET_MIGRATIONS");
  assertEquals(rows, [[domainModules.length + 1]]);
});

test("a second process is refused, and told which one has the file", async (file) => {
  await using child = startCommitting([file, "1", "256MB"]);
  await child.next();
  const error = await assertRejects(() => openDuckDb({ path: file }), WarehouseRefusedError);
  assertStringIncludes(error.message, `process ${child.pid} (`);
  assertStringIncludes(error.message, "freshet query");
  assertEquals((await child.finish()).code, 0);
  await using warehouse = await openDuckDb({ path: file });
  assert(await consistentOffset(warehouse) > 0);
});

test("a process that has the file for a moment is waited for", async (file) => {
  await using child = startCommitting([file, "1", "256MB"]);
  await child.next();
  const opening = openDuckDb({ path: file });
  setTimeout(() => void child.finish(), 300);
  await using warehouse = await opening;
  assert(await consistentOffset(warehouse) > 0);
});

test("a process that takes the file while it is opened anew holds the writer up, no more", async (file) => {
  await using warehouse = await openDuckDb({ path: file });
  await warehouse.migrate(SCRIPTS);
  await using writer = await warehouse.writer("domain");
  let [claim] = await writer.claim(TOPIC, [0]);
  const commit = async () => {
    await writer.commit(unitOf(claim!, 50_000, "x"));
    [claim] = await writer.positions(TOPIC, [0]);
  };
  await using child = startChild("taking_process.ts", [file]);
  assertEquals(await child.next(), { waiting: true });
  const error = await assertRejects(async () => {
    for (let unit = 0; unit < 400; unit++) await commit();
  }, WarehouseUnavailableError);
  assertStringIncludes(error.message, `was taken by process ${child.pid} (`);
  assertEquals(await child.next(), { taken: true });
  await assertRejects(() => warehouse.query("SELECT 1"), WarehouseUnavailableError, "stop that process");
  assertEquals((await child.finish()).code, 0);
  [claim] = await writer.positions(TOPIC, [0]);
  await commit();
  assertEquals(await consistentOffset(warehouse), claim!.nextOffset);
});

test("a closed file is free for the next process, also when reading was broken off", async (file) => {
  {
    await using warehouse = await openDuckDb({ path: file });
    await warehouse.migrate(SCRIPTS);
    await using writer = await warehouse.writer("domain");
    const [claim] = await writer.claim(TOPIC, [0]);
    const state = Array.from({ length: 20_000 }, (_, i) => (
      { operator: "count", partition: 0, namespace: i, key: "all", value: "10" }
    ));
    await writer.commit({ ...unitOf(claim!, 10), state });
    for await (const _ of writer.state(TOPIC, [0])) break;
    await warehouse.query("SELECT * FROM EVENTS, EVENTS AS e", { maxRows: 1 });
  }
  await using child = startCommitting([file, "1", "256MB"]);
  assertEquals(await child.next(), { ready: 10 });
});

const limited = await canLimitFiles();
if (!limited) console.log("Skipped: running out of disk space (needs bash with ulimit -f)");

test("a full disk is said so, nothing of the unit is written, and what was committed stays", async (file) => {
  for (const threshold of ["256MB", "64KB"]) {
    // A file may not grow beyond 1 MB: the write fails as it does on a full disk.
    await using child = startCommitting(
      [file, "500", threshold],
      (command) => `trap '' XFSZ; ulimit -f 1024; exec ${command}`,
    );
    let committed = 0;
    let failures = 0;
    for (let line = await child.next(); line && !line.gaveUp; line = await child.next()) {
      if (line.failed !== undefined) {
        failures++;
        assertEquals(line.failed, "WarehouseUnavailableError");
        assertStringIncludes(String(line.message), "No space left for warehouse file");
        assertStringIncludes(String(line.message), file);
      }
      assertEquals(line.refused, undefined, JSON.stringify(line));
      committed = Number(line.committed ?? committed);
    }
    assertEquals(failures, 3);
    await child.finish();
    await using warehouse = await openDuckDb({ path: file });
    assertEquals(await consistentOffset(warehouse), committed);
    await warehouse[Symbol.asyncDispose]();
    await Deno.remove(file);
  }
}, !limited);

/** Whether a shell can limit the size of files, and a process lives to see the error. */
async function canLimitFiles(): Promise<boolean> {
  try {
    const args = ["-c", "trap '' XFSZ; ulimit -f 1 && ! head -c 9999 /dev/zero > \"$(mktemp -u)\""];
    return (await new Deno.Command("bash", { args, stdout: "null", stderr: "null" }).output()).success;
  } catch {
    return false;
  }
}
