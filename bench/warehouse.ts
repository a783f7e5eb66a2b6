// (c) From the log to DuckDB with everything on, exactly once: all tables of trains. From a real Kafka broker (where Java is) and
// from the embedded log. Beside it a loop as one would write by hand, that promises nothing: kafkajs, JSON.parse, the appender.

import { DuckDBDataChunk, DuckDBInstance, type DuckDBValue, VARCHAR } from "@duckdb/node-api";
import { Kafka, logLevel } from "kafkajs";
import { openEmbeddedLog } from "../src/log/embedded.ts";
import { openKafkaLog } from "../src/log/kafka.ts";
import type { Log } from "../src/log/log.ts";
import { KafkaBroker } from "../tests/support/kafka/broker.ts";
import { whyNoKafka } from "../tests/support/kafka/jars.ts";
import { fill, run, trainsOn, warehouseAt } from "./pipeline.ts";
import { cpuPerRecord, perSecond, print, type Row, sideBySide } from "./report.ts";

const RECORDS = 1_000_000;
const ROUNDS = 3;
const TOPIC = "ats_telemetry";

const dir = await Deno.makeTempDir();
let files = 0;

async function toDuckDb(log: Log): Promise<void> {
  const domain = trainsOn(TOPIC);
  await using warehouse = await warehouseAt(`${dir}/${files++}.duckdb`, domain);
  await run({ domain, log, warehouse });
}

/** Text columns of a chunk. */
function append(appender: Awaited<ReturnType<typeof appenderOf>>, columns: readonly DuckDBValue[][]): void {
  const chunk = DuckDBDataChunk.create(columns.map(() => VARCHAR), columns[0]!.length);
  columns.forEach((column, i) => chunk.setColumnValues(i, column));
  appender.appendDataChunk(chunk);
}

async function appenderOf(path: string) {
  const connection = await (await DuckDBInstance.create(path)).connect();
  await connection.run("CREATE TABLE RAW (KEY VARCHAR, VALUE VARCHAR)");
  return await connection.createAppender("RAW");
}

async function byHand(brokers: string): Promise<void> {
  const appender = await appenderOf(`${dir}/${files++}.duckdb`);
  const kafka = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: crypto.randomUUID(), maxBytesPerPartition: 4 << 20 });
  await consumer.connect();
  await consumer.subscribe({ topic: TOPIC, fromBeginning: true });
  let seen = 0;
  const perTrain = new Map<string, number>();
  const done = Promise.withResolvers<void>();
  await consumer.run({
    autoCommit: false,
    eachBatch({ batch: { messages } }) {
      for (let from = 0; from < messages.length; from += 2048) {
        const some = messages.slice(from, from + 2048);
        const values = some.map(({ value }) => value!.toString());
        for (const value of values) {
          const { train_id } = JSON.parse(value);
          perTrain.set(train_id, (perTrain.get(train_id) ?? 0) + 1);
        }
        append(appender, [some.map(({ key }) => key!.toString()), values]);
      }
      seen += messages.length;
      if (seen >= RECORDS) done.resolve();
      return Promise.resolve();
    },
  });
  await done.promise;
  appender.closeSync();
  await consumer.disconnect();
}

const rows: Row[] = [];
try {
  {
    await using log = await openEmbeddedLog({ dataDir: dir });
    await fill(log, TOPIC, 4, RECORDS);
    const { subjectMs, subjectCpuMs } = await sideBySide(ROUNDS, () => toDuckDb(log), () => {});
    rows.push({
      what: "embedded log to DuckDB, exactly once",
      figure: perSecond(RECORDS, subjectMs),
      cpu: cpuPerRecord(RECORDS, subjectCpuMs),
    });
  }
  const skip = await whyNoKafka();
  if (skip) console.log(`Without Kafka: ${skip}`);
  else {
    await using broker = await KafkaBroker.start({ isFast: true });
    const brokers = broker.listeners.plaintext;
    await using log = await openKafkaLog({ settings: { brokers: [brokers] } });
    await fill(log, TOPIC, 4, RECORDS);
    const { subjectMs, floorMs, subjectCpuMs, floorCpuMs } = await sideBySide(
      ROUNDS,
      () => toDuckDb(log),
      () => byHand(brokers),
    );
    rows.push(
      {
        what: "by hand: raw rows only, promises nothing",
        figure: perSecond(RECORDS, floorMs),
        cpu: cpuPerRecord(RECORDS, floorCpuMs),
        ratio: "1.00",
      },
      {
        what: "Kafka to DuckDB, all tables, exactly once",
        figure: perSecond(RECORDS, subjectMs),
        cpu: cpuPerRecord(RECORDS, subjectCpuMs),
        ratio: (floorMs / subjectMs).toFixed(2),
        target: "100 k/s",
      },
    );
  }
} finally {
  await Deno.remove(dir, { recursive: true });
}
print(`(c) To DuckDB, ${RECORDS.toLocaleString("en")} records`, rows);
