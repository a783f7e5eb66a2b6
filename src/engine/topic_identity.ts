// Whether a topic is still the one that was read: the record before each position must have the timestamp that it had.

import { LogDivergedError } from "../errors.ts";
import type { LogBatch } from "../log/log.ts";

/** The record before a position. */
export interface RecordBefore {
  readonly offset: number;
  readonly timestamp: number;
}

export class TopicIdentity {
  /** By partition, until they have been seen. */
  readonly #expected: Map<number, RecordBefore>;

  constructor(
    private readonly domain: { readonly name: string; readonly topic: string },
    expected: Iterable<readonly [partition: number, RecordBefore]>,
  ) {
    this.#expected = new Map(expected);
  }

  /** Whether the record before the partition's position is still to be seen. */
  awaits(partition: number): boolean {
    return this.#expected.has(partition);
  }

  /** It need not be seen: it cannot be read, or may be another. */
  forget(partition: number): void {
    this.#expected.delete(partition);
  }

  /**
   * The batch from `position` on; what is before it was seen here. Errors: `LogDivergedError` when the record before is another
   * one. What a log that had ended before the position got since is passed over.
   */
  check(batch: LogBatch, position: number): LogBatch {
    const { partition } = batch;
    const expected = this.#expected.get(partition);
    const records = from(batch.records, expected?.offset ?? position);
    const first = records[0];
    if (expected === undefined || first === undefined) return { ...batch, records };
    this.#expected.delete(partition);
    if (first.offset !== expected.offset) return { ...batch, records };
    // In a damaged stretch a timestamp says nothing.
    if (first.timestamp !== expected.timestamp && batch.damage === undefined) {
      throw this.#another(partition, expected.offset);
    }
    return { ...batch, records: records.slice(1) };
  }

  #another(partition: number, offset: number): LogDivergedError {
    const { name, topic } = this.domain;
    return new LogDivergedError(
      `Offset ${offset} of partition ${partition} of "${topic}" is not the record that was read: the topic was recreated. To ` +
        `begin again with it: "freshet sql reset ${name}" prints the SQL. If instead the partition's leader lost records, ` +
        `"freshet skip ${topic} ${partition} <from> ${offset + 1}" goes on at ${
          offset + 1
        }, where <from> is the first ` +
        "offset that it lost",
    );
  }
}

/** Those from `offset` on: nearly always all of them. */
function from(records: LogBatch["records"], offset: number): LogBatch["records"] {
  return (records[0]?.offset ?? offset) >= offset ? records : records.filter((record) => record.offset >= offset);
}
