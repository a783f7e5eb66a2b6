// FRESHET_OFFSETS: how its rows are read and its moves written, and who is told that a partition is another's.
// Must not know the statements.

import { FencedError, WarehouseUnavailableError } from "../../errors.ts";
import type { Claim, Move } from "../warehouse.ts";
import { timestampCells, timestampOf } from "./log_timestamp.ts";

/** Whose offsets. */
export interface Scope {
  readonly domain: string;
  readonly topic: string;
}

/** What is claimed of a topic. */
export interface Claiming {
  readonly partitions: readonly number[];
  /** All of the topic's. */
  readonly all: readonly number[];
}

/** Microseconds since the epoch; `null` for what is not known. */
export function micros(ms: number | null): number | null {
  return ms === null || !Number.isFinite(ms) ? null : Math.round(ms * 1000);
}

/** Milliseconds out of a cell of microseconds. */
function millis(cell: unknown): number | null {
  return cell === null || cell === undefined ? null : Number(cell) / 1000;
}

/**
 * Claims out of rows of KAFKA_PARTITION, NEXT_OFFSET, EPOCH, CHECKPOINT_ID, then WATERMARK, MAX_EVENT_TIME and LAST_TIMESTAMP in
 * microseconds, and LAST_TIMESTAMP_MS.
 */
export function claimsOf(rows: readonly (readonly unknown[])[]): Claim[] {
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

/**
 * Moves as a JSON array of arrays of whole numbers or null: partition, epoch, checkpoint and offset as they must be, then the new
 * offset, watermark, greatest event time and last timestamp in microseconds, and a last timestamp that is no time.
 */
export function movesJson(moves: readonly Move[]): string {
  return JSON.stringify(moves.map(({ partition, epoch, checkpoint, expectedOffset, to }) => {
    const logged = timestampCells(to.lastTimestamp);
    const times = [to.watermark, to.maxEventTime, logged.time].map(micros);
    return [partition, epoch, checkpoint, expectedOffset, to.nextOffset, ...times, logged.ms];
  }));
}

/** Why fewer rows were moved than there are moves, by what is stored after they were taken back. */
export function refusedMoves(topic: string, moves: readonly Move[], stored: readonly Claim[]): Error {
  for (const move of moves) {
    const found = stored.find(({ partition }) => partition === move.partition);
    const { epoch, checkpoint, expectedOffset } = move;
    if (found?.epoch === epoch && found.checkpoint === checkpoint && found.nextOffset === expectedOffset) continue;
    return new FencedError(
      `Topic "${topic}" partition ${move.partition} belongs to another instance: expected epoch ${epoch}, ` +
        `checkpoint ${checkpoint}, offset ${expectedOffset}, found ` +
        (found ? `epoch ${found.epoch}, checkpoint ${found.checkpoint}, offset ${found.nextOffset}` : "no row"),
    );
  }
  return new WarehouseUnavailableError(
    "The warehouse took a transaction back, or ran one of its statements twice: try again",
  );
}
