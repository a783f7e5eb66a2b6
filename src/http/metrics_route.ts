// Prometheus' side of the metrics.
import type { Hono } from "hono";
import type { DomainStatus } from "../engine/status.ts";
import { gaugeStatuses, type Metrics } from "../metrics.ts";

export interface MetricsOptions {
  readonly metrics: Metrics;
  readonly statuses: () => readonly DomainStatus[];
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** Adds `GET /metrics` in the text format. */
export function metricsRoute(api: Hono, { metrics, statuses, now }: MetricsOptions): void {
  api.get("/metrics", async (c) => {
    gaugeStatuses(metrics, statuses(), now());
    c.header("content-type", metrics.registry.contentType);
    return c.body(await metrics.registry.metrics());
  });
}
