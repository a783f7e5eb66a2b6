import { type Batch, type Element, type Operator, type PerElement, withElements } from "./batch.ts";
import type { KeyedResult, Keys } from "./key.ts";
import { answer, reportFailed } from "./window.ts";

/** What became of the newest element of a key among those since the last answer. */
export interface LatestResult<R> extends KeyedResult {
  /** Event time, epoch milliseconds. */
  readonly time: number;
  /** The element's offset in its partition. */
  readonly offset: number;
  /** What was made of the element. */
  readonly value: R;
}

/**
 * What `pick` makes of the newest element of each key by event time (of equals, the higher offset), given out with `emit`.
 *
 * It remembers nothing across answers, so the receiver keeps a value only if it is not older than the one it has.
 *
 * ```
 * in     a1 b1 a2 (emit) b2 (emit)
 * out          b1 a2     b2
 * ```
 */
export function latest<T, R>(name: string, keys: Keys<T>, pick: PerElement<T, R>): Operator<T, LatestResult<R>> {
  return async function* (source) {
    const newest = new Map<number, Map<string, Element<T>>>();
    for await (const batch of source) {
      let byKey = newest.get(batch.partition);
      if (!byKey) newest.set(batch.partition, byKey = new Map());
      for (const element of batch.elements) {
        try {
          keepNewer(byKey, keys.textOf(element.value), element);
        } catch (error) {
          reportFailed(name, batch, element, error);
        }
      }
      yield withElements(batch, batch.emit ? takeOut(name, byKey, keys, pick, batch) : []);
    }
  };
}

function keepNewer<T>(byKey: Map<string, Element<T>>, key: string, element: Element<T>): void {
  const known = byKey.get(key);
  if (known && (known.time > element.time || (known.time === element.time && known.offset > element.offset))) return;
  byKey.set(key, element);
}

function takeOut<T, R>(
  name: string,
  byKey: Map<string, Element<T>>,
  keys: Keys<T>,
  pick: PerElement<T, R>,
  batch: Batch<T>,
): Element<LatestResult<R>>[] {
  const out: Element<LatestResult<R>>[] = [];
  for (const [key, element] of byKey) {
    const { time, offset } = element;
    try {
      const value = pick(element.value, element, batch.partition);
      out.push(answer({ key: keys.partsOf(key), partition: batch.partition, time, offset, value }, time, batch));
    } catch (error) {
      reportFailed(name, batch, element, error);
    }
  }
  byKey.clear();
  return out;
}
