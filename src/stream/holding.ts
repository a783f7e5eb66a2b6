// Episodes of a condition that lasts until an element says otherwise: from a key's first element of which it holds to the
// next one of which it does not, in the order of the log. Without a gap that ends it, and so never late.

import type { AccumulatorRow, AccumulatorSpec, ResultsOf } from "./accumulators.ts";
import type { Batch, Element, Operator } from "./batch.ts";
import type { Keys } from "./key.ts";
import { byPartition, PartitionAggregator } from "./partition_aggregator.ts";
import type { SessionChange, SessionRow } from "./session.ts";
import type { KeyedState, StateEntry } from "./state.ts";
import type { StateBackend } from "./state_backend.ts";
import { reportFailed, rowElement } from "./window.ts";

/** What {@link whileHolding} needs. */
export interface HoldingOptions<T, S extends AccumulatorSpec<T>> {
  /** Names the operator and its state. */
  readonly name: string;
  readonly keys: Keys<T>;
  readonly holds: (value: T) => boolean;
  readonly accumulators: AccumulatorRow<T, S>;
  readonly state: StateBackend;
}

/** A key that the condition has held of. */
interface Held {
  /** Of the present episode, or of the last one. */
  id: number;
  /** Event time of the first element, epoch milliseconds. */
  start: number;
  /** Greatest event time so far, epoch milliseconds. */
  last: number;
  /** `null` while the condition does not hold. */
  accs: unknown[] | null;
}

const codec = {
  encode: ({ id, start, last, accs }: Held): unknown => [id, start, last, accs],
  decode(json: unknown): Held {
    const [id, start, last, accs] = json as [number, number, number, unknown[] | null];
    return { id, start, last, accs };
  },
};

/**
 * Episodes by key.
 *
 * Answers a batch with the episodes that have ended, and with `early` also with those under way that have changed. Its rows
 * are those of sessions: `end` is the event time of the element that ended the episode. An episode's id is the event time
 * (whole milliseconds) it began with, or 1 ms more than the key's last id where that is later: so no two are the same.
 *
 * ```
 * holds     -  +  +  -  -  +  +
 * out          [-----]     [----…
 * ```
 */
export function whileHolding<T, S extends AccumulatorSpec<T>>(
  options: HoldingOptions<T, S>,
): Operator<T, SessionChange<ResultsOf<S>>> {
  const { name, keys, accumulators } = options;
  const state = options.state.open(name, { holding: true, keys: keys.names, accumulators: accumulators.config }, codec);
  return byPartition((partition) => new HoldingAggregator(options, state, partition));
}

type Rows<S> = Element<SessionRow<ResultsOf<S>>>[];

class HoldingAggregator<T, S extends AccumulatorSpec<T>> extends PartitionAggregator<T, SessionRow<ResultsOf<S>>> {
  /** Keys whose episode has changed since its last row. */
  readonly #changed = new Set<StateEntry<Held>>();

  constructor(
    private readonly options: HoldingOptions<T, S>,
    private readonly state: KeyedState<Held>,
    private readonly partition: number,
  ) {
    super();
    state.watch(partition, { maySpill: (entry) => !this.#changed.has(entry) });
  }

  protected override emitNews(batch: Batch<T>, out: Rows<S>): void {
    const { state, partition } = this;
    for (const entries of [state.entries(partition, 0), state.spilledEntries(partition, 0)]) {
      for (const entry of entries) {
        if (entry.value.accs) out.push(this.#row(entry, batch, { end: entry.value.last, final: false }));
      }
    }
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
    const { keys, holds, accumulators } = this.options;
    const key = keys.textOf(element.value);
    const entry = this.state.get(batch.partition, 0, key);
    const held = entry?.value;
    if (!holds(element.value)) {
      if (entry && held?.accs) this.#finish(entry, element, batch, out);
      return;
    }
    // First, because it may throw: an element that is skipped must leave no key behind.
    const accs = held?.accs ?? accumulators.initial();
    accumulators.add(accs, element);
    if (held?.accs) held.last = Math.max(held.last, element.time);
    const id = Math.max(Math.floor(element.time), (held?.id ?? -Infinity) + 1);
    const begun = held?.accs ? held : { id, start: element.time, last: element.time, accs };
    if (entry) {
      entry.value = begun;
      this.state.touch(entry);
    }
    this.#changed.add(entry ?? this.state.add(batch.partition, 0, key, begun));
  }

  #finish(entry: StateEntry<Held>, { time }: Element<T>, batch: Batch<T>, out: Rows<S>): void {
    const end = Math.max(entry.value.last, time);
    out.push(this.#row(entry, batch, { end, final: true }));
    entry.value.accs = null;
    this.#changed.delete(entry);
    this.state.touch(entry);
  }

  protected override emitEarly(batch: Batch<T>, out: Rows<S>): void {
    for (const entry of this.#changed) out.push(this.#row(entry, batch, { end: entry.value.last, final: false }));
    this.#changed.clear();
  }

  #row(
    entry: StateEntry<Held>,
    batch: Batch<T>,
    ending: { readonly end: number; readonly final: boolean },
  ): Element<SessionRow<ResultsOf<S>>> {
    const { key, partition, value: { id, start, last, accs } } = entry;
    const { keys, accumulators } = this.options;
    const row: SessionRow<ResultsOf<S>> = {
      kind: "session",
      key: keys.partsOf(key),
      partition,
      id,
      start,
      last,
      open: !ending.final,
      ...ending,
      values: accumulators.results(accs!),
      version: 1,
      backfill: batch.backfill,
      previousStart: null,
    };
    return rowElement(row, start, batch);
  }
}
