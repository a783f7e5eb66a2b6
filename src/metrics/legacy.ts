// The metrics that users of the wine system's Prometheus have queries for, by their old names, of every domain. What was a
// batch there is a checkpoint here. The labels `domain` and `topic` are new; queries that sum, or run one domain, see no
// difference.
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { CheckpointSummary } from "../engine/options.ts";
import { type DomainStatus, totalLag } from "../engine/status.ts";
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
    const counter = (name: string, help: string) => new Counter({ name, help, ...labels });
    const gauge = (name: string, help: string) => new Gauge({ name, help, ...labels });
    const histogram = (name: string, help: string, buckets: number[]) =>
      new Histogram({ name, help, buckets, ...labels });
    this.#consumed = counter("kafka_events_consumed_total", "Events consumed from Kafka, in committed batches");
    this.#inserted = counter("kafka_events_inserted_snowflake_total", "Events inserted into the warehouse's raw table");
    this.#dlq = counter("kafka_events_dlq_total", "Events sent to the dead letter queue");
    this.#batchSize = histogram("kafka_batch_size", "Events in a batch", RECORDS);
    this.#processing = histogram(
      "kafka_batch_processing_duration_seconds",
      "From the end of collecting a batch until its offsets are committed",
      SECONDS,
    );
    this.#insert = histogram("snowflake_insert_duration_seconds", "Writing a batch to the warehouse", SECONDS);
    this.#currentBatchSize = gauge("kafka_current_batch_size", "Events in the last batch");
    this.#insertRows = gauge("kafka_snowflake_insert_rows", "Rows inserted into the raw table with the last batch");
    this.#lag = gauge("kafka_consumer_lag", "Events in the topic that are not yet in the warehouse");
    this.#eventSize = new SumAndCount(registry, { name: "kafka_event_size_bytes", help: "Size of the events' values" });
  }

  /** A batch was committed. */
  checkpoint(domain: string, summary: CheckpointSummary): void {
    const labels = { domain, topic: summary.topic };
    this.#consumed.inc(labels, summary.records);
    this.#inserted.inc(labels, summary.accepted);
    this.#dlq.inc(labels, summary.deadLetters.length);
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
    for (const counter of [this.#consumed, this.#inserted, this.#dlq]) counter.inc(labels, 0);
    for (const gauge of [this.#currentBatchSize, this.#insertRows]) gauge.inc(labels, 0);
    this.#eventSize.add(labels, 0, 0);
    this.#lag.set(labels, totalLag(status) ?? 0);
  }
}
