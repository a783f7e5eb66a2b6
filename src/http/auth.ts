// Bearer tokens, compared in constant time. Knows nothing of the routes it guards.
// Our own: hono's takes one token or a list, and answers in another form than our problems.
import { createHash, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { problem } from "./problem.ts";

/** Who may ask: clients with the configured token, and this program's own verbs with the run file's. */
export interface Tokens {
  readonly api: string | undefined;
  readonly run: string | undefined;
}

/** Lets requests with one of the tokens pass, answers 401 to others. Without any token nobody passes. */
export function requireToken(accepted: readonly (string | undefined)[]): MiddlewareHandler {
  const digests = accepted.filter((token) => token !== undefined).map(digest);
  return async (c, next) => {
    const [scheme, token = ""] = (c.req.header("authorization") ?? "").split(" ");
    const given = digest(token);
    let matches = false;
    // All are compared, so that the time does not tell which one was near.
    for (const known of digests) matches = timingSafeEqual(known, given) || matches;
    if (scheme?.toLowerCase() === "bearer" && matches) return await next();
    c.header("www-authenticate", "Bearer");
    return problem(c, { code: "unauthorized", detail: 'Send the token as "Authorization: Bearer …"' });
  };
}

/** Of equal length whatever the token, which the comparison needs. */
function digest(token: string): Uint8Array {
  return createHash("sha256").update(token).digest();
}
