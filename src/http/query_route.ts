// Read-only SQL over HTTP, for `freshet query` while the run holds the warehouse file. The warehouse refuses what is not
// one read-only statement; this file only takes it in and hands the rows out.
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import * as z from "zod";
import { FreshetError, QueryBusyError, WarehouseUnavailableError } from "../errors.ts";
import type { QueryOptions, QueryResult } from "../warehouse/warehouse.ts";
import { fieldErrors } from "./field_errors.ts";
import { describe, namedSchema, schemaOf } from "./openapi.ts";
import { problem } from "./problem.ts";
import { QueryAnswers } from "./query_answer.ts";
import type { BodyReader } from "./request_body.ts";

/** Rows of one answer: they are held in the memory of the run. */
export const MAX_ROWS = 100_000;

/** After how many seconds a query for which there was no place may be sent again. */
const BUSY_S = 2;

/** Body of `POST /api/query`. */
export const QueryRequest = z.strictObject({
  sql: z.string().min(1),
  max_rows: z.number().int().min(1).max(MAX_ROWS).default(1_000),
  timeout_ms: z.number().int().min(1).max(600_000).default(60_000),
});

const QueryAnswer = z.object({
  columns: z.array(z.object({ name: z.string(), type: z.string() })),
  rows: z.array(z.array(z.unknown())),
  truncated: z.boolean(),
});

export interface QueryRouteOptions {
  readonly query: (sql: string, options: QueryOptions) => Promise<QueryResult>;
  readonly bodies: BodyReader;
  /** Who asks. */
  readonly addressOf: (c: Context) => string;
}

/** Adds `POST /api/query`: 200 with a `QueryResult`, 400 for what is refused, 503 when the warehouse is away, or there
 * is no place for another query. */
export function queryRoute(api: OpenAPIHono, { query, bodies, addressOf }: QueryRouteOptions): void {
  const answers = new QueryAnswers(addressOf);
  describe(api, {
    method: "post",
    path: "/api/query",
    tag: "looking",
    summary: "One read-only SQL statement against the warehouse",
    description: "Always needs a token: that of FRESHET_API_TOKEN, or the one in the run file.",
    guarded: true,
    body: {
      required: true,
      schema: namedSchema(api, "QueryRequest", schemaOf(QueryRequest, "input")),
      examples: { "the newest alerts": { sql: "SELECT * FROM ATS_ALERTS ORDER BY STARTED_AT DESC", max_rows: 5 } },
    },
    answers: { 200: { description: "The rows", schema: namedSchema(api, "QueryAnswer", schemaOf(QueryAnswer)) } },
    problems: [
      "malformed_body",
      "query_refused",
      "body_timeout",
      "body_too_large",
      "too_many_bodies",
      "unsupported_media_type",
      "invalid_request",
      "too_many_requests",
      "warehouse_unavailable",
      "query_busy",
    ],
  });
  api.post("/api/query", async (c) => {
    const body = await bodies.json(c);
    if (body.kind === "refused") return problem(c, body.refusal);
    const request = QueryRequest.safeParse(body.kind === "none" ? {} : body.json);
    if (!request.success) {
      return problem(c, {
        code: "invalid_request",
        detail: z.prettifyError(request.error).slice(0, 1_000),
        errors: fieldErrors(request.error.issues),
      });
    }
    const { sql, max_rows: maxRows, timeout_ms: timeoutMs } = request.data;
    // Who has hung up needs no place any more.
    const { signal } = c.req.raw;
    try {
      return await answers.respond(c, (held) => query(sql, { maxRows, timeoutMs, signal, held }));
    } catch (error) {
      const detail = (error as Error).message;
      if (signal.aborted) return problem(c, { code: "query_busy", detail: "Nobody waits for the answer" });
      if (!(error instanceof FreshetError)) throw error;
      if (error instanceof QueryBusyError) return problem(c, { code: "query_busy", detail, retryAfter: BUSY_S });
      return error instanceof WarehouseUnavailableError
        ? problem(c, { code: "warehouse_unavailable", detail, retryAfter: 1 })
        : problem(c, { code: "query_refused", detail });
    }
  });
}
