// Finds the rows that a table refuses, by halving. Must not know offsets or domains: it answers with indexes.

import type { Cells } from "../cells.ts";

/** A refused row by its index, and what the warehouse said about it. */
export interface Refusal {
  readonly index: number;
  readonly detail: string;
}

/** Refused rows looked for at a time: whoever takes these out and tries again learns of the next. */
const MAX_REFUSALS = 1000;

/** The refused rows among `rows`, at most 1000, in order. `objection`: what the table says against some, if anything. */
export async function findRefusals(
  rows: Cells,
  objection: (rows: Cells) => Promise<string | undefined>,
): Promise<readonly Refusal[]> {
  const found: Refusal[] = [];
  const search = async (from: number, to: number): Promise<void> => {
    if (from >= to || found.length >= MAX_REFUSALS) return;
    const detail = await objection(rows.slice(from, to));
    if (detail === undefined) return;
    if (to - from === 1) {
      found.push({ index: from, detail });
      return;
    }
    const middle = (from + to) >>> 1;
    await search(from, middle);
    await search(middle, to);
  };
  await search(0, rows.length);
  return found;
}
