// Health: whether the process should be restarted (/livez), be sent work (/readyz), and a summary for people (/health).
// Judges by the domains' statuses and whether the log answers.
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import * as z from "zod";
import type { DomainStatus } from "../engine/status.ts";
import { describe, namedSchema, schemaOf } from "./openapi.ts";

export interface HealthOptions {
  readonly statuses: () => readonly DomainStatus[];
  /** Whether the log answers, within a bounded time. */
  readonly isLogReachable: () => Promise<boolean>;
  /** Whether Redis can be reached, as last seen; left out where there is none. */
  readonly isCacheReachable?: () => boolean;
}

const Probe = z.object({
  status: z.enum(["ok", "failed", "not ready"]),
  domains: z.array(z.string()).optional().meta({ description: "Those that are to blame" }),
});

const Health = z.object({
  status: z.enum(["ok", "degraded"]),
  kafka: z.enum(["ok", "unreachable"]).meta({ description: "Whether the log answers: Kafka, or the embedded one" }),
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
export function healthRoutes(api: OpenAPIHono, { statuses, isLogReachable, isCacheReachable }: HealthOptions): void {
  describeRoutes(api);
  api.get("/livez", (c) => {
    const failed = statuses().filter((status) => status.phase === "failed").map((status) => status.domain);
    return answer(c, failed.length === 0 ? { status: "ok" } : { status: "failed", domains: failed });
  });
  api.get("/readyz", (c) => {
    const waiting = statuses().filter((status) => !isReady(status)).map((status) => status.domain);
    return answer(c, waiting.length === 0 ? { status: "ok" } : { status: "not ready", domains: waiting });
  });
  api.get("/health", async (c) => {
    const reachable = await isLogReachable();
    const all = statuses();
    return answer(c, {
      status: reachable && all.every(isReady) ? "ok" : "degraded",
      kafka: reachable ? "ok" : "unreachable",
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
