// How many records a second the pipelines take, by what they tell of themselves.
import { useRef } from "preact/hooks";
import type { DomainSample, LiveStatus } from "../protocol.ts";
import { countText, durationText, numberText } from "./format.ts";
import type { Line } from "./parts/sparkline.tsx";

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

/** The lines of a pipeline's samples: how fast it was, what waited, how far it was behind the clock. */
export function linesOf(samples: readonly DomainSample[]): Readonly<Record<"rate" | "lag" | "behind", Line>> {
  const at = samples.map(({ at }) => at);
  return {
    rate: { at: at.slice(1), values: ratesOf(samples), textOf: (rate) => numberText(rate, "records/s") },
    lag: { at, values: samples.map(({ lag }) => lag), textOf: (lag) => countText(Math.round(lag), "records") },
    behind: { at, values: samples.map(({ behind_ms }) => behind_ms), textOf: durationText },
  };
}

/** The sums of lines: what was at the same time; the newest are together at the end. */
export function sumOf(lines: readonly Line[]): Line | undefined {
  const longest = lines.toSorted((a, b) => b.at.length - a.at.length)[0];
  const values = longest?.at.map((_, i) => {
    const known = lines.flatMap(({ values }) => values[i - longest.at.length + values.length] ?? []);
    return known.length === 0 ? null : known.reduce((sum, value) => sum + value);
  });
  return longest && values && { ...longest, values };
}
