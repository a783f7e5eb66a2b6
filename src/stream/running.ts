// Aggregates without a window: one value for each key, over everything that has come so far.

import type { AccumulatorRow, AccumulatorSpec, ResultsOf } from "./accumulators.ts";
import { type Batch, type Element, type Operator, withElements } from "./batch.ts";
import type { KeyedResult, Keys } from "./key.ts";
import type { KeyedState, StateBackend, StateEntry } from "./state.ts";
import { answer, reportFailed } from "./window.ts";

/** The row of one key. */
export interface RunningResult<R> extends KeyedResult {
  /** The results of the accumulators. */
  readonly values: R;
}

interface RunningState {
  readonly accs: unknown[];
  /** Changed since its row was last given out; not stored. */
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
 * Aggregates by key over all elements so far; with `emit` it answers with the rows that have changed.
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
  return async function* (source) {
    const changed = new Map<number, StateEntry<RunningState>[]>();
    for await (const batch of source) {
      let entries = changed.get(batch.partition);
      if (!entries) changed.set(batch.partition, entries = []);
      for (const element of batch.elements) {
        try {
          add(options, state, batch, element, entries);
        } catch (error) {
          reportFailed(name, batch, element, error);
        }
      }
      yield withElements(batch, batch.emit ? takeOut(options, batch, entries) : []);
    }
  };
}

function add<T, S extends AccumulatorSpec<T>>(
  { keys, accumulators }: RunningAggregation<T, S>,
  state: KeyedState<RunningState>,
  batch: Batch<T>,
  element: Element<T>,
  changed: StateEntry<RunningState>[],
): void {
  const key = keys.textOf(element.value);
  let entry = state.get(batch.partition, 0, key);
  // First, because it may throw: an element that is skipped must leave no key behind.
  const accs = entry?.value.accs ?? accumulators.initial();
  accumulators.add(accs, element);
  if (entry) state.touch(entry);
  else entry = state.add(batch.partition, 0, key, { accs, pending: false });
  if (entry.value.pending) return;
  entry.value.pending = true;
  changed.push(entry);
}

/** The rows of those that have changed; empties the list. */
function takeOut<T, S extends AccumulatorSpec<T>>(
  { keys, accumulators }: RunningAggregation<T, S>,
  batch: Batch<T>,
  changed: StateEntry<RunningState>[],
): Element<RunningResult<ResultsOf<S>>>[] {
  const rows = changed.map(({ partition, key, value }) => {
    value.pending = false;
    const values = accumulators.results(value.accs);
    return answer({ key: keys.partsOf(key), partition, values }, batch.watermark, batch);
  });
  changed.length = 0;
  return rows;
}
