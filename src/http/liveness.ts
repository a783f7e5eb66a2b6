// Whether the domains get on: what stands still although records wait would stand still for ever, and only a restart helps.
// Judges by statuses that it is shown from time to time; knows nothing of engines.
import type { DomainStatus } from "../engine/status.ts";

export interface LivenessOptions {
  /** How long a domain may have records waiting and commit nothing, milliseconds. */
  readonly stallMs: number;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** Where a domain stood when it was last seen to get on. */
interface Stand {
  readonly position: string;
  readonly since: number;
}

/** Remembers how far each domain was. */
export class Liveness {
  readonly #stands = new Map<string, Stand>();

  constructor(readonly options: LivenessOptions) {}

  /** Names of the domains that have stood still for too long, as of the looks so far. */
  stalled(statuses: readonly DomainStatus[]): readonly string[] {
    const now = this.options.now();
    return statuses.filter((status) => {
      const position = positionOf(status);
      const stand = this.#stands.get(status.domain);
      if (stand && stand.position === position && mustGetOn(status)) {
        return now - stand.since >= this.options.stallMs;
      }
      this.#stands.set(status.domain, { position, since: now });
      return false;
    }).map(({ domain }) => domain);
  }
}

/** Changes with every step forward. */
function positionOf({ phase, partitions, totals }: DomainStatus): string {
  return JSON.stringify([
    phase,
    totals.restarts,
    partitions.map(({ partition, nextOffset }) => [partition, nextOffset]),
  ]);
}

/** Restarts are bounded in number, and rebalances end: only who runs with records waiting can stand still for ever. */
function mustGetOn({ phase, partitions }: DomainStatus): boolean {
  return phase === "running" &&
    partitions.some(({ nextOffset, highOffset }) => highOffset !== null && highOffset > nextOffset);
}
