// Read-only SQL over HTTP, for `freshet query` while the run holds the warehouse file. The warehouse refuses what is not
// one read-only statement; this file only takes it in and hands the rows out.
import type { Hono } from "hono";
import * as z from "zod";
import { FreshetError, WarehouseUnavailableError } from "../errors.ts";
import type { QueryOptions, QueryResult } from "../warehouse/warehouse.ts";

/** Rows of one answer: they are held in the memory of the run. */
export const MOST_ROWS = 100_000;

/** Body of `POST /api/query`. */
export const QueryRequest = z.strictObject({
  sql: z.string().min(1),
  max_rows: z.number().int().min(1).max(MOST_ROWS).default(1_000),
  timeout_ms: z.number().int().min(1).max(600_000).default(60_000),
});

/** Body of an answer that is not 2xx. */
export interface ErrorAnswer {
  readonly error: { readonly code: string; readonly message: string };
}

/** Adds `POST /api/query`: 200 with a `QueryResult`, 400 for what is refused, 503 when the warehouse is away. */
export function queryRoute(api: Hono, query: (sql: string, options: QueryOptions) => Promise<QueryResult>): void {
  api.post("/api/query", async (c) => {
    const request = QueryRequest.safeParse(await c.req.json().catch(() => undefined));
    if (!request.success) {
      return c.json<ErrorAnswer>({ error: { code: "bad_request", message: z.prettifyError(request.error) } }, 400);
    }
    const { sql, max_rows: maxRows, timeout_ms: timeoutMs } = request.data;
    try {
      return c.json(await query(sql, { maxRows, timeoutMs }));
    } catch (error) {
      if (!(error instanceof FreshetError)) throw error;
      const status = error instanceof WarehouseUnavailableError ? 503 : 400;
      return c.json<ErrorAnswer>({ error: { code: error.code, message: error.message } }, status);
    }
  });
}
