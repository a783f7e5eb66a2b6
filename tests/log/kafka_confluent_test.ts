// The program with the settings that people have for Confluent Cloud, against a real broker that wants TLS and PLAIN: topics,
// simulated rides, the pipeline; and what is said when the login is wrong.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Terminal } from "../cli/terminal.ts";
import { checkRules, checksOf } from "../support/checks.ts";
import { type KafkaBroker, USERS } from "../support/kafka/broker.ts";
import { kafkaFixture } from "../support/kafka/fixture.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";

const kafka = await kafkaFixture("Confluent Cloud's settings");

const [KEY, SECRET] = USERS.plain;
const COUNT = 3000;

async function confluent(broker: KafkaBroker, dataDir: string): Promise<Record<string, string>> {
  const caFile = `${dataDir}/ca.pem`;
  await Deno.writeTextFile(caFile, broker.certificates.ca);
  return {
    CONFLUENT_BOOTSTRAP: broker.listeners.saslSsl,
    CONFLUENT_API_KEY: KEY,
    CONFLUENT_API_SECRET: SECRET,
    // A real Confluent Cloud's certificate is one that the system trusts.
    KAFKA_SSL_CA_FILE: caFile,
    FRESHET_DASHBOARD_PORT: "0",
    FRESHET_TOPIC_PARTITIONS: "3",
  };
}

kafka.test("three settings are enough to create topics, simulate rides and run them into the warehouse", async (broker) => {
  await using terminal = await Terminal.open();
  const env = await confluent(broker, terminal.dataDir);
  for (const how of ["created", "exists already"]) {
    const { code, stdout, stderr } = await terminal.run(["topics", "create"], { env });
    assertEquals(code, 0, stderr);
    assertStringIncludes(stdout, `ride_events: ${how}, 3 partitions\nride_events.dlq: ${how}, 3 partitions\n`);
  }
  const sent = await terminal.run(["simulate", "rides", "--count", String(COUNT), "--bad", "0.03"], { env });
  assertEquals(sent.code, 0, sent.stderr);
  const run = await terminal.run(["run", "rides", "--until-end"], { env });
  assertEquals(run.code, 0, run.stderr);
  await using warehouse = await openDuckDb({ path: `${terminal.dataDir}/freshet.duckdb` });
  await checkRules(warehouse, checksOf("rides"));
  const counted = await warehouse.query(
    "SELECT (SELECT COUNT(*) FROM RIDE_REQUESTS), (SELECT COUNT(*) FROM DEAD_LETTERS)",
  );
  const [accepted = 0, dead = 0] = counted.rows[0]!.map(Number);
  assertEquals(accepted + dead, COUNT);
  assert(dead > 30, `${dead} dead letters`);
});

kafka.test("a wrong secret is refused at once, naming the settings and not the secret", async (broker) => {
  await using terminal = await Terminal.open();
  const env = { ...await confluent(broker, terminal.dataDir), CONFLUENT_API_SECRET: "wr0ng-s3cret" };
  for (const args of [["topics"], ["run", "rides", "--until-end"]]) {
    const { code, stdout, stderr } = await terminal.run(args, { env });
    assertEquals(code, 1);
    assertStringIncludes(stderr, "check CONFLUENT_API_KEY and CONFLUENT_API_SECRET");
    assert(!(stdout + stderr).includes("wr0ng-s3cret"), stderr);
  }
});
