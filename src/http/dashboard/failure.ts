// The one form of every answer that says no, the API's: problem details (RFC 9457). Must not know routes.
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { Failure } from "./protocol.ts";

export function failure(
  c: Context,
  status: ContentfulStatusCode,
  code: string,
  detail: string,
) {
  const body: Failure = { status, code, detail };
  return c.body(JSON.stringify(body), status, { "content-type": "application/problem+json" });
}
