// What more threads bring: trains into DuckDB, all tables, exactly once, by one thread and by two, from the embedded log and
// from a real Kafka broker (where Java is); on one partition, where a second thread has nothing to do; and into the Snowflake
// double (where Python is), with 100 ms a statement. The threads are those of the program, and have begun before.

import { systemClock } from "../src/clock.ts";
import { type Config, readConfig } from "../src/config/mod.ts";
import { domainModules } from "../src/domains/mod.ts";
import { openEmbeddedLog } from "../src/log/embedded.ts";
import { openKafkaLog } from "../src/log/kafka.ts";
import type { Log } from "../src/log/log.ts";
import { scriptsOf } from "../src/parts.ts";
import type { Warehouse } from "../src/warehouse/warehouse.ts";
import { productionParts as parts } from "../src/wiring.ts";
import { KafkaBroker } from "../tests/support/kafka/broker.ts";
import { whyNoKafka } from "../tests/support/kafka/jars.ts";
import { quietDriver } from "../tests/support/snowflake/driver.ts";
import { whyNoSnowflake } from "../tests/support/snowflake/python.ts";
import { Double } from "./double.ts";
import { produce } from "./pipeline.ts";
import { type Compared, cpuPerRecord, median, perSecond, print, type Row, sideBySide, timed } from "./report.ts";

const RECORDS = Number(Deno.env.get("BENCH_RECORDS") ?? 1_000_000);
const ROUNDS = Number(Deno.env.get("BENCH_ROUNDS") ?? 3);
const TOPIC = "ats_telemetry";
const LATENCY_MS = 100;
const WARM_RECORDS = 4_000;
const SNOWFLAKE_RECORDS = Math.min(RECORDS, 200_000);

const dir = await Deno.makeTempDir();
let runs = 0;

const { signal: never } = new AbortController();

function configOf(threads: number, env: Readonly<Record<string, string>>): Config {
  const settings = { FRESHET_THREADS: String(threads), KAFKA_GROUP_ID: `bench-${runs++}`, ...env };
  return readConfig(settings, domainModules);
}

/** Trains in so many threads, with a group of its own: each call works off what has come to the topic since the last. */
async function trainsIn(log: Log, warehouse: Warehouse, config: Config) {
  const [trains] = parts.domains(config).filter(({ name }) => name === "trains");
  await warehouse.migrate(scriptsOf([trains!]));
  const shared = { log, warehouse, clock: systemClock, observers: [], config, untilEnd: true } as const;
  const threads = config.threads === 1 ? undefined : await parts.openThreads!({ ...shared, domains: [trains!] });
  const runner = threads?.runner(trains!) ?? parts.createRunner({ ...shared, domain: trains! });
  return {
    run: () => runner.run(never),
    [Symbol.asyncDispose]: () => threads?.[Symbol.asyncDispose]() ?? Promise.resolve(),
  };
}

/** Two threads, and one in turn with it, each into a file of its own; both have begun before, and are warm. */
async function pair(what: string, log: Log, env: Readonly<Record<string, string>>): Promise<readonly Row[]> {
  await using stack = new AsyncDisposableStack();
  const open = async (threads: number) => {
    const config = configOf(threads, env);
    const dataDir = `${dir}/warehouse_${runs}`;
    const warehouse = stack.use(await parts.openWarehouse({ ...config, dataDir }, systemClock));
    return stack.use(await trainsIn(log, warehouse, config));
  };
  const [one, two] = [await open(1), await open(2)];
  const compared: Compared[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    await produce(log, TOPIC, { first: round * RECORDS, count: RECORDS });
    const both = await sideBySide(1, two.run, one.run);
    if (round > 0) compared.push(both);
  }
  const of = (name: keyof Compared) => median(compared.map((both) => both[name]));
  const row = (threads: string, ms: number, cpuMs: number): Row => ({
    what: `${what}, ${threads}`,
    figure: perSecond(RECORDS, ms),
    cpu: cpuPerRecord(RECORDS, cpuMs),
    ratio: (of("floorMs") / ms).toFixed(2),
  });
  return [
    row("one thread", of("floorMs"), of("floorCpuMs")),
    row("two threads", of("subjectMs"), of("subjectCpuMs")),
  ];
}

async function embedded(partitions: number): Promise<readonly Row[]> {
  const dataDir = `${dir}/log_${partitions}`;
  await using log = await openEmbeddedLog({ dataDir });
  await log.createTopics([{ topic: TOPIC, partitions }]);
  return await pair(`embedded log, ${partitions} partitions`, log, { FRESHET_DATA_DIR: dataDir });
}

async function kafka(): Promise<readonly Row[]> {
  const skip = await whyNoKafka();
  if (skip) return [{ what: "Kafka", figure: `not here: ${skip}` }];
  await using broker = await KafkaBroker.start({ isFast: true });
  const brokers = broker.listeners.plaintext;
  await using log = await openKafkaLog({ settings: { brokers: [brokers] } });
  await log.createTopics([{ topic: TOPIC, partitions: 4 }]);
  return await pair("Kafka, 4 partitions", log, { KAFKA_BROKERS: brokers });
}

async function snowflake(): Promise<readonly Row[]> {
  const skip = await whyNoSnowflake();
  if (skip !== undefined) return [{ what: "Snowflake", figure: `not here: ${skip}` }];
  quietDriver();
  await using double = await Double.start();
  const rows: Row[] = [];
  let first: number | undefined;
  for (const threads of [1, 2, 4]) {
    const dataDir = `${dir}/log_snowflake_${threads}`;
    await using log = await openEmbeddedLog({ dataDir });
    await log.createTopics([{ topic: TOPIC, partitions: 4 }]);
    const schema = await double.schema();
    const config = configOf(threads, { FRESHET_DATA_DIR: dataDir, ...double.settings(schema) });
    await using warehouse = await double.open(schema);
    await using trains = await trainsIn(log, warehouse, config);
    await produce(log, TOPIC, { first: 0, count: WARM_RECORDS });
    await trains.run();
    await produce(log, TOPIC, { first: WARM_RECORDS, count: SNOWFLAKE_RECORDS });
    await double.ask("latency", { ms: LATENCY_MS });
    const ms = await timed(trains.run);
    await double.ask("latency", { ms: 0 });
    first ??= ms;
    rows.push({
      what: `Snowflake double, ${LATENCY_MS} ms a statement, ${threads} threads`,
      figure: `${Math.round(SNOWFLAKE_RECORDS / ms * 1000).toLocaleString("en")} rows/s`,
      ratio: (first / ms).toFixed(2),
    });
  }
  return rows;
}

try {
  const named: Readonly<Record<string, () => Promise<readonly Row[]>>> = {
    embedded: () => embedded(4),
    one: () => embedded(1),
    kafka,
    snowflake,
  };
  const wanted = Deno.args.length > 0 ? Deno.args : Object.keys(named);
  const rows: Row[] = [];
  for (const name of wanted) rows.push(...await named[name]!());
  print(`Threads: trains, ${RECORDS.toLocaleString("en")} records`, rows);
} finally {
  await Deno.remove(dir, { recursive: true });
}
