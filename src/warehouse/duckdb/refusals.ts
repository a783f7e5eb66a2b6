// Finds the rows that a table refuses, by halving inside transactions that are rolled back.
// Must not know offsets or domains: it answers with indexes.

import type { Cells } from "../cells.ts";
import type { Session } from "./session.ts";
import { briefMessage, isDataError } from "./errors.ts";

/** A refused row by its index, and what DuckDB said about it. */
export interface Refusal {
  readonly index: number;
  readonly detail: string;
}

/** Refused rows looked for at a time: whoever takes these out and tries again learns of the next. */
const MAX_REFUSALS = 1000;

/** Tries rows in a transaction of its own; what the table says against them, or `undefined`. Rolled back either way. */
async function objection(session: Session, rows: Cells, write: Write): Promise<string | undefined> {
  try {
    await session.attempt(() => write(rows));
  } catch (error) {
    if (isDataError(error)) return briefMessage(error);
    throw error;
  }
}

export type Write = (rows: Cells) => Promise<void>;

/** The refused rows among `rows`, at most 1000, in order. */
export async function findRefusals(session: Session, rows: Cells, write: Write): Promise<readonly Refusal[]> {
  const found: Refusal[] = [];
  const search = async (from: number, to: number): Promise<void> => {
    if (from >= to || found.length >= MAX_REFUSALS) return;
    const detail = await objection(session, rows.slice(from, to), write);
    if (detail === undefined) return;
    if (to - from === 1) found.push({ index: from, detail });
    else {
      const middle = (from + to) >>> 1;
      await search(from, middle);
      await search(middle, to);
    }
  };
  await search(0, rows.length);
  return found;
}
