// Keyed state that remembers what changed, so that a checkpoint costs what changed and not what there is.
// A partition's state is its own. Nothing here knows where the changes are stored.

/** One key's state. Operators change `value` in place and then call {@link KeyedState.touch}. */
export interface StateEntry<V> {
  /** The partition that the key's elements are in. */
  readonly partition: number;
  /**
   * What the operator files the key under: the end of a window (epoch milliseconds), 0, or of a partition's marks
   * {@link MARKS_NAMESPACE}.
   */
  readonly namespace: number;
  /** The key as text. */
  readonly key: string;
  /** What the operator keeps of the key. */
  value: V;
  /** Changed since the last drain. */
  dirty: boolean;
  /** Whether a drain has returned it, so that its removal must be returned too. */
  stored: boolean;
  /** The key has been removed. */
  removed: boolean;
}

/** A change to be stored. */
export interface StateDelta {
  /** Name of the operator that the state belongs to. */
  readonly operator: string;
  /** The partition that the key's elements are in. */
  readonly partition: number;
  /** See {@link StateEntry.namespace}. */
  readonly namespace: number;
  /** The key as text. */
  readonly key: string;
  /** JSON text, or `null` where the key has been removed. */
  readonly value: string | null;
}

/** Between a state's value and the JSON value it is stored as. */
export interface StateCodec<V> {
  /** The JSON value to be stored. */
  encode(value: V): unknown;
  /** The state's value of one that was stored. */
  decode(json: unknown): V;
}

/** Of values that are JSON already. */
export function plainCodec<V>(): StateCodec<V> {
  return { encode: (value) => value, decode: (json) => json as V };
}

/** How far an operator has come with a partition's windows, beyond what watermark and settings say. Epoch milliseconds. */
export interface Marks {
  /**
   * Windows that end at or before this have been forgotten, in whole or in part: they must not be made anew, whatever the
   * allowed lateness is by now.
   */
  readonly forgottenUpTo: number;
  /** Windows that end at or before this were closed by the end of an input, wherever the watermark stands. */
  readonly closedUpTo: number;
}

const NO_MARKS: Marks = { forgottenUpTo: -Infinity, closedUpTo: -Infinity };
/** The namespace that a partition's marks are stored under; no window ends there. */
export const MARKS_NAMESPACE: number = Number.MIN_SAFE_INTEGER;
const finite = (ms: number): number | null => Number.isFinite(ms) ? ms : null;

/** Keyed state of one operator, by partition and namespace. */
export class KeyedState<V> {
  readonly #partitions = new Map<number, Map<number, Map<string, StateEntry<V>>>>();
  #dirty: StateEntry<V>[] = [];
  readonly #marks = new Map<number, Marks>();
  readonly #dirtyMarks = new Set<number>();
  #size = 0;
  // The last namespace looked up: elements of a batch mostly fall into the same window.
  #lastPartition = -1;
  #lastNamespace = NaN;
  #lastKeys: Map<string, StateEntry<V>> | undefined;

  /** The empty state of an operator. */
  constructor(
    /** Name of the operator. */
    readonly operator: string,
    private readonly codec: StateCodec<V>,
  ) {}

  /** Keys held. */
  get size(): number {
    return this.#size;
  }

  /** The key's entry, if there is one. */
  get(partition: number, namespace: number, key: string): StateEntry<V> | undefined {
    return this.#keys(partition, namespace)?.get(key);
  }

  /** Adds a key that is not there yet; it counts as touched. */
  add(partition: number, namespace: number, key: string, value: V): StateEntry<V> {
    const entry = this.#insert(partition, namespace, key, value, false);
    this.touch(entry);
    return entry;
  }

  /** Says that the entry's value has changed. */
  touch(entry: StateEntry<V>): void {
    if (entry.dirty) return;
    entry.dirty = true;
    this.#dirty.push(entry);
  }

  /** Drops a key. */
  remove(entry: StateEntry<V>): void {
    if (entry.removed) return;
    const namespaces = this.#partitions.get(entry.partition);
    const keys = namespaces?.get(entry.namespace);
    keys?.delete(entry.key);
    if (keys?.size === 0) {
      namespaces!.delete(entry.namespace);
      this.#lastKeys = undefined;
    }
    this.#size--;
    entry.removed = true;
    this.touch(entry);
  }

  /** How far the partition's windows have been forgotten and closed. */
  marks(partition: number): Marks {
    return this.#marks.get(partition) ?? NO_MARKS;
  }

  /** Raises the partition's marks. They never go back. */
  mark(partition: number, { forgottenUpTo = -Infinity, closedUpTo = -Infinity }: Partial<Marks>): void {
    const before = this.marks(partition);
    if (!(forgottenUpTo > before.forgottenUpTo || closedUpTo > before.closedUpTo)) return;
    this.#marks.set(partition, {
      forgottenUpTo: Math.max(forgottenUpTo, before.forgottenUpTo),
      closedUpTo: Math.max(closedUpTo, before.closedUpTo),
    });
    this.#dirtyMarks.add(partition);
  }

  /** The partition's namespaces that hold keys, in no particular order. */
  namespaces(partition: number): Iterable<number> {
    return this.#partitions.get(partition)?.keys() ?? [];
  }

  /** The entries of a namespace, in the order in which they were added. */
  entries(partition: number, namespace: number): Iterable<StateEntry<V>> {
    return this.#partitions.get(partition)?.get(namespace)?.values() ?? [];
  }

  /** What changed since the last call, each key once. */
  drain(): StateDelta[] {
    const deltas: StateDelta[] = [];
    for (const entry of this.#dirty) {
      entry.dirty = false;
      // Of a key that was removed and added again, only the new entry counts.
      if (entry.removed && (!entry.stored || this.get(entry.partition, entry.namespace, entry.key))) continue;
      deltas.push({
        operator: this.operator,
        partition: entry.partition,
        namespace: entry.namespace,
        key: entry.key,
        value: entry.removed ? null : JSON.stringify(this.codec.encode(entry.value)),
      });
      entry.stored = true;
    }
    this.#dirty = [];
    for (const partition of this.#dirtyMarks) {
      const { forgottenUpTo, closedUpTo } = this.marks(partition);
      const value = JSON.stringify([finite(forgottenUpTo), finite(closedUpTo)]);
      deltas.push({ operator: this.operator, partition, namespace: MARKS_NAMESPACE, key: "", value });
    }
    this.#dirtyMarks.clear();
    return deltas;
  }

  /** Puts back what an earlier drain returned. */
  restore(partition: number, namespace: number, key: string, json: string): void {
    if (namespace === MARKS_NAMESPACE) {
      const [forgottenUpTo, closedUpTo] = JSON.parse(json) as [number | null, number | null];
      const marks = { forgottenUpTo: forgottenUpTo ?? -Infinity, closedUpTo: closedUpTo ?? -Infinity };
      this.#marks.set(partition, marks);
      return;
    }
    this.#insert(partition, namespace, key, this.codec.decode(JSON.parse(json)), true);
  }

  #insert(partition: number, namespace: number, key: string, value: V, stored: boolean): StateEntry<V> {
    const entry: StateEntry<V> = { partition, namespace, key, value, dirty: false, stored, removed: false };
    let namespaces = this.#partitions.get(partition);
    if (!namespaces) this.#partitions.set(partition, namespaces = new Map());
    let keys = namespaces.get(namespace);
    if (!keys) {
      namespaces.set(namespace, keys = new Map());
      this.#lastKeys = undefined;
    }
    keys.set(key, entry);
    this.#size++;
    return entry;
  }

  #keys(partition: number, namespace: number): Map<string, StateEntry<V>> | undefined {
    if (this.#lastKeys && partition === this.#lastPartition && namespace === this.#lastNamespace) return this.#lastKeys;
    this.#lastPartition = partition;
    this.#lastNamespace = namespace;
    return this.#lastKeys = this.#partitions.get(partition)?.get(namespace);
  }
}

/** All the keyed state of one pipeline. */
export class StateBackend {
  readonly #states = new Map<string, KeyedState<unknown>>();
  readonly #fingerprints = new Map<string, string>();

  /**
   * Opens an operator's state. `config` is what the stored values depend on (window, key names, accumulators): state
   * written under another configuration must not be restored.
   */
  open<V>(operator: string, config: unknown, codec: StateCodec<V>): KeyedState<V> {
    if (this.#states.has(operator)) {
      throw new Error(`Cannot open the state "${operator}" twice: give each its own name`);
    }
    const state = new KeyedState<V>(operator, codec);
    this.#states.set(operator, state as KeyedState<unknown>);
    this.#fingerprints.set(operator, JSON.stringify(config));
    return state;
  }

  /** The configuration of each operator's state, as text to compare. */
  get fingerprints(): ReadonlyMap<string, string> {
    return this.#fingerprints;
  }

  /** Keys held by operator. */
  sizes(): Record<string, number> {
    return Object.fromEntries([...this.#states].map(([name, state]) => [name, state.size]));
  }

  /** Names of the operators that have state. */
  get operators(): readonly string[] {
    return [...this.#states.keys()];
  }

  /** How far the end of an input has closed the operator's windows of a partition; `-Infinity` when none has. */
  closedUpTo(operator: string, partition: number): number {
    return this.#states.get(operator)?.marks(partition).closedUpTo ?? -Infinity;
  }

  /** Raises how far the operator's windows of a partition are closed, by the end of an input that it has a part in. */
  close(operator: string, partition: number, closedUpTo: number): void {
    this.#states.get(operator)?.mark(partition, { closedUpTo });
  }

  /** What changed in any state since the last call. */
  drain(): StateDelta[] {
    return [...this.#states.values()].flatMap((state) => state.drain());
  }

  /** Puts a stored key back. Throws when no operator of that name is open. */
  restore(delta: StateDelta): void {
    const state = this.#states.get(delta.operator);
    if (!state) throw new Error(`Cannot restore state of "${delta.operator}": no such operator`);
    if (delta.value !== null) state.restore(delta.partition, delta.namespace, delta.key, delta.value);
  }
}
