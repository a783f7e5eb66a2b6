// Checks the Host header while listening on loopback: a page that makes its own name point here (DNS rebinding) is refused.
import type { MiddlewareHandler } from "hono";
import { isLoopback } from "../config.ts";
import { problem } from "./problem.ts";

/** Answers 421 to requests for a host name that is not this machine's. Where others may connect, the token guards. */
export function checkHost(hostname: string): MiddlewareHandler {
  const onLoopback = isLoopback(hostname);
  return async (c, next) => {
    const asked = hostnameOf(c.req.header("host") ?? new URL(c.req.url).host);
    if (onLoopback && !isLoopback(asked)) {
      return problem(c, { code: "wrong_host", detail: "This server answers to loopback names only" });
    }
    return await next();
  };
}

function hostnameOf(host: string): string {
  const match = /^\[([^\]]*)\](:\d+)?$|^([^:]*)(:\d+)?$/.exec(host);
  return (match?.[1] ?? match?.[3] ?? "").toLowerCase();
}
