// Refuses requests that change something and come from another site's page: a browser sends them along with its own
// machine's name as Host, so the Host check does not see them.
import type { MiddlewareHandler } from "hono";
import { isLoopback } from "../config.ts";
import { problem } from "./problem.ts";

/** Answers 403 to such requests while listening on loopback. Where others may connect, the token guards. */
export function checkOrigin(hostname: string): MiddlewareHandler {
  const onLoopback = isLoopback(hostname);
  return async (c, next) => {
    if (onLoopback && c.req.method !== "GET" && c.req.method !== "HEAD") {
      const origin = c.req.header("origin");
      if (origin !== undefined && !isOurs(origin)) {
        return problem(c, { code: "foreign_origin", detail: "The Origin header names another site" });
      }
    }
    return await next();
  };
}

function isOurs(origin: string): boolean {
  const url = URL.parse(origin);
  return url !== null && isLoopback(url.hostname.replace(/^\[(.*)\]$/, "$1"));
}
