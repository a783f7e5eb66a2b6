// Windows that overlap: elements are kept once, in panes, and windows are merged from panes, so the cost does not grow with
// the number of windows that an element is in.

import type { AccumulatorRow, AccumulatorSpec, ResultsOf } from "./accumulators.ts";
import type { Batch, Element } from "./batch.ts";
import type { Keys } from "./key.ts";
import { firstAfter, type KeyPanes, type PaneEntry, PaneIndex } from "./panes.ts";
import { PartitionAggregator } from "./partition_aggregator.ts";
import { SlidingMerge } from "./sliding_merge.ts";
import type { KeyedState } from "./state.ts";
import { type LatenessSettings, reportFailed, reportLate, rowElement, type WindowResult } from "./window.ts";
import type { OverlappingWindows } from "./window_kind.ts";

/** What a {@link PaneAggregator} needs. */
export interface PaneAggregation<T, S extends AccumulatorSpec<T>> extends LatenessSettings {
  readonly name: string;
  readonly keys: Keys<T>;
  readonly windows: OverlappingWindows;
  readonly accumulators: AccumulatorRow<T, S>;
}

/** The operator's state: panes by their end, corrections by their window's end, and how far windows are closed. */
export interface PaneState {
  readonly panes: KeyedState<unknown[]>;
  readonly corrections: KeyedState<number>;
  readonly closed: KeyedState<number>;
}

type Rows<S> = Element<WindowResult<ResultsOf<S>>>[];

/** One partition's windows. */
export class PaneAggregator<T, S extends AccumulatorSpec<T>>
  extends PartitionAggregator<T, WindowResult<ResultsOf<S>>> {
  readonly #panes: PaneIndex;
  /** Each key's panes up to the last closed window; made again after a late element. */
  readonly #slidings = new Map<KeyPanes, SlidingMerge>();
  /** Keys that windows yet to close hold. */
  readonly #active = new Set<KeyPanes>();
  /** Keys that have changed since the last early rows. */
  readonly #changed = new Set<KeyPanes>();
  /** Closed windows to be emitted again, by key. */
  readonly #corrected = new Map<string, Set<number>>();
  #closedUpTo: number;
  /** Windows that end at this or before are out of reach, and what only they held is gone. */
  #forgottenUpTo: number;

  constructor(
    private readonly options: PaneAggregation<T, S>,
    private readonly state: PaneState,
    private readonly partition: number,
  ) {
    super();
    this.#closedUpTo = state.closed.get(partition, 0, "")?.value ?? -Infinity;
    this.#forgottenUpTo = state.panes.marks(partition).forgottenUpTo;
    this.#panes = new PaneIndex(state.panes, partition, {
      loaded: (keyPanes) => this.#active.add(keyPanes),
      maySpill: (keyPanes) => !this.#changed.has(keyPanes),
      gone: (keyPanes) => this.#drop(keyPanes),
    });
  }

  protected override addAll(batch: Batch<T>, out: Rows<S>): void {
    for (const element of batch.elements) {
      try {
        this.#add(batch, element, out);
      } catch (error) {
        reportFailed(this.options.name, batch, element, error);
      }
    }
  }

  #add(batch: Batch<T>, element: Element<T>, out: Rows<S>): void {
    const { keys, windows, accumulators, allowedLatenessMs } = this.options;
    const end = windows.assign(element.time);
    let from = end;
    if (end + allowedLatenessMs <= element.watermark || end <= this.#forgottenUpTo) {
      from = this.#reportMissed(batch, element, out);
      if (from > windows.lastOf(end)) return;
    }
    const key = keys.textOf(element.value);
    const known = this.#panes.get(end, key);
    // First, because it may throw: an element that is skipped must leave no pane behind.
    const accs = known?.value ?? accumulators.initial();
    accumulators.add(accs, element);
    if (from <= this.#closedUpTo || from <= element.watermark) {
      const closedUpTo = Math.max(this.#closedUpTo, windows.closedAt(element.watermark));
      this.#correct(key, from, Math.min(windows.lastOf(end), closedUpTo));
    }
    if (known) this.#panes.touch(known);
    const keyPanes = known ? this.#panes.of(key)! : this.#panes.add(end, key, accs);
    if (!known) this.#active.add(keyPanes);
    if (end <= this.#closedUpTo) this.#slidings.delete(keyPanes);
    this.#changed.add(keyPanes);
  }

  /** Reports the windows that the element is too late for; returns the end of the first that it is not too late for. */
  #reportMissed(batch: Batch<T>, element: Element<T>, out: Rows<S>): number {
    const { windows, name } = this.options;
    const end = windows.assign(element.time);
    const last = windows.lastOf(end);
    const missedUpTo = Math.min(last, this.#reach(element.watermark));
    const missed = { start: windows.startOf(end), end: missedUpTo, count: windows.count(end, missedUpTo) };
    reportLate(name, batch, { element, missed });
    if (missedUpTo < last) {
      // The rows of the windows that it misses are made without it, as if it had come in a batch of its own.
      this.#emitCorrected(batch, out);
      this.#closeUpTo(windows.closedAt(element.watermark), batch, out);
    }
    return windows.assign(missedUpTo);
  }

  /** Windows that end at or before this are out of reach of an element that comes at `watermark`. */
  #reach(watermark: number): number {
    const { windows, allowedLatenessMs } = this.options;
    return Math.max(windows.closedAt(watermark - allowedLatenessMs), this.#forgottenUpTo);
  }

  /** An element changes the closed windows that hold it, which end at `from` to `upTo`: each gets a new version. */
  #correct(key: string, from: number, upTo: number): void {
    const { windows } = this.options;
    let corrected = this.#corrected.get(key);
    if (!corrected) this.#corrected.set(key, corrected = new Set());
    for (let end = from; end <= upTo; end = windows.assign(end)) {
      if (end <= this.#closedUpTo) corrected.add(end);
      const entry = this.state.corrections.get(this.partition, end, key);
      if (entry) {
        entry.value++;
        this.state.corrections.touch(entry);
      } else this.state.corrections.add(this.partition, end, key, 1);
    }
  }

  #emitCorrected(batch: Batch<T>, out: Rows<S>): void {
    for (const [key, ends] of this.#corrected) {
      const { panes } = this.#panes.of(key)!;
      const sliding = new SlidingMerge((a, b) => this.options.accumulators.merge(a, b));
      let next = 0;
      for (const end of [...ends].sort((a, b) => a - b)) {
        next = this.#slide(sliding, panes, next, end);
        this.#emit({ key, end, accs: sliding.merged(), final: true }, batch, out);
      }
    }
    this.#corrected.clear();
  }

  protected override end(): void {
    let last = -Infinity;
    for (const keys of [this.#active, this.#panes.spilled()]) {
      for (const { panes } of keys) last = Math.max(last, panes.at(-1)!.namespace);
    }
    if (last > -Infinity) this.state.panes.mark(this.partition, { closedUpTo: this.options.windows.lastOf(last) });
  }

  protected override close(batch: Batch<T>, out: Rows<S>): void {
    this.#emitCorrected(batch, out);
    const passed = this.options.windows.closedAt(batch.watermark);
    this.#closeUpTo(Math.max(passed, this.state.panes.marks(this.partition).closedUpTo), batch, out);
  }

  /** Emits every window that ends after the last one closed and at `closeUpTo` or before. */
  #closeUpTo(closeUpTo: number, batch: Batch<T>, out: Rows<S>): void {
    const { windows } = this.options;
    if (!(closeUpTo > this.#closedUpTo)) return;
    for (const keyPanes of this.#active) {
      this.#closeKey(keyPanes, this.#sliding(keyPanes), closeUpTo, batch, out);
      if (windows.lastOf(keyPanes.panes.at(-1)!.namespace) <= closeUpTo) {
        this.#active.delete(keyPanes);
        this.#slidings.delete(keyPanes);
      }
    }
    // A window that closes changes none of its panes: keys in the file stay there.
    for (const keyPanes of this.#panes.spilled()) {
      if (windows.lastOf(keyPanes.panes.at(-1)!.namespace) <= this.#closedUpTo) continue;
      this.#closeKey(keyPanes, this.#newSliding(keyPanes), closeUpTo, batch, out);
    }
    this.#moveClosed(closeUpTo);
  }

  #closeKey({ key, panes }: KeyPanes, sliding: SlidingMerge, closeUpTo: number, batch: Batch<T>, out: Rows<S>): void {
    const { windows } = this.options;
    const first = windows.assign(this.#closedUpTo);
    let next = firstAfter(panes, this.#closedUpTo);
    for (let end = Math.max(first, panes[0]!.namespace); end <= closeUpTo;) {
      next = this.#slide(sliding, panes, next, end);
      const accs = sliding.merged();
      const after = windows.assign(end);
      if (accs) this.#emit({ key, end, accs, final: true }, batch, out);
      else if (next === panes.length) break;
      // Nothing in this window: go on with the first that holds the next pane.
      end = accs ? after : Math.max(after, panes[next]!.namespace);
    }
  }

  #moveClosed(closeUpTo: number): void {
    this.#closedUpTo = closeUpTo;
    const entry = this.state.closed.get(this.partition, 0, "");
    if (entry) {
      entry.value = closeUpTo;
      this.state.closed.touch(entry);
    } else this.state.closed.add(this.partition, 0, "", closeUpTo);
  }

  /** Emits the window that closes next, for the keys that have changed. */
  protected override emitEarly(batch: Batch<T>, out: Rows<S>): void {
    const { windows, accumulators } = this.options;
    const end = windows.assign(this.#closedUpTo);
    for (const keyPanes of this.#changed) {
      const sliding = this.#sliding(keyPanes);
      sliding.evict(windows.startOf(end));
      const merged = sliding.merged();
      const open = this.#panes.get(end, keyPanes.key)?.value;
      const accs = merged && open ? accumulators.merge(merged, open) : merged ?? open ?? null;
      this.#emit({ key: keyPanes.key, end, accs, final: false }, batch, out);
    }
    this.#changed.clear();
  }

  /** The key's sliding window as of the last closed one. */
  #sliding(keyPanes: KeyPanes): SlidingMerge {
    let sliding = this.#slidings.get(keyPanes);
    if (!sliding) this.#slidings.set(keyPanes, sliding = this.#newSliding(keyPanes));
    return sliding;
  }

  #newSliding({ panes }: KeyPanes): SlidingMerge {
    const sliding = new SlidingMerge((a, b) => this.options.accumulators.merge(a, b));
    if (this.#closedUpTo > -Infinity) this.#slide(sliding, panes, 0, this.#closedUpTo);
    return sliding;
  }

  /** Moves the window on to the one ending at `end`, from the pane `next` on; returns the pane after it. */
  #slide(sliding: SlidingMerge, panes: readonly PaneEntry[], next: number, end: number): number {
    const limit = this.options.windows.startOf(end);
    for (; next < panes.length && panes[next]!.namespace <= end; next++) {
      const pane = { end: panes[next]!.namespace, accs: panes[next]!.value };
      if (pane.end > limit) sliding.push(pane);
    }
    sliding.evict(limit);
    return next;
  }

  /** Emits the row of a window, unless the window holds nothing. */
  #emit(
    { key, end, accs, final }: {
      readonly key: string;
      readonly end: number;
      readonly accs: readonly unknown[] | null;
      readonly final: boolean;
    },
    batch: Batch<T>,
    out: Rows<S>,
  ): void {
    if (!accs) return;
    const corrections = this.state.corrections.get(this.partition, end, key)?.value ?? 0;
    const row: WindowResult<ResultsOf<S>> = {
      key: this.options.keys.partsOf(key),
      partition: this.partition,
      start: this.options.windows.startOf(end),
      end,
      values: this.options.accumulators.results(accs),
      final,
      version: 1 + corrections,
    };
    out.push(rowElement(row, row.start, batch));
  }

  /** Drops panes that no window in reach holds, and corrections of windows out of reach. */
  protected override forget(batch: Batch<T>): void {
    const reach = this.#reach(batch.eventWatermark);
    if (!(reach > this.#forgottenUpTo)) return;
    this.state.panes.mark(this.partition, { forgottenUpTo: this.#forgottenUpTo = reach });
    for (const end of [...this.state.corrections.namespaces(this.partition)]) {
      if (end > reach) continue;
      for (const entry of [...this.state.corrections.entries(this.partition, end)]) {
        this.state.corrections.remove(entry);
      }
    }
    this.#panes.forget(this.options.windows.startOf(reach));
  }

  #drop(keyPanes: KeyPanes): void {
    this.#slidings.delete(keyPanes);
    this.#active.delete(keyPanes);
    this.#changed.delete(keyPanes);
  }
}
