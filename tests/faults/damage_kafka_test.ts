// Damage, deletion and loss in the topics of a real broker, from the run that stops to the doctor who finds all accounted for.

import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Finding } from "../../src/cli/doctor/mod.ts";
import { Terminal } from "../cli/terminal.ts";
import { domainOf } from "../support/domains.ts";
import { kafkaFixture } from "../support/kafka/fixture.ts";
import { cutBefore, damageBatch, flipBit } from "../support/kafka/segment.ts";
import { deleteBefore, produceBatches } from "../support/kafka/topic_records.ts";

const kafka = await kafkaFixture("damage with Kafka");
const { topic } = domainOf("trains");

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
  await produceBatches(broker, { domain: "trains", count: 6, seed: 3 });
  await runs();
  assertEquals(await positions(), [300, 300]);

  await cutBefore(broker, { topic, partition: 1, offset: 250 });
  await produceBatches(broker, { domain: "trains", count: 4, seed: 4 });
  const diverged = await run();
  assertEquals(diverged.code, 1);
  assertStringIncludes(diverged.stderr, "Offset 299 of partition 1");
  const accepted = await cli("skip", topic, "1", "200", "300");
  assertEquals([accepted.code, accepted.stderr], [0, ""]);
  await runs();
  assertEquals(await positions(), [500, 400]);

  await produceBatches(broker, { domain: "trains", count: 4, seed: 5 });
  await damageBatch(broker, { topic, partition: 0, offset: 550 }, flipBit);
  await goPast(0, 500, 600, [500, 600]);
  await runs();
  assertEquals(await positions(), [700, 600]);

  await produceBatches(broker, { domain: "trains", count: 4, seed: 6 });
  await deleteBefore(broker, { topic, partition: 1, offset: 650 });
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
