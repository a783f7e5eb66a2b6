// The statements about raw rows that went ahead of their unit, and about the channels that they went by. A channel has a name
// of its own for each row of the offsets: where those are deleted, and a topic begins again, nothing is taken for done that
// an older channel of the same partition had done. Must not know the service.

import { WarehouseRefusedError } from "../../../errors.ts";
import { quoted } from "../../sql/statements.ts";
import type { Scope } from "../../sql/adapter.ts";
import type { OffsetRange, RawTable } from "../../warehouse.ts";
import type { Transaction } from "../loading.ts";
import { OF_PARTITIONS } from "../offsets.ts";
import { offsetsTable } from "../offsets_tables.ts";
import type { Session } from "../session.ts";

const namesSql = (table: string) =>
  `SELECT KAFKA_PARTITION, RAW_CHANNEL FROM ${table} WHERE ${OF_PARTITIONS} AND RAW_CHANNEL IS NOT NULL`;

const nameSql = (table: string) =>
  `UPDATE ${table} SET RAW_CHANNEL = CONCAT(?, KAFKA_PARTITION::VARCHAR, ?) WHERE ${OF_PARTITIONS} ` +
  "AND RAW_CHANNEL IS NULL AND CURRENT_TRANSACTION() = ?";

/** Larger than any offset that is exact as a number. */
export const NO_END = Number.MAX_SAFE_INTEGER;

const named = (text: string) => text.toUpperCase().replace(/[^A-Z0-9]/g, "_");

/** Names of the partitions' channels, by partition; those that have none are given one, which ends with `mark`. */
export async function nameChannels(
  { session, number }: Transaction,
  scope: Scope,
  { partitions, mark }: { readonly partitions: readonly number[]; readonly mark: string },
): Promise<ReadonlyMap<number, string>> {
  const { domain, topic } = scope;
  const of = [domain, topic, JSON.stringify(partitions)];
  await session.change(nameSql(offsetsTable(domain)), [
    `FRESHET_${named(domain)}_${named(topic)}_`,
    `_${mark}`,
    ...of,
    number,
  ]);
  return await channelNames(session, scope, partitions);
}

/** Of the partitions whose raw rows go, or went, by a channel. */
async function channelNames(
  session: Session,
  { domain, topic }: Scope,
  partitions: readonly number[],
): Promise<ReadonlyMap<number, string>> {
  const rows = await session.rows(namesSql(offsetsTable(domain)), [domain, topic, JSON.stringify(partitions)]);
  return new Map(rows.map(([partition, name]) => [Number(partition), String(name)]));
}

/** Errors: `WarehouseRefusedError` where raw rows of a partition may be ahead of its offset, or still under way. */
export async function refuseChannels(session: Session, scope: Scope, partitions: readonly number[]): Promise<void> {
  const names = await channelNames(session, scope, partitions);
  if (names.size === 0) return;
  throw new WarehouseRefusedError(
    `Raw rows of topic "${scope.topic}" partition ${
      [...names.keys()].sort((a, b) => a - b).join(", ")
    } went by Snowpipe ` +
      "Streaming, and may be ahead of their offsets: set SNOWFLAKE_RAW_INGEST=streaming. To go back to SQL, stop every " +
      '"freshet run" in good order, see that "freshet doctor" with SNOWFLAKE_RAW_INGEST=sql finds nothing ahead, and run ' +
      `UPDATE ${offsetsTable(scope.domain)} SET RAW_CHANNEL = NULL WHERE DOMAIN = '${scope.domain}'`,
  );
}

/** A record's place in the metadata of its raw row. */
function placeIn({ metadata }: RawTable) {
  const field = (name: string) => `${quoted(metadata)}:"${name}"`;
  return {
    topic: `${field("topic")}::VARCHAR`,
    partition: `${field("partition")}::NUMBER(38,0)`,
    offset: `${field("offset")}::NUMBER(38,0)`,
  };
}

/** Offsets of a partition's raw rows, from `range.from` to before `range.to`, as ranges in order. */
export async function storedRanges(
  session: Pick<Session, "rows">,
  raw: RawTable,
  { topic, partition, range }: { readonly topic: string; readonly partition: number; readonly range: OffsetRange },
): Promise<readonly OffsetRange[]> {
  const place = placeIn(raw);
  const sql = `SELECT MIN(O), MAX(O) + 1 FROM (SELECT O, O - ROW_NUMBER() OVER (ORDER BY O) AS G FROM ` +
    `(SELECT DISTINCT ${place.offset} AS O FROM ${
      quoted(raw.table)
    } WHERE ${place.topic} = ? AND ${place.partition} = ? ` +
    `AND ${place.offset} >= ? AND ${place.offset} < ?)) GROUP BY G ORDER BY MIN(O)`;
  const rows = await session.rows(sql, [topic, partition, range.from, range.to]);
  return rows.map(([from, to]) => ({ from: Number(from), to: Number(to) }));
}

/** A record's partition and offset. */
export type Place = readonly [partition: number, offset: number];

/** Takes raw rows out again whose records turned out to be dead letters. */
export async function takeOut(
  { session, number }: Transaction,
  raw: RawTable,
  { topic, places }: { readonly topic: string; readonly places: readonly Place[] },
): Promise<void> {
  const place = placeIn(raw);
  const sql =
    `DELETE FROM ${quoted(raw.table)} USING (SELECT value[0]::NUMBER(38,0) AS P, value[1]::NUMBER(38,0) AS O ` +
    `FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))) WHERE CURRENT_TRANSACTION() = ?) S ` +
    `WHERE ${place.topic} = ? AND ${place.partition} = S.P AND ${place.offset} = S.O`;
  await session.change(sql, [JSON.stringify(places), number, topic]);
}
