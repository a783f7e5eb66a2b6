// How many records a second the pipelines take, by what they tell of themselves.
import { useRef } from "preact/hooks";
import type { DomainSample, LiveStatus } from "../protocol.ts";

/** Over how long they are counted, milliseconds. */
const RATE_MS = 10_000;

/** Offsets committed a second, by `domain partition`, over the last seconds; of a domain by its name alone. */
export type Rates = ReadonlyMap<string, number>;

export function useRates(status: LiveStatus | undefined): Rates {
  const seen = useRef<LiveStatus[]>([]);
  if (status && seen.current.at(-1) !== status) {
    seen.current = [...seen.current.filter(({ now }) => now >= status.now - RATE_MS), status];
  }
  const first = seen.current[0];
  const rates = new Map<string, number>();
  if (!status || !first || first.now === status.now) return rates;
  const seconds = (status.now - first.now) / 1000;
  for (const { domain, partitions, totals } of status.domains) {
    const before = first.domains.find((other) => other.domain === domain);
    if (before) rates.set(domain, Math.max(0, totals.records - before.totals.records) / seconds);
    for (const { partition, nextOffset } of partitions) {
      const then = before?.partitions.find((other) => other.partition === partition);
      if (then) rates.set(`${domain} ${partition}`, Math.max(0, nextOffset - then.nextOffset) / seconds);
    }
  }
  return rates;
}

/** Records a second between two samples each. */
export function ratesOf(samples: readonly DomainSample[]): readonly (number | null)[] {
  return samples.slice(1).map(({ at, records }, i) => {
    const before = samples[i]!;
    return at > before.at ? Math.max(0, records - before.records) / ((at - before.at) / 1000) : null;
  });
}
