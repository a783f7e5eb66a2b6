// One domain's writer on any SQL warehouse: claims partitions, restores state, and writes a unit in one transaction with the
// move of its offsets. Must not know logs, engines or operators, nor a driver.

import {
  FencedError,
  type RefusedRow,
  RowsRefusedError,
  WarehouseRefusedError,
  WarehouseUnavailableError,
} from "../../errors.ts";
import { Cells, type Packer } from "../cells.ts";
import type { Append, Checkpoints, Claim, Move, RawWriter, StateChange, Unit, Upsert, Writer } from "../warehouse.ts";
import type { Attempt, Claiming, Rows, Scope, SqlAdapter } from "./adapter.ts";
import { micros, millis, timestampCells, timestampOf } from "./offset_times.ts";
import { findRefusals, type Refusal } from "./refusals.ts";
import { stateChanges, stateRows } from "./state.ts";
import type { NamedColumn } from "./tables.ts";

type Step = Append | Upsert;

/** Rows were refused; which ones is found after the transaction is rolled back. */
class StepsRefused extends Error {
  constructor(readonly steps: readonly Step[], cause: unknown) {
    super("Rows were refused", { cause });
  }
}

/** Not all offsets could be moved; why is found after the transaction is rolled back. */
class MovesRefused extends Error {}

const isAppend = (step: Step): step is Append => "cells" in step;
const partitionsOf = ({ moves }: Unit) => moves.map(({ partition }) => partition);

export class SqlWriter<T, C extends NamedColumn> implements Writer {
  readonly largeBytes: number | undefined;
  readonly packer: ((table: string) => Packer | undefined) | undefined;
  readonly raw: RawWriter | undefined;
  readonly layout: (() => unknown) | undefined;
  readonly #adapter: SqlAdapter<T, C>;
  #closed = false;

  private constructor(adapter: SqlAdapter<T, C>) {
    this.#adapter = adapter;
    this.largeBytes = adapter.largeBytes;
    this.packer = adapter.packer?.bind(adapter);
    this.raw = adapter.raw;
    this.layout = adapter.layout?.bind(adapter);
  }

  static async open<T, C extends NamedColumn>(adapter: SqlAdapter<T, C>): Promise<Writer> {
    const writer = new SqlWriter(adapter);
    try {
      await writer.#call(() => adapter.tables.load());
    } catch (error) {
      await writer[Symbol.asyncDispose]();
      throw error;
    }
    return writer;
  }

  claim(topic: string, partitions: readonly number[], all: readonly number[] = []): Promise<readonly Claim[]> {
    const scope = this.#scope(topic);
    const claiming = { partitions: [...new Set(partitions)], all };
    return this.#call(async () => {
      await this.#adapter.prepareClaim?.();
      const claims = await this.#claim(scope, claiming);
      return await this.#adapter.claimed?.(scope, claims) ?? claims;
    });
  }

  state(topic: string, partitions: readonly number[]): AsyncIterable<readonly StateChange[]> {
    return this.#changes(this.#adapter.readState(this.#scope(topic), partitions));
  }

  stateSince(topic: string, checkpoints: Checkpoints): AsyncIterable<readonly StateChange[]> {
    return this.#changes(this.#adapter.readStateSince(this.#scope(topic), checkpoints));
  }

  async *#changes(pages: AsyncIterable<Rows>): AsyncGenerator<readonly StateChange[], void, undefined> {
    try {
      for await (const rows of pages) yield stateChanges(rows);
    } catch (error) {
      throw this.#adapter.translate(error);
    }
  }

  async commit(unit: Unit): Promise<void> {
    await this.#call(async () => {
      await this.#adapter.prepare?.(unit);
      try {
        await this.#adapter.transaction((transaction) => this.#write(unit, transaction));
      } catch (error) {
        if (error instanceof StepsRefused) throw await this.#explanation(error);
        if (error instanceof MovesRefused) throw refusedMoves(unit.topic, unit.moves, await this.#stored(unit));
        throw error;
      }
      await this.#adapter.confirm?.(unit);
    });
  }

  positions(topic: string, partitions: readonly number[]): Promise<readonly Claim[]> {
    return this.#call(async () => claimsOf(await this.#adapter.offsets.read(this.#scope(topic), partitions)));
  }

  async compactState(topic: string, partitions: readonly number[], since: Checkpoints = new Map()): Promise<void> {
    await this.#call(() => this.#adapter.compactState(this.#scope(topic), partitions, since));
  }

  operators(): Promise<ReadonlyMap<string, string>> {
    const sql = "SELECT OPERATOR, FINGERPRINT FROM FRESHET_OPERATORS WHERE DOMAIN = ? ORDER BY OPERATOR";
    return this.#call(async () => {
      const rows = await this.#adapter.rows(sql, [this.#adapter.domain]);
      return new Map(rows.map(([operator, fingerprint]) => [String(operator), String(fingerprint)]));
    });
  }

  async registerOperators(fingerprints: ReadonlyMap<string, string>): Promise<void> {
    await this.#call(() =>
      this.#adapter.transaction((transaction) => this.#adapter.replaceOperators(transaction, fingerprints))
    );
  }

  /** Waits for running calls. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#adapter.close();
  }

  #claim(scope: Scope, claiming: Claiming): Promise<readonly Claim[]> {
    const { partitions } = claiming;
    return this.#adapter.transaction(async (transaction) => {
      await this.#adapter.offsets.raise(transaction, scope, claiming);
      const claims = claimsOf(await this.#adapter.offsets.read(scope, partitions));
      if (claims.length === partitions.length) return claims;
      throw new WarehouseRefusedError(
        `FRESHET_OFFSETS holds ${claims.length} rows for ${partitions.length} partitions of topic "${scope.topic}" (domain ` +
          `"${scope.domain}"), which is for one each: somebody changed it, mend it by hand`,
      );
    });
  }

  #scope(topic: string): Scope {
    return { domain: this.#adapter.domain, topic };
  }

  async #call<R>(call: () => Promise<R>): Promise<R> {
    try {
      return await this.#adapter.call(call);
    } catch (error) {
      throw this.#adapter.translate(error);
    }
  }

  async #stored(unit: Unit): Promise<readonly Claim[]> {
    return claimsOf(await this.#adapter.offsets.read(this.#scope(unit.topic), partitionsOf(unit)));
  }

  /** The steps of a unit, inside its transaction. */
  async #write(unit: Unit, transaction: T): Promise<void> {
    const { movesOffsets, tables } = this.#adapter;
    if (movesOffsets === "first") await this.#move(unit, transaction);
    await this.#append(unit, transaction);
    // Everybody takes the tables in one order, so that no two who write at once hold what the other waits for.
    const names = new Set([...unit.upserts, ...unit.deletes].map(({ table }) => table));
    for (const name of [...names].sort()) {
      for (const upsert of unit.upserts) if (upsert.table === name) await this.#upsert(upsert, transaction);
      for (const del of unit.deletes) {
        if (del.table === name) await this.#adapter.loading.delete(transaction, await tables.named(name), del);
      }
    }
    if (movesOffsets === "last") await this.#move(unit, transaction);
  }

  /** The conditional update that fences others out. */
  async #move({ topic, moves }: Unit, transaction: T): Promise<void> {
    if (moves.length === 0) return;
    const moved = await this.#adapter.offsets.move(transaction, this.#scope(topic), movesJson(moves));
    if (moved !== moves.length) throw new MovesRefused();
  }

  async #append(unit: Unit, transaction: T): Promise<void> {
    const state = Cells.of(stateRows(unit, this.#adapter.domain));
    try {
      await this.#adapter.loading.append(transaction, unit, state);
    } catch (error) {
      throw this.#adapter.isDataError(error) ? new StepsRefused(unit.appends, error) : error;
    }
  }

  async #upsert(step: Upsert, transaction: T): Promise<void> {
    if (step.rows.length === 0) return;
    const table = await this.#adapter.tables.named(step.table);
    try {
      await this.#adapter.loading.merge(transaction, table, { key: step, cells: Cells.of(step.rows) });
    } catch (error) {
      throw this.#adapter.isDataError(error) ? new StepsRefused([step], error) : error;
    }
  }

  /** What says which rows were refused. */
  async #explanation({ steps, cause }: StepsRefused): Promise<Error> {
    return await this.#adapter.attempts(async (attempt) => {
      const refused: RefusedRow[] = [];
      for (const step of steps) {
        const refusals = await this.#refusals(step, attempt);
        if (isAppend(step)) {
          refused.push(...refusals.map(({ index, detail }) => (
            { table: step.table, partition: step.partitions[index]!, offset: step.offsets[index]!, detail }
          )));
        } else if (refusals[0]) return refusedUpsert(step, refusals[0], cause);
      }
      if (refused.length > 0) return new RowsRefusedError(refused, { cause });
      const tables = steps.map(({ table }) => `"${table}"`).join(", ");
      const message = this.#adapter.briefMessage(cause);
      // What no row explains may have been the warehouse's own trouble, and pass.
      return new WarehouseUnavailableError(`Rows for ${tables} were refused, but none alone: try again (${message})`, {
        cause,
      });
    });
  }

  async #refusals(step: Step, attempt: Attempt<T>): Promise<readonly Refusal[]> {
    const adapter = this.#adapter;
    const table = await adapter.tables.named(step.table);
    const write = (transaction: T, cells: Cells) =>
      isAppend(step)
        ? adapter.loading.insert(transaction, table, cells)
        : adapter.loading.merge(transaction, table, { key: step, cells });
    return await findRefusals(isAppend(step) ? step.cells : Cells.of(step.rows), async (cells) => {
      try {
        await attempt((transaction) => write(transaction, cells));
      } catch (error) {
        if (adapter.isDataError(error)) return adapter.briefMessage(error);
        throw error;
      }
    });
  }
}

function refusedUpsert({ table, keyColumns, rows }: Upsert, { index, detail }: Refusal, cause: unknown): Error {
  const key = keyColumns.map((name) => `${name} = ${JSON.stringify(rows[index]![name])}`).join(", ");
  return new WarehouseRefusedError(`Table "${table}" refused the row of ${key}: ${detail}`, { cause });
}

/** Claims out of rows of `SqlOffsets.read`. */
export function claimsOf(rows: Rows): Claim[] {
  return rows.map(([partition, next, epoch, checkpoint, watermark, maxEventTime, lastTimestamp, lastTimestampMs]) => ({
    partition: Number(partition),
    nextOffset: Number(next),
    epoch: Number(epoch),
    checkpoint: Number(checkpoint),
    watermark: millis(watermark),
    maxEventTime: millis(maxEventTime),
    lastTimestamp: timestampOf(millis(lastTimestamp), lastTimestampMs),
  }));
}

/** Moves as `SqlOffsets.move` takes them. */
function movesJson(moves: readonly Move[]): string {
  return JSON.stringify(moves.map(({ partition, epoch, checkpoint, expectedOffset, to }) => {
    const logged = timestampCells(to.lastTimestamp);
    return {
      KAFKA_PARTITION: partition,
      EPOCH: epoch,
      CHECKPOINT_ID: checkpoint,
      EXPECTED_OFFSET: expectedOffset,
      NEXT_OFFSET: to.nextOffset,
      WATERMARK: micros(to.watermark),
      MAX_EVENT_TIME: micros(to.maxEventTime),
      LAST_TIMESTAMP: micros(logged.time),
      LAST_TIMESTAMP_MS: logged.ms,
    };
  }));
}

/** Why fewer rows were moved than there are moves, by what is stored after they were taken back. */
function refusedMoves(topic: string, moves: readonly Move[], stored: readonly Claim[]): Error {
  for (const move of moves) {
    const found = stored.find(({ partition }) => partition === move.partition);
    const { epoch, checkpoint, expectedOffset } = move;
    if (found?.epoch === epoch && found.checkpoint === checkpoint && found.nextOffset === expectedOffset) continue;
    return new FencedError(
      `Topic "${topic}" partition ${move.partition} belongs to another instance: expected epoch ${epoch}, ` +
        `checkpoint ${checkpoint}, offset ${expectedOffset}, found ` +
        (found ? `epoch ${found.epoch}, checkpoint ${found.checkpoint}, offset ${found.nextOffset}` : "no row"),
    );
  }
  return new WarehouseUnavailableError(
    "The warehouse took a transaction back, or ran one of its statements twice: try again",
  );
}
