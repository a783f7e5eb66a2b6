// What a domain's tables and state are to become, as one unit for the warehouse: rows that are there and should not be are
// deleted, all others written; raw rows, dead letters and offsets stay. Must not know how the new ones were made.
import { type Domain, outputsOf } from "../../domains/mod.ts";
import { tableKeyOf } from "../../engine/rows.ts";
import { FreshetError } from "../../errors.ts";
import type { Output } from "@freshet/stream";
import type { Claim, Delete, Row, Unit, Upsert, Warehouse, Writer } from "../../warehouse/warehouse.ts";
import { writableRows } from "../writable_rows.ts";
import { raiseStoredVersion, ReplayedState, versionAfter, type Versioned } from "./versions.ts";

/** More rows than may be held in memory. */
export class TooManyRowsError extends FreshetError {
  readonly code = "too_many_rows";
  readonly retriable = false;
}

/** A warehouse and a writer of the domain in it. */
export interface Side {
  readonly warehouse: Warehouse;
  readonly writer: Writer;
}

export interface SwapOptions {
  readonly domain: Domain;
  /** As claimed in the warehouse that is to be changed. */
  readonly claims: readonly Claim[];
  /** Of one table. */
  readonly maxRows: number;
}

const QUERY_MS = 600_000;

/** The unit that makes the derived tables and the state of `old` those of `fresh`, moving no offset. */
export async function swapUnit(old: Side, fresh: Side, { domain, claims, maxRows }: SwapOptions): Promise<Unit> {
  const partitions = claims.map(({ partition }) => partition);
  const upserts: Upsert[] = [];
  const deletes: Delete[] = [];
  const state = await replayedState(old.writer, fresh.writer, domain.topic, partitions);
  for (const { table, keyColumns, where, outputs } of derivedTables(domain)) {
    const sql = (columns: string) => `SELECT ${columns} FROM ${table} ${where}`;
    const keyOf = (row: Row) => JSON.stringify(keyColumns.map((column) => row[column] ?? null));
    const made = await readRows(fresh.warehouse, { table, sql: sql("*"), maxRows });
    const isVersioned = outputs.length > 0;
    const there = await readRows(old.warehouse, {
      table,
      sql: sql(isVersioned ? "*" : keyColumns.join(", ")),
      maxRows,
    });
    const staying = new Set(made.map(keyOf));
    const before = new Map(isVersioned ? there.map((row) => [keyOf(row), row]) : []);
    const rows = isVersioned ? made.map((row) => versioned(row, before.get(keyOf(row)), { outputs, state })) : made;
    upserts.push({ table, keyColumns, rows });
    deletes.push({
      table,
      keyColumns,
      rows: there.filter((row) => !staying.has(keyOf(row))).map((row) =>
        Object.fromEntries(keyColumns.map((column) => [column, row[column]]))
      ),
    });
  }
  const positions = new Map(
    (await fresh.writer.positions(domain.topic, partitions)).map((position) => [position.partition, position]),
  );
  return {
    topic: domain.topic,
    appends: [],
    upserts,
    deletes,
    state: state.changes,
    moves: claims.map(({ partition, epoch, checkpoint, nextOffset, watermark, maxEventTime, lastTimestamp }) => ({
      partition,
      epoch,
      checkpoint,
      expectedOffset: nextOffset,
      to: {
        nextOffset,
        // Never back: the clock may have moved it on while the partition was silent.
        watermark: greatest(watermark, positions.get(partition)?.watermark ?? null),
        maxEventTime: greatest(maxEventTime, positions.get(partition)?.maxEventTime ?? null),
        lastTimestamp,
      },
    })),
  };
}

const greatest = (a: number | null, b: number | null) => a === null ? b : b === null ? a : Math.max(a, b);

/** The row with the version that it has to have; the state goes on from there. */
function versioned(
  row: Row,
  before: Row | undefined,
  { outputs, state }: { readonly outputs: readonly Versioned[]; readonly state: ReplayedState },
): Row {
  const version = versionAfter(row, before);
  if (version === row.VERSION) return row;
  const raised = { ...row, VERSION: version };
  const output = outputs.find((each) => each.kind !== "episodes" || each.type === row.ALERT_TYPE);
  if (output) raiseStoredVersion(state, output, raised);
  return raised;
}

interface DerivedTable {
  readonly table: string;
  readonly keyColumns: readonly string[];
  readonly where: string;
  /** Those that make its rows, where rows have a version. */
  readonly outputs: readonly Versioned[];
}

const isVersionedOutput = (output: Output<unknown>): output is Versioned =>
  output.kind === "windows" || output.kind === "sessions" || output.kind === "episodes";

function derivedTables(domain: Domain): readonly DerivedTable[] {
  const outputs = outputsOf(domain);
  const tables = new Map(outputs.map((output): [string, DerivedTable] => {
    // Rows that are only ever added are told apart by the record that they come from.
    const keyColumns = tableKeyOf(output)?.keyColumns ?? ["KAFKA_PARTITION", "KAFKA_OFFSET"];
    const versioned = outputs.filter((other) => other.name === output.name).filter(isVersionedOutput);
    return [output.name, { table: output.name, keyColumns, where: "", outputs: versioned }];
  }));
  const late = ["DOMAIN", "OPERATOR", "TOPIC", "KAFKA_PARTITION", "KAFKA_OFFSET"];
  const ofDomain = `WHERE DOMAIN = '${domain.name}'`;
  return [...tables.values(), { table: "LATE_RECORDS", keyColumns: late, where: ofDomain, outputs: [] }];
}

interface Reading {
  readonly table: string;
  readonly sql: string;
  readonly maxRows: number;
}

async function readRows(warehouse: Warehouse, { table, sql, maxRows }: Reading): Promise<readonly Row[]> {
  const result = await warehouse.query(sql, { maxRows, timeoutMs: QUERY_MS });
  if (!result.truncated) return writableRows(result);
  throw new TooManyRowsError(
    `${table} has more than ${maxRows} rows, which are held in memory: --max-rows allows more`,
  );
}

async function replayedState(
  old: Writer,
  fresh: Writer,
  topic: string,
  partitions: readonly number[],
): Promise<ReplayedState> {
  const state = new ReplayedState();
  for await (const chunk of old.state(topic, partitions)) {
    for (const change of chunk) state.set({ ...change, value: null });
  }
  for await (const chunk of fresh.state(topic, partitions)) for (const change of chunk) state.set(change);
  return state;
}
