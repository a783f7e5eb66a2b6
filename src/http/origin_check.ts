// Refuses requests that change something and come from another site's page: a browser sends them along with its own
// machine's name as Host, so the Host check does not see them.
import type { MiddlewareHandler } from "hono";
import { nameCheck, type Names } from "./host_check.ts";
import { problem } from "./problem.ts";

/** Answers 403 to such requests. Where any name will do, the token guards. */
export function checkOrigin(names: Names): MiddlewareHandler {
  const isOurs = nameCheck(names);
  return (c, next) => {
    if (isOurs && c.req.method !== "GET" && c.req.method !== "HEAD") {
      const origin = c.req.header("origin");
      const url = origin === undefined ? undefined : URL.parse(origin);
      if (url !== undefined && !(url && isOurs(url.hostname.replace(/^\[(.*)\]$/, "$1")))) {
        return Promise.resolve(problem(c, { code: "foreign_origin", detail: "The Origin header names another site" }));
      }
    }
    return next();
  };
}
