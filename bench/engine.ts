// (a) The engine alone, from memory: decode, zod, event time, keyed tumbling with recoverable state. Beside it, as the floor,
// reading the same bytes with JSON.parse and nothing else.

import { Buffer } from "node:buffer";
import { systemClock } from "../src/clock.ts";
import { domainModules } from "../src/domains/mod.ts";
import { Condemned, PartitionIngest } from "../src/engine/ingest.ts";
import type { LogBatch } from "../src/log/log.ts";
import { count, FanOut, hours, max, mean, StateBackend, Stream } from "../src/stream/mod.ts";
import type { TrainTelemetry } from "../src/domains/trains.ts";
import { z } from "zod";
import { logRecords } from "./records.ts";
import { perSecond, print, sideBySide } from "./report.ts";

const RECORDS = 500_000;
const BATCH = 1000;
const CHECKPOINT_EVERY = 50;

const batches: LogBatch[] = [];
for (let first = 0; first < RECORDS; first += BATCH) {
  batches.push({ partition: 0, records: logRecords(first, BATCH), nextOffset: first + BATCH });
}
const bytes = batches.reduce((sum, { records }) => sum + records.reduce((s, r) => s + r.value!.length, 0), 0);

const trains = domainModules.find(({ name }) => name === "trains")!;
const domain = trains.define(z.object(trains.settings).parse({}));

function pipeline() {
  const state = new StateBackend();
  const events = Stream.of<TrainTelemetry>({ state, allowedLatenessMs: hours(2) });
  const hourly = events.keyBy({ TRAIN_ID: (e) => e.train_id }).tumbling(hours(1)).aggregate("HOURLY", {
    EVENT_COUNT: count(),
    AVG_PASSENGER_COUNT: mean((e) => e.passenger_count),
    MAX_PASSENGER_COUNT: max((e) => e.passenger_count),
    AVG_POWER_DRAW_KW: mean((e) => e.power_draw_kw),
    AVG_SPEED_KMH: mean((e) => e.speed_kmh),
  });
  return { state, operators: new FanOut<unknown>([hourly.operator as never]) };
}

let rows = 0;
let stateRows = 0;

async function engine(): Promise<void> {
  const from = { nextOffset: 0, watermark: null, maxEventTime: null, lastTimestamp: null };
  const ingest = new PartitionIngest(domain, domain.time, 0, from, new Condemned(), systemClock);
  const { state, operators } = pipeline();
  for (const [i, batch] of batches.entries()) {
    const ingested = ingest.take(batch);
    if (ingested.dead.length > 0) throw new Error("The benchmark's records must all be accepted");
    rows += (await operators.push(ingested.batch))[0]!.elements.length;
    if (i % CHECKPOINT_EVERY !== CHECKPOINT_EVERY - 1) continue;
    rows += (await operators.push(ingest.batch([], true)))[0]!.elements.length;
    stateRows += state.drain().length;
  }
  await operators.close();
}

let parsed = 0;

function floor(): void {
  for (const { records } of batches) {
    for (const { value } of records) {
      const text = Buffer.from(value!.buffer, value!.byteOffset, value!.length).toString("utf8");
      if (JSON.parse(text) !== null) parsed++;
    }
  }
}

const { subjectMs, floorMs } = await sideBySide(5, engine, floor);
print(`(a) Engine alone, ${RECORDS.toLocaleString("en")} records of ${Math.round(bytes / RECORDS)} bytes`, [
  { what: "JSON.parse alone", figure: perSecond(RECORDS, floorMs), ratio: "1.00" },
  {
    what: "decode, zod, raw rows, keyed tumbling, state",
    figure: perSecond(RECORDS, subjectMs),
    ratio: (floorMs / subjectMs).toFixed(2),
    target: "350 k/s",
  },
]);
console.log(`${rows} rows and ${stateRows} state changes given out, ${parsed} values parsed`);
