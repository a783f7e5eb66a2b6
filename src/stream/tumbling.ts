// Windows of which each element is in one: tumbling windows of a fixed size, and local days.

import type { AccumulatorRow, AccumulatorSpec, ResultsOf } from "./accumulators.ts";
import { type Batch, type Element, type Operator, withElements } from "./batch.ts";
import type { Keys } from "./key.ts";
import { LocalCalendar } from "./local_day.ts";
import type { KeyedState, Marks, StateBackend, StateEntry } from "./state.ts";
import { answer, type LatenessSettings, reportFailed, reportLate, type WindowResult } from "./window.ts";

/** Says which window an element is in. */
export interface WindowAssigner<T> {
  /** What stored windows depend on. */
  readonly config: unknown;
  /** `start` inclusive, `end` exclusive, epoch milliseconds. A key's windows that end together must be one window. */
  assign(value: T, time: number): { readonly start: number; readonly end: number };
}

/** Windows of `sizeMs`, one after the other, anchored to the epoch. */
export function tumblingWindows<T>(sizeMs: number): WindowAssigner<T> {
  if (!(sizeMs > 0)) throw new Error(`Cannot make windows of ${sizeMs} ms: the size must be positive`);
  // Elements come in runs of the same window: the last one is kept.
  let last = { start: NaN, end: NaN };
  return {
    config: { window: "tumbling", sizeMs },
    assign(_value, time) {
      if (time >= last.start && time < last.end) return last;
      const start = Math.floor(time / sizeMs) * sizeMs;
      return last = { start, end: start + sizeMs };
    },
  };
}

/** Local days, in the IANA time zone that each element names. The zone must be a part of the key. */
export function localDayWindows<T>(zoneOf: (value: T) => string): WindowAssigner<T> {
  const calendar = new LocalCalendar();
  return {
    config: { window: "local day" },
    assign: (value, time) => calendar.dayOf(time, zoneOf(value)),
  };
}

interface WindowState {
  readonly start: number;
  accs: unknown[];
  final: boolean;
  version: number;
  /** Changed since its row was last given out; not stored. */
  pending: boolean;
}

const codec = {
  encode: ({ start, accs, final, version }: WindowState): unknown => [start, accs, final ? 1 : 0, version],
  decode(json: unknown): WindowState {
    const [start, accs, final, version] = json as [number, unknown[], number, number];
    return { start, accs, final: final === 1, version, pending: false };
  },
};

/** What {@link aggregateWindows} needs. */
export interface WindowAggregation<T, S extends AccumulatorSpec<T>> extends LatenessSettings {
  /** Names the operator and its state. */
  readonly name: string;
  readonly keys: Keys<T>;
  readonly windows: WindowAssigner<T>;
  readonly accumulators: AccumulatorRow<T, S>;
  readonly state: StateBackend;
}

/**
 * Aggregates by key and window.
 *
 * Answers a batch with the final rows of the windows that its watermark has closed and of closed windows that late
 * elements have corrected; a batch with `emit` also with the early rows of open windows that have changed. An element is late
 * when its window is past the allowed lateness, or has been forgotten under another setting.
 *
 * ```
 * time       0      5   10 |11    (size 10, watermark = time)
 * in         a      b    c |
 * out                   a+b|      closed by c
 * ```
 */
export function aggregateWindows<T, S extends AccumulatorSpec<T>>(
  options: WindowAggregation<T, S>,
): Operator<T, WindowResult<ResultsOf<S>>> {
  const { name, keys, windows, accumulators } = options;
  const state = options.state.open(
    name,
    { ...(windows.config as object), keys: keys.names, accumulators: accumulators.config },
    codec,
  );
  return async function* (source) {
    const aggregator = new WindowAggregator(options, state);
    for await (const batch of source) yield withElements(batch, aggregator.process(batch));
  };
}

class WindowAggregator<T, S extends AccumulatorSpec<T>> {
  /** Open windows whose rows have changed since they were last given out, by partition. */
  readonly #changed = new Map<number, StateEntry<WindowState>[]>();
  /** The end up to which windows have been closed, by partition. */
  readonly #closedUpTo = new Map<number, number>();

  constructor(
    private readonly options: WindowAggregation<T, S>,
    private readonly state: KeyedState<WindowState>,
  ) {}

  process(batch: Batch<T>): Element<WindowResult<ResultsOf<S>>>[] {
    const { forgottenUpTo, closedUpTo } = this.state.marks(batch.partition);
    const bounds = { forgottenUpTo, closedUpTo: Math.max(closedUpTo, batch.closedBefore) };
    let changed = this.#changed.get(batch.partition);
    if (!changed) this.#changed.set(batch.partition, changed = []);
    const closed: StateEntry<WindowState>[] = [];
    for (const element of batch.elements) {
      try {
        const entry = this.#add(batch, element, bounds);
        if (!entry || entry.value.pending) continue;
        entry.value.pending = true;
        (entry.namespace > Math.max(batch.watermark, bounds.closedUpTo) ? changed : closed).push(entry);
      } catch (error) {
        reportFailed(this.options.name, batch, element, error);
      }
    }
    this.#close(batch, closed);
    const rows = this.#giveOut(batch, closed);
    const early = batch.emit ? this.#giveOut(batch, changed) : [];
    this.#forget(batch);
    return early.length === 0 ? rows : rows.concat(early);
  }

  /** Adds the element to its window; `undefined` when it is late. */
  #add(batch: Batch<T>, element: Element<T>, bounds: Marks): StateEntry<WindowState> | undefined {
    const { keys, windows, accumulators, allowedLatenessMs, name } = this.options;
    const { start, end } = windows.assign(element.value, element.time);
    if (end + allowedLatenessMs <= element.watermark || end <= bounds.forgottenUpTo) {
      reportLate(name, batch, { element, missed: { start, end, count: 1 } });
      return undefined;
    }
    const isClosed = end <= element.watermark || end <= bounds.closedUpTo;
    const key = keys.textOf(element.value);
    const entry = this.state.get(batch.partition, end, key);
    // First, because it may throw: an element that is skipped must leave no window behind.
    const accs = entry?.value.accs ?? accumulators.initial();
    accumulators.add(accs, element);
    if (!entry) {
      const fresh = { start, accs, final: false, version: isClosed ? 2 : 1, pending: false };
      return this.state.add(batch.partition, end, key, fresh);
    }
    if (entry.value.final || isClosed) entry.value.version++;
    this.state.touch(entry);
    return entry;
  }

  /** Adds what has newly closed to `closed`, and makes all of that final. */
  #close(batch: Batch<T>, closed: StateEntry<WindowState>[]): void {
    const { partition } = batch;
    for (const entry of closed) entry.value.final = true;
    if (batch.ended) this.state.mark(partition, { closedUpTo: this.#lastEnd(partition) });
    const upTo = Math.max(batch.watermark, this.state.marks(partition).closedUpTo);
    const before = this.#closedUpTo.get(partition) ?? -Infinity;
    if (upTo <= before) return;
    for (const end of this.state.namespaces(partition)) {
      if (end <= before || end > upTo) continue;
      for (const entry of this.state.entries(partition, end)) {
        if (entry.value.final) continue;
        entry.value.final = entry.value.pending = true;
        this.state.touch(entry);
        closed.push(entry);
      }
    }
    this.#closedUpTo.set(partition, upTo);
  }

  #lastEnd(partition: number): number {
    let last = -Infinity;
    for (const end of this.state.namespaces(partition)) last = Math.max(last, end);
    return last;
  }

  /** The rows of those that still wait to be given out; empties the list. */
  #giveOut(batch: Batch<T>, entries: StateEntry<WindowState>[]): Element<WindowResult<ResultsOf<S>>>[] {
    const rows: Element<WindowResult<ResultsOf<S>>>[] = [];
    for (const entry of entries) {
      if (!entry.value.pending) continue;
      entry.value.pending = false;
      rows.push(answer(this.#resultOf(entry), entry.value.start, batch));
    }
    entries.length = 0;
    return rows;
  }

  /** Drops windows that no element can reach any more. */
  #forget(batch: Batch<T>): void {
    const limit = batch.eventWatermark - this.options.allowedLatenessMs;
    for (const end of [...this.state.namespaces(batch.partition)]) {
      if (end > limit) continue;
      for (const entry of [...this.state.entries(batch.partition, end)]) this.state.remove(entry);
      this.state.mark(batch.partition, { forgottenUpTo: end });
    }
  }

  #resultOf({ partition, namespace, key, value }: StateEntry<WindowState>): WindowResult<ResultsOf<S>> {
    return {
      key: this.options.keys.partsOf(key),
      partition,
      start: value.start,
      end: namespace,
      values: this.options.accumulators.results(value.accs),
      final: value.final,
      version: value.version,
    };
  }
}
