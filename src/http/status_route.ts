// What the domains say of themselves, as JSON.
import type { Hono } from "hono";
import type { DomainStatus } from "../engine/status.ts";

/** Answer of `GET /api/status`. */
export interface StatusAnswer {
  readonly pid: number;
  readonly domains: readonly DomainStatus[];
}

export interface StatusOptions {
  readonly pid: number;
  readonly statuses: () => readonly DomainStatus[];
}

/** Adds `GET /api/status`. */
export function statusRoute(api: Hono, { pid, statuses }: StatusOptions): void {
  api.get("/api/status", (c) => c.json<StatusAnswer>({ pid, domains: [...statuses()] }));
}
