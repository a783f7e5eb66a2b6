// Health: whether the process should be restarted (/livez), be sent work (/readyz), and a summary for people (/health).
// Judges by the domains' statuses and whether log and warehouse answer. A restart helps against what stands still inside of the
// process, and not against what does outside: only the first fails /livez.
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import * as z from "zod";
import { type DomainStatus, isWell, timeText } from "../engine/status.ts";
import { describe, namedSchema, schemaOf } from "./openapi.ts";

export interface HealthOptions {
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
  reasons: z.record(z.string(), z.string()).optional().meta({ description: "What is wrong with each of them" }),
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
      phase: z.enum(["starting", "joining", "standby", "running", "restarting", "draining", "stopped", "failed"]),
      standstill: z.object({
        kind: z.enum([
          "joining",
          "unreachable",
          "partition_blocked",
          "partition_stopped",
          "open_transaction",
          "rebalancing",
          "stalled",
        ]),
        reason: z.string(),
        since: z.string(),
      }).nullable().meta({ description: "Why the domain does not get on, if it does not" }),
      last_error: z.string().nullable(),
      retry_at: z.string().nullable().meta({ description: "When a failed domain is tried again" }),
      last_checkpoint_at: z.string().nullable(),
    }),
  ),
});

/** Adds the three routes: 200 when all is well, 503 when not. */
export function healthRoutes(api: OpenAPIHono, options: HealthOptions): void {
  const { statuses, isLogReachable, isWarehouseReachable, isCacheReachable } = options;
  describeRoutes(api);
  api.get("/livez", (c) => {
    const all = statuses();
    const stalled = all.filter(({ phase, standstill }) => phase === "running" && standstill?.kind === "stalled");
    if (all.length > 0 && all.every(({ phase }) => phase === "failed")) return answer(c, blame("failed", all));
    return answer(c, stalled.length > 0 ? blame("stalled", stalled) : { status: "ok" });
  });
  api.get("/readyz", async (c) => {
    const reachable = await isWarehouseReachable();
    const waiting = statuses().filter((status) => !isWell(status));
    if (reachable && waiting.length === 0) return answer(c, { status: "ok" });
    return answer(c, { ...blame("not ready", waiting), warehouse: reachable ? undefined : "unreachable" });
  });
  api.get("/health", async (c) => {
    const [log, warehouse] = await Promise.all([isLogReachable(), isWarehouseReachable()]);
    const all = statuses();
    return answer(c, {
      status: log && warehouse && all.every(isWell) ? "ok" : "degraded",
      kafka: log ? "ok" : "unreachable",
      warehouse: warehouse ? "ok" : "unreachable",
      redis: isCacheReachable && (isCacheReachable() ? "ok" : "unreachable"),
      domains: Object.fromEntries(all.map((status) => [status.domain, {
        phase: status.phase,
        standstill: status.standstill && { ...status.standstill, since: timeText(status.standstill.since)! },
        last_error: status.lastError,
        retry_at: timeText(status.retryAt),
        last_checkpoint_at: timeText(status.lastCheckpointAt),
      }])),
    });
  });
}

function blame(status: z.infer<typeof Probe>["status"], domains: readonly DomainStatus[]): z.infer<typeof Probe> {
  if (domains.length === 0) return { status };
  const reasonOf = ({ phase, standstill, lastError }: DomainStatus) =>
    standstill?.reason ?? (lastError === null ? phase : `${phase}: ${lastError}`);
  return {
    status,
    domains: domains.map(({ domain }) => domain),
    reasons: Object.fromEntries(domains.map((status) => [status.domain, reasonOf(status)])),
  };
}

function answer(c: Context, body: z.infer<typeof Probe> | z.infer<typeof Health>): Response {
  c.header("cache-control", "no-store");
  return c.json(body, body.status === "ok" ? 200 : 503);
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
