// Damages the file of an embedded log that nobody has open, behind Freshet's back.

import { DatabaseSync } from "node:sqlite";

/** Where to damage it. */
export interface Spot {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** Loses the segments that begin at the offset or behind it, as a leader that lagged behind loses records. */
export function truncateEmbedded(dataDir: string, { topic, partition, offset }: Spot): void {
  const db = new DatabaseSync(`${dataDir}/freshet.log.db`);
  const of = "topic_id = (SELECT id FROM topics WHERE name = ?) AND partition = ?";
  db.prepare(`DELETE FROM segments WHERE ${of} AND base_offset >= ?`).run(topic, partition, offset);
  db.prepare(`UPDATE partitions SET high = ? WHERE ${of}`).run(offset, topic, partition);
  db.close();
}

/** Flips a bit of the segment that the offset is in: of a length, so that nothing of it can be told apart, or of the last value. */
export function damageEmbedded(
  dataDir: string,
  { topic, partition, offset }: Spot,
  where: "length" | "value" = "length",
): Promise<void> {
  const db = new DatabaseSync(`${dataDir}/freshet.log.db`);
  try {
    const { id, records } = db.prepare(
      `SELECT s.id, s.records FROM segments s JOIN topics t ON t.id = s.topic_id
       WHERE t.name = ? AND s.partition = ? AND ? BETWEEN s.base_offset AND s.last_offset`,
    ).get(topic, partition, offset) as { readonly id: number; readonly records: Uint8Array };
    records[where === "length" ? 3 : records.length - 1]! ^= 0x40;
    db.prepare("UPDATE segments SET records = ? WHERE id = ?").run(records, id);
  } finally {
    db.close();
  }
  return Promise.resolve();
}
