// The statements on FRESHET_STATE. Appending takes no lock, and costs the same however many keys there are.

import type { Rows, Scope } from "../sql/adapter.ts";
import { PAGE_ROWS, sinceCondition } from "../sql/state.ts";
import type { Checkpoints } from "../warehouse.ts";
import { OF_PARTITIONS } from "./offsets.ts";
import type { Session } from "./session.ts";
import { MARKER_OPERATOR } from "./statements.ts";

const COLUMNS = "OPERATOR, KAFKA_PARTITION, NAMESPACE, STATE_KEY, STATE_VALUE";
const IS_LATEST = `ROW_NUMBER() OVER (
    PARTITION BY OPERATOR, KAFKA_PARTITION, NAMESPACE, STATE_KEY ORDER BY CHECKPOINT_ID DESC) = 1`;

/** The last column says how many rows there are in all, those that later ones have replaced among them. */
const LIVE = `SELECT ${COLUMNS}, COUNT(*) OVER () FROM FRESHET_STATE
  WHERE ${OF_PARTITIONS} QUALIFY ${IS_LATEST} AND STATE_VALUE IS NOT NULL`;

const sinceSql = (checkpoints: Checkpoints) =>
  `SELECT ${COLUMNS} FROM FRESHET_STATE
  WHERE DOMAIN = ? AND TOPIC = ? AND OPERATOR <> ? AND ${sinceCondition(checkpoints)} QUALIFY ${IS_LATEST}`;

const compactSql = (since: Checkpoints) =>
  `DELETE FROM FRESHET_STATE USING (
    SELECT OPERATOR, KAFKA_PARTITION, NAMESPACE, STATE_KEY, MAX(CHECKPOINT_ID) AS LAST_ID FROM FRESHET_STATE
    WHERE ${OF_PARTITIONS} GROUP BY OPERATOR, KAFKA_PARTITION, NAMESPACE, STATE_KEY
  ) S WHERE FRESHET_STATE.DOMAIN = ? AND FRESHET_STATE.TOPIC = ? AND FRESHET_STATE.OPERATOR = S.OPERATOR
    AND FRESHET_STATE.KAFKA_PARTITION = S.KAFKA_PARTITION AND FRESHET_STATE.NAMESPACE = S.NAMESPACE
    AND FRESHET_STATE.STATE_KEY = S.STATE_KEY
    AND (FRESHET_STATE.CHECKPOINT_ID < S.LAST_ID
      OR FRESHET_STATE.STATE_VALUE IS NULL AND NOT ${sinceCondition(since, "FRESHET_STATE.")})`;

function binds({ domain, topic }: Scope, partitions: readonly number[]): [string, string, string] {
  return [domain, topic, JSON.stringify(partitions)];
}

/** Rows to drop from which on a start compacts, if they are also as many as the live ones. */
const COMPACT_FROM_ROWS = 20_000;

/**
 * The live state in pages, none of which is kept. Compacts afterwards where that is overdue: a process that restarts often
 * never comes to writing as much as it takes to compact while it runs.
 */
export async function* readState(
  session: Session,
  scope: Scope,
  partitions: readonly number[],
): AsyncGenerator<Rows, void, undefined> {
  let [live, stored] = [0, 0];
  for await (const page of session.pages(LIVE, binds(scope, partitions), PAGE_ROWS)) {
    stored = Number(page[0]![5]);
    live += page.length;
    yield page;
  }
  if (stored - live >= Math.max(COMPACT_FROM_ROWS, live)) await compactState(session, scope, partitions);
}

/** What was changed by these checkpoints and later ones, in pages, none of which is kept. */
export function readStateSince(
  session: Session,
  { domain, topic }: Scope,
  checkpoints: Checkpoints,
): AsyncIterable<Rows> {
  return session.pages(sinceSql(checkpoints), [domain, topic, MARKER_OPERATOR], PAGE_ROWS);
}

/** Deletes changes that later ones replaced, and deleted keys but those of the given checkpoints and later ones. */
export async function compactState(
  session: Session,
  scope: Scope,
  partitions: readonly number[],
  since: Checkpoints = new Map(),
): Promise<void> {
  await session.change(compactSql(since), [...binds(scope, partitions), scope.domain, scope.topic]);
}
