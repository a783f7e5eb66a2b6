// What the charts of a page have in common while somebody works in them: the moment under the pointer, and the stretch that
// is shown. The stretch lies in the address.
import { useMemo } from "preact/hooks";
import type { Span } from "../../../panels/answers.ts";
import { setParams, useAddress } from "./address.ts";

/** A value that several charts follow without the page being drawn anew. */
class Shared<T> {
  readonly #listeners = new Set<(value: T) => void>();
  #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set(value: T): void {
    if (value === this.#value) return;
    this.#value = value;
    for (const listener of this.#listeners) listener(value);
  }

  /** Returns what ends it. */
  follow(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

/** The moment under the pointer in any chart over time, epoch milliseconds. */
export const crosshair = new Shared<number | undefined>(undefined);

/** The stretch while it is being moved. */
export const moving = new Shared<Span | undefined>(undefined);

/** A stretch shorter than this is no choice of anybody. */
const SHORTEST_MS = 10_000;

/** The stretch that was chosen between two moments; `undefined` without a choice, or for one that is none. */
export function chosenSpan(params: URLSearchParams): Span | undefined {
  const [from, to] = [Date.parse(params.get("from") ?? ""), Date.parse(params.get("to") ?? "")];
  return from < to ? { from, to } : undefined;
}

export function useChosenSpan(): Span | undefined {
  const { params } = useAddress();
  const [from, to] = [params.get("from"), params.get("to")];
  return useMemo(() => chosenSpan(params), [from, to]);
}

/** Shows a stretch in all charts. The step can be taken back with the browser's button. */
export function showSpan(from: number, to: number): void {
  if (to - from < SHORTEST_MS) return;
  setParams({ from: secondText(from), to: secondText(to) }, { step: true });
}

/** Shows the range again that was shown before the first stretch was chosen. */
export function showRange(): void {
  setParams({ from: undefined, to: undefined }, { step: true });
}

function secondText(ms: number): string {
  return new Date(Math.round(ms / 1000) * 1000).toISOString().replace(".000Z", "Z");
}
