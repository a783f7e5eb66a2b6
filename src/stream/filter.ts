import type { Element, Operator } from "./batch.ts";
import { perElement } from "./map.ts";

/**
 * The elements for which `keep` is true.
 *
 * ```
 * in    1 2 3 4 |
 * even    2   4 |
 * ```
 */
export function filter<T>(name: string, keep: (value: T, element: Element<T>) => boolean): Operator<T, T> {
  return perElement(name, (element, out) => {
    if (keep(element.value, element)) out.push(element);
  });
}
