// `doctor` and `dead-letters` against a real broker: what is in no table is looked up in the topic.

import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Finding } from "../../src/cli/doctor/mod.ts";
import { Terminal } from "../cli/terminal.ts";
import { kafkaFixture } from "../support/kafka/fixture.ts";
import { tamper } from "../support/tamper.ts";

const kafka = await kafkaFixture("doctor with Kafka");

kafka.test("doctor finds a run from Kafka right, and a lost record by asking the topic for it", async (broker) => {
  await using terminal = await Terminal.open();
  const env = { KAFKA_BROKERS: broker.listeners.plaintext, FRESHET_DASHBOARD_PORT: "0", FRESHET_TOPIC_PARTITIONS: "2" };
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await terminal.run(args, { env });
    assertEquals(code, 0, stderr);
    return stdout;
  };
  const findings = async () => {
    const { stdout } = await terminal.run(["doctor", "trains", "--json"], { env });
    return (JSON.parse(stdout) as Finding[]).filter(({ result }) => result !== "ok");
  };
  await run("topics", "create");
  await run("simulate", "trains", "--count", "2000", "--bad", "0.02");
  await run("run", "trains", "--until-end");
  assertEquals(await findings(), []);

  assertStringIncludes(
    await run("dead-letters", "--republish", "--yes", "--reason", "invalid_json"),
    "to ats_telemetry",
  );
  await run("run", "trains", "--until-end");
  assertEquals(await findings(), []);

  await tamper(terminal, "DELETE FROM DEAD_LETTERS WHERE rowid = 3");
  const [lost, ...others] = await findings();
  assertEquals([lost?.check, others], ["no offset is missing", []]);
  assertStringIncludes(lost!.detail, "the log has a record at ");
});
