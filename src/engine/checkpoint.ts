// Writing a unit, once: dead letters towards their topic, the warehouse transaction, then the group's offsets.

import type { Domain } from "../domains/domain.ts";
import type { Generation } from "../log/log.ts";
import type { Claim, Move, Unit, Writer } from "../warehouse/warehouse.ts";
import { commitUnit } from "./commit.ts";
import { type DeadLetter, deadLetterRecord } from "./dead_letter.ts";
import type { DeadLetterCopies } from "./dead_letter_copies.ts";

/** Compacting waits until the state log has this many rows to drop, and as many as there are live keys. */
const COMPACT_AFTER_ROWS = 20_000;

export class Checkpointer {
  /** Where the warehouse stands, by partition. */
  readonly #claims: Map<number, Claim>;
  /** Offsets that the group does not have yet. */
  readonly #unmoved = new Map<number, number>();
  #moving: Promise<void> | undefined;
  #stateRowsAppended = 0;

  constructor(
    private readonly domain: Domain,
    private readonly copies: Pick<DeadLetterCopies, "send">,
    private readonly writer: Writer,
    private readonly generation: Generation,
    claims: readonly Claim[],
  ) {
    this.#claims = new Map(claims.map((claim) => [claim.partition, claim]));
  }

  /** As last committed. */
  claim(partition: number): Claim {
    return this.#claims.get(partition)!;
  }

  /** A partition was claimed once more. */
  taken(claim: Claim): void {
    this.#claims.set(claim.partition, claim);
  }

  /** The move of a partition from where the warehouse stands. */
  move(partition: number, to: Move["to"]): Move {
    const { epoch, checkpoint, nextOffset } = this.claim(partition);
    return { partition, epoch, checkpoint, expectedOffset: nextOffset, to };
  }

  /**
   * Commits a unit made of {@link move}s.
   *
   * Dead letters go to their topic first, so they are there at least once, unless the topic refuses them or cannot be
   * reached. Rejects with what the writer rejects with; a commit whose answer was lost is settled first and then counts as
   * committed, or as not written.
   */
  async commit(unit: Unit, dead: readonly DeadLetter[]): Promise<void> {
    const { name, topic } = this.domain;
    await this.copies.send(
      dead.map((letter) => ({ record: deadLetterRecord(name, topic, letter), loggedAt: letter.record.timestamp })),
    );
    await commitUnit(this.writer, unit);
    for (const { partition, checkpoint, to } of unit.moves) {
      this.#claims.set(partition, { ...this.claim(partition), ...to, checkpoint: checkpoint + 1 });
    }
    this.#moveGroup(unit.moves);
  }

  /** Resolves once the group's offsets have been moved to where the warehouse stands, or cannot be. */
  async settled(): Promise<void> {
    await this.#moving;
  }

  /** Compacts the stored state when enough of it has been replaced; `liveKeys` is how much there is. */
  async compact(appended: number, liveKeys: number): Promise<void> {
    this.#stateRowsAppended += appended;
    if (this.#stateRowsAppended < Math.max(COMPACT_AFTER_ROWS, liveKeys)) return;
    this.#stateRowsAppended = 0;
    await this.writer.compactState(this.domain.topic, [...this.#claims.keys()]);
  }

  /** Only tools read the group's offsets: no checkpoint waits for them, and a coordinator that is slow gets the newest. */
  #moveGroup(moves: readonly Move[]): void {
    for (const { partition, to } of moves) this.#unmoved.set(partition, to.nextOffset);
    this.#moving ??= this.#moveAll().finally(() => this.#moving = undefined);
  }

  async #moveAll(): Promise<void> {
    while (this.#unmoved.size > 0 && !this.generation.signal.aborted) {
      const offsets = new Map(this.#unmoved);
      this.#unmoved.clear();
      await this.generation.commit(offsets);
    }
  }
}
