// One read-only statement from outside: refused unless it only reads, and stopped at a row count, a size, a time or a signal.
// Must not know who asks.

import { QueryRefusedError } from "../../errors.ts";
import { AnswerSize } from "../answer_size.ts";
import type { QueryOptions, QueryResult } from "../warehouse.ts";
import { cellReaders, typeName } from "./cells.ts";
import { translateQuery } from "./errors.ts";
import { checkReading } from "./query_check.ts";
import type { Session } from "./session.ts";

/** Queries that run at a time on the one session. */
const MAX_RUNNING = 8;
/** Queries that wait for their turn. */
const MAX_WAITING = 64;

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
    const { statement, long } = checkReading(sql, options.binds?.length ?? 0);
    return await this.#inTurn(() => this.#read(statement, long, options));
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
