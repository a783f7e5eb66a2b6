// The statements on FRESHET_OFFSETS. They run inside the caller's transaction. Must not know rows of other tables.
//
// A statement that waits for a lock need not see what was committed while it waited: Snowflake documents only that each
// statement sees what was committed before it began. So the statement that waits changes nothing and looks at nothing, and
// what depends on the rows, or changes them, is a statement of its own behind it.

import { WarehouseRefusedError } from "../../errors.ts";
import type { Claiming, Rows, Scope, SqlOffsets } from "../sql/adapter.ts";
import type { Transaction } from "./loading.ts";
import type { Session } from "./session.ts";

/** Condition for the domain, the topic, and the partitions as a JSON array, each a bind. */
export const OF_PARTITIONS = "DOMAIN = ? AND TOPIC = ? AND KAFKA_PARTITION IN " +
  "(SELECT value::NUMBER(38,0) FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))))";

const READ = `SELECT KAFKA_PARTITION, NEXT_OFFSET, EPOCH, CHECKPOINT_ID, DATE_PART(EPOCH_MICROSECOND, WATERMARK) AS W,
  DATE_PART(EPOCH_MICROSECOND, MAX_EVENT_TIME) AS M, DATE_PART(EPOCH_MICROSECOND, LAST_TIMESTAMP) AS L, LAST_TIMESTAMP_MS
  FROM FRESHET_OFFSETS WHERE ${OF_PARTITIONS} ORDER BY KAFKA_PARTITION`;

/** Waits for whoever moves or claims partitions of the topic, and keeps others waiting until the transaction ends. */
const LOCK =
  "UPDATE FRESHET_OFFSETS SET UPDATED_AT = UPDATED_AT WHERE DOMAIN = ? AND TOPIC = ? AND CURRENT_TRANSACTION() = ?";

/** A topic's first claim finds no rows of its own to lock; the first sections of the scripts are always there. */
const LOCK_CLAIMS = "UPDATE FRESHET_MIGRATIONS SET TITLE = TITLE WHERE VERSION = 1 AND CURRENT_TRANSACTION() = ?";

const RAISE = `MERGE INTO FRESHET_OFFSETS T USING (
    SELECT ? AS DOMAIN, ? AS TOPIC, value[0]::NUMBER(38,0) AS KAFKA_PARTITION, value[1]::NUMBER(38,0) AS CLAIMED,
      (SELECT MAX(WATERMARK) FROM FRESHET_OFFSETS WHERE DOMAIN = ? AND TOPIC = ?) AS WATERMARK
    FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))) WHERE CURRENT_TRANSACTION() = ?
  ) S ON T.DOMAIN = S.DOMAIN AND T.TOPIC = S.TOPIC AND T.KAFKA_PARTITION = S.KAFKA_PARTITION
  WHEN MATCHED AND S.CLAIMED = 1 THEN UPDATE SET EPOCH = T.EPOCH + 1, UPDATED_AT = SYSDATE()
  WHEN NOT MATCHED THEN
    INSERT (DOMAIN, TOPIC, KAFKA_PARTITION, NEXT_OFFSET, EPOCH, CHECKPOINT_ID, WATERMARK, UPDATED_AT)
    VALUES (S.DOMAIN, S.TOPIC, S.KAFKA_PARTITION, 0, S.CLAIMED, 0, S.WATERMARK, SYSDATE())`;

/** All moves at once. Without the transaction's number they would move by themselves after Snowflake took its rows back. */
const MOVE = `UPDATE FRESHET_OFFSETS SET NEXT_OFFSET = S.NEXT_OFFSET, CHECKPOINT_ID = S.CHECKPOINT_ID + 1,
    WATERMARK = S.WATERMARK, MAX_EVENT_TIME = S.MAX_EVENT_TIME, LAST_TIMESTAMP = S.LAST_TIMESTAMP, LAST_TIMESTAMP_MS = S.LAST_TIMESTAMP_MS,
    UPDATED_AT = SYSDATE()
  FROM (
    SELECT value:KAFKA_PARTITION::NUMBER(38,0) AS KAFKA_PARTITION, value:EPOCH::NUMBER(38,0) AS EPOCH,
      value:CHECKPOINT_ID::NUMBER(38,0) AS CHECKPOINT_ID, value:EXPECTED_OFFSET::NUMBER(38,0) AS EXPECTED_OFFSET,
      value:NEXT_OFFSET::NUMBER(38,0) AS NEXT_OFFSET, TO_TIMESTAMP_NTZ(value:WATERMARK::NUMBER(38,0), 6) AS WATERMARK,
      TO_TIMESTAMP_NTZ(value:MAX_EVENT_TIME::NUMBER(38,0), 6) AS MAX_EVENT_TIME,
      TO_TIMESTAMP_NTZ(value:LAST_TIMESTAMP::NUMBER(38,0), 6) AS LAST_TIMESTAMP,
      value:LAST_TIMESTAMP_MS::NUMBER(38,0) AS LAST_TIMESTAMP_MS
    FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?)))
  ) S
  WHERE FRESHET_OFFSETS.DOMAIN = ? AND FRESHET_OFFSETS.TOPIC = ? AND FRESHET_OFFSETS.KAFKA_PARTITION = S.KAFKA_PARTITION
    AND FRESHET_OFFSETS.EPOCH = S.EPOCH AND FRESHET_OFFSETS.CHECKPOINT_ID = S.CHECKPOINT_ID
    AND FRESHET_OFFSETS.NEXT_OFFSET = S.EXPECTED_OFFSET AND CURRENT_TRANSACTION() = ?`;

async function lock({ session, number, turn }: Transaction, { domain, topic }: Scope): Promise<void> {
  await turn?.take();
  await session.change(LOCK, [domain, topic, number]);
}

/** What is to be done in a claim's transaction once the epochs are raised. */
export type Raised = (transaction: Transaction, scope: Scope, partitions: readonly number[]) => Promise<void>;

/** They are read by `session`, and changed by that of the transaction. */
export class SnowflakeOffsets implements SqlOffsets<Transaction> {
  constructor(private readonly session: Session, private readonly raised?: Raised) {}

  read({ domain, topic }: Scope, partitions: readonly number[]): Promise<Rows> {
    return this.session.rows(READ, [domain, topic, JSON.stringify(partitions)]);
  }

  /** What is read afterwards is what was claimed. Errors: `WarehouseRefusedError` where no table was made by a script. */
  async raise(transaction: Transaction, scope: Scope, { partitions, all }: Claiming): Promise<void> {
    const { session, number, turn } = transaction;
    const { domain, topic } = scope;
    await turn?.take();
    const wanted = [...new Set([...partitions, ...all])];
    const [locked] = await session.change(LOCK_CLAIMS, [number]);
    if (!locked) throw new WarehouseRefusedError('FRESHET_MIGRATIONS has no rows: run "freshet migrate"');
    await lock(transaction, scope);
    const rows = wanted.map((partition) => [partition, partitions.includes(partition) ? 1 : 0]);
    await session.change(RAISE, [domain, topic, domain, topic, JSON.stringify(rows), number]);
    await this.raised?.(transaction, scope, partitions);
  }

  /** Resolves with how many were moved: none where the transaction is gone. */
  async move(transaction: Transaction, scope: Scope, moves: string): Promise<number> {
    await lock(transaction, scope);
    const { session, number } = transaction;
    const [changed] = await session.change(MOVE, [moves, scope.domain, scope.topic, number]);
    return changed ?? 0;
  }
}
