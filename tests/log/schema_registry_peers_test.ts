// Confluent's own JSONSerializer and JSONDeserializer (Python) against a real broker and an independent Schema Registry: what
// they write the program reads into its tables, what the program writes they read.

import { assertEquals, assertMatch } from "@std/assert";
import { decodeJson } from "../../src/engine/decode.ts";
import { openBeside } from "../support/registry/open.ts";
import { framed } from "../../src/log/wire_format.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { readAll, text, topicName } from "../contracts/log/place.ts";
import { checkRules, checksOf } from "../support/checks.ts";
import type { KafkaBroker } from "../support/kafka/broker.ts";
import { kafkaFixture, openOn } from "../support/kafka/fixture.ts";
import { python, whyNoPython } from "../support/kafka/python.ts";
import { Apicurio } from "../support/registry/apicurio.ts";
import { StandInRegistry } from "../support/registry/stand_in.ts";

const SERIALIZE = `
import sys, json
from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient, header_schema_id_serializer, prefix_schema_id_serializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
brokers, registry, topic, form, count, schema = sys.argv[1:7]
form = {"prefix": prefix_schema_id_serializer, "header": header_schema_id_serializer}[form]
serialize = JSONSerializer(schema, SchemaRegistryClient({"url": registry}), conf={"schema.id.serializer": form})
producer = Producer({"bootstrap.servers": brokers})
for i in range(int(count)):
    headers = [("trace", b"%d" % i)]
    event = {"user_id": "peer_%d" % (i % 7), "action": "click", "page": "/é/%d" % i, "timestamp": "2026-01-15T09:%02d:00Z" % (i % 60)}
    value = serialize(event, SerializationContext(topic, MessageField.VALUE, headers))
    producer.produce(topic, key=event["user_id"], value=value, headers=headers)
producer.flush()
`;

const DESERIALIZE = `
import sys, json
from confluent_kafka import Consumer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.json_schema import JSONDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
brokers, registry, topic, count = sys.argv[1:5]
deserialize = JSONDeserializer(None, schema_registry_client=SchemaRegistryClient({"url": registry}))
consumer = Consumer({"bootstrap.servers": brokers, "group.id": "peer", "auto.offset.reset": "earliest"})
consumer.subscribe([topic])
for _ in range(int(count)):
    message = consumer.poll(20)
    if message is None or message.error(): raise SystemExit("no record came")
    try:
        event = deserialize(message.value(), SerializationContext(topic, MessageField.VALUE, message.headers()))
    except Exception as error:
        event = {"error": type(error).__name__}
    print(json.dumps({"key": (message.key() or b"").decode(), "event": event}))
consumer.close()
`;
import { FRESHET } from "../support/shipped.ts";

const kafka = await kafkaFixture("Confluent's serializers");
const noPython = kafka.skip ?? await whyNoPython();
const SCHEMA = await Deno.readTextFile(new URL("../../schemas/user_action.json", import.meta.url));

/** Runs a verb of the real program; returns what it printed. */
async function freshet(env: Record<string, string>, args: readonly string[], input = ""): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...FRESHET, ...args],
    env: { ...env, FRESHET_API_PORT: "0", FRESHET_DASHBOARD_PORT: "0" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`freshet ${args.join(" ")} failed: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}

const PEERS = 200;
const SIMULATED = 300;
const OWN = '{"user_id":"own","action":"click","page":"/own","timestamp":"2026-01-15T09:00:00Z"}';

/** Records that nobody can use, and one that is plain JSON. */
const others = [
  { key: "unknown", value: framed(987_654, OWN) },
  { key: "magic", value: Uint8Array.of(2, 0, 0, 0, 1, 123, 125) },
  { key: "cut", value: Uint8Array.of(0, 0, 0) },
  { key: "plain", value: OWN.replaceAll("own", "plain") },
];

async function produceAll(broker: KafkaBroker, registry: Apicurio, env: Record<string, string>): Promise<void> {
  assertMatch(await freshet(env, ["topics", "create", "events", "--partitions", "3"]), /^events: created/);
  await python(SERIALIZE, [broker.listeners.plaintext, registry.url, "events", "prefix", `${PEERS}`, SCHEMA]);
  await freshet(env, ["produce", "events", "--key", "user_id"], `${OWN}\n`);
  await freshet(env, ["simulate", "actions", "--count", `${SIMULATED}`]);
  await using log = await openOn(broker);
  await log.produce("events", others);
}

kafka.test(
  "the program and Confluent's serializers read each other, through a registry of a third party",
  async (broker) => {
    await using registry = await Apicurio.start();
    const dataDir = await Deno.makeTempDir();
    const env = {
      FRESHET_DATA_DIR: dataDir,
      KAFKA_BROKERS: broker.listeners.plaintext,
      SCHEMA_REGISTRY_URL: registry.url,
      FRESHET_TOPIC_REPLICATION: "1",
    };
    try {
      await produceAll(broker, registry, env);
      await freshet(env, ["run", "actions", "--until-end", "--no-simulate"]);
      await using warehouse = await openDuckDb({ path: `${dataDir}/freshet.duckdb` });
      await checkRules(warehouse, checksOf("actions"));
      const { rows } = await warehouse.query(`
      SELECT SPLIT_PART(RECORD_CONTENT->>'user_id', '_', 1) AS WHO, COUNT(*),
        COUNT(DISTINCT RECORD_METADATA->>'schema_id') ,
        MIN(CASE WHEN (RECORD_METADATA->>'key') = (RECORD_CONTENT->>'user_id') THEN 1 ELSE 0 END)
      FROM USER_ACTIONS_RAW GROUP BY 1 ORDER BY 1`);
      const counted = rows.map((row) => row.map((cell) => typeof cell === "string" ? cell : Number(cell)));
      assertEquals(counted, [["own", 1, 1, 1], ["peer", PEERS, 1, 1], ["plain", 1, 0, 1], ["user", SIMULATED, 1, 1]]);
      const dead = await warehouse.query(
        "SELECT RECORD_KEY, STAGE, REASON FROM DEAD_LETTERS WHERE DOMAIN = 'actions' ORDER BY RECORD_KEY",
      );
      assertEquals(dead.rows, [
        ["cut", "decode", "truncated_frame"],
        ["magic", "decode", "wrong_magic_byte"],
        ["unknown", "decode", "unknown_schema_id"],
      ]);
      const total = PEERS + 1 + SIMULATED + others.length;
      const printed = await python(DESERIALIZE, [broker.listeners.plaintext, registry.url, "events", `${total}`]);
      const read = printed.trim().split("\n").map((line) => JSON.parse(line) as Read);
      const ours = read.filter(({ key }) => key === "own" || key.startsWith("user_"));
      assertEquals(ours.length, SIMULATED + 1);
      for (const { key, event } of ours) assertEquals(event.user_id, key);
      assertEquals(ours.find(({ key }) => key === "own")!.event, JSON.parse(OWN));
    } finally {
      await Deno.remove(dataDir, { recursive: true });
    }
  },
  noPython,
);

interface Read {
  readonly key: string;
  readonly event: Readonly<Record<string, unknown>>;
}

kafka.test("records whose schema is named by a GUID in a header are read", async (broker) => {
  await using registry = StandInRegistry.start();
  await using log = await openBeside(broker, registry.url);
  const topic = topicName();
  await log.createTopics([{ topic, partitions: 1 }]);
  await python(SERIALIZE, [broker.listeners.plaintext, registry.url, topic, "header", "20", SCHEMA]);
  const records = (await readAll(log, topic, 20)).flatMap((batch) => batch.records);
  const decoded = records.map((record) => decodeJson(record, log.schemas));
  assertEquals(records.map(({ value }) => text(value)![0]), Array(20).fill("{"));
  for (const one of decoded) assertEquals("stage" in one ? one : one.schema, registry.guidOf(1));
}, noPython);
