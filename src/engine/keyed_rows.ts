// Rows of one keyed table that wait to be written: of several for one key the last counts.

import type { Row, TableKey } from "../warehouse/warehouse.ts";
import type { KeyedChange } from "./rows.ts";

/** Places of changes by the parts of their keys, a level for each key column: no text is made of a key. */
type Level = Map<unknown, Level | number>;

export class KeyedRows {
  /** In the order in which their keys came. */
  readonly #changes: KeyedChange[] = [];
  readonly #places: Level = new Map();
  /** Parts that are objects, by their text: equal ones are one. */
  readonly #objects = new Map<string, object>();

  constructor(readonly key: TableKey) {}

  /** How many keys there are. */
  get size(): number {
    return this.#changes.length;
  }

  /** Adds a change, unless one that waits is newer by the table's guard. */
  add(change: KeyedChange): void {
    const { keyColumns, guardColumns } = this.key;
    const last = keyColumns.length - 1;
    let level = this.#places;
    for (let i = 0; i < last; i++) {
      const part = this.#partOf(change.row[keyColumns[i]!]);
      let next = level.get(part) as Level | undefined;
      if (next === undefined) level.set(part, next = new Map());
      level = next;
    }
    const part = this.#partOf(change.row[keyColumns[last]!]);
    const place = level.get(part) as number | undefined;
    if (place === undefined) level.set(part, this.#changes.push(change) - 1);
    else if (!guardColumns || !isNewer(this.#changes[place]!.row, change.row, guardColumns)) {
      this.#changes[place] = change;
    }
  }

  /** The rows to be written, or taken away. */
  rows(op: KeyedChange["op"]): Row[] {
    const rows: Row[] = [];
    for (const change of this.#changes) if (change.op === op) rows.push(change.row);
    return rows;
  }

  /** What tells a cell of a key apart. What a table has no value for is `null` there. */
  #partOf(cell: unknown): unknown {
    if (typeof cell === "number") return Number.isFinite(cell) ? cell : null;
    if (typeof cell !== "object") return cell ?? null;
    if (cell === null) return null;
    const text = JSON.stringify(cell);
    let object = this.#objects.get(text);
    if (!object) this.#objects.set(text, object = {});
    return object;
  }
}

/** Whether `a` comes after `b` by the columns, compared in order; used where partitions share a key. */
function isNewer(a: Row, b: Row, columns: readonly string[]): boolean {
  for (const column of columns) {
    const [x, y] = [Number(a[column]), Number(b[column])];
    if (x !== y) return x > y;
  }
  return false;
}
