// SQL over the dashboard: one read-only statement as `POST /api/query` of the API takes it, and what a statement can name.
// What is read-only is decided by the warehouse; knows nothing of it.
import type { Hono } from "hono";
import * as z from "zod";
import { FreshetError, QueryBusyError, WarehouseUnavailableError } from "../../errors.ts";
import type { Ask, Rows } from "../../panels/mod.ts";
import type { LargeAnswers } from "../large_answers.ts";
import type { BodyReader } from "../request_body.ts";
import type { AnswerCache } from "./answer_cache.ts";
import { failure } from "./failure.ts";
import type { SchemaAnswer } from "./protocol.ts";
import { type AllCheck, refused } from "./session.ts";

const Question = z.strictObject({ sql: z.string().trim().min(1).max(500_000) });

/** Of one answer, which is made as a whole: a browser shows no more. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
/** Columns of all tables together. */
const MAX_COLUMNS = 10_000;
/** Tables come and go with the program's versions. */
const SCHEMA_FRESH_MS = 60_000;

export interface SqlRoutesOptions {
  /** For the program's own questions. */
  readonly answers: AnswerCache;
  /** For what users put together. */
  readonly looks: AnswerCache;
  readonly bodies: BodyReader;
  readonly large: LargeAnswers;
  readonly mayAll: AllCheck;
}

/** Adds `POST /api/query` and `GET /api/columns`. */
export function sqlRoutes(app: Hono, { answers, looks, bodies, large, mayAll }: SqlRoutesOptions): void {
  app.post("/api/query", async (c) => {
    const refusal = mayAll(c);
    if (refusal) return refused(c, refusal);
    const body = await bodies.json(c);
    if (body.kind === "refused") return refused(c, body.refusal);
    const question = Question.safeParse(body.kind === "none" ? {} : body.json);
    if (!question.success) return failure(c, 400, "bad_request", 'Expected {"sql": "SELECT …"}');
    try {
      const ask = (ask: Ask) => ask(question.data.sql, { maxBytes: MAX_ANSWER_BYTES });
      return large.json(c, await looks.once<Rows>(ask, c.req.raw.signal));
    } catch (error) {
      const isBusy = error instanceof QueryBusyError || error instanceof WarehouseUnavailableError;
      // What is wrong with the statement is for who wrote it.
      if (!(error instanceof FreshetError) || isBusy) throw error;
      return failure(c, 400, error.code, error.message);
    }
  });
  app.get("/api/columns", async (c) => {
    const { signal } = c.req.raw;
    return c.json(
      await answers.shared("pipeline", "columns", (ask) => schemaOf(ask), { freshMs: SCHEMA_FRESH_MS, signal }),
    );
  });
}

/** Tables and views with their columns, as both warehouses tell them. */
async function schemaOf(ask: Ask): Promise<SchemaAnswer> {
  const { rows } = await ask(
    `SELECT TABLE_NAME, COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = CURRENT_SCHEMA()
     ORDER BY TABLE_NAME, ORDINAL_POSITION`,
    { maxRows: MAX_COLUMNS },
  );
  const byTable = Map.groupBy(rows, ([table]) => String(table));
  return { tables: [...byTable].map(([name, of]) => ({ name, columns: of.map(([, column]) => String(column)) })) };
}
