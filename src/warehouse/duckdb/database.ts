// One DuckDB file: its instance, its settings, and sessions (connections) that outlive a reopened instance.
// ONE instance per file: a second one in the same process silently serves stale rows. Must not know tables.

import type { DuckDBConnection, DuckDBInstance, DuckDBPreparedStatement, DuckDBValue } from "@duckdb/node-api";
import { dirname } from "node:path";
import { CommitUnknownError, WarehouseUnavailableError } from "../../errors.ts";
import { isFatal, messageOf, translate } from "./errors.ts";

/** The npm client, loaded when the first file is opened. */
export type Client = typeof import("@duckdb/node-api");

export interface DatabaseOptions {
  /** The file, or `:memory:`. */
  readonly path: string;
  /** What DuckDB may hold, such as `256MB`; the process itself needs more. */
  readonly memoryLimit: string;
  /** Threads that one statement may use. */
  readonly threads: number;
  /** Size of the write-ahead log at which it is folded into the file, such as `256MB`. */
  readonly checkpointThreshold: string;
}

/**
 * What the file is called inside DuckDB. It is attached to an instance in memory, as only a file that is attached may say
 * how long its row groups are.
 */
const CATALOG = "freshet";
/**
 * Rows of a row group of a new table, a multiple of 2048. Units of fewer rows go through the log, and folding that into the
 * file compresses a table's last row group again: with DuckDB's own 122,880 rows that is most of what writing costs. Whole row
 * groups of larger units go straight into the file. Measured on a backlog of 2 million records, units of 31 thousand: 78 to
 * 84 thousand records a second with this, 60 with 30,720; 16 and 20 thousand are in between.
 */
const ROW_GROUP_ROWS = 10_240;

/** Types that Snowflake has and DuckDB has not. VARIANT cannot be made (DuckDB has one, slower to load): scripts say JSON instead. */
const TYPES: readonly (readonly [name: string, is: string])[] = [
  ["TIMESTAMP_NTZ", "TIMESTAMP"],
  ["TIMESTAMP_LTZ", "TIMESTAMP WITH TIME ZONE"],
  ["OBJECT", "JSON"],
];

/** Counts what runs, and tells when nothing does. */
class Tally {
  #running = 0;
  #waiting: (() => void)[] = [];

  async run<T>(work: () => Promise<T>): Promise<T> {
    this.#running++;
    try {
      return await work();
    } finally {
      if (--this.#running === 0) this.#waiting.splice(0).forEach((resolve) => resolve());
    }
  }

  idle(): Promise<void> {
    return this.#running === 0 ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }
}

export class Database {
  readonly path: string;
  readonly client: Client;
  readonly #options: DatabaseOptions;
  readonly #sessions = new Set<Session>();
  #instance: DuckDBInstance | undefined;
  #generation = 0;
  #broken = false;
  #closed = false;
  readonly #working = new Tally();
  readonly #stating = new Tally();
  #opening: Promise<void> | undefined;

  private constructor(client: Client, options: DatabaseOptions) {
    this.client = client;
    this.#options = options;
    this.path = options.path;
  }

  /** Opens the file, making it and its folder when there are none. Errors: as `translate` says. */
  static async open(options: DatabaseOptions): Promise<Database> {
    const client = await import("@duckdb/node-api");
    const database = new Database(client, options);
    try {
      if (options.path !== ":memory:") await Deno.mkdir(dirname(options.path), { recursive: true });
      await database.#openInstance();
    } catch (error) {
      throw translate(error, options.path);
    }
    return database;
  }

  /** Raised each time the instance is opened anew. */
  get generation(): number {
    return this.#generation;
  }

  session(): Session {
    const session = new Session(this);
    this.#sessions.add(session);
    return session;
  }

  /** Called by a session when it is closed. */
  forget(session: Session): void {
    this.#sessions.delete(session);
  }

  /** A new connection; opens the instance anew when it has failed for good. */
  async connect(): Promise<DuckDBConnection> {
    if (!this.#instance && this.#closed) throw this.#closedError();
    if (this.#broken) await (this.#opening ??= this.#reopen().finally(() => this.#opening = undefined));
    const connection = await this.#instance!.connect();
    await connection.run(`USE ${CATALOG}`);
    return connection;
  }

  /** Runs one call of the port; closing waits for it. */
  async work<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw this.#closedError();
    return await this.#working.run(work);
  }

  /** Runs one statement; reopening waits for it. */
  async statement<T>(statement: () => Promise<T>): Promise<T> {
    try {
      return await this.#stating.run(statement);
    } catch (error) {
      if (isFatal(error)) this.#broken = true;
      throw error;
    }
  }

  /** Waits for running work, folds the write-ahead log into the file and closes it. Later calls do nothing. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#working.idle();
    await this.#stating.idle();
    try {
      if (!this.#broken) await this.#fold();
    } finally {
      this.#closeInstance();
    }
  }

  #closedError(): WarehouseUnavailableError {
    return new WarehouseUnavailableError(`Warehouse file "${this.path}" is closed`);
  }

  /** A failure is harmless: the log is replayed when the file is opened next. */
  async #fold(): Promise<void> {
    for (const session of this.#sessions) session.disconnect();
    const connection = await this.#instance!.connect();
    try {
      await connection.run(`CHECKPOINT ${CATALOG}`);
    } catch (error) {
      if (!/CHECKPOINT|No space|Out of Memory|IO Error/i.test(messageOf(error))) throw error;
    } finally {
      connection.closeSync();
    }
  }

  async #reopen(): Promise<void> {
    if (this.path === ":memory:") {
      throw new WarehouseUnavailableError("The warehouse in memory failed, and its rows are gone: start again");
    }
    await this.#stating.idle();
    this.#closeInstance();
    await this.#openInstance();
    this.#broken = false;
  }

  #closeInstance(): void {
    for (const session of this.#sessions) session.disconnect();
    this.#instance?.closeSync();
    this.#instance = undefined;
  }

  async #openInstance(): Promise<void> {
    const instance = await this.client.DuckDBInstance.create(":memory:", {
      ...(this.path === ":memory:" ? {} : { temp_directory: `${this.path}.tmp` }),
      memory_limit: this.#options.memoryLimit,
      threads: String(this.#options.threads),
      checkpoint_threshold: this.#options.checkpointThreshold,
      autoinstall_known_extensions: "false",
      autoload_known_extensions: "false",
      allow_community_extensions: "false",
    });
    const connection = await instance.connect();
    try {
      const file = this.path.replaceAll("'", "''");
      await connection.run(`ATTACH '${file}' AS ${CATALOG} (ROW_GROUP_SIZE ${ROW_GROUP_ROWS})`);
      await connection.run(`USE ${CATALOG}`);
      await connection.run("SET GLOBAL TimeZone = 'UTC'");
      for (const [name, is] of TYPES) await connection.run(`CREATE TYPE IF NOT EXISTS ${name} AS ${is}`);
      await connection.run("SET enable_external_access = false");
      await connection.run("SET lock_configuration = true");
    } catch (error) {
      connection.closeSync();
      instance.closeSync();
      throw error;
    }
    connection.closeSync();
    this.#instance = instance;
    this.#generation++;
  }
}

/** A statement's rows, as the client's values. */
export type Values = readonly (readonly DuckDBValue[])[];

/** A connection that is made when first used, and again after the instance was reopened. Calls must not overlap. */
export class Session {
  readonly #database: Database;
  readonly #prepared = new Map<string, DuckDBPreparedStatement>();
  #connection: DuckDBConnection | undefined;
  #generation = 0;
  #inTransaction = false;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The connection itself, for streaming and interrupting. */
  async connection(): Promise<DuckDBConnection> {
    if (this.#connection && this.#generation === this.#database.generation) return this.#connection;
    if (this.#inTransaction) {
      throw new WarehouseUnavailableError(`Warehouse file "${this.#database.path}" was reopened meanwhile: try again`);
    }
    this.disconnect();
    this.#connection = await this.#database.connect();
    this.#generation = this.#database.generation;
    return this.#connection;
  }

  /** Runs a statement; returns the number of rows it changed. */
  async run(sql: string, values?: DuckDBValue[]): Promise<number> {
    const connection = await this.connection();
    return await this.#database.statement(async () => (await connection.run(sql, values)).rowsChanged);
  }

  /** Runs a statement and returns its rows. */
  async rows(sql: string, values?: DuckDBValue[]): Promise<Values> {
    const connection = await this.connection();
    return await this.#database.statement(async () => await (await connection.run(sql, values)).getRows());
  }

  /** Runs a statement that is kept prepared, with BLOB parameters; returns the number of rows it changed. */
  async runPrepared(sql: string, blobs: readonly Uint8Array[]): Promise<number> {
    const connection = await this.connection();
    return await this.#database.statement(async () => {
      let statement = this.#prepared.get(sql);
      if (!statement) this.#prepared.set(sql, statement = await connection.prepare(sql));
      for (let i = 0; i < blobs.length; i++) statement.bindBlob(i + 1, blobs[i]!);
      const result = await statement.run();
      statement.clearBindings();
      return result.rowsChanged;
    });
  }

  /**
   * Runs `body` in a transaction. Its error rolls back, and is the one thrown even if rolling back fails too.
   * Errors: `CommitUnknownError` when COMMIT itself failed.
   */
  async transaction<T>(body: () => Promise<T>): Promise<T> {
    await this.run("BEGIN TRANSACTION");
    this.#inTransaction = true;
    let result: T;
    try {
      result = await body();
    } catch (error) {
      await this.rollback();
      throw error;
    }
    try {
      await this.run("COMMIT");
    } catch (error) {
      this.disconnect();
      throw new CommitUnknownError(
        `Commit to warehouse file "${this.#database.path}" failed: read the positions back (${messageOf(error)})`,
        { cause: error },
      );
    } finally {
      this.#inTransaction = false;
    }
    return result;
  }

  /** Ends the transaction without its changes; drops the connection where that fails, which has the same effect. */
  async rollback(): Promise<void> {
    try {
      await this.run("ROLLBACK");
    } catch {
      this.disconnect();
    } finally {
      this.#inTransaction = false;
    }
  }

  /** Drops the connection; the next statement makes a new one. */
  disconnect(): void {
    for (const statement of this.#prepared.values()) statement.destroySync();
    this.#prepared.clear();
    this.#connection?.closeSync();
    this.#connection = undefined;
  }

  close(): void {
    this.disconnect();
    this.#database.forget(this);
  }
}
