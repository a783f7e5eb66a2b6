// Packed rows of DuckDB's as they go from thread to thread: the memory of their vectors goes over, nothing is copied, and it
// comes back when the rows are written. Must not know units, messages or ports.

import type { PackedCells, Packer } from "../cells.ts";
import type { Packing, SentRows } from "../other_thread/packing.ts";
import type { Column } from "./columns.ts";
import { Rows, TablePacker, vectorFor } from "./rows.ts";
import { TextVector } from "./text_vector.ts";
import type { VectorMemory } from "./vector.ts";

/** The tables, as plain data. */
export type Layout = readonly { readonly name: string; readonly columns: readonly Column[] }[];

/** Rows as a message. */
interface RowsMessage {
  readonly length: number;
  readonly vectors: readonly {
    readonly column: Column;
    /** Whether it is kept as text, whatever the column's own form is. */
    readonly isText: boolean;
    readonly memory: VectorMemory;
  }[];
}

/** Rows whose memory belongs to another thread. */
class LentRows extends Rows {
  override giveBack(): void {}
}

/** See {@link Packing}. */
export const duckDbPacking: Packing = {
  packers(layout) {
    const tables = new Map(
      (layout as Layout).map(({ name, columns }) => [name, {
        ...{ name, columns },
        names: new Set(columns.map((column) => column.name)),
      }]),
    );
    return (table): Packer | undefined => {
      const known = tables.get(table.toUpperCase());
      return known && new TablePacker(known);
    };
  },

  send(packed): SentRows {
    const { length, vectors } = packed as Rows;
    const sent = vectors.map((vector) => ({
      column: vector.column,
      isText: vector instanceof TextVector,
      memory: vector.memory(),
    }));
    const transfer = sent.flatMap(({ memory: { cells, nulls, texts } }) =>
      texts ? [cells, nulls, texts.heap, texts.ends] : [cells, nulls]
    );
    return { message: { length, vectors: sent } satisfies RowsMessage, transfer };
  },

  receive(message): PackedCells {
    const { length, vectors } = message as RowsMessage;
    const rows = new LentRows(vectors.map(({ column, isText, memory }) => {
      const vector = isText ? new TextVector(column, Infinity) : vectorFor(column);
      vector.attach(memory);
      return vector;
    }));
    rows.length = length;
    return rows;
  },

  takeBack(packed, message): void {
    const { vectors } = message as RowsMessage;
    const rows = packed as Rows;
    rows.vectors.forEach((vector, i) => vector.attach(vectors[i]!.memory));
    rows.giveBack();
  },
};
