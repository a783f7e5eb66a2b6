// Records that are larger than most. A bad one that its dead letter topic does not take, among good ones: the run goes on, and
// the table has the record. Many good ones: units are as large as the warehouse's memory takes. FRESHET_LARGE adds the long backlogs
// (`task test:long large`).

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { openEmbeddedLog } from "../src/log/embedded.ts";
import { openDuckDb } from "../src/warehouse/duckdb.ts";
import { readAll, text } from "./contracts/log/place.ts";
import { Terminal } from "./cli/terminal.ts";
import { FRESHET } from "./support/shipped.ts";

/** What the embedded log takes at most, less what it writes beside a value; an error header more is too much. */
const AS_LARGE_AS_IT_GOES = 1024 * 1024 - 100;

Deno.test("a bad record that is too large for its dead letter topic ends no run", async () => {
  await using terminal = await Terminal.open();
  const env = { FRESHET_TOPIC_PARTITIONS: "1" };
  assertEquals((await terminal.run(["simulate", "rides", "--count", "50"], { env })).code, 0);
  const bad = "x".repeat(AS_LARGE_AS_IT_GOES);
  {
    await using log = await openEmbeddedLog({ dataDir: terminal.dataDir });
    await log.produce("ride_events", [{ value: "short" }, { value: bad }, { value: "shorter" }]);
  }
  assertEquals((await terminal.run(["simulate", "rides", "--count", "50"], { env })).code, 0);
  const { code, stderr } = await terminal.run(["run", "rides", "--until-end", "--no-simulate"], { env });
  assertEquals(code, 0, stderr);
  assertStringIncludes(stderr, "103 records, 100 accepted, 3 dead letters");
  await using warehouse = await openDuckDb({ path: `${terminal.dataDir}/freshet.duckdb` });
  const { rows } = await warehouse.query("SELECT LENGTH(RECORD_VALUE) FROM DEAD_LETTERS ORDER BY KAFKA_OFFSET");
  assertEquals(rows.map(([length]) => Number(length)), [5, bad.length, 7]);
  await using log = await openEmbeddedLog({ dataDir: terminal.dataDir });
  const copies = (await readAll(log, "ride_events.dlq", 3)).flatMap(({ records }) => records);
  assertEquals(copies.map(({ value }) => value!.length), [5, 512 * 1024, 7]);
});

/** Text that does not compress to nothing. */
const noise = (bytes: number) => crypto.randomUUID().repeat(bytes / 36);
/** An array whose parts are as many as JSON allows: what a parser holds of it is many times its text. */
const ones = (bytes: number) => Array(bytes / 2).fill(1);

interface Backlog {
  readonly records: number;
  readonly bytes: number;
  readonly note: (bytes: number) => unknown;
}

const backlog = (records: number, bytes: number, note: Backlog["note"] = noise): Backlog => ({ records, bytes, note });

const ALWAYS = [backlog(600, 50_000), backlog(300, 900_000), backlog(3, 7_000_000), backlog(3, 7_000_000, ones)];
const BACKLOGS = Deno.env.get("FRESHET_LARGE") === undefined ? ALWAYS : [
  ...ALWAYS,
  backlog(3_000, 10_000),
  backlog(30_000, 10_000),
  backlog(6_000, 50_000),
  backlog(3_000, 100_000),
  backlog(1_000, 900_000),
  backlog(30, 7_000_000),
  backlog(100, 8_380_000),
  backlog(3_000, 100_000, ones),
  backlog(30, 8_380_000, ones),
];

/** The most that the process may have in memory, megabytes: compose.yaml gives it 1 GiB. */
const MAX_RSS_MB = 900;

/** Peak resident memory of a process so far, megabytes; 0 when it has ended. By cat, as Deno itself keeps /proc to itself. */
async function peakMb(pid: number): Promise<number> {
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${pid}/status`], stderr: "null" }).output();
  return Number(/VmHWM:\s+(\d+) kB/.exec(new TextDecoder().decode(stdout))?.[1] ?? 0) / 1024;
}

/** Works off what is in the folder's log with the real program; how that ended, and the most that it had in memory. */
async function workOff(dataDir: string): Promise<{ code: number; stderr: string; peak: number }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...FRESHET, "run", "rides", "--until-end", "--no-simulate"],
    env: { MALLOC_ARENA_MAX: "2", FRESHET_DATA_DIR: dataDir, FRESHET_API_PORT: "0", FRESHET_MAX_RESTARTS: "0" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let ended = false;
  const output = child.output().finally(() => ended = true);
  let peak = 0;
  while (!ended) {
    peak = Math.max(peak, await peakMb(child.pid));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { code, stderr } = await output;
  return { code, stderr: new TextDecoder().decode(stderr), peak: Math.round(peak) };
}

async function produce(dataDir: string, { records, bytes, note }: Backlog): Promise<void> {
  await using log = await openEmbeddedLog({ dataDir, recordMaxBytes: 16 * 1024 * 1024 });
  const [first] = (await readAll(log, "ride_events", 1)).flatMap(({ records }) => records);
  const event = JSON.parse(text(first!.value)!);
  for (let i = 0; i < records; i++) {
    const value = JSON.stringify({ ...event, ride_id: `r${i}`, note: note(bytes) });
    await log.produce("ride_events", [{ value }]);
  }
}

for (const { records, bytes, note } of BACKLOGS) {
  const size = `${records.toLocaleString("en")} records of ${bytes.toLocaleString("en")} bytes`;
  Deno.test(`a backlog of ${size} (${note.name}) is worked off, and can be read`, async () => {
    await using terminal = await Terminal.open();
    const env = { FRESHET_TOPIC_PARTITIONS: "1" };
    assertEquals((await terminal.run(["simulate", "rides", "--count", "1"], { env })).code, 0);
    await produce(terminal.dataDir, { records, bytes, note });
    const startMs = performance.now();
    const { code, stderr, peak } = await workOff(terminal.dataDir);
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    assertEquals(code, 0, stderr);
    await using warehouse = await openDuckDb({ path: `${terminal.dataDir}/freshet.duckdb` });
    const { rows } = await warehouse.query(
      `SELECT COUNT(*), COUNT(DISTINCT KAFKA_OFFSET), SUM(CASE WHEN LENGTH(CAST(RECORD_CONTENT AS VARCHAR)) > ${
        bytes * 0.99
      } THEN 1 END) FROM RIDE_REQUESTS`,
    );
    assertEquals(rows[0]!.map(Number), [records + 1, records + 1, records]);
    console.log(`${size}, ${Math.round(records * bytes / 1e6)} MB: ${seconds} s, peak memory ${peak} MB`);
    assert(peak < MAX_RSS_MB, `The process had ${peak} MB`);
    assert(!stderr.includes("memory"), stderr);
  });
}

Deno.test("what reads tables with large rows has the memory for it, or says what to do", async () => {
  await using terminal = await Terminal.open();
  const env = { FRESHET_TOPIC_PARTITIONS: "1" };
  assertEquals((await terminal.run(["simulate", "rides", "--count", "1"], { env })).code, 0);
  await produce(terminal.dataDir, backlog(150, 900_000));
  {
    await using log = await openEmbeddedLog({ dataDir: terminal.dataDir, recordMaxBytes: 16 * 1024 * 1024 });
    for (let i = 0; i < 12; i++) await log.produce("ride_events", [{ value: `{${noise(7_000_000)}` }]);
  }
  assertEquals((await terminal.run(["run", "rides", "--until-end", "--no-simulate"], { env })).code, 0);
  const listed = await terminal.run(["dead-letters"], { env });
  assertEquals(listed.stdout.match(/ invalid_json +12 /g)?.length, 1, listed.stderr);
  const replayed = await terminal.run(["replay", "rides", "--yes"], { env });
  assertStringIncludes(replayed.stdout, "anew from 151 records", replayed.stderr);
  const asked = await terminal.run([
    "query",
    "SELECT string_agg(CAST(RECORD_CONTENT AS VARCHAR), '') FROM RIDE_REQUESTS",
  ], { env });
  assertStringIncludes(asked.stderr, "ask for fewer rows, for fewer columns with long texts or LEFT of them, or raise");
  const doctor = await terminal.run(["doctor", "rides"], { env });
  assertStringIncludes(doctor.stdout, " ok, 0 not ok");
});
