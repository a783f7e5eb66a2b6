// Each standstill that the program can meet with a real broker, by what its health routes, metrics, status and page data say.
// docs/operations.md has the table. What a partition without a leader looks like needs three brokers: kafka_brokers_test.ts.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Terminal } from "../cli/terminal.ts";
import { soon } from "../contracts/log/place.ts";
import type { KafkaBroker } from "../support/kafka/broker.ts";
import { kafkaFixture } from "../support/kafka/fixture.ts";
import { python, PythonProgram, whyNoPython } from "../support/kafka/python.ts";
import { startMember } from "../support/member.ts";
import { waitForAnswer } from "../support/running.ts";

const kafka = await kafkaFixture("standstills with Kafka");
const noPython = kafka.skip ?? await whyNoPython();

/** A program that reads `domains` from the broker and is ready. */
async function running(broker: KafkaBroker, domains: readonly string[], body: (terminal: Terminal) => Promise<void>) {
  await using terminal = await Terminal.open();
  const env = {
    KAFKA_BROKERS: broker.listeners.plaintext,
    FRESHET_TOPIC_PARTITIONS: "1",
    FRESHET_CHECKPOINT_MS: "100",
    FRESHET_STANDSTILL_MS: "1000",
    FRESHET_LOG_FORMAT: "text",
  };
  const created = await terminal.run(["topics", "create"], { env });
  assertEquals(created.code, 0, created.stderr);
  const stop = new AbortController();
  const ended = terminal.run(["run", ...domains, "--no-simulate"], { env, signal: stop.signal });
  await waitForAnswer(terminal, "/readyz", (text) => JSON.parse(text).status === "ok");
  try {
    await body(terminal);
  } finally {
    stop.abort();
    await ended;
  }
}

/** Checks what everybody is told of the standstill of trains; `kind` is a pattern. Returns the lag that the metrics have. */
async function told(terminal: Terminal, kind: string, reason: RegExp): Promise<number> {
  const ready = JSON.parse(await waitForAnswer(terminal, "/readyz", (text) => reason.test(text)));
  assertEquals([ready.status, ready.domains], ["not ready", ["trains"]]);
  assertEquals(JSON.parse(await waitForAnswer(terminal, "/livez", () => true)).status, "ok");
  const health = JSON.parse(await waitForAnswer(terminal, "/health", () => true));
  assertEquals(health.status, "degraded");
  assertMatch(health.domains.trains.standstill.kind, new RegExp(kind));
  const metrics = await waitForAnswer(terminal, "/metrics", () => true);
  assertMatch(metrics, new RegExp(`freshet_standstill_seconds\\{domain="trains",kind="(${kind})"\\} \\d`));
  assertStringIncludes(metrics, 'freshet_domain_up{domain="trains"} 0');
  const { stdout } = await terminal.run(["status"]);
  assertStringIncludes(stdout, "Stands still since ");
  assertMatch(stdout, reason);
  return Number(/freshet_consumer_lag\{domain="trains",partition="0"\} (\d+)/.exec(metrics)?.[1]);
}

/** A transaction that is left open for eight seconds, and 500 records behind it. */
const OPEN_TRANSACTION = `
import sys
from confluent_kafka import Producer
brokers, topic = sys.argv[1:3]
a = Producer({"bootstrap.servers": brokers, "transactional.id": topic + "open", "transaction.timeout.ms": 8000})
a.init_transactions(); a.begin_transaction()
a.produce(topic, value="open"); a.flush()
plain = Producer({"bootstrap.servers": brokers})
for i in range(500): plain.produce(topic, value="behind")
plain.flush()
`;

kafka.test(
  "an open transaction is told as what holds reading up, with the lag behind it, until it ends",
  async (broker) => {
    await running(broker, ["trains"], async (terminal) => {
      await python(OPEN_TRANSACTION, [broker.listeners.plaintext, "ats_telemetry"]);
      assertEquals(
        await told(terminal, "open_transaction", /waits at offset \d+ for a transaction .* 501 records/),
        501,
      );
      await waitForAnswer(terminal, "/readyz", (text) => JSON.parse(text).status === "ok");
      const worked = await waitForAnswer(terminal, "/metrics", (text) => text.includes('result="dead_letter"} 500\n'));
      assertStringIncludes(worked, 'freshet_consumer_lag{domain="trains",partition="0"} 0');
      assert(!worked.includes("freshet_standstill_seconds{"));
    });
  },
  noPython,
);

kafka.test("brokers that are away are told, the lag ages, and reading goes on when they are back", async (broker) => {
  await running(broker, ["trains"], async (terminal) => {
    const LAG_AGE = /freshet_consumer_lag_age_seconds\{domain="trains",partition="0"\} ([\d.]+)/;
    const age = async () =>
      Number(LAG_AGE.exec(await waitForAnswer(terminal, "/metrics", (text) => LAG_AGE.test(text)))![1]);
    await age();
    await broker.end("SIGKILL");
    try {
      await told(terminal, "joining|unreachable", /cannot be reached|does not answer|closed the connection/i);
      const before = await age();
      await waitForAnswer(terminal, "/health", (text) => JSON.parse(text).kafka === "unreachable");
      assert(await age() > before);
    } finally {
      await broker.resume();
    }
    await waitForAnswer(terminal, "/readyz", (text) => JSON.parse(text).status === "ok");
    assert(await age() < 10);
  });
});

kafka.test("a program that is up before its brokers waits for them, and says so", async (broker) => {
  await broker.end("SIGTERM");
  await using terminal = await Terminal.open();
  const env = { KAFKA_BROKERS: broker.listeners.plaintext, FRESHET_LOG_FORMAT: "text" };
  const stop = new AbortController();
  const ended = terminal.run(["run", "trains", "--no-simulate"], { env, signal: stop.signal });
  await waitForAnswer(terminal, "/readyz", (text) => JSON.parse(text).status === "not ready");
  assertEquals(JSON.parse(await waitForAnswer(terminal, "/livez", () => true)).status, "ok");
  await broker.resume();
  await waitForAnswer(terminal, "/readyz", (text) => JSON.parse(text).status === "ok");
  stop.abort();
  const { code, stderr } = await ended;
  assertEquals(code, 0, stderr);
  assertStringIncludes(stderr, "Waiting to begin: ");
});

kafka.test("a member that starts and dies again and again keeps no other from committing", async (broker) => {
  const settings = { sessionTimeoutMs: 6_000, rebalanceTimeoutMs: 6_000, brokers: [broker.listeners.plaintext] };
  await using terminal = await Terminal.open();
  const env = {
    KAFKA_BROKERS: broker.listeners.plaintext,
    FRESHET_TOPIC_PARTITIONS: "1",
    KAFKA_SESSION_TIMEOUT_MS: "6000",
    KAFKA_GROUP_ID: "crashing",
    // Longer than any generation lasts beside that member: by age nothing would ever be due.
    FRESHET_CHECKPOINT_MS: "600000",
    FRESHET_CHECKPOINT_ROWS: "1000000",
  };
  const created = await terminal.run(["topics", "create"], { env });
  assertEquals(created.code, 0, created.stderr);
  const stop = new AbortController();
  const ended = terminal.run(["run", "trains", "--no-simulate"], { env, signal: stop.signal });
  await waitForAnswer(terminal, "/readyz", (text) => JSON.parse(text).status === "ok");
  const sent = await terminal.run(["simulate", "trains", "--count", "200"], { env });
  assertEquals(sent.code, 0, sent.stderr);
  const COMMITTED = /freshet_checkpoints_total\{domain="trains"\} (\d+)/;
  const checkpoints = async () =>
    Number(COMMITTED.exec(await waitForAnswer(terminal, "/metrics", (text) => COMMITTED.test(text)))![1]);
  assertEquals(await checkpoints(), 0);
  const giveUpAt = Date.now() + 60_000;
  while (await checkpoints() === 0) {
    assert(Date.now() < giveUpAt, "Nothing was committed");
    await using member = startMember({ kind: "kafka", ...settings, topic: "ats_telemetry", group: "crashing-trains" });
    await soon(member.generations.next(), "its generation");
    member.kill();
  }
  stop.abort();
  const { code, stderr } = await ended;
  assertEquals(code, 0, stderr);
});

const FOREIGN_MEMBER = `
import sys
from confluent_kafka import Consumer
consumer = Consumer({"bootstrap.servers": sys.argv[1], "group.id": sys.argv[3], "partition.assignment.strategy": "range"})
consumer.subscribe([sys.argv[2]], on_assign=lambda _, assigned: print("assigned", len(assigned), flush=True))
while True: consumer.poll(0.1)
`;

kafka.test(
  "another program in one domain's group is named with the setting that helps, and the others read on",
  async (broker) => {
    await using terminal = await Terminal.open();
    const env = {
      KAFKA_BROKERS: broker.listeners.plaintext,
      FRESHET_TOPIC_PARTITIONS: "1",
      FRESHET_CHECKPOINT_MS: "100",
    };
    const created = await terminal.run(["topics", "create"], { env });
    assertEquals(created.code, 0, created.stderr);
    const foreign = [broker.listeners.plaintext, "ride_events", "freshet-rides"];
    await using member = new PythonProgram(FOREIGN_MEMBER, foreign);
    await member.line("assigned 1");
    const stop = new AbortController();
    const ended = terminal.run(["run", "wine", "rides", "--no-simulate"], { env, signal: stop.signal });
    // Wine may still be on its way into its own group when rides says why it cannot get into its.
    const isTold = (text: string) => text.includes("KAFKA_GROUP_ID") && JSON.parse(text).domains.length === 1;
    const ready = JSON.parse(await waitForAnswer(terminal, "/readyz", isTold));
    assertEquals([ready.status, ready.domains], ["not ready", ["rides"]]);
    const sent = await terminal.run(["simulate", "wine", "--count", "100"], { env });
    assertEquals(sent.code, 0, sent.stderr);
    await waitForAnswer(terminal, "/metrics", (text) => text.includes('domain="wine",result="accepted"} 100\n'));
    stop.abort();
    await ended;
  },
  noPython,
);
