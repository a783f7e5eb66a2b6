// Statements that were run in this browser, the newest first. They stay in it.
import { remember, remembered } from "../../remembered.ts";

export interface PastStatement {
  readonly sql: string;
  /** When it was run last, epoch milliseconds. */
  readonly at: number;
}

const NAME = "sql";
const KEPT = 50;
/** Characters of one; longer ones are not kept. */
const MAX_LENGTH = 20_000;

export function pastStatements(): readonly PastStatement[] {
  const kept = remembered<readonly PastStatement[]>(NAME);
  return Array.isArray(kept) ? kept.filter(({ sql, at }) => typeof sql === "string" && typeof at === "number") : [];
}

/** One that was run before moves to the front. */
export function keepStatement(sql: string, at: number): readonly PastStatement[] {
  if (sql.length > MAX_LENGTH) return pastStatements();
  const next = [{ sql, at }, ...pastStatements().filter((past) => past.sql !== sql)].slice(0, KEPT);
  remember(NAME, next);
  return next;
}

export function forgetStatements(): readonly PastStatement[] {
  remember(NAME, []);
  return [];
}
