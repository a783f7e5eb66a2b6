// Every metric of Freshet, in one place, and how the engine's reports become numbers in them.
import type { DomainStatus } from "./engine/status.ts";
import type { Observer } from "./engine/options.ts";
import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** Where a record ended. */
export type RecordResult = "accepted" | "dead_letter";

/** What the engine counts. Labels are few and bounded: never a key or a text from a record. */
export interface Metrics {
  readonly registry: Registry;
  /** Records that reached a committed checkpoint, by where they ended. */
  readonly records: Counter<"domain" | "result">;
  readonly deadLetters: Counter<"domain" | "stage" | "reason">;
  readonly lateRecords: Counter<"domain" | "operator">;
  readonly checkpoints: Counter<"domain">;
  /** Seconds that a checkpoint's transaction took. */
  readonly checkpointDuration: Histogram<"domain">;
  /** Records that a checkpoint was about. */
  readonly checkpointRows: Histogram<"domain">;
  readonly restarts: Counter<"domain">;
  /** 1 while a domain runs (or stands by), 0 while it is starting again or has failed. */
  readonly domainUp: Gauge<"domain">;
  /** Seconds between the wall clock and the watermark. */
  readonly watermarkLag: Gauge<"domain" | "partition">;
  /** Recommendations asked for, by where they came from. */
  readonly recommendations: Counter<"source">;
  /** 1 while the cache of recommendations can be reached. */
  readonly cacheReachable: Gauge<"kind">;
  /** Records in the log after the last one committed to the warehouse. */
  readonly consumerLag: Gauge<"domain" | "partition">;
}

/** A fresh set of metrics with its own registry. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  return {
    registry,
    records: new Counter({
      name: "freshet_records_total",
      help: "Records in committed checkpoints, by where they ended",
      labelNames: ["domain", "result"],
      registers,
    }),
    deadLetters: new Counter({
      name: "freshet_dead_letters_total",
      help: "Records that could not be used, by stage and reason",
      labelNames: ["domain", "stage", "reason"],
      registers,
    }),
    lateRecords: new Counter({
      name: "freshet_late_records_total",
      help: "Records too late for a window of an operator",
      labelNames: ["domain", "operator"],
      registers,
    }),
    checkpoints: new Counter({
      name: "freshet_checkpoints_total",
      help: "Checkpoints committed to the warehouse",
      labelNames: ["domain"],
      registers,
    }),
    checkpointDuration: new Histogram({
      name: "freshet_checkpoint_duration_seconds",
      help: "Duration of a checkpoint's transaction",
      labelNames: ["domain"],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
      registers,
    }),
    checkpointRows: new Histogram({
      name: "freshet_checkpoint_rows",
      help: "Records in a checkpoint",
      labelNames: ["domain"],
      buckets: [1, 10, 100, 1_000, 5_000, 10_000, 50_000, 100_000, 500_000],
      registers,
    }),
    restarts: new Counter({
      name: "freshet_restarts_total",
      help: "Times a domain was started again after a failure",
      labelNames: ["domain"],
      registers,
    }),
    domainUp: new Gauge({
      name: "freshet_domain_up",
      help: "1 while a domain runs or stands by, 0 while it is starting again or has failed",
      labelNames: ["domain"],
      registers,
    }),
    recommendations: new Counter({
      name: "freshet_recommendations_total",
      help: "Recommendations asked for, by where they came from: cache or warehouse",
      labelNames: ["source"],
      registers,
    }),
    cacheReachable: new Gauge({
      name: "freshet_cache_reachable",
      help: "1 while the cache of recommendations can be reached, 0 while it cannot",
      labelNames: ["kind"],
      registers,
    }),
    watermarkLag: new Gauge({
      name: "freshet_watermark_lag_seconds",
      help: "Seconds between the wall clock and the watermark",
      labelNames: ["domain", "partition"],
      registers,
    }),
    consumerLag: new Gauge({
      name: "freshet_consumer_lag",
      help: "Records in the log after the last one committed to the warehouse",
      labelNames: ["domain", "partition"],
      registers,
    }),
  };
}

/** Counts what the engine reports. */
export function observerOf(metrics: Metrics): Observer {
  return {
    checkpoint(domain, summary) {
      metrics.records.inc({ domain, result: "accepted" }, summary.accepted);
      metrics.records.inc({ domain, result: "dead_letter" }, summary.deadLetters.length);
      for (const { stage, reason } of summary.deadLetters) metrics.deadLetters.inc({ domain, stage, reason });
      for (const { operator, count } of summary.late) metrics.lateRecords.inc({ domain, operator }, count);
      metrics.checkpoints.inc({ domain });
      metrics.checkpointDuration.observe({ domain }, summary.durationMs / 1000);
      metrics.checkpointRows.observe({ domain }, summary.records);
    },
    restart(domain) {
      metrics.restarts.inc({ domain });
    },
  };
}

/** Sets the gauges to what the domains say now: for each scrape. */
export function gaugeStatuses(metrics: Metrics, statuses: readonly DomainStatus[], now: number): void {
  metrics.watermarkLag.reset();
  metrics.consumerLag.reset();
  for (const { domain, phase, partitions } of statuses) {
    metrics.domainUp.set({ domain }, phase === "running" || phase === "waiting" ? 1 : 0);
    for (const { partition, nextOffset, highOffset, watermark } of partitions) {
      const labels = { domain, partition: String(partition) };
      if (highOffset !== null) metrics.consumerLag.set(labels, Math.max(0, highOffset - nextOffset));
      if (watermark !== null && Number.isFinite(watermark)) metrics.watermarkLag.set(labels, (now - watermark) / 1000);
    }
  }
}
