// Keeps the embedded log's file from growing for ever: deletes whole segments by age and by size, oldest first, and gives
// the space back. Never deletes what a group still has to read. Knows nothing of producing and reading.

import { LogUnavailableError } from "../../errors.ts";
import type { EmbeddedFile } from "./file.ts";

/** What the embedded log keeps. */
export interface Retention {
  /** Segments older than this may go. */
  readonly maxAgeMs: number;
  /** Oldest segments may go while a partition holds more than this. */
  readonly maxPartitionBytes: number;
  /** A group without members that committed nothing for this long no longer holds records back, as in Kafka. */
  readonly groupExpiryMs: number;
}

const DAY_MS = 86_400_000;

export const DEFAULT_RETENTION: Retention = {
  maxAgeMs: 7 * DAY_MS,
  maxPartitionBytes: 1024 * 1024 * 1024,
  groupExpiryMs: 7 * DAY_MS,
};

/** Segments deleted in one transaction: a few milliseconds of the thread. */
const STEP_SEGMENTS = 64;
const STEP_VACUUM_PAGES = 512;

interface Held {
  readonly topicId: number;
  readonly partition: number;
  readonly bytes: number;
  readonly low: number;
  readonly high: number;
}

/**
 * A member that looks killed must look so for this long: after a sleep of the machine the living look so, too, until they have
 * told the log that they are there, which they do every few seconds.
 */
const KILLED_FOR_MS = 30_000;

/** When members were first seen as they still are, by the monotonic clock. */
export type Suspects = Map<string, number>;

interface Member {
  readonly topicId: number;
  readonly group: string;
  readonly member: string;
  readonly expiresMs: number;
}

/** What was given up, by table: offsets of groups without members, groups of which nothing is left. */
const STALE = [
  [
    "committed",
    "committed_ms < ? AND NOT EXISTS (SELECT 1 FROM members m " +
    "WHERE m.topic_id = committed.topic_id AND m.group_name = committed.group_name)",
  ],
  [
    "groups",
    ["members", "committed"].map((of) =>
      `NOT EXISTS (SELECT 1 FROM ${of} m WHERE m.topic_id = groups.topic_id AND m.group_name = groups.name)`
    ).join(" AND "),
  ],
] as const;

/**
 * Deletes what may go. Returns the number of segments deleted. `suspects` is kept from one call to the next. Errors: as
 * `EmbeddedFile.write`.
 */
export async function enforceRetention(file: EmbeddedFile, retention: Retention, suspects: Suspects): Promise<number> {
  await expireMembers(file, retention, suspects);
  await expireGroups(file, retention);
  let deleted = 0;
  const partitions = file.all<Held>(
    `SELECT topic_id AS topicId, partition, low, high,
       (SELECT coalesce(sum(bytes), 0) FROM segments s WHERE s.topic_id = p.topic_id AND s.partition = p.partition) AS bytes
     FROM partitions p WHERE low < high`,
  );
  for (const held of partitions) deleted += await trim(file, held, retention);
  if (deleted > 0) await vacuum(file);
  return deleted;
}

/** Deletes members that were killed. */
async function expireMembers(file: EmbeddedFile, retention: Retention, suspects: Suspects): Promise<void> {
  const stale = file.all<Member>(
    `SELECT topic_id AS topicId, group_name AS "group", member, expires_ms AS expiresMs FROM members WHERE expires_ms < ?`,
    file.clock.now() - retention.groupExpiryMs,
  );
  const now = file.clock.monotonic();
  const seen = new Map(stale.map((member) => [JSON.stringify(member), member]));
  for (const key of suspects.keys()) if (!seen.has(key)) suspects.delete(key);
  for (const [key, { topicId, group, member, expiresMs }] of seen) {
    const since = suspects.get(key);
    if (since === undefined) suspects.set(key, now);
    else if (now - since >= KILLED_FOR_MS) {
      await file.write("other", () =>
        file.run(
          "DELETE FROM members WHERE topic_id = ? AND group_name = ? AND member = ? AND expires_ms = ?",
          topicId,
          group,
          member,
          expiresMs,
        ));
    }
  }
}

async function expireGroups(file: EmbeddedFile, retention: Retention): Promise<void> {
  const oldest = file.clock.now() - retention.groupExpiryMs;
  for (const [table, stale] of STALE) {
    const binds = stale.includes("?") ? [oldest] : [];
    if (file.get(`SELECT 1 FROM ${table} WHERE ${stale} LIMIT 1`, ...binds) === undefined) continue;
    await file.write("other", () => file.run(`DELETE FROM ${table} WHERE ${stale}`, ...binds));
  }
}

async function trim(file: EmbeddedFile, held: Held, retention: Retention): Promise<number> {
  let excessBytes = held.bytes - retention.maxPartitionBytes;
  let total = 0;
  while (true) {
    const deleted = await file.write("other", () => {
      const keepFrom = slowestGroup(file, held);
      const oldestMs = file.clock.now() - retention.maxAgeMs;
      let low: number | undefined;
      let excess = excessBytes;
      let count = 0;
      for (const segment of oldestSegments(file, held)) {
        const mayGo = segment.createdMs < oldestMs || excess > 0;
        if (!mayGo || segment.last >= keepFrom) break;
        low = segment.last + 1;
        excess -= segment.bytes;
        count += 1;
      }
      if (low === undefined) return { count: 0, excess };
      file.run(
        "DELETE FROM segments WHERE topic_id = ? AND partition = ? AND last_offset < ?",
        held.topicId,
        held.partition,
        low,
      );
      file.run("UPDATE partitions SET low = ? WHERE topic_id = ? AND partition = ?", low, held.topicId, held.partition);
      return { count, excess };
    });
    total += deleted.count;
    excessBytes = deleted.excess;
    if (deleted.count < STEP_SEGMENTS) return total;
    await file.clock.sleep(0);
  }
}

function oldestSegments(file: EmbeddedFile, { topicId, partition }: Held) {
  return file.all<{ last: number; bytes: number; createdMs: number }>(
    `SELECT last_offset AS last, bytes, created_ms AS createdMs FROM segments
     WHERE topic_id = ? AND partition = ? ORDER BY last_offset LIMIT ${STEP_SEGMENTS}`,
    topicId,
    partition,
  );
}

/** The first offset that some group still needs. A group with members that never committed needs everything. */
function slowestGroup(file: EmbeddedFile, { topicId, partition, high }: Held): number {
  const row = file.get<{ needed: number | null }>(
    `SELECT min(needed) AS needed FROM (
       SELECT next_offset AS needed FROM committed WHERE topic_id = ?1 AND partition = ?2
       UNION ALL
       SELECT 0 FROM members m WHERE topic_id = ?1 AND NOT EXISTS (SELECT 1 FROM committed c
         WHERE c.topic_id = m.topic_id AND c.group_name = m.group_name AND c.partition = ?2))`,
    topicId,
    partition,
  );
  return row?.needed ?? high;
}

/** Gives free pages back to the file system, a little at a time. A few are kept: new segments use them first. */
async function vacuum(file: EmbeddedFile): Promise<void> {
  while (freePages(file) > STEP_VACUUM_PAGES) {
    const before = freePages(file);
    try {
      file.all(`PRAGMA incremental_vacuum(${STEP_VACUUM_PAGES})`); // one row a page: `exec` would take only the first
    } catch (cause) {
      if (cause instanceof LogUnavailableError) return; // another process writes: the next run goes on
      throw cause;
    }
    if (freePages(file) >= before) return;
    await file.clock.sleep(0);
  }
}

function freePages(file: EmbeddedFile): number {
  return file.get<{ freelist_count: number }>("PRAGMA freelist_count")!.freelist_count;
}
