// Who may be called: a page that makes its own name point here (DNS rebinding), or another site's page that a browser has
// open, is told apart by the name it asks for. Beyond loopback, where no names are set, the token guards.
import type { MiddlewareHandler } from "hono";
import { isLoopback } from "../config/mod.ts";
import { problem } from "./problem.ts";

/** Where a server listens and by which names it answers. */
export interface Names {
  readonly hostname: string;
  /** Besides loopback ones; in small letters. */
  readonly allowedHosts?: readonly string[];
}

/** Whether clients may use the name; `undefined` where any will do. */
export function nameCheck({ hostname, allowedHosts = [] }: Names): ((name: string) => boolean) | undefined {
  if (!isLoopback(hostname) && allowedHosts.length === 0) return undefined;
  return (name) => isLoopback(name) || allowedHosts.includes(name);
}

/** Answers 421 to requests for a host name that is not this server's. */
export function checkHost(names: Names): MiddlewareHandler {
  const isOurs = nameCheck(names);
  return (c, next) => {
    if (isOurs && !isOurs(hostnameOf(c.req.header("host") ?? new URL(c.req.url).host))) {
      const detail = "This server answers to loopback names and those of FRESHET_ALLOWED_HOSTS only";
      return Promise.resolve(problem(c, { code: "wrong_host", detail }));
    }
    return next();
  };
}

function hostnameOf(host: string): string {
  const match = /^\[([^\]]*)\](:\d+)?$|^([^:]*)(:\d+)?$/.exec(host);
  return (match?.[1] ?? match?.[3] ?? "").toLowerCase();
}
