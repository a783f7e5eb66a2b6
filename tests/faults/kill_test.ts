// The real program with each domain, killed at random times, against the embedded log and warehouse: nothing is lost, nothing
// is there twice, and the derived tables equal a recomputation. FRESHET_KILL_ROUNDS says how often (`task test:long kill`: 100).

import { openEmbeddedLog } from "../../src/log/embedded.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { Random } from "../../simulators/random.ts";
import { type CheckedDomain, checkedDomains } from "../support/checked_domains.ts";
import { checkRules, everyTableFilled } from "../support/checks.ts";
import { domainOf } from "../support/domains.ts";
import { Traffic } from "../support/traffic.ts";
import { assert, assertEquals } from "@std/assert";
import { FRESHET } from "../support/shipped.ts";

const ROUNDS = Number(Deno.env.get("FRESHET_KILL_ROUNDS") ?? 3);
const SEED = Number(Deno.env.get("FRESHET_SEED") ?? Date.now() % 1_000_000);
const RECORDS_A_ROUND = 2000;

interface Rounds {
  readonly domain: CheckedDomain;
  readonly topic: string;
  readonly dataDir: string;
  readonly traffic: Traffic;
  readonly random: Random;
  readonly threads: number;
}

/** Half of the starts have little memory for keys: most are in the file, and the next start takes them up from there. */
function program({ domain, dataDir, threads, random }: Rounds, ...args: string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: [...FRESHET, "run", domain.name, "--no-simulate", ...args],
    env: {
      FRESHET_DATA_DIR: dataDir,
      FRESHET_API_PORT: "0",
      FRESHET_DASHBOARD_PORT: "0",
      FRESHET_CHECKPOINT_MS: "100",
      FRESHET_THREADS: String(threads),
      FRESHET_STATE_MEMORY_MB: random.next() < 0.5 ? "1" : "128",
    },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Starts the program, lets records come in meanwhile, and kills it. */
async function killRound(rounds: Rounds): Promise<void> {
  const { topic, dataDir, traffic, random } = rounds;
  const child = program(rounds);
  const killed = sleep(400 + random.next() * 1600).then(() => child.kill("SIGKILL"));
  {
    await using log = await openEmbeddedLog({ dataDir });
    for (let sent = 0; sent < RECORDS_A_ROUND; sent += 100) {
      await log.produce(topic, traffic.take(100));
      await sleep(random.next() * 60);
    }
  }
  await killed;
  await child.status;
}

/** Rounds of kills, then a last run to the end; what is there must be right. */
async function kills(domain: CheckedDomain, threads: number): Promise<void> {
  console.log(`seed ${SEED} (FRESHET_SEED=${SEED} repeats it)`);
  const dataDir = await Deno.makeTempDir();
  const definition = domainOf(domain.name);
  const { topic, raw } = definition;
  try {
    const traffic = new Traffic(domain, SEED);
    const rounds = { domain, topic, dataDir, traffic, threads, random: new Random(SEED) };
    {
      await using log = await openEmbeddedLog({ dataDir });
      await log.createTopics([{ topic, partitions: 4 }]);
    }
    for (let round = 0; round < ROUNDS; round++) await killRound(rounds);
    const { code } = await program(rounds, "--until-end").status;
    assertEquals(code, 0, "the last run, until the end, must succeed");
    await using warehouse = await openDuckDb({ path: `${dataDir}/freshet.duckdb` });
    await checkRules(warehouse, { ...domain.rules, ...everyTableFilled(definition) });
    const counted = await warehouse.query(`SELECT
      (SELECT COUNT(*) FROM ${raw.table}), (SELECT COUNT(*) FROM DEAD_LETTERS), (SELECT COUNT(*) FROM LATE_RECORDS)`);
    const [accepted = 0, dead = 0, late = 0] = counted.rows[0]!.map(Number);
    console.log(`${traffic.count} records: ${accepted} accepted, ${dead} dead letters; ${late} late for an operator`);
    assertEquals(accepted + dead, traffic.count);
    assert(dead > 0 && late > 0, "the traffic must hold records of every kind");
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

for (const threads of [1, 2]) {
  const inThreads = threads === 1 ? "" : ` in ${threads} threads`;
  for (const domain of checkedDomains) {
    // A domain takes a quarter of a minute: the fast tests make do with one, `task test:faults` runs them all.
    const ignore = Deno.env.get("TESTS") === "fast" && domain.name !== "trains";
    const name = `${domain.name}${inThreads} killed ${ROUNDS} times leaves no gap, no duplicate and right tables`;
    Deno.test(name, { ignore }, () => kills(domain, threads));
  }
}
