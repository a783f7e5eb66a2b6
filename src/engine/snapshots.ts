// When a snapshot of keyed state is written: so rarely that it costs little, so often that the next start has little to read
// beside it. Must not know what is in one.

import type { StateBackend } from "@freshet/stream";
import type { Clock } from "../clock.ts";
import type { Checkpoints } from "../warehouse/warehouse.ts";
import type { KeptState, SnapshotPlace, WrittenSnapshot } from "./kept_state.ts";
import type { Logger } from "./options.ts";
import type { TakenUp } from "./pipeline.ts";

/** So many bytes of memory for keys ask for one change since the last snapshot: each writes all keys that are in memory. */
const BYTES_A_CHANGE = 1000;
/** This share of all keys must have changed, too: each snapshot writes the places of all that are in the file. */
const SHARE_OF_KEYS = 0.02;
/** Nothing else goes on while one is written: that is at most this share of the time. */
const SHARE_OF_TIME = 0.05;

/** What a generation's snapshots are made of. */
export interface SnapshotsOptions {
  readonly domain: string;
  readonly kept: KeptState;
  readonly state: StateBackend;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The snapshot that the generation began with, if there was one. */
  readonly takenUp: TakenUp | undefined;
  /** Memory for keys. */
  readonly bytes: number;
}

/** The snapshots of one generation. */
export class Snapshots {
  #changes: number;
  #notBefore = -Infinity;
  #keeping: Promise<void> | undefined;
  /** Checkpoints of the one that is in its place, and of the one that is on its way there. */
  #since: Checkpoints | undefined;
  #sinceNext: Checkpoints | undefined;

  constructor(private readonly options: SnapshotsOptions) {
    this.#changes = options.takenUp?.changes ?? Infinity;
    this.#since = options.takenUp?.checkpoints;
  }

  /** What was deleted since these checkpoints must stay in the warehouse: the snapshot does not know of it. */
  get since(): Checkpoints | undefined {
    return this.#since ?? this.#sinceNext;
  }

  /** So many keys have changed. */
  changed(keys: number): void {
    this.#changes += keys;
  }

  /** The state in the warehouse was compacted: the snapshot says that it should be soon. */
  compacted(): void {
    this.#changes = Infinity;
  }

  /** Whether the next checkpoint is worth one. */
  isDue(): boolean {
    const { state, kept, clock, bytes } = this.options;
    if (!state.hasSpilled || !kept.canSave || this.#keeping) return false;
    const worthIt = Math.max(bytes / BYTES_A_CHANGE, SHARE_OF_KEYS * state.keys);
    return this.#changes >= worthIt && clock.monotonic() >= this.#notBefore;
  }

  /** Writes one of the state as it was drained last. Nothing where that fails: the one before is still there. */
  write(place: SnapshotPlace): WrittenSnapshot | undefined {
    const { kept, state, clock } = this.options;
    const startedAt = clock.monotonic();
    try {
      return kept.write(place, (sink) => state.save(sink));
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#changes = 0;
      this.#notBefore = startedAt + (clock.monotonic() - startedAt) / SHARE_OF_TIME;
    }
  }

  /** The unit of the one that was written is committed. */
  keep(written: WrittenSnapshot): void {
    // Should this one fail, the one before stays in its place.
    this.#sinceNext = written.checkpoints;
    this.#keeping = written.keep().then(() => {
      this.options.state.keepSnapshot();
      this.#since = written.checkpoints;
    }, (error) => this.#failed(error)).finally(() => this.#keeping = this.#sinceNext = undefined);
  }

  /** Resolves when none is on its way any more. */
  async settled(): Promise<void> {
    await this.#keeping;
  }

  #failed(error: unknown): void {
    const { domain, logger, state } = this.options;
    state.dropSnapshot();
    logger.warn(
      "{domain}: its keyed state cannot be kept for the next start, which then reads all of it from the warehouse: {error}",
      { domain, error: (error as Error).message },
    );
  }
}
