// Prometheus' side of the metrics.
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { DomainStatus } from "../engine/status.ts";
import { gaugeStatuses, type Metrics } from "../metrics/mod.ts";
import { describe } from "./openapi.ts";

export interface MetricsOptions {
  readonly metrics: Metrics;
  readonly statuses: () => readonly DomainStatus[];
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Whether a token is needed. */
  readonly guarded: boolean;
}

/** Adds `GET /metrics` in the text format. */
export function metricsRoute(api: OpenAPIHono, { metrics, statuses, now, guarded }: MetricsOptions): void {
  describe(api, {
    method: "get",
    path: "/metrics",
    tag: "health",
    summary: "Counters, gauges and histograms for Prometheus",
    guarded,
    answers: { 200: { description: "The text format", type: "text/plain" } },
  });
  api.get("/metrics", async (c) => {
    gaugeStatuses(metrics, statuses(), now());
    c.header("content-type", metrics.registry.contentType);
    return c.body(await metrics.registry.metrics());
  });
}
