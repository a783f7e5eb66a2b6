// The metrics of domains and of HTTP, and how the engine's reports become numbers in them.
import { type DomainStatus, isWell } from "../engine/status.ts";
import type { Observer } from "../engine/options.ts";
import { Counter, Gauge, Histogram, Registry, type Summary } from "prom-client";
import { LegacyMetrics } from "./legacy.ts";
import { RequestTally } from "./http.ts";
import { eventLoopDelay } from "./process.ts";
import { WeightedHistogram } from "./weighted.ts";

/** What the engine counts. Labels are few and bounded: never a key or a text from a record. */
export interface Metrics {
  readonly registry: Registry;
  /** Records that reached a committed checkpoint, by where they ended. */
  readonly records: Counter<"domain" | "result">;
  readonly deadLetters: Counter<"domain" | "stage" | "reason">;
  /** Dead letters of which the dead letter topic has a part or nothing. */
  readonly deadLetterCopies: Counter<"domain" | "outcome">;
  readonly lateRecords: Counter<"domain" | "operator">;
  readonly checkpoints: Counter<"domain">;
  /** Seconds that a checkpoint's transaction took. */
  readonly checkpointDuration: Histogram<"domain">;
  /** Records that a checkpoint was about. */
  readonly checkpointRows: Histogram<"domain">;
  /** Rows that checkpoints wrote: raw, derived, state. */
  readonly rowsWritten: Counter<"domain">;
  readonly lastCheckpoint: Gauge<"domain">;
  /** Seconds from an event's time to its commit. */
  readonly eventToCommit: WeightedHistogram;
  /** Keys held by an operator: windows, sessions, latest values. */
  readonly stateKeys: Gauge<"domain" | "operator">;
  /** Partitions that are not read because what was read of them waits. */
  readonly pausedPartitions: Gauge<"domain">;
  readonly assignedPartitions: Gauge<"domain">;
  /** Partitions that have stopped at a stretch that cannot be read. */
  readonly stoppedPartitions: Gauge<"domain">;
  /** Offsets that FRESHET_ON_DAMAGE has skipped. */
  readonly skippedOffsets: Counter<"domain">;
  /** Records that keyed copies have got, and of them those that keep a key of their own. */
  readonly copiedRecords: Counter<"domain">;
  readonly copiedUnkeyed: Counter<"domain">;
  /** Records that are not in a keyed copy yet. */
  readonly copyLag: Gauge<"domain" | "partition">;
  readonly readBySchema: Counter<"domain">;
  readonly restarts: Counter<"domain">;
  /** 1 while it runs, stands by or joins its group, and does not stand still; otherwise 0. */
  readonly domainUp: Gauge<"domain">;
  /** Seconds between the wall clock and the watermark. */
  readonly watermarkLag: Gauge<"domain" | "partition">;
  /** 1 while the cache of the read routes can be reached. */
  readonly cacheReachable: Gauge<"kind">;
  /** Records in the log after the last one committed to the warehouse. */
  readonly consumerLag: Gauge<"domain" | "partition">;
  /** Seconds since the log said how far it reaches: the older, the less the lag says. */
  readonly consumerLagAge: Gauge<"domain" | "partition">;
  /** Seconds for which a domain has not got on although it should, by what holds it up. */
  readonly standstill: Gauge<"domain" | "kind">;
  /** Messages about alerts, by channel and by what became of them. */
  readonly alertMessages: Counter<"channel" | "result">;
  /** By the wine system's names. */
  readonly legacy: LegacyMetrics;
  readonly eventLoopDelay: Summary;
  readonly http: HttpMetrics;
}

/** What the HTTP API counts. */
export interface HttpMetrics {
  readonly requests: RequestTally;
  /** Events published over HTTP. */
  readonly events: Counter<"domain">;
  /** Requests whose events were not published, by the problem's code. */
  readonly refused: Counter<"domain" | "code">;
  /** Connections that a limit has closed or turned away, by the limit. */
  readonly closed: Counter<"reason">;
}

/** A fresh set of metrics with its own registry. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  return {
    registry,
    ...ofRecords(registry),
    ...ofCheckpoints(registry),
    ...ofDomains(registry),
    ...ofPartitions(registry),
    ...ofAlerts(registry),
    legacy: new LegacyMetrics(registry),
    eventLoopDelay: eventLoopDelay(registry),
    http: httpMetrics(registry),
  };
}

/** What became of records. */
function ofRecords(registry: Registry) {
  const registers = [registry];
  return {
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
    deadLetterCopies: new Counter({
      name: "freshet_dead_letter_copies_total",
      help: "Dead letters that the dead letter topic did not take whole: cut, or left out",
      labelNames: ["domain", "outcome"],
      registers,
    }),
    lateRecords: new Counter({
      name: "freshet_late_records_total",
      help: "Records too late for a window of an operator",
      labelNames: ["domain", "operator"],
      registers,
    }),
    readBySchema: new Counter({
      name: "freshet_records_read_by_schema_total",
      help: "Records that were read straight from their bytes, as they are laid out like others before",
      labelNames: ["domain"],
      registers,
    }),
    copiedRecords: new Counter({
      name: "freshet_copied_records_total",
      help: "Records that were written to the keyed copy of a domain's topic",
      labelNames: ["domain"],
      registers,
    }),
    copiedUnkeyed: new Counter({
      name: "freshet_copied_unkeyed_records_total",
      help: "Of them, those with the key that they had, because the domain's key cannot be read of them",
      labelNames: ["domain"],
      registers,
    }),
    skippedOffsets: new Counter({
      name: "freshet_skipped_offsets_total",
      help: "Offsets that were skipped because they could not be read, as FRESHET_ON_DAMAGE says",
      labelNames: ["domain"],
      registers,
    }),
    eventToCommit: new WeightedHistogram(registry, {
      name: "freshet_event_to_commit_seconds",
      help: "From the time of an event to the commit of its row; exact for up to 500 events of a partition together",
      buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200, 86_400],
    }),
  };
}

/** What left the process of alerts. */
function ofAlerts(registry: Registry) {
  return {
    alertMessages: new Counter({
      name: "freshet_alert_messages_total",
      help:
        "Messages about alerts, by channel and by what became of them: delivered, retried, muted, or failed for good",
      labelNames: ["channel", "result"],
      registers: [registry],
    }),
  };
}

/** What checkpoints took and wrote. */
function ofCheckpoints(registry: Registry) {
  const registers = [registry];
  return {
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
    rowsWritten: new Counter({
      name: "freshet_rows_written_total",
      help: "Rows that checkpoints wrote to the warehouse: raw, derived and state",
      labelNames: ["domain"],
      registers,
    }),
    lastCheckpoint: new Gauge({
      name: "freshet_last_checkpoint_timestamp_seconds",
      help: "When the last checkpoint was committed, Unix time",
      labelNames: ["domain"],
      registers,
    }),
  };
}

/** How domains are. */
function ofDomains(registry: Registry) {
  const registers = [registry];
  return {
    domainUp: new Gauge({
      name: "freshet_domain_up",
      help: "1 while it runs, stands by or joins its group, and does not stand still; otherwise 0",
      labelNames: ["domain"],
      registers,
    }),
    restarts: new Counter({
      name: "freshet_restarts_total",
      help: "Times a domain was started again after a failure",
      labelNames: ["domain"],
      registers,
    }),
    stateKeys: new Gauge({
      name: "freshet_state_keys",
      help: "Keys that an operator holds: open windows and sessions, latest values",
      labelNames: ["domain", "operator"],
      registers,
    }),
    standstill: new Gauge({
      name: "freshet_standstill_seconds",
      help: "How long a domain has not got on although it should, by what holds it up; nothing while all is well",
      labelNames: ["domain", "kind"],
      registers,
    }),
    cacheReachable: new Gauge({
      name: "freshet_cache_reachable",
      help: "1 while the cache of the read routes can be reached, 0 while it cannot",
      labelNames: ["kind"],
      registers,
    }),
  };
}

/** Where partitions are. */
function ofPartitions(registry: Registry) {
  const registers = [registry];
  return {
    assignedPartitions: new Gauge({
      name: "freshet_assigned_partitions",
      help: "Partitions that this process owns",
      labelNames: ["domain"],
      registers,
    }),
    pausedPartitions: new Gauge({
      name: "freshet_paused_partitions",
      help: "Partitions that are not read because what was read of them waits to be worked on",
      labelNames: ["domain"],
      registers,
    }),
    stoppedPartitions: new Gauge({
      name: "freshet_stopped_partitions",
      help: "Partitions that have stopped at records that cannot be read, or were deleted before they were read",
      labelNames: ["domain"],
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
    copyLag: new Gauge({
      name: "freshet_copy_lag",
      help: "Records in a domain's topic that are not in its keyed copy yet",
      labelNames: ["domain", "partition"],
      registers,
    }),
    consumerLagAge: new Gauge({
      name: "freshet_consumer_lag_age_seconds",
      help: "Seconds since the log last said how far it reaches; the older, the less the lag says",
      labelNames: ["domain", "partition"],
      registers,
    }),
  };
}

function httpMetrics(registry: Registry): HttpMetrics {
  const registers = [registry];
  return {
    requests: new RequestTally(registry),
    events: new Counter({
      name: "freshet_http_events_total",
      help: "Events published over HTTP and acknowledged",
      labelNames: ["domain"],
      registers,
    }),
    refused: new Counter({
      name: "freshet_http_events_refused_total",
      help: "Requests whose events were not published, by the code of the problem",
      labelNames: ["domain", "code"],
      registers,
    }),
    closed: new Counter({
      name: "freshet_http_connections_closed_total",
      help: "Connections that a limit has closed or turned away, by the limit",
      labelNames: ["reason"],
      registers,
    }),
  };
}

/** Adds a gauge that is read at each scrape. */
export function addGauge(
  { registry }: Metrics,
  { name, help, read }: { readonly name: string; readonly help: string; readonly read: () => number },
): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read());
    },
  });
}

/** Adds a counter of what is read, by where it came from. */
export function addReadCounter(
  { registry }: Pick<Metrics, "registry">,
  { name, help }: { readonly name: string; readonly help: string },
): Counter<"source"> {
  return new Counter({ name, help, labelNames: ["source"], registers: [registry] });
}

/** Counts what the engine reports. */
export function observerOf(metrics: Metrics): Required<Observer> {
  return {
    checkpoint(domain, summary) {
      metrics.records.inc({ domain, result: "accepted" }, summary.accepted);
      metrics.records.inc({ domain, result: "dead_letter" }, summary.deadLetters.length);
      for (const { stage, reason } of summary.deadLetters) metrics.deadLetters.inc({ domain, stage, reason });
      for (const { operator, count } of summary.late) metrics.lateRecords.inc({ domain, operator }, count);
      metrics.checkpoints.inc({ domain });
      metrics.checkpointDuration.observe({ domain }, summary.durationMs / 1000);
      metrics.checkpointRows.observe({ domain }, summary.records);
      metrics.rowsWritten.inc({ domain }, summary.rows);
      for (const { ageMs, records } of summary.ages) {
        metrics.eventToCommit.observe({ domain }, Math.max(0, ageMs) / 1000, records);
      }
      metrics.readBySchema.inc({ domain }, summary.readBySchema);
      metrics.skippedOffsets.inc({ domain }, summary.skippedOffsets);
      metrics.legacy.checkpoint(domain, summary);
    },
    restart(domain) {
      metrics.restarts.inc({ domain });
    },
    deadLetterCopies(domain, { cut, leftOut }) {
      metrics.deadLetterCopies.inc({ domain, outcome: "cut" }, cut);
      metrics.deadLetterCopies.inc({ domain, outcome: "left_out" }, leftOut);
    },
  };
}

/** Counts what the keyed copy of a domain's topic reports. */
export function copyObserverOf({ copiedRecords, copiedUnkeyed, skippedOffsets }: Metrics, domain: string) {
  copiedRecords.inc({ domain }, 0);
  copiedUnkeyed.inc({ domain }, 0);
  return {
    onCopied(records: number, withOwnKey: number): void {
      copiedRecords.inc({ domain }, records);
      copiedUnkeyed.inc({ domain }, withOwnKey);
    },
    onSkipped: (offsets: number): void => skippedOffsets.inc({ domain }, offsets),
  };
}

/** Sets the gauges to what the domains say now, and counters of which there was nothing yet to 0: for each scrape. */
export function gaugeStatuses(metrics: Metrics, statuses: readonly DomainStatus[], now: number): void {
  const {
    watermarkLag,
    consumerLag,
    consumerLagAge,
    standstill,
    stateKeys,
    domainUp,
    pausedPartitions,
    assignedPartitions,
  } = metrics;
  const perStatus = [watermarkLag, consumerLag, consumerLagAge, metrics.copyLag, standstill, stateKeys];
  for (const gauge of perStatus) gauge.reset();
  metrics.legacy.resetPartitions();
  for (const status of statuses) {
    const { domain, partitions, copy, lastCheckpointAt } = status;
    const copied = copy?.partitions ?? [];
    domainUp.set({ domain }, isWell(status) ? 1 : 0);
    if (status.standstill !== null) {
      standstill.set({ domain, kind: status.standstill.kind }, (now - status.standstill.since) / 1000);
    }
    assignedPartitions.set({ domain }, partitions.length);
    pausedPartitions.set({ domain }, status.pausedPartitions);
    const stopped = [...partitions, ...copied].filter(({ stopped }) => stopped !== undefined).length;
    metrics.stoppedPartitions.set({ domain }, stopped);
    for (const result of ["accepted", "dead_letter"] as const) metrics.records.inc({ domain, result }, 0);
    for (const outcome of ["cut", "left_out"] as const) metrics.deadLetterCopies.inc({ domain, outcome }, 0);
    const { checkpoints, restarts, rowsWritten, readBySchema, skippedOffsets } = metrics;
    for (const counter of [checkpoints, restarts, rowsWritten, readBySchema, skippedOffsets]) {
      counter.inc({ domain }, 0);
    }
    if (lastCheckpointAt !== null) metrics.lastCheckpoint.set({ domain }, lastCheckpointAt / 1000);
    for (const [operator, keys] of Object.entries(status.openWindows)) stateKeys.set({ domain, operator }, keys);
    for (const { partition, lag, confirmedAt, watermark } of partitions) {
      const labels = { domain, partition: String(partition) };
      if (lag !== null) consumerLag.set(labels, lag);
      if (confirmedAt !== null) consumerLagAge.set(labels, Math.max(0, now - confirmedAt) / 1000);
      if (watermark !== null && Number.isFinite(watermark)) watermarkLag.set(labels, (now - watermark) / 1000);
    }
    for (const { partition, lag } of copied) metrics.copyLag.set({ domain, partition: String(partition) }, lag);
    metrics.legacy.gauge(status);
  }
}
