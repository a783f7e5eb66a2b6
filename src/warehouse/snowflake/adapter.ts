// What Snowflake brings for a domain's writer: transactions of one session, which know their number, and its statements.
// Must not know logs, engines or operators.

import { CommitUnknownError, WarehouseUnavailableError } from "../../errors.ts";
import type { Attempt, Rows, Scope, SqlAdapter } from "../sql/adapter.ts";
import { Tables } from "../sql/tables.ts";
import { claimsOf } from "../sql/writer.ts";
import type { Bind, Checkpoints, Claim, Unit } from "../warehouse.ts";
import type { Account } from "./account.ts";
import { type Column, columnOf } from "./columns.ts";
import { briefMessage, isDataError, isStatementError, translate } from "./errors.ts";
import { SnowflakeLoading, type Transaction } from "./loading.ts";
import { SnowflakeOffsets } from "./offsets.ts";
import { makeOffsetsTables, offsetsTable } from "./offsets_tables.ts";
import { Session } from "./session.ts";
import { compactState, readState, readStateSince } from "./state.ts";
import { refuseChannels } from "./streaming/raw_table.ts";
import { SNOWFLAKE_TABLE_DROPPED } from "./traits.ts";

export interface WriterOptions {
  readonly domain: string;
  readonly account: Account;
  /** What the writer's transactions are called; no other writer anywhere may use it. */
  readonly transactions: string;
  /** Whether partitions are refused whose raw rows went by a channel of Snowpipe Streaming: only who reads those can go on. */
  readonly refusesChannels?: boolean;
}

export class SnowflakeAdapter implements SqlAdapter<Transaction, Column> {
  readonly domain: string;
  readonly tables: Tables<Column>;
  readonly offsets: SnowflakeOffsets;
  readonly loading: SnowflakeLoading;
  /** An update locks the table until the end of the transaction. */
  readonly movesOffsets = "last";
  readonly isDataError = isDataError;
  readonly briefMessage = briefMessage;
  readonly #account: Account;
  readonly #session: Session;
  readonly #refusesChannels: boolean;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor({ domain, account, transactions, refusesChannels = false }: WriterOptions) {
    this.domain = domain;
    this.#refusesChannels = refusesChannels;
    this.#account = account;
    this.#session = new Session({ account, tag: `freshet:${domain}`, transactions });
    this.offsets = new SnowflakeOffsets(this.#session, (...claim) => this.raised(...claim));
    this.tables = new Tables({
      place: account.description,
      dropped: SNOWFLAKE_TABLE_DROPPED,
      rows: (sql) => this.#session.rows(sql),
      columnOf,
    });
    this.loading = new SnowflakeLoading({
      domain,
      tables: this.tables,
      before: (...unit) => this.beforeAppending(...unit),
    });
  }

  async call<R>(call: () => Promise<R>): Promise<R> {
    const done = this.#last.then(async () => {
      if (this.#closed) throw new WarehouseUnavailableError(`The writer of "${this.domain}" is closed`);
      this.#account.checkOpen();
      return await call();
    });
    this.#last = done.catch(() => {});
    return await done;
  }

  async transaction<R>(body: (transaction: Transaction) => Promise<R>): Promise<R> {
    return await this.#session.transaction((number) => body({ session: this.#session, number }));
  }

  /** All in one transaction: a failed statement undoes only itself. */
  attempts<R>(body: (attempt: Attempt<Transaction>) => Promise<R>): Promise<R> {
    return this.#session.attempt((number) => body((write) => write({ session: this.#session, number })));
  }

  /** The writer's session, for statements within a call. */
  protected get reader(): Session {
    return this.#session;
  }

  rows(sql: string, binds: Bind[]): Promise<Rows> {
    return this.#session.rows(sql, binds);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
    await this.#session.drop();
  }

  translate(error: unknown): Error {
    // What is known of the tables may be what is wrong.
    if (isStatementError(error)) this.tables.forget();
    return translate(error, this.#account.place);
  }

  /** Called in a claim's transaction once the epochs are raised. */
  protected async raised(_transaction: Transaction, scope: Scope, partitions: readonly number[]): Promise<void> {
    if (this.#refusesChannels) await refuseChannels(this.#session, scope, partitions);
  }

  /** Called in a unit's transaction before its rows are appended. */
  protected beforeAppending(_transaction: Transaction, _unit: Unit): Promise<void> {
    return Promise.resolve();
  }

  /** A schema that an older version has made, or no migration. */
  async prepareClaim(): Promise<void> {
    if (this.tables.known(offsetsTable(this.domain)) !== undefined) return;
    await makeOffsetsTables(this.#session, [this.domain]);
    await this.tables.load();
  }

  readState(scope: Scope, partitions: readonly number[]): AsyncIterable<Rows> {
    return readState(this.#session, scope, partitions);
  }

  readStateSince(scope: Scope, checkpoints: Checkpoints): AsyncIterable<Rows> {
    return readStateSince(this.#session, scope, checkpoints);
  }

  compactState(scope: Scope, partitions: readonly number[], since: Checkpoints): Promise<void> {
    return compactState(this.#session, scope, partitions, since);
  }

  async replaceOperators(transaction: Transaction, fingerprints: ReadonlyMap<string, string>): Promise<void> {
    const { session, number } = transaction;
    const clear = "DELETE FROM FRESHET_OPERATORS WHERE DOMAIN = ? AND CURRENT_TRANSACTION() = ?";
    await session.change(clear, [this.domain, number]);
    const sql = "INSERT INTO FRESHET_OPERATORS (DOMAIN, OPERATOR, FINGERPRINT, UPDATED_AT) " +
      "SELECT ?, value[0]::VARCHAR, value[1]::VARCHAR, SYSDATE() FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))) " +
      "WHERE CURRENT_TRANSACTION() = ?";
    if (fingerprints.size > 0) await session.change(sql, [this.domain, JSON.stringify([...fingerprints]), number]);
    await session.checkTransaction();
  }

  /**
   * The transaction may have been taken back just before COMMIT: then Snowflake had nothing to commit, and said that all is
   * well. Where another instance has claimed a partition since, nothing can be told any more.
   */
  async confirm({ topic, moves }: Unit): Promise<void> {
    if (moves.length === 0) return;
    const partitions = moves.map(({ partition }) => partition);
    let stored: readonly Claim[];
    try {
      stored = claimsOf(await this.offsets.read({ domain: this.domain, topic }, partitions));
    } catch (cause) {
      throw new CommitUnknownError("Snowflake cannot be asked whether a commit is there", { cause });
    }
    const rows = moves.map((move) => ({ move, row: stored.find(({ partition }) => partition === move.partition) }));
    if (rows.some(({ move, row }) => row?.epoch !== move.epoch)) return;
    if (rows.every(({ move, row }) => row!.checkpoint === move.checkpoint + 1)) return;
    throw new CommitUnknownError("Snowflake confirmed a commit that is not there: read the positions back");
  }
}
