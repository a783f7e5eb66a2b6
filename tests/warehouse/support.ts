// What the tests of the DuckDB file share, in this process and in the ones they start.

import { Cells } from "../../src/warehouse/cells.ts";
import type { Claim, Unit, Warehouse } from "../../src/warehouse/warehouse.ts";

export const SCRIPTS = [
  { name: "freshet", text: await Deno.readTextFile(new URL("../../sql/freshet.sql", import.meta.url)) },
  {
    name: "files",
    text: `-- version 1: tables
      CREATE TABLE IF NOT EXISTS EVENTS (ID BIGINT, NAME VARCHAR);
      CREATE TABLE IF NOT EXISTS COUNTS (NAME VARCHAR, TOTAL BIGINT);`,
  },
];

export const TOPIC = "topic";

/** A unit of `size` rows from where the claim stands; the count and the state say the same as the offset. */
export function unitOf(claim: Claim, size: number, text = "x".repeat(100)): Unit {
  const { partition, epoch, checkpoint, nextOffset: expectedOffset } = claim;
  const nextOffset = expectedOffset + size;
  const offsets = Array.from({ length: size }, (_, i) => expectedOffset + i);
  const cells = Cells.of(offsets.map((ID) => ({ ID, NAME: text })));
  return {
    topic: TOPIC,
    appends: [{ table: "EVENTS", cells, offsets, partitions: offsets.map(() => partition) }],
    upserts: [{ table: "COUNTS", keyColumns: ["NAME"], rows: [{ NAME: "all", TOTAL: nextOffset }] }],
    deletes: [],
    state: [{ operator: "count", partition, namespace: 0, key: "all", value: String(nextOffset) }],
    moves: [{
      partition,
      epoch,
      checkpoint,
      expectedOffset,
      to: { nextOffset, watermark: nextOffset, maxEventTime: nextOffset, lastTimestamp: nextOffset },
    }],
  };
}

/** The offset that the file stands at, after checking that every table says the same. Throws when one does not. */
export async function consistentOffset(warehouse: Warehouse): Promise<number> {
  const one = async (sql: string) => Number((await warehouse.query(sql)).rows[0]?.[0] ?? 0);
  const offset = await one("SELECT NEXT_OFFSET FROM FRESHET_OFFSETS");
  const found = {
    rows: await one("SELECT COUNT(*) FROM EVENTS"),
    distinct: await one("SELECT COUNT(DISTINCT ID) FROM EVENTS"),
    last: await one("SELECT MAX(ID) + 1 FROM EVENTS"),
    count: await one("SELECT TOTAL FROM COUNTS"),
    state: await one("SELECT STATE_VALUE::BIGINT FROM FRESHET_STATE ORDER BY CHECKPOINT_ID DESC LIMIT 1"),
  };
  for (const [what, value] of Object.entries(found)) {
    if (value !== offset) {
      throw new Error(`The offset is ${offset}, but ${what} says ${value}: ${JSON.stringify(found)}`);
    }
  }
  return offset;
}
