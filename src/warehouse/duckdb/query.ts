// One read-only statement from outside: refused unless it only reads, and stopped at a row count, a size, a time or a signal.
// Must not know who asks.

import type { DuckDBConnection, DuckDBPreparedStatement, DuckDBResult } from "@duckdb/node-api";
import { QueryRefusedError, WarehouseUnavailableError } from "../../errors.ts";
import { AnswerSize } from "../answer_size.ts";
import { duckDbDialect, splitStatements, type Token, tokens } from "../scripts.ts";
import type { QueryOptions, QueryResult } from "../warehouse.ts";
import { cellReaders, typeName } from "./cells.ts";
import type { Database } from "./database.ts";
import { turns } from "./turns.ts";
import { briefMessage, isInterrupted, isOutOfMemory, messageOf, translate } from "./errors.ts";

const ALLOWED = [
  "SELECT",
  "WITH",
  "VALUES",
  "FROM",
  "TABLE",
  "DESCRIBE",
  "DESC",
  "SHOW",
  "SUMMARIZE",
  "EXPLAIN",
  "PIVOT",
  "UNPIVOT",
];

/** Of those, the ones that can stand in brackets; the others answer with few rows. */
const LIMITED = new Set(["SELECT", "WITH", "VALUES", "FROM", "TABLE", "PIVOT", "UNPIVOT"]);

/** Functions that change the instance, or run SQL hidden in text, although the statement around them is a SELECT. */
const FORBIDDEN = new Set([
  "checkpoint",
  "force_checkpoint",
  "query",
  "query_table",
  "json_execute_serialized_sql",
  "write_log",
  "truncate_duckdb_logs",
  "sleep_ms",
  "enable_logging",
  "disable_logging",
  "enable_profiling",
  "disable_profiling",
  "enable_peg_parser",
  "disable_peg_parser",
  "arrow_scan",
  "arrow_scan_dumb",
]);

/** Queries that run at a time; each may take as many threads as the writers, out of the same memory. */
const MAX_RUNNING = 4;
/** Queries that wait for their turn. */
const MAX_WAITING = 64;
/** How often an interrupt is repeated, milliseconds: DuckDB forgets one that comes just before a statement starts. */
const INTERRUPT_EVERY_MS = 20;
/** How long the writers wait for a query that found no memory beside them, milliseconds. */
const ALONE_MS = 3_000;

function significantTokens(sql: string): Token[] {
  return [...tokens(sql, duckDbDialect)].filter(({ kind }) => kind !== "space" && kind !== "comment");
}

/** The statement so that it answers with at most one row more than asked for. */
function limited(statement: string, maxRows: number): string {
  const first = significantTokens(statement).find(({ text }) => text !== "(")!.text.toUpperCase();
  if (!LIMITED.has(first) || maxRows === Infinity) return statement;
  return `SELECT * FROM (${statement}\n) LIMIT ${maxRows + 1}`;
}

/** The one statement in the text. Errors: `QueryRefusedError` when there are more, or it does not begin like one that reads. */
function checkedStatement(sql: string): string {
  const statements = splitStatements(sql, duckDbDialect);
  const [statement] = statements;
  if (statement === undefined || statements.length > 1) {
    throw new QueryRefusedError(`Expected one statement, got ${statements.length}: send them one by one`);
  }
  const significant = significantTokens(statement);
  const first = significant.find(({ text }) => text !== "(")!;
  if (first.kind !== "word" || !ALLOWED.includes(first.text.toUpperCase())) {
    throw new QueryRefusedError(`Only statements that read are allowed (${ALLOWED.join(", ")}), not "${first.text}"`);
  }
  for (const [i, token] of significant.entries()) {
    if (FORBIDDEN.has(nameOf(token)) && significant[i + 1]?.text === "(") {
      throw new QueryRefusedError(`Function ${nameOf(token)} is not allowed in a query`);
    }
  }
  return statement;
}

function nameOf({ kind, text }: Token): string {
  if (kind === "word") return text.toLowerCase();
  return kind === "identifier" ? text.slice(1, -1).toLowerCase() : "";
}

/** Errors of the statement itself, as opposed to errors of the file. */
function refusal(error: unknown, file: string): Error {
  if (error instanceof QueryRefusedError) return error;
  const text = messageOf(error);
  if (isOutOfMemory(error)) {
    return new QueryRefusedError(`The query needs more memory than DuckDB may use: ${briefMessage(error)}`, {
      cause: error,
    });
  }
  if (/^(IO|FATAL|INTERNAL|Connection) Error|database has been invalidated|^Warehouse file/.test(text)) {
    return translate(error, file);
  }
  return new QueryRefusedError(text, { cause: error });
}

/** Stops waiting, and what a connection runs, when the time is up or the signal is aborted. */
class Stop implements Disposable {
  readonly #options: QueryOptions;
  readonly #stopping = new AbortController();
  readonly #onAbort = () => this.#stop();
  readonly #timers: ReturnType<typeof setTimeout>[] = [];
  #interrupts: ReturnType<typeof setInterval> | undefined;
  #connection: DuckDBConnection | undefined;
  #ended: Error | undefined;

  constructor(options: QueryOptions) {
    this.#options = options;
    const { timeoutMs, signal } = options;
    if (timeoutMs !== undefined) this.shorten(timeoutMs);
    signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  get stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Stops for a reason of its own. */
  end(reason: Error): void {
    this.#ended = reason;
    this.#stop();
  }

  /** The time is up after `ms` milliseconds at the latest. */
  shorten(ms: number): void {
    this.#timers.push(setTimeout(this.#onAbort, ms));
  }

  /** What `work` gives, unless it is stopped before; the work itself goes on. */
  async within<T>(work: Promise<T>): Promise<T> {
    this.check();
    const stopped = Promise.withResolvers<void>();
    this.#stopping.signal.addEventListener("abort", () => stopped.resolve(), { once: true });
    const outcome = await Promise.race([work.then((value) => ({ value })), stopped.promise]);
    if (outcome) return outcome.value;
    throw this.#reason();
  }

  /** Until it is disposed of, stopping interrupts what the connection runs. */
  watch(connection: DuckDBConnection): Disposable {
    this.check();
    this.#connection = connection;
    return { [Symbol.dispose]: () => this.#connection = undefined };
  }

  /** Throws the signal's reason, or that the time is up. */
  check(): void {
    if (this.stopped) throw this.#reason();
  }

  #reason(): unknown {
    const { signal, timeoutMs } = this.#options;
    if (this.#ended) return this.#ended;
    return signal?.aborted ? signal.reason : new QueryRefusedError(`The query took longer than ${timeoutMs} ms`);
  }

  #stop(): void {
    this.#stopping.abort();
    const interrupt = () => this.#connection?.interrupt();
    interrupt();
    this.#interrupts ??= setInterval(interrupt, INTERRUPT_EVERY_MS);
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearTimeout(timer);
    clearInterval(this.#interrupts);
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
  }
}

export class Queries {
  readonly #database: Database;
  #running = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #stops = new Set<Stop>();
  /** Of those that need the writers' turn, so that between two of them the writers have theirs. */
  readonly #aloneTurn = turns();

  constructor(database: Database) {
    this.#database = database;
  }

  async run(sql: string, options: QueryOptions): Promise<QueryResult> {
    options.signal?.throwIfAborted();
    const statement = checkedStatement(sql);
    using stop = new Stop(options);
    this.#stops.add(stop);
    try {
      return await this.#database.work(() => this.#inTurn(stop, () => this.#answer(statement, options, stop)));
    } finally {
      this.#stops.delete(stop);
    }
  }

  /** Stops what runs and what waits. */
  close(): void {
    const reason = new WarehouseUnavailableError(`Warehouse file "${this.#database.path}" is being closed`);
    for (const stop of this.#stops) stop.end(reason);
  }

  async #inTurn<T>(stop: Stop, work: () => Promise<T>): Promise<T> {
    if (this.#running < MAX_RUNNING) this.#running++;
    else await this.#myTurn(stop);
    try {
      return await work();
    } finally {
      this.#nextTurn();
    }
  }

  async #myTurn(stop: Stop): Promise<void> {
    if (this.#waiting.length >= MAX_WAITING) throw new QueryRefusedError("Too many queries at once: try again");
    const turn = Promise.withResolvers<void>();
    this.#waiting.push(turn.resolve);
    try {
      await stop.within(turn.promise);
    } catch (error) {
      const place = this.#waiting.indexOf(turn.resolve);
      if (place >= 0) this.#waiting.splice(place, 1);
      else this.#nextTurn();
      throw error;
    }
  }

  #nextTurn(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#running--;
  }

  async #answer(sql: string, options: QueryOptions, stop: Stop): Promise<QueryResult> {
    this.#database.check();
    while (this.#database.renewing) await stop.within(this.#database.renewing);
    using _reading = this.#database.reading();
    try {
      return await this.#read(sql, options, stop);
    } catch (error) {
      if (!(error instanceof QueryRefusedError && isOutOfMemory(error.cause))) throw error;
      return await this.#answerAlone(sql, options, stop, error);
    }
  }

  /**
   * Once more, while nobody writes: a writer that folds the write-ahead log into the file holds most of the memory for a
   * moment. Throws `error`, with which the query failed beside the writers, when the memory or a short time is not enough.
   */
  async #answerAlone(sql: string, options: QueryOptions, stop: Stop, error: QueryRefusedError): Promise<QueryResult> {
    const alone = this.#aloneTurn(() =>
      this.#database.turn(async () => {
        stop.check();
        stop.shorten(ALONE_MS);
        return await this.#read(sql, options, stop);
      })
    );
    try {
      return await stop.within(alone);
    } catch (again) {
      options.signal?.throwIfAborted();
      throw again instanceof QueryRefusedError ? error : again;
    }
  }

  async #read(sql: string, options: QueryOptions, stop: Stop): Promise<QueryResult> {
    const session = this.#database.session();
    try {
      const connection = await session.connection();
      using _watched = stop.watch(connection);
      await session.run("BEGIN TRANSACTION READ ONLY");
      return await this.#database.statement(() => this.#fetch(connection, sql, options, stop));
    } catch (error) {
      if (stop.stopped || isInterrupted(error)) stop.check();
      throw refusal(error, this.#database.path);
    } finally {
      await session.rollback();
      session.close();
    }
  }

  /**
   * Results are not streamed: a stream that fails midway ends like one that is done, and holds the file open until
   * it is garbage collected. A limit around the statement bounds them instead.
   */
  async #fetch(connection: DuckDBConnection, sql: string, options: QueryOptions, stop: Stop): Promise<QueryResult> {
    const { maxRows = Infinity, maxBytes, binds = [] } = options;
    const checked = await this.#prepare(connection, sql);
    const names = Array.from({ length: checked.columnCount }, (_, i) => checked.columnName(i));
    checked.destroySync();
    const statement = await this.#prepare(connection, limited(sql, maxRows));
    let result: DuckDBResult;
    try {
      stop.check();
      if (statement.parameterCount !== binds.length) {
        throw new QueryRefusedError(`The query has ${statement.parameterCount} places for values, got ${binds.length}`);
      }
      statement.bind([...binds]);
      result = await statement.run();
    } finally {
      statement.destroySync();
    }
    const types = result.columnTypes();
    const readers = cellReaders(types, this.#database.client);
    const rows: unknown[][] = [];
    const size = new AnswerSize(maxBytes);
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

  /** DuckDB makes several statements of a PIVOT: a temporary type and the query. What is not that is refused. */
  async #prepare(connection: DuckDBConnection, sql: string): Promise<DuckDBPreparedStatement> {
    const { StatementType } = this.#database.client;
    const extracted = await connection.extractStatements(sql);
    for (let i = 0;; i++) {
      const statement = await extracted.prepare(i);
      const last = i === extracted.count - 1;
      const expected = last ? [StatementType.SELECT, StatementType.EXPLAIN] : [StatementType.CREATE];
      if (!expected.includes(statement.statementType)) {
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
