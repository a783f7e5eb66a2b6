// Damage, deletion and loss in the topics of a real broker, from the run that stops to the doctor who finds all accounted for.

import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Finding } from "../../src/cli/doctor/mod.ts";
import { Terminal } from "../cli/terminal.ts";
import { checkedDomains } from "../support/checked_domains.ts";
import { domainOf } from "../support/domains.ts";
import type { KafkaBroker } from "../support/kafka/broker.ts";
import { kafkaFixture, openOn } from "../support/kafka/fixture.ts";
import { cutBefore, damageBatch, flipBit } from "../support/kafka/segment.ts";
import { Traffic } from "../support/traffic.ts";

const kafka = await kafkaFixture("damage with Kafka");
const { topic } = domainOf("trains");

/** Appends batches of a hundred records, one to each of two partitions in turn. */
async function produce(broker: KafkaBroker, batches: number, seed: number): Promise<void> {
  const traffic = new Traffic(checkedDomains.find(({ name }) => name === "trains")!, seed);
  await using log = await openOn(broker);
  for (let i = 0; i < batches; i++) {
    await log.produce(topic, traffic.take(100).map((record) => ({ ...record, partition: i % 2 })));
  }
}

async function deleteBefore(broker: KafkaBroker, partition: number, offset: number): Promise<void> {
  const path = `${broker.folder}/delete.json`;
  await Deno.writeTextFile(path, JSON.stringify({ partitions: [{ topic, partition, offset }], version: 1 }));
  await broker.tool("org.apache.kafka.tools.DeleteRecordsCommand", [
    ...["--bootstrap-server", broker.listeners.plaintext, "--offset-json-file", path],
  ]);
}

kafka.test("a log cut short, a flipped bit, and records deleted ahead: each is told, and gone past by hand", async (broker) => {
  await using terminal = await Terminal.open();
  const env = { KAFKA_BROKERS: broker.listeners.plaintext, FRESHET_TOPIC_PARTITIONS: "2" };
  const cli = (...args: string[]) => terminal.run(args, { env });
  const run = () => cli("run", "trains", "--until-end");
  const positions = async () => {
    const sql = "SELECT NEXT_OFFSET FROM FRESHET_OFFSETS WHERE DOMAIN = 'trains' ORDER BY KAFKA_PARTITION";
    return JSON.parse((await cli("query", sql, "--json")).stdout).map((row: { NEXT_OFFSET: number }) =>
      row.NEXT_OFFSET
    );
  };
  /** A run stops there and commits the rest; `freshet skip` goes past it, and the next run does. */
  const goPast = async (partition: number, from: number, to: number, stopped: readonly number[]) => {
    const command = ["skip", topic, `${partition}`, `${from}`, `${to}`];
    const { code, stderr } = await run();
    assertEquals(code, 1);
    assertStringIncludes(stderr, `"freshet ${command.join(" ")}" goes on`);
    assertEquals(await positions(), stopped);
    const skipped = await cli(...command);
    assertEquals([skipped.code, skipped.stderr], [0, ""]);
  };
  const runs = async () => {
    const { code, stderr } = await run();
    assertEquals(code, 0, stderr);
  };

  assertEquals((await cli("topics", "create")).code, 0);
  await produce(broker, 6, 3);
  await runs();
  assertEquals(await positions(), [300, 300]);

  await cutBefore(broker, { topic, partition: 1, offset: 250 });
  await produce(broker, 4, 4);
  const diverged = await run();
  assertEquals(diverged.code, 1);
  assertStringIncludes(diverged.stderr, "Offset 299 of partition 1");
  const accepted = await cli("skip", topic, "1", "200", "300");
  assertEquals([accepted.code, accepted.stderr], [0, ""]);
  await runs();
  assertEquals(await positions(), [500, 400]);

  await produce(broker, 4, 5);
  await damageBatch(broker, { topic, partition: 0, offset: 550 }, flipBit);
  await goPast(0, 500, 600, [500, 600]);
  await runs();
  assertEquals(await positions(), [700, 600]);

  await produce(broker, 4, 6);
  await deleteBefore(broker, 1, 650);
  await goPast(1, 600, 650, [900, 600]);
  await runs();
  assertEquals(await positions(), [900, 800]);

  const gaps = "SELECT KAFKA_PARTITION AS P, FROM_OFFSET AS A, TO_OFFSET AS B, REASON FROM FRESHET_GAPS ORDER BY B";
  assertEquals(JSON.parse((await cli("query", gaps, "--json")).stdout), [
    { P: 1, A: 200, B: 300, REASON: "truncated" },
    { P: 0, A: 500, B: 600, REASON: "unreadable" },
    { P: 1, A: 600, B: 650, REASON: "deleted" },
  ]);
  const doctor = await cli("doctor", "trains", "--json");
  assertEquals((JSON.parse(doctor.stdout) as Finding[]).filter(({ result }) => result !== "ok"), []);
});
