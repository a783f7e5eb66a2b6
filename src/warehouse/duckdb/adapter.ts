// What DuckDB brings for a domain's writer: transactions of one session in the file's turn, and its statements.
// Must not know logs, engines or operators.

import { Cells, type Packer } from "../cells.ts";
import type { Attempt, Scope, SqlAdapter } from "../sql/adapter.ts";
import { Tables } from "../sql/tables.ts";
import type { Bind, Checkpoints, Unit } from "../warehouse.ts";
import { type Column, columnOf } from "./columns.ts";
import type { Database } from "./database.ts";
import { briefMessage, isDataError, translate } from "./errors.ts";
import { FOLD_BYTES } from "./large_rows.ts";
import { DuckDbLoading, forgetPacked, insertRows, packerFor } from "./loading.ts";
import type { Layout } from "./packing.ts";
import { DuckDbOffsets } from "./offsets.ts";
import type { Session, Values } from "./session.ts";
import { compactState, readState, readStateSince } from "./state.ts";

export interface WriterOptions {
  readonly domain: string;
  readonly database: Database;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

export class DuckDbAdapter implements SqlAdapter<Session, Column> {
  readonly domain: string;
  readonly tables: Tables<Column>;
  readonly offsets: DuckDbOffsets;
  readonly loading: DuckDbLoading;
  /** Whoever is fenced should not do the work. */
  readonly movesOffsets = "first";
  readonly largeBytes = FOLD_BYTES;
  readonly isDataError = isDataError;
  readonly briefMessage = briefMessage;
  readonly #database: Database;
  readonly #now: () => number;
  readonly #session: Session;

  constructor({ domain, database, now }: WriterOptions) {
    this.domain = domain;
    this.#database = database;
    this.#now = now;
    this.#session = database.session();
    this.offsets = new DuckDbOffsets(this.#session, now);
    this.tables = new Tables({
      place: `warehouse file "${database.path}"`,
      rows: (sql) => this.#session.rows(sql),
      columnOf: ({ name, type }) => columnOf(name, type),
    });
    this.loading = new DuckDbLoading(this.tables);
  }

  call<R>(call: () => Promise<R>): Promise<R> {
    return this.#database.write(call);
  }

  transaction<R>(body: (session: Session) => Promise<R>): Promise<R> {
    return this.#session.transaction(() => body(this.#session));
  }

  /** Each in a transaction of its own: a failed statement fails what comes after it, too. */
  attempts<R>(body: (attempt: Attempt<Session>) => Promise<R>): Promise<R> {
    return body((write) => this.#session.attempt(() => write(this.#session)));
  }

  rows(sql: string, binds: Bind[]): Promise<Values> {
    return this.#session.rows(sql, binds);
  }

  close(): Promise<void> {
    return this.#database.turn(() => Promise.resolve(this.#session.close()));
  }

  translate(error: unknown): Error {
    return translate(error, this.#database.path);
  }

  readState(scope: Scope, partitions: readonly number[]): AsyncIterable<Values> {
    return readState(this.#database, scope, partitions);
  }

  readStateSince(scope: Scope, checkpoints: Checkpoints): AsyncIterable<Values> {
    return readStateSince(this.#database, scope, checkpoints);
  }

  compactState(scope: Scope, partitions: readonly number[], since: Checkpoints): Promise<void> {
    return this.#session.transaction(() => compactState(this.#session, scope, partitions, since));
  }

  async replaceOperators(session: Session, fingerprints: ReadonlyMap<string, string>): Promise<void> {
    const rows = Array.from(fingerprints, ([OPERATOR, FINGERPRINT]) => (
      { DOMAIN: this.domain, OPERATOR, FINGERPRINT, UPDATED_AT: this.#now() }
    ));
    await session.run("DELETE FROM FRESHET_OPERATORS WHERE DOMAIN = $1", [this.domain]);
    await insertRows(session, await this.tables.named("FRESHET_OPERATORS"), Cells.of(rows));
  }

  packer(table: string): Packer | undefined {
    const known = this.tables.known(table);
    return known && packerFor(known);
  }

  layout(): Layout {
    return this.tables.all.map(({ name, columns }) => ({ name, columns }));
  }

  async prepare({ appends }: Unit): Promise<void> {
    for (const { table, cells } of appends) {
      const hasNull = (column: string) =>
        (cells.column(column) ?? [null]).some((cell) => cell === null || cell === undefined);
      await this.#database.beforeAdding(table.toUpperCase(), hasNull);
    }
  }

  /** What was written is needed no more. */
  confirm({ appends }: Unit): Promise<void> {
    for (const { cells } of appends) forgetPacked(cells);
    return Promise.resolve();
  }
}
