// One domain's topic is made anew under a run of several, on a real broker: that domain is set apart, at once and at each start,
// until it is told to begin again; the others read on.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Terminal } from "../cli/terminal.ts";
import { waitForAnswer } from "../support/running.ts";
import type { KafkaBroker } from "../support/kafka/broker.ts";
import { kafkaFixture, openOn } from "../support/kafka/fixture.ts";
import { tamper } from "../support/tamper.ts";

const kafka = await kafkaFixture("a failed domain with Kafka");

const accepted = (domain: string, count: number) =>
  `freshet_records_total{domain="${domain}",result="accepted"} ${count}\n`;

async function recreate(broker: KafkaBroker, topic: string): Promise<void> {
  const tool = (...args: string[]) =>
    broker.tool("org.apache.kafka.tools.TopicCommand", ["--bootstrap-server", broker.listeners.plaintext, ...args]);
  await tool("--delete", "--topic", topic);
  await tool("--create", "--topic", topic, "--partitions", "2");
}

kafka.test("a domain whose topic is not there yet begins when it is made, and holds up no other", async (broker) => {
  await using log = await openOn(broker);
  await log.createTopics([{ topic: "sales_events", partitions: 1 }]);
  await using terminal = await Terminal.open();
  const env = {
    KAFKA_BROKERS: broker.listeners.plaintext,
    FRESHET_FAILED_RETRY_MS: "500",
    FRESHET_CHECKPOINT_MS: "100",
  };
  const stop = new AbortController();
  const ended = terminal.run(["run", "wine", "rides", "--no-simulate"], { env, signal: stop.signal });
  const { reasons } = JSON.parse(await waitForAnswer(terminal, "/readyz", (text) => text.includes("does not exist")));
  assertStringIncludes(reasons.rides ?? reasons.wine, "freshet topics create");
  const created = await terminal.run(["topics", "create"], { env });
  assertEquals(created.code, 0, created.stderr);
  await waitForAnswer(terminal, "/readyz", (text) => JSON.parse(text).status === "ok");
  stop.abort();
  assertEquals((await ended).code, 0);
});

kafka.test("a topic that is made anew sets its domain apart, and the other domains read on", async (broker) => {
  await using terminal = await Terminal.open();
  const env = {
    KAFKA_BROKERS: broker.listeners.plaintext,
    FRESHET_TOPIC_PARTITIONS: "2",
    FRESHET_CHECKPOINT_MS: "100",
    FRESHET_FAILED_RETRY_MS: "500",
    FRESHET_LOG_FORMAT: "text",
  };
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await terminal.run(args, { env });
    assertEquals(code, 0, stderr);
    return stdout;
  };
  await run("topics", "create");
  for (const domain of ["trains", "actions"]) await run("simulate", domain, "--count", "500");
  const start = () => {
    const stop = new AbortController();
    return { stop, ended: terminal.run(["run", "trains", "actions", "--no-simulate"], { env, signal: stop.signal }) };
  };

  const first = start();
  await waitForAnswer(
    terminal,
    "/metrics",
    (text) => text.includes(accepted("trains", 500)) && text.includes(accepted("actions", 500)),
  );
  await recreate(broker, "events");
  const ready = JSON.parse(await waitForAnswer(terminal, "/readyz", (text) => text.includes("sql reset actions")));
  assertEquals([ready.status, ready.domains], ["not ready", ["actions"]]);
  await run("simulate", "trains", "--count", "300");
  await waitForAnswer(terminal, "/metrics", (text) => text.includes(accepted("trains", 800)));
  await waitForAnswer(terminal, "/livez", (text) => JSON.parse(text).status === "ok");
  first.stop.abort();
  assertEquals((await first.ended).code, 1);

  await run("simulate", "actions", "--count", "700");
  const second = start();
  await waitForAnswer(terminal, "/readyz", (text) => text.includes("sql reset actions"));
  await run("simulate", "trains", "--count", "200");
  await waitForAnswer(terminal, "/metrics", (text) => text.includes(accepted("trains", 200)));
  second.stop.abort();
  const { code, stderr } = await second.ended;
  assertEquals(code, 1);
  assertStringIncludes(stderr, "actions cannot go on, the others go on, and it is tried again in");

  await tamper(terminal, await run("sql", "reset", "actions"));
  const third = start();
  await waitForAnswer(terminal, "/metrics", (text) => text.includes(accepted("actions", 700)));
  await waitForAnswer(terminal, "/readyz", (text) => JSON.parse(text).status === "ok");
  third.stop.abort();
  assertEquals((await third.ended).code, 0);
  assert((await run("doctor", "trains")).includes("ok"));
});
