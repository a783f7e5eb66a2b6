// The statements on FRESHET_OFFSETS. They run inside the caller's transaction. Must not know rows of other tables.

import { type Claiming, micros, type Scope } from "../sql/offsets.ts";
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
const MOVE = `UPDATE FRESHET_OFFSETS AS o SET NEXT_OFFSET = m.v[5], CHECKPOINT_ID = o.CHECKPOINT_ID + 1,
  WATERMARK = make_timestamp(m.v[6]), MAX_EVENT_TIME = make_timestamp(m.v[7]), LAST_TIMESTAMP = make_timestamp(m.v[8]),
  LAST_TIMESTAMP_MS = m.v[9], UPDATED_AT = make_timestamp($4::BIGINT)
  FROM (SELECT unnest(from_json($3, '[["BIGINT"]]')) AS v) AS m
  WHERE o.DOMAIN = $1 AND o.TOPIC = $2 AND o.KAFKA_PARTITION = m.v[1]
  AND o.EPOCH = m.v[2] AND o.CHECKPOINT_ID = m.v[3] AND o.NEXT_OFFSET = m.v[4]`;

const microsText = (ms: number) => String(micros(ms));

export function readOffsets(session: Session, scope: Scope, partitions: readonly number[]): Promise<Values> {
  return session.rows(READ, [scope.domain, scope.topic, partitions.join(",")]);
}

/** `now`: epoch milliseconds. */
export async function raiseEpochs(session: Session, scope: Scope, claiming: Claiming & { readonly now: number }) {
  const { partitions, all, now } = claiming;
  const wanted = [...new Set([...partitions, ...all])];
  const known = new Set((await readOffsets(session, scope, wanted)).map(([partition]) => Number(partition)));
  for (const partition of wanted) {
    const isClaimed = partitions.includes(partition);
    const values = [scope.domain, scope.topic, String(partition), microsText(now)];
    if (!known.has(partition)) await session.run(START, [...values, isClaimed ? "1" : "0"]);
    else if (isClaimed) await session.run(RAISE, values);
  }
}

/** `moves`: see `movesJson`; `now`: epoch milliseconds. Resolves with how many were moved. */
export async function moveOffsets(
  session: Session,
  scope: Scope,
  { moves, now }: { readonly moves: string; readonly now: number },
): Promise<number> {
  return await session.run(MOVE, [scope.domain, scope.topic, moves, microsText(now)]);
}
