// Hopping windows: of a size, one beginning at every advance. Elements are kept once, in panes as long as the advance, and
// windows are merged from panes: the cost does not grow with size / advance.

import type { AccumulatorRow, AccumulatorSpec, ResultsOf } from "./accumulators.ts";
import { type Batch, type Element, type Operator, withElements } from "./batch.ts";
import type { Keys } from "./key.ts";
import { firstAfter, type KeyPanes, type PaneEntry, PaneIndex } from "./panes.ts";
import { type Pane, SlidingMerge } from "./sliding_merge.ts";
import type { KeyedState, StateBackend, StateCodec } from "./state.ts";
import { answer, type LatenessSettings, reportFailed, reportLate, type WindowResult } from "./window.ts";

/** What {@link aggregateHopping} needs. */
export interface HoppingAggregation<T, S extends AccumulatorSpec<T>> extends LatenessSettings {
  /** Names the operator and its state. */
  readonly name: string;
  readonly keys: Keys<T>;
  /** Length of a window, a multiple of the advance; milliseconds. */
  readonly sizeMs: number;
  /** Time from the start of one window to the start of the next; milliseconds. */
  readonly advanceMs: number;
  readonly accumulators: AccumulatorRow<T, S>;
  readonly state: StateBackend;
}

const plain = <V>(): StateCodec<V> => ({ encode: (value) => value, decode: (json) => json as V });

/** The operator's state: panes by their end, corrections by their window's end, and how far windows are closed. */
interface HoppingState {
  readonly panes: KeyedState<unknown[]>;
  readonly corrections: KeyedState<number>;
  readonly closed: KeyedState<number>;
}

/**
 * Aggregates by key and hopping window.
 *
 * Answers a batch with the final rows of the windows that its watermark has closed and of closed windows that late elements
 * have corrected; a batch with `emit` also with the early row of the one window that closes next, for each key that has
 * changed. An element is late for those of its windows that are past the allowed lateness, and counts in the others.
 *
 * ```
 * time      0    5    10   15   20    (size 10, advance 5)
 * in        a    b    c    d
 * windows   [--a+b---]
 *                [--b+c---]
 *                     [--c+d---]
 * ```
 */
export function aggregateHopping<T, S extends AccumulatorSpec<T>>(
  options: HoppingAggregation<T, S>,
): Operator<T, WindowResult<ResultsOf<S>>> {
  const { name, keys, sizeMs, advanceMs, accumulators } = options;
  if (!(advanceMs > 0) || !(sizeMs >= advanceMs) || sizeMs % advanceMs !== 0) {
    throw new Error(
      `Cannot make windows of ${sizeMs} ms every ${advanceMs} ms: the size must be a multiple of the advance`,
    );
  }
  const config = { window: "hopping", sizeMs, advanceMs, keys: keys.names, accumulators: accumulators.config };
  const state: HoppingState = {
    panes: options.state.open(name, config, plain<unknown[]>()),
    corrections: options.state.open(`${name}/corrections`, config, plain<number>()),
    closed: options.state.open(`${name}/closed`, config, plain<number>()),
  };
  return async function* (source) {
    const aggregators = new Map<number, HoppingAggregator<T, S>>();
    for await (const batch of source) {
      let aggregator = aggregators.get(batch.partition);
      if (!aggregator) {
        aggregators.set(batch.partition, aggregator = new HoppingAggregator(options, state, batch.partition));
      }
      yield withElements(batch, aggregator.process(batch));
    }
  };
}

type Rows<S> = Element<WindowResult<ResultsOf<S>>>[];

/** One partition's windows. */
class HoppingAggregator<T, S extends AccumulatorSpec<T>> {
  readonly #panes: PaneIndex;
  /** Each key's panes up to the last closed window; made again after a late element. */
  readonly #slidings = new Map<KeyPanes, SlidingMerge>();
  /** Keys that windows yet to close hold. */
  readonly #active = new Set<KeyPanes>();
  /** Keys that have changed since the last early rows. */
  readonly #changed = new Set<KeyPanes>();
  /** Closed windows to be given out again, by key. */
  readonly #corrected = new Map<string, Set<number>>();
  #closedUpTo: number;
  /** Windows that end at this or before are out of reach, and what only they held is gone. */
  #forgottenUpTo: number;

  constructor(
    private readonly options: HoppingAggregation<T, S>,
    private readonly state: HoppingState,
    private readonly partition: number,
  ) {
    this.#closedUpTo = state.closed.get(partition, 0, "")?.value ?? -Infinity;
    this.#forgottenUpTo = state.panes.marks(partition).forgottenUpTo;
    this.#panes = new PaneIndex(state.panes, partition);
    for (const keyPanes of this.#panes.keys()) this.#active.add(keyPanes);
  }

  process(batch: Batch<T>): Rows<S> {
    const rows: Rows<S> = [];
    for (const element of batch.elements) {
      try {
        this.#add(batch, element, rows);
      } catch (error) {
        reportFailed(this.options.name, batch, element, error);
      }
    }
    this.#giveOutCorrected(batch, rows);
    this.#close(batch, rows);
    if (batch.emit) this.#giveOutNext(batch, rows);
    this.#forget(batch);
    return rows;
  }

  #add(batch: Batch<T>, element: Element<T>, rows: Rows<S>): void {
    const { keys, advanceMs, accumulators, allowedLatenessMs } = this.options;
    const end = this.#endAfter(element.time);
    let from = end;
    if (end + allowedLatenessMs <= element.watermark || end <= this.#forgottenUpTo) {
      from = this.#reportMissed(batch, element, rows);
      if (from > this.#lastEnd(end)) return;
    }
    const key = keys.textOf(element.value);
    const known = this.#panes.get(end, key);
    // First, because it may throw: an element that is skipped must leave no pane behind.
    const accs = known?.value ?? accumulators.initial();
    accumulators.add(accs, element);
    if (from <= this.#closedUpTo || from <= element.watermark) {
      const closedUpTo = Math.max(this.#closedUpTo, this.#endAfter(element.watermark) - advanceMs);
      this.#correct(key, from, Math.min(this.#lastEnd(end), closedUpTo));
    }
    if (known) this.#panes.touch(known);
    const keyPanes = known ? this.#panes.of(key)! : this.#panes.add(end, key, accs);
    if (!known) this.#active.add(keyPanes);
    if (end <= this.#closedUpTo) this.#slidings.delete(keyPanes);
    this.#changed.add(keyPanes);
  }

  /** Reports the windows that the element is too late for; returns the end of the first that it is not too late for. */
  #reportMissed(batch: Batch<T>, element: Element<T>, rows: Rows<S>): number {
    const { sizeMs, advanceMs, name } = this.options;
    const end = this.#endAfter(element.time);
    const missedUpTo = Math.min(this.#lastEnd(end), this.#reach(element.watermark));
    const missed = { start: end - sizeMs, end: missedUpTo, count: (missedUpTo - end) / advanceMs + 1 };
    reportLate(name, batch, { element, missed });
    if (missedUpTo < this.#lastEnd(end)) {
      // The rows of the windows that it misses are made without it, as if it had come in a batch of its own.
      this.#giveOutCorrected(batch, rows);
      this.#closeUpTo(this.#endAfter(element.watermark) - advanceMs, batch, rows);
    }
    return missedUpTo + advanceMs;
  }

  /** The end of the last window that holds a pane. */
  #lastEnd(pane: number): number {
    return pane - this.options.advanceMs + this.options.sizeMs;
  }

  /** The first end of a window after `time`. */
  #endAfter(time: number): number {
    return (Math.floor(time / this.options.advanceMs) + 1) * this.options.advanceMs;
  }

  /** Windows that end at or before this are out of reach of an element that comes at `watermark`. */
  #reach(watermark: number): number {
    const reach = this.#endAfter(watermark - this.options.allowedLatenessMs) - this.options.advanceMs;
    return Math.max(reach, this.#forgottenUpTo);
  }

  /** An element changes the closed windows that hold it, which end at `from` to `upTo`: each gets a new version. */
  #correct(key: string, from: number, upTo: number): void {
    const { advanceMs } = this.options;
    let corrected = this.#corrected.get(key);
    if (!corrected) this.#corrected.set(key, corrected = new Set());
    for (let end = from; end <= upTo; end += advanceMs) {
      if (end <= this.#closedUpTo) corrected.add(end);
      const entry = this.state.corrections.get(this.partition, end, key);
      if (entry) {
        entry.value++;
        this.state.corrections.touch(entry);
      } else this.state.corrections.add(this.partition, end, key, 1);
    }
  }

  #giveOutCorrected(batch: Batch<T>, rows: Rows<S>): void {
    for (const [key, ends] of this.#corrected) {
      const { panes } = this.#panes.of(key)!;
      const sliding = new SlidingMerge((a, b) => this.options.accumulators.merge(a, b));
      let next = 0;
      for (const end of [...ends].sort((a, b) => a - b)) {
        next = this.#slide(sliding, panes, next, end);
        this.#row(key, end, sliding.merged(), true, batch, rows);
      }
    }
    this.#corrected.clear();
  }

  /** Closes the windows that the watermark has passed, and all that there are when the input has ended. */
  #close(batch: Batch<T>, rows: Rows<S>): void {
    if (batch.ended) this.state.panes.mark(this.partition, { closedUpTo: this.#endOfAll() });
    const passed = this.#endAfter(batch.watermark) - this.options.advanceMs;
    this.#closeUpTo(Math.max(passed, this.state.panes.marks(this.partition).closedUpTo), batch, rows);
  }

  /** The end of the last window that holds anything. */
  #endOfAll(): number {
    let last = -Infinity;
    for (const { panes } of this.#active) last = Math.max(last, panes.at(-1)!.namespace);
    return this.#lastEnd(last);
  }

  /** Gives out every window that ends after the last one closed and at `closeUpTo` or before. */
  #closeUpTo(closeUpTo: number, batch: Batch<T>, rows: Rows<S>): void {
    const { advanceMs, sizeMs } = this.options;
    if (!(closeUpTo > this.#closedUpTo)) return;
    for (const keyPanes of this.#active) {
      const { panes } = keyPanes;
      const sliding = this.#sliding(keyPanes);
      let next = firstAfter(panes, this.#closedUpTo);
      const firstEnd = Math.max(this.#closedUpTo + advanceMs, panes[0]!.namespace);
      for (let end = firstEnd; end <= closeUpTo; end += advanceMs) {
        next = this.#slide(sliding, panes, next, end);
        const merged = sliding.merged();
        if (merged) this.#row(keyPanes.key, end, merged, true, batch, rows);
        else if (next === panes.length) break;
        // Nothing in this window: go on with the first that holds the next pane.
        else end = Math.max(end, panes[next]!.namespace - advanceMs);
      }
      if (panes.at(-1)!.namespace - advanceMs + sizeMs <= closeUpTo) {
        this.#active.delete(keyPanes);
        this.#slidings.delete(keyPanes);
      }
    }
    this.#moveClosed(closeUpTo);
  }

  #moveClosed(closeUpTo: number): void {
    this.#closedUpTo = closeUpTo;
    const entry = this.state.closed.get(this.partition, 0, "");
    if (entry) {
      entry.value = closeUpTo;
      this.state.closed.touch(entry);
    } else this.state.closed.add(this.partition, 0, "", closeUpTo);
  }

  /** The window that closes next, for the keys that have changed. */
  #giveOutNext(batch: Batch<T>, rows: Rows<S>): void {
    const { sizeMs, advanceMs, accumulators } = this.options;
    const end = this.#closedUpTo + advanceMs;
    for (const keyPanes of this.#changed) {
      const sliding = this.#sliding(keyPanes);
      sliding.evict(end - sizeMs);
      const merged = sliding.merged();
      const open = this.#panes.get(end, keyPanes.key)?.value;
      const both = merged && open ? accumulators.merge(merged, open) : merged ?? open ?? null;
      this.#row(keyPanes.key, end, both, false, batch, rows);
    }
    this.#changed.clear();
  }

  /** The key's sliding window as of the last closed one. */
  #sliding(keyPanes: KeyPanes): SlidingMerge {
    let sliding = this.#slidings.get(keyPanes);
    if (sliding) return sliding;
    this.#slidings.set(keyPanes, sliding = new SlidingMerge((a, b) => this.options.accumulators.merge(a, b)));
    if (this.#closedUpTo > -Infinity) this.#slide(sliding, keyPanes.panes, 0, this.#closedUpTo);
    return sliding;
  }

  /** Moves the window on to the one ending at `end`, from the pane `next` on; returns the pane after it. */
  #slide(sliding: SlidingMerge, panes: readonly PaneEntry[], next: number, end: number): number {
    const limit = end - this.options.sizeMs;
    for (; next < panes.length && panes[next]!.namespace <= end; next++) {
      const pane: Pane = { end: panes[next]!.namespace, accs: panes[next]!.value };
      if (pane.end > limit) sliding.push(pane);
    }
    sliding.evict(limit);
    return next;
  }

  #row(
    key: string,
    end: number,
    accs: readonly unknown[] | null,
    final: boolean,
    batch: Batch<T>,
    rows: Rows<S>,
  ): void {
    if (!accs) return;
    const corrections = this.state.corrections.get(this.partition, end, key)?.value ?? 0;
    const row: WindowResult<ResultsOf<S>> = {
      key: this.options.keys.partsOf(key),
      partition: this.partition,
      start: end - this.options.sizeMs,
      end,
      values: this.options.accumulators.results(accs),
      final,
      version: 1 + corrections,
    };
    rows.push(answer(row, row.start, batch));
  }

  /** Drops panes that no window in reach holds, and corrections of windows out of reach. */
  #forget(batch: Batch<T>): void {
    const reach = this.#reach(batch.eventWatermark);
    if (!(reach > this.#forgottenUpTo)) return;
    this.state.panes.mark(this.partition, { forgottenUpTo: this.#forgottenUpTo = reach });
    for (const end of [...this.state.corrections.namespaces(this.partition)]) {
      if (end > reach) continue;
      for (const entry of [...this.state.corrections.entries(this.partition, end)]) {
        this.state.corrections.remove(entry);
      }
    }
    this.#panes.forget(reach - this.options.sizeMs, (keyPanes) => {
      this.#slidings.delete(keyPanes);
      this.#active.delete(keyPanes);
      this.#changed.delete(keyPanes);
    });
  }
}
