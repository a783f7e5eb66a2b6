// The rows of FRESHET_OFFSETS: read, claimed, and moved on by a conditional update that fences others out.
// Runs inside the caller's transaction. Must not know rows of other tables.

import { FencedError, WarehouseRefusedError, WarehouseUnavailableError } from "../../errors.ts";
import { timestampCells, timestampOf } from "../log_timestamp.ts";
import type { Claim, Move } from "../warehouse.ts";
import type { Transaction } from "./loading.ts";
import type { Session } from "./session.ts";

/** Whose offsets. */
export interface Scope {
  readonly domain: string;
  readonly topic: string;
}

/** Condition for the domain, the topic, and the partitions as a JSON array, each a bind. */
export const OF_PARTITIONS = "DOMAIN = ? AND TOPIC = ? AND KAFKA_PARTITION IN " +
  "(SELECT value::NUMBER(38,0) FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))))";

const READ = `SELECT KAFKA_PARTITION, NEXT_OFFSET, EPOCH, CHECKPOINT_ID, DATE_PART(EPOCH_MICROSECOND, WATERMARK) AS W,
  DATE_PART(EPOCH_MICROSECOND, MAX_EVENT_TIME) AS M, DATE_PART(EPOCH_MICROSECOND, LAST_TIMESTAMP) AS L, LAST_TIMESTAMP_MS
  FROM FRESHET_OFFSETS WHERE ${OF_PARTITIONS} ORDER BY KAFKA_PARTITION`;

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
    SELECT value[0]::NUMBER(38,0) AS KAFKA_PARTITION, value[1]::NUMBER(38,0) AS EPOCH,
      value[2]::NUMBER(38,0) AS CHECKPOINT_ID, value[3]::NUMBER(38,0) AS EXPECTED, value[4]::NUMBER(38,0) AS NEXT_OFFSET,
      TO_TIMESTAMP_NTZ(value[5]::NUMBER(38,0), 6) AS WATERMARK, TO_TIMESTAMP_NTZ(value[6]::NUMBER(38,0), 6) AS MAX_EVENT_TIME,
      TO_TIMESTAMP_NTZ(value[7]::NUMBER(38,0), 6) AS LAST_TIMESTAMP, value[8]::NUMBER(38,0) AS LAST_TIMESTAMP_MS
    FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?)))
  ) S
  WHERE FRESHET_OFFSETS.DOMAIN = ? AND FRESHET_OFFSETS.TOPIC = ? AND FRESHET_OFFSETS.KAFKA_PARTITION = S.KAFKA_PARTITION
    AND FRESHET_OFFSETS.EPOCH = S.EPOCH AND FRESHET_OFFSETS.CHECKPOINT_ID = S.CHECKPOINT_ID
    AND FRESHET_OFFSETS.NEXT_OFFSET = S.EXPECTED AND CURRENT_TRANSACTION() = ?`;

/** Microseconds since the epoch; `null` for what is not known. */
function micros(ms: number | null): number | null {
  return ms === null || !Number.isFinite(ms) ? null : Math.round(ms * 1000);
}

function millis(value: unknown): number | null {
  return value === null || value === undefined ? null : Number(value) / 1000;
}

/** The partitions that have a row, in order. */
export async function readOffsets(session: Session, scope: Scope, partitions: readonly number[]): Promise<Claim[]> {
  const rows = await session.rows(READ, [scope.domain, scope.topic, JSON.stringify(partitions)]);
  return rows.map((row) => ({
    partition: Number(row[0]),
    nextOffset: Number(row[1]),
    epoch: Number(row[2]),
    checkpoint: Number(row[3]),
    watermark: millis(row[4]),
    maxEventTime: millis(row[5]),
    lastTimestamp: timestampOf(millis(row[6]), row[7]),
  }));
}

/** Raises the epochs, making the rows that are missing. The MERGE locks the table, so what is read is what was claimed. */
export async function claimOffsets(
  { session, number }: Transaction,
  scope: Scope,
  { partitions, all }: { readonly partitions: readonly number[]; readonly all: readonly number[] },
): Promise<Claim[]> {
  const wanted = [...new Set(partitions)];
  const rows = [...new Set([...wanted, ...all])].map((partition) => [partition, wanted.includes(partition) ? 1 : 0]);
  const { domain, topic } = scope;
  await session.change(RAISE, [domain, topic, domain, topic, JSON.stringify(rows), number]);
  const claims = await readOffsets(session, scope, wanted);
  if (claims.length === wanted.length) return claims;
  throw new WarehouseRefusedError(
    `FRESHET_OFFSETS holds ${claims.length} rows for ${wanted.length} partitions of topic "${scope.topic}" (domain ` +
      `"${scope.domain}"), which is for one each: somebody changed it, mend it by hand`,
  );
}

/** Errors: `FencedError` when a row is not as its move expects it, `WarehouseUnavailableError` when the transaction is gone. */
export async function moveOffsets(
  { session, number }: Transaction,
  scope: Scope,
  moves: readonly Move[],
): Promise<void> {
  if (moves.length === 0) return;
  const logged = moves.map(({ to }) => timestampCells(to.lastTimestamp));
  const rows = moves.map(({ partition, epoch, checkpoint, expectedOffset, to }, i) => [
    partition,
    epoch,
    checkpoint,
    expectedOffset,
    to.nextOffset,
    micros(to.watermark),
    micros(to.maxEventTime),
    micros(logged[i]!.time),
    logged[i]!.ms,
  ]);
  const [changed] = await session.change(MOVE, [JSON.stringify(rows), scope.domain, scope.topic, number]);
  if (changed === moves.length) return;
  // From outside the transaction, where nothing that it did is seen.
  await session.rollback();
  const stored = await readOffsets(session, scope, moves.map(({ partition }) => partition));
  const fenced = moves.map((move) => ({ move, found: stored.find(({ partition }) => partition === move.partition) }))
    .find(({ move, found }) =>
      found?.epoch !== move.epoch || found.checkpoint !== move.checkpoint || found.nextOffset !== move.expectedOffset
    );
  if (!fenced) {
    throw new WarehouseUnavailableError("Snowflake took the transaction back, or ran a statement twice: try again");
  }
  const { move, found } = fenced;
  throw new FencedError(
    `Topic "${scope.topic}" partition ${move.partition} belongs to another instance: expected epoch ${move.epoch}, ` +
      `checkpoint ${move.checkpoint}, offset ${move.expectedOffset}, found ` +
      (found ? `epoch ${found.epoch}, checkpoint ${found.checkpoint}, offset ${found.nextOffset}` : "no row"),
  );
}
