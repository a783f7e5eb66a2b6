// A warehouse in memory for seeded schedules: a model of the warehouse port's writing half, with faults on request. Of SQL it
// answers only whether a gap is on record, and what is known of alerts: the test looks at the tables.

import {
  CommitUnknownError,
  FencedError,
  QueryRefusedError,
  type RefusedRow,
  RowsRefusedError,
  WarehouseUnavailableError,
} from "../../../src/errors.ts";
import type {
  Append,
  Checkpoints,
  Claim,
  MigrationStep,
  Move,
  QueryOptions,
  QueryResult,
  Row,
  StateChange,
  Unit,
  Upsert,
  Warehouse,
  Writer,
} from "../../../src/warehouse/warehouse.ts";
import { GAPS_TABLE } from "../../../src/engine/gap.ts";
import { GAPS_ON_RECORD } from "../../../src/engine/skip.ts";
import { answerOfAlerts } from "./alert_queries.ts";
import type { Gate } from "./turns.ts";
import { DUCKDB } from "../../../src/warehouse/duckdb/traits.ts";

/** What all instances share. */
export class WarehouseStore {
  readonly appended = new Map<string, Row[]>();
  readonly keyed = new Map<string, Map<string, Row>>();
  readonly claims = new Map<number, Claim>();
  readonly stateRows = new Map<string, StateChange>();
  /** How often state was compacted. */
  compacted = 0;
  /** The last change of each key. */
  readonly #stateChanges = new Map<string, { readonly change: StateChange; readonly checkpoint: number }>();
  operators: ReadonlyMap<string, string> = new Map();
  /** The warehouse cannot be reached. */
  away = false;
  /** Why a table refuses a row; undefined when it takes it. */
  refuses: (table: string, row: Row) => string | undefined = () => undefined;
  /** Sees every unit before it is written. */
  watch: (unit: Unit) => void = () => {};

  rows(table: string): readonly Row[] {
    return this.appended.get(table) ?? [...this.keyed.get(table)?.values() ?? []];
  }

  write(unit: Unit): void {
    for (const move of unit.moves) this.#checkFence(move);
    const refused = unit.appends.flatMap((append) => this.#refusals(append));
    if (refused.length > 0) throw new RowsRefusedError(refused);
    this.watch(unit);
    for (const { partition, checkpoint, to } of unit.moves) {
      this.claims.set(partition, { ...this.claims.get(partition)!, ...to, checkpoint: checkpoint + 1 });
    }
    for (const append of unit.appends) {
      const rows = this.appended.get(append.table) ?? [];
      rows.push(...rowsOf(append));
      this.appended.set(append.table, rows);
    }
    for (const upsert of unit.upserts) for (const row of upsert.rows) this.#upsert(upsert, row);
    for (const { table, keyColumns, rows } of unit.deletes) {
      for (const row of rows) this.keyed.get(table)?.delete(identity(keyColumns, row));
    }
    for (const change of unit.state) {
      const at = JSON.stringify([change.operator, change.partition, change.namespace, change.key]);
      if (change.value === null) this.stateRows.delete(at);
      else this.stateRows.set(at, change);
      const checkpoint = this.claims.get(change.partition)!.checkpoint;
      this.#stateChanges.set(at, { change, checkpoint });
    }
  }

  /** What these checkpoints and later ones have changed. */
  stateSince(checkpoints: Checkpoints): StateChange[] {
    return [...this.#stateChanges.values()].flatMap(({ change, checkpoint }) =>
      checkpoint >= (checkpoints.get(change.partition) ?? Infinity) ? [change] : []
    );
  }

  compactState(partitions: readonly number[], since: Checkpoints = new Map()): void {
    this.compacted++;
    for (const [at, { change: { value, partition }, checkpoint }] of this.#stateChanges) {
      const stays = value !== null || checkpoint >= (since.get(partition) ?? Infinity);
      if (!stays && partitions.includes(partition)) this.#stateChanges.delete(at);
    }
  }

  #checkFence({ partition, epoch, checkpoint, expectedOffset }: Move): void {
    const claim = this.claims.get(partition);
    if (claim?.epoch === epoch && claim.checkpoint === checkpoint && claim.nextOffset === expectedOffset) return;
    throw new FencedError(`Partition ${partition} belongs to another instance`);
  }

  #refusals({ table, cells, partitions, offsets }: Append): RefusedRow[] {
    return offsets.flatMap((offset, i) => {
      const detail = this.refuses(table, read(cells.row(i)));
      return detail === undefined ? [] : [{ table, partition: partitions[i]!, offset, detail }];
    });
  }

  #upsert({ table, keyColumns, guardColumns }: Upsert, row: Row): void {
    let rows = this.keyed.get(table);
    if (!rows) this.keyed.set(table, rows = new Map());
    const at = identity(keyColumns, row);
    const before = rows.get(at);
    if (before && guardColumns && isSmaller(row, before, guardColumns)) return;
    rows.set(at, { ...before, ...row });
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const textOf = (cell: unknown) => cell instanceof Uint8Array ? decoder.decode(cell) : cell;
/** Bytes of JSON come out of a warehouse as text. */
const read = (row: Row): Row => Object.fromEntries(Object.entries(row).map(([name, cell]) => [name, textOf(cell)]));
const rowsOf = ({ cells }: Append) => Array.from({ length: cells.length }, (_, i) => read(cells.row(i)));
const identity = (columns: readonly string[], row: Row) => JSON.stringify(columns.map((column) => row[column]));

function isSmaller(a: Row, b: Row, columns: readonly string[]): boolean {
  const different = columns.find((column) => a[column] !== b[column]);
  return different !== undefined && Number(a[different]) < Number(b[different]);
}

/** One instance's connection to it. */
export class MemoryWarehouse implements Warehouse {
  readonly name = "memory";
  readonly checkpoints = DUCKDB.checkpoints;
  readonly dialect = DUCKDB.dialect;
  readonly freshness = DUCKDB.freshness;
  readonly runsRules = false;
  readonly statementsIn = DUCKDB.statementsIn;
  readonly description = "memory";

  constructor(private readonly store: WarehouseStore, private readonly gate: Gate) {}

  restore(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }

  migrate(): Promise<readonly MigrationStep[]> {
    return Promise.resolve([]);
  }

  async writer(): Promise<Writer> {
    await this.gate.turn();
    if (this.store.away) throw new WarehouseUnavailableError("The warehouse cannot be reached");
    return new MemoryWriter(this.store, this.gate);
  }

  async query(sql: string, { binds = [] }: QueryOptions = {}): Promise<QueryResult> {
    await this.gate.turn();
    const ofAlerts = answerOfAlerts({ sql, binds, rows: (table) => this.store.rows(table) });
    if (ofAlerts) return ofAlerts;
    if (sql !== GAPS_ON_RECORD) throw new QueryRefusedError("The warehouse in memory answers no SQL");
    const columns = ["DOMAIN", "TOPIC", "KAFKA_PARTITION", "TO_OFFSET", "RECORDED_BY"];
    const found = this.store.rows(GAPS_TABLE).filter((row) => columns.every((name, i) => row[name] === binds[i]));
    return { columns: [{ name: "N", type: "BIGINT" }], rows: [[found.length]], truncated: false };
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

const finite = (ms: number) => Number.isFinite(ms) ? ms : null;
const UNCLAIMED = { epoch: 0, checkpoint: 0, nextOffset: 0, maxEventTime: null, lastTimestamp: null };

class MemoryWriter implements Writer {
  #busy = false;

  constructor(private readonly store: WarehouseStore, private readonly gate: Gate) {}

  claim(_topic: string, partitions: readonly number[], all: readonly number[] = []): Promise<readonly Claim[]> {
    return this.#call(() => {
      const { claims } = this.store;
      const watermarks = [...claims.values()].map(({ watermark }) => watermark ?? -Infinity);
      const watermark = finite(Math.max(...watermarks));
      for (const partition of [...partitions, ...all]) {
        if (!claims.has(partition)) claims.set(partition, { ...UNCLAIMED, partition, watermark });
      }
      return partitions.map((partition) => {
        const before = claims.get(partition)!;
        const claim = { ...before, epoch: before.epoch + 1 };
        claims.set(partition, claim);
        return claim;
      });
    });
  }

  async *state(_topic: string, partitions: readonly number[]): AsyncGenerator<readonly StateChange[]> {
    const rows = [...this.store.stateRows.values()].filter(({ partition }) => partitions.includes(partition));
    for (const row of rows) yield [row];
    await this.gate.turn();
  }

  async *stateSince(_topic: string, checkpoints: Checkpoints): AsyncGenerator<readonly StateChange[]> {
    for (const change of this.store.stateSince(checkpoints)) yield [change];
    await this.gate.turn();
  }

  async commit(unit: Unit): Promise<void> {
    await this.#call(() => {
      if (this.gate.fault("commit.refused")) throw new WarehouseUnavailableError("The warehouse gave up");
      if (this.gate.fault("commit.lost before")) throw new CommitUnknownError("The connection broke before the commit");
      this.store.write(unit);
      if (this.gate.fault("commit.lost after")) throw new CommitUnknownError("The connection broke after the commit");
    });
  }

  positions(_topic: string, partitions: readonly number[]): Promise<readonly Claim[]> {
    return this.#call(() => partitions.flatMap((partition) => this.store.claims.get(partition) ?? []));
  }

  async compactState(_topic: string, partitions: readonly number[], since?: Checkpoints): Promise<void> {
    await this.#call(() => this.store.compactState(partitions, since));
  }

  operators(): Promise<ReadonlyMap<string, string>> {
    return this.#call(() => this.store.operators);
  }

  async registerOperators(fingerprints: ReadonlyMap<string, string>): Promise<void> {
    await this.#call(() => this.store.operators = fingerprints);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gate.turn();
  }

  async #call<T>(work: () => T): Promise<T> {
    if (this.#busy) throw new Error("Two calls of one writer overlap");
    this.#busy = true;
    try {
      await this.gate.turn();
      if (this.store.away || this.gate.fault("warehouse.call")) {
        throw new WarehouseUnavailableError("The warehouse cannot be reached");
      }
      const result = work();
      await this.gate.turn();
      return result;
    } finally {
      this.#busy = false;
    }
  }
}
