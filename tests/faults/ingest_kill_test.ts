// The real program, killed at random times while events come in over HTTP: every event that was acknowledged is in the log
// where the answer said, and in the warehouse once.

import { openEmbeddedLog } from "../../src/log/embedded.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { Random } from "../../simulators/random.ts";
import { assert, assertEquals } from "@std/assert";
import { FRESHET, runningOn } from "../support/shipped.ts";

const ROUNDS = Number(Deno.env.get("FRESHET_KILL_ROUNDS") ?? 3);
const SEED = Number(Deno.env.get("FRESHET_SEED") ?? Date.now() % 1_000_000);
const CLIENTS = 16;
const TOPIC = "events";

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function program(dataDir: string, ...args: string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: [...FRESHET, "run", "actions", "--no-simulate", ...args],
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

/** Place of each acknowledged event, by its user. */
type Acknowledged = Map<string, string>;

/** Sends events one after the other until the program is gone. */
async function client(url: string, name: string, acknowledged: Acknowledged): Promise<void> {
  for (let n = 0;; n++) {
    const user = `${name}_${n}`;
    try {
      const response = await fetch(`${url}/events`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ user_id: user, action: "click", page: "/", timestamp: new Date().toISOString() }),
      });
      const { partition, offset } = await response.json();
      assertEquals(response.status, 200);
      acknowledged.set(user, `${partition}/${offset}`);
    } catch (error) {
      if (error instanceof TypeError || error instanceof SyntaxError) return;
      throw error;
    }
  }
}

/** Starts the program, sends events, and kills it. */
async function killRound(dataDir: string, round: number, random: Random, acknowledged: Acknowledged): Promise<void> {
  const child = program(dataDir);
  const { url } = await runningOn(dataDir);
  const clients = Array.from({ length: CLIENTS }, (_, n) => client(url, `${round}_${n}`, acknowledged));
  try {
    await Promise.race([sleep(100 + random.next() * 900), Promise.all(clients)]);
  } finally {
    child.kill("SIGKILL");
    await child.status;
  }
  await Promise.all(clients);
}

/** The users in the log, by place. */
async function usersInLog(dataDir: string): Promise<Map<string, string>> {
  await using log = await openEmbeddedLog({ dataDir });
  const [info] = await log.topics([TOPIC]);
  await using members = await log.subscribe({ topic: TOPIC, group: "test", signal: new AbortController().signal });
  const generation = await members.nextGeneration();
  await generation.start(new Map(info!.partitions.map(({ low }, partition) => [partition, low])));
  const total = info!.partitions.reduce((sum, { low, high }) => sum + high - low, 0);
  const users = new Map<string, string>();
  while (users.size < total) {
    const batch = await generation.next(1_000);
    for (const { offset, value } of batch?.records ?? []) {
      users.set(`${batch!.partition}/${offset}`, JSON.parse(new TextDecoder().decode(value!)).user_id);
    }
  }
  return users;
}

Deno.test(`every event acknowledged over HTTP by a program killed ${ROUNDS} times is in the log and once in the warehouse`, async () => {
  console.log(`seed ${SEED} (FRESHET_SEED=${SEED} repeats it)`);
  const dataDir = await Deno.makeTempDir();
  try {
    const random = new Random(SEED);
    const acknowledged: Acknowledged = new Map();
    for (let round = 0; round < ROUNDS; round++) await killRound(dataDir, round, random, acknowledged);
    const inLog = await usersInLog(dataDir);
    for (const [user, place] of acknowledged) assertEquals(inLog.get(place), user);
    const { code } = await program(dataDir, "--until-end").status;
    assertEquals(code, 0, "the last run, until the end, must succeed");
    await using warehouse = await openDuckDb({ path: `${dataDir}/freshet.duckdb` });
    const { rows } = await warehouse.query("SELECT COUNT(*), COUNT(DISTINCT USER_ID) FROM USER_ACTIONS");
    assertEquals(rows[0]!.map(Number), [inLog.size, inLog.size]);
    console.log(`${acknowledged.size} events acknowledged, ${inLog.size} in the log and in the warehouse`);
    assert(acknowledged.size > ROUNDS * CLIENTS, "there must have been traffic");
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});
