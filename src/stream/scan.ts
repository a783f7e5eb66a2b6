// Stateful map: each element with what its key's elements come to so far. In the order of the log, so nothing is ever late; keys
// are never forgotten.

import type { AccumulatorRow, AccumulatorSpec, ResultsOf } from "./accumulators.ts";
import { type Batch, type Element, type Operator, withElements } from "./batch.ts";
import type { Keys } from "./key.ts";
import type { KeyedState } from "./state.ts";
import type { StateBackend } from "./state_backend.ts";
import { reportFailed } from "./window.ts";

/** An element, and what its key's elements come to with it. */
export interface Scanned<T, R> {
  /** The element's value. */
  readonly value: T;
  /** The results of the accumulators over its key's elements up to it. */
  readonly totals: R;
}

/** What {@link scan} needs. */
export interface ScanOptions<T, S extends AccumulatorSpec<T>> {
  /** Names the operator and its state. */
  readonly name: string;
  readonly keys: Keys<T>;
  readonly accumulators: AccumulatorRow<T, S>;
  readonly state: StateBackend;
}

const codec = { encode: (accs: unknown[]): unknown => accs, decode: (json: unknown) => json as unknown[] };

/**
 * One element for each element, with its key's totals.
 *
 * ```
 * in     a1    b2    a3
 * out    a1=1  b2=2  a3=4
 * ```
 */
export function scan<T, S extends AccumulatorSpec<T>>(
  options: ScanOptions<T, S>,
): Operator<T, Scanned<T, ResultsOf<S>>> {
  const { name, keys, accumulators } = options;
  const config = { scan: true, keys: keys.names, accumulators: accumulators.config };
  const state = options.state.open(name, config, codec);
  return async function* (source) {
    for await (const batch of source) yield withElements(batch, scanned(options, state, batch));
  };
}

function scanned<T, S extends AccumulatorSpec<T>>(
  { name, keys, accumulators }: ScanOptions<T, S>,
  state: KeyedState<unknown[]>,
  batch: Batch<T>,
): Element<Scanned<T, ResultsOf<S>>>[] {
  const out: Element<Scanned<T, ResultsOf<S>>>[] = [];
  for (const element of batch.elements) {
    try {
      const key = keys.textOf(element.value);
      const entry = state.get(batch.partition, 0, key);
      // First, because it may throw: an element that is skipped must leave no key behind.
      const accs = entry?.value ?? accumulators.initial();
      accumulators.add(accs, element);
      if (entry) state.touch(entry);
      else state.add(batch.partition, 0, key, accs);
      const value = { value: element.value, totals: accumulators.results(accs) };
      out.push({ value, time: element.time, offset: element.offset, watermark: element.watermark });
    } catch (error) {
      reportFailed(name, batch, element, error);
    }
  }
  return out;
}
