// The official driver with promises, deadlines and rows as text. The only file that knows the driver's shape.
// Must not know statements, tables or what an error means for a unit.

import type {
  Bind,
  Connection as DriverConnection,
  ConnectionOptions,
  RowStatement,
  SnowflakeError,
} from "snowflake-sdk";
import { Deadline } from "../../deadline.ts";
import { compressRequests } from "./compression.ts";
import { giveUpStalls } from "./stalls.ts";

export type Driver = typeof import("snowflake-sdk");
export type LoginOptions = ConnectionOptions;
export type { Bind };

let driver: Promise<Driver> | undefined;

/** The driver, loaded when the first connection is made: loading it takes long, and it looks around on the machine. */
export function loadDriver(): Promise<Driver> {
  driver ??= import("snowflake-sdk").then(async (module) => {
    // A CommonJS module: its types describe what is under `default`.
    const loaded = (module as unknown as { readonly default: Driver }).default;
    // Its check for revoked certificates fails on Deno, which it takes for a yes, after asking another host over plain HTTP; on
    // a server without an intermediate certificate it never answers. Certificates themselves are checked by Deno.
    // Its log is switched off because it repeats statements and settings; VARIANT is read by cells.ts, which keeps long
    // integers exact.
    loaded.configure({
      disableOCSPChecks: true,
      logLevel: "OFF",
      additionalLogToConsole: false,
      jsonColumnVariantParser: (text) => text,
    });
    await compressRequests();
    await giveUpStalls();
    return loaded;
  });
  return driver;
}

/** What the driver or the server said went wrong. */
export class DriverError extends Error {
  /** Of the server, such as `100038`, or of the driver, such as `401001`; empty when there is none. */
  readonly code: string;
  /** Empty when there is none. */
  readonly sqlState: string;
  /** HTTP status that came instead of an answer. */
  readonly status: number | undefined;

  constructor(error: unknown) {
    const { code, sqlState, message, response } = error as Partial<SnowflakeError> & {
      readonly response?: { readonly status?: number; readonly statusCode?: number };
    };
    super(message ?? String(error), { cause: error });
    this.name = "DriverError";
    this.code = code === undefined ? "" : String(code);
    this.sqlState = sqlState ?? "";
    this.status = response?.status ?? response?.statusCode;
  }
}

/** No answer came in time: what became of the statement is not known. */
export class DeadlineError extends Error {
  constructor(readonly afterMs: number) {
    super(`No answer within ${Math.round(afterMs / 1000)} s`);
    this.name = "DeadlineError";
  }
}

export interface ResultColumn {
  readonly name: string;
  /** As the driver calls it: `fixed`, `real`, `text`, `timestamp_ntz` … */
  readonly type: string;
  readonly precision: number;
  readonly scale: number;
}

/** Numbers and VARIANT are text, timestamps and dates are `Date`s (see cells.ts), booleans are boolean. */
export type RawRow = readonly unknown[];

export interface Result {
  readonly columns: readonly ResultColumn[];
  readonly rows: readonly RawRow[];
  /** Whether rows were left out because of `maxRows`. */
  readonly truncated: boolean;
}

export interface ExecuteOptions {
  /** After this long the statement is cancelled and the call rejects with `DeadlineError`. */
  readonly deadlineMs: number;
  readonly maxRows?: number;
  /** Parameters of this statement alone. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** Cancels the statement; the call then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** How rows are handed out page by page. */
export interface PageOptions {
  readonly pageRows: number;
  /** The answer, and each page of it, must come within so long; otherwise as that of `ExecuteOptions`. */
  readonly deadlineMs: number;
}

/** How long closing may take before it is left to the server, milliseconds. */
const CLOSE_MS = 2_000;
/** How often a statement is cancelled, and how long to wait in between, milliseconds: the server must have met it first. */
const MAX_CANCELS = 12;
const CANCEL_EVERY_MS = 250;

/** One session. Calls may overlap; the server decides what that means. */
export class Connection {
  readonly #connection: DriverConnection;
  /** Statements that are being cancelled. */
  readonly #stopping = new Set<Promise<void>>();

  private constructor(connection: DriverConnection) {
    this.#connection = connection;
  }

  /** Logs in. Errors: `DriverError`, `DeadlineError`. */
  static async open(options: LoginOptions, deadlineMs: number): Promise<Connection> {
    const connection = (await loadDriver()).createConnection({
      ...options,
      clientSessionKeepAlive: true,
      rowMode: "array",
      fetchAsString: ["Number"],
      representNullAsStringNull: false,
    });
    const connecting = new Promise<void>((resolve, reject) => {
      // Some mistakes in the options are thrown, others are told.
      connection.connect((error: unknown) => error ? reject(new DriverError(error)) : resolve());
    });
    const opened = new Connection(connection);
    try {
      await within(connecting, deadlineMs);
    } catch (error) {
      await opened.close();
      throw error instanceof DriverError || error instanceof DeadlineError ? error : new DriverError(error);
    }
    return opened;
  }

  /** Runs a statement and reads its rows. Errors: `DriverError`, `DeadlineError`, the signal's reason. */
  async execute(sql: string, binds: readonly Bind[], options: ExecuteOptions): Promise<Result> {
    return await this.#answered({ sql, binds }, options, async (statement) => {
      const columns = (statement.getColumns() ?? []).map((column) => ({
        name: column.getName(),
        type: column.getType(),
        precision: column.getPrecision(),
        scale: column.getScale(),
      }));
      return { columns, ...await readRows(statement, options.maxRows ?? Infinity) };
    });
  }

  /**
   * Runs a statement and hands its rows out in pages. While a page is worked on the driver fetches no more than it has begun to:
   * the parts of the answer that come next. Errors: `DriverError`, `DeadlineError`, also where only a part cannot be had.
   */
  async *pages(
    sql: string,
    binds: readonly Bind[],
    { pageRows, deadlineMs }: PageOptions,
  ): AsyncGenerator<readonly RawRow[], void, undefined> {
    const statement = await this.#answered({ sql, binds }, { deadlineMs }, (statement) => Promise.resolve(statement));
    const stream = statement.streamRows();
    // What fails after nobody reads any more.
    stream.on("error", () => {});
    const rows = (stream as AsyncIterable<RawRow>)[Symbol.asyncIterator]();
    try {
      for (;;) {
        const page = await within(nextPage(rows, pageRows), deadlineMs);
        if (page.length > 0) yield page;
        if (page.length < pageRows) return;
      }
    } finally {
      stream.destroy();
    }
  }

  /** Sends a statement and reads its answer; cancels it at the deadline. */
  async #answered<T>(
    { sql, binds }: { readonly sql: string; readonly binds: readonly Bind[] },
    options: ExecuteOptions,
    read: (statement: RowStatement) => Promise<T>,
  ): Promise<T> {
    const { signal, deadlineMs } = options;
    using deadline = new Deadline({ signal, timeoutMs: deadlineMs, late: () => new DeadlineError(deadlineMs) });
    let started: RowStatement | undefined;
    let done: Promise<RowStatement> | undefined;
    try {
      deadline.check();
      done = this.#send(sql, binds, options, (statement) => started = statement);
      const statement = await deadline.within(done);
      return await deadline.within(read(statement));
    } catch (error) {
      if (deadline.signal.aborted && started && done) this.#stop(started, done);
      throw error;
    }
  }

  #send(
    sqlText: string,
    binds: readonly Bind[],
    { parameters }: ExecuteOptions,
    onStart: (statement: RowStatement) => void,
  ): Promise<RowStatement> {
    return new Promise((resolve, reject) => {
      const statement = this.#connection.execute({
        sqlText,
        binds,
        ...(parameters === undefined ? {} : { parameters }),
        // Without it the driver answers a failed request by sending the whole statement again, 16 times in all.
        streamResult: true,
        complete: (error, statement) => error ? reject(new DriverError(error)) : resolve(statement as RowStatement),
      });
      onStart(statement as RowStatement);
    });
  }

  /** Cancels a statement, again and again until it has ended: a cancellation may come before the statement does. */
  #stop(statement: RowStatement, done: Promise<unknown>): void {
    const ended = done.then(() => true, () => true);
    const stopping = (async () => {
      for (let i = 0; i < MAX_CANCELS; i++) {
        await new Promise<void>((resolve) => statement.cancel(() => resolve()));
        if (await within(ended, CANCEL_EVERY_MS).catch(() => false)) return;
      }
    })();
    this.#stopping.add(stopping);
    stopping.finally(() => this.#stopping.delete(stopping));
  }

  /** Logs out, which also rolls back what is open; when that does not work in time the server will find out by itself. */
  async close(): Promise<void> {
    const close = async () => {
      await Promise.all(this.#stopping);
      await new Promise<void>((resolve) => this.#connection.destroy(() => resolve()));
    };
    await within(close(), CLOSE_MS).catch(() => {});
  }
}

async function readRows(
  statement: RowStatement,
  maxRows: number,
): Promise<{ readonly rows: readonly RawRow[]; readonly truncated: boolean }> {
  const rows: RawRow[] = [];
  const stream = statement.streamRows();
  try {
    for await (const row of stream as AsyncIterable<RawRow>) {
      if (rows.length >= maxRows) return { rows, truncated: true };
      rows.push(row);
    }
  } catch (error) {
    throw new DriverError(error);
  }
  return { rows, truncated: false };
}

/** The next rows, fewer than wanted only at the end. */
async function nextPage(rows: AsyncIterator<RawRow>, wanted: number): Promise<readonly RawRow[]> {
  const page: RawRow[] = [];
  try {
    while (page.length < wanted) {
      const { done, value } = await rows.next();
      if (done) break;
      page.push(value);
    }
  } catch (error) {
    throw new DriverError(error);
  }
  return page;
}

/** Errors: `DeadlineError` when the promise is not settled in time. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T> {
  using deadline = new Deadline({ timeoutMs: ms, late: () => new DeadlineError(ms) });
  return await deadline.within(promise);
}
