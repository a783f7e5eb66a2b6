// Health: whether the process should be restarted (/livez), be sent work (/readyz), and a summary for people (/health).
// Judges by the domains' statuses alone.
import type { Hono } from "hono";
import type { DomainStatus } from "../engine/status.ts";

export interface HealthOptions {
  readonly statuses: () => readonly DomainStatus[];
}

/** Adds the three routes: 200 when all is well, 503 when not. */
export function healthRoutes(api: Hono, { statuses }: HealthOptions): void {
  api.get("/livez", (c) => {
    const failed = statuses().filter((status) => status.phase === "failed").map((status) => status.domain);
    return failed.length === 0 ? c.json({ status: "ok" }) : c.json({ status: "failed", domains: failed }, 503);
  });
  api.get("/readyz", (c) => {
    const waiting = statuses().filter((status) => !isReady(status)).map((status) => status.domain);
    return waiting.length === 0 ? c.json({ status: "ok" }) : c.json({ status: "not ready", domains: waiting }, 503);
  });
  api.get("/health", (c) => {
    const all = statuses();
    const ok = all.every(isReady);
    return c.json({
      status: ok ? "ok" : "degraded",
      domains: Object.fromEntries(all.map(({ domain, phase, lastError, lastCheckpointAt }) => [domain, {
        phase,
        last_error: lastError,
        last_checkpoint_at: lastCheckpointAt === null ? null : new Date(lastCheckpointAt).toISOString(),
      }])),
    }, ok ? 200 : 503);
  });
}

/** Waiting means that other members of the group own all partitions: that is a healthy standby. */
function isReady(status: DomainStatus): boolean {
  return status.phase === "running" || status.phase === "waiting";
}
