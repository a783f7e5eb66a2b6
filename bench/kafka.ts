// (b) From a real Kafka broker to aggregates, without a warehouse: everything else on, state drained at every checkpoint. Beside
// it, as the floor, a bare kafkajs consumer that only calls JSON.parse, on the same topic in the same run.

import { Kafka, logLevel } from "kafkajs";
import type { Domain } from "../src/domains/mod.ts";
import type { TrainTelemetry } from "../src/domains/trains/mod.ts";
import { openKafkaLog } from "../src/log/kafka.ts";
import { count, hours, max, type Stream, sum } from "@freshet/stream";
import { KafkaBroker } from "../tests/support/kafka/broker.ts";
import { discarding, fill, run, trainsOn } from "./pipeline.ts";
import { type Compared, cpuPerRecord, perSecond, print, sideBySide } from "./report.ts";

const RECORDS = 1_000_000;
const ROUNDS = 3;
const TOPIC = "ats_telemetry";

/** The trains' records, of which only the hourly statistics are made. */
function hourlyOnly(): Domain {
  const domain = trainsOn(TOPIC);
  const tables = (events: Stream<TrainTelemetry>) => [
    events.keyBy({ TRAIN_ID: (e) => e.train_id }).tumbling(hours(1)).aggregate("ATS_HOURLY_STATS_PARTS", {
      EVENT_COUNT: count(),
      SUM_PASSENGER_COUNT: sum((e) => e.passenger_count),
      MAX_POWER_DRAW_KW: max((e) => e.power_draw_kw),
      SUM_SPEED_KMH: sum((e) => e.speed_kmh),
    }),
  ];
  return { ...domain, tables: tables as unknown as Domain["tables"] };
}

/** Reads the topic to its end; how many records it parsed. */
async function bareConsumer(brokers: string): Promise<void> {
  const kafka = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: crypto.randomUUID(), maxBytesPerPartition: 4 << 20 });
  await consumer.connect();
  await consumer.subscribe({ topic: TOPIC, fromBeginning: true });
  let parsed = 0;
  const done = Promise.withResolvers<void>();
  await consumer.run({
    autoCommit: false,
    eachBatch({ batch }) {
      for (const { value } of batch.messages) if (JSON.parse(value!.toString()) !== null) parsed++;
      if (parsed >= RECORDS) done.resolve();
      return Promise.resolve();
    },
  });
  await done.promise;
  await consumer.disconnect();
}

await using broker = await KafkaBroker.start({ isFast: true });
const brokers = broker.listeners.plaintext;
{
  await using log = await openKafkaLog({ settings: { brokers: [brokers] } });
  await fill(log, TOPIC, 4, RECORDS);
}

async function freshet(domain: Domain): Promise<void> {
  await using log = await openKafkaLog({ settings: { brokers: [brokers] } });
  await run({ domain, log, warehouse: discarding() });
}

const hourly = await sideBySide(ROUNDS, () => freshet(hourlyOnly()), () => bareConsumer(brokers));
const full = await sideBySide(ROUNDS, () => freshet(trainsOn(TOPIC)), () => bareConsumer(brokers));
const row = (what: string, { subjectMs, floorMs, subjectCpuMs }: Compared, target?: string) => ({
  what,
  figure: perSecond(RECORDS, subjectMs),
  cpu: cpuPerRecord(RECORDS, subjectCpuMs),
  ratio: (floorMs / subjectMs).toFixed(2),
  target,
});
print(`(b) Real Kafka to aggregates, ${RECORDS.toLocaleString("en")} records`, [
  {
    what: "bare kafkajs eachBatch and JSON.parse",
    figure: perSecond(RECORDS, hourly.floorMs),
    cpu: cpuPerRecord(RECORDS, hourly.floorCpuMs),
    ratio: "1.00",
  },
  row("decode, zod, raw rows, keyed tumbling, state", hourly, "at least 0.60"),
  row("all tables of trains, without a warehouse", full),
]);
