// A domain's simulated records as a long run meets them: in order, out of order, late, too late, and unusable in every way
// that spoil.ts knows. Seeded.

import { Random } from "../../simulators/random.ts";
import { type SimulatedRecord, spoil } from "../../simulators/mod.ts";
import type { NewRecord } from "../../src/log/log.ts";
import type { CheckedDomain } from "./checked_domains.ts";
import { simulatorOf } from "./simulators.ts";

const SPOILED_RATIO = 0.03;
const LATE_RATIO = 0.02;
/** Less than the least `maxOutOfOrdernessMs` of a domain. */
const DISORDER_MS = 25_000;

export class Traffic {
  readonly #random: Random;
  readonly #records: Iterator<SimulatedRecord>;
  readonly #timeField: string;
  readonly #lateByMs: number;
  #count = 0;

  constructor({ name, startMs, lateByMs, intervalMs }: CheckedDomain, seed: number) {
    const simulator = simulatorOf(name);
    const { fields } = simulator;
    const good = simulator.generate({ seed, start: startMs, intervalMs: intervalMs ?? simulator.intervalMs });
    this.#random = new Random(seed);
    this.#timeField = fields.timestamp;
    this.#lateByMs = lateByMs;
    this.#records = spoil(this.#shuffled(good), { seed, ratio: SPOILED_RATIO, fields, now: Date.now });
  }

  /** How many have been made. */
  get count(): number {
    return this.#count;
  }

  take(count: number): NewRecord[] {
    this.#count += count;
    return Array.from({ length: count }, () => {
      const { key, value } = this.#records.next().value!;
      return { key, value };
    });
  }

  /** The same records dated back: mostly by a little disorder; now and then enough to correct a window, or too much. */
  *#shuffled(records: Iterable<SimulatedRecord>): Generator<SimulatedRecord> {
    for (const record of records) {
      const reach = this.#random.next() < LATE_RATIO ? this.#lateByMs : DISORDER_MS;
      const time = record.timestamp - Math.floor(this.#random.next() * reach);
      const event = { ...JSON.parse(String(record.value)), [this.#timeField]: new Date(time).toISOString() };
      yield { ...record, value: JSON.stringify(event) };
    }
  }
}
