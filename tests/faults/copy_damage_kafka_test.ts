// Damage and deletion in a topic of a real broker that is copied by key: told, and gone past by hand, without a run and with one.

import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Finding } from "../../src/cli/doctor/mod.ts";
import { Terminal } from "../cli/terminal.ts";
import { domainOf } from "../support/domains.ts";
import { kafkaFixture, openOn } from "../support/kafka/fixture.ts";
import { damageBatch, flipBit } from "../support/kafka/segment.ts";
import { deleteBefore, produceBatches } from "../support/kafka/topic_records.ts";
import { waitForAnswer } from "../support/running.ts";

const kafka = await kafkaFixture("damage of copied topics with Kafka");
const { topic } = domainOf("wine");

kafka.test("a flipped bit and records deleted ahead of a copy are told, and gone past by hand", async (broker) => {
  await using terminal = await Terminal.open();
  const env = {
    KAFKA_BROKERS: broker.listeners.plaintext,
    FRESHET_TOPIC_PARTITIONS: "2",
    FRESHET_KEYED_COPIES: "wine",
    FRESHET_CHECKPOINT_MS: "200",
  };
  const cli = async (...args: string[]) => {
    const { code, stdout, stderr } = await terminal.run(args, { env });
    assertEquals(code, 0, stderr);
    return stdout;
  };
  await cli("topics", "create");
  await produceBatches(broker, { domain: "wine", count: 6, seed: 3 });
  await damageBatch(broker, { topic, partition: 0, offset: 150 }, flipBit);
  const stopped = await terminal.run(["run", "wine", "--until-end"], { env });
  assertEquals(stopped.code, 1);
  assertStringIncludes(stopped.stderr, `"freshet skip ${topic} 0 100 200" goes on behind it`);
  await cli("skip", topic, "0", "100", "200");
  await cli("run", "wine", "--until-end");

  await produceBatches(broker, { domain: "wine", count: 4, seed: 4 });
  await deleteBefore(broker, { topic, partition: 1, offset: 350 });
  const stop = new AbortController();
  const running = terminal.run(["run", "wine", "--no-simulate"], { env, signal: stop.signal });
  const lag = (of: number) => (text: string) => text.includes(`freshet_copy_lag{domain="wine",partition="1"} ${of}`);
  const reason = await waitForAnswer(terminal, "/health", (text) => text.includes("partition_stopped"));
  assertStringIncludes(reason, `freshet skip ${topic} 1 300 350`);
  await waitForAnswer(terminal, "/metrics", lag(150));
  await cli("skip", topic, "1", "300", "350");
  await waitForAnswer(terminal, "/metrics", lag(0));
  await waitForAnswer(terminal, "/health", (text) => JSON.parse(text).status === "ok");
  await waitForAnswer(
    terminal,
    "/metrics",
    (text) => /freshet_consumer_lag\{domain="wine",partition="0"\} 0/.test(text),
  );
  stop.abort();
  const { code, stderr } = await running;
  assertEquals(code, 0, stderr);

  const rows = async (sql: string) => JSON.parse(await cli("query", sql, "--json"));
  assertEquals(
    await rows(
      "SELECT TOPIC, KAFKA_PARTITION AS P, FROM_OFFSET AS A, TO_OFFSET AS B, REASON FROM FRESHET_GAPS ORDER BY B",
    ),
    [
      { TOPIC: topic, P: 0, A: 100, B: 200, REASON: "unreadable" },
      { TOPIC: topic, P: 1, A: 300, B: 350, REASON: "deleted" },
    ],
  );
  const findings: readonly Finding[] = JSON.parse(await cli("doctor", "wine", "--json"));
  assertEquals(findings.filter(({ result }) => result !== "ok"), []);
  await using log = await openOn(broker);
  const [copy] = await log.topics([`${topic}.keyed`]);
  assertEquals(copy!.partitions.reduce((sum, { high }) => sum + high, 0), 1_000 - 100 - 50);
});

kafka.test("what is deleted of a partition before its first record was copied stops no copy, whatever run copied others", async (broker) => {
  await using terminal = await Terminal.open();
  const source = domainOf("trains").topic;
  const env = {
    KAFKA_BROKERS: broker.listeners.plaintext,
    FRESHET_TOPIC_PARTITIONS: "2",
    FRESHET_KEYED_COPIES: "trains",
    FRESHET_CHECKPOINT_MS: "200",
  };
  const cli = async (...args: string[]) => {
    const { code, stderr } = await terminal.run(args, { env });
    assertEquals(code, 0, stderr);
  };
  await cli("topics", "create");
  // All of these are in partition 0.
  await produceBatches(broker, { domain: "trains", count: 1, seed: 5 });
  await cli("run", "trains", "--until-end");
  await produceBatches(broker, { domain: "trains", count: 4, seed: 6 });
  await deleteBefore(broker, { topic: source, partition: 1, offset: 50 });
  await cli("run", "trains", "--until-end");
  await using log = await openOn(broker);
  const [copy] = await log.topics([`${source}.keyed`]);
  assertEquals(copy!.partitions.reduce((sum, { high }) => sum + high, 0), 500 - 50);
  // From then on it is a loss.
  await produceBatches(broker, { domain: "trains", count: 2, seed: 7 });
  await deleteBefore(broker, { topic: source, partition: 1, offset: 250 });
  const { code, stderr } = await terminal.run(["run", "trains", "--until-end"], { env });
  assertEquals(code, 1);
  assertStringIncludes(stderr, `"freshet skip ${source} 1 200 250" goes on behind it`);
});

kafka.test("a copied topic that was deleted and made anew is copied from its beginning once somebody says so", async (broker) => {
  await using terminal = await Terminal.open();
  const source = domainOf("rides").topic;
  const env = {
    KAFKA_BROKERS: broker.listeners.plaintext,
    FRESHET_TOPIC_PARTITIONS: "2",
    FRESHET_KEYED_COPIES: "rides",
    FRESHET_CHECKPOINT_MS: "200",
  };
  const cli = async (...args: string[]) => {
    const { code, stdout, stderr } = await terminal.run(args, { env });
    assertEquals(code, 0, stderr);
    return stdout;
  };
  const copied = async () => {
    await using log = await openOn(broker);
    const [copy] = await log.topics([`${source}.keyed`]);
    return copy!.partitions.reduce((sum, { high }) => sum + high, 0);
  };
  await cli("topics", "create");
  await produceBatches(broker, { domain: "rides", count: 4, seed: 8 });
  await cli("run", "rides", "--until-end");
  await broker.tool("org.apache.kafka.tools.TopicCommand", [
    ...["--bootstrap-server", broker.listeners.plaintext, "--delete", "--topic", source],
  ]);
  await cli("topics", "create");
  await produceBatches(broker, { domain: "rides", count: 2, seed: 9 });
  const { code, stderr } = await terminal.run(["run", "rides", "--until-end"], { env });
  assertEquals(code, 1);
  assertEquals(await copied(), 400, "nobody knows what the topic has there");
  for (const partition of ["0", "1"]) {
    assertStringIncludes(
      stderr.replaceAll("\\", ""),
      `if it was made anew, "freshet skip ${source} ${partition} 0 200" copies it anew`,
    );
    await cli("skip", source, partition, "0", "200");
  }
  for (let run = 0; run < 2; run++) {
    await cli("run", "rides", "--until-end");
    assertEquals(await copied(), 600);
  }
  const findings: readonly Finding[] = JSON.parse(await cli("doctor", "rides", "--json"));
  assertEquals(findings.filter(({ result }) => result !== "ok"), []);
});
