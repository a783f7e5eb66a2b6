// A spec's accumulators as operators use them: side by side, in one list of intermediate values.

import type { AccumulatorSpec, ResultsOf } from "./accumulators.ts";
import type { Element } from "./batch.ts";

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
    const merged: unknown[] = [];
    for (let i = 0; i < accumulators.length; i++) merged.push(accumulators[i]!.merge(a[i], b[i]));
    return merged;
  }

  results(accs: readonly unknown[]): ResultsOf<S> {
    const results: Record<string, unknown> = {};
    for (const [name, place, of] of this.#results) results[name] = of(accs[place]);
    return results as ResultsOf<S>;
  }
}
