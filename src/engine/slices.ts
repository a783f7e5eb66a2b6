// A log batch in pieces of up to 500 records or 1 MiB, worked on in one turn of the JavaScript thread each.

import type { LogBatch } from "../log/log.ts";
import { sizeOf } from "./ingest.ts";

/** Records worked on in one turn of the JavaScript thread: a few milliseconds. */
const SLICE_RECORDS = 500;
/** Bytes of records in one turn, so that a unit ends where its limit is. */
const SLICE_BYTES = 1024 * 1024;

/** The batch in pieces; the last one ends where the batch does. */
export function* slices(batch: LogBatch): Generator<LogBatch> {
  const { records, nextOffset } = batch;
  for (let from = 0, to = 0; from === 0 || from < records.length; from = to) {
    for (let bytes = 0; to < records.length && to - from < SLICE_RECORDS && bytes < SLICE_BYTES; to++) {
      bytes += sizeOf(records[to]!);
    }
    if (from === 0 && to === records.length) return yield batch;
    yield { ...batch, records: records.slice(from, to), nextOffset: records[to]?.offset ?? nextOffset };
  }
}
