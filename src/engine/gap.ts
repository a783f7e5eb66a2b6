// Offsets that a partition went past unread: as a row that tells of them, in the same transaction that moves the position, where
// that is in the warehouse.

import type { DamageReason } from "../errors.ts";
import type { Row, Upsert } from "../warehouse/warehouse.ts";

export const GAPS_TABLE = "FRESHET_GAPS";

/** How often each partition of a copied topic has lost what was copied of it: reader, topic. */
export const TRUNCATIONS =
  `SELECT KAFKA_PARTITION, COUNT(*) FROM ${GAPS_TABLE} WHERE DOMAIN = ? AND TOPIC = ? AND REASON = 'truncated' GROUP BY KAFKA_PARTITION`;

/** Nobody chose: what was gone when a partition was first read. */
export const FIRST_START = "first start";

const MAX_DETAIL = 2000;

export interface Gap {
  readonly partition: number;
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
  readonly reason: DamageReason | "before_first_read";
  /** For people. */
  readonly why: string;
  /** Who chose to go on. */
  readonly by: "freshet skip" | "FRESHET_ON_DAMAGE" | typeof FIRST_START;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** The row in `FRESHET_GAPS`. */
export function gapRow({ name, topic }: { readonly name: string; readonly topic: string }, gap: Gap): Row {
  return {
    DOMAIN: name,
    TOPIC: topic,
    KAFKA_PARTITION: gap.partition,
    FROM_OFFSET: gap.from,
    TO_OFFSET: gap.to,
    REASON: gap.reason,
    DETAIL: gap.why.slice(0, MAX_DETAIL),
    RECORDED_BY: gap.by,
    RECORDED_AT: gap.at,
  };
}

/** The row by itself, where no position in the warehouse moves with it; written again it is the same row. */
export function gapUpsert(reader: { readonly name: string; readonly topic: string }, gap: Gap): Upsert {
  return {
    table: GAPS_TABLE,
    keyColumns: ["DOMAIN", "TOPIC", "KAFKA_PARTITION", "FROM_OFFSET", "TO_OFFSET"],
    rows: [gapRow(reader, gap)],
  };
}
