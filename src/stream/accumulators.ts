// What a window keeps of its elements. Every accumulator merges: panes into windows, sessions into one, partitions into a
// whole. None depends on the order in which elements come. Operators use those of a spec side by side, in one list of
// intermediate values.

import type { Element } from "./batch.ts";
import { addDistinct, type DistinctSketch, distinctText, mergeDistinct } from "./distinct_sketch.ts";
import {
  addExactly,
  exactly,
  type ExactSum,
  highOf,
  lowestOf,
  lowOf,
  meanExactly,
  mergeExactly,
  roundExactly,
} from "./exact_sum.ts";
import { addToSketch, emptySketch, mergeSketches, quantileOf, type QuantileSketch } from "./quantile_sketch.ts";

/**
 * An accumulator of `T` with the intermediate value `A`, a plain JSON value, and the result `R`.
 * `add` may change and return its argument; `merge` leaves both of its arguments as they are.
 */
export interface Accumulator<T, A, R> {
  /** Names how `A` is laid out: stored state of another kind cannot be read. */
  readonly kind: string;
  /** The intermediate value of no elements. */
  initial(): A;
  /** The intermediate value with one element more. */
  add(acc: A, value: T, element: Element<T>): A;
  /** The intermediate value of both together. */
  merge(a: A, b: A): A;
  /** What an intermediate value comes to. */
  result(acc: A): R;
  /** More results of the same intermediate value, each named by what it adds to the name of the result. */
  readonly also?: Readonly<Record<string, (acc: A) => unknown>>;
}

/** Accumulators by the name of their result. */
// deno-lint-ignore no-explicit-any -- each has an intermediate value of its own, which only it looks into
export type AccumulatorSpec<T> = Readonly<Record<string, Accumulator<T, any, unknown>>>;

/** What a spec's results are, without those that accumulators give also. */
export type ResultsOf<S> = {
  readonly [name in keyof S]: S[name] extends { result(acc: never): infer R } ? R : never;
};

/** A spec's accumulators side by side. */
export class AccumulatorRow<T, S extends AccumulatorSpec<T>> {
  readonly names: readonly string[];
  readonly #accumulators: readonly S[string][];
  /** Every result: its name, the place of its accumulator, and how it is got. */
  readonly #results: readonly (readonly [name: string, place: number, of: (acc: unknown) => unknown])[];

  constructor(spec: S) {
    this.names = Object.keys(spec);
    this.#accumulators = Object.values(spec) as S[string][];
    this.#results = this.#accumulators.flatMap((accumulator, place) => {
      const name = this.names[place]!;
      const also = Object.entries(accumulator.also ?? {}).map(([suffix, of]) => [name + suffix, place, of] as const);
      return [[name, place, (acc: unknown) => accumulator.result(acc)] as const, ...also];
    });
    const twice = this.#results.find(([name], i) => this.#results.findIndex((other) => other[0] === name) !== i);
    if (twice) throw new Error(`Two results are named "${twice[0]}": rename one of the accumulators`);
  }

  /** What stored accumulators depend on. */
  get config(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.names.map((name, i) => [name, this.#accumulators[i]!.kind]));
  }

  initial(): unknown[] {
    return this.#accumulators.map((accumulator) => accumulator.initial());
  }

  /** Adds an element, in place. */
  add(accs: unknown[], element: Element<T>): void {
    const accumulators = this.#accumulators;
    for (let i = 0; i < accumulators.length; i++) {
      accs[i] = accumulators[i]!.add(accs[i], element.value, element);
    }
  }

  /** Both together, as a new row. */
  merge(a: readonly unknown[], b: readonly unknown[]): unknown[] {
    const accumulators = this.#accumulators;
    // A copy takes no more memory than its elements; an array that grows takes more.
    const merged = a.slice();
    for (let i = 0; i < accumulators.length; i++) merged[i] = accumulators[i]!.merge(a[i], b[i]);
    return merged;
  }

  results(accs: readonly unknown[]): ResultsOf<S> {
    const results: Record<string, unknown> = {};
    for (const [name, place, of] of this.#results) results[name] = of(accs[place]);
    return results as ResultsOf<S>;
  }
}

/** Reads a number of a value; what has none is passed over. */
export type NumberOf<T> = (value: T) => number | null | undefined;

/** A number that counts. What is not finite is passed over: it would make a result depend on the order, and is not JSON. */
function isReading(x: number | null | undefined): x is number {
  return Number.isFinite(x);
}

/** How many elements, or how many for which `when` holds. */
export function count<T>(when?: (value: T) => boolean): Accumulator<T, number, number> {
  return {
    kind: "count",
    initial: () => 0,
    add: when ? (acc, value) => when(value) ? acc + 1 : acc : (acc) => acc + 1,
    merge: (a, b) => a + b,
    result: (acc) => acc,
  };
}

/** How {@link sum} answers. */
export interface SumOptions {
  /**
   * Give the sum in parts that SQL can add up exactly, in whatever order: `<NAME>` to the nearest 2^-21, `<NAME>_LOW` what
   * that leaves, and `<NAME>_LOWEST` what both leave, `null` nearly always.
   */
  readonly mergeable?: boolean;
}

/**
 * Exact sum of a number, rounded once; elements without one are passed over. `0` of nothing, infinite when the sum of all is
 * beyond the range of a double.
 */
export function sum<T>(of: NumberOf<T>, { mergeable = false }: SumOptions = {}): Accumulator<T, ExactSum, number> {
  return {
    ...(mergeable && { also: { _LOW: lowOf, _LOWEST: lowestOf } }),
    kind: "sum",
    initial: () => [],
    add(acc, value) {
      const x = of(value);
      if (!isReading(x)) return acc;
      // Most sums of short windows are of one number: an array that grows has room for 17.
      if (acc.length === 0) return exactly(x);
      addExactly(acc, x);
      return acc;
    },
    merge: mergeExactly,
    result: mergeable ? highOf : roundExactly,
  };
}

/** Mean of a number: the double nearest to the exact sum divided by the count. `null` when no element has one. */
export function mean<T>(of: NumberOf<T>): Accumulator<T, { n: number; sum: ExactSum }, number | null> {
  return {
    kind: "mean",
    initial: () => ({ n: 0, sum: [] }),
    add(acc, value) {
      const x = of(value);
      if (!isReading(x)) return acc;
      acc.n++;
      addExactly(acc.sum, x);
      return acc;
    },
    merge: (a, b) => ({ n: a.n + b.n, sum: mergeExactly(a.sum, b.sum) }),
    result: (acc) => acc.n === 0 ? null : meanExactly(acc.sum, acc.n),
  };
}

function extreme<T>(
  kind: string,
  of: NumberOf<T>,
  better: (x: number, y: number) => boolean,
): Accumulator<T, number | null, number | null> {
  const pick = (a: number | null, b: number | null) => a === null || (b !== null && better(b, a)) ? b : a;
  return {
    kind,
    initial: () => null,
    add(acc, value) {
      const x = of(value);
      return isReading(x) ? pick(acc, x) : acc;
    },
    merge: pick,
    result: (acc) => acc,
  };
}

/** Smallest number; `null` when no element has one. */
export function min<T>(of: NumberOf<T>): Accumulator<T, number | null, number | null> {
  return extreme("min", of, (x, y) => x < y);
}

/** Greatest number; `null` when no element has one. */
export function max<T>(of: NumberOf<T>): Accumulator<T, number | null, number | null> {
  return extreme("max", of, (x, y) => x > y);
}

/** How many different values, exactly: it keeps them all. Elements without one are passed over. */
export function distinct<T>(
  of: (value: T) => string | number | null | undefined,
): Accumulator<T, Record<string, 1>, number> {
  return {
    kind: "distinct",
    initial: () => Object.create(null),
    add(acc, value) {
      const x = of(value);
      // The prefix keeps keys from being taken for array indexes, and "__proto__" from being one.
      if (x !== null && x !== undefined) acc[`=${x}`] = 1;
      return acc;
    },
    merge: (a, b) => ({ ...a, ...b }),
    result: (acc) => Object.keys(acc).length,
  };
}

/**
 * The different values as a text that SQL can merge with others and count: see {@link DistinctSketch}. Bounded; the count is
 * exact below 1024 values, beyond it has a relative standard error of 3.13 %. Elements without a value are passed over.
 */
export function distinctHashes<T>(
  of: (value: T) => string | number | null | undefined,
): Accumulator<T, DistinctSketch, string> {
  return {
    kind: "distinct hashes",
    initial: () => [],
    add(acc, value) {
      const x = of(value);
      if (x !== null && x !== undefined) addDistinct(acc, String(x));
      return acc;
    },
    merge: mergeDistinct,
    result: distinctText,
  };
}

/**
 * The value at quantile `q` (0 to 1), within 1 % of itself (DDSketch) and never outside of the values added; `null` when no
 * element has a number.
 */
export function quantile<T>(of: NumberOf<T>, q: number): Accumulator<T, QuantileSketch, number | null> {
  return {
    kind: "quantile",
    initial: emptySketch,
    add(acc, value) {
      const x = of(value);
      if (x !== null && x !== undefined) addToSketch(acc, x);
      return acc;
    },
    merge: mergeSketches,
    result: (acc) => quantileOf(acc, q),
  };
}

/** A value with the event time and offset of its element; `null` of nothing. */
export type Dated<R> = { readonly time: number; readonly offset: number; readonly value: R } | null;

function byEventTime<T, R>(
  kind: string,
  of: (value: T) => R,
  precedes: (a: { time: number; offset: number }, b: { time: number; offset: number }) => boolean,
): Accumulator<T, Dated<R>, R | null> {
  const pick = (a: Dated<R>, b: Dated<R>) => a === null || (b !== null && precedes(b, a)) ? b : a;
  return {
    kind,
    initial: () => null,
    add: (acc, value, { time, offset }) =>
      acc === null || precedes({ time, offset }, acc) ? { time, offset, value: of(value) } : acc,
    merge: pick,
    result: (acc) => acc?.value ?? null,
  };
}

/** The value of the earliest element by event time (of equals, the lower offset); `null` of nothing. */
export function first<T, R>(of: (value: T) => R): Accumulator<T, Dated<R>, R | null> {
  return byEventTime("first", of, (a, b) => a.time < b.time || (a.time === b.time && a.offset < b.offset));
}

/** The value of the latest element by event time (of equals, the higher offset); `null` of nothing. */
export function last<T, R>(of: (value: T) => R): Accumulator<T, Dated<R>, R | null> {
  return byEventTime("last", of, (a, b) => a.time > b.time || (a.time === b.time && a.offset > b.offset));
}

/** A value with the number that it was chosen by, and the event time and offset of its element; `null` of nothing. */
export type Measured<R> =
  | { readonly by: number; readonly time: number; readonly offset: number; readonly value: R }
  | null;

/** How {@link atMax} answers. */
export interface AtMaxOptions {
  /** Give also `<NAME>_AT`: the element's event time, epoch milliseconds. */
  readonly timed?: boolean;
}

/**
 * The value of the element with the greatest number `by` (of equals, the earliest by event time, then by offset); `null` when
 * no element has one.
 */
export function atMax<T, R>(
  by: NumberOf<T>,
  of: (value: T) => R,
  { timed = false }: AtMaxOptions = {},
): Accumulator<T, Measured<R>, R | null> {
  const precedes = (a: NonNullable<Measured<R>>, b: NonNullable<Measured<R>>) =>
    a.by !== b.by ? a.by > b.by : a.time !== b.time ? a.time < b.time : a.offset < b.offset;
  const pick = (a: Measured<R>, b: Measured<R>) => a === null || (b !== null && precedes(b, a)) ? b : a;
  return {
    kind: "at max",
    ...(timed && { also: { _AT: (acc: Measured<R>) => acc?.time ?? null } }),
    initial: () => null,
    add(acc, value, { time, offset }) {
      const x = by(value);
      return isReading(x) ? pick(acc, { by: x, time, offset, value: of(value) }) : acc;
    },
    merge: pick,
    result: (acc) => acc?.value ?? null,
  };
}

/** Seconds of event time from the earliest element to the latest, to the microsecond; `0` of nothing. */
export function durationSeconds<T>(): Accumulator<T, readonly [first: number, last: number] | null, number> {
  return {
    kind: "duration",
    initial: () => null,
    add: (acc, _value, { time }) => acc === null ? [time, time] : [Math.min(acc[0], time), Math.max(acc[1], time)],
    merge: (a, b) => a && b ? [Math.min(a[0], b[0]), Math.max(a[1], b[1])] : a ?? b,
    result: (acc) => acc === null ? 0 : Math.round((acc[1] - acc[0]) * 1000) / 1e6,
  };
}
