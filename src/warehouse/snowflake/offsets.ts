// The statements on a domain's table of offsets. They run inside the caller's transaction. Must not know rows of other tables.
//
// A statement that waits for a lock need not see what was committed while it waited: Snowflake documents only that each
// statement sees what was committed before it began. So the statement that waits changes nothing and looks at nothing, and
// what depends on the rows, or changes them, is a statement of its own behind it.

import { WarehouseRefusedError } from "../../errors.ts";
import type { Claiming, Rows, Scope, SqlOffsets } from "../sql/adapter.ts";
import type { Transaction } from "./loading.ts";
import { offsetsTable } from "./offsets_tables.ts";
import type { Session } from "./session.ts";

/** Condition for the domain, the topic, and the partitions as a JSON array, each a bind. */
export const OF_PARTITIONS = "DOMAIN = ? AND TOPIC = ? AND KAFKA_PARTITION IN " +
  "(SELECT value::NUMBER(38,0) FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))))";

const readSql = (table: string) =>
  `SELECT KAFKA_PARTITION, NEXT_OFFSET, EPOCH, CHECKPOINT_ID, DATE_PART(EPOCH_MICROSECOND, WATERMARK) AS W,
  DATE_PART(EPOCH_MICROSECOND, MAX_EVENT_TIME) AS M, DATE_PART(EPOCH_MICROSECOND, LAST_TIMESTAMP) AS L, LAST_TIMESTAMP_MS
  FROM ${table} WHERE ${OF_PARTITIONS} ORDER BY KAFKA_PARTITION`;

/** Waits for whoever moves or claims partitions of the domain, and keeps others waiting until the transaction ends. */
const lockSql = (table: string) =>
  `UPDATE ${table} SET UPDATED_AT = UPDATED_AT WHERE DOMAIN = ? AND TOPIC = ? AND CURRENT_TRANSACTION() = ?`;

/** A topic's first claim finds no rows of its own to lock: there is always one for that. */
const lockClaimsSql = (table: string) => `UPDATE ${table} SET UPDATED_AT = UPDATED_AT WHERE CURRENT_TRANSACTION() = ?`;

const raiseSql = (table: string) =>
  `MERGE INTO ${table} T USING (
    SELECT ? AS DOMAIN, ? AS TOPIC, value[0]::NUMBER(38,0) AS KAFKA_PARTITION, value[1]::NUMBER(38,0) AS CLAIMED,
      (SELECT MAX(WATERMARK) FROM ${table} WHERE DOMAIN = ? AND TOPIC = ?) AS WATERMARK
    FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))) WHERE CURRENT_TRANSACTION() = ?
  ) S ON T.DOMAIN = S.DOMAIN AND T.TOPIC = S.TOPIC AND T.KAFKA_PARTITION = S.KAFKA_PARTITION
  WHEN MATCHED AND S.CLAIMED = 1 THEN UPDATE SET EPOCH = T.EPOCH + 1, UPDATED_AT = SYSDATE()
  WHEN NOT MATCHED THEN
    INSERT (DOMAIN, TOPIC, KAFKA_PARTITION, NEXT_OFFSET, EPOCH, CHECKPOINT_ID, WATERMARK, UPDATED_AT)
    VALUES (S.DOMAIN, S.TOPIC, S.KAFKA_PARTITION, 0, S.CLAIMED, 0, S.WATERMARK, SYSDATE())`;

/** All moves at once. Without the transaction's number they would move by themselves after Snowflake took its rows back. */
const moveSql = (table: string) =>
  `UPDATE ${table} SET NEXT_OFFSET = S.NEXT_OFFSET, CHECKPOINT_ID = S.CHECKPOINT_ID + 1,
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
  WHERE ${table}.DOMAIN = ? AND ${table}.TOPIC = ? AND ${table}.KAFKA_PARTITION = S.KAFKA_PARTITION
    AND ${table}.EPOCH = S.EPOCH AND ${table}.CHECKPOINT_ID = S.CHECKPOINT_ID
    AND ${table}.NEXT_OFFSET = S.EXPECTED_OFFSET AND CURRENT_TRANSACTION() = ?`;

/** What is to be done in a claim's transaction once the epochs are raised. */
export type Raised = (transaction: Transaction, scope: Scope, partitions: readonly number[]) => Promise<void>;

/** They are read by `session`, and changed by that of the transaction. */
export class SnowflakeOffsets implements SqlOffsets<Transaction> {
  constructor(private readonly session: Session, private readonly raised?: Raised) {}

  /** Errors: `WarehouseUnavailableError` in a transaction that is gone: the rows are those before it, and nobody's claim. */
  async read({ domain, topic }: Scope, partitions: readonly number[]): Promise<Rows> {
    const rows = await this.session.rows(readSql(offsetsTable(domain)), [domain, topic, JSON.stringify(partitions)]);
    await this.session.checkTransaction();
    return rows;
  }

  /** What is read afterwards is what was claimed. Errors: `WarehouseRefusedError` where the table was not made by a migration. */
  async raise(transaction: Transaction, scope: Scope, { partitions, all }: Claiming): Promise<void> {
    const { session, number } = transaction;
    const { domain, topic } = scope;
    const table = offsetsTable(domain);
    const wanted = [...new Set([...partitions, ...all])];
    const [locked] = await session.change(lockClaimsSql(table), [number]);
    if (!locked) {
      await session.checkTransaction();
      throw new WarehouseRefusedError(`${table} has no rows: run "freshet migrate"`);
    }
    const rows = wanted.map((partition) => [partition, partitions.includes(partition) ? 1 : 0]);
    await session.change(raiseSql(table), [domain, topic, domain, topic, JSON.stringify(rows), number]);
    await this.raised?.(transaction, scope, partitions);
  }

  /** Resolves with how many were moved: none where the transaction is gone. */
  async move({ session, number }: Transaction, { domain, topic }: Scope, moves: string): Promise<number> {
    const table = offsetsTable(domain);
    await session.change(lockSql(table), [domain, topic, number]);
    const [changed] = await session.change(moveSql(table), [moves, domain, topic, number]);
    return changed ?? 0;
  }
}
