// A small domain with every kind of output, for simulated runs: short windows, little lateness, functions that throw on demand.

import { z } from "zod";
import type { Domain } from "../../../src/domains/domain.ts";
import { count, type Element, max, sum } from "@freshet/stream";

export const Reading = z.object({
  key: z.string(),
  time: z.number(),
  x: z.int(),
  /** Which function is to throw on this one. */
  poison: z.enum(["row", "sum", "latest", "raw"]).optional(),
});
export type Reading = z.infer<typeof Reading>;

export const TOPIC = "readings";
export const WINDOW = { size: 100, advance: 20, gap: 15, alertGap: 30 };

const throwOn = (poison: NonNullable<Reading["poison"]>, e: Reading) => {
  if (e.poison === poison) throw new Error(`poisoned ${poison}`);
};
const x = (e: Reading) => {
  throwOn("sum", e);
  return e.x;
};
const spec = { n: count<Reading>(), sum: sum(x), max: max(x) };
const key = { K: (e: Reading) => e.key };
export const isAlert = (e: { readonly x: number }) => e.x > 20;

function toRow(e: Reading, { time, offset }: Element<Reading>, partition: number) {
  throwOn("row", e);
  return { TIMESTAMP: time, K: e.key, X: e.x, KAFKA_PARTITION: partition, KAFKA_OFFSET: offset };
}

function toLatest(e: Reading, element: Element<Reading>, partition: number) {
  throwOn("latest", e);
  return toRow(e, element, partition);
}

/** Tables RAW, TYPED, LATEST, RUNNING, TUMBLING, HOPPING, SESSIONS and ALERTS. */
export function readings(idleAfterMs: number): Domain {
  const domain: Domain<Reading> = {
    name: "readings",
    topic: TOPIC,
    group: "freshet-readings",
    schema: Reading,
    key: (e) => e.key,
    eventTime: (e) => e.time,
    time: { maxOutOfOrdernessMs: 10, allowedLatenessMs: 50, idleAfterMs, maxFutureSkewMs: 600_000 },
    raw: {
      table: "RAW",
      metadata: "META",
      content: "CONTENT",
      columns: (e) => {
        throwOn("raw", e);
        return { X: e.x };
      },
    },
    tables: (events) => [
      events.into("TYPED", toRow),
      events.keyBy(key).latest("LATEST", toLatest),
      events.keyBy(key).aggregate("RUNNING", spec),
      events.keyBy(key).tumbling(WINDOW.size).aggregate("TUMBLING", spec),
      events.keyBy(key).hopping(WINDOW.size, WINDOW.advance).aggregate("HOPPING", spec),
      events.keyBy(key).session(WINDOW.gap).aggregate("SESSIONS", spec),
      events.filter(isAlert).keyBy(key).session(WINDOW.alertGap).episodes("ALERTS", { type: "HIGH", value: x }),
    ],
    sql: "",
  };
  return domain as unknown as Domain;
}
