// One partition's hopping windows, each beside the interval before it: from panes, so that an element is kept once.

import type { AccumulatorRow, AccumulatorSpec, ResultsOf } from "./accumulators.ts";
import type { Batch, Element } from "./batch.ts";
import type { Keys } from "./key.ts";
import { firstAfter, type KeyPanes, type PaneEntry, PaneIndex } from "./panes.ts";
import { SlidingMerge } from "./sliding_merge.ts";
import type { KeyedState } from "./state.ts";
import { type LatenessSettings, reportLate } from "./window.ts";
import type { OverlappingWindows } from "./window_kind.ts";

/** A window beside what was before it. */
export interface ComparedWindow<R> {
  /** What the window holds; at least one element. */
  readonly window: R;
  /** What the interval of `trailingMs` that ends where the window begins holds. */
  readonly before: R;
}

/** What {@link ComparedWindows} needs. */
export interface Comparison<T, S extends AccumulatorSpec<T>> extends LatenessSettings {
  /** Names the operator. */
  readonly name: string;
  readonly keys: Keys<T>;
  /** All as long as one another. */
  readonly windows: OverlappingWindows;
  /** Length of the interval before a window, which must not begin inside a pane; milliseconds. */
  readonly trailingMs: number;
  /** What is kept of a window and of the interval before it. */
  readonly contents: AccumulatorRow<T, S>;
  /** Which windows are asked for. Must not throw. */
  readonly holds: (compared: ComparedWindow<ResultsOf<S>>) => boolean;
}

/** The end of the last window evaluated, and the time of the partition's first element; epoch milliseconds. */
export interface Progress {
  upTo: number | null;
  readonly since: number;
}

/** A window with its end in epoch milliseconds. */
export type EndedWindow<R> = readonly [end: number, compared: ComparedWindow<R>];

/** A key's windows that are new or may have changed: those that end at `from` or later. */
export interface KeyWindows<R> {
  readonly key: string;
  readonly from: number;
  /** Those that meet the condition, by their end. Windows without elements, or without a whole interval before them, are left out. */
  readonly windows: readonly EndedWindow<R>[];
}

/** A key's panes merged: those of a window, and those of the interval before it. */
interface Sliding {
  readonly window: SlidingMerge;
  readonly before: SlidingMerge;
  /** End of the window. */
  end: number;
}

/** One partition's windows and what is before them. */
export class ComparedWindows<T, S extends AccumulatorSpec<T>> {
  readonly #panes: PaneIndex;
  /** Each key's panes up to the last window evaluated; made again after a late element. */
  readonly #slidings = new Map<KeyPanes, Sliding>();
  /** Keys that windows yet to be evaluated hold. */
  readonly #active = new Set<KeyPanes>();
  /** The first window to be evaluated again, by key. */
  readonly #again = new Map<string, number>();
  #upTo: number;
  #since: number;
  #firstWholeEnd: number | undefined;
  /** Windows that end at this or before are out of reach. */
  #forgottenUpTo: number;

  constructor(
    private readonly options: Comparison<T, S>,
    private readonly state: KeyedState<unknown[]>,
    private readonly progress: KeyedState<Progress>,
    private readonly partition: number,
  ) {
    const restored = progress.get(partition, 0, "")?.value;
    this.#upTo = restored?.upTo ?? -Infinity;
    this.#since = restored?.since ?? Infinity;
    this.#forgottenUpTo = state.marks(partition).forgottenUpTo;
    this.#panes = new PaneIndex(state, partition, {
      loaded: (keyPanes) => this.#active.add(keyPanes),
      maySpill: ({ key }) => !this.#again.has(key),
      gone: (keyPanes) => {
        this.#slidings.delete(keyPanes);
        this.#active.delete(keyPanes);
      },
    });
  }

  /**
   * Takes an element in, and reports it as late for the windows that are out of reach. It counts in all the others: in those
   * that hold it, and before those that begin later.
   */
  add(batch: Batch<unknown>, element: Element<T>): void {
    const { keys, windows, trailingMs, contents, name } = this.options;
    const end = windows.assign(element.time);
    const lastEnd = windows.lastOf(end) + trailingMs;
    const missedUpTo = Math.min(lastEnd, this.reach(element.watermark));
    if (end <= missedUpTo) {
      const count = windows.count(end, Math.min(missedUpTo, lastEnd - trailingMs));
      reportLate(name, batch, { element, missed: { start: windows.startOf(end), end: missedUpTo, count } });
      if (missedUpTo === lastEnd) return;
    }
    const key = keys.textOf(element.value);
    const known = this.#panes.get(end, key);
    // First, because it may throw: an element that is skipped must leave no pane behind.
    const accs = known?.value ?? contents.initial();
    contents.add(accs, element);
    if (known) this.#panes.touch(known);
    else this.#active.add(this.#panes.add(end, key, accs));
    if (this.#since === Infinity) {
      this.#since = element.time;
      this.progress.add(this.partition, 0, "", { upTo: null, since: element.time });
    }
    const from = Math.max(end, windows.assign(missedUpTo));
    if (end <= this.#upTo) this.#slidings.delete(this.#panes.of(key)!);
    if (from <= this.#upTo) this.#again.set(key, Math.min(from, this.#again.get(key) ?? Infinity));
  }

  /** Windows that end at or before this are out of reach of an element that comes at `watermark`. */
  reach(watermark: number): number {
    const { windows, allowedLatenessMs } = this.options;
    return Math.max(windows.closedAt(watermark - allowedLatenessMs), this.#forgottenUpTo);
  }

  /** What the watermark has passed, or the end of an input closed. */
  closedUpTo({ watermark }: { readonly watermark: number }): number {
    return Math.max(watermark, this.state.marks(this.partition).closedUpTo);
  }

  /** The end of an input closes windows that end at `upTo` or before. */
  close(upTo: number): void {
    this.state.mark(this.partition, { closedUpTo: upTo });
  }

  /** The end of the last window that holds anything; the watermark need not have passed it. */
  get lastEnd(): number {
    let last = -Infinity;
    for (const keys of [this.#active, this.#panes.spilled()]) {
      for (const { panes } of keys) last = Math.max(last, panes.at(-1)!.namespace);
    }
    return this.options.windows.lastOf(last);
  }

  /** Whether a late element has come since the last evaluation. */
  get hasLate(): boolean {
    return this.#again.size > 0;
  }

  /** Whether the watermark has passed windows that have not been evaluated. */
  isDue(watermark: number): boolean {
    return watermark >= this.options.windows.assign(this.#upTo) || (this.#upTo === -Infinity && watermark > -Infinity);
  }

  /** The windows that the watermark has newly passed, and those that late elements may have changed. */
  *evaluate(watermark: number): Generator<KeyWindows<ResultsOf<S>>> {
    const { windows } = this.options;
    const upTo = Math.max(this.#upTo, windows.closedAt(watermark));
    const due = new Map(this.#again);
    this.#again.clear();
    if (upTo > this.#upTo) {
      for (const { key } of this.#active) due.set(key, due.get(key) ?? windows.assign(this.#upTo));
    }
    for (const [key, from] of due) {
      const keyPanes = this.#panes.of(key)!;
      yield { key, from, windows: this.#windows(keyPanes, from, upTo) };
      if (windows.lastOf(keyPanes.panes.at(-1)!.namespace) <= upTo) this.#active.delete(keyPanes);
    }
    if (upTo > this.#upTo) yield* this.#evaluateSpilled(windows.assign(this.#upTo), upTo);
    const entry = this.progress.get(this.partition, 0, "");
    if (upTo === this.#upTo || !entry) return;
    entry.value.upTo = this.#upTo = upTo;
    this.progress.touch(entry);
  }

  /** Evaluating a window changes none of its panes: keys in the file stay there. */
  *#evaluateSpilled(from: number, upTo: number): Generator<KeyWindows<ResultsOf<S>>> {
    for (const keyPanes of this.#panes.spilled()) {
      const last = keyPanes.panes.at(-1)!.namespace;
      if (this.options.windows.lastOf(last) <= this.#upTo) continue;
      yield { key: keyPanes.key, from, windows: this.#windows(keyPanes, from, upTo) };
      this.#slidings.delete(keyPanes);
    }
  }

  #windows(keyPanes: KeyPanes, from: number, upTo: number): EndedWindow<ResultsOf<S>>[] {
    const { windows, trailingMs, contents, holds } = this.options;
    const held: EndedWindow<ResultsOf<S>>[] = [];
    const { panes } = keyPanes;
    const sliding = this.#sliding(keyPanes);
    for (let end = Math.max(from, panes[0]!.namespace, this.#firstWhole()); end <= upTo;) {
      const start = windows.startOf(end);
      slide(sliding.window, panes, { after: sliding.end, from: start, to: end });
      slide(sliding.before, panes, { after: windows.startOf(sliding.end), from: start - trailingMs, to: start });
      sliding.end = end;
      end = windows.assign(end);
      const merged = sliding.window.merged();
      if (merged) {
        const before = sliding.before.merged() ?? contents.initial();
        const compared = { window: contents.results(merged), before: contents.results(before) };
        if (holds(compared)) held.push([sliding.end, compared]);
      } else {
        // Nothing in this window: go on with the first that holds the next pane.
        const next = panes[firstAfter(panes, sliding.end)];
        if (!next) return held;
        end = Math.max(end, next.namespace);
      }
    }
    return held;
  }

  /** The end of the first window with a whole interval before it. */
  #firstWhole(): number {
    if (this.#firstWholeEnd !== undefined) return this.#firstWholeEnd;
    const { windows, trailingMs } = this.options;
    let end = windows.assign(this.#since + trailingMs);
    while (windows.startOf(end) - trailingMs < this.#since) end = windows.assign(end);
    return this.#firstWholeEnd = end;
  }

  #sliding(keyPanes: KeyPanes): Sliding {
    let sliding = this.#slidings.get(keyPanes);
    if (sliding) return sliding;
    const merge = (a: readonly unknown[], b: readonly unknown[]) => this.options.contents.merge(a, b);
    sliding = { window: new SlidingMerge(merge), before: new SlidingMerge(merge), end: -Infinity };
    this.#slidings.set(keyPanes, sliding);
    return sliding;
  }

  /** Drops what no window that ends after `reach` holds or has before it. Says whether that is further than before. */
  forget(reach: number): boolean {
    if (!(reach > this.#forgottenUpTo)) return false;
    this.state.mark(this.partition, { forgottenUpTo: this.#forgottenUpTo = reach });
    this.#panes.forget(this.options.windows.startOf(reach) - this.options.trailingMs);
    return true;
  }
}

/** Adds the panes that end after `after`, up to `to`, and takes out those that end at `from` or before. */
function slide(
  merge: SlidingMerge,
  panes: readonly PaneEntry[],
  { after, from, to }: { readonly after: number; readonly from: number; readonly to: number },
): void {
  for (let i = firstAfter(panes, Math.max(after, from)); i < panes.length; i++) {
    const { namespace: end, value: accs } = panes[i]!;
    if (end > to) break;
    merge.push({ end, accs });
  }
  merge.evict(from);
}
