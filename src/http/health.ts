// Health: whether the process should be restarted (/livez), be sent work (/readyz), and a summary for people (/health).
// Judges by the domains' statuses and whether log and warehouse answer.
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import * as z from "zod";
import type { DomainStatus } from "../engine/status.ts";
import { Liveness, type LivenessOptions } from "./liveness.ts";
import { describe, namedSchema, schemaOf } from "./openapi.ts";

export interface HealthOptions extends LivenessOptions {
  readonly statuses: () => readonly DomainStatus[];
  /** Whether the log answers, within a bounded time. */
  readonly isLogReachable: () => Promise<boolean>;
  /** Whether the warehouse answers, within a bounded time. */
  readonly isWarehouseReachable: () => Promise<boolean>;
  /** Whether Redis can be reached, as last seen; left out where there is none. */
  readonly isCacheReachable?: () => boolean;
}

const Probe = z.object({
  status: z.enum(["ok", "failed", "stalled", "not ready"]),
  domains: z.array(z.string()).optional().meta({ description: "Those that are to blame" }),
  warehouse: z.literal("unreachable").optional(),
});

const Health = z.object({
  status: z.enum(["ok", "degraded"]),
  kafka: z.enum(["ok", "unreachable"]).meta({ description: "Whether the log answers: Kafka, or the embedded one" }),
  warehouse: z.enum(["ok", "unreachable"]).meta({ description: "Whether the warehouse answers, where asking is free" }),
  redis: z.enum(["ok", "unreachable"]).optional().meta({
    description: "Whether Redis can be reached, where it is configured; without it all goes on, from the warehouse",
  }),
  domains: z.record(
    z.string(),
    z.object({
      phase: z.enum(["starting", "waiting", "running", "restarting", "draining", "stopped", "failed"]),
      last_error: z.string().nullable(),
      last_checkpoint_at: z.string().nullable(),
    }),
  ),
});

/** Adds the three routes: 200 when all is well, 503 when not. */
export function healthRoutes(api: OpenAPIHono, options: HealthOptions): void {
  const { statuses, isLogReachable, isWarehouseReachable, isCacheReachable } = options;
  describeRoutes(api);
  const liveness = new Liveness(options);
  api.get("/livez", (c) => {
    const all = statuses();
    const stalled = liveness.stalled(all);
    const failed = all.filter(({ phase }) => phase === "failed").map(({ domain }) => domain);
    if (failed.length > 0) return answer(c, { status: "failed", domains: failed });
    return answer(c, stalled.length > 0 ? { status: "stalled", domains: [...stalled] } : { status: "ok" });
  });
  api.get("/readyz", async (c) => {
    const reachable = await isWarehouseReachable();
    const waiting = statuses().filter((status) => !isReady(status)).map((status) => status.domain);
    if (reachable && waiting.length === 0) return answer(c, { status: "ok" });
    return answer(c, {
      status: "not ready",
      domains: waiting.length > 0 ? waiting : undefined,
      warehouse: reachable ? undefined : "unreachable",
    });
  });
  api.get("/health", async (c) => {
    const [log, warehouse] = await Promise.all([isLogReachable(), isWarehouseReachable()]);
    const all = statuses();
    return answer(c, {
      status: log && warehouse && all.every(isReady) ? "ok" : "degraded",
      kafka: log ? "ok" : "unreachable",
      warehouse: warehouse ? "ok" : "unreachable",
      redis: isCacheReachable && (isCacheReachable() ? "ok" : "unreachable"),
      domains: Object.fromEntries(all.map(({ domain, phase, lastError, lastCheckpointAt }) => [domain, {
        phase,
        last_error: lastError,
        last_checkpoint_at: lastCheckpointAt === null ? null : new Date(lastCheckpointAt).toISOString(),
      }])),
    });
  });
}

function answer(c: Context, body: z.infer<typeof Probe> | z.infer<typeof Health>): Response {
  c.header("cache-control", "no-store");
  return c.json(body, body.status === "ok" ? 200 : 503);
}

/** Waiting means that other members of the group own all partitions: that is a healthy standby. */
function isReady(status: DomainStatus): boolean {
  return status.phase === "running" || status.phase === "waiting";
}

function describeRoutes(api: OpenAPIHono): void {
  const probe = namedSchema(api, "Probe", schemaOf(Probe));
  const health = namedSchema(api, "Health", schemaOf(Health));
  const routes = [
    ["/health", "How the domains and the log are doing", health],
    ["/livez", "Whether the process should be left running", probe],
    ["/readyz", "Whether the process can be sent work", probe],
  ] as const;
  for (const [path, summary, schema] of routes) {
    describe(api, {
      method: "get",
      path,
      tag: "health",
      summary,
      guarded: false,
      answers: { 200: { description: "All is well", schema }, 503: { description: "Something is not", schema } },
    });
  }
}
