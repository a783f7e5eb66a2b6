// The line of running totals that a person watches: one a second at most for each domain, and only when something came.
// Reads statuses, knows nothing of how they come about.
import type { Clock } from "./clock.ts";
import { type DomainStatus, totalLag } from "./engine/status.ts";
import { loggerFor } from "./logging.ts";

const EVERY_MS = 1_000;
const SHOW_EVERY_MS = 200;
const LINE = "{records} records, {accepted} accepted, {dead_letters} dead letters, {late} late, lag {lag}, " +
  "{rows_per_s}/s, watermark {watermark}";

export interface ProgressOptions {
  readonly statuses: () => readonly DomainStatus[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Shows the statuses several times a second, instead of the line. */
  readonly show?: (statuses: readonly DomainStatus[]) => void;
}

/** Logs until the signal is aborted; what came since the last line is logged then. */
export async function reportProgress({ statuses, clock, signal, show }: ProgressOptions): Promise<void> {
  while (show) {
    show(statuses());
    if (signal.aborted) return;
    await clock.sleep(SHOW_EVERY_MS, signal).catch(() => {});
  }
  const last = new Map<string, { readonly status: DomainStatus; readonly at: number }>();
  const begin = clock.monotonic();
  while (true) {
    const stopped = signal.aborted;
    for (const status of statuses()) {
      const before = last.get(status.domain);
      if (status.totals.checkpoints === (before?.status.totals.checkpoints ?? 0)) continue;
      if (status.totals.records === (before?.status.totals.records ?? 0)) continue;
      logLine(status, recordsPerSecond(status, before, { begin, now: clock.monotonic() }));
      last.set(status.domain, { status, at: clock.monotonic() });
    }
    if (stopped) return;
    await clock.sleep(EVERY_MS, signal).catch(() => {});
  }
}

function recordsPerSecond(
  status: DomainStatus,
  before: { readonly status: DomainStatus; readonly at: number } | undefined,
  { begin, now }: { readonly begin: number; readonly now: number },
): number {
  const records = status.totals.records - (before?.status.totals.records ?? 0);
  return records * 1000 / Math.max(1, now - (before?.at ?? begin));
}

function logLine(status: DomainStatus, rate: number): void {
  const { records, accepted, deadLetters, late } = status.totals;
  loggerFor(status.domain).info(LINE, {
    records,
    accepted,
    dead_letters: deadLetters,
    late,
    lag: totalLag(status) ?? "unknown",
    rows_per_s: rate < 10 ? Math.round(rate * 10) / 10 : Math.round(rate),
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
