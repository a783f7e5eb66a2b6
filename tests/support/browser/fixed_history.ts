// The same records each time it runs, of the same hours: what is drawn of them is the same too.
import type { SimulatedRecord } from "../../../simulators/mod.ts";
import type { Log } from "../../../src/log/log.ts";
import { domainOf } from "../domains.ts";
import { simulatorOf } from "../simulators.ts";

/** A Thursday evening, when all that is simulated is busy; epoch milliseconds. */
const END = Date.parse("2026-01-15T18:30:00Z");
const HOUR_MS = 3_600_000;
const BATCH = 5_000;

/** Hours of each domain before `END`, and milliseconds between two records of the same thing. */
const PARTS = [
  { name: "trains", hours: 8, intervalMs: 60_000 },
  { name: "rides", hours: 8, intervalMs: 120_000 },
  { name: "wine", hours: 30, intervalMs: 20_000 },
  { name: "actions", hours: 8, intervalMs: 60_000 },
  { name: "circadian", hours: 8 * 24, intervalMs: 15 * 60_000 },
];

/** Records that cannot be used, for the cards of dead letters. */
const BAD = ['{"train_id": "A101", "speed_kmh": "fast"}', '{"broken": ', "[1, 2, 3]"];

export async function sendFixedHistory(log: Log): Promise<void> {
  for (const { name, hours, intervalMs } of PARTS) {
    const { topic } = domainOf(name);
    await log.createTopics([{ topic, partitions: 4 }]);
    const records = simulatorOf(name).generate({ seed: 1, start: END - hours * HOUR_MS, intervalMs, natural: true });
    let batch: SimulatedRecord[] = [];
    for (const record of records) {
      if (record.timestamp > END) break;
      batch.push(record);
      if (batch.length < BATCH) continue;
      await log.produce(topic, batch);
      batch = [];
    }
    await log.produce(topic, batch);
  }
  await log.produce(domainOf("trains").topic, BAD.map((value) => ({ key: "A101", value, timestamp: END })));
}
