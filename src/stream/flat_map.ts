import type { Operator, PerElement } from "./batch.ts";
import { perElement } from "./map.ts";

/**
 * Any number of elements for each element; all keep its event time and offset.
 *
 * ```
 * in      a   b c     |
 * fn      a a   c c c |
 * ```
 */
export function flatMap<I, O>(name: string, fn: PerElement<I, Iterable<O>>): Operator<I, O> {
  return perElement(name, (element, out, partition) => {
    for (const value of fn(element.value, element, partition)) {
      out.push({ value, time: element.time, offset: element.offset, watermark: element.watermark });
    }
  });
}
