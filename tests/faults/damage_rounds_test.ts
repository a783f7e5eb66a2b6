// A bit flipped anywhere in the log, in the warehouse or in the write-ahead log of either, behind the program's back: nothing
// comes of it, or the program says what is damaged, and what it advises to do mends it. No record is missing without a word. FRESHET_DAMAGE_ROUNDS says how often
// (`task test:long damage`: 200).

import { openEmbeddedLog } from "../../src/log/embedded.ts";
import { Random } from "../../simulators/random.ts";
import { assert, assertEquals } from "@std/assert";
import { checkedDomains } from "../support/checked_domains.ts";
import { domainOf } from "../support/domains.ts";
import { FRESHET, runningOn } from "../support/shipped.ts";
import { Traffic } from "../support/traffic.ts";

const ROUNDS = Number(Deno.env.get("FRESHET_DAMAGE_ROUNDS") ?? 8);
const SEED = Number(Deno.env.get("FRESHET_SEED") ?? Date.now() % 1_000_000);
/** Those of a killed run, of which bits are flipped in all but the last. */
const FILES = ["freshet.log.db", "freshet.log.db-wal", "freshet.duckdb", "freshet.duckdb.wal", "freshet.log.db-shm"];
const DAMAGED = FILES.slice(0, -1);
const RECORDS = 800;
/** What is in the tables when the run is killed; the others wait in the log. */
const WORKED_OFF = 600;
const MAX_REMEDIES = 4;
const HANGS_AFTER_MS = 300_000;
const { topic } = domainOf("trains");
const WORK_OFF = ["run", "trains", "--no-simulate", "--until-end"];

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function command(dataDir: string, args: readonly string[]): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: [...FRESHET, ...args],
    env: {
      FRESHET_DATA_DIR: dataDir,
      FRESHET_API_PORT: "0",
      FRESHET_DASHBOARD_PORT: "0",
      FRESHET_CHECKPOINT_ROWS: "50",
      FRESHET_CHECKPOINT_BACKLOG_ROWS: "50",
    },
    stdin: "null",
    signal: AbortSignal.timeout(HANGS_AFTER_MS),
  });
}

async function freshet(dataDir: string, args: readonly string[]): Promise<Outcome> {
  const { code, signal, stdout, stderr } = await command(dataDir, args).output();
  const [out, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assertEquals(signal, null, `"freshet ${args.join(" ")}" was ended by a signal:\n${errors}`);
  return { code, stdout: out!, stderr: errors! };
}

/** What a kill leaves, in `killed`: rows in the write-ahead logs, records that wait. */
async function killedRun(dataDir: string, killed: string): Promise<void> {
  const traffic = new Traffic(checkedDomains.find(({ name }) => name === "trains")!, 3);
  await using log = await openEmbeddedLog({ dataDir });
  const produce = async (count: number) => {
    await log.createTopics([{ topic, partitions: 2 }]);
    for (let sent = 0; sent < count; sent += 50) {
      await log.produce(topic, traffic.take(50).map((record, i) => ({ ...record, partition: i % 2 })));
    }
  };
  await produce(WORKED_OFF);
  const child = command(dataDir, ["run", "trains", "--no-simulate"]).spawn();
  const output = child.output();
  const { url } = await runningOn(dataDir);
  while (true) {
    const { domains: [trains] } = await (await fetch(`${url}/api/status`)).json();
    if (trains.totals.records === WORKED_OFF) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  child.kill("SIGKILL");
  await output;
  await produce(RECORDS - WORKED_OFF);
  // While the log is open here, as whoever closes it last folds its write-ahead log into it.
  for (const file of FILES) {
    assert((await Deno.stat(`${dataDir}/${file}`)).size > 0, file);
    await Deno.copyFile(`${dataDir}/${file}`, `${killed}/${file}`);
  }
}

type Answer = readonly Readonly<Record<string, string>>[];

async function query(dataDir: string, sql: string): Promise<Answer> {
  const { code, stdout, stderr } = await freshet(dataDir, ["query", "--json", sql]);
  assertEquals(code, 0, stderr);
  return JSON.parse(stdout);
}

/** What the raw table says of each offset. */
async function rawRows(dataDir: string): Promise<ReadonlyMap<string, string>> {
  const rows = await query(
    dataDir,
    `SELECT CONCAT(RECORD_METADATA->>'partition', '/', RECORD_METADATA->>'offset') AS PLACE,
      CAST(RECORD_CONTENT AS VARCHAR) AS CONTENT FROM ATS_RAW_JSON`,
  );
  return new Map(rows.map(({ PLACE, CONTENT }) => [PLACE!, CONTENT!]));
}

/** Offsets that are dead letters or in a gap on record. */
async function toldOf(dataDir: string): Promise<ReadonlySet<string>> {
  const rows = await query(
    dataDir,
    `SELECT CONCAT(KAFKA_PARTITION, '/', KAFKA_OFFSET) AS PLACE FROM DEAD_LETTERS UNION ALL
      SELECT CONCAT(KAFKA_PARTITION, '/', o) FROM FRESHET_GAPS, range(0, ${RECORDS}) r(o)
      WHERE o >= FROM_OFFSET AND o < TO_OFFSET`,
  );
  return new Set(rows.map(({ PLACE }) => PLACE!));
}

async function flip(path: string, random: Random): Promise<string> {
  const bytes = await Deno.readFile(path);
  const [at, bit] = [Math.floor(random.next() * bytes.length), Math.floor(random.next() * 8)];
  bytes[at]! ^= 1 << bit;
  await Deno.writeFile(path, bytes);
  return `bit ${bit} of byte ${at} of ${bytes.length} in ${path.slice(path.lastIndexOf("/") + 1)}`;
}

const setAside = (path: string) => Deno.rename(path, `${path}.damaged`).catch(() => {});

/** Does what a message says; `undefined` when it says nothing that can be done. */
async function remedy(dataDir: string, message: string): Promise<string | undefined> {
  const [, wal] = /set "([^"]+\.wal)" aside, and nothing else/.exec(message) ?? [];
  if (wal !== undefined) {
    await setAside(wal);
    return "the write-ahead log was set aside";
  }
  const [, file, itsWal] = /Warehouse file "([^"]+)" is damaged: set it and "([^"]+)" aside/.exec(message) ?? [];
  if (file !== undefined) {
    for (const path of [file, itsWal!]) await setAside(path);
    return "the warehouse was set aside";
  }
  const [, verb] = /"freshet (skip \S+ \d+ \d+ \d+)"/.exec(message) ?? /and "freshet (log repair)"/.exec(message) ?? [];
  if (verb === undefined) return undefined;
  const { code, stderr } = await freshet(dataDir, verb.split(" "));
  assertEquals(code, 0, `"freshet ${verb}" failed: ${stderr}`);
  return `freshet ${verb}`;
}

/** What the run and the doctor complain of; `undefined` when all is well. */
async function complaint(dataDir: string): Promise<string | undefined> {
  const { code, stderr } = await freshet(dataDir, WORK_OFF);
  if (code !== 0) return stderr;
  const judged = await freshet(dataDir, ["doctor", "trains", "--json"]);
  if (judged.code === 0) return undefined;
  if (judged.stdout === "") return judged.stderr;
  const findings: readonly { readonly result: string; readonly detail: string }[] = JSON.parse(judged.stdout);
  const bad = findings.filter(({ result }) => result !== "ok");
  return bad.length === 0 ? undefined : bad.map(({ detail }) => detail).join("\n");
}

/** Works off what there is, and does what is advised until that goes well; what had to be done. */
async function mended(dataDir: string): Promise<readonly string[]> {
  const done: string[] = [];
  while (true) {
    const what = await complaint(dataDir);
    if (what === undefined) return done;
    assert(done.length < MAX_REMEDIES, `${done.join(", ")} did not mend it: ${what}`);
    const next = await remedy(dataDir, what);
    assert(next !== undefined, `no advice that helps is given: ${what}`);
    done.push(next);
  }
}

/** One flip, from a copy of the folder on; says what was done about it. */
async function round(from: string, file: string, expected: ReadonlyMap<string, string>, random: Random) {
  const dataDir = await Deno.makeTempDir({ prefix: "freshet_damage_" });
  try {
    for (const name of FILES) await Deno.copyFile(`${from}/${name}`, `${dataDir}/${name}`);
    const what = await flip(`${dataDir}/${file}`, random);
    try {
      const remedies = await mended(dataDir);
      const rows = await rawRows(dataDir);
      assertEquals([...rows].filter(([place, content]) => expected.get(place) !== content), []);
      const missing = [...expected.keys()].filter((place) => !rows.has(place));
      const told = missing.length > 0 ? await toldOf(dataDir) : new Set();
      assertEquals(missing.filter((place) => !told.has(place)), [], "records are gone without a word");
      return { remedies, missing: missing.length };
    } catch (error) {
      throw new Error(`After a flip of ${what}: ${(error as Error).message}`, { cause: error });
    }
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

Deno.test(`${ROUNDS} bits flipped in log and warehouse are detected or harmless, and repaired as the message says`, async () => {
  console.log(`seed ${SEED} (FRESHET_SEED=${SEED} repeats it)`);
  const random = new Random(SEED);
  const dataDir = await Deno.makeTempDir({ prefix: "freshet_damage_" });
  try {
    const killed = await Deno.makeTempDir({ dir: dataDir });
    await killedRun(dataDir, killed);
    const whole = await Deno.makeTempDir({ dir: dataDir });
    for (const name of FILES) await Deno.copyFile(`${killed}/${name}`, `${whole}/${name}`);
    assertEquals(await mended(whole), []);
    const expected = await rawRows(whole);
    assert(expected.size > RECORDS / 2);
    const counts = new Map<string, number>();
    for (let n = 0; n < ROUNDS; n++) {
      const file = DAMAGED[n % DAMAGED.length]!;
      const { remedies, missing } = await round(killed, file, expected, random);
      const lost = missing > 0 ? "; some records are dead letters or in a gap" : "";
      const what = `${file}: ${remedies.join(", ").replace(/ \S+ \d+ \d+ \d+/g, "") || "nothing to do"}${lost}`;
      counts.set(what, (counts.get(what) ?? 0) + 1);
    }
    for (const [what, count] of [...counts].sort()) console.log(`${count} × ${what}`);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});
