// What has gone to Snowpipe Streaming since the process started, and what waits there, of all writers together.
// Must not know requests or channels.

import type { StreamedTotals } from "../../warehouse.ts";

export class Streamed implements StreamedTotals {
  rows = 0;
  bytes = 0;
  accepted = 0;
  refused = 0;
  readonly #waiting = new Set<() => number>();

  get waitingRows(): number {
    let rows = 0;
    for (const waiting of this.#waiting) rows += waiting();
    return rows;
  }

  /** The service has taken rows. `bytes`: as they were sent. */
  took(rows: number, bytes: number): void {
    this.rows += rows;
    this.bytes += bytes;
  }

  /** `rows` says how many rows somebody has handed over that are not known to be stored; until the answer is called. */
  watch(rows: () => number): () => void {
    this.#waiting.add(rows);
    return () => void this.#waiting.delete(rows);
  }
}
