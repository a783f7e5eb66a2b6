// Ends transactions that a killed process left open: Snowflake itself would keep their locks for minutes.
// A transaction of ours is known by its name, and a killed process by having sent nothing for a while.

import type { RawRow, Result } from "./driver.ts";

/** What is needed of a session. */
interface QuerySession {
  rows(sql: string): Promise<readonly RawRow[]>;
  /** As `rows`, with the columns' names. */
  query(sql: string): Promise<Result>;
}

export interface ReleaseOptions {
  /** How the names of the session's own transactions begin. */
  readonly own: string;
  readonly abandonedSeconds: number;
  /** The transaction that holds what was waited for, by its number; without it all are looked at. */
  readonly holder?: string | undefined;
}

/** How names of Freshet's transactions begin. */
export const TRANSACTION_PREFIX = "freshet_";

const AT_WORK = "('RUNNING', 'QUEUED', 'BLOCKED', 'RESUMING_WAREHOUSE', 'QUEUED_REPARING_WAREHOUSE')";

/** Whether the session works on a statement, or did so in the last `seconds`. */
function recentStatements(session: string, seconds: number): string {
  const since = `DATEADD('second', -${seconds}, CURRENT_TIMESTAMP())`;
  return `SELECT COUNT(*) FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY_BY_SESSION(SESSION_ID => ${session}, RESULT_LIMIT => 100)) ` +
    `WHERE START_TIME > ${since} OR END_TIME > ${since} OR EXECUTION_STATUS IN ${AT_WORK}`;
}

/** The transaction that holds the lock, by the message of who waited for it in vain, if it says so. */
export function holderIn(message: string): string | undefined {
  return /in transaction (\d+)/.exec(message)?.[1];
}

/** Rolls a transaction back from outside, by its number. That it is not running any more is an error to Snowflake. */
export function abortSql(transaction: string): string {
  return `SELECT SYSTEM$ABORT_TRANSACTION(${BigInt(transaction)})`;
}

/**
 * Rolls back Freshet's transactions of other sessions in which nothing has happened for `abandonedSeconds`: the holder, if it
 * is known, since each of many who wait asks. One that only looked so loses nothing but its time: its commit fails, and it is
 * done again. Resolves with whether one was.
 */
export async function releaseAbandoned(
  session: QuerySession,
  { own, abandonedSeconds, holder }: ReleaseOptions,
): Promise<boolean> {
  const { columns, rows } = await session.query("SHOW TRANSACTIONS");
  const [id, sessionId, name] = ["id", "session", "name"].map((wanted) =>
    columns.findIndex((column) => column.name.toLowerCase() === wanted)
  );
  let released = false;
  for (const row of rows) {
    if (holder !== undefined && String(row[id!]) !== holder) continue;
    const called = String(row[name!]).toLowerCase();
    if (!called.startsWith(TRANSACTION_PREFIX) || called.startsWith(`${own.toLowerCase()}_`)) continue;
    if (!/^\d+$/.test(String(row[sessionId!]))) continue;
    const [[recent] = []] = await session.rows(recentStatements(String(row[sessionId!]), abandonedSeconds));
    if (Number(recent) > 0) continue;
    released = await session.rows(abortSql(String(row[id!]))).then(() => true, () => released);
  }
  return released;
}
