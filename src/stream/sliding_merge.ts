// The aggregate of a window that slides over panes, at a cost per pane that does not depend on how many panes a window has.
//
// Source: K. Tangwongsan, M. Hirzel, S. Schneider, "Low-latency sliding-window aggregation in worst-case constant time",
// DEBS 2017, where this is the "two-stacks" algorithm: every pane is merged once when it comes in, once when the front is
// rebuilt, and once when the window is asked for.

/** A pane: its exclusive end in epoch milliseconds, and its accumulators. */
export interface Pane {
  readonly end: number;
  readonly accs: readonly unknown[];
}

export class SlidingMerge {
  /** Oldest pane last; each holds the merge of itself and all newer ones of the front. */
  readonly #front: Pane[] = [];
  #back: Pane[] = [];
  #backMerged: readonly unknown[] | null = null;

  constructor(private readonly merge: (a: readonly unknown[], b: readonly unknown[]) => readonly unknown[]) {}

  /** Adds a pane that is newer than all before it. */
  push(pane: Pane): void {
    this.#back.push(pane);
    this.#backMerged = this.#backMerged ? this.merge(this.#backMerged, pane.accs) : pane.accs;
  }

  /** Takes out the panes that end at `limit` or before. Limits do not go back. */
  evict(limit: number): void {
    this.#evictFront(limit);
    if (this.#front.length > 0 || this.#back.length === 0 || this.#back[0]!.end > limit) return;
    for (let i = this.#back.length - 1; i >= 0 && this.#back[i]!.end > limit; i--) {
      const pane = this.#back[i]!;
      const newer = this.#front.at(-1);
      this.#front.push({ end: pane.end, accs: newer ? this.merge(pane.accs, newer.accs) : pane.accs });
    }
    this.#back = [];
    this.#backMerged = null;
  }

  #evictFront(limit: number): void {
    while (this.#front.length > 0 && this.#front.at(-1)!.end <= limit) this.#front.pop();
  }

  /** The merge of the panes held; `null` when there are none. Not to be changed. */
  merged(): readonly unknown[] | null {
    const front = this.#front.at(-1);
    if (!front) return this.#backMerged;
    return this.#backMerged ? this.merge(front.accs, this.#backMerged) : front.accs;
  }
}
