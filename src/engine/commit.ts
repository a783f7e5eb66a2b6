// Commits a unit, and settles a commit whose answer was lost by reading the offsets back. Must not know what is in the unit.

import { CommitUnknownError, FencedError, FreshetError, WarehouseUnavailableError } from "../errors.ts";
import type { Claim, Move, Unit, Writer } from "../warehouse/warehouse.ts";

/** Errors: those of `Writer.commit`; `CommitUnknownError` only where nothing can be read back. */
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
