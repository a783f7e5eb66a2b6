// One produce, or several where the log takes no batch that large: a partition's share of a batch may be larger than its topic
// takes, though no record is. Knows only what a log's errors say.

import { RecordTooLargeError } from "../errors.ts";
import type { NewRecord, RecordPosition } from "./log.ts";

/** What became of a record: where it is, or why it was not written. */
export type Outcome = { readonly position: RecordPosition } | { readonly failure: unknown };

/**
 * Has all records produced by `produce` and says of each what became of it, in order. What is too large together is sent again in
 * halves, without what was written of it, until a record that is too large is alone.
 */
export async function produceInPieces<R extends NewRecord>(
  records: readonly R[],
  produce: (records: readonly R[]) => Promise<readonly RecordPosition[]>,
): Promise<readonly Outcome[]> {
  try {
    return (await produce(records)).map((position) => ({ position }));
  } catch (failure) {
    if (!(failure instanceof RecordTooLargeError) || records.length === 1) return records.map(() => ({ failure }));
    const { written } = failure;
    const left = records.filter((_, i) => !written.has(i));
    const half = Math.ceil(left.length / 2);
    const outcomes = [...await again(left.slice(0, half)), ...await again(left.slice(half))].values();
    return records.map((_, i) => {
      const position = written.get(i);
      return position === undefined ? outcomes.next().value! : { position };
    });
  }

  async function again(some: readonly R[]): Promise<readonly Outcome[]> {
    return some.length === 0 ? [] : await produceInPieces(some, produce);
  }
}
