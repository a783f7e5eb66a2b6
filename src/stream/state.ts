// Keyed state that remembers what changed, so that a checkpoint costs what changed and not what there is. Keys that memory has
// no room for are in a file until they are asked for. A partition's state is its own. Nothing here knows where the changes are
// stored.

import type { SnapshotReader, SnapshotWriter } from "./snapshot.ts";
import type { SpillLog } from "./spill_log.ts";
import { FORGETS, SpilledKeys, type Spilling, type WholeKey } from "./spilled_keys.ts";

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
  /** The key has been removed, or is in the file and not in memory: this entry is not the one that counts any more. */
  removed: boolean;
}

/** What an operator does about keys of a partition that leave memory and come back. */
export interface EntryWatcher<V> {
  /** One has come back. */
  loaded?(entry: StateEntry<V>): void;
  /** Whether one may leave; it may when left out. One that has changed since the last drain stays anyway. */
  maySpill?(entry: StateEntry<V>): boolean;
  /** One has left: references to it are worth nothing. */
  spilled?(entry: StateEntry<V>): void;
  /** Where keys leave as a whole, with all their namespaces: lets a share (0 to 1) of them go, the least lately used first. */
  spill?(share: number): void;
  /** One has changed since the last drain: its key leaves later than others. */
  used?(entry: StateEntry<V>): void;
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
  /**
   * How keys leave memory where they are too many; one by one when left out.
   * @internal
   */
  readonly spilling?: Spilling<V>;
}

/** Of values that are JSON already. */
export function plainCodec<V>(spilling?: Spilling<V>): StateCodec<V> {
  return { encode: (value) => value, decode: (json) => json as V, spilling };
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

/** A partition's marks as they are stored: `null` for infinite ones. */
type MarksJson = readonly [forgottenUpTo: number | null, closedUpTo: number | null];

const NO_MARKS: Marks = { forgottenUpTo: -Infinity, closedUpTo: -Infinity };
/** An entry in a snapshot: partition, namespace, key, JSON value. */
type SavedEntry = readonly [number, number, string, unknown];
/** The namespace that a partition's marks are stored under; no window ends there. */
export const MARKS_NAMESPACE: number = Number.MIN_SAFE_INTEGER;
const finite = (ms: number): number | null => Number.isFinite(ms) ? ms : null;
/** What a key takes in memory beside its value, measured; and one of windows that overlap, with what is kept of it beside. */
const [ENTRY_BYTES, WHOLE_KEY_BYTES] = [400, 1200];
/** What a character of a value as it is stored stands for in memory. */
const CHARACTER_BYTES = 10;
/** As many texts say how long they are. */
const MEASURED_TEXTS = 1000;

/** Keyed state of one operator, by partition and namespace. */
export class KeyedState<V> {
  readonly #partitions = new Map<number, Map<number, Map<string, StateEntry<V>>>>();
  #dirty: StateEntry<V>[] = [];
  readonly #marks = new Map<number, Marks>();
  readonly #dirtyMarks = new Set<number>();
  #size = 0;
  #held = 0;
  readonly #watchers = new Map<number, EntryWatcher<V>>();
  readonly #spilling: Spilling<V>;
  #spilled: SpilledKeys<V> | undefined;
  /** Of what was stored lately: texts, and characters of them all. */
  #texts = 0;
  #characters = 0;
  // The last namespace looked up: elements of a batch mostly fall into the same window.
  #lastPartition = -1;
  #lastNamespace = NaN;
  #lastKeys: Map<string, StateEntry<V>> | undefined;

  /** The empty state of an operator. */
  constructor(
    /** Name of the operator. */
    readonly operator: string,
    private readonly codec: StateCodec<V>,
  ) {
    this.#spilling = codec.spilling ?? {};
  }

  /** Keys held, in memory and in the file. */
  get size(): number {
    return this.#size;
  }

  /** About how many bytes of memory the keys take. */
  get bytes(): number {
    if (this.#spilling.never) return 0;
    const text = this.#characters / (this.#texts || 1);
    return this.#held * ((this.#spilling.wholeKeys ? WHOLE_KEY_BYTES : ENTRY_BYTES) + CHARACTER_BYTES * text);
  }

  /** The key's entry, if there is one. */
  get(partition: number, namespace: number, key: string): StateEntry<V> | undefined {
    const entry = this.#keys(partition, namespace)?.get(key);
    if (entry !== undefined || this.#spilled === undefined) return entry;
    return this.#spilling.wholeKeys ? undefined : this.#load(partition, namespace, key);
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
    this.#drop(entry);
    this.touch(entry);
  }

  #drop(entry: StateEntry<V>): void {
    const namespaces = this.#partitions.get(entry.partition);
    const keys = namespaces?.get(entry.namespace);
    keys?.delete(entry.key);
    if (keys?.size === 0) {
      namespaces!.delete(entry.namespace);
      this.#lastKeys = undefined;
    }
    this.#size--;
    this.#held--;
    entry.removed = true;
  }

  /** Drops the keys of a namespace, wherever they are. */
  removeAll(partition: number, namespace: number): void {
    for (const entry of [...this.entries(partition, namespace)]) this.remove(entry);
    for (const entry of this.#spilled?.taken(partition, namespace) ?? []) {
      this.#size--;
      this.touch(entry);
    }
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
    const inMemory = this.#partitions.get(partition)?.keys() ?? [];
    return this.#spilled === undefined ? inMemory : new Set([...inMemory, ...this.#spilled.namespaces(partition)]);
  }

  /** The entries of a namespace that are in memory, in the order in which they came there. */
  entries(partition: number, namespace: number): Iterable<StateEntry<V>> {
    return this.#partitions.get(partition)?.get(namespace)?.values() ?? [];
  }

  /** The keys of a namespace that are in the file, to be looked at and not to be changed: {@link KeyedState.adopt} first. */
  spilledEntries(partition: number, namespace: number): Iterable<StateEntry<V>> {
    return this.#spilled?.entries(partition, namespace) ?? [];
  }

  /** Brings a key that {@link KeyedState.spilledEntries} has shown back to memory; returns its entry from now on. */
  adopt({ partition, namespace, key }: StateEntry<V>): StateEntry<V> {
    return this.get(partition, namespace, key)!;
  }

  /** Brings the keys back that are due when a clock of theirs is at `now`. */
  loadDue(partition: number, clock: string, now: number): void {
    for (const { namespace, key } of this.#spilled?.due(partition, clock, now) ?? []) {
      this.get(partition, namespace, key);
    }
  }

  /**
   * From now on it is told of keys of the partition that leave memory and come back.
   * @internal
   */
  watch(partition: number, watcher: EntryWatcher<V>): void {
    this.#watchers.set(partition, watcher);
  }

  /** Whether keys have left memory. */
  get hasSpilled(): boolean {
    return this.#spilled !== undefined;
  }

  /**
   * Lets a share (0 to 1) of the keys leave memory for the log's file.
   * @internal
   */
  spill(share: number, log: SpillLog): void {
    if (this.#spilling.never || this.#held === 0) return;
    this.#spilled ??= new SpilledKeys(this.codec, log);
    for (const [partition, namespaces] of this.#partitions) {
      const watcher = this.#watchers.get(partition);
      if (watcher?.spill) watcher.spill(share);
      else if (this.#spilling.wholeKeys) this.#spillWholeKeys(partition);
      else for (const keys of namespaces.values()) this.#spillSome(keys, Math.ceil(share * keys.size), watcher);
      this.#dropEmpty(namespaces);
    }
  }

  #dropEmpty(namespaces: Map<number, Map<string, StateEntry<V>>>): void {
    for (const [namespace, keys] of namespaces) if (keys.size === 0) namespaces.delete(namespace);
    this.#lastKeys = undefined;
  }

  /** Nobody holds the partition's keys yet: all may leave. */
  #spillWholeKeys(partition: number): void {
    const keys = new Map<string, StateEntry<V>[]>();
    for (const namespace of [...this.namespaces(partition)].sort((a, b) => a - b)) {
      for (const entry of this.entries(partition, namespace)) {
        const entries = keys.get(entry.key);
        if (entries) entries.push(entry);
        else keys.set(entry.key, [entry]);
      }
    }
    for (const [key, entries] of keys) this.spillKey(partition, { key, entries });
  }

  /**
   * Lets a whole key leave memory; says whether it has. None of its entries may have changed since the last drain.
   * @internal
   */
  spillKey(partition: number, whole: WholeKey<V>): boolean {
    if (!this.#spilled?.putKey(partition, whole)) return false;
    for (const entry of whole.entries) {
      this.#partitions.get(partition)!.get(entry.namespace)!.delete(entry.key);
      entry.removed = true;
      this.#held--;
    }
    return true;
  }

  /** Brings a whole key back to memory; returns its entries by namespace, or none where it is not in the file. */
  loadKey(partition: number, key: string): StateEntry<V>[] {
    const entries = this.#spilled?.takeKey(partition, key) ?? [];
    this.#size -= entries.length;
    return entries.map(({ namespace, value }) => this.#insert(partition, namespace, key, value, true));
  }

  /**
   * The whole keys that are in the file, to be looked at.
   * @internal
   */
  spilledKeys(partition: number): Iterable<WholeKey<V>> {
    return this.#spilled?.wholeKeys(partition) ?? [];
  }

  /** The whole keys in the file whose first namespace is `upTo` or before. Each must be loaded at once. */
  spilledBefore(partition: number, upTo: number): Iterable<{ readonly key: string }> {
    return this.#spilled?.due(partition, FORGETS, upTo) ?? [];
  }

  #spillSome(keys: Map<string, StateEntry<V>>, count: number, watcher: EntryWatcher<V> | undefined): void {
    let left = count;
    for (const entry of keys.values()) {
      if (left-- <= 0) return;
      if (entry.dirty || watcher?.maySpill?.(entry) === false || !this.#spilled!.put(entry)) continue;
      keys.delete(entry.key);
      entry.removed = true;
      this.#held--;
      watcher?.spilled?.(entry);
    }
  }

  #load(partition: number, namespace: number, key: string): StateEntry<V> | undefined {
    const value = this.#spilled!.take(partition, namespace, key);
    if (value === undefined) return undefined;
    const entry = this.#insert(partition, namespace, key, value, true);
    this.#size--;
    this.#watchers.get(partition)?.loaded?.(entry);
    return entry;
  }

  /** What changed since the last call, each key once. */
  drain(): StateDelta[] {
    const deltas: StateDelta[] = [];
    for (const entry of this.#dirty) {
      entry.dirty = false;
      // Of a key that was removed and added again, only the new entry counts.
      if (entry.removed && (!entry.stored || this.#keys(entry.partition, entry.namespace)?.has(entry.key))) continue;
      const value = entry.removed ? null : JSON.stringify(this.codec.encode(entry.value));
      deltas.push({
        operator: this.operator,
        partition: entry.partition,
        namespace: entry.namespace,
        key: entry.key,
        value,
      });
      entry.stored = true;
      if (value !== null) this.#drained(entry, value);
    }
    this.#dirty = [];
    for (const partition of this.#dirtyMarks) {
      const value = JSON.stringify(this.#marksJson(partition));
      deltas.push({ operator: this.operator, partition, namespace: MARKS_NAMESPACE, key: "", value });
    }
    this.#dirtyMarks.clear();
    return deltas;
  }

  #drained(entry: StateEntry<V>, text: string): void {
    this.#measure(text);
    if (this.#spilled === undefined) return;
    // Keys leave from the front: those that have changed go to the end.
    const keys = this.#partitions.get(entry.partition)?.get(entry.namespace);
    if (keys?.delete(entry.key)) keys.set(entry.key, entry);
    this.#watchers.get(entry.partition)?.used?.(entry);
  }

  /** Old texts count less and less. */
  #measure(text: string): void {
    if (this.#texts >= MEASURED_TEXTS) [this.#texts, this.#characters] = [this.#texts / 2, this.#characters / 2];
    this.#texts++;
    this.#characters += text.length;
  }

  /** Puts back what an earlier drain returned. */
  restore(partition: number, namespace: number, key: string, json: string): void {
    if (namespace === MARKS_NAMESPACE) return this.#restoreMarks(partition, JSON.parse(json));
    this.#measure(json);
    // Once memory is full the others need not go through it.
    if (this.#spilled?.putStored({ partition, namespace, key }, json)) this.#size++;
    else this.#insert(partition, namespace, key, this.codec.decode(JSON.parse(json)), true);
  }

  /**
   * Puts a key back as a drain after the snapshot returned it, or takes it out.
   * @internal
   */
  replace(partition: number, namespace: number, key: string, json: string | null): void {
    if (namespace === MARKS_NAMESPACE) {
      return json === null ? void this.#marks.delete(partition) : this.#restoreMarks(partition, JSON.parse(json));
    }
    if (this.#spilling.wholeKeys) this.loadKey(partition, key);
    const before = this.#keys(partition, namespace)?.get(key);
    if (before) this.#drop(before);
    else if (this.#spilled?.takeStored(partition, namespace, key) !== undefined) this.#size--;
    if (json !== null) this.restore(partition, namespace, key, json);
  }

  #marksJson(partition: number): MarksJson {
    const { forgottenUpTo, closedUpTo } = this.marks(partition);
    return [finite(forgottenUpTo), finite(closedUpTo)];
  }

  #restoreMarks(partition: number, [forgottenUpTo, closedUpTo]: MarksJson): void {
    this.#marks.set(partition, { forgottenUpTo: forgottenUpTo ?? -Infinity, closedUpTo: closedUpTo ?? -Infinity });
  }

  /**
   * Writes all keys into a snapshot: where those in the file are, and what the others have. None may have changed since the last
   * drain.
   * @internal
   */
  save(snapshot: SnapshotWriter): void {
    const marks = this.#marks.keys().map((partition) => [partition, this.#marksJson(partition)]);
    snapshot.list(marks);
    snapshot.json([this.#spilled !== undefined, this.#size - this.#held, this.#texts, this.#characters]);
    this.#spilled?.save(snapshot);
    snapshot.list(this.#saved());
  }

  *#saved(): Generator<SavedEntry> {
    for (const [partition, namespaces] of this.#partitions) {
      for (const [namespace, keys] of namespaces) {
        for (const { key, value } of keys.values()) yield [partition, namespace, key, this.codec.encode(value)];
      }
    }
  }

  /**
   * Becomes what a snapshot has. The state must be empty, and the log loaded.
   * @internal
   */
  load(snapshot: SnapshotReader, log: SpillLog): void {
    for (const [partition, marks] of snapshot.list<[number, MarksJson]>()) this.#restoreMarks(partition, marks);
    const [hasSpilled, ...sizes] = snapshot.json<[boolean, number, number, number]>();
    [this.#size, this.#texts, this.#characters] = sizes;
    if (hasSpilled) {
      this.#spilled = new SpilledKeys(this.codec, log);
      this.#spilled.load(snapshot);
    }
    for (const [partition, namespace, key, json] of snapshot.list<SavedEntry>()) {
      this.#insert(partition, namespace, key, this.codec.decode(json), true);
    }
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
    this.#held++;
    return entry;
  }

  #keys(partition: number, namespace: number): Map<string, StateEntry<V>> | undefined {
    if (this.#lastKeys && partition === this.#lastPartition && namespace === this.#lastNamespace) return this.#lastKeys;
    this.#lastPartition = partition;
    this.#lastNamespace = namespace;
    return this.#lastKeys = this.#partitions.get(partition)?.get(namespace);
  }
}
