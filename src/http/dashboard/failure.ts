// The one form of every answer that says no, the API's: problem details (RFC 9457). Must not know routes.
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { FreshetError, QueryBusyError, QueryTimeoutError, WarehouseUnavailableError } from "../../errors.ts";
import { loggerFor } from "../../logging.ts";
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

/** What is said of an error that an answer out of the warehouse ended in. */
export function failureOf(error: Error, path: string): Failure & { readonly status: 500 | 503 | 504 } {
  if (error instanceof QueryBusyError || error instanceof WarehouseUnavailableError) {
    return { status: 503, code: error.code, detail: error.message };
  }
  if (error instanceof QueryTimeoutError) {
    const detail = `${error.message}, and was ended: choose a shorter time range, or a filter, or ask again later`;
    return { status: 504, code: "query_timeout", detail };
  }
  // The statements are the dashboard's own: one that is refused misses a table, or has no room.
  if (error instanceof FreshetError) return { status: 500, code: error.code, detail: error.message };
  loggerFor("dashboard").error("A request failed", { path, error });
  return { status: 500, code: "internal", detail: "The request failed: the log says why" };
}
