// A connection that outlives the instance: made when first used, and again after the instance was opened anew.
// Must not know tables.

import type { DuckDBConnection, DuckDBPreparedStatement, DuckDBResult, DuckDBValue } from "@duckdb/node-api";
import { CommitUnknownError } from "../../errors.ts";
import type { Client } from "./client.ts";
import { messageOf, reopenedMeanwhile, translate } from "./errors.ts";
import { Handover } from "./handover.ts";
import type { Rows } from "./rows.ts";
import type { Vector } from "./vector.ts";

/** What a session needs of its database. */
export interface SessionHost {
  readonly path: string;
  readonly client: Client;
  /** Raised each time the instance is opened anew. */
  readonly generation: number;
  /** A new connection to the present instance. */
  connect(): Promise<DuckDBConnection>;
  /** Runs one statement. */
  statement<T>(statement: () => Promise<T>): Promise<T>;
  /** Counts rows that were written or deleted, and the bytes that they came in. */
  wrote(rows: number, bytes?: number): void;
  /** Counts rows of a table that were deleted. */
  deleted(table: string, rows: number): void;
  /** Notes that a column of a table got a long text. */
  wroteLong(table: string, column: string): void;
  /** Called by a session when it is closed. */
  forget(session: Session): void;
}

/** A statement's rows, as the client's values. */
export type Values = readonly (readonly DuckDBValue[])[];

/** A connection that is made when first used, and again after the instance was reopened. Calls must not overlap. */
export class Session {
  readonly #database: SessionHost;
  readonly #prepared = new Map<string, DuckDBPreparedStatement>();
  #connection: DuckDBConnection | undefined;
  #generation = 0;
  #inTransaction = false;
  #handover: Handover;

  constructor(database: SessionHost) {
    this.#database = database;
    this.#handover = new Handover(database.client);
  }

  /** The connection itself, for streaming and interrupting. */
  async connection(): Promise<DuckDBConnection> {
    if (this.#connection && this.#generation === this.#database.generation) return this.#connection;
    if (this.#inTransaction) {
      throw reopenedMeanwhile(this.#database.path);
    }
    this.disconnect();
    this.#handover = new Handover(this.#database.client);
    this.#connection = await this.#database.connect();
    this.#generation = this.#database.generation;
    return this.#connection;
  }

  /** Runs a statement; returns the number of rows it changed. */
  async run(sql: string, values?: DuckDBValue[]): Promise<number> {
    const connection = await this.connection();
    return await this.#database.statement(async () => this.#wrote(await connection.run(sql, values)));
  }

  /** Runs a statement and returns its rows. */
  async rows(sql: string, values?: DuckDBValue[]): Promise<Values> {
    const connection = await this.connection();
    return await this.#database.statement(async () => await (await connection.run(sql, values)).getRows());
  }

  /**
   * Runs a statement on rows; returns the number of rows it changed. `sql` is given the function that hands them over, and is
   * kept prepared; `json` are the columns that DuckDB need not look at.
   */
  async runOn(rows: Rows, json: ReadonlySet<Vector>, sql: (call: string) => string): Promise<number> {
    const connection = await this.connection();
    return await this.#database.statement(async () => {
      using handed = this.#handover.give(connection, rows, json);
      const text = sql(handed.call);
      let statement = this.#prepared.get(text);
      if (!statement) this.#prepared.set(text, statement = await connection.prepare(text));
      statement.bindBigInt(1, handed.number);
      return this.#wrote(await statement.run(), rows.bytes);
    });
  }

  /** To be told of rows that were deleted, whatever comes of the transaction. */
  deleted(table: string, rows: number): void {
    this.#database.deleted(table, rows);
  }

  /** To be told of a long text. */
  wroteLong(table: string, column: string): void {
    this.#database.wroteLong(table, column);
  }

  #wrote({ rowsChanged }: DuckDBResult, bytes = 0): number {
    this.#database.wrote(rowsChanged, bytes);
    return rowsChanged;
  }

  /**
   * Runs `body` in a transaction. Its error rolls back, and is the one thrown even if rolling back fails too.
   * Errors: `CommitUnknownError` when COMMIT itself failed; DuckDB takes such a transaction back, for the cause.
   */
  async transaction<T>(body: () => Promise<T>): Promise<T> {
    await this.#begin();
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
        { cause: translate(error, this.#database.path) },
      );
    } finally {
      this.#inTransaction = false;
    }
    this.#handover.ended(true);
    return result;
  }

  /** Runs `body` in a transaction that is rolled back whatever comes of it. */
  async attempt<T>(body: () => Promise<T>): Promise<T> {
    await this.#begin();
    try {
      return await body();
    } finally {
      await this.rollback();
    }
  }

  async #begin(): Promise<void> {
    await this.run("BEGIN TRANSACTION");
    this.#inTransaction = true;
  }

  /** Ends the transaction without its changes; drops the connection where that fails, which has the same effect. */
  async rollback(): Promise<void> {
    try {
      await this.run("ROLLBACK");
    } catch {
      this.disconnect();
    } finally {
      this.#inTransaction = false;
      this.#handover.ended(false);
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
