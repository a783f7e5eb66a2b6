// Confluent's own serializers (Python) of Avro, Protobuf and JSON Schema, against a real broker and an independent Schema
// Registry: one topic that has all of them is read into the tables by the real program, and each value is what Confluent's own
// deserializers read.

import { assert, assertEquals } from "@std/assert";
import { decodeJson } from "../../src/engine/decode.ts";
import { openBeside } from "../support/registry/open.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { readAll, topicName } from "../contracts/log/place.ts";
import { checkRules, checksOf } from "../support/checks.ts";
import { kafkaFixture, openOn } from "../support/kafka/fixture.ts";
import { python, whyNoPython } from "../support/kafka/python.ts";
import { Apicurio } from "../support/registry/apicurio.ts";
import { StandInRegistry } from "../support/registry/stand_in.ts";
import { FRESHET } from "../support/shipped.ts";

const kafka = await kafkaFixture("Confluent's serializers of every format");
const noPython = kafka.skip ?? await whyNoPython();
const SUPPORT = new URL("../support/registry/", import.meta.url);
const SERIALIZE = await Deno.readTextFile(new URL("serialize.py", SUPPORT));
const PROTOS = decodeURIComponent(new URL("protos", SUPPORT).pathname);
const FORMATS = ["avro", "protobuf", "json"] as const;
const RECORDS = 120;

interface Sent {
  readonly format: (typeof FORMATS)[number];
  readonly partition: number;
  readonly offset: number;
  /** As Confluent's deserializer reads it; none for what it was not asked. */
  readonly event: Readonly<Record<string, unknown>> | null;
  /** What was printed: JSON.parse does not keep all digits. */
  readonly line: string;
}

async function serialize(brokers: string, registry: string, topic: string, form: string): Promise<Sent[]> {
  const args = [brokers, registry, topic, `${RECORDS}`, PROTOS, FORMATS.join(","), form];
  return (await python(SERIALIZE, args)).trim().split("\n").map((line) => ({ ...JSON.parse(line), line }));
}

/** The number at `name` with all its digits, which JSON.parse would not keep. */
const digits = (text: string, name: string) => new RegExp(`"${name}":("?-?[0-9.]+"?)`).exec(text)?.[1];

const instant = (time: unknown) => String(time).replace("+00:00", "Z").replace(/(\.\d{3})000Z$/, "$1Z");

/** What must be read is what Confluent's deserializer gives, but for how it writes times and decimals. */
function assertSame({ format, event, line }: Sent, text: string): void {
  const read = JSON.parse(text);
  assert(event !== null);
  const plain = { ...event, timestamp: instant(event.timestamp), metadata: read.metadata };
  assertEquals({ ...read, timestamp: instant(read.timestamp) }, plain);
  const details = event.metadata as Readonly<Record<string, unknown>>;
  if (format === "json") return assertEquals(read.metadata, details);
  // Numbers of 64 bits are text in ProtoJSON.
  assertEquals(digits(text, "big"), /"big": "?(-?\d+)/.exec(line)![1]);
  assertEquals([read.metadata.ratio, read.metadata.bytes], [41.7, details.bytes]);
  if (format === "protobuf") {
    const { counts, small, wait, list } = details as { counts: Record<string, string> } & typeof details;
    assertEquals(digits(text, "é"), counts["é"]);
    assertEquals([String(read.metadata.small), read.metadata.wait, read.metadata.list], [small, wait, list]);
    return;
  }
  assertEquals(digits(text, "price"), String(details.price).replace("decimal ", ""));
  assertEquals([read.metadata.day, instant(read.metadata.at)], [details.day, instant(details.at)]);
  assertEquals(read.metadata.of === null, details.of === null);
}

kafka.test("Avro, Protobuf and JSON Schema of one topic become the tables' rows, exactly", async (broker) => {
  await using registry = await Apicurio.start();
  const dataDir = await Deno.makeTempDir();
  const brokers = broker.listeners.plaintext;
  const env = {
    FRESHET_DATA_DIR: dataDir,
    KAFKA_BROKERS: brokers,
    SCHEMA_REGISTRY_URL: registry.url,
    FRESHET_API_PORT: "0",
    FRESHET_DASHBOARD_PORT: "0",
  };
  try {
    await using log = await openOn(broker);
    await log.createTopics([{ topic: "events", partitions: 3 }]);
    const sent = await serialize(brokers, registry.url, "events", "prefix");
    assertEquals(sent.length, FORMATS.length * RECORDS);
    const args = [...FRESHET, "run", "actions", "--until-end", "--no-simulate"];
    const { success, stderr } = await new Deno.Command(Deno.execPath(), { args, env, stdout: "null", stderr: "piped" })
      .output();
    assert(success, new TextDecoder().decode(stderr));
    await using warehouse = await openDuckDb({ path: `${dataDir}/freshet.duckdb` });
    await checkRules(warehouse, checksOf("actions"));
    const dead = await warehouse.query("SELECT REASON, DETAIL FROM DEAD_LETTERS LIMIT 3");
    assertEquals(dead.rows, []);
    const { rows } = await warehouse.query(`
      SELECT RECORD_METADATA->>'partition', RECORD_METADATA->>'offset', CAST(RECORD_CONTENT AS VARCHAR),
        CAST(RECORD_METADATA->>'schema_id' AS INTEGER) > 0
      FROM USER_ACTIONS_RAW`);
    const texts = new Map(rows.map(([partition, offset, text]) => [`${partition}/${offset}`, String(text)]));
    assertEquals([texts.size, rows.every(([, , , hasSchema]) => hasSchema === true)], [sent.length, true]);
    for (const one of sent) assertSame(one, texts.get(`${one.partition}/${one.offset}`)!);
    const typed = await warehouse.query(
      "SELECT COUNT(*), MIN(EPOCH_US(TIMESTAMP)), COUNT(DISTINCT USER_ID), COUNT(SESSION_ID) FROM USER_ACTIONS",
    );
    assertEquals(typed.rows[0]!.map(Number), [sent.length, Date.UTC(2026, 0, 15, 9) * 1000 + 123_456, 21, RECORDS]);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}, noPython);

kafka.test("Avro and Protobuf whose schema is named by a GUID in a header are read", async (broker) => {
  await using registry = StandInRegistry.start();
  await using log = await openBeside(broker, registry.url);
  const topic = topicName();
  await log.createTopics([{ topic, partitions: 1 }]);
  const sent = await serialize(broker.listeners.plaintext, registry.url, topic, "header");
  const records = (await readAll(log, topic, sent.length)).flatMap((batch) => batch.records);
  const users = records.map((record) => {
    const decoded = decodeJson(record, log.schemas);
    assert(!("stage" in decoded), JSON.stringify(decoded));
    assertEquals(typeof decoded.schema, "string", "a GUID");
    return (decoded.json as { user_id: string }).user_id;
  });
  const expected = FORMATS.flatMap((format) =>
    Array.from({ length: RECORDS }, (_, i) => `${format === "protobuf" ? "proto" : format}_${i % 7}`)
  );
  assertEquals(users, expected);
}, noPython);
