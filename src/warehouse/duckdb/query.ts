// One read-only statement from outside: refused unless it only reads, and stopped at a row count, a size, a time or a signal.
// Must not know who asks.

import type { DuckDBConnection, DuckDBPreparedStatement, DuckDBResult, StatementType } from "@duckdb/node-api";
import { setTimeout as delay } from "node:timers/promises";
import { Deadline } from "../../deadline.ts";
import {
  QueryBusyError,
  QueryRefusedError,
  QueryTimeoutError,
  QueryTooLargeError,
  WarehouseUnavailableError,
} from "../../errors.ts";
import { Semaphore } from "../../semaphore.ts";
import { AnswerSize } from "../answer_size.ts";
import type { Asker, QueryOptions, QueryResult } from "../warehouse.ts";
import { runBeside } from "./beside.ts";
import { cellReaders, typeName } from "./cells.ts";
import type { Database } from "./database.ts";
import {
  briefMessage,
  isOutOfMemory,
  messageOf,
  needsMore,
  reopenedMeanwhile,
  translate,
  withoutAdvice,
} from "./errors.ts";
import { interruptAt } from "./interrupt.ts";
import { type Checked, ReadingCheck } from "./query_check.ts";
import { limited, readStatement, type Statement } from "./query_statement.ts";
import { mutex } from "./concurrency.ts";

/** How many queries of an asker run at a time, and wait for their turn. Those of users share one thread. */
const PLACES: Readonly<Record<Asker, { readonly maxRunning: number; readonly maxWaiting: number }>> = {
  program: { maxRunning: 4, maxWaiting: 64 },
  probe: { maxRunning: 1, maxWaiting: 8 },
  user: { maxRunning: 2, maxWaiting: 8 },
};
/** How long a user's query waits for its turn, milliseconds. */
const USER_WAIT_MS = 10_000;
/**
 * What users' cells cost the thread that makes JSON of them, and how much of its time they get: after a large answer the next
 * query waits. Up to so many cells nobody waits.
 */
const MS_A_CELL = 0.001;
const USER_SHARE = 0.1;
const FREE_CELLS = 10_000;
/** How long the writers wait for a query that found no memory beside them, milliseconds. */
const ALONE_MS = 3_000;

/** Errors of the statement itself, as opposed to errors of the file. What DuckDB fails on inside is a user's to ask otherwise. */
export function refusal(error: unknown, file: string, asker: Asker = "program"): Error {
  if (error instanceof QueryRefusedError || error instanceof WarehouseUnavailableError) return error;
  const text = messageOf(error);
  if (isOutOfMemory(error)) {
    const setting = asker === "user" ? "FRESHET_QUERY_MEMORY" : "FRESHET_DUCKDB_MEMORY";
    return new QueryTooLargeError(needsMore(setting, withoutAdvice(error)), { cause: error });
  }
  if (asker === "user" && text.startsWith("INTERNAL Error")) {
    return new QueryRefusedError(`DuckDB itself fails on this query: write it another way (${briefMessage(error)})`, {
      cause: error,
    });
  }
  if (/^(IO|FATAL|INTERNAL|Connection) Error|database has been invalidated|^Warehouse file/.test(text)) {
    return translate(error, file);
  }
  return new QueryRefusedError(text, { cause: error });
}

/** What a statement must be when it is prepared. */
interface Expected extends Checked {
  readonly type: StatementType;
}

const tooMany = () => new QueryBusyError("Too many queries at once: ask again in a while");

type Answering = (statement: Statement, options: QueryOptions, deadline: Deadline) => Promise<QueryResult>;

export class Queries {
  readonly #database: Database;
  readonly #turns: Readonly<Record<Asker, Semaphore>> = {
    program: new Semaphore({ ...PLACES.program, full: tooMany }),
    probe: new Semaphore({ ...PLACES.probe, full: tooMany }),
    user: new Semaphore({ ...PLACES.user, full: tooMany }),
  };
  /** When the next query of a user may begin, by the monotonic clock. */
  #usersRestUntil = 0;
  /** Of queries that run or wait. */
  readonly #deadlines = new Set<Deadline>();
  /** Of those that need the writers' turn, so that between two of them the writers have theirs. */
  readonly #aloneTurn = mutex();
  readonly #check = new ReadingCheck();

  constructor(database: Database) {
    this.#database = database;
  }

  async run(sql: string, options: QueryOptions): Promise<QueryResult> {
    const { signal, timeoutMs, asker = "program" } = options;
    signal?.throwIfAborted();
    const statement = readStatement(sql);
    const late = () => new QueryTimeoutError(`The query took longer than ${timeoutMs} ms`);
    using deadline = new Deadline({ signal, timeoutMs, late });
    using patience = new Deadline({
      signal: deadline.signal,
      timeoutMs: asker === "user" ? USER_WAIT_MS : undefined,
      late: tooMany,
    });
    this.#deadlines.add(deadline);
    const answer = () => this.#answers[asker](statement, options, deadline);
    try {
      return await this.#database.work(() => this.#turns[asker].run(answer, patience.signal));
    } finally {
      this.#deadlines.delete(deadline);
    }
  }

  readonly #answers: Readonly<Record<Asker, Answering>> = {
    program: (...query) => this.#answer(...query),
    probe: (...query) => this.#look(...query),
    user: (...query) => this.#answerUser(...query),
  };

  /** Stops what runs and what waits. */
  close(): void {
    const reason = new WarehouseUnavailableError(`Warehouse file "${this.#database.path}" is being closed`);
    for (const deadline of this.#deadlines) deadline.end(reason);
  }

  async #answer(statement: Statement, options: QueryOptions, deadline: Deadline): Promise<QueryResult> {
    this.#database.check();
    while (this.#database.renewing) await deadline.within(this.#database.renewing);
    using _reading = this.#database.reading();
    try {
      return await this.#read(statement, options, deadline);
    } catch (error) {
      if (!(error instanceof QueryRefusedError && isOutOfMemory(error.cause))) throw error;
      return await this.#answerAlone(statement, options, deadline, error);
    }
  }

  /** Waits for nobody, and holds nobody up. A file that is being opened anew is here, which is all that is asked. */
  async #look(...query: Parameters<Answering>): Promise<QueryResult> {
    this.#database.check();
    if (this.#database.renewing) return { columns: [], rows: [], truncated: false };
    // What opens it anew ends the connections, also those that are in use.
    using _reading = this.#database.reading();
    return await this.#read(...query);
  }

  /** In the room that users have. Never alone: the pipelines do not wait for them. */
  async #answerUser(statement: Statement, options: QueryOptions, deadline: Deadline): Promise<QueryResult> {
    const database = this.#database;
    database.check();
    const restMs = this.#usersRestUntil - performance.now();
    if (restMs > 0) await deadline.within(delay(restMs, undefined, { signal: deadline.signal }));
    while (database.usersWait) await deadline.within(database.usersWait);
    using _reading = database.reading();
    await using _place = await database.room.enter((reason) => deadline.end(reason));
    const answer = await this.#read(statement, options, deadline);
    const cells = answer.rows.length * answer.columns.length;
    if (cells > FREE_CELLS) this.#usersRestUntil = performance.now() + cells * MS_A_CELL / USER_SHARE;
    return answer;
  }

  /**
   * Once more, while nobody writes: a writer that folds the write-ahead log into the file holds most of the memory for a
   * moment. Throws `error`, with which the query failed beside the writers, when the memory or a short time is not enough.
   */
  async #answerAlone(
    statement: Statement,
    options: QueryOptions,
    deadline: Deadline,
    error: QueryRefusedError,
  ): Promise<QueryResult> {
    const alone = this.#aloneTurn(() =>
      this.#database.turn(async () => {
        deadline.check();
        deadline.shorten(ALONE_MS);
        return await this.#read(statement, options, deadline);
      })
    );
    try {
      return await deadline.within(alone);
    } catch (again) {
      options.signal?.throwIfAborted();
      throw again instanceof QueryRefusedError ? error : again;
    }
  }

  async #read(statement: Statement, options: QueryOptions, deadline: Deadline): Promise<QueryResult> {
    const session = this.#database.session();
    try {
      const connection = await session.connection();
      deadline.check();
      using _watched = interruptAt(deadline.signal, connection);
      await session.run("BEGIN TRANSACTION READ ONLY");
      const fetch = () => this.#fetch(connection, statement, options, deadline);
      if (options.asker !== "user") return await this.#database.statement(fetch);
      // Without the room there is no thread that would work on it.
      if (!this.#database.room.isIn(this.#database.generation)) throw reopenedMeanwhile(this.#database.path);
      return await this.#database.userStatement(fetch);
    } catch (error) {
      deadline.check();
      throw refusal(error, this.#database.path, options.asker);
    } finally {
      await session.rollback();
      session.close();
    }
  }

  /**
   * Results are not streamed: a stream that fails midway ends like one that is done, and holds the file open until
   * it is garbage collected. A limit around the statement bounds them instead.
   */
  async #fetch(
    connection: DuckDBConnection,
    query: Statement,
    options: QueryOptions,
    deadline: Deadline,
  ): Promise<QueryResult> {
    const { maxRows = Infinity, maxBytes, held, binds = [] } = options;
    const { StatementType } = this.#database.client;
    const { makesType } = await this.#check.check(query.body, connection);
    const expected = { type: query.explain === "" ? StatementType.SELECT : StatementType.EXPLAIN, makesType };
    const whole = await this.#prepare(connection, limited(query, Infinity), expected);
    const names = Array.from({ length: whole.columnCount }, (_, i) => whole.columnName(i));
    whole.destroySync();
    const statement = await this.#prepare(connection, limited(query, maxRows), expected);
    let result: DuckDBResult;
    try {
      deadline.check();
      if (statement.parameterCount !== binds.length) {
        throw new QueryRefusedError(`The query has ${statement.parameterCount} places for values, got ${binds.length}`);
      }
      statement.bind([...binds]);
      result = options.asker === "user" ? await runBeside(statement) : await statement.run();
    } finally {
      statement.destroySync();
    }
    const types = result.columnTypes();
    const readers = cellReaders(types, this.#database.client);
    const rows: unknown[][] = [];
    const size = new AnswerSize(maxBytes, held);
    let truncated = false;
    for await (const chunk of result) {
      for (let i = 0; i < chunk.rowCount && !truncated; i++) {
        if (rows.length >= maxRows) truncated = true;
        else {
          const row = chunk.getRowValues(i).map((value, column) => readers[column]!(value));
          size.add(row);
          rows.push(row);
        }
      }
    }
    return {
      columns: types.map((type, i) => ({ name: names[i] ?? result.columnName(i), type: typeName(type) })),
      rows,
      truncated,
    };
  }

  /**
   * What was checked on its tree is checked once more as it is prepared: it must be one statement, of the type expected. Of a
   * PIVOT that finds its values DuckDB makes several: temporary types, and the query.
   */
  async #prepare(connection: DuckDBConnection, sql: string, expected: Expected): Promise<DuckDBPreparedStatement> {
    const { StatementType } = this.#database.client;
    const extracted = await connection.extractStatements(sql);
    if (extracted.count !== 1 && !expected.makesType) {
      throw new QueryRefusedError(`Expected one statement, got ${extracted.count}: send them one by one`);
    }
    for (let i = 0;; i++) {
      const statement = await extracted.prepare(i);
      const last = i === extracted.count - 1;
      if (statement.statementType !== (last ? expected.type : StatementType.CREATE)) {
        const kind = StatementType[statement.statementType];
        statement.destroySync();
        throw new QueryRefusedError(`Only statements that read are allowed, and this one is ${kind}`);
      }
      if (last) return statement;
      try {
        await statement.run();
      } finally {
        statement.destroySync();
      }
    }
  }
}
