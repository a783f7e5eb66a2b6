// Aggregates without a window: one value for each key, over everything that has come so far.

import type { AccumulatorRow, AccumulatorSpec, ResultsOf } from "./accumulators.ts";
import type { Batch, Element, Operator } from "./batch.ts";
import type { KeyedResult, Keys } from "./key.ts";
import { byPartition, PartitionAggregator } from "./partition_aggregator.ts";
import type { KeyedState, StateEntry } from "./state.ts";
import type { StateBackend } from "./state_backend.ts";
import { reportFailed, rowElement } from "./window.ts";

/** The row of one key. */
export interface RunningResult<R> extends KeyedResult {
  /** The results of the accumulators. */
  readonly values: R;
}

interface RunningState {
  readonly accs: unknown[];
  /** Changed since its row was last emitted; not stored. */
  pending: boolean;
}

const codec = {
  encode: ({ accs }: RunningState): unknown => accs,
  decode: (json: unknown): RunningState => ({ accs: json as unknown[], pending: false }),
};

/** What {@link aggregateRunning} needs. */
export interface RunningAggregation<T, S extends AccumulatorSpec<T>> {
  /** Names the operator and its state. */
  readonly name: string;
  readonly keys: Keys<T>;
  readonly accumulators: AccumulatorRow<T, S>;
  readonly state: StateBackend;
}

/**
 * Aggregates by key over all elements so far; with `early` it answers with the rows that have changed.
 *
 * No element is late for it, and a key is kept for ever: what a key's accumulators keep must be bounded.
 *
 * ```
 * in     a1 b1 a2 (emit)      b2 (emit)
 * out          a1+a2 b1       b1+b2
 * ```
 */
export function aggregateRunning<T, S extends AccumulatorSpec<T>>(
  options: RunningAggregation<T, S>,
): Operator<T, RunningResult<ResultsOf<S>>> {
  const { name, keys, accumulators } = options;
  const config = { window: "running", keys: keys.names, accumulators: accumulators.config };
  const state = options.state.open(name, config, codec);
  return byPartition((partition) => new RunningAggregator(options, state, partition));
}

class RunningAggregator<T, S extends AccumulatorSpec<T>> extends PartitionAggregator<T, RunningResult<ResultsOf<S>>> {
  /** Keys whose rows have changed since they were last emitted. */
  readonly #changed: StateEntry<RunningState>[] = [];

  constructor(
    private readonly options: RunningAggregation<T, S>,
    private readonly state: KeyedState<RunningState>,
    private readonly partition: number,
  ) {
    super();
    state.watch(partition, { maySpill: ({ value }) => !value.pending });
  }

  protected override addAll(batch: Batch<T>): void {
    for (const element of batch.elements) {
      try {
        this.#add(element);
      } catch (error) {
        reportFailed(this.options.name, batch, element, error);
      }
    }
  }

  #add(element: Element<T>): void {
    const { keys, accumulators } = this.options;
    const key = keys.textOf(element.value);
    let entry = this.state.get(this.partition, 0, key);
    // First, because it may throw: an element that is skipped must leave no key behind.
    const accs = entry?.value.accs ?? accumulators.initial();
    accumulators.add(accs, element);
    if (entry) this.state.touch(entry);
    else entry = this.state.add(this.partition, 0, key, { accs, pending: false });
    if (entry.value.pending) return;
    entry.value.pending = true;
    this.#changed.push(entry);
  }

  protected override emitEarly(batch: Batch<T>, out: Element<RunningResult<ResultsOf<S>>>[]): void {
    const { keys, accumulators } = this.options;
    for (const { partition, key, value } of this.#changed) {
      value.pending = false;
      const values = accumulators.results(value.accs);
      out.push(rowElement({ key: keys.partsOf(key), partition, values }, batch.watermark, batch));
    }
    this.#changed.length = 0;
  }
}
