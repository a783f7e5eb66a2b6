// Two members of one domain's group against a real broker, one of them coming and going, all killed at random times: nothing is
// lost, nothing is there twice, and the derived tables equal a recomputation. FRESHET_KILL_ROUNDS says how often.

import { Random } from "../../simulators/random.ts";
import { KAFKA_CLIENTS, type KafkaClientName } from "../../src/log/kafka/settings.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { type CheckedDomain, checkedDomains } from "../support/checked_domains.ts";
import { checkRules, everyTableFilled } from "../support/checks.ts";
import { domainOf } from "../support/domains.ts";
import type { KafkaBroker } from "../support/kafka/broker.ts";
import { kafkaFixture, openOn } from "../support/kafka/fixture.ts";
import { Traffic } from "../support/traffic.ts";
import { assert, assertEquals } from "@std/assert";
import { AS_SHIPPED } from "../support/shipped.ts";

const ROUNDS = Number(Deno.env.get("FRESHET_KILL_ROUNDS") ?? 3);
const SEED = Number(Deno.env.get("FRESHET_SEED") ?? Date.now() % 1_000_000);
const RECORDS_A_ROUND = 3000;

const kafka = await kafkaFixture("kill rounds");

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function deno(env: Record<string, string>, ...args: string[]): Deno.ChildProcess {
  const command = [...AS_SHIPPED, ...args];
  return new Deno.Command(Deno.execPath(), { args: command, env, stdin: "null", stdout: "null", stderr: "inherit" })
    .spawn();
}

interface Rounds {
  readonly client: KafkaClientName;
  readonly domain: CheckedDomain;
  readonly topic: string;
  readonly path: string;
  readonly traffic: Traffic;
  readonly random: Random;
}

async function killRound(broker: KafkaBroker, { client, domain, topic, path, traffic, random }: Rounds): Promise<void> {
  const child = deno({}, "tests/faults/two_members.ts", broker.listeners.plaintext, path, domain.name, client);
  const killed = sleep(3000 + random.next() * 6000).then(() => child.kill("SIGKILL"));
  {
    await using log = await openOn(broker);
    for (let sent = 0; sent < RECORDS_A_ROUND; sent += 100) {
      await log.produce(topic, traffic.take(100));
      await sleep(random.next() * 150);
    }
  }
  await killed;
  await child.status;
}

for (const [i, domain] of checkedDomains.entries()) {
  const client = KAFKA_CLIENTS[i % KAFKA_CLIENTS.length]!; // every client with some of the domains
  const name =
    `${client}: two members of ${domain.name} killed ${ROUNDS} times leave no gap, no duplicate and right tables`;
  kafka.test(name, async (broker) => {
    console.log(`seed ${SEED} (FRESHET_SEED=${SEED} repeats the traffic)`);
    const dataDir = await Deno.makeTempDir();
    const definition = domainOf(domain.name);
    const { topic, raw } = definition;
    try {
      const path = `${dataDir}/freshet.duckdb`;
      const rounds = { client, domain, topic, path, traffic: new Traffic(domain, SEED), random: new Random(SEED) };
      {
        await using log = await openOn(broker);
        await log.createTopics([{ topic, partitions: 6 }]);
      }
      for (let round = 0; round < ROUNDS; round++) await killRound(broker, rounds);
      const env = {
        KAFKA_BROKERS: broker.listeners.plaintext,
        KAFKA_CLIENT: client,
        FRESHET_DATA_DIR: dataDir,
        FRESHET_THREADS: String(1 + i % 2), // with some of the domains in two threads
        FRESHET_API_PORT: "0",
        FRESHET_DASHBOARD_PORT: "0",
      };
      const { code } = await deno(env, "main.ts", "run", domain.name, "--no-simulate", "--until-end").status;
      assertEquals(code, 0, "the last run, until the end, must succeed");
      await using warehouse = await openDuckDb({ path });
      await checkRules(warehouse, { ...domain.rules, ...everyTableFilled(definition) });
      const counted = await warehouse.query(`SELECT (SELECT COUNT(*) FROM ${raw.table}),
        (SELECT COUNT(*) FROM DEAD_LETTERS), (SELECT MAX(EPOCH) FROM FRESHET_OFFSETS)`);
      const [accepted = 0, dead = 0, epoch = 0] = counted.rows[0]!.map(Number);
      const { count } = rounds.traffic;
      console.log(
        `${count} records: ${accepted} accepted, ${dead} dead letters; partitions were claimed ${epoch} times`,
      );
      assertEquals(accepted + dead, count);
      assert(epoch > ROUNDS, "the group must have rebalanced");
    } finally {
      await Deno.remove(dataDir, { recursive: true });
    }
  });
}
