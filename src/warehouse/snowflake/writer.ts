// One domain's writer: claims partitions, restores state, and writes a unit in one transaction, the move of its offsets last.
// Must not know logs, engines or operators.

import {
  CommitUnknownError,
  type RefusedRow,
  RowsRefusedError,
  WarehouseRefusedError,
  WarehouseUnavailableError,
} from "../../errors.ts";
import { Cells } from "../cells.ts";
import { stateRows } from "../state_rows.ts";
import type { Append, Claim, StateChange, Unit, Upsert, Writer } from "../warehouse.ts";
import type { Account } from "./account.ts";
import type { Source } from "./binds.ts";
import { briefMessage, isDataError, isStatementError, translate } from "./errors.ts";
import { deleteRows, insertSources, type Marker, mergeRows, sourceOf, type Transaction } from "./loading.ts";
import { claimOffsets, moveOffsets, readOffsets, type Scope } from "./offsets.ts";
import { findRefusals } from "./refusals.ts";
import { Session } from "./session.ts";
import { compactState, readState } from "./state.ts";
import { Tables } from "./tables.ts";

/** Rows were refused; which ones is found after the transaction is rolled back. */
class StepRefused extends Error {
  constructor(readonly steps: readonly (Append | Upsert)[], cause: unknown) {
    super("Rows were refused", { cause });
  }
}

function isAppend(step: Append | Upsert): step is Append {
  return "cells" in step;
}

export class SnowflakeWriter implements Writer {
  readonly #domain: string;
  readonly #account: Account;
  readonly #session: Session;
  readonly #tables: Tables;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor(domain: string, account: Account, transactions: string) {
    this.#domain = domain;
    this.#account = account;
    this.#session = new Session({ account, tag: `freshet:${domain}`, transactions });
    this.#tables = new Tables(this.#session);
  }

  /** `transactions`: what the writer's transactions are called; no other writer anywhere may use it. */
  static async open(domain: string, account: Account, transactions: string): Promise<SnowflakeWriter> {
    const writer = new SnowflakeWriter(domain, account, transactions);
    try {
      await writer.#work(() => writer.#tables.load());
    } catch (error) {
      await writer[Symbol.asyncDispose]();
      throw error;
    }
    return writer;
  }

  claim(topic: string, partitions: readonly number[], all: readonly number[] = []): Promise<readonly Claim[]> {
    return this.#work(() =>
      this.#transaction((transaction) => claimOffsets(transaction, this.#scope(topic), { partitions, all }))
    );
  }

  async *state(topic: string, partitions: readonly number[]): AsyncGenerator<readonly StateChange[], void, undefined> {
    try {
      yield* readState(this.#session, this.#scope(topic), partitions);
    } catch (error) {
      throw translate(error, this.#account.place);
    }
  }

  async commit(unit: Unit): Promise<void> {
    await this.#work(async () => {
      try {
        await this.#transaction((transaction) => this.#write(unit, transaction));
      } catch (error) {
        if (error instanceof StepRefused) await this.#explain(error);
        throw error;
      }
      await this.#confirm(unit);
    });
  }

  positions(topic: string, partitions: readonly number[]): Promise<readonly Claim[]> {
    return this.#work(() => readOffsets(this.#session, this.#scope(topic), partitions));
  }

  async compactState(topic: string, partitions: readonly number[]): Promise<void> {
    await this.#work(() => compactState(this.#session, this.#scope(topic), partitions));
  }

  operators(): Promise<ReadonlyMap<string, string>> {
    return this.#work(async () => {
      const sql = "SELECT OPERATOR, FINGERPRINT FROM FRESHET_OPERATORS WHERE DOMAIN = ? ORDER BY OPERATOR";
      const rows = await this.#session.rows(sql, [this.#domain]);
      return new Map(rows.map(([operator, fingerprint]) => [String(operator), String(fingerprint)]));
    });
  }

  async registerOperators(fingerprints: ReadonlyMap<string, string>): Promise<void> {
    const sql = "INSERT INTO FRESHET_OPERATORS (DOMAIN, OPERATOR, FINGERPRINT, UPDATED_AT) " +
      "SELECT ?, value[0]::VARCHAR, value[1]::VARCHAR, SYSDATE() FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))) " +
      "WHERE CURRENT_TRANSACTION() = ?";
    const clear = "DELETE FROM FRESHET_OPERATORS WHERE DOMAIN = ? AND CURRENT_TRANSACTION() = ?";
    await this.#work(() =>
      this.#transaction(async ({ session, number }) => {
        await session.change(clear, [this.#domain, number]);
        if (fingerprints.size === 0) return;
        await session.change(sql, [this.#domain, JSON.stringify([...fingerprints]), number]);
      })
    );
  }

  /** Waits for running calls and logs out. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#last;
    await this.#session.drop();
  }

  #transaction<T>(body: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.#session.transaction((number) => body({ session: this.#session, number }));
  }

  #scope(topic: string): Scope {
    return { domain: this.#domain, topic };
  }

  /** One call of the port: after the one before, with Snowflake's errors translated. */
  async #work<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(async () => {
      if (this.#closed) throw new WarehouseUnavailableError(`The writer of "${this.#domain}" is closed`);
      this.#account.checkOpen();
      return await work();
    });
    this.#last = done.catch(() => {});
    try {
      return await done;
    } catch (error) {
      // What is known of the tables may be what is wrong.
      if (isStatementError(error)) this.#tables.forget();
      throw translate(error, this.#account.place);
    }
  }

  /** The steps of a unit, inside its transaction: what takes locks comes late, the fence last. */
  async #write(unit: Unit, transaction: Transaction): Promise<void> {
    await this.#insert(unit, transaction);
    for (const upsert of unit.upserts) await this.#upsert(upsert, transaction);
    for (const del of unit.deletes) await deleteRows(transaction, await this.#tables.named(del.table), del);
    await moveOffsets(transaction, this.#scope(unit.topic), unit.moves);
  }

  /** All rows that are only added, the state among them, in one go. */
  async #insert(unit: Unit, transaction: Transaction): Promise<void> {
    const sources: Source[] = [];
    for (const group of groupsOf(unit.appends)) {
      const targets = await Promise.all(group.map(async ({ table, cells }) => {
        const [target] = sourceOf(await this.#tables.named(table), cells);
        return target!;
      }));
      sources.push(targets);
    }
    const appended = sources.some(([target]) => target!.cells.length > 0);
    const state = stateRows(unit, this.#domain);
    if (state.length > 0) sources.push(sourceOf(await this.#tables.named("FRESHET_STATE"), Cells.of(state)));
    try {
      await insertSources(transaction, sources, appended ? this.#marker(unit) : undefined);
    } catch (error) {
      throw isDataError(error) ? new StepRefused(unit.appends, error) : error;
    }
  }

  #marker({ topic, moves: [move] }: Unit): Marker | undefined {
    if (!move) return undefined;
    return { domain: this.#domain, topic, partition: move.partition, checkpoint: move.checkpoint + 1 };
  }

  async #upsert(step: Upsert, transaction: Transaction): Promise<void> {
    const cells = Cells.of(step.rows);
    if (cells.length === 0) return;
    try {
      await mergeRows(transaction, await this.#tables.named(step.table), step, cells);
    } catch (error) {
      throw isDataError(error) ? new StepRefused([step], error) : error;
    }
  }

  /** Throws what says which rows were refused. */
  async #explain({ steps, cause }: StepRefused): Promise<never> {
    const told = Promise.withResolvers<Error>();
    await this.#transaction(async (transaction) => {
      told.resolve(await this.#explanation(steps, cause, transaction));
      throw new Explained();
    }).catch((error) => {
      if (!(error instanceof Explained)) throw error;
    });
    throw await told.promise;
  }

  async #explanation(
    steps: readonly (Append | Upsert)[],
    cause: unknown,
    transaction: Transaction,
  ): Promise<Error> {
    const rows: RefusedRow[] = [];
    for (const step of steps) {
      const table = await this.#tables.named(step.table);
      if (isAppend(step)) {
        const write = (cells: Cells) => insertSources(transaction, [sourceOf(table, cells)]);
        for (const { index, detail } of await findRefusals(step.cells, write)) {
          rows.push({ table: step.table, partition: step.partitions[index]!, offset: step.offsets[index]!, detail });
        }
        continue;
      }
      const [first] = await findRefusals(Cells.of(step.rows), (cells) => mergeRows(transaction, table, step, cells));
      if (!first) continue;
      const row = step.rows[first.index]!;
      const key = step.keyColumns.map((name) => `${name} = ${JSON.stringify(row[name])}`).join(", ");
      return new WarehouseRefusedError(`Table "${step.table}" refused the row of ${key}: ${first.detail}`, { cause });
    }
    if (rows.length > 0) return new RowsRefusedError(rows, { cause });
    const tables = steps.map(({ table }) => `"${table}"`).join(", ");
    return new WarehouseRefusedError(`Rows for ${tables} were refused, but none alone: ${briefMessage(cause)}`, {
      cause,
    });
  }

  /**
   * After COMMIT was confirmed: the transaction may have been taken back just before, and then Snowflake had nothing to
   * commit, and said that all is well. Where another instance has claimed a partition since, nothing can be told any more.
   */
  async #confirm({ topic, moves }: Unit): Promise<void> {
    if (moves.length === 0) return;
    let found: readonly Claim[];
    try {
      found = await readOffsets(this.#session, this.#scope(topic), moves.map(({ partition }) => partition));
    } catch (cause) {
      throw new CommitUnknownError("Snowflake cannot be asked whether a commit is there", { cause });
    }
    const rows = moves.map((move) => ({ move, row: found.find(({ partition }) => partition === move.partition) }));
    if (rows.some(({ move, row }) => row?.epoch !== move.epoch)) return;
    if (rows.every(({ move, row }) => row!.checkpoint === move.checkpoint + 1)) return;
    throw new CommitUnknownError("Snowflake confirmed a commit that is not there: read the positions back");
  }
}

/** Ends the transaction in which refused rows were looked for. */
class Explained extends Error {}

/** Appends whose rows come from the same records, row by row, together: they travel in one bind. */
function groupsOf(appends: readonly Append[]): Append[][] {
  const groups: Append[][] = [];
  for (const append of appends) {
    const group = groups.find(([first]) => isSame(first!, append));
    if (group) group.push(append);
    else groups.push([append]);
  }
  return groups;
}

function isSame(a: Append, b: Append): boolean {
  return a.table !== b.table && a.offsets.length === b.offsets.length &&
    a.offsets.every((offset, i) => offset === b.offsets[i]) &&
    a.partitions.every((partition, i) => partition === b.partitions[i]);
}
