// One read-only statement from outside: refused unless it only reads, and stopped at a row count, a size, a time or a signal.
// Must not know who asks.

import { Deadline } from "../../deadline.ts";
import { QueryBusyError, QueryRefusedError, QueryTimeoutError } from "../../errors.ts";
import { Semaphore } from "../../semaphore.ts";
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
  readonly #turns = new Semaphore({
    maxRunning: MAX_RUNNING,
    maxWaiting: MAX_WAITING,
    full: () => new QueryBusyError("Too many queries at once: ask again in a while"),
  });

  constructor(session: Session) {
    this.#session = session;
  }

  async run(sql: string, options: QueryOptions): Promise<QueryResult> {
    const { signal, timeoutMs } = options;
    signal?.throwIfAborted();
    this.#session.account.checkOpen();
    const { statement, long } = checkReading(sql, options.binds?.length ?? 0);
    const late = () => new QueryTimeoutError(`The query took longer than ${timeoutMs} ms`);
    using deadline = new Deadline({ signal, timeoutMs, late });
    return await this.#turns.run(
      () => this.#read(statement, long, { ...options, signal: deadline.signal }),
      deadline.signal,
    );
  }

  async #read(sql: string, limited: boolean, options: QueryOptions): Promise<QueryResult> {
    const { binds = [], maxRows = Infinity, maxBytes, held, signal } = options;
    try {
      const { columns, rows, truncated } = await this.#session.query(sql, binds, {
        maxRows,
        // Snowflake stops at this many rows; one more says that there are more.
        ...(limited && maxRows !== Infinity ? { parameters: { ROWS_PER_RESULTSET: maxRows + 1 } } : {}),
        signal,
      });
      const readers = cellReaders(columns);
      const size = new AnswerSize(maxBytes, held);
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
    }
  }
}
