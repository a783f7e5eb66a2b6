// Trains that are crowded for a moment, one after the other, as they report now: each is an alert that is raised and, a little
// later, cleared.

import type { NewRecord } from "../../../src/log/log.ts";

/** Settings that let an alert be over after seconds. */
export const QUICK_ALERTS = {
  ATS_ALERT_GAP_SECONDS: "2",
  FRESHET_MAX_OUT_OF_ORDERNESS_MS: "0",
  FRESHET_IDLE_AFTER_MS: "500",
};

/** A report of a train at a time, epoch milliseconds. */
export function report(train: string, at: number, isCrowded: boolean): NewRecord {
  const event = {
    timestamp: new Date(at).toISOString(),
    train_id: train,
    line: "Central",
    passenger_count: isCrowded ? 1_400 : 100,
    total_weight_tons: 300,
    power_draw_kw: 500,
    speed_kmh: 60,
    latitude: 51.5,
    longitude: -0.1,
  };
  return { key: train, value: JSON.stringify(event) };
}

/** An alert of each of some trains that was over long ago. */
export function history(trains: number, at: number): NewRecord[] {
  return Array.from({ length: trains }, (_, i) => [
    report(`OLD${i}`, at, true),
    report(`OLD${i}`, at + 60_000, false),
  ]).flat();
}
