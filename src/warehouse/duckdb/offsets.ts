// The rows of FRESHET_OFFSETS: read, claimed, and moved on by a conditional update that fences others out.
// Runs inside the caller's transaction. Must not know rows of other tables.

import type { DuckDBValue } from "@duckdb/node-api";
import { FencedError } from "../../errors.ts";
import type { Claim, Move } from "../warehouse.ts";
import type { Session } from "./database.ts";

/** Whose offsets. */
export interface Scope {
  readonly domain: string;
  readonly topic: string;
}

/** Condition for the partitions in parameter 3, joined by commas, of the domain in 1 and the topic in 2. */
export const OF_PARTITIONS =
  `DOMAIN = $1 AND TOPIC = $2 AND list_contains(string_split($3, ','), KAFKA_PARTITION::VARCHAR)`;

const READ = `SELECT KAFKA_PARTITION, NEXT_OFFSET, EPOCH, CHECKPOINT_ID,
  epoch_us(WATERMARK), epoch_us(MAX_EVENT_TIME), epoch_us(LAST_TIMESTAMP)
  FROM FRESHET_OFFSETS WHERE ${OF_PARTITIONS} ORDER BY KAFKA_PARTITION`;

const RAISE = `UPDATE FRESHET_OFFSETS SET EPOCH = EPOCH + 1, UPDATED_AT = make_timestamp($4::BIGINT)
  WHERE DOMAIN = $1 AND TOPIC = $2 AND KAFKA_PARTITION = $3::BIGINT`;

const START = `INSERT INTO FRESHET_OFFSETS
  (DOMAIN, TOPIC, KAFKA_PARTITION, NEXT_OFFSET, EPOCH, CHECKPOINT_ID, UPDATED_AT)
  VALUES ($1, $2, $3::BIGINT, 0, 1, 0, make_timestamp($4::BIGINT))`;

const MOVE = `UPDATE FRESHET_OFFSETS SET NEXT_OFFSET = $1::BIGINT, CHECKPOINT_ID = CHECKPOINT_ID + 1,
  WATERMARK = make_timestamp($2::BIGINT), MAX_EVENT_TIME = make_timestamp($3::BIGINT),
  LAST_TIMESTAMP = make_timestamp($4::BIGINT), UPDATED_AT = make_timestamp($5::BIGINT)
  WHERE DOMAIN = $6 AND TOPIC = $7 AND KAFKA_PARTITION = $8::BIGINT
  AND EPOCH = $9::BIGINT AND CHECKPOINT_ID = $10::BIGINT AND NEXT_OFFSET = $11::BIGINT`;

/** Microseconds since the epoch as text; NULL for what is not known. */
function micros(ms: number | null): string | null {
  return ms === null || !Number.isFinite(ms) ? null : String(Math.round(ms * 1000));
}

function millis(value: DuckDBValue | undefined): number | null {
  return value === null || value === undefined ? null : Number(value) / 1000;
}

/** The partitions that have a row, in order. */
export async function readOffsets(session: Session, scope: Scope, partitions: readonly number[]): Promise<Claim[]> {
  const rows = await session.rows(READ, [scope.domain, scope.topic, partitions.join(",")]);
  return rows.map((row) => ({
    partition: Number(row[0]),
    nextOffset: Number(row[1]),
    epoch: Number(row[2]),
    checkpoint: Number(row[3]),
    watermark: millis(row[4]),
    maxEventTime: millis(row[5]),
    lastTimestamp: millis(row[6]),
  }));
}

/** Raises the epochs, making the rows that are missing. `now`: epoch milliseconds. */
export async function claimOffsets(
  session: Session,
  scope: Scope,
  partitions: readonly number[],
  now: number,
): Promise<Claim[]> {
  const known = new Set((await readOffsets(session, scope, partitions)).map(({ partition }) => partition));
  for (const partition of new Set(partitions)) {
    const values = [scope.domain, scope.topic, String(partition), micros(now)];
    await session.run(known.has(partition) ? RAISE : START, values);
  }
  return await readOffsets(session, scope, partitions);
}

/** Errors: `FencedError` when the row is not as the move expects it. `now`: epoch milliseconds. */
export async function moveOffset(session: Session, scope: Scope, move: Move, now: number): Promise<void> {
  const { partition, epoch, checkpoint, expectedOffset, to } = move;
  const changed = await session.run(MOVE, [
    String(to.nextOffset),
    micros(to.watermark),
    micros(to.maxEventTime),
    micros(to.lastTimestamp),
    micros(now),
    scope.domain,
    scope.topic,
    String(partition),
    String(epoch),
    String(checkpoint),
    String(expectedOffset),
  ]);
  if (changed === 1) return;
  const [found] = await readOffsets(session, scope, [partition]);
  throw new FencedError(
    `Topic "${scope.topic}" partition ${partition} belongs to another instance: expected epoch ${epoch}, checkpoint ` +
      `${checkpoint}, offset ${expectedOffset}, found ` +
      (found ? `epoch ${found.epoch}, checkpoint ${found.checkpoint}, offset ${found.nextOffset}` : "no row"),
  );
}
