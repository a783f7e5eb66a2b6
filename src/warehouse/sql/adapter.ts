// What a SQL warehouse brings so that `SqlWriter` can write to it: its session, its statements and its errors.
// Knows nothing of any driver.

import type { Cells, Packer } from "../cells.ts";
import type { Bind, Checkpoints, Claim, Delete, RawWriter, TableKey, Unit } from "../warehouse.ts";
import type { NamedColumn, Table, Tables } from "./tables.ts";

/** Whose offsets. */
export interface Scope {
  readonly domain: string;
  readonly topic: string;
}

/** What is claimed of a topic. */
export interface Claiming {
  readonly partitions: readonly number[];
  /** All of the topic's. */
  readonly all: readonly number[];
}

/** Rows of a statement, cell by cell. */
export type Rows = readonly (readonly unknown[])[];

/** Runs `write`, and takes back what it did. */
export type Attempt<T> = (write: (transaction: T) => Promise<void>) => Promise<void>;

/** Transactions of one domain's session. `T`: what statements need to be part of one. */
export interface SqlTransactions<T> {
  /** Runs one call of the port: never beside another, and not after `close`. */
  call<R>(call: () => Promise<R>): Promise<R>;
  /**
   * Runs `body` in a transaction; its error rolls back.
   *
   * Errors: `CommitUnknownError` when COMMIT was sent and not confirmed. `offsets.read` must then say what is true in the end.
   */
  transaction<R>(body: (transaction: T) => Promise<R>): Promise<R>;
  /** Runs `body`, which attempts to write again and again, and is told by an error what cannot be written. */
  attempts<R>(body: (attempt: Attempt<T>) => Promise<R>): Promise<R>;
  rows(sql: string, binds: Bind[]): Promise<Rows>;
  /** Waits for the running call and ends the session. */
  close(): Promise<void>;
}

/**
 * Statements on FRESHET_OFFSETS. Its times, WATERMARK, MAX_EVENT_TIME and LAST_TIMESTAMP, are read and written as whole
 * microseconds since the epoch, or NULL.
 */
export interface SqlOffsets<T> {
  /**
   * Rows of the partitions that have one, in their order: KAFKA_PARTITION, NEXT_OFFSET, EPOCH, CHECKPOINT_ID, the three times,
   * LAST_TIMESTAMP_MS.
   */
  read(scope: Scope, partitions: readonly number[]): Promise<Rows>;
  /** Raises the epochs, making the rows that are missing. */
  raise(transaction: T, scope: Scope, claiming: Claiming): Promise<void>;
  /**
   * Moves all or less; resolves with how many were as expected. `moves` is a JSON array of objects by column:
   * KAFKA_PARTITION, EPOCH and CHECKPOINT_ID, and as EXPECTED_OFFSET the NEXT_OFFSET, as they must be; then NEXT_OFFSET, the
   * three times and LAST_TIMESTAMP_MS as they become. CHECKPOINT_ID is raised by one.
   */
  move(transaction: T, scope: Scope, moves: string): Promise<number>;
}

/** Statements on Freshet's own tables. */
export interface SqlBookkeeping<T> {
  readonly offsets: SqlOffsets<T>;
  /** Pages of rows for `stateChanges`: the last change of each key, without deleted keys. */
  readState(scope: Scope, partitions: readonly number[]): AsyncIterable<Rows>;
  /** Pages of rows for `stateChanges`: of each key the last change, deletions among them, of these checkpoints and later ones. */
  readStateSince(scope: Scope, checkpoints: Checkpoints): AsyncIterable<Rows>;
  /** Deletes changes that later ones replaced, and deleted keys but those that the given checkpoints and later ones deleted. */
  compactState(scope: Scope, partitions: readonly number[], since: Checkpoints): Promise<void>;
  replaceOperators(transaction: T, fingerprints: ReadonlyMap<string, string>): Promise<void>;
}

/** Statements that load rows. Errors for a row's content are those that `isDataError` knows. */
export interface SqlLoading<T, C extends NamedColumn> {
  /** The unit's appends, and its state for FRESHET_STATE. */
  append(transaction: T, unit: Unit, state: Cells): Promise<void>;
  insert(transaction: T, table: Table<C>, cells: Cells): Promise<void>;
  merge(transaction: T, table: Table<C>, rows: { readonly key: TableKey; readonly cells: Cells }): Promise<void>;
  delete(transaction: T, table: Table<C>, del: Delete): Promise<void>;
}

/** What the warehouse's errors mean. */
export interface SqlErrors {
  /** Whether a row's content is to blame: other rows would have gone through. */
  isDataError(error: unknown): boolean;
  /** In one line of bounded length. */
  briefMessage(error: unknown): string;
  /** The port's error. */
  translate(error: unknown): Error;
}

export interface SqlAdapter<T, C extends NamedColumn> extends SqlTransactions<T>, SqlBookkeeping<T>, SqlErrors {
  readonly domain: string;
  readonly tables: Tables<C>;
  readonly loading: SqlLoading<T, C>;
  /** Where in a unit's transaction its offsets move: first where that saves a fenced writer work, last where it takes a lock. */
  readonly movesOffsets: "first" | "last";
  /** These four: see `Writer`. */
  readonly largeBytes?: number;
  packer?(table: string): Packer | undefined;
  layout?(): unknown;
  readonly raw?: RawWriter | undefined;
  /** Called before a claim's transaction. */
  prepareClaim?(): Promise<void>;
  /** Called after a claim's transaction; resolves with the claims as they are handed out. */
  claimed?(scope: Scope, claims: readonly Claim[]): Promise<readonly Claim[]>;
  /** Called before a unit's transaction. */
  prepare?(unit: Unit): Promise<void>;
  /** Called after COMMIT. Errors: `CommitUnknownError` when the unit is not there all the same. */
  confirm?(unit: Unit): Promise<void>;
}
