// A domain with every kind of window, for runs that are held to brute force, and records for it that come out of order.

import { z } from "zod";
import type { Domain } from "../../../src/domains/domain.ts";
import { type ComparedWindow, count, last, max, sum } from "@freshet/stream";
import type { WindowEpisodeModel } from "../../stream/models.ts";
import { Random } from "./random.ts";
import { START } from "./world.ts";

const TOPIC = "shapes";
export const TIME = {
  maxOutOfOrdernessMs: 2_000,
  allowedLatenessMs: 20_000,
  idleAfterMs: Infinity,
  maxFutureSkewMs: 1e12,
};
export const ZONES = ["Asia/Tokyo", "Europe/Paris", "America/St_Johns", "Pacific/Kiritimati"];

const Shape = z.object({ key: z.string(), time: z.number(), x: z.int(), zone: z.string() });
export type Shape = z.infer<typeof Shape>;
type Compared = ComparedWindow<{ readonly n: number }>;

const spec = { n: count<Shape>(), sum: sum((e: Shape) => e.x), max: max((e: Shape) => e.x) };
const key = { K: (e: Shape) => e.key };
export const HOPS = { size: 10_000, advance: 2_000 };
export const SURGE: Omit<WindowEpisodeModel, "allowedLateness" | "maxOutOfOrderness"> = {
  size: 4_000,
  advance: 2_000,
  trailing: 8_000,
  gap: 6_000,
  holds: (n, before) => n >= 2 && n >= before,
};

const domain: Domain<Shape> = {
  name: "shapes",
  topic: TOPIC,
  group: "freshet-shapes",
  schema: Shape,
  key: (e) => e.key,
  eventTime: (e) => e.time,
  time: TIME,
  raw: { table: "RAW", metadata: "META", content: "CONTENT" },
  tables: (events) => [
    events.keyBy(key).tumbling(10_000).aggregate("TUMBLING", spec),
    events.keyBy(key).hopping(HOPS.size, HOPS.advance).aggregate("HOPPING", spec),
    events.keyBy(key).localDays("ZONE", (e) => e.zone).aggregate("DAYS", spec),
    events.keyBy(key).session(3_000).aggregate("SESSIONS", spec),
    events.filter((e) => e.x > 20).keyBy(key).session(6_000).episodes("ALERTS", { type: "HIGH", value: (e) => e.x }),
    events.keyBy(key).hopping(SURGE.size, SURGE.advance).holding({
      contents: { n: count() },
      trailingMs: SURGE.trailing,
      gapMs: SURGE.gap,
      holds: ({ window, before }) => SURGE.holds(window.n, before.n),
    }).episodes("SURGES", {
      type: "SURGE",
      value: ({ window }) => window.n,
      also: { now: last(({ window }: Compared) => window.n) },
    }),
  ],
  sql: "",
};

/** Tables RAW, TUMBLING, HOPPING, DAYS, SESSIONS, ALERTS and SURGES. */
export const shapes = domain as unknown as Domain;

/** Records by partition, out of order: mostly by less than is allowed, many by more, some by more than the lateness. */
export function disorderedRecords(count: number, partitions: number): Shape[][] {
  const random = new Random(partitions);
  const keys = Math.max(40, Math.floor(count / 75));
  let clock = START - 200_000_000;
  const all = Array.from({ length: count }, (_, i) => {
    clock += random.below(i % 500 === 0 ? 600_000 : 800);
    const back = random.below(random.chance(0.7) ? 2_000 : random.chance(0.8) ? 18_000 : 60_000);
    const number = random.below(keys);
    return { key: `k${number}`, time: clock - back, x: random.below(60) - 20, zone: ZONES[number % ZONES.length]! };
  });
  const byPartition = Array.from({ length: partitions }, (): Shape[] => []);
  for (const record of all) byPartition[random.below(partitions)]!.push(record);
  return byPartition;
}
