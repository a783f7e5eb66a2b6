// The lines of running totals that somebody reads later: for each domain one every half a minute in which something came, and one
// at once when the domain changes. Reads statuses, knows nothing of how they come about.
import type { Clock } from "./clock.ts";
import { type DomainStatus, totalLag } from "./engine/status.ts";
import { loggerFor } from "./logging.ts";

const LOOK_EVERY_MS = 1_000;
const TELL_EVERY_MS = 30_000;
const SHOW_EVERY_MS = 250;
/** With more records than that waiting a domain is behind, until it has none. */
const BEHIND_RECORDS = 5_000;
const LINE = "{records} records, {accepted} accepted, {dead_letters} dead letters, {late} late, lag {lag}, " +
  "{rows_per_s}/s, watermark {watermark}";

export interface ProgressOptions {
  readonly statuses: () => readonly DomainStatus[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Shows the statuses several times a second, instead of the lines. */
  readonly show?: (statuses: readonly DomainStatus[]) => void;
}

/** Logs until the signal is aborted; what came since the last line is logged then. */
export async function reportProgress({ statuses, clock, signal, show }: ProgressOptions): Promise<void> {
  while (show) {
    show(statuses());
    if (signal.aborted) return;
    await clock.sleep(SHOW_EVERY_MS, signal).catch(() => {});
  }
  const told = new Map<string, Told>();
  const begin = clock.monotonic();
  while (true) {
    const stopped = signal.aborted;
    for (const status of statuses()) {
      const last = told.get(status.domain) ?? { records: 0, at: begin, how: "starting" };
      const now = clock.monotonic();
      const how = howItIs(status, last.how);
      const isDue = stopped || now - last.at >= TELL_EVERY_MS;
      const came = status.totals.records - last.records;
      if (how === last.how && !(isDue && came > 0)) continue;
      logLine(status, came * 1000 / Math.max(1, now - last.at));
      told.set(status.domain, { records: status.totals.records, at: now, how });
    }
    if (stopped) return;
    await clock.sleep(LOOK_EVERY_MS, signal).catch(() => {});
  }
}

/** What the last line said. */
interface Told {
  readonly records: number;
  /** By the monotonic clock, milliseconds. */
  readonly at: number;
  readonly how: string;
}

/** What is news when it changes; `before` is what it was. */
function howItIs(status: DomainStatus, before: string): string {
  const { phase, standstill, totals, lastCheckpointAt } = status;
  // Until the first checkpoint there are no numbers to tell.
  if (phase === "running" && lastCheckpointAt === null && standstill === null) return before;
  const lag = totalLag(status);
  const isBehind = lag !== null && (lag > BEHIND_RECORDS || (before.endsWith("behind") && lag > 0));
  const dead = totals.deadLetters > 0 ? ", dead letters" : "";
  return `${standstill?.kind ?? phase}${dead}${isBehind ? ", behind" : ""}`;
}

/** Records a second as they are told: with one digit behind the point where there are few. */
export function toldRate(rate: number): number {
  return rate < 10 ? Math.round(rate * 10) / 10 : Math.round(rate);
}

function logLine(status: DomainStatus, rate: number): void {
  const { records, accepted, deadLetters, late } = status.totals;
  loggerFor(status.domain).info(LINE, {
    records,
    accepted,
    dead_letters: deadLetters,
    late,
    lag: totalLag(status) ?? "unknown",
    rows_per_s: toldRate(rate),
    watermark: watermarkText(lowestWatermark(status)),
  });
}

/** The watermark of the partition that is furthest behind, epoch milliseconds. */
export function lowestWatermark(status: DomainStatus): number | null {
  const known = status.partitions.map((partition) => partition.watermark).filter((watermark) => watermark !== null);
  return known.length === 0 ? null : Math.min(...known);
}

function watermarkText(watermark: number | null): string {
  return watermark === null || !Number.isFinite(watermark)
    ? "none"
    : `${new Date(watermark).toISOString().slice(0, 19)}Z`;
}
