// The keys of one operator that are in the file and not in memory, as its state has them. A key is in one place: what is put
// here leaves memory, what is taken goes back.

import type { SnapshotReader, SnapshotWriter } from "./snapshot.ts";
import type { StateCodec, StateEntry } from "./state.ts";
import type { SpillLog } from "./spill_log.ts";
import { type Due, SpillTable } from "./spill_table.ts";

/** How an operator's keys leave memory. */
export interface Spilling<V> {
  /** All stay in memory: they are few. */
  readonly never?: boolean;
  /** A key leaves with all its namespaces, and comes back with them. Its first namespace is when it is due by {@link FORGETS}. */
  readonly wholeKeys?: boolean;
  /** When a key must come back although nobody has asked for it. */
  readonly dues?: (value: V) => readonly Due[];
}

/** The clock by which the first namespace of a whole key is due. */
export const FORGETS = "forgets";
/** Whole keys are in one table. */
const WHOLE = 0;

/** A key with its namespaces, in their order. */
export interface WholeKey<V> {
  readonly key: string;
  readonly entries: readonly StateEntry<V>[];
}

type StoredKey = readonly (readonly [namespace: number, value: unknown])[];

/** One operator's keys in the file. */
export class SpilledKeys<V> {
  readonly #tables = new Map<number, Map<number, SpillTable>>();
  /** Tables of namespaces that are over. */
  readonly #spare: SpillTable[] = [];

  /** No keys yet. */
  constructor(private readonly codec: StateCodec<V>, private readonly log: SpillLog) {}

  /** Puts a key; says whether the file took it. */
  put({ partition, namespace, key, value }: StateEntry<V>): boolean {
    const text = JSON.stringify(this.codec.encode(value));
    return this.#table(partition, namespace).put(key, text, this.codec.spilling?.dues?.(value));
  }

  /** Puts a key as it was stored; says whether it is here now. */
  putStored(
    { partition, namespace, key }: Pick<StateEntry<V>, "partition" | "namespace" | "key">,
    text: string,
  ): boolean {
    const { wholeKeys, dues } = this.codec.spilling ?? {};
    if (wholeKeys) return false;
    const waits = dues?.(this.codec.decode(JSON.parse(text)));
    // Whom nothing would bring back stays in memory.
    if (waits?.length === 0) return false;
    return this.#table(partition, namespace).put(key, text, waits);
  }

  /** Takes a key out; returns its value, or `undefined` when it is not there. */
  take(partition: number, namespace: number, key: string): V | undefined {
    const text = this.takeStored(partition, namespace, key);
    return text === undefined ? undefined : this.codec.decode(JSON.parse(text));
  }

  /** Takes a key out; returns its value as it was stored, or `undefined` when it is not there. */
  takeStored(partition: number, namespace: number, key: string): string | undefined {
    const table = this.#tables.get(partition)?.get(namespace);
    const text = table?.take(key);
    if (text !== undefined && table!.size === 0) this.#over(partition, namespace);
    return text;
  }

  /** Takes out all keys of a namespace, and says which those were: without their values. */
  *taken(partition: number, namespace: number): Generator<StateEntry<V>> {
    const table = this.#tables.get(partition)?.get(namespace);
    if (!table) return;
    for (const { key } of table.walk()) {
      table.take(key);
      yield this.#entry({ partition, namespace, key, value: undefined as V });
    }
    this.#over(partition, namespace);
  }

  /** The keys of a namespace, to be looked at. */
  *entries(partition: number, namespace: number): Generator<StateEntry<V>> {
    for (const { key, value } of this.#tables.get(partition)?.get(namespace)?.walk() ?? []) {
      yield this.#entry({ partition, namespace, key, value: this.codec.decode(JSON.parse(value)) });
    }
  }

  /** The keys that are due when a clock is at `now`; each must be taken at once. */
  *due(partition: number, clock: string, now: number): Generator<{ readonly namespace: number; readonly key: string }> {
    for (const [namespace, table] of [...this.#tables.get(partition) ?? []]) {
      for (let next = table.nextDue(clock, now); next; next = table.nextDue(clock, now)) {
        yield { namespace, key: next.key };
      }
    }
  }

  /** The partition's namespaces that have keys here. */
  namespaces(partition: number): Iterable<number> {
    return this.codec.spilling?.wholeKeys ? [] : this.#tables.get(partition)?.keys() ?? [];
  }

  /** Puts a whole key, with what is here of it already; says whether the file took it. */
  putKey(partition: number, { key, entries }: WholeKey<V>): boolean {
    const table = this.#table(partition, WHOLE);
    const before = table.take(key);
    const stored = entries.map(({ namespace, value }) => [namespace, this.codec.encode(value)] as const);
    const all: StoredKey = before === undefined
      ? stored
      : [...JSON.parse(before) as StoredKey, ...stored].sort(([a], [b]) => a - b);
    return table.put(key, JSON.stringify(all), [{ clock: FORGETS, at: all[0]![0] }]);
  }

  /** Takes a whole key out; returns nothing when it is not there. */
  takeKey(partition: number, key: string): readonly StateEntry<V>[] {
    const text = this.#tables.get(partition)?.get(WHOLE)?.take(key);
    return text === undefined ? [] : this.#entriesOf(partition, key, text);
  }

  /** The whole keys that are here, to be looked at. */
  *wholeKeys(partition: number): Generator<WholeKey<V>> {
    for (const { key, value } of this.#tables.get(partition)?.get(WHOLE)?.walk() ?? []) {
      yield { key, entries: this.#entriesOf(partition, key, value) };
    }
  }

  /** Writes where the keys are into a snapshot. */
  save(snapshot: SnapshotWriter): void {
    const all = [...this.#tables].flatMap(([partition, tables]) =>
      [...tables].map(([namespace, table]) => ({ place: [partition, namespace] as const, table }))
    );
    snapshot.json(all.map(({ place }) => place));
    for (const { table } of all) table.save(snapshot);
  }

  /** Adds the keys that a snapshot has. The log must have been loaded. */
  load(snapshot: SnapshotReader): void {
    for (const [partition, namespace] of snapshot.json<[number, number][]>()) {
      this.#tablesOf(partition).set(namespace, SpillTable.load(this.log, snapshot));
    }
  }

  #entriesOf(partition: number, key: string, text: string): StateEntry<V>[] {
    return (JSON.parse(text) as StoredKey).map(([namespace, value]) =>
      this.#entry({ partition, namespace, key, value: this.codec.decode(value) })
    );
  }

  /** An entry that is not in memory. */
  #entry(of: Pick<StateEntry<V>, "partition" | "namespace" | "key" | "value">): StateEntry<V> {
    return { ...of, dirty: false, stored: true, removed: true };
  }

  #table(partition: number, namespace: number): SpillTable {
    const tables = this.#tablesOf(partition);
    let table = tables.get(namespace);
    if (!table) tables.set(namespace, table = this.#spare.pop() ?? new SpillTable(this.log));
    return table;
  }

  #tablesOf(partition: number): Map<number, SpillTable> {
    let tables = this.#tables.get(partition);
    if (!tables) this.#tables.set(partition, tables = new Map());
    return tables;
  }

  #over(partition: number, namespace: number): void {
    const tables = this.#tables.get(partition)!;
    this.#spare.push(tables.get(namespace)!);
    tables.delete(namespace);
  }
}
