// (i) How long the real program takes, killed with many keys, from its start to the first record in the tables: with the state
// that it kept in the data folder, and, beside it, without.
//
//   deno task bench restart                               a million users with an open visit
//   FRESHET_BENCH_KEYS=10000000 deno task bench restart

import { openEmbeddedLog } from "../src/log/embedded.ts";
import { Program } from "./program.ts";
import { print, type Row } from "./report.ts";

const KEYS = Number(Deno.env.get("FRESHET_BENCH_KEYS") ?? 1_000_000);
const [TOPIC, PARTITIONS, AT_ONCE] = ["events", 4, 5000];
const POLL_MS = 20;
/** In the middle of so many new keys the last snapshot may be a quarter of a minute old. */
const SETTLING_MS = 20_000;
const KEPT = /^freshet-state-.*\.snapshot$/;

/** One action of each user, within five minutes: their visits are all open. */
async function addActions(dir: string, from: number, count: number, at: number): Promise<void> {
  await using log = await openEmbeddedLog({ dataDir: dir });
  if ((await log.topics([TOPIC])).length === 0) await log.createTopics([{ topic: TOPIC, partitions: PARTITIONS }]);
  for (let first = from; first < from + count; first += AT_ONCE) {
    const records = Array.from({ length: Math.min(AT_ONCE, from + count - first) }, (_, i) => {
      const key = `user-${first + i}`;
      const timestamp = new Date(at + Math.floor(300_000 * (first + i - from) / count)).toISOString();
      const value = JSON.stringify({ user_id: key, action: "page_view", page: "/", timestamp });
      return { partition: (first + i) % PARTITIONS, key, value };
    });
    await log.produce(TOPIC, records);
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function until(program: Program, records: number): Promise<void> {
  while (await program.records() < records) await pause(POLL_MS);
}

/** Seconds from the start of the program to the first record in the tables, and its peak memory until then. */
async function firstRecord(dir: string): Promise<{ readonly seconds: number; readonly peakMb: number }> {
  const startMs = performance.now();
  await using program = await Program.start(dir, "actions");
  await until(program, 1);
  const seconds = (performance.now() - startMs) / 1000;
  const { peakMb } = await program.usage();
  await program.kill();
  return { seconds, peakMb };
}

const dir = await Deno.makeTempDir();
try {
  const now = Date.now();
  await addActions(dir, 0, KEYS, now - 600_000);
  {
    await using program = await Program.start(dir, "actions");
    await until(program, KEYS);
    await pause(SETTLING_MS);
    await program.kill();
  }
  const row = async (what: string, user: number): Promise<Row & { readonly seconds: number }> => {
    await addActions(dir, KEYS + user, 1, now - 300_000);
    const { seconds, peakMb } = await firstRecord(dir);
    return { what, figure: `${seconds.toFixed(1)} s, ${Math.round(peakMb)} MB`, seconds };
  };
  const kept = await row("with the state in the data folder", 0);
  for (const { name } of Deno.readDirSync(dir)) if (KEPT.test(name)) await Deno.remove(`${dir}/${name}`);
  const read = await row("all state read from the warehouse", 1);
  const ratio = (kept.seconds / read.seconds).toFixed(2);
  print(`(i) The first record in the tables after a kill, ${KEYS.toLocaleString("en")} keys`, [
    { ...kept, ratio, isCost: true, target: "3 s" },
    { ...read, ratio: "1.00" },
  ]);
} finally {
  await Deno.remove(dir, { recursive: true });
}
