// The headers of every answer: the request's id, and what tells browsers to be careful. Setting them one by one on an
// answer costs as much as checking an event, so the routes that take thousands of events a second make theirs at once.
import type { Context, MiddlewareHandler } from "hono";
// For the type of the context's variable.
import type {} from "hono/request-id";
import { secureHeaders } from "hono/secure-headers";

const REQUEST_ID = "x-request-id";
/** What is of use for JSON, text and a page without scripts. */
const SECURE_HEADERS = {
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    styleSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
  },
  xFrameOptions: "DENY",
  crossOriginOpenerPolicy: false,
  originAgentCluster: false,
  // It listens in clear text; whoever puts TLS in front says this.
  strictTransportSecurity: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
  removePoweredBy: false,
};

/** Names each request, by its client's id if that is a sane one, and sets the headers but for the paths in `busy`. */
export function answerHeaders(busy: ReadonlySet<string>): MiddlewareHandler {
  const secure = secureHeaders(SECURE_HEADERS);
  return async (c, next) => {
    const given = c.req.header(REQUEST_ID);
    const id = given !== undefined && /^[\w\-=]{1,100}$/.test(given) ? given : crypto.randomUUID();
    c.set("requestId", id);
    if (busy.has(c.req.path)) return await next();
    await secure(c, next);
    c.res.headers.set(REQUEST_ID, id);
  };
}

/** The headers that an answer of a busy path needs: nothing in it is shown by a browser. */
export function headersOf(c: Context, type: string): Record<string, string> {
  return { "content-type": type, [REQUEST_ID]: c.get("requestId") ?? "", "x-content-type-options": "nosniff" };
}
