import type { Batch, Element, Operator, PerElement } from "./batch.ts";
import type { KeyedResult, Keys } from "./key.ts";
import { byPartition, PartitionAggregator } from "./partition_aggregator.ts";
import { reportFailed, rowElement } from "./window.ts";

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
 * What `pick` makes of the newest element of each key by event time (of equals, the higher offset), emitted when asked.
 *
 * It remembers nothing across answers, so the receiver keeps a value only if it is not older than the one it has.
 *
 * ```
 * in     a1 b1 a2 (emit) b2 (emit)
 * out          b1 a2     b2
 * ```
 */
export function latest<T, R>(name: string, keys: Keys<T>, pick: PerElement<T, R>): Operator<T, LatestResult<R>> {
  return byPartition(() => new LatestAggregator(name, keys, pick));
}

class LatestAggregator<T, R> extends PartitionAggregator<T, LatestResult<R>> {
  /** By key, of what has come since the last answer. In a place of its own, so that a newer one is put there without a look-up. */
  readonly #newest = new Map<string, { element: Element<T> }>();

  constructor(
    private readonly name: string,
    private readonly keys: Keys<T>,
    private readonly pick: PerElement<T, R>,
  ) {
    super();
  }

  protected override addAll(batch: Batch<T>): void {
    for (const element of batch.elements) {
      try {
        this.#keepNewer(this.keys.textOf(element.value), element);
      } catch (error) {
        reportFailed(this.name, batch, element, error);
      }
    }
  }

  #keepNewer(key: string, element: Element<T>): void {
    const known = this.#newest.get(key);
    if (known === undefined) this.#newest.set(key, { element });
    else if (!isOlder(element, known.element)) known.element = element;
  }

  protected override emitEarly(batch: Batch<T>, out: Element<LatestResult<R>>[]): void {
    const { partition } = batch;
    for (const [key, { element }] of this.#newest) {
      const { time, offset } = element;
      try {
        const value = this.pick(element.value, element, partition);
        out.push(rowElement({ key: this.keys.partsOf(key), partition, time, offset, value }, time, batch));
      } catch (error) {
        reportFailed(this.name, batch, element, error);
      }
    }
    this.#newest.clear();
  }
}

function isOlder(a: Element<unknown>, b: Element<unknown>): boolean {
  return a.time < b.time || (a.time === b.time && a.offset < b.offset);
}
