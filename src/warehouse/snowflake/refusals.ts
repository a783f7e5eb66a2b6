// Finds the rows that a table refuses, by halving, in one transaction that is rolled back: a failed statement undoes only
// itself. Must not know offsets or domains: it answers with indexes.

import type { Cells } from "../cells.ts";
import { briefMessage, isDataError } from "./errors.ts";

/** A refused row by its index, and what Snowflake said about it. */
export interface Refusal {
  readonly index: number;
  readonly detail: string;
}

/** Refused rows looked for at a time: whoever takes these out and tries again learns of the next. */
const MAX_REFUSALS = 1000;

export type Write = (rows: Cells) => Promise<void>;

/** The refused rows among `rows`, at most 1000, in order. Runs inside a transaction that the caller rolls back. */
export async function findRefusals(rows: Cells, write: Write): Promise<readonly Refusal[]> {
  const found: Refusal[] = [];
  const search = async (from: number, to: number): Promise<void> => {
    if (from >= to || found.length >= MAX_REFUSALS) return;
    let detail: string;
    try {
      return await write(rows.slice(from, to));
    } catch (error) {
      if (!isDataError(error)) throw error;
      detail = briefMessage(error);
    }
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
