// Runs a statement on DuckDB's own threads alone. Its client runs statements on the thread that waits for them, which has the
// priority of the pipelines; a statement that is only begun and looked at is worked off by the others. Must not know statements.

import type { DuckDBPreparedStatement, DuckDBResult } from "@duckdb/node-api";
import { setTimeout as delay } from "node:timers/promises";

/** How long between two looks at whether it is done, milliseconds: short at first. */
const FIRST_LOOK_MS = 1;
const LOOK_EVERY_MS = 10;

/** What the statement gives. There must be threads beside those that wait. Errors: DuckDB's own. */
export async function runBeside(statement: DuckDBPreparedStatement): Promise<DuckDBResult> {
  const { pending_execute_check_state: look, PendingState } = (await import("@duckdb/node-bindings")).default;
  const pending = statement.start();
  // The client has no call that looks and does not work, and keeps what its bindings need for it as a private field.
  const handle = Reflect.get(pending, "pending_result");
  if (handle === undefined) throw new Error("This version of @duckdb/node-api keeps what is pending elsewhere");
  let waitMs = FIRST_LOOK_MS;
  for (;;) {
    const state = look(handle);
    // What is done is told as an error without a message: the result has either.
    if (state !== PendingState.RESULT_NOT_READY && state !== PendingState.NO_TASKS_AVAILABLE) break;
    await delay(waitMs);
    waitMs = Math.min(waitMs * 2, LOOK_EVERY_MS);
  }
  return await pending.getResult();
}
