// The rows of FRESHET_OFFSETS: read, claimed, and moved on by a conditional update that fences others out.
// Runs inside the caller's transaction. Must not know rows of other tables.

import type { DuckDBValue } from "@duckdb/node-api";
import { FencedError } from "../../errors.ts";
import { timestampCells, timestampOf } from "../log_timestamp.ts";
import type { Claim, Move } from "../warehouse.ts";
import type { Session } from "./session.ts";

/** Whose offsets. */
export interface Scope {
  readonly domain: string;
  readonly topic: string;
}

/** Condition for the partitions in parameter 3, joined by commas, of the domain in 1 and the topic in 2. */
export const OF_PARTITIONS =
  `DOMAIN = $1 AND TOPIC = $2 AND list_contains(string_split($3, ','), KAFKA_PARTITION::VARCHAR)`;

const READ = `SELECT KAFKA_PARTITION, NEXT_OFFSET, EPOCH, CHECKPOINT_ID,
  epoch_us(WATERMARK), epoch_us(MAX_EVENT_TIME), epoch_us(LAST_TIMESTAMP), LAST_TIMESTAMP_MS
  FROM FRESHET_OFFSETS WHERE ${OF_PARTITIONS} ORDER BY KAFKA_PARTITION`;

const RAISE = `UPDATE FRESHET_OFFSETS SET EPOCH = EPOCH + 1, UPDATED_AT = make_timestamp($4::BIGINT)
  WHERE DOMAIN = $1 AND TOPIC = $2 AND KAFKA_PARTITION = $3::BIGINT`;

const START = `INSERT INTO FRESHET_OFFSETS
  (DOMAIN, TOPIC, KAFKA_PARTITION, NEXT_OFFSET, EPOCH, CHECKPOINT_ID, WATERMARK, UPDATED_AT)
  SELECT $1, $2, $3::BIGINT, 0, $5::BIGINT, 0, MAX(WATERMARK), make_timestamp($4::BIGINT)
  FROM FRESHET_OFFSETS WHERE DOMAIN = $1 AND TOPIC = $2`;

/** All moves at once: every statement's answer waits for a turn of the JavaScript thread. */
const MOVE = `UPDATE FRESHET_OFFSETS AS o SET NEXT_OFFSET = m.next_offset, CHECKPOINT_ID = o.CHECKPOINT_ID + 1,
  WATERMARK = make_timestamp(m.watermark), MAX_EVENT_TIME = make_timestamp(m.max_event_time),
  LAST_TIMESTAMP = make_timestamp(m.last_timestamp), LAST_TIMESTAMP_MS = m.last_timestamp_ms, UPDATED_AT = make_timestamp($4::BIGINT)
  FROM (SELECT unnest(from_json($3, '[{"partition": "BIGINT", "epoch": "BIGINT", "checkpoint": "BIGINT",
    "expected": "BIGINT", "next_offset": "BIGINT", "watermark": "BIGINT", "max_event_time": "BIGINT",
    "last_timestamp": "BIGINT", "last_timestamp_ms": "BIGINT"}]'), recursive := true)) AS m
  WHERE o.DOMAIN = $1 AND o.TOPIC = $2 AND o.KAFKA_PARTITION = m.partition
  AND o.EPOCH = m.epoch AND o.CHECKPOINT_ID = m.checkpoint AND o.NEXT_OFFSET = m.expected`;

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
    lastTimestamp: timestampOf(millis(row[6]), row[7]),
  }));
}

/** What is claimed of a topic. */
export interface Claiming {
  readonly partitions: readonly number[];
  /** All of the topic's. */
  readonly all: readonly number[];
  /** Epoch milliseconds. */
  readonly now: number;
}

/** Raises the epochs, making the rows that are missing. */
export async function claimOffsets(session: Session, scope: Scope, claiming: Claiming): Promise<Claim[]> {
  const { partitions, all, now } = claiming;
  const wanted = new Set([...partitions, ...all]);
  const known = new Set((await readOffsets(session, scope, [...wanted])).map(({ partition }) => partition));
  for (const partition of wanted) {
    const isClaimed = partitions.includes(partition);
    const values = [scope.domain, scope.topic, String(partition), micros(now)];
    if (!known.has(partition)) await session.run(START, [...values, isClaimed ? "1" : "0"]);
    else if (isClaimed) await session.run(RAISE, values);
  }
  return await readOffsets(session, scope, partitions);
}

/** Errors: `FencedError` when a row is not as its move expects it. `now`: epoch milliseconds. */
export async function moveOffsets(session: Session, scope: Scope, moves: readonly Move[], now: number): Promise<void> {
  if (moves.length === 0) return;
  const logged = moves.map(({ to }) => timestampCells(to.lastTimestamp));
  const rows = moves.map(({ partition, epoch, checkpoint, expectedOffset, to }, i) => ({
    partition,
    epoch,
    checkpoint,
    expected: expectedOffset,
    next_offset: to.nextOffset,
    watermark: micros(to.watermark),
    max_event_time: micros(to.maxEventTime),
    last_timestamp: micros(logged[i]!.time),
    last_timestamp_ms: logged[i]!.ms,
  }));
  const changed = await session.run(MOVE, [scope.domain, scope.topic, JSON.stringify(rows), micros(now)]);
  if (changed === moves.length) return;
  const stored = await readOffsets(session, scope, moves.map(({ partition }) => partition));
  // Inside the transaction, those that were as expected have moved on already.
  const fenced = moves.map((move) => ({ move, found: stored.find(({ partition }) => partition === move.partition) }))
    .find(({ move, found }) => found?.epoch !== move.epoch || found.checkpoint !== move.checkpoint + 1);
  const { move, found } = fenced ?? { move: moves[0]!, found: undefined };
  throw new FencedError(
    `Topic "${scope.topic}" partition ${move.partition} belongs to another instance: expected epoch ${move.epoch}, ` +
      `checkpoint ${move.checkpoint}, offset ${move.expectedOffset}, found ` +
      (found ? `epoch ${found.epoch}, checkpoint ${found.checkpoint}, offset ${found.nextOffset}` : "no row"),
  );
}
