// (a) The engine alone, from memory: decode, zod, event time, keyed tumbling with recoverable state. Beside it, as the floor,
// reading the same bytes with JSON.parse and nothing else. Both begin with the bytes of segments, as the embedded log stores
// them: half a million records held as objects would have the garbage collector mark them again and again.

import { Buffer } from "node:buffer";
import { systemClock } from "../src/clock.ts";
import { domainModules } from "../src/domains/mod.ts";
import { Condemned, PartitionIngest } from "../src/engine/ingest.ts";
import { decodeSegment, SegmentWriter } from "../src/log/embedded/segment.ts";
import type { LogBatch, LogRecord } from "../src/log/log.ts";
import { count, FanOut, hours, max, mean, StateBackend, Stream } from "@freshet/stream";
import type { TrainTelemetry } from "../src/domains/trains/mod.ts";
import { z } from "zod";
import { logRecords } from "./records.ts";
import { cpuPerRecord, perSecond, print, sideBySide } from "./report.ts";

const RECORDS = 500_000;
const BATCH = 500;
const CHECKPOINT_EVERY = 100;

const segments: Uint8Array[] = [];
let bytes = 0;
for (let first = 0; first < RECORDS; first += BATCH) {
  const writer = new SegmentWriter();
  for (const { key, value, timestamp } of logRecords(first, BATCH)) {
    bytes += value!.length;
    writer.add({ value }, key, timestamp);
  }
  segments.push(writer.bytes().slice());
}

function batchOf(segment: Uint8Array, index: number): LogBatch {
  const baseOffset = index * BATCH;
  const records: LogRecord[] = [];
  decodeSegment(segment, { baseOffset, count: BATCH, fromOffset: baseOffset }, records);
  return { partition: 0, records, nextOffset: baseOffset + BATCH };
}

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
  const ingest = new PartitionIngest(from, {
    domain,
    time: domain.time,
    partition: 0,
    condemned: new Condemned(),
    clock: systemClock,
  });
  const { state, operators } = pipeline();
  for (const [i, segment] of segments.entries()) {
    const ingested = ingest.take(batchOf(segment, i));
    if (ingested.dead.length > 0) throw new Error("The benchmark's records must all be accepted");
    rows += (await operators.push(ingested.batch))[0]!.elements.length;
    if (i % CHECKPOINT_EVERY !== CHECKPOINT_EVERY - 1) continue;
    rows += (await operators.push(ingest.batch([], { early: true })))[0]!.elements.length;
    stateRows += state.drain().length;
  }
  await operators.close();
}

let parsed = 0;

function floor(): void {
  for (const [i, segment] of segments.entries()) {
    for (const { value } of batchOf(segment, i).records) {
      const text = Buffer.from(value!.buffer, value!.byteOffset, value!.length).toString("utf8");
      if (JSON.parse(text) !== null) parsed++;
    }
  }
}

const { subjectMs, floorMs, subjectCpuMs, floorCpuMs } = await sideBySide(5, engine, floor);
print(`(a) Engine alone, ${RECORDS.toLocaleString("en")} records of ${Math.round(bytes / RECORDS)} bytes`, [
  {
    what: "JSON.parse alone",
    figure: perSecond(RECORDS, floorMs),
    cpu: cpuPerRecord(RECORDS, floorCpuMs),
    ratio: "1.00",
  },
  {
    what: "decode, zod, raw rows, keyed tumbling, state",
    figure: perSecond(RECORDS, subjectMs),
    cpu: cpuPerRecord(RECORDS, subjectCpuMs),
    ratio: (floorMs / subjectMs).toFixed(2),
    target: "350 k/s",
  },
]);
console.log(`${rows} rows and ${stateRows} state changes given out, ${parsed} values parsed`);
