// A keyed copy of a topic on a real broker: the program is killed while it copies, again and again. Every record is copied once,
// each key's in one partition in the order of their times, and the tables are those of all records.

import { assert, assertEquals } from "@std/assert";
import { hours, seconds } from "@freshet/stream";
import { Random } from "../../simulators/random.ts";
import { keyedCopyOf } from "../../src/keyed_copy.ts";
import type { Log } from "../../src/log/log.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { Terminal } from "../cli/terminal.ts";
import { until } from "../contracts/log/place.ts";
import { kafkaFixture, openOn } from "../support/kafka/fixture.ts";
import { FRESHET } from "../support/shipped.ts";

const kafka = await kafkaFixture("keyed copies with Kafka");

const TOPIC = "ride_events";
const COPY = keyedCopyOf(TOPIC);
const PARTITIONS = 3;
const RECORDS = 16_000;
const ZONES = 12;
/** How far the copy has come when the program is killed. */
const KILLED_AT = [1, 6_000];

const text = new TextDecoder();

/** Requests for rides without a key, as they come one after the other, in whatever partition. */
async function produce(log: Log): Promise<void> {
  const random = new Random(5);
  const startMs = Date.now() - hours(20);
  const records = Array.from({ length: RECORDS }, (_, i) => {
    const timestamp = startMs + i * seconds(2);
    const ride = { ride_id: `r${i}`, user_id: `u${i % 500}`, ride_type: "pool", location: `Z${random.below(ZONES)}` };
    return { value: JSON.stringify({ ...ride, timestamp }), timestamp };
  });
  for (let at = 0; at < RECORDS; at += 1_000) await log.produce(TOPIC, records.slice(at, at + 1_000));
}

const countOf = async (log: Log) =>
  (await log.topics([COPY]))[0]?.partitions.reduce((sum, { high }) => sum + high, 0) ?? 0;

/** The zone and number of each copied ride by partition, in order. */
async function copied(log: Log): Promise<readonly { readonly zone: string; readonly number: number }[][]> {
  await using members = await log.subscribe({ topic: COPY, group: "look", signal: new AbortController().signal });
  const generation = await members.nextGeneration();
  await generation.start(new Map(generation.partitions.map((p) => [p, 0])));
  const found = Array.from({ length: PARTITIONS }, (): { zone: string; number: number }[] => []);
  while (!generation.partitions.every((p) => generation.caughtUp(p))) {
    const batch = await generation.next(100);
    for (const { key, value } of batch?.records ?? []) {
      const { location: zone, ride_id } = JSON.parse(text.decode(value!)) as Record<string, string>;
      assertEquals(text.decode(key!), zone);
      found[batch!.partition]!.push({ zone: zone!, number: Number(ride_id!.slice(1)) });
    }
  }
  return found;
}

kafka.test("a keyed copy has every record once, also when the program is killed while it copies", async (broker) => {
  await using log = await openOn(broker);
  await log.createTopics([{ topic: TOPIC, partitions: PARTITIONS }]);
  await produce(log);
  await using terminal = await Terminal.open();
  const env = {
    KAFKA_BROKERS: broker.listeners.plaintext,
    FRESHET_KEYED_COPIES: "rides",
    FRESHET_DATA_DIR: terminal.dataDir,
    FRESHET_API_PORT: "0",
    FRESHET_DASHBOARD_PORT: "0",
    FRESHET_CHECKPOINT_MS: "200",
  };
  for (const at of KILLED_AT) {
    const program = new Deno.Command(Deno.execPath(), {
      args: [...FRESHET, "run", "rides", "--no-simulate"],
      env,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    await until(async () => await countOf(log) >= at, `${at} copies`);
    program.kill("SIGKILL");
    await program.status;
    assert(await countOf(log) < RECORDS, "all was copied before the program was killed");
  }
  const { code, stderr } = await terminal.run(["run", "rides", "--no-simulate", "--until-end"], { env });
  assertEquals(code, 0, stderr);

  const partitions = await copied(log);
  const numbers = partitions.flat().map(({ number }) => number);
  assertEquals(numbers.toSorted((a, b) => a - b), Array.from({ length: RECORDS }, (_, i) => i));
  for (let i = 0; i < ZONES; i++) {
    const ofZone = partitions.map((all) => all.filter(({ zone }) => zone === `Z${i}`).map(({ number }) => number));
    const [only, ...others] = ofZone.filter(({ length }) => length > 0);
    assertEquals([only, others], [only!.toSorted((a, b) => a - b), []], `zone ${i}`);
  }
  await using warehouse = await openDuckDb({ path: `${terminal.dataDir}/freshet.duckdb` });
  const { rows } = await warehouse.query(
    "SELECT COUNT(*), COUNT(DISTINCT RECORD_CONTENT) FROM RIDE_REQUESTS",
  );
  assertEquals(rows.map((row) => row.map(Number)), [[RECORDS, RECORDS]]);
});
