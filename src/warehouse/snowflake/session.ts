// One session with Snowflake that outlives its connections: made when it is first used, and again after one was lost.
// A transaction does not outlive its connection. Must not know tables or units.

import { setTimeout as delay } from "node:timers/promises";
import { CommitUnknownError, WarehouseUnavailableError } from "../../errors.ts";
import type { Account, Purpose } from "./account.ts";
import type { Bind, Connection, ExecuteOptions, RawRow, Result } from "./driver.ts";
import { isLockTimeout, isSessionEnded, isStatementError, leavesSession, translate } from "./errors.ts";
import { abortSql, holderIn, releaseAbandoned } from "./locks.ts";

/** How often a statement is sent that waits for a lock in vain, and a transaction begun that had locks while it waited. */
const MAX_LOCK_ATTEMPTS = 6;
/** Before that, milliseconds, and at random up to as much again: Snowflake also answers at once, when too many wait already. */
const LOCK_PAUSE_MS = 500;

export interface SessionOptions extends Purpose {
  readonly account: Account;
  /** Names this session's transactions, so that others know whose they are: letters, digits and underscores. */
  readonly transactions: string;
}

/** What locks a table until its transaction ends. */
const LOCKING = /^\s*(UPDATE|DELETE|MERGE)\b/i;

/** Calls must not overlap, but for `query`. */
export class Session {
  readonly #options: SessionOptions;
  #connection: Connection | undefined;
  #connecting: Promise<Connection> | undefined;
  /** The number of the open transaction. */
  #transaction: string | undefined;
  /** A transaction of a connection that was given up: whether it is still open is not known. */
  #doubtful: string | undefined;
  /** Whether the open transaction has locked a table. */
  #hasLocks = false;
  #number = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  get account(): Account {
    return this.#options.account;
  }

  /** Connects now; otherwise the first statement does. */
  async connect(): Promise<void> {
    await this.#connect();
  }

  /** Runs a statement and returns its rows. */
  async rows(sql: string, binds: readonly Bind[] = []): Promise<readonly RawRow[]> {
    return (await this.#execute(sql, binds)).rows;
  }

  /** Runs a statement and hands its rows out in pages of `pageRows`, of which one is held at a time. */
  async *pages(
    sql: string,
    binds: readonly Bind[],
    pageRows: number,
  ): AsyncGenerator<readonly RawRow[], void, undefined> {
    const connection = await this.#connect();
    try {
      yield* connection.pages(sql, binds, { pageRows, deadlineMs: this.#deadlineMs });
    } catch (error) {
      if (!leavesSession(error) && this.#connection === connection) await this.drop();
      throw error;
    }
  }

  /** Runs a statement that changes rows; returns the counts that it answers with, such as rows inserted and updated. */
  async change(sql: string, binds: readonly Bind[]): Promise<readonly number[]> {
    const [counts] = await this.#patiently(() => this.rows(sql, binds));
    this.#hasLocks ||= this.#transaction !== undefined && LOCKING.test(sql);
    return (counts ?? []).map(Number);
  }

  /** Runs a statement that has a deadline and a limit of its own, beside others. */
  async query(sql: string, binds: readonly Bind[] = [], options: Partial<ExecuteOptions> = {}): Promise<Result> {
    return await this.#onLiveSession(() => this.#execute(sql, binds, options));
  }

  /**
   * Runs `body` in a transaction; its number goes into statements that must not run outside of it. The body's error rolls
   * back. A body that waits in vain for a lock while it has others is run again in a new transaction: whoever has that lock may
   * wait for one of these. Errors: `CommitUnknownError` when COMMIT was sent and not confirmed.
   */
  async transaction<T>(body: (transaction: string) => Promise<T>): Promise<T> {
    for (let attempt = 1;; attempt++) {
      const number = await this.#begin();
      let result: T;
      try {
        result = await body(number);
      } catch (error) {
        const again = this.#hasLocks && isLockTimeout(error) && attempt < MAX_LOCK_ATTEMPTS;
        await this.rollback();
        if (!again) throw error;
        await pause();
        continue;
      }
      await this.#commit();
      return result;
    }
  }

  async #commit(): Promise<void> {
    try {
      await this.rows("COMMIT");
    } catch (error) {
      await this.drop();
      throw new CommitUnknownError(
        `Snowflake did not confirm a commit: read the positions back (${(error as Error).message})`,
        { cause: error },
      );
    } finally {
      this.#ended();
    }
  }

  /** Runs `body` in a transaction that is rolled back whatever comes of it. */
  async attempt<T>(body: (transaction: string) => Promise<T>): Promise<T> {
    const number = await this.#begin();
    try {
      return await body(number);
    } finally {
      await this.rollback();
    }
  }

  /**
   * Throws `WarehouseUnavailableError` where the open transaction is gone: Snowflake, or who ends what a killed process left,
   * has taken it back, and statements that name its number have found nothing since. Outside of one there is nothing to check.
   */
  async checkTransaction(): Promise<void> {
    if (this.#transaction === undefined || await this.#current() === this.#transaction) return;
    throw new WarehouseUnavailableError("Snowflake took a transaction back: try again");
  }

  /** The number of the transaction by Snowflake. */
  async #current(): Promise<unknown> {
    const [[number] = []] = await this.rows("SELECT CURRENT_TRANSACTION()");
    return number;
  }

  async #begin(): Promise<string> {
    const begin = `BEGIN TRANSACTION NAME ${this.#options.transactions}_${++this.#number}`;
    await this.#onLiveSession(() => this.rows(begin));
    try {
      const number = await this.#current();
      if (typeof number !== "string") throw new WarehouseUnavailableError("Snowflake began no transaction: try again");
      return this.#transaction = number;
    } catch (error) {
      await this.rollback();
      throw error;
    }
  }

  #ended(): void {
    this.#transaction = undefined;
    this.#hasLocks = false;
  }

  /** Ends the transaction without its changes; gives the connection up where that fails, which has the same effect. */
  async rollback(): Promise<void> {
    try {
      if (this.#connection) await this.rows("ROLLBACK");
    } catch {
      await this.drop();
    } finally {
      this.#ended();
    }
  }

  /** Gives the connection up; the next statement makes a new one. */
  async drop(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#doubtful ??= this.#transaction;
    await connection?.close();
  }

  async #connect(): Promise<Connection> {
    if (this.#connection) return this.#connection;
    if (this.#transaction !== undefined) {
      throw new WarehouseUnavailableError("The session with Snowflake ended in mid-transaction: try again");
    }
    this.#connecting ??= this.#open().finally(() => this.#connecting = undefined);
    return await this.#connecting;
  }

  async #open(): Promise<Connection> {
    const connection = await this.account.connect(this.#options);
    if (this.#doubtful !== undefined) {
      try {
        await this.#end(connection, this.#doubtful);
      } catch (error) {
        await connection.close();
        throw error;
      }
      this.#doubtful = undefined;
    }
    return this.#connection = connection;
  }

  /** Makes sure that a transaction of a connection before is over: what it has written is final then. */
  async #end(connection: Connection, transaction: string): Promise<void> {
    try {
      await connection.execute(abortSql(transaction), [], { deadlineMs: this.#deadlineMs });
    } catch (error) {
      if (!isStatementError(error)) throw translate(error, this.account.place);
    }
  }

  get #deadlineMs(): number {
    const { statementSeconds, driverMs } = this.account.limits;
    return statementSeconds * 1000 + driverMs;
  }

  async #execute(sql: string, binds: readonly Bind[], options: Partial<ExecuteOptions> = {}): Promise<Result> {
    const connection = await this.#connect();
    try {
      return await connection.execute(sql, binds, { deadlineMs: this.#deadlineMs, ...options });
    } catch (error) {
      const stopped = options.signal?.aborted === true;
      if (!stopped && !leavesSession(error) && this.#connection === connection) await this.drop();
      throw error;
    }
  }

  /** Does it again where the session turns out to have ended meanwhile, as it does after hours without work. */
  async #onLiveSession<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!isSessionEnded(error)) throw error;
      return await work();
    }
  }

  /**
   * Sends a statement again that waited for a lock in vain, after ending the transaction that a killed process left; where the
   * transaction has locks itself only if there was such a one.
   */
  async #patiently<T>(statement: () => Promise<T>): Promise<T> {
    for (let attempt = 1;; attempt++) {
      try {
        return await statement();
      } catch (error) {
        if (!isLockTimeout(error) || attempt === MAX_LOCK_ATTEMPTS) throw error;
        const { abandonedSeconds } = this.account.limits;
        const holder = holderIn((error as Error).message);
        const released = await releaseAbandoned(this, { own: this.#options.transactions, abandonedSeconds, holder });
        if (this.#hasLocks && !released) throw error;
        await pause();
      }
    }
  }
}

const pause = () => delay(LOCK_PAUSE_MS * (1 + Math.random()));
