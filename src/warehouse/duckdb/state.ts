// The statements on FRESHET_STATE. Appending costs the same however many keys there are; updating in place does not.

import type { Scope } from "../sql/adapter.ts";
import { PAGE_ROWS, sinceCondition } from "../sql/state.ts";
import type { Checkpoints } from "../warehouse.ts";
import type { Database } from "./database.ts";
import { reopenedMeanwhile } from "./errors.ts";
import { OF_PARTITIONS } from "./offsets.ts";
import type { Session, Values } from "./session.ts";

/** Of the rows for which a condition holds, the change of each key that counts, deletions among them. */
const latest = (condition: string) =>
  `FROM FRESHET_STATE WHERE ${condition} QUALIFY ROW_NUMBER() OVER (
    PARTITION BY OPERATOR, KAFKA_PARTITION, NAMESPACE, STATE_KEY ORDER BY CHECKPOINT_ID DESC, rowid DESC) = 1`;

/**
 * Put aside first, then read page by page. Not streamed: a stream of DuckDB's that fails midway ends like one that is
 * done, and state would be lost in silence. A temporary table may outgrow DuckDB's memory.
 */
const PUT_ASIDE =
  "CREATE OR REPLACE TEMP TABLE READ_STATE AS SELECT OPERATOR, KAFKA_PARTITION, NAMESPACE, STATE_KEY, STATE_VALUE FROM";
const READ_PAGE = "SELECT * FROM READ_STATE WHERE rowid >= $1::BIGINT AND rowid < $2::BIGINT";

const compactSql = (rows: string, since: Checkpoints) =>
  `DELETE FROM FRESHET_STATE WHERE ${rows} AND rowid NOT IN (
    SELECT id FROM (SELECT rowid AS id, STATE_VALUE, KAFKA_PARTITION, CHECKPOINT_ID ${latest(rows)})
    WHERE STATE_VALUE IS NOT NULL OR ${sinceCondition(since)})`;

/** So many rows are looked at at a time: of more DuckDB's memory has no room for all keys, and sorting them by its file takes long. */
const PASS_ROWS = 500_000;
const COUNT = `SELECT COUNT(*) FROM FRESHET_STATE WHERE ${OF_PARTITIONS}`;

/** Conditions for the partitions' rows in parts, each with all rows of its keys. `binds`: as `OF_PARTITIONS` says. */
async function passes(session: Session, binds: string[]): Promise<readonly string[]> {
  const [[count]] = await session.rows(COUNT, binds) as [[unknown]];
  const parts = Math.max(1, Math.ceil(Number(count) / PASS_ROWS));
  if (parts === 1) return [OF_PARTITIONS];
  return Array.from({ length: parts }, (_, part) => `${OF_PARTITIONS} AND hash(STATE_KEY) % ${parts} = ${part}`);
}

/** The live state in chunks. */
export function readState(database: Database, scope: Scope, partitions: readonly number[]): AsyncIterable<Values> {
  const binds = bindsOf(scope, partitions);
  return readPages(database, binds, async (session) => {
    return (await passes(session, binds)).map((rows) => `(SELECT * ${latest(rows)}) WHERE STATE_VALUE IS NOT NULL`);
  });
}

/** What was changed by these checkpoints and later ones, in chunks. */
export function readStateSince(
  database: Database,
  { domain, topic }: Scope,
  checkpoints: Checkpoints,
): AsyncIterable<Values> {
  const rows = `(SELECT * ${latest(`DOMAIN = $1 AND TOPIC = $2 AND ${sinceCondition(checkpoints)}`)})`;
  return readPages(database, [domain, topic], () => Promise.resolve([rows]));
}

function bindsOf({ domain, topic }: Scope, partitions: readonly number[]): string[] {
  return [domain, topic, partitions.join(",")];
}

/**
 * Rows of state in chunks, read on a session of its own so that others may work meanwhile. `selections` says of what they are
 * selected, one after the other.
 */
async function* readPages(
  database: Database,
  binds: string[],
  selections: (session: Session) => Promise<readonly string[]>,
): AsyncGenerator<Values, void, undefined> {
  while (database.renewing) await database.renewing;
  using _reading = database.reading();
  const session = database.session();
  let { generation } = database;
  try {
    for (const rows of await selections(session)) {
      const aside = await session.rows(`${PUT_ASIDE} ${rows}`, binds);
      const count = Number(aside[0]![0]);
      generation = database.generation;
      for (let from = 0; from < count; from += PAGE_ROWS) {
        yield await session.rows(READ_PAGE, [String(from), String(from + PAGE_ROWS)]);
      }
    }
  } catch (error) {
    if (database.generation === generation) throw error;
    // What was put aside went with the instance.
    throw reopenedMeanwhile(database.path, error);
  } finally {
    session.close();
  }
}

/** Deletes changes that later ones replaced, and deleted keys but those of the given checkpoints and later ones. */
export async function compactState(
  session: Session,
  scope: Scope,
  partitions: readonly number[],
  since: Checkpoints,
): Promise<void> {
  const binds = bindsOf(scope, partitions);
  for (const rows of await passes(session, binds)) {
    session.deleted("FRESHET_STATE", await session.run(compactSql(rows, since), binds));
  }
}
