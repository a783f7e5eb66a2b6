// Two members of one group against a real broker, one of them coming and going, all killed at random times: nothing is lost,
// nothing is there twice, and the derived tables equal a recomputation. FRESHET_KILL_ROUNDS says how often.

import { Random } from "../../simulators/random.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import type { KafkaBroker } from "../support/kafka/broker.ts";
import { kafkaFixture, openOn } from "../support/kafka/fixture.ts";
import { Traffic } from "../support/traffic.ts";
import { checkTrains } from "../support/trains_checks.ts";
import { assert, assertEquals } from "@std/assert";

const ROUNDS = Number(Deno.env.get("FRESHET_KILL_ROUNDS") ?? 3);
const SEED = Number(Deno.env.get("FRESHET_SEED") ?? Date.now() % 1_000_000);
const RECORDS_A_ROUND = 3000;
const TOPIC = "ats_telemetry";
const ALLOW = ["--allow-env", "--allow-read", "--allow-write", "--allow-net", "--allow-ffi", "--allow-sys"];

const kafka = await kafkaFixture("kill rounds");

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function deno(env: Record<string, string>, ...args: string[]): Deno.ChildProcess {
  const command = ["run", "--quiet", "--no-prompt", ...ALLOW, ...args];
  return new Deno.Command(Deno.execPath(), { args: command, env, stdin: "null", stdout: "null", stderr: "inherit" })
    .spawn();
}

async function killRound(broker: KafkaBroker, path: string, traffic: Traffic, random: Random): Promise<void> {
  const child = deno({}, "tests/faults/two_members.ts", broker.listeners.plaintext, path);
  const killed = sleep(3000 + random.next() * 6000).then(() => child.kill("SIGKILL"));
  {
    await using log = await openOn(broker);
    for (let sent = 0; sent < RECORDS_A_ROUND; sent += 100) {
      await log.produce(TOPIC, traffic.take(100));
      await sleep(random.next() * 150);
    }
  }
  await killed;
  await child.status;
}

kafka.test(`two members killed ${ROUNDS} times leave no gap, no duplicate and right tables`, async (broker) => {
  console.log(`seed ${SEED} (FRESHET_SEED=${SEED} repeats the traffic)`);
  const dataDir = await Deno.makeTempDir();
  try {
    const path = `${dataDir}/freshet.duckdb`;
    const random = new Random(SEED);
    const traffic = new Traffic(SEED, Date.UTC(2026, 0, 1));
    {
      await using log = await openOn(broker);
      await log.createTopics([{ topic: TOPIC, partitions: 6 }]);
    }
    for (let round = 0; round < ROUNDS; round++) await killRound(broker, path, traffic, random);
    const env = { KAFKA_BROKERS: broker.listeners.plaintext, FRESHET_DATA_DIR: dataDir, FRESHET_API_PORT: "0" };
    const { code } = await deno(env, "main.ts", "run", "trains", "--no-simulate", "--until-end").status;
    assertEquals(code, 0, "the last run, until the end, must succeed");
    await using warehouse = await openDuckDb({ path });
    await checkTrains(warehouse);
    const counted = await warehouse.query(`SELECT
      (SELECT COUNT(*) FROM ATS_RAW_JSON), (SELECT COUNT(*) FROM DEAD_LETTERS), (SELECT MAX(EPOCH) FROM FRESHET_OFFSETS)`);
    const [raw = 0, dead = 0, epoch = 0] = counted.rows[0]!.map(Number);
    console.log(
      `${traffic.count} records: ${raw} accepted, ${dead} dead letters; partitions were claimed ${epoch} times`,
    );
    assertEquals(raw + dead, traffic.count);
    assert(epoch > ROUNDS, "the group must have rebalanced");
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});
