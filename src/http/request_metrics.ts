// Counts requests and their durations by route. Knows no route by name.
import type { MiddlewareHandler } from "hono";
import { matchedRoutes } from "hono/route";
import type { HttpMetrics } from "../metrics/mod.ts";

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** Goes around everything that answers. Labels are bounded: routes as they are written, known methods, statuses. */
export function countRequests({ requests }: HttpMetrics): MiddlewareHandler {
  return async (c, next) => {
    const begin = performance.now();
    await next();
    // What every request passes through is registered for all methods, a route for one.
    const route = matchedRoutes(c).findLast(({ method }) => method !== "ALL")?.path ?? "none";
    const method = METHODS.has(c.req.method) ? c.req.method : "other";
    requests.observe(route, method, c.res.status, (performance.now() - begin) / 1000);
  };
}
