// What the domains say of themselves, as JSON.
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { DomainStatus } from "../engine/status.ts";
import { describe } from "./openapi.ts";

/** Answer of `GET /api/status`. */
export interface StatusAnswer {
  readonly pid: number;
  readonly domains: readonly DomainStatus[];
}

export interface StatusOptions {
  readonly pid: number;
  readonly statuses: () => readonly DomainStatus[];
  /** Whether a token is needed. */
  readonly guarded: boolean;
}

/** Adds `GET /api/status`, and `GET /api/instance` by which the run file's readers know the run. */
export function statusRoutes(api: OpenAPIHono, { pid, statuses, guarded }: StatusOptions): void {
  describe(api, {
    method: "get",
    path: "/api/status",
    tag: "looking",
    summary: "Offsets, watermarks, open windows and totals of each domain",
    guarded,
    answers: {
      200: {
        description: "The domains' state; times are epoch milliseconds",
        schema: {
          type: "object",
          required: ["pid", "domains"],
          properties: { pid: { type: "integer" }, domains: { type: "array", items: { type: "object" } } },
        },
      },
    },
  });
  api.get("/api/status", (c) => c.json<StatusAnswer>({ pid, domains: [...statuses()] }));
  api.get("/api/instance", (c) => c.json({ pid }));
}
