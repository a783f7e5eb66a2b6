// Writing a unit, once: dead letters towards their topic, the warehouse transaction, then the group's offsets. A commit whose
// answer was lost is settled by reading the offsets back.

import type { Domain } from "../domains/domain.ts";
import { CommitUnknownError, FencedError, FreshetError, WarehouseUnavailableError } from "../errors.ts";
import type { Generation } from "../log/log.ts";
import type { Checkpoints, Claim, Move, Unit, Writer } from "../warehouse/warehouse.ts";
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
  /** Rows that FRESHET_STATE has got since it was last compacted. */
  #appended: number;

  constructor(
    private readonly domain: Domain,
    private readonly copies: Pick<DeadLetterCopies, "send">,
    private readonly writer: Writer,
    private readonly generation: Generation,
    claims: readonly Claim[],
    appended = 0,
  ) {
    this.#appended = appended;
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

  /** Rows of state since it was last compacted. */
  get appended(): number {
    return this.#appended;
  }

  /** Counts rows that were appended to the stored state; says whether so much was replaced that it should be compacted. */
  hasAppended(rows: number, liveKeys: number): boolean {
    this.#appended += rows;
    return this.#appended >= Math.max(COMPACT_AFTER_ROWS, liveKeys);
  }

  /** Compacts the stored state, but what was deleted since the given checkpoints. */
  async compact(since: Checkpoints | undefined): Promise<void> {
    this.#appended = 0;
    await this.writer.compactState(this.domain.topic, [...this.#claims.keys()], since);
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

/** Commits a unit. Errors: those of `Writer.commit`; `CommitUnknownError` only where nothing can be read back. */
export async function commitUnit(writer: Pick<Writer, "commit" | "positions">, unit: Unit): Promise<void> {
  try {
    await writer.commit(unit);
  } catch (error) {
    if (!(error instanceof CommitUnknownError) || unit.moves.length === 0) throw error;
    const stored = await writer.positions(unit.topic, unit.moves.map(({ partition }) => partition));
    settle(unit.moves, stored, error);
  }
}

/** Returns where the unit is written; throws why it is not. */
function settle(moves: readonly Move[], stored: readonly Claim[], cause: CommitUnknownError): void {
  const outcomes = moves.map((move) => outcomeOf(move, stored.find(({ partition }) => partition === move.partition)));
  if (outcomes.every((outcome) => outcome === "written")) return;
  if (!outcomes.every((outcome) => outcome === "not written")) {
    throw new FencedError("Another instance has taken over a partition", { cause });
  }
  // A warehouse that knows why says it.
  if (cause.cause instanceof FreshetError) throw cause.cause;
  throw new WarehouseUnavailableError("The warehouse did not confirm a commit and has not written it", { cause });
}

function outcomeOf({ epoch, checkpoint }: Move, stored: Claim | undefined): "written" | "not written" | "fenced" {
  if (stored?.epoch !== epoch) return "fenced";
  if (stored.checkpoint === checkpoint + 1) return "written";
  return stored.checkpoint === checkpoint ? "not written" : "fenced";
}
