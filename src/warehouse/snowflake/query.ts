// One read-only statement from outside: refused unless it only reads, and stopped at a row count, a size, a time or a signal.
// Snowflake has no read-only transactions, so what a statement may be is decided by its words. Must not know who asks.

import { QueryRefusedError } from "../../errors.ts";
import { AnswerSize } from "../answer_size.ts";
import { snowflakeDialect, splitStatements, type Token, tokens } from "../scripts.ts";
import type { QueryOptions, QueryResult } from "../warehouse.ts";
import { cellReaders, typeName } from "./cells.ts";
import { translateQuery } from "./errors.ts";
import type { Session } from "./session.ts";

const ALLOWED = ["SELECT", "WITH", "VALUES", "SHOW", "DESCRIBE", "DESC", "EXPLAIN"];

/** Of those, the ones whose answer can be long. */
const LIMITED = new Set(["SELECT", "WITH", "VALUES"]);

/** Words that make a statement that begins like a query run something: a procedure behind WITH. */
const FORBIDDEN = new Set(["CALL", "PROCEDURE"]);

/** Queries that run at a time on the one session. */
const MAX_RUNNING = 8;
/** Queries that wait for their turn. */
const MAX_WAITING = 64;

function isSystemFunction({ kind, text }: Token): boolean {
  return (kind === "word" && /^SYSTEM\$/i.test(text)) || (kind === "identifier" && /^"SYSTEM\$/i.test(text));
}

/** The one statement in the text. Errors: `QueryRefusedError` when there are more, or it may do more than read. */
function checkedStatement(sql: string, binds: number): { readonly statement: string; readonly first: string } {
  const statements = splitStatements(sql, snowflakeDialect);
  const [statement] = statements;
  if (statement === undefined || statements.length > 1) {
    throw new QueryRefusedError(`Expected one statement, got ${statements.length}: send them one by one`);
  }
  const significant = [...tokens(statement, snowflakeDialect)].filter(({ kind }) =>
    kind !== "space" && kind !== "comment"
  );
  const first = significant.find(({ text }) => text !== "(")!;
  if (first.kind !== "word" || !ALLOWED.includes(first.text.toUpperCase())) {
    throw new QueryRefusedError(`Only statements that read are allowed (${ALLOWED.join(", ")}), not "${first.text}"`);
  }
  for (const [i, token] of significant.entries()) {
    const { kind, text } = token;
    if (kind === "word" && FORBIDDEN.has(text.toUpperCase())) {
      throw new QueryRefusedError(`Only statements that read are allowed, and this one has ${text.toUpperCase()}`);
    }
    if (isSystemFunction(token)) throw new QueryRefusedError("System functions are not allowed in a query");
    // The pipe operator `->>` puts any statement behind a query.
    if (text === ">" && significant[i - 1]?.text === ">" && significant[i - 2]?.text === "-") {
      throw new QueryRefusedError('Only one statement is allowed, without the pipe operator "->>"');
    }
  }
  const places = significant.filter(({ kind, text }) => kind === "symbol" && text === "?").length;
  if (places !== binds) throw new QueryRefusedError(`The query has ${places} places for values, got ${binds}`);
  return { statement, first: first.text.toUpperCase() };
}

export class Queries {
  readonly #session: Session;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(session: Session) {
    this.#session = session;
  }

  async run(sql: string, options: QueryOptions): Promise<QueryResult> {
    options.signal?.throwIfAborted();
    this.#session.account.checkOpen();
    const { statement, first } = checkedStatement(sql, options.binds?.length ?? 0);
    return await this.#inTurn(() => this.#read(statement, LIMITED.has(first), options));
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= MAX_RUNNING) {
      if (this.#waiting.length >= MAX_WAITING) throw new QueryRefusedError("Too many queries at once: try again");
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#running++;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }

  async #read(sql: string, limited: boolean, options: QueryOptions): Promise<QueryResult> {
    const { binds = [], maxRows = Infinity, maxBytes, timeoutMs, signal } = options;
    const late = timeoutMs === undefined
      ? undefined
      : new QueryRefusedError(`The query took longer than ${timeoutMs} ms`);
    const stop = new AbortController();
    const timer = late && setTimeout(() => stop.abort(late), timeoutMs);
    try {
      const { columns, rows, truncated } = await this.#session.query(sql, binds, {
        maxRows,
        // Snowflake stops at this many rows; one more says that there are more.
        ...(limited && maxRows !== Infinity ? { parameters: { ROWS_PER_RESULTSET: maxRows + 1 } } : {}),
        signal: signal ? AbortSignal.any([signal, stop.signal]) : stop.signal,
      });
      const readers = cellReaders(columns);
      const size = new AnswerSize(maxBytes);
      return {
        columns: columns.map((column) => ({ name: column.name, type: typeName(column) })),
        rows: rows.map((row) => {
          const cells = row.map((value, i) => readers[i]!(value));
          size.add(cells);
          return cells;
        }),
        truncated,
      };
    } catch (error) {
      if (error instanceof QueryRefusedError || error === signal?.reason) throw error;
      throw translateQuery(error, this.#session.account.place);
    } finally {
      clearTimeout(timer);
    }
  }
}
