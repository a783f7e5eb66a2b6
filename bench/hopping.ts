// (d) Hopping windows: the cost must not grow with size / advance. The same records through windows of 12 and of 720 panes with
// the same advance, so both give out as many rows.

import { type Batch, count, type Element, FanOut, max, mean, minutes, StateBackend, Stream } from "@freshet/stream";
import { perSecond, print, sideBySide } from "./report.ts";

const RECORDS = 1_000_000;
const BATCH = 1000;
const KEYS = 100;
const STEP_MS = 50;

interface Ride {
  readonly zone: string;
  readonly fare: number;
}

function batches(): Batch<Ride>[] {
  return Array.from({ length: RECORDS / BATCH }, (_, b) => {
    const elements = Array.from({ length: BATCH }, (_, i): Element<Ride> => {
      const n = b * BATCH + i;
      const value = { zone: `zone ${n % KEYS}`, fare: n % 977 / 7 };
      return { value, time: n * STEP_MS, offset: n, watermark: n * STEP_MS };
    });
    const watermark = (b + 1) * BATCH * STEP_MS;
    return {
      partition: 0,
      elements,
      nextOffset: (b + 1) * BATCH,
      watermark,
      closedBefore: b * BATCH * STEP_MS,
      eventWatermark: watermark,
      backfill: false,
      ended: false,
      early: b % 20 === 19,
      side: { late: [], failed: [] },
    };
  });
}

async function run(panes: number): Promise<number> {
  const state = new StateBackend();
  const demand = Stream.of<Ride>({ state, allowedLatenessMs: minutes(5) })
    .keyBy({ ZONE: (ride) => ride.zone })
    .hopping(minutes(panes), minutes(1))
    .aggregate("DEMAND", { REQUESTS: count(), MEAN: mean((ride) => ride.fare), MAX: max((ride) => ride.fare) });
  const operators = new FanOut<Ride>([demand.operator]);
  let rows = 0;
  for (const batch of batches()) {
    rows += (await operators.push(batch))[0]!.elements.length;
    if (batch.early) state.drain();
  }
  await operators.close();
  return rows;
}

let rowsOf12 = 0;
let rowsOf720 = 0;
const { subjectMs, floorMs } = await sideBySide(
  5,
  async () => rowsOf720 = await run(720),
  async () => rowsOf12 = await run(12),
);
print(`(d) Hopping windows, advance 1 min, ${RECORDS.toLocaleString("en")} records, ${KEYS} keys`, [
  { what: `size 12 min (${rowsOf12} rows)`, figure: perSecond(RECORDS, floorMs), ratio: "1.00" },
  {
    what: `size 720 min (${rowsOf720} rows)`,
    figure: perSecond(RECORDS, subjectMs),
    ratio: (subjectMs / floorMs).toFixed(2),
    isCost: true,
    target: "at most 1.3 times the cost",
  },
]);
