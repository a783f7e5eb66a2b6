// Train telemetry for the benchmarks: realistic fields, 265 bytes of JSON on average, event time 30 s a step.

import { Buffer } from "node:buffer";
import type { LogRecord } from "../src/log/log.ts";

export const TRAINS = 1000;

/** Event time of the first record: far enough back that a whole backlog is in the past. */
export const START_MS = Date.UTC(2026, 0, 1);

/** The `n`-th record of a fleet of {@link TRAINS}, as text. `startMs` is the event time of the first. */
export function telemetry(n: number, startMs = START_MS): { readonly key: string; readonly value: string } {
  const train = n % TRAINS;
  const step = Math.floor(n / TRAINS);
  const key = `TRAIN_${String(train).padStart(4, "0")}`;
  const passengers = (train * 7 + step * 13) % 1200;
  const value = JSON.stringify({
    timestamp: new Date(startMs + step * 30_000 + train * 10).toISOString(),
    train_id: key,
    line: `L${train % 9}`,
    passenger_count: passengers,
    capacity: 1200,
    total_weight_tons: 210 + passengers * 0.07,
    power_draw_kw: 300 + (train * 31 + step * 17) % 2200 / 1.5,
    speed_kmh: (train + step * 3) % 80 + 0.5,
    latitude: 48.85 + train / 10_000,
    longitude: 2.35 + step % 100 / 10_000,
    is_overcrowded: passengers > 1100,
    is_high_power_draw: false,
  });
  return { key, value };
}

/** Records as a log hands them out: slices of one buffer, of one partition, from `first` on. */
export function logRecords(first: number, count: number): LogRecord[] {
  const texts = Array.from({ length: count }, (_, i) => telemetry(first + i));
  const fetched = Buffer.from(texts.map(({ key, value }) => key + value).join(""));
  let at = 0;
  const slice = (text: string) => fetched.subarray(at, at += text.length);
  return texts.map(({ key, value }, i) => ({
    offset: first + i,
    key: slice(key),
    value: slice(value),
    timestamp: START_MS,
    headers: {},
  }));
}
