// The statements on FRESHET_OFFSETS. They run inside the caller's transaction. Must not know rows of other tables.

import type { Claiming, Scope, SqlOffsets } from "../sql/adapter.ts";
import { micros } from "../sql/offset_times.ts";
import type { Session, Values } from "./session.ts";

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
const MOVE = `UPDATE FRESHET_OFFSETS AS O SET NEXT_OFFSET = M.V.NEXT_OFFSET, CHECKPOINT_ID = O.CHECKPOINT_ID + 1,
  WATERMARK = make_timestamp(M.V.WATERMARK), MAX_EVENT_TIME = make_timestamp(M.V.MAX_EVENT_TIME),
  LAST_TIMESTAMP = make_timestamp(M.V.LAST_TIMESTAMP), LAST_TIMESTAMP_MS = M.V.LAST_TIMESTAMP_MS,
  UPDATED_AT = make_timestamp($4::BIGINT)
  FROM (SELECT unnest(from_json($3, '[{"KAFKA_PARTITION": "BIGINT", "EPOCH": "BIGINT", "CHECKPOINT_ID": "BIGINT",
    "EXPECTED_OFFSET": "BIGINT", "NEXT_OFFSET": "BIGINT", "WATERMARK": "BIGINT", "MAX_EVENT_TIME": "BIGINT",
    "LAST_TIMESTAMP": "BIGINT", "LAST_TIMESTAMP_MS": "BIGINT"}]')) AS V) AS M
  WHERE O.DOMAIN = $1 AND O.TOPIC = $2 AND O.KAFKA_PARTITION = M.V.KAFKA_PARTITION
  AND O.EPOCH = M.V.EPOCH AND O.CHECKPOINT_ID = M.V.CHECKPOINT_ID AND O.NEXT_OFFSET = M.V.EXPECTED_OFFSET`;

/** Of one session. `now`: epoch milliseconds. */
export class DuckDbOffsets implements SqlOffsets<Session> {
  constructor(private readonly session: Session, private readonly now: () => number) {}

  read({ domain, topic }: Scope, partitions: readonly number[]): Promise<Values> {
    return this.session.rows(READ, [domain, topic, partitions.join(",")]);
  }

  async raise(session: Session, scope: Scope, { partitions, all }: Claiming): Promise<void> {
    const wanted = [...new Set([...partitions, ...all])];
    const known = new Set((await this.read(scope, wanted)).map(([partition]) => Number(partition)));
    for (const partition of wanted) {
      const isClaimed = partitions.includes(partition);
      const values = [scope.domain, scope.topic, String(partition), this.#nowMicros()];
      if (!known.has(partition)) await session.run(START, [...values, isClaimed ? "1" : "0"]);
      else if (isClaimed) await session.run(RAISE, values);
    }
  }

  move(session: Session, { domain, topic }: Scope, moves: string): Promise<number> {
    return session.run(MOVE, [domain, topic, moves, this.#nowMicros()]);
  }

  #nowMicros(): string {
    return String(micros(this.now()));
  }
}
