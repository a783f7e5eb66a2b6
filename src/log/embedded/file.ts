// The SQLite file under the embedded log: opening, schema, write transactions, and errors that name the file.
// Knows nothing of records, groups or retention.

import { existsSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Clock } from "../../clock.ts";
import { type FreshetError, LogRefusedError, LogUnavailableError } from "../../errors.ts";
import { FileIdentity } from "../../file_identity.ts";
import { damagedWal, type WalDamage } from "./wal.ts";

const APPLICATION_ID = 0x4652_4c47; // "FRLG": tells the log's file from any other SQLite file
const SCHEMA_VERSION = 1;
export const PAGE_BYTES = 16_384;
/** SQLite itself waits this long for another process, which blocks the thread; beyond it a write waits without blocking. */
const BUSY_BLOCK_MS = 100;
const BUSY_PAUSE_MS = 10;
const LOCK_PATIENCE_MS = 15_000;

const SCHEMA = `
CREATE TABLE topics (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_ms INTEGER NOT NULL) STRICT;
CREATE TABLE partitions (
  topic_id INTEGER NOT NULL, partition INTEGER NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL,
  PRIMARY KEY (topic_id, partition)) STRICT, WITHOUT ROWID;
-- One row per produced run of records: five times the speed of a row per record, writing and reading.
CREATE TABLE segments (
  id INTEGER PRIMARY KEY, topic_id INTEGER NOT NULL, partition INTEGER NOT NULL,
  base_offset INTEGER NOT NULL, last_offset INTEGER NOT NULL, bytes INTEGER NOT NULL, crc INTEGER NOT NULL,
  created_ms INTEGER NOT NULL, records BLOB NOT NULL) STRICT;
CREATE UNIQUE INDEX segments_by_offset ON segments (topic_id, partition, last_offset, base_offset, bytes, created_ms);
CREATE TABLE groups (
  topic_id INTEGER NOT NULL, name TEXT NOT NULL, generation INTEGER NOT NULL,
  PRIMARY KEY (topic_id, name)) STRICT, WITHOUT ROWID;
CREATE TABLE members (
  topic_id INTEGER NOT NULL, group_name TEXT NOT NULL, member TEXT NOT NULL, generation INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL, PRIMARY KEY (topic_id, group_name, member)) STRICT, WITHOUT ROWID;
CREATE TABLE committed (
  topic_id INTEGER NOT NULL, group_name TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL,
  committed_ms INTEGER NOT NULL, PRIMARY KEY (topic_id, group_name, partition)) STRICT, WITHOUT ROWID;
`;

/** A value that SQLite can bind. */
export type SqlValue = number | string | null | Uint8Array;

/** What a write changed, so that only those who care wake up. */
export type Change = "records" | "groups" | "other";

/** How often this thread has which file open. */
const openHere = new Map<string, number>();

/**
 * Throws `LogRefusedError` when SQLite would forget commits. Not where this process has the file open already, as its other
 * threads do whose main thread came first: who reads the files beside it by hand takes SQLite's locks away.
 */
function checkWal(path: string): void {
  if (existsSync(repairedFile(path))) {
    throw new LogRefusedError(
      `A repair of the log "${path}" was broken off: run "freshet log repair" again, which ends it`,
    );
  }
  if (openHere.has(path) || "WorkerGlobalScope" in globalThis) return;
  const damage = damagedWal(path, PAGE_BYTES);
  if (damage) throw new LogRefusedError(`The log "${path}" ${REPAIR} (${walDamageText(damage)})`);
}

/** Where a repaired file lies until the damaged one has been set aside. */
export const repairedFile = (path: string): string => `${path}.repaired`;

/** What people are told of a damaged write-ahead log. */
export function walDamageText({ whole, last }: WalDamage): string {
  return `frames ${whole + 1} to ${last} of its write-ahead log would be lost`;
}

/** The open file. One connection; every write is a short transaction. */
export class EmbeddedFile implements AsyncDisposable {
  readonly #statements = new Map<string, StatementSync>();
  readonly #listeners = { records: new Set<() => void>(), groups: new Set<() => void>(), other: new Set<() => void>() };

  readonly #identity: FileIdentity;
  /** Of the write-ahead log, which is there as long as anybody has the file open. */
  readonly #walIdentity: FileIdentity;

  private constructor(readonly path: string, readonly clock: Clock, readonly db: DatabaseSync) {
    openHere.set(path, (openHere.get(path) ?? 0) + 1);
    this.#identity = new FileIdentity(path);
    this.#walIdentity = new FileIdentity(`${path}-wal`);
  }

  /** Opens or creates the file. Errors: `LogRefusedError`, `LogUnavailableError`. */
  static async open(path: string, clock: Clock): Promise<EmbeddedFile> {
    const giveUpAt = clock.monotonic() + LOCK_PATIENCE_MS;
    checkWal(path);
    while (true) {
      let db: DatabaseSync | undefined;
      try {
        db = new DatabaseSync(path);
        prepareFile(db, path);
        return new EmbeddedFile(path, clock, db);
      } catch (cause) {
        db?.close();
        if (!isBusy(cause) || clock.monotonic() > giveUpAt) throw translate(cause, path);
        await clock.sleep(BUSY_PAUSE_MS);
      }
    }
  }

  /** Rows of a query; statements are prepared once. */
  all<Row>(sql: string, ...values: SqlValue[]): Row[] {
    try {
      return this.#statement(sql).all(...values) as Row[];
    } catch (cause) {
      throw translate(cause, this.path);
    }
  }

  /** Rows one at a time, so that the caller can stop when it has enough. */
  *each<Row>(sql: string, ...values: SqlValue[]): Generator<Row> {
    try {
      yield* this.#statement(sql).iterate(...values) as Iterable<Row>;
    } catch (cause) {
      throw translate(cause, this.path);
    }
  }

  /** The first row of a query. */
  get<Row>(sql: string, ...values: SqlValue[]): Row | undefined {
    try {
      return this.#statement(sql).get(...values) as Row | undefined;
    } catch (cause) {
      throw translate(cause, this.path);
    }
  }

  /** Runs a statement and returns the number of rows it changed. For use inside `write`. */
  run(sql: string, ...values: SqlValue[]): number {
    return Number(this.#statement(sql).run(...values).changes);
  }

  /**
   * Runs `body` in one write transaction, durable when the promise resolves, and wakes the readers of this process.
   * While another process writes it waits without blocking the thread. `body` must be synchronous and may run again.
   * Errors: `LogUnavailableError` (locked too long, disk full), `LogRefusedError` (damaged, read-only).
   */
  async write<T>(what: Change, body: () => T): Promise<T> {
    this.check();
    const giveUpAt = this.clock.monotonic() + LOCK_PATIENCE_MS;
    while (true) {
      try {
        const result = this.#transaction(body);
        this.#tell(what);
        return result;
      } catch (cause) {
        if (!isBusy(cause) || this.clock.monotonic() > giveUpAt) throw translate(cause, this.path);
      }
      await this.clock.sleep(BUSY_PAUSE_MS);
    }
  }

  /** Throws `LogUnavailableError` when the file is no longer where it was opened: what is written would be lost with it. */
  check(): void {
    if (!this.#identity.isGone()) return this.#checkWal();
    throw new LogUnavailableError(
      `The log "${this.path}" was removed or replaced while it was open: put it back, or stop and start again without it`,
    );
  }

  /** What SQLite has written there is still in its hands: it is put into the file before anything else is taken. */
  #checkWal(): void {
    if (!this.#walIdentity.isGone()) return;
    let isSafe = true;
    try {
      this.db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch {
      isSafe = false;
    }
    throw new LogUnavailableError(
      `The write-ahead log "${this.path}-wal" was removed or replaced while it was open: stop and start again; what was taken ` +
        (isSafe ? "is safe in the log" : "last is lost if the process is killed rather than stopped"),
    );
  }

  /** A number that changes when another connection writes. A few microseconds. */
  dataVersion(): number {
    return this.get<{ data_version: number }>("PRAGMA data_version")!.data_version;
  }

  /** Calls `listener` after each write of this kind by this process, until the returned function is called. */
  onChange(what: Change, listener: () => void): () => void {
    this.#listeners[what].add(listener);
    return () => void this.#listeners[what].delete(listener);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#statements.clear();
    if (this.db.isOpen) {
      this.db.close();
      const others = openHere.get(this.path)! - 1;
      if (others > 0) openHere.set(this.path, others);
      else openHere.delete(this.path);
    }
    return Promise.resolve();
  }

  #transaction<T>(body: () => T): T {
    this.db.exec("BEGIN IMMEDIATE");
    try {
      const result = body();
      this.db.exec("COMMIT");
      return result;
    } catch (cause) {
      if (this.db.isTransaction) this.db.exec("ROLLBACK");
      throw cause;
    }
  }

  #tell(what: Change): void {
    for (const listener of this.#listeners[what]) listener();
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

function prepareFile(db: DatabaseSync, path: string): void {
  db.exec(`PRAGMA busy_timeout = ${BUSY_BLOCK_MS}`);
  const isNew = pragma(db, "page_count") === 0;
  // Page size and vacuum mode can only be chosen before the first page is written.
  if (isNew) db.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA auto_vacuum = INCREMENTAL`);
  db.exec("PRAGMA journal_mode = WAL");
  // FULL syncs the WAL at every commit: an acknowledged record survives a power cut, as the port promises. Measured at
  // 0.2 to 0.5 ms a commit on an SSD; produces that arrive together share one commit, so throughput hardly suffers.
  db.exec("PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16384");
  db.exec("BEGIN IMMEDIATE");
  try {
    const version = pragma(db, "user_version");
    if (version === 0 && pragma(db, "schema_version") === 0) {
      db.exec(SCHEMA);
      db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}; PRAGMA application_id = ${APPLICATION_ID}`);
    } else if (pragma(db, "application_id") !== APPLICATION_ID) {
      throw new LogRefusedError(
        `"${path}" is not a log of Freshet: choose another data directory or move the file away`,
      );
    } else if (version !== SCHEMA_VERSION) {
      throw new LogRefusedError(
        `"${path}" was written by another version of Freshet (layout ${version}, this one reads ${SCHEMA_VERSION}): ` +
          "run that version, or move the file away to begin with an empty log",
      );
    }
    db.exec("COMMIT");
  } catch (cause) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw cause;
  }
}

function pragma(db: DatabaseSync, name: string): number {
  return Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0] ?? 0);
}

function isBusy(cause: unknown): boolean {
  return cause instanceof Error && cause.message.includes("database is locked");
}

const REPAIR = 'is damaged: "freshet log check" says what of it, and "freshet log repair" keeps all that can be read';

/** SQLite's message texts, which Deno gives without a result code, and what to do about each. */
const ADVICE: readonly (readonly [text: string, retriable: boolean, advice: string])[] = [
  ["database is locked", true, "is locked by another program: end that program, or wait until it has finished"],
  ["database or disk is full", true, "cannot grow because the disk is full: free some space; nothing was lost"],
  ["disk I/O error", true, "cannot be read or written (disk I/O error): check the disk and its free space"],
  ["disk image is malformed", false, REPAIR],
  ["file is not a database", false, `${REPAIR} (it is no SQLite file any more)`],
  ["readonly database", false, "is read-only: give this user the right to write the file and its folder"],
  ["unable to open database file", false, "cannot be opened: check that its folder exists and may be written"],
];

/** Any error as one of ours, naming the file and what to do. */
export function translate(cause: unknown, path: string): Error {
  if (!(cause instanceof Error) || !("code" in cause) || cause.code !== "ERR_SQLITE_ERROR") {
    return cause as FreshetError;
  }
  const known = ADVICE.find(([text]) => cause.message.includes(text));
  if (known === undefined) return new LogUnavailableError(`The log "${path}" failed: ${cause.message}`, { cause });
  const [, retriable, advice] = known;
  const message = `The log "${path}" ${advice}`;
  return retriable ? new LogUnavailableError(message, { cause }) : new LogRefusedError(message, { cause });
}
