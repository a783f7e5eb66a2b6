// Units as they go from thread to thread: by column, as a row of its own for each would cost several times as much, and packed
// rows as the warehouse's packing sends them. Must not know ports.

import { type CellColumns, Cells, type PackedCells, type Row } from "../cells.ts";
import type { Append, Delete, StateChange, Unit, Upsert } from "../warehouse.ts";
import type { Packing } from "./packing.ts";

/** Changes of state by column. */
export interface SentState {
  readonly operators: readonly string[];
  readonly partitions: readonly number[];
  readonly namespaces: readonly number[];
  readonly keys: readonly string[];
  readonly values: readonly (string | null)[];
}

interface SentAppend {
  readonly table: string;
  readonly packed: readonly unknown[];
  readonly rest: CellColumns;
  readonly partitions: Float64Array<ArrayBuffer>;
  readonly offsets: Float64Array<ArrayBuffer>;
}

/** A unit as plain data. */
export interface SentUnit extends Pick<Unit, "topic" | "moves"> {
  readonly appends: readonly SentAppend[];
  readonly upserts: readonly (Omit<Upsert, "rows"> & { readonly columns: CellColumns })[];
  readonly deletes: readonly (Omit<Delete, "rows"> & { readonly columns: CellColumns })[];
  readonly state: SentState;
}

/** A unit on its way: the message, the memory in it that goes over, and the packed rows that it is of. */
export interface UnitOnItsWay {
  readonly message: SentUnit;
  readonly transfer: readonly ArrayBuffer[];
  readonly packed: readonly PackedCells[];
}

/** Makes a message of the unit. Its packed rows are away then: it cannot be sent again. */
export function sendUnit(unit: Unit, packing: Packing | undefined): UnitOnItsWay {
  const transfer: ArrayBuffer[] = [];
  const packed: PackedCells[] = [];
  const appends = unit.appends.map(({ table, cells, partitions, offsets }): SentAppend => {
    const parts = cells.parts();
    if (parts.packed.length > 0 && packing === undefined) throw new TypeError(`Nothing can send rows of "${table}"`);
    const messages = parts.packed.map((rows) => {
      const sent = packing!.send(rows);
      transfer.push(...sent.transfer);
      return sent.message;
    });
    packed.push(...parts.packed);
    const where = { partitions: new Float64Array(partitions), offsets: new Float64Array(offsets) };
    transfer.push(where.partitions.buffer, where.offsets.buffer);
    return { table, packed: messages, rest: owned(parts.rest.columns), ...where };
  });
  const { topic, moves, state } = unit;
  const upserts = unit.upserts.map(({ rows, ...upsert }) => ({ ...upsert, columns: owned(Cells.of(rows).columns) }));
  const deletes = unit.deletes.map(({ rows, ...del }) => ({ ...del, columns: owned(Cells.of(rows).columns) }));
  return { message: { topic, moves, appends, upserts, deletes, state: sendState(state) }, transfer, packed };
}

/** The unit of a message, and the packed rows in it. */
export function receiveUnit(
  { topic, moves, appends, upserts, deletes, state }: SentUnit,
  packing: Packing | undefined,
): { readonly unit: Unit; readonly packed: readonly PackedCells[] } {
  const packed: PackedCells[] = [];
  const received = appends.map(({ table, packed: messages, rest, partitions, offsets }): Append => {
    const rows = messages.map((message) => packing!.receive(message));
    packed.push(...rows);
    const cells = Cells.from(rows, rest);
    return { table, cells, partitions: Array.from(partitions), offsets: Array.from(offsets) };
  });
  const unit: Unit = {
    topic,
    moves,
    appends: received,
    upserts: upserts.map(({ columns, ...upsert }) => ({ ...upsert, rows: rowsOf(columns) })),
    deletes: deletes.map(({ columns, ...del }) => ({ ...del, rows: rowsOf(columns) })),
    state: receiveState(state),
  };
  return { unit, packed };
}

/** Changes of state as a message. */
export function sendState(changes: readonly StateChange[]): SentState {
  return {
    operators: changes.map(({ operator }) => operator),
    partitions: changes.map(({ partition }) => partition),
    namespaces: changes.map(({ namespace }) => namespace),
    keys: changes.map(({ key }) => key),
    values: changes.map(({ value }) => value),
  };
}

/** The changes of a message. */
export function receiveState({ operators, partitions, namespaces, keys, values }: SentState): StateChange[] {
  return operators.map((operator, i) => ({
    operator,
    partition: partitions[i]!,
    namespace: namespaces[i]!,
    key: keys[i]!,
    value: values[i]!,
  }));
}

/** The columns, with bytes that bring nothing along of the memory that they are a part of. */
function owned({ names, columns, length }: CellColumns): CellColumns {
  const alone = (cell: unknown) =>
    cell instanceof Uint8Array && cell.byteLength < cell.buffer.byteLength ? cell.slice() : cell;
  return { names, length, columns: columns.map((column) => column.map(alone)) };
}

function rowsOf({ names, columns, length }: CellColumns): Row[] {
  return Array.from({ length }, (_, at) => {
    const row: Record<string, unknown> = {};
    for (let i = 0; i < names.length; i++) {
      const cell = columns[i]![at];
      if (cell !== undefined) row[names[i]!] = cell;
    }
    return row;
  });
}
