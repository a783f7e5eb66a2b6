// One domain's writer: claims partitions, restores state, and writes a unit in one transaction with the move of its offsets.
// Must not know logs, engines or operators.

import { type RefusedRow, RowsRefusedError, WarehouseRefusedError } from "../../errors.ts";
import { Cells, type Packer } from "../cells.ts";
import { stateRows } from "../state_rows.ts";
import type { Append, Claim, StateChange, Unit, Upsert, Writer } from "../warehouse.ts";
import type { Database } from "./database.ts";
import { FOLD_BYTES } from "./large_rows.ts";
import type { Session } from "./session.ts";
import { briefMessage, isDataError, translate } from "./errors.ts";
import { deleteRows, insertRows, mergeRows, packerFor } from "./loading.ts";
import { claimOffsets, moveOffsets, readOffsets } from "./offsets.ts";
import { findRefusals } from "./refusals.ts";
import { compactState, readState } from "./state.ts";
import { Tables } from "./tables.ts";

export interface WriterOptions {
  readonly domain: string;
  readonly database: Database;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** A table refused rows of an append or an upsert; which ones is found after the transaction is rolled back. */
class StepRefused extends Error {
  constructor(readonly step: Append | Upsert, cause: unknown) {
    super("Rows were refused", { cause });
  }
}

function isAppend(step: Append | Upsert): step is Append {
  return "cells" in step;
}

function cellsOf(step: Append | Upsert): Cells {
  return isAppend(step) ? step.cells : Cells.of(step.rows);
}

export class DuckDbWriter implements Writer {
  readonly largeBytes = FOLD_BYTES;
  readonly #options: WriterOptions;
  readonly #session: Session;
  readonly #tables: Tables;
  #closed = false;

  private constructor(options: WriterOptions) {
    this.#options = options;
    this.#session = options.database.session();
    this.#tables = new Tables(this.#session, options.database.path);
  }

  static async open(options: WriterOptions): Promise<DuckDbWriter> {
    const writer = new DuckDbWriter(options);
    try {
      await writer.#work(() => writer.#tables.load());
    } catch (error) {
      await writer[Symbol.asyncDispose]();
      throw error;
    }
    return writer;
  }

  claim(topic: string, partitions: readonly number[], all: readonly number[] = []): Promise<readonly Claim[]> {
    const claiming = { partitions, all, now: this.#options.now() };
    return this.#work(() => this.#session.transaction(() => claimOffsets(this.#session, this.#scope(topic), claiming)));
  }

  async *state(topic: string, partitions: readonly number[]): AsyncGenerator<readonly StateChange[], void, undefined> {
    const { database } = this.#options;
    try {
      yield* readState(database, this.#scope(topic), partitions);
    } catch (error) {
      throw translate(error, database.path);
    }
  }

  packer(table: string): Packer | undefined {
    const known = this.#tables.known(table);
    return known && packerFor(known);
  }

  async commit(unit: Unit): Promise<void> {
    await this.#work(async () => {
      for (const { table, cells } of unit.appends) {
        const hasNull = (column: string) =>
          (cells.column(column) ?? [null]).some((cell) => cell === null || cell === undefined);
        await this.#options.database.beforeAdding(table.toUpperCase(), hasNull);
      }
      try {
        await this.#session.transaction(() => this.#write(unit));
      } catch (error) {
        if (error instanceof StepRefused) await this.#explain(unit, error);
        throw error;
      }
    });
  }

  positions(topic: string, partitions: readonly number[]): Promise<readonly Claim[]> {
    return this.#work(() => readOffsets(this.#session, this.#scope(topic), partitions));
  }

  async compactState(topic: string, partitions: readonly number[]): Promise<void> {
    await this.#work(() =>
      this.#session.transaction(() => compactState(this.#session, this.#scope(topic), partitions))
    );
  }

  operators(): Promise<ReadonlyMap<string, string>> {
    return this.#work(async () => {
      const sql = "SELECT OPERATOR, FINGERPRINT FROM FRESHET_OPERATORS WHERE DOMAIN = $1 ORDER BY OPERATOR";
      const rows = await this.#session.rows(sql, [this.#options.domain]);
      return new Map(rows.map(([operator, fingerprint]) => [String(operator), String(fingerprint)]));
    });
  }

  async registerOperators(fingerprints: ReadonlyMap<string, string>): Promise<void> {
    const { domain, now } = this.#options;
    const rows = Array.from(fingerprints, ([operator, fingerprint]) => (
      { DOMAIN: domain, OPERATOR: operator, FINGERPRINT: fingerprint, UPDATED_AT: now() }
    ));
    await this.#work(() =>
      this.#session.transaction(async () => {
        await this.#session.run("DELETE FROM FRESHET_OPERATORS WHERE DOMAIN = $1", [domain]);
        await insertRows(this.#session, await this.#tables.named("FRESHET_OPERATORS"), Cells.of(rows));
      })
    );
  }

  /** Waits for running calls. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#options.database.turn(() => Promise.resolve(this.#session.close()));
  }

  #scope(topic: string): { readonly domain: string; readonly topic: string } {
    return { domain: this.#options.domain, topic };
  }

  /** One call of the port: in the domain's turn, with DuckDB's errors translated. */
  async #work<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await this.#options.database.write(work);
    } catch (error) {
      throw translate(error, this.#options.database.path);
    }
  }

  /** The steps of a unit, inside its transaction. The fence comes first: whoever is fenced should not do the work. */
  async #write(unit: Unit): Promise<void> {
    const { domain, now } = this.#options;
    await moveOffsets(this.#session, this.#scope(unit.topic), unit.moves, now());
    for (const append of unit.appends) await this.#step(append, append.cells);
    await insertRows(this.#session, await this.#tables.named("FRESHET_STATE"), Cells.of(stateRows(unit, domain)));
    for (const upsert of unit.upserts) await this.#step(upsert, Cells.of(upsert.rows));
    for (const del of unit.deletes) await deleteRows(this.#session, await this.#tables.named(del.table), del);
  }

  async #step(step: Append | Upsert, cells: Cells): Promise<void> {
    try {
      await this.#load(step, cells);
    } catch (error) {
      throw isDataError(error) ? new StepRefused(step, error) : error;
    }
  }

  async #load(step: Append | Upsert, cells: Cells): Promise<void> {
    const table = await this.#tables.named(step.table);
    if (isAppend(step)) await insertRows(this.#session, table, cells);
    else await mergeRows(this.#session, table, step, cells);
  }

  /** Throws what says which rows were refused. The appends before the refused one are known to be good. */
  async #explain(unit: Unit, { step, cause }: StepRefused): Promise<never> {
    const refused = (step: Append | Upsert) =>
      findRefusals(this.#session, cellsOf(step), (cells) => this.#load(step, cells));
    if (isAppend(step)) {
      const rows: RefusedRow[] = [];
      for (const append of unit.appends.slice(unit.appends.indexOf(step))) {
        for (const { index, detail } of await refused(append)) {
          rows.push({
            table: append.table,
            partition: append.partitions[index]!,
            offset: append.offsets[index]!,
            detail,
          });
        }
      }
      if (rows.length > 0) throw new RowsRefusedError(rows, { cause });
    } else {
      const [first] = await refused(step);
      if (first) {
        const row = step.rows[first.index]!;
        const key = step.keyColumns.map((name) => `${name} = ${JSON.stringify(row[name])}`).join(", ");
        throw new WarehouseRefusedError(`Table "${step.table}" refused the row of ${key}: ${first.detail}`, { cause });
      }
    }
    throw new WarehouseRefusedError(`Table "${step.table}" refused rows, but none alone: ${briefMessage(cause)}`, {
      cause,
    });
  }
}
