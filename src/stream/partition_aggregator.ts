// The life of windows, of whatever shape: elements are added, windows close, are emitted and forgotten, in this order for every
// batch. One aggregator serves one partition; what a window keeps is its subclass's business.

import { type Batch, type Element, type Operator, withElements } from "./batch.ts";

/** One partition's windows, sessions or episodes: answers each batch with rows of `R`. */
export abstract class PartitionAggregator<T, R> {
  /** Whether the partition has caught up, and what is open has been emitted as news. */
  #live = false;

  /** The rows that a batch is answered with. */
  process(batch: Batch<T>): Element<R>[] {
    const out: Element<R>[] = [];
    if (!batch.backfill && !this.#live) this.emitNews(batch, out);
    this.#live = !batch.backfill;
    this.addAll(batch, out);
    if (batch.ended) this.end(batch, out);
    this.close(batch, out);
    if (batch.early) this.emitEarly(batch, out);
    this.forget(batch, out);
    return out;
  }

  /** After a backfill (or a start): emits what is open, which may have been emitted as history. */
  protected emitNews(_batch: Batch<T>, _out: Element<R>[]): void {}

  /**
   * Adds the batch's elements; reports those that are late, and those for which a user function throws. The loop is each
   * subclass's own, and not here: one that all of them share would have a call more for each element.
   */
  protected abstract addAll(batch: Batch<T>, out: Element<R>[]): void;

  /** The input ends here: notes that everything closes, wherever the watermark stands. */
  protected end(_batch: Batch<T>, _out: Element<R>[]): void {}

  /** Emits what the watermark or the end of the input has closed, and what late elements have corrected. */
  protected close(_batch: Batch<T>, _out: Element<R>[]): void {}

  /** Emits what is open and has changed since it was last emitted. */
  protected abstract emitEarly(batch: Batch<T>, out: Element<R>[]): void;

  /** Drops what no element that is not late can change any more. */
  protected forget(_batch: Batch<T>, _out: Element<R>[]): void {}
}

/** An operator of one aggregator for each partition, made when its first batch comes: by then its state has been restored. */
export function byPartition<T, R>(make: (partition: number) => PartitionAggregator<T, R>): Operator<T, R> {
  return async function* (source) {
    const aggregators = new Map<number, PartitionAggregator<T, R>>();
    for await (const batch of source) {
      let aggregator = aggregators.get(batch.partition);
      if (!aggregator) aggregators.set(batch.partition, aggregator = make(batch.partition));
      yield withElements(batch, aggregator.process(batch));
    }
  };
}
