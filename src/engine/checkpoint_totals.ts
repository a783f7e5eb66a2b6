// What the checkpoints of each domain have taken since the process started. Must not know who asks.

import type { CheckpointSummary, Observer } from "./options.ts";

/** Of one domain. */
export interface CheckpointTotal {
  readonly checkpoints: number;
  /** From their first statements to the answers of their commits, milliseconds. */
  readonly ms: number;
  /** Rows of raw and derived tables, and of state. */
  readonly rows: number;
}

const NONE: CheckpointTotal = { checkpoints: 0, ms: 0, rows: 0 };

export class CheckpointTotals implements Observer {
  readonly #totals = new Map<string, CheckpointTotal>();

  checkpoint(domain: string, { durationMs, rows }: CheckpointSummary): void {
    const { checkpoints, ms, rows: before } = this.of(domain);
    this.#totals.set(domain, { checkpoints: checkpoints + 1, ms: ms + durationMs, rows: before + rows });
  }

  of(domain: string): CheckpointTotal {
    return this.#totals.get(domain) ?? NONE;
  }
}
