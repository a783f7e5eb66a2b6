// Panes: intervals as long as a window's advance, in which elements are kept once for all the windows that they are in.

import type { KeyedState, StateEntry } from "./state.ts";

/** A pane; its namespace is its exclusive end in epoch milliseconds, its value the accumulators. */
export type PaneEntry = StateEntry<unknown[]>;

/** A key's panes by end. */
export interface KeyPanes {
  readonly key: string;
  readonly panes: readonly PaneEntry[];
}

/** Who keeps something of keys. */
export interface PaneHolder {
  /** A key is in memory (again). */
  loaded(keyPanes: KeyPanes): void;
  /** Whether a key may leave memory. */
  maySpill?(keyPanes: KeyPanes): boolean;
  /** A key is not in memory any more. */
  gone(keyPanes: KeyPanes): void;
}

/** One partition's panes, by key and end. A key is in memory with all its panes, or in the file with all of them. */
export class PaneIndex {
  readonly #keys = new Map<string, KeyPanes & { readonly panes: PaneEntry[] }>();

  /** Takes what the state holds. */
  constructor(
    private readonly state: KeyedState<unknown[]>,
    private readonly partition: number,
    private readonly holder: PaneHolder,
  ) {
    for (const end of [...state.namespaces(partition)].sort((a, b) => a - b)) {
      for (const pane of state.entries(partition, end)) this.#file(pane);
    }
    // Of a key that was restored bit by bit a part may have left memory on the way.
    if (state.hasSpilled) { for (const key of [...this.#keys.keys()]) this.#load(key); }
    state.watch(partition, { spill: (share) => this.#spill(share), used: ({ key }) => this.#used(key) });
    for (const keyPanes of this.#keys.values()) holder.loaded(keyPanes);
  }

  /** The keys that are in the file, to be looked at. */
  *spilled(): Generator<KeyPanes> {
    for (const { key, entries: panes } of this.state.spilledKeys(this.partition)) yield { key, panes };
  }

  get(end: number, key: string): PaneEntry | undefined {
    const pane = this.state.get(this.partition, end, key);
    if (pane !== undefined || !this.state.hasSpilled || this.#keys.has(key)) return pane;
    this.#load(key);
    return this.state.get(this.partition, end, key);
  }

  /** A key's panes in memory; there is at least one. */
  of(key: string): KeyPanes | undefined {
    return this.#keys.get(key);
  }

  #load(key: string): void {
    let keyPanes: KeyPanes | undefined;
    for (const pane of this.state.loadKey(this.partition, key)) keyPanes = this.#file(pane);
    if (keyPanes) this.holder.loaded(keyPanes);
  }

  /** Keys leave from the front: one that has changed goes to the end. */
  #used(key: string): void {
    const keyPanes = this.#keys.get(key);
    if (!keyPanes) return;
    this.#keys.delete(key);
    this.#keys.set(key, keyPanes);
  }

  #spill(share: number): void {
    let left = Math.ceil(share * this.#keys.size);
    for (const keyPanes of this.#keys.values()) {
      if (left-- <= 0) return;
      const { key, panes } = keyPanes;
      if (this.holder.maySpill?.(keyPanes) === false || panes.some(({ dirty }) => dirty)) continue;
      if (!this.state.spillKey(this.partition, { key, entries: panes })) continue;
      this.#keys.delete(key);
      this.holder.gone(keyPanes);
    }
  }

  /** Adds a pane that is not there yet. */
  add(end: number, key: string, accs: unknown[]): KeyPanes {
    return this.#file(this.state.add(this.partition, end, key, accs));
  }

  /** Says that a pane has changed. */
  touch(pane: PaneEntry): void {
    this.state.touch(pane);
  }

  /** Drops the panes that end at `limit` or before. */
  forget(limit: number): void {
    for (const { key } of this.state.spilledBefore(this.partition, limit)) this.#load(key);
    for (const end of [...this.state.namespaces(this.partition)]) {
      if (end > limit) continue;
      for (const pane of [...this.state.entries(this.partition, end)]) {
        this.state.remove(pane);
        const keyPanes = this.#keys.get(pane.key)!;
        takeOut(keyPanes.panes, pane);
        if (keyPanes.panes.length > 0) continue;
        this.#keys.delete(pane.key);
        this.holder.gone(keyPanes);
      }
    }
  }

  /** Puts a pane in its place among its key's. */
  #file(pane: PaneEntry): KeyPanes {
    let keyPanes = this.#keys.get(pane.key);
    if (!keyPanes) this.#keys.set(pane.key, keyPanes = { key: pane.key, panes: [] });
    const { panes } = keyPanes;
    let at = panes.length;
    while (at > 0 && panes[at - 1]!.namespace > pane.namespace) at--;
    if (at === panes.length) panes.push(pane);
    else panes.splice(at, 0, pane);
    return keyPanes;
  }
}

/** Nearly always it is the first one. */
function takeOut(panes: PaneEntry[], pane: PaneEntry): void {
  if (panes[0] === pane) panes.shift();
  else panes.splice(panes.indexOf(pane), 1);
}

/** Index of the first pane that ends after `end`. */
export function firstAfter(panes: readonly PaneEntry[], end: number): number {
  let low = 0;
  let high = panes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (panes[middle]!.namespace > end) high = middle;
    else low = middle + 1;
  }
  return low;
}
