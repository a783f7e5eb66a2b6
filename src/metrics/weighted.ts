// What prom-client lacks: metrics that keep their numbers themselves, of them a histogram that takes many equal values at once, and a summary of sum and count alone.
// A checkpoint tells of thousands of records; observing each would cost more than writing it.
import type { Metric, Registry } from "prom-client";

/** What prom-client's registry asks of a metric. */
export interface Sample {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

interface Described {
  readonly name: string;
  readonly help: string;
}

type Labels = Readonly<Record<string, string>>;

/** Registers a metric that says its samples when it is asked. */
export function registerSamples(
  registry: Registry,
  { name, help }: Described,
  type: "counter" | "histogram" | "summary",
  samples: () => readonly Sample[],
): void {
  const metric = { name, help, type, get: () => Promise.resolve({ name, help, type, values: samples() }) };
  // What a registry asks of a metric is its name and `get`; the type names its own classes only.
  registry.registerMetric(metric as unknown as Metric);
}

/** Counts by series; `make` makes what a new series begins with. */
class Series<T> {
  readonly #series = new Map<string, { readonly labels: Labels; readonly state: T }>();

  constructor(private readonly make: () => T) {}

  of(labels: Labels): T {
    const key = JSON.stringify(Object.values(labels));
    let found = this.#series.get(key);
    if (!found) this.#series.set(key, found = { labels, state: this.make() });
    return found.state;
  }

  samples(of: (state: T, labels: Labels) => readonly Sample[]): readonly Sample[] {
    return [...this.#series.values()].flatMap(({ labels, state }) => of(state, labels));
  }
}

/** A histogram whose values have weights. Buckets are upper bounds, rising. */
export class WeightedHistogram {
  readonly #series: Series<{ readonly counts: number[]; sum: number }>;

  constructor(registry: Registry, described: Described & { readonly buckets: readonly number[] }) {
    const { name, buckets } = described;
    this.#series = new Series(() => ({ counts: new Array(buckets.length + 1).fill(0), sum: 0 }));
    this.buckets = buckets;
    registerSamples(registry, described, "histogram", () =>
      this.#series.samples(({ counts, sum }, labels) => {
        let below = 0;
        const bounds = [...buckets, "+Inf"];
        const buckets_ = counts.map((count, i) => ({
          metricName: `${name}_bucket`,
          labels: { ...labels, le: bounds[i]! },
          value: below += count,
        }));
        return [
          ...buckets_,
          { metricName: `${name}_sum`, labels, value: sum },
          { metricName: `${name}_count`, labels, value: below },
        ];
      }));
  }

  private readonly buckets: readonly number[];

  /** Counts `value` so many times. */
  observe(labels: Labels, value: number, weight: number): void {
    const state = this.#series.of(labels);
    const bucket = this.buckets.findIndex((bound) => value <= bound);
    state.counts[bucket < 0 ? this.buckets.length : bucket]! += weight;
    state.sum += value * weight;
  }
}

/** A summary without quantiles, as Python's client has it. */
export class SumAndCount {
  readonly #series = new Series(() => ({ sum: 0, count: 0 }));

  constructor(registry: Registry, described: Described) {
    const { name } = described;
    registerSamples(registry, described, "summary", () =>
      this.#series.samples(({ sum, count }, labels) => [
        { metricName: `${name}_sum`, labels, value: sum },
        { metricName: `${name}_count`, labels, value: count },
      ]));
  }

  /** Adds `count` values that make `sum` together. */
  add(labels: Labels, sum: number, count: number): void {
    const state = this.#series.of(labels);
    state.sum += sum;
    state.count += count;
  }
}
