// Train records as a long run meets them: in order, out of order, late, too late, from the future, and unusable. Seeded.

import { Random } from "../../simulators/random.ts";
import type { NewRecord } from "../../src/log/log.ts";

const MINUTE_MS = 60_000;
const STEP_MS = 20_000;

/** Makes train records one after the other; event time goes on by 20 s for each round of the fleet. */
export class Traffic {
  readonly #random: Random;
  #n = 0;

  constructor(seed: number, private readonly startMs: number, private readonly trains = 20) {
    this.#random = new Random(seed);
  }

  /** How many have been made. */
  get count(): number {
    return this.#n;
  }

  take(count: number): NewRecord[] {
    return Array.from({ length: count }, () => this.#next());
  }

  #next(): NewRecord {
    const train = this.#n % this.trains;
    const nowMs = this.startMs + Math.floor(this.#n / this.trains) * STEP_MS;
    const key = `TRAIN_${train}`;
    const roll = this.#random.next();
    this.#n++;
    if (roll < 0.02) return { key, value: BROKEN[this.#n % BROKEN.length]! };
    return { key, value: JSON.stringify(this.#event(key, nowMs + this.#shiftMs(roll))) };
  }

  /** Mostly a little disorder; now and then late enough to correct a window, or too late for it. */
  #shiftMs(roll: number): number {
    if (roll < 0.03) return 365 * 24 * 60 * MINUTE_MS;
    if (roll < 0.05) return -this.#random.next() * 180 * MINUTE_MS;
    return -Math.floor(this.#random.next() * 25_000);
  }

  #event(train_id: string, timeMs: number): Record<string, unknown> {
    const passenger_count = Math.floor(this.#random.next() * 1200);
    return {
      timestamp: new Date(timeMs).toISOString(),
      train_id,
      line: "Central",
      passenger_count,
      total_weight_tons: 200 + passenger_count * 0.07,
      power_draw_kw: this.#random.next() * 2700,
      speed_kmh: this.#random.next() * 90,
      latitude: 48.85,
      longitude: 2.35,
      is_overcrowded: passenger_count > 1000,
      is_high_power_draw: false,
    };
  }
}

const BROKEN: readonly (string | Uint8Array | null)[] = [
  null,
  "",
  "{",
  "[".repeat(5000),
  new Uint8Array([0xff, 0xfe, 0x00]),
  '{"train_id":"T"}',
  '{"timestamp":"yesterday","train_id":"T","passenger_count":1,"total_weight_tons":1,"power_draw_kw":1,"speed_kmh":1,"latitude":1,"longitude":1}',
  '{"timestamp":"2026-01-01T00:00:00Z","train_id":"T","passenger_count":-1,"total_weight_tons":1,"power_draw_kw":1,"speed_kmh":1,"latitude":1,"longitude":1}',
  '{"timestamp":"2026-01-01T00:00:00Z","train_id":"T","passenger_count":1,"total_weight_tons":1,"power_draw_kw":1e400,"speed_kmh":1,"latitude":1,"longitude":1}',
];
