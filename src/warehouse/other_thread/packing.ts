// How packed rows go from thread to thread: what a warehouse brings whose rows are packed as they come.

import type { PackedCells, Packer } from "../cells.ts";

/** A message, and the memory in it that goes over rather than being copied. */
export interface SentRows {
  readonly message: unknown;
  readonly transfer: readonly ArrayBuffer[];
}

/** The one thread packs rows and sends them; the other receives them, has them written, and sends their memory back. */
export interface Packing {
  /** Packers for tables by name, where `layout` is what the writer has said of them. */
  packers(layout: unknown): (table: string) => Packer | undefined;
  /** Rows as a message. They must not be asked for anything before `takeBack`. */
  send(rows: PackedCells): SentRows;
  /** The rows of a message. */
  receive(message: unknown): PackedCells;
  /** The memory of rows that were sent is back: it is for rows to come. */
  takeBack(rows: PackedCells, message: unknown): void;
}
