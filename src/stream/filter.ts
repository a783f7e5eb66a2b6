import type { Operator, PerElement } from "./batch.ts";
import { perElement } from "./map.ts";

/**
 * The elements for which `keep` is true.
 *
 * ```
 * in    1 2 3 4 |
 * even    2   4 |
 * ```
 */
export function filter<T>(name: string, keep: PerElement<T, boolean>): Operator<T, T> {
  return perElement(name, (element, out, partition) => {
    if (keep(element.value, element, partition)) out.push(element);
  });
}
