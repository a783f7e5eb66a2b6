// The whole program with everything at once that strangers, analysts and slow readers can do to it, while records of all domains
// come in and the table of one is gone: it lives within its memory, says rightly which part is ill, and everything that was
// acknowledged is in the tables once. FRESHET_HOSTILE_SECONDS says how long (`task test:long hostile`: 600).

import { assert, assertEquals } from "@std/assert";
import { openEmbeddedLog } from "../../src/log/embedded.ts";
import { memoryGroup } from "../support/hostile/memory_group.ts";
import { freshet, isReady, Program } from "../support/program.ts";
import { DOMAINS, type Posted, postEvents, probe, type Probed, sendRecords } from "../support/hostile/senders.ts";
import { type Crowd, Strangers, type Victim } from "../support/hostile/strangers.ts";
import { tamper } from "../support/tamper.ts";

const SECONDS = Number(Deno.env.get("FRESHET_HOSTILE_SECONDS") ?? 60);
/** Records of each domain. */
const PER_SECOND = Number(Deno.env.get("FRESHET_HOSTILE_RATE") ?? 400);
const SEED = Number(Deno.env.get("FRESHET_SEED") ?? 1);
const MAX_RSS_MB = 700;
const GIVE_UP_MS = 300_000;
const TOKEN = "the-token-of-those-who-may";
/** A machine that is busy with other tests as well may take long for a last checkpoint. */
const ENV = { FRESHET_API_TOKEN: TOKEN, FRESHET_DRAIN_MS: "180000" };
const POSTERS = 4;
/** Whose table is gone, and which. */
const [ILL, ILL_TABLE] = ["wine", "RAW_EVENTS_STREAM"] as const;

const skip = Deno.build.os !== "linux" || Deno.env.get("TESTS") !== "http";

interface Setting {
  readonly seconds: number;
  readonly crowd: Crowd;
  readonly descriptors?: number;
  readonly group?: string;
}

interface Phase {
  /** Records a second that came into the tables of the domains that are well. */
  readonly perSecond: number;
  /** Of them, waiting in the log at the end. */
  readonly lag: number;
  readonly probed: readonly Probed[];
}

interface Pass {
  readonly seconds: number;
  readonly seed: number;
  /** What a probe must have said, on a machine however slow. */
  readonly until?: string;
}

interface Status {
  readonly domains: readonly {
    readonly domain: string;
    readonly totals: { readonly records: number };
    readonly partitions: readonly { readonly lag: number }[];
  }[];
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function progress(api: string): Promise<{ readonly records: number; readonly lag: number }> {
  const response = await fetch(`${api}/api/status`, { headers: { authorization: `Bearer ${TOKEN}` } });
  const text = await response.text();
  assert(response.ok, text);
  const { domains } = JSON.parse(text) as Status;
  const well = domains.filter(({ domain }) => domain !== ILL);
  return {
    records: well.reduce((sum, { totals }) => sum + totals.records, 0),
    lag: well.flatMap(({ partitions }) => partitions).reduce((sum, { lag }) => sum + lag, 0),
  };
}

/** One run of the program with everybody who means well. */
class Days {
  readonly posted: Posted = { acknowledged: [], refused: new Map() };
  readonly sent = new Map(DOMAINS.map((domain) => [domain, 0]));

  constructor(readonly dataDir: string) {}

  /** Sends and probes for so long, and until a probe has said what is waited for. */
  async pass(api: string, { seconds, seed, until = "" }: Pass): Promise<Phase> {
    await using log = await openEmbeddedLog({ dataDir: this.dataDir });
    const stop = new AbortController();
    const begun = performance.now();
    const before = await progress(api);
    const probed: Probed[] = [];
    const probing = probe(api, probed, stop.signal);
    const work = [
      ...DOMAINS.map(async (domain) => {
        const sent = await sendRecords(log, { domain, perSecond: PER_SECOND, seed }, stop.signal);
        this.sent.set(domain, this.sent.get(domain)! + sent);
      }),
      ...Array.from(
        { length: POSTERS },
        (_, n) => postEvents({ api, token: TOKEN, name: `honest_${seed}_${n}` }, this.posted, stop.signal),
      ),
    ];
    const told = async () => {
      for (const giveUpAt = begun + GIVE_UP_MS; performance.now() < giveUpAt; await sleep(100)) {
        if (probed.some(({ text }) => text.includes(until))) return;
      }
    };
    await Promise.race([Promise.all([sleep(seconds * 1000), told()]), Promise.all([probing, ...work])]);
    const after = await progress(api);
    const perSecond = (after.records - before.records) * 1000 / (performance.now() - begun);
    stop.abort();
    await Promise.all([probing, ...work]);
    return { perSecond, lag: after.lag, probed };
  }
}

async function quietPhase(days: Days, { seconds, descriptors, group }: Setting): Promise<Phase> {
  const { program, api } = await Program.start({ ...days, descriptors, group, env: ENV });
  await using _ = program;
  await isReady(api);
  const phase = await days.pass(api, { seconds, seed: SEED });
  assertEquals(await program.stop(), 0, program.log);
  return phase;
}

async function hostilePhase(days: Days, { seconds, crowd, descriptors, group }: Setting) {
  const { program, api, dashboard } = await Program.start({
    ...{ ...days, descriptors, group },
    env: { ...ENV, FRESHET_FAILED_RETRY_MS: "2000" },
  });
  await using _ = program;
  const victim: Victim = { api, dashboard, token: TOKEN };
  const stop = new AbortController();
  const strangers = new Strangers(victim, stop.signal);
  const attack = strangers.attack(crowd);
  const phase = await days.pass(api, { seconds, seed: SEED + 1, until: ILL_TABLE });
  const usage = await program.usage();
  assert(program.isAlive, program.log);
  const code = await program.stop();
  stop.abort();
  await attack;
  return { phase, usage, code, answers: strangers.answers, log: program.log };
}

function report({ quiet, hostile, days }: {
  readonly quiet: Phase;
  readonly hostile: Awaited<ReturnType<typeof hostilePhase>>;
  readonly days: Days;
}): void {
  const { phase, usage, answers } = hostile;
  const slowest = (probed: readonly Probed[]) => Math.round(Math.max(...probed.map(({ tookMs }) => tookMs)));
  const listed = (counts: ReadonlyMap<string, number>) =>
    [...counts].map(([what, count]) => `${what}: ${count}`).sort().join(", ") || "none";
  console.log(
    `records/s of the domains that are well: quiet ${Math.round(quiet.perSecond)}, hostile ${
      Math.round(phase.perSecond)
    }, ratio ${(phase.perSecond / quiet.perSecond).toFixed(2)} (aim 0.8); lag at the end ${quiet.lag}, ${phase.lag}`,
  );
  console.log(`memory at most ${usage.peakMb} MB; processor ${usage.cpuS} s`);
  console.log(`/readyz at most ${slowest(quiet.probed)} ms, ${slowest(phase.probed)} ms`);
  console.log(
    `events over HTTP: ${days.posted.acknowledged.length} acknowledged; others ${listed(days.posted.refused)}`,
  );
  console.log(`strangers were answered: ${listed(answers)}`);
}

async function hostileRun(setting: Setting): Promise<void> {
  const dataDir = await Deno.makeTempDir({ prefix: "freshet_hostile_" });
  try {
    const days = new Days(dataDir);
    const quiet = await quietPhase(days, { ...setting, seconds: Math.max(10, setting.seconds / 4) });
    await tamper({ dataDir }, `ALTER TABLE ${ILL_TABLE} RENAME TO GONE`);
    const hostile = await hostilePhase(days, setting);
    report({ quiet, hostile, days });
    assertEquals(hostile.code, 1, `it must end as a run does of which a domain has failed:\n${hostile.log}`);
    assert(hostile.usage.peakMb < MAX_RSS_MB, `it took ${hostile.usage.peakMb} MB`);
    assertEquals(quiet.probed.filter(({ status }) => status !== 200).map(({ text }) => text), []);
    checkProbes(hostile.phase.probed);
    await tamper({ dataDir }, `ALTER TABLE GONE RENAME TO ${ILL_TABLE}`);
    await freshet(dataDir, "run", "--until-end");
    await checkTables(days);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

/** Once its table is found to be gone, the ill domain is named, its reason, and no other part. */
function checkProbes(probed: readonly Probed[]): void {
  const from = probed.findIndex(({ text }) => text.includes(ILL_TABLE));
  assert(from >= 0, `nobody was told of ${ILL_TABLE}: ${probed.map(({ text }) => text).join("\n")}`);
  const wrong = probed.slice(from).filter(({ status, domains, warehouse }) =>
    status !== 503 || domains.join() !== ILL || warehouse !== undefined
  );
  assertEquals(wrong.map(({ text }) => text), []);
}

async function checkTables({ dataDir, posted, sent }: Days): Promise<void> {
  const findings: readonly { readonly result: string }[] = JSON.parse(await freshet(dataDir, "doctor", "--json"));
  assertEquals(findings.filter(({ result }) => result !== "ok"), []);
  const [row] = JSON.parse(
    await freshet(
      dataDir,
      "query",
      "--json",
      `SELECT (SELECT COUNT(*) FROM ATS_RAW_JSON) AS TRAINS, (SELECT COUNT(*) FROM RIDE_REQUESTS) AS RIDES,
        (SELECT COUNT(*) FROM RAW_EVENTS_STREAM) AS WINE, (SELECT COUNT(*) FROM USER_ACTIVITY) AS CIRCADIAN,
        (SELECT COUNT(*) FROM USER_ACTIONS_RAW WHERE RECORD_CONTENT->>'user_id' NOT LIKE 'honest%') AS ACTIONS,
        (SELECT COUNT(*) FROM DEAD_LETTERS) AS DEAD`,
    ),
  );
  const rows = Object.fromEntries(Object.entries(row).map(([name, count]) => [name.toLowerCase(), Number(count)]));
  assertEquals(rows, { ...Object.fromEntries(sent), dead: 0 });
  const users: readonly { readonly U: string; readonly N: number }[] = JSON.parse(
    await freshet(
      dataDir,
      "query",
      "--json",
      "SELECT USER_ID AS U, COUNT(*) AS N FROM USER_ACTIONS WHERE USER_ID LIKE 'honest%' GROUP BY 1",
    ),
  );
  const counts = new Map(users.map(({ U, N }) => [U, Number(N)]));
  assertEquals(posted.acknowledged.filter((user) => counts.get(user) !== 1), []);
  assert(posted.acknowledged.length > 0, "there must have been traffic");
  console.log(
    `${[...sent.values()].reduce((a, b) => a + b)} records and ${posted.acknowledged.length} events, each once`,
  );
}

const CROWD: Crowd = { silent: 300, trickling: 150, stalled: 60, guessing: 6, querying: 4 };

Deno.test({
  name: `everything at once for ${SECONDS} s: what was acknowledged is in the tables once, and the ill part is named`,
  ignore: skip,
  fn: () => hostileRun({ seconds: SECONDS, crowd: CROWD }),
});

Deno.test({
  name: "the same in a gigabyte of memory and with 256 files",
  ignore: skip,
  async fn() {
    await using group = await memoryGroup(1 << 30);
    if (group.folder === undefined) console.info("Not held to a gigabyte: no cgroup can be made here");
    await hostileRun({ seconds: SECONDS / 2, crowd: CROWD, descriptors: 256, group: group.folder });
  },
});
