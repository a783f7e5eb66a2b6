// Windows of which each element is in one: the accumulators of a window are kept whole, under the window's end.

import type { AccumulatorRow, AccumulatorSpec, ResultsOf } from "./accumulators.ts";
import type { Batch, Element } from "./batch.ts";
import type { Keys } from "./key.ts";
import { PartitionAggregator } from "./partition_aggregator.ts";
import type { KeyedState, Marks, StateEntry } from "./state.ts";
import { type LatenessSettings, reportFailed, reportLate, rowElement, type WindowResult } from "./window.ts";
import type { SeparateWindows } from "./window_kind.ts";

/** What a {@link SeparateAggregator} needs. */
export interface SeparateAggregation<T, S extends AccumulatorSpec<T>> extends LatenessSettings {
  readonly name: string;
  readonly keys: Keys<T>;
  readonly windows: SeparateWindows<T>;
  readonly accumulators: AccumulatorRow<T, S>;
}

/** A key's window. */
export interface SeparateWindow {
  readonly start: number;
  accs: unknown[];
  final: boolean;
  version: number;
  /** Changed since its row was last emitted; not stored. */
  pending: boolean;
}

export const separateCodec = {
  encode: ({ start, accs, final, version }: SeparateWindow): unknown => [start, accs, final ? 1 : 0, version],
  decode(json: unknown): SeparateWindow {
    const [start, accs, final, version] = json as [number, unknown[], number, number];
    return { start, accs, final: final === 1, version, pending: false };
  },
};

type Entry = StateEntry<SeparateWindow>;
type Rows<S> = Element<WindowResult<ResultsOf<S>>>[];

/** One partition's windows. */
export class SeparateAggregator<T, S extends AccumulatorSpec<T>> extends PartitionAggregator<
  T,
  WindowResult<ResultsOf<S>>
> {
  /** Open windows whose rows have changed since they were last emitted. */
  readonly #changed: Entry[] = [];
  /** Closed windows that the batch has changed. */
  readonly #corrected: Entry[] = [];
  /** The end up to which windows have been closed. */
  #closedUpTo = -Infinity;

  constructor(
    private readonly options: SeparateAggregation<T, S>,
    private readonly state: KeyedState<SeparateWindow>,
    private readonly partition: number,
  ) {
    super();
    state.watch(partition, { maySpill: ({ value }) => !value.pending });
  }

  protected override addAll(batch: Batch<T>): void {
    const { forgottenUpTo, closedUpTo } = this.state.marks(this.partition);
    const bounds = { forgottenUpTo, closedUpTo: Math.max(closedUpTo, batch.closedBefore) };
    const closes = Math.max(batch.watermark, bounds.closedUpTo);
    const [changed, corrected] = [this.#changed, this.#corrected];
    for (const element of batch.elements) {
      try {
        const entry = this.#add(batch, element, bounds);
        if (!entry || entry.value.pending) continue;
        entry.value.pending = true;
        (entry.namespace > closes ? changed : corrected).push(entry);
      } catch (error) {
        reportFailed(this.options.name, batch, element, error);
      }
    }
  }

  /** Adds the element to its window; `undefined` when it is late. */
  #add(batch: Batch<T>, element: Element<T>, bounds: Marks): Entry | undefined {
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

  protected override end(): void {
    let last = -Infinity;
    for (const end of this.state.namespaces(this.partition)) last = Math.max(last, end);
    this.state.mark(this.partition, { closedUpTo: last });
  }

  protected override close(batch: Batch<T>, out: Rows<S>): void {
    for (const entry of this.#corrected) entry.value.final = true;
    this.#closeUpTo(Math.max(batch.watermark, this.state.marks(this.partition).closedUpTo));
    this.#emit(batch, this.#corrected, out);
  }

  /** Makes final what ends at `upTo` or before. */
  #closeUpTo(upTo: number): void {
    const before = this.#closedUpTo;
    if (upTo <= before) return;
    for (const end of this.state.namespaces(this.partition)) {
      if (end <= before || end > upTo) continue;
      for (const entry of this.state.entries(this.partition, end)) if (!entry.value.final) this.#finish(entry);
      for (const entry of this.state.spilledEntries(this.partition, end)) {
        if (!entry.value.final) this.#finish(this.state.adopt(entry));
      }
    }
    this.#closedUpTo = upTo;
  }

  #finish(entry: Entry): void {
    entry.value.final = entry.value.pending = true;
    this.state.touch(entry);
    this.#corrected.push(entry);
  }

  protected override emitEarly(batch: Batch<T>, out: Rows<S>): void {
    this.#emit(batch, this.#changed, out);
  }

  /** The rows of those that have not been emitted since they changed; empties the list. */
  #emit(batch: Batch<T>, entries: Entry[], out: Rows<S>): void {
    for (const entry of entries) {
      if (!entry.value.pending) continue;
      entry.value.pending = false;
      out.push(rowElement(this.#resultOf(entry), entry.value.start, batch));
    }
    entries.length = 0;
  }

  protected override forget(batch: Batch<T>): void {
    const limit = batch.eventWatermark - this.options.allowedLatenessMs;
    for (const end of [...this.state.namespaces(this.partition)]) {
      if (end > limit) continue;
      this.state.removeAll(this.partition, end);
      this.state.mark(this.partition, { forgottenUpTo: end });
    }
  }

  #resultOf({ partition, namespace, key, value }: Entry): WindowResult<ResultsOf<S>> {
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
