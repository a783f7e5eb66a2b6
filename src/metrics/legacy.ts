// The metrics that users of the wine system's Prometheus have queries for, by their old names, of every domain. What was a
// batch there is a checkpoint here. The labels `domain` and `topic` are new; queries that sum, or run one domain, see no
// difference. Kinds of events are those of domains that tell them apart.
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { CheckpointSummary } from "../engine/options.ts";
import type { DomainStatus } from "../engine/status.ts";
import { SumAndCount } from "./weighted.ts";

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const RECORDS = [1, 10, 50, 100, 250, 500, 1_000, 5_000, 10_000, 50_000];

/** See the head of this file. */
export class LegacyMetrics {
  readonly #consumed;
  readonly #inserted;
  readonly #dlq;
  readonly #batchSize;
  readonly #processing;
  readonly #insert;
  readonly #currentBatchSize;
  readonly #insertRows;
  readonly #lag;
  readonly #eventSize;

  constructor(registry: Registry) {
    const labels = { labelNames: ["domain", "topic"] as const, registers: [registry] };
    const counter = <L extends string>(name: string, help: string, more: readonly L[]) =>
      new Counter({ name, help, labelNames: [...labels.labelNames, ...more], registers: labels.registers });
    const gauge = (name: string, help: string) => new Gauge({ name, help, ...labels });
    const histogram = (name: string, help: string, buckets: number[]) =>
      new Histogram({ name, help, buckets, ...labels });
    this.#consumed = counter("kafka_events_consumed_total", "Events consumed from Kafka, in committed batches", [
      "event_type",
      "status",
    ]);
    this.#inserted = counter(
      "kafka_events_inserted_snowflake_total",
      "Events inserted into the warehouse's raw table",
      [
        "event_type",
      ],
    );
    this.#dlq = counter("kafka_events_dlq_total", "Events sent to the dead letter queue", ["error_type"]);
    this.#batchSize = histogram("kafka_batch_size", "Events in a batch", RECORDS);
    this.#processing = histogram(
      "kafka_batch_processing_duration_seconds",
      "From the end of collecting a batch until its offsets are committed",
      SECONDS,
    );
    this.#insert = histogram("snowflake_insert_duration_seconds", "Writing a batch to the warehouse", SECONDS);
    this.#currentBatchSize = gauge("kafka_current_batch_size", "Events in the last batch");
    this.#insertRows = gauge("kafka_snowflake_insert_rows", "Rows inserted into the raw table with the last batch");
    this.#lag = new Gauge({
      name: "kafka_consumer_lag",
      help: "Events in the topic that are not yet in the warehouse",
      labelNames: [...labels.labelNames, "partition"],
      registers: labels.registers,
    });
    this.#eventSize = new SumAndCount(registry, { name: "kafka_event_size_bytes", help: "Size of the events' values" });
  }

  /** A batch was committed. */
  checkpoint(domain: string, summary: CheckpointSummary): void {
    const labels = { domain, topic: summary.topic };
    for (const [kind, records] of kindsOf(summary)) {
      const ofKind = kind === undefined ? labels : { ...labels, event_type: kind };
      this.#consumed.inc({ ...ofKind, status: "success" }, records);
      this.#inserted.inc(ofKind, records);
    }
    if (summary.deadLetters.length > 0) {
      this.#consumed.inc({ ...labels, status: "error" }, summary.deadLetters.length);
    }
    for (const { reason } of summary.deadLetters) this.#dlq.inc({ ...labels, error_type: reason });
    this.#batchSize.observe(labels, summary.records);
    this.#processing.observe(labels, summary.processingMs / 1000);
    this.#insert.observe(labels, summary.durationMs / 1000);
    this.#currentBatchSize.set(labels, summary.records);
    this.#insertRows.set(labels, summary.accepted);
    this.#eventSize.add(labels, summary.bytes, summary.records);
  }

  /** What the domain says now; counters of which there was nothing yet are 0 rather than missing. */
  gauge(status: DomainStatus): void {
    const { domain, topic } = status;
    const labels = { domain, topic };
    this.#consumed.inc(labels, 0);
    this.#inserted.inc(labels, 0);
    this.#dlq.inc(labels, 0);
    for (const gauge of [this.#currentBatchSize, this.#insertRows]) gauge.inc(labels, 0);
    this.#eventSize.add(labels, 0, 0);
    for (const { partition, lag } of status.partitions) {
      if (lag !== null) this.#lag.set({ ...labels, partition: String(partition) }, lag);
    }
  }

  /** Forgets what partitions have said: those that belong to others by now say nothing. */
  resetPartitions(): void {
    this.#lag.reset();
  }
}

/** Accepted records by kind; of a domain that tells none apart all together. */
function kindsOf({ kinds, accepted }: CheckpointSummary): Iterable<readonly [string | undefined, number]> {
  return kinds.size > 0 ? kinds : [[undefined, accepted]];
}
