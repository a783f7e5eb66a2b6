// One DuckDB file: its instance, its settings, and when it is opened anew.
// ONE instance per file: a second one in the same process silently serves stale rows. Must not know tables.

import type { DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { CommitUnknownError, WarehouseUnavailableError } from "../../errors.ts";
import { FileIdentity } from "../../file_identity.ts";
import { makePrivate, makePrivateFolder } from "../../private_files.ts";
import { type Client, loadClient } from "./client.ts";
import { isFatal, isLocked, isOutOfMemory, messageOf, takenMeanwhile, translate } from "./errors.ts";
import { LargeRows } from "./large_rows.ts";
import { bytesOf, CATALOG, type DatabaseOptions, openInstance, ROW_GROUP_ROWS } from "./opening.ts";
import { Session, type SessionHost } from "./session.ts";
import { Sweep } from "./sweep.ts";
import { UserRoom } from "./user_room.ts";
import { mutex, WaitGroup } from "./concurrency.ts";

/** How long opening waits for another process that has the file, and how often it looks. */
const LOCK_PATIENCE_MS = 3_000;
const LOCK_PAUSE_MS = 50;

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
/** How long users may go on reading while the file is to be opened anew, milliseconds. */
const RENEW_PATIENCE_MS = 2_000;
/** What users are told who must go. */
const NEEDS_MEMORY = "The pipelines need the memory";
/** A fold of large rows counts as so many: it begins a row group in each table that is written to. */
const ROWS_OF_A_FOLD = 2 * ROW_GROUP_ROWS;

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
  readonly #calls = new WaitGroup();
  readonly #statements = new WaitGroup();
  readonly #readers = new WaitGroup();
  #opening: Promise<void> | undefined;
  #renewing: Promise<void> | undefined;
  #rowsWritten = 0;
  readonly #largeRows = new LargeRows();
  readonly #sweep = new Sweep();
  /**
   * Runs work in the turn of those who write, of which there is one at a time: DuckDB refuses, rather than waits, when two
   * transactions change the same row. It lets others append and delete while one folds the write-ahead log into the file,
   * but 1.5 loses count now and then (seen once in 4.5 million records of five domains at a time): "Corrupted in-memory
   * column", and the file is good for nothing more until it is opened anew. It has one thread to spare anyway.
   */
  readonly turn = mutex();
  /** Where statements of users run. */
  readonly room: UserRoom;

  private constructor(client: Client, options: DatabaseOptions) {
    this.client = client;
    this.#options = options;
    this.path = options.path;
    const ownBytes = bytesOf(options.memoryLimit);
    this.room = new UserRoom(this, {
      ownBytes,
      userBytes: bytesOf(options.userMemory ?? "128MB"),
      threads: options.threads,
      processBytes: options.processBytes ?? (() => Deno.memoryUsage().rss),
    });
  }

  /** Opens the file, making it and its folder when there are none. Errors: as `translate` says. */
  static async open(options: DatabaseOptions): Promise<Database> {
    const client = await loadClient();
    const database = new Database(client, options);
    try {
      if (options.path !== ":memory:") await makePrivateFolder(dirname(options.path));
      await database.#openPatiently();
    } catch (error) {
      throw translate(error, options.path);
    }
    if (options.path !== ":memory:") {
      database.#identity = new FileIdentity(options.path);
      await makePrivate(options.path);
    }
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
      await delay(LOCK_PAUSE_MS);
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
    return await this.#calls.run(work);
  }

  /** Runs one call that writes, in its turn. */
  async write<T>(work: () => Promise<T>): Promise<T> {
    this.check();
    const result = await this.work(() =>
      this.turn(async () => {
        const result = await this.#beforeUsers(work);
        await this.#tidy();
        return result;
      })
    );
    if (this.#isWorn()) this.#renewing ??= this.#renew();
    return result;
  }

  /** What finds no memory beside users is done once more without them. Whether a commit is there, its caller must ask first. */
  async #beforeUsers<T>(work: () => Promise<T>): Promise<T> {
    const begunAt = performance.now();
    try {
      return await work();
    } catch (error) {
      const isTheirs = isOutOfMemory(error) && this.room.wasUsedSince(begunAt);
      if (!isTheirs || error instanceof CommitUnknownError) throw error;
      return await this.room.without(NEEDS_MEMORY, work);
    }
  }

  #isWorn(): boolean {
    if (this.#rowsWritten < ROWS_UNTIL_WORN || this.path === ":memory:") return false;
    return this.#readers.isIdle || this.#rowsWritten >= ROWS_UNTIL_URGENT;
  }

  /** The end of what readers must wait for before they begin; `undefined` when there is nothing. Never rejects. */
  get renewing(): Promise<void> | undefined {
    return this.#renewing;
  }

  /** The same for users, who wait for what needs their memory, too. */
  get usersWait(): Promise<void> | undefined {
    return this.#renewing ?? this.room.closed;
  }

  /** For reading that takes several statements, and no turn: until it is disposed of, the instance is not opened anew. */
  reading(): Disposable {
    return this.#readers.begin();
  }

  wrote(rows: number, bytes = 0): void {
    this.#rowsWritten += rows;
    this.#largeRows.wrote(rows, bytes);
  }

  deleted(table: string, rows: number): void {
    this.#sweep.deleted(table, rows);
  }

  wroteLong(table: string, column: string): void {
    this.#largeRows.wroteLong(table, column);
  }

  /** To be called in its turn before rows are added to the table; `hasNull` is asked of few columns, if any. */
  async beforeAdding(table: string, hasNull: (column: string) => boolean): Promise<void> {
    for (const column of this.#largeRows.noNullsIn(table)) {
      if (hasNull(column)) return await this.#tidy({ fold: true });
    }
  }

  /** Folds large rows, and sweeps. What was written is committed, whatever comes of this: who connects next meets what failed. */
  async #tidy({ fold = this.#largeRows.areMany } = {}): Promise<void> {
    if (this.#broken || this.path === ":memory:") return;
    const large = this.#largeRows;
    if (!large.needMark && !fold && !(large.areThere && this.#sweep.isDue)) return;
    try {
      const connection = await this.connect();
      try {
        await this.statement(async () => {
          await large.markIfNeeded(connection);
          if (this.#sweep.isDue && large.areThere) await this.#sweep.run(connection);
          if (!fold) return;
          await connection.run(`CHECKPOINT ${CATALOG}`);
          large.folded();
          this.#rowsWritten += ROWS_OF_A_FOLD;
        });
      } finally {
        connection.closeSync();
      }
    } catch {
      // It is tried again after the next unit.
    }
  }

  /** Opens the instance anew once nobody reads, between two who write. */
  async #renew(): Promise<void> {
    try {
      await this.work(async () => {
        await this.#readersGone();
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

  /** Users are told to go after a while: they may come again. */
  async #readersGone(): Promise<void> {
    const tell = () => this.room.clear(`Warehouse file "${this.path}" must be opened anew`);
    const patience = setTimeout(tell, RENEW_PATIENCE_MS);
    try {
      await this.#readers.idle();
    } finally {
      clearTimeout(patience);
    }
  }

  #reopenOnce(): Promise<void> {
    return this.#opening ??= this.#reopen().finally(() => this.#opening = undefined);
  }

  /** Runs one statement; reopening waits for it. */
  async statement<T>(statement: () => Promise<T>): Promise<T> {
    try {
      return await this.#statements.run(statement);
    } catch (error) {
      if (isFatal(error)) this.#broken = true;
      if (isFatal(error) && isOutOfMemory(error)) this.#largeRows.suspect();
      if (isOutOfMemory(error)) {
        this.room.clear(NEEDS_MEMORY);
        if (this.#rowsWritten >= ROWS_UNTIL_SUSPECT) this.#rowsWritten = Math.max(this.#rowsWritten, ROWS_UNTIL_WORN);
      }
      throw error;
    }
  }

  /** Runs one statement of a user: that it finds no memory says nothing of the file. */
  async userStatement<T>(statement: () => Promise<T>): Promise<T> {
    try {
      return await this.#statements.run(statement);
    } catch (error) {
      if (isFatal(error)) this.#broken = true;
      throw error;
    }
  }

  /** Waits for running work, folds the write-ahead log into the file and closes it. Later calls do nothing. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#calls.idle();
    await this.#statements.idle();
    try {
      if (this.#broken) return;
      await this.#fold();
      if (!this.#broken) return;
      await this.#reopen();
      await this.#fold();
    } finally {
      this.#closeInstance();
    }
  }

  #closedError(): WarehouseUnavailableError {
    return new WarehouseUnavailableError(`Warehouse file "${this.path}" is closed`);
  }

  /** A failure is harmless: the log is replayed when the file is opened next. Without memory for it the instance is broken. */
  async #fold(): Promise<void> {
    for (const session of this.#sessions) session.disconnect();
    const connection = await this.#instance!.connect();
    try {
      await this.statement(() => connection.run(`CHECKPOINT ${CATALOG}`));
      this.#largeRows.folded();
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
    await this.#statements.idle();
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
    this.#instance = await openInstance(this.client, this.#options, this.#largeRows);
    this.#generation++;
    this.#rowsWritten = 0;
  }
}
