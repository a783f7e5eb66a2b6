// Panes: intervals as long as a window's advance, in which elements are kept once for all the windows that they are in.

import type { KeyedState, StateEntry } from "./state.ts";

/** A pane; its namespace is its exclusive end in epoch milliseconds, its value the accumulators. */
export type PaneEntry = StateEntry<unknown[]>;

/** A key's panes by end. */
export interface KeyPanes {
  readonly key: string;
  readonly panes: readonly PaneEntry[];
}

/** One partition's panes, by key and end. */
export class PaneIndex {
  readonly #keys = new Map<string, KeyPanes & { readonly panes: PaneEntry[] }>();

  /** Takes what the state holds. */
  constructor(private readonly state: KeyedState<unknown[]>, private readonly partition: number) {
    for (const end of [...state.namespaces(partition)].sort((a, b) => a - b)) {
      for (const pane of state.entries(partition, end)) this.#file(pane);
    }
  }

  /** All keys that have panes. */
  keys(): Iterable<KeyPanes> {
    return this.#keys.values();
  }

  get(end: number, key: string): PaneEntry | undefined {
    return this.state.get(this.partition, end, key);
  }

  /** A key's panes; there is at least one. */
  of(key: string): KeyPanes | undefined {
    return this.#keys.get(key);
  }

  /** Adds a pane that is not there yet. */
  add(end: number, key: string, accs: unknown[]): KeyPanes {
    return this.#file(this.state.add(this.partition, end, key, accs));
  }

  /** Says that a pane has changed. */
  touch(pane: PaneEntry): void {
    this.state.touch(pane);
  }

  /** Drops the panes that end at `limit` or before; `emptied` is called for each key that has none left. */
  forget(limit: number, emptied: (keyPanes: KeyPanes) => void): void {
    for (const end of [...this.state.namespaces(this.partition)]) {
      if (end > limit) continue;
      for (const pane of [...this.state.entries(this.partition, end)]) {
        this.state.remove(pane);
        const keyPanes = this.#keys.get(pane.key)!;
        keyPanes.panes.splice(keyPanes.panes.indexOf(pane), 1);
        if (keyPanes.panes.length > 0) continue;
        this.#keys.delete(pane.key);
        emptied(keyPanes);
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
    panes.splice(at, 0, pane);
    return keyPanes;
  }
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
