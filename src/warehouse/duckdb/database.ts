// One DuckDB file: its instance, its settings, and when it is opened anew.
// ONE instance per file: a second one in the same process silently serves stale rows. Must not know tables.

import type { DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { dirname } from "node:path";
import { WarehouseUnavailableError } from "../../errors.ts";
import { FileIdentity } from "../../file_identity.ts";
import { type Client, loadClient } from "./client.ts";
import { isFatal, isLocked, isOutOfMemory, messageOf, takenMeanwhile, translate } from "./errors.ts";
import { Session, type SessionHost } from "./session.ts";
import { Tally, turns } from "./turns.ts";

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

/** How long opening waits for another process that has the file, and how often it looks. */
const LOCK_PATIENCE_MS = 3_000;
const LOCK_PAUSE_MS = 50;

/** Types that Snowflake has and DuckDB has not. VARIANT cannot be made (DuckDB has one, slower to load): scripts say JSON instead. */
const TYPES: readonly (readonly [name: string, is: string])[] = [
  ["TIMESTAMP_NTZ", "TIMESTAMP"],
  ["TIMESTAMP_LTZ", "TIMESTAMP WITH TIME ZONE"],
  ["OBJECT", "JSON"],
];

/**
 * Rows that may be written, over all tables, before the instance is opened anew. DuckDB 1.5 keeps a block of 256 KiB for the
 * versions of each row group that was written to, and does not let go of it before the file is closed: within 4 million
 * rows all of 96 MB. A million leave it three quarters of that. Opening anew takes about 30 ms, besides the folding of the
 * write-ahead log.
 */
const ROWS_UNTIL_WORN = 1_000_000;
/** Rows after which new readers wait so that it can be opened anew; up to then a moment is awaited in which nobody reads. */
const ROWS_UNTIL_URGENT = 3 * ROWS_UNTIL_WORN;
/** Rows after which running out of memory is put down to it. */
const ROWS_UNTIL_SUSPECT = ROWS_UNTIL_WORN / 10;

export class Database implements SessionHost {
  readonly path: string;
  readonly client: Client;
  readonly #options: DatabaseOptions;
  readonly #sessions = new Set<Session>();
  #instance: DuckDBInstance | undefined;
  #identity: FileIdentity | undefined;
  #generation = 0;
  #broken = false;
  #closed = false;
  readonly #working = new Tally();
  readonly #stating = new Tally();
  readonly #reading = new Tally();
  #opening: Promise<void> | undefined;
  #renewing: Promise<void> | undefined;
  #rowsWritten = 0;
  /**
   * Runs work in the turn of those who write, of which there is one at a time: DuckDB refuses, rather than waits, when two
   * transactions change the same row. It lets others append and delete while one folds the write-ahead log into the file,
   * but 1.5 loses count now and then (seen once in 4.5 million records of five domains at a time): "Corrupted in-memory
   * column", and the file is good for nothing more until it is opened anew. It has one thread to spare anyway.
   */
  readonly turn = turns();

  private constructor(client: Client, options: DatabaseOptions) {
    this.client = client;
    this.#options = options;
    this.path = options.path;
  }

  /** Opens the file, making it and its folder when there are none. Errors: as `translate` says. */
  static async open(options: DatabaseOptions): Promise<Database> {
    const client = await loadClient();
    const database = new Database(client, options);
    try {
      if (options.path !== ":memory:") await Deno.mkdir(dirname(options.path), { recursive: true });
      await database.#openPatiently();
    } catch (error) {
      throw translate(error, options.path);
    }
    if (options.path !== ":memory:") database.#identity = new FileIdentity(options.path);
    return database;
  }

  /** A query from the command line has the file for a moment. */
  async #openPatiently(): Promise<void> {
    for (const giveUpAt = performance.now() + LOCK_PATIENCE_MS;;) {
      try {
        return await this.#openInstance();
      } catch (error) {
        if (!isLocked(error) || performance.now() > giveUpAt) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, LOCK_PAUSE_MS));
    }
  }

  /** Throws `WarehouseUnavailableError` when the file is no longer where it was opened: what is written would be lost. */
  check(): void {
    if (!this.#identity?.isGone()) return;
    throw new WarehouseUnavailableError(
      `Warehouse file "${this.path}" was removed or replaced while it was open: put it back, or stop and start again without it`,
    );
  }

  get generation(): number {
    return this.#generation;
  }

  session(): Session {
    const session = new Session(this);
    this.#sessions.add(session);
    return session;
  }

  forget(session: Session): void {
    this.#sessions.delete(session);
  }

  /** A new connection; opens the instance anew when it has failed for good. */
  async connect(): Promise<DuckDBConnection> {
    if (!this.#instance && this.#closed) throw this.#closedError();
    if (this.#broken) await this.#reopenOnce();
    const connection = await this.#instance!.connect();
    try {
      await this.statement(() => connection.run(`USE ${CATALOG}`));
    } catch (error) {
      connection.closeSync();
      throw error;
    }
    return connection;
  }

  /** Runs one call of the port; closing waits for it. */
  async work<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw this.#closedError();
    return await this.#working.run(work);
  }

  /** Runs one call that writes, in its turn. */
  async write<T>(work: () => Promise<T>): Promise<T> {
    this.check();
    const result = await this.work(() => this.turn(work));
    if (this.#isWorn()) this.#renewing ??= this.#renew();
    return result;
  }

  #isWorn(): boolean {
    if (this.#rowsWritten < ROWS_UNTIL_WORN || this.path === ":memory:") return false;
    return this.#reading.isIdle || this.#rowsWritten >= ROWS_UNTIL_URGENT;
  }

  /** The end of what readers must wait for before they begin; `undefined` when there is nothing. Never rejects. */
  get renewing(): Promise<void> | undefined {
    return this.#renewing;
  }

  /** For reading that takes several statements, and no turn: until it is disposed of, the instance is not opened anew. */
  reading(): Disposable {
    return this.#reading.begin();
  }

  wrote(rows: number): void {
    this.#rowsWritten += rows;
  }

  /** Opens the instance anew once nobody reads, between two who write. */
  async #renew(): Promise<void> {
    try {
      await this.work(async () => {
        await this.#reading.idle();
        await this.turn(async () => {
          try {
            if (!this.#broken) await this.#fold();
          } finally {
            this.#broken = true;
            await this.#reopenOnce();
          }
        });
      });
    } catch {
      // Who connects next tries again, and is told.
    } finally {
      this.#renewing = undefined;
    }
  }

  #reopenOnce(): Promise<void> {
    return this.#opening ??= this.#reopen().finally(() => this.#opening = undefined);
  }

  /** Runs one statement; reopening waits for it. */
  async statement<T>(statement: () => Promise<T>): Promise<T> {
    try {
      return await this.#stating.run(statement);
    } catch (error) {
      if (isFatal(error)) this.#broken = true;
      if (isOutOfMemory(error) && this.#rowsWritten >= ROWS_UNTIL_SUSPECT) {
        this.#rowsWritten = Math.max(this.#rowsWritten, ROWS_UNTIL_WORN);
      }
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
    this.check();
    try {
      await this.#openInstance();
    } catch (error) {
      throw takenMeanwhile(error, this.path);
    }
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
    this.#rowsWritten = 0;
  }
}
