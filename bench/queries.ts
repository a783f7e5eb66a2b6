// (k) What hostile queries cost the pipelines: the real program works off a backlog from the embedded log, and every other four
// seconds four clients send one statement after the other, for as long as there is a backlog. Each statement has a run of its own.

import { openEmbeddedLog } from "../src/log/embedded.ts";
import { fill } from "./pipeline.ts";
import { Program } from "./program.ts";
import { median, print, type Row } from "./report.ts";

const RECORDS = Number(Deno.env.get("FRESHET_BENCH_ROWS") ?? 4_000_000);
const PHASE_MS = 4_000;
const LOOKS = 8;
/** What the program may do before it is measured, milliseconds. */
const WARM_UP_MS = 3_000;
const CLIENTS = 4;
const STATEMENTS = {
  "a list that never fits": "SELECT list(i) FROM range(1000000000) t(i)",
  "a cross join": "SELECT COUNT(*) FROM ATS_RAW_JSON a, ATS_RAW_JSON b WHERE a.RECORD_CONTENT = b.RECORD_METADATA",
  "a large sort": "SELECT * FROM ATS_RAW_JSON a, range(20) ORDER BY a.RECORD_CONTENT DESC, 1",
  "100,000 rows": "SELECT * FROM ATS_RAW_JSON",
} as const;

/** Sends the statement again and again until the signal; counts the statuses. */
async function attack(program: Program, sql: string, seen: Map<number, number>, signal: AbortSignal): Promise<void> {
  const headers = { "content-type": "application/json", authorization: `Bearer ${program.token}` };
  const body = JSON.stringify({ sql, max_rows: 100_000 });
  while (!signal.aborted) {
    try {
      const answer = await fetch(`${program.api}/api/query`, { method: "POST", headers, body, signal });
      await answer.bytes();
      seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

interface Phase {
  readonly perSecond: number;
  /** The longest that /readyz took, and how often it said no. */
  readonly readyMs: number;
  readonly notReady: number;
}

async function phase(program: Program): Promise<Phase> {
  const [before, startMs] = [await program.records(), performance.now()];
  let [readyMs, notReady] = [0, 0];
  for (let look = 0; look < LOOKS; look++) {
    await new Promise((resolve) => setTimeout(resolve, PHASE_MS / LOOKS));
    const askedMs = performance.now();
    const ready = await fetch(`${program.api}/readyz`);
    await ready.body?.cancel();
    if (!ready.ok) notReady++;
    readyMs = Math.max(readyMs, performance.now() - askedMs);
  }
  return { perSecond: (await program.records() - before) * 1000 / (performance.now() - startMs), readyMs, notReady };
}

/** A stretch without the queries and one with them, one after the other. */
interface Round {
  readonly quiet: Phase;
  readonly hostile: Phase;
}

/** Rounds until the backlog is gone; the one in which it ends measures how long it was, and does not count. */
async function rounds(program: Program, sql: string, seen: Map<number, number>): Promise<readonly Round[]> {
  const all: Round[] = [];
  for (;;) {
    const quiet = await phase(program);
    const stop = new AbortController();
    const attacks = Array.from({ length: CLIENTS }, () => attack(program, sql, seen, stop.signal));
    const hostile = await phase(program);
    stop.abort();
    await Promise.all(attacks);
    if (await program.records() >= RECORDS) break;
    all.push({ quiet, hostile });
  }
  if (all.length === 0) throw new Error(`${RECORDS} records were worked off too soon: set FRESHET_BENCH_ROWS to more`);
  return all;
}

async function measure(what: string, sql: string): Promise<readonly Row[]> {
  const dir = await Deno.makeTempDir();
  try {
    {
      await using log = await openEmbeddedLog({ dataDir: dir });
      await fill(log, "ats_telemetry", 4, RECORDS);
    }
    await using program = await Program.start(dir);
    await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
    const seen = new Map<number, number>();
    const measured = await rounds(program, sql, seen);
    const [quiet, hostile] = [measured.map((round) => round.quiet), measured.map((round) => round.hostile)];
    const rate = (phases: readonly Phase[]) => median(phases.map(({ perSecond }) => perSecond));
    const slowest = (phases: readonly Phase[]) => Math.round(Math.max(...phases.map(({ readyMs }) => readyMs)));
    const refused = (phases: readonly Phase[]) => phases.reduce((sum, { notReady }) => sum + notReady, 0);
    const { rssMb } = await program.usage();
    const statuses = [...seen].map(([status, count]) => `${count} × ${status}`).join(", ") || "none";
    return [
      {
        what: `${what}: records, without and with (${measured.length} rounds)`,
        figure: [quiet, hostile].map((phases) => `${(rate(phases) / 1000).toFixed(1)} k/s`).join(", "),
        ratio: median(measured.map((round) => round.hostile.perSecond / round.quiet.perSecond)).toFixed(2),
        target: "0.80",
      },
      {
        what: "/readyz at most and times it said no, without and with",
        figure: [quiet, hostile].map((phases) => `${slowest(phases)} ms ${refused(phases)}`).join(", "),
      },
      { what: "memory at the end; answers", figure: `${Math.round(rssMb)} MB; ${statuses}` },
    ];
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

for (const [what, sql] of Object.entries(STATEMENTS)) {
  if (Deno.args[0] !== undefined && !what.includes(Deno.args[0])) continue;
  print(
    `(k) ${CLIENTS} clients that send hostile queries to the whole program at full speed`,
    await measure(what, sql),
  );
}
