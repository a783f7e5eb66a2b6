// All the keyed state of one pipeline, and how much of it is in memory.

import { KeyedState, type StateCodec, type StateDelta } from "./state.ts";
import { type ByteSink, type ByteSource, SnapshotReader, SnapshotWriter } from "./snapshot.ts";
import type { SpillFile } from "./spill_file.ts";
import { SpillLog } from "./spill_log.ts";

/** Of the budget so much stays in memory when keys leave it, so that they do not leave one by one. */
const KEPT_SHARE = 0.75;

/** How much memory keyed state has, and where what is beyond that goes. */
export interface StateMemory {
  /** About how many bytes of memory keys may take. */
  readonly bytes: number;
  /** Makes the file, the first time that there is something for it. */
  readonly file: () => SpillFile;
}

/** All the keyed state of one pipeline. */
export class StateBackend {
  readonly #states = new Map<string, KeyedState<unknown>>();
  readonly #fingerprints = new Map<string, string>();
  #log: SpillLog | undefined;

  /** All state is in memory when nothing else is said. */
  constructor(private readonly memory?: StateMemory) {}

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

  /**
   * Lets keys leave memory for the file where they are more than the budget. Of keys that have changed since the last drain none
   * leaves. Throws what the file throws when it has no room.
   */
  trim(): void {
    if (this.memory === undefined) return;
    const { bytes: budget, file } = this.memory;
    const { bytes } = this;
    if (bytes <= budget) return;
    this.#log ??= new SpillLog(file());
    for (const state of this.#states.values()) state.spill(1 - KEPT_SHARE * budget / bytes, this.#log);
    this.#log.compact();
  }

  /** About how many bytes of memory keys take. */
  get bytes(): number {
    let bytes = 0;
    for (const state of this.#states.values()) bytes += state.bytes;
    return bytes;
  }

  /** Whether keys have ever left memory. */
  get hasSpilled(): boolean {
    return this.#log !== undefined;
  }

  /** Bytes of the file, and of those in use. */
  get spilled(): { readonly fileBytes: number; readonly liveBytes: number } {
    return { fileBytes: this.#log?.fileBytes ?? 0, liveBytes: this.#log?.liveBytes ?? 0 };
  }

  /** Keys held. */
  get keys(): number {
    let keys = 0;
    for (const state of this.#states.values()) keys += state.size;
    return keys;
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

  /**
   * Writes a snapshot of all state, as the last drain left it, where keys have left memory: those are in the file and stay there
   * as they are; see {@link StateBackend.keepSnapshot}. With the file it is all that {@link StateBackend.load} needs.
   */
  save(sink: ByteSink): void {
    const snapshot = new SnapshotWriter(sink);
    this.#log!.save(snapshot);
    for (const [name, state] of this.#states) {
      snapshot.json(name);
      state.save(snapshot);
    }
  }

  /** From now on the file need have only what the last snapshot has, and nothing of the one before. */
  keepSnapshot(): void {
    this.#log?.keep();
  }

  /** The last snapshot is of no use: the file need have only what the one before has. */
  dropSnapshot(): void {
    this.#log?.drop();
  }

  /**
   * Becomes what a snapshot has, whose keys are in the file that `memory` gives. Operators must be open as they were, and have no
   * state. Throws when the snapshot does not fit; the state is of no use then.
   */
  load(source: ByteSource): void {
    const snapshot = new SnapshotReader(source);
    const log = this.#log = new SpillLog(this.memory!.file());
    log.load(snapshot);
    for (const [name, state] of this.#states) {
      const saved = snapshot.json<string>();
      if (saved !== name) throw new Error(`The snapshot has state of "${saved}" in the place of "${name}"`);
      state.load(snapshot, log);
    }
  }

  /** Puts a key back as it was stored after the snapshot that was loaded. Throws when no operator of that name is open. */
  replace({ operator, partition, namespace, key, value }: StateDelta): void {
    this.#opened(operator).replace(partition, namespace, key, value);
  }

  #opened(operator: string): KeyedState<unknown> {
    const state = this.#states.get(operator);
    if (!state) throw new Error(`Cannot restore state of "${operator}": no such operator`);
    return state;
  }

  /** Puts a stored key back. Throws when no operator of that name is open. */
  restore(delta: StateDelta): void {
    const state = this.#opened(delta.operator);
    if (delta.value !== null) state.restore(delta.partition, delta.namespace, delta.key, delta.value);
  }
}
