// Raw rows as newline-delimited JSON, as the service takes them: a line is an object with the columns as its names. Cells are
// bytes already, which are copied and not read. Must not know channels.

import type { Row } from "../../cells.ts";
import { cellJson, type Column } from "../columns.ts";
import type { Table } from "../../sql/tables.ts";

const encoder = new TextEncoder();
const [NEWLINE, RETURN, SPACE] = [10, 13, 32];
const OPEN = encoder.encode("{");
const CLOSE = encoder.encode("}\n");
const NULL = encoder.encode("null");

/** Collects lines in one run of bytes. */
export class Lines {
  #bytes = new Uint8Array(64 * 1024);
  #length = 0;
  #names = new Map<string, Uint8Array>();

  constructor(private readonly table: Table<Column>) {}

  get length(): number {
    return this.#length;
  }

  /** Errors: `RangeError` for a column that the table does not have. */
  add(row: Row): void {
    let isFirst = true;
    for (const name in row) {
      const cell = row[name];
      if (cell === undefined) continue;
      const column = this.table.columns.find((it) => it.name === name);
      if (column === undefined) throw new RangeError(`Table "${this.table.name}" has no column "${name}"`);
      this.#put(this.#nameOf(name, isFirst));
      this.#putCell(cell, column);
      isFirst = false;
    }
    if (isFirst) this.#put(OPEN);
    this.#put(CLOSE);
  }

  /** The lines so far, which are forgotten. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return taken;
  }

  #nameOf(name: string, isFirst: boolean): Uint8Array {
    const key = `${isFirst ? "{" : ","}${JSON.stringify(name)}:`;
    let bytes = this.#names.get(key);
    if (bytes === undefined) this.#names.set(key, bytes = encoder.encode(key));
    return bytes;
  }

  #putCell(cell: unknown, column: Column): void {
    if (cell === null) return this.#put(NULL);
    if (column.encoding === "json") {
      // JSON holds line breaks between its parts only: within a text they are escaped.
      const from = this.#length;
      this.#put(cell instanceof Uint8Array ? cell : encoder.encode(String(cell)));
      for (let i = from; i < this.#length; i++) {
        if (this.#bytes[i] === NEWLINE || this.#bytes[i] === RETURN) this.#bytes[i] = SPACE;
      }
      return;
    }
    const isTime = column.encoding === "timestamp" && typeof cell === "number" && Number.isFinite(cell);
    this.#put(encoder.encode(isTime ? JSON.stringify(timeText(cell, column)) : cellJson(cell, column)));
  }

  #put(bytes: Uint8Array): void {
    const needed = this.#length + bytes.length;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length = needed;
  }
}

/** Epoch milliseconds as text, in UTC, down to the microsecond; with the zone where the column has one. */
function timeText(ms: number, { type }: Column): string {
  const micros = Math.round(ms * 1000);
  const seconds = Math.floor(micros / 1_000_000);
  const fraction = String(micros - seconds * 1_000_000).padStart(6, "0");
  return `${new Date(seconds * 1000).toISOString().slice(0, -5).replace("T", " ")}.${fraction}${
    type === "TIMESTAMP_NTZ" ? "" : " +00:00"
  }`;
}
