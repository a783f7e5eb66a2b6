// The real program, killed at random times, against the embedded log and warehouse: nothing is lost, nothing is there twice, and
// the derived tables equal a recomputation. FRESHET_KILL_ROUNDS says how often (the task test:kill: 100).

import { openEmbeddedLog } from "../../src/log/embedded.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { Random } from "../../simulators/random.ts";
import { checkTrains } from "../support/trains_checks.ts";
import { Traffic } from "../support/traffic.ts";
import { assert, assertEquals } from "@std/assert";

const ROUNDS = Number(Deno.env.get("FRESHET_KILL_ROUNDS") ?? 5);
const SEED = Number(Deno.env.get("FRESHET_SEED") ?? Date.now() % 1_000_000);
const RECORDS_A_ROUND = 2000;
const TOPIC = "ats_telemetry";
const START_MS = Date.UTC(2026, 0, 1);

function program(dataDir: string, ...args: string[]): Deno.ChildProcess {
  const allow = ["--allow-env", "--allow-read", "--allow-write", "--allow-net", "--allow-ffi", "--allow-sys=hostname"];
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", ...allow, "main.ts", "run", "trains", "--no-simulate", ...args],
    env: {
      FRESHET_DATA_DIR: dataDir,
      FRESHET_API_PORT: "0",
      FRESHET_DASHBOARD_PORT: "0",
      FRESHET_CHECKPOINT_MS: "100",
    },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Starts the program, lets records come in meanwhile, and kills it. */
async function killRound(dataDir: string, traffic: Traffic, random: Random): Promise<void> {
  const child = program(dataDir);
  const killed = sleep(400 + random.next() * 1600).then(() => child.kill("SIGKILL"));
  {
    await using log = await openEmbeddedLog({ dataDir });
    for (let sent = 0; sent < RECORDS_A_ROUND; sent += 100) {
      await log.produce(TOPIC, traffic.take(100));
      await sleep(random.next() * 60);
    }
  }
  await killed;
  await child.status;
}

Deno.test(`the program killed ${ROUNDS} times leaves no gap, no duplicate and right tables`, async () => {
  console.log(`seed ${SEED} (FRESHET_SEED=${SEED} repeats it)`);
  const dataDir = await Deno.makeTempDir();
  try {
    const random = new Random(SEED);
    const traffic = new Traffic(SEED, START_MS);
    {
      await using log = await openEmbeddedLog({ dataDir });
      await log.createTopics([{ topic: TOPIC, partitions: 4 }]);
    }
    for (let round = 0; round < ROUNDS; round++) await killRound(dataDir, traffic, random);
    const { code } = await program(dataDir, "--until-end").status;
    assertEquals(code, 0, "the last run, until the end, must succeed");
    await using warehouse = await openDuckDb({ path: `${dataDir}/freshet.duckdb` });
    await checkTrains(warehouse);
    const counted = await warehouse.query(`SELECT
      (SELECT COUNT(*) FROM ATS_RAW_JSON), (SELECT COUNT(*) FROM DEAD_LETTERS), (SELECT COUNT(*) FROM LATE_RECORDS)`);
    const [raw = 0, dead = 0, late = 0] = counted.rows[0]!.map(Number);
    console.log(`${traffic.count} records: ${raw} accepted, ${dead} dead letters; ${late} late for an operator`);
    assertEquals(raw + dead, traffic.count);
    assert(dead > 0 && late > 0, "the traffic must hold records of every kind");
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});
