import type { Batch, Element, Operator, PerElement } from "./batch.ts";
import { withElements } from "./batch.ts";

/**
 * Calls `each` for every element; an element for which it throws is reported in `side.failed` and skipped.
 * The one loop behind the operators that need no state.
 */
export function perElement<I, O>(
  name: string,
  each: (element: Element<I>, out: Element<O>[], partition: number) => void,
): Operator<I, O> {
  return async function* (source) {
    for await (const batch of source) yield withElements(batch, collect(name, each, batch));
  };
}

function collect<I, O>(
  operator: string,
  each: (element: Element<I>, out: Element<O>[], partition: number) => void,
  batch: Batch<I>,
): Element<O>[] {
  const out: Element<O>[] = [];
  for (const element of batch.elements) {
    try {
      each(element, out, batch.partition);
    } catch (error) {
      batch.side.failed.push({ operator, partition: batch.partition, offset: element.offset, error });
    }
  }
  return out;
}

/**
 * One element for each element.
 *
 * ```
 * in   1 2 3 |
 * x2   2 4 6 |
 * ```
 */
export function map<I, O>(name: string, fn: PerElement<I, O>): Operator<I, O> {
  return perElement(name, (element, out, partition) => {
    out.push({
      value: fn(element.value, element, partition),
      time: element.time,
      offset: element.offset,
      watermark: element.watermark,
    });
  });
}
