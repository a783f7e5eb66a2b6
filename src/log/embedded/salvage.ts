// What can still be read of a damaged log file, segment by segment: told, or put into a new file in its place. Works on a file
// that nobody writes. Must not know tables of a warehouse.

import { DatabaseSync } from "node:sqlite";
import { existsSync } from "node:fs";
import { crc32 } from "node:zlib";
import type { Clock } from "../../clock.ts";
import { keepPrivate } from "../../private_files.ts";
import type { LogRecord } from "../log.ts";
import { EmbeddedFile, PAGE_BYTES, repairedFile, type SqlValue, walDamageText } from "./file.ts";
import { decodeSegment } from "./segment.ts";
import { damagedWal, foldWal } from "./wal.ts";

/** A stretch of a partition that is not as it was written. */
export interface DamagedStretch {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
  /** `doubtful`: its records are there and become dead letters; `unreadable` or `missing`: they cannot be had from this file. */
  readonly kind: "doubtful" | "unreadable" | "missing";
}

export interface LogReport {
  /** What SQLite says of its own pages, or what is wrong with the write-ahead log; empty when nothing is found. */
  readonly file: readonly string[];
  readonly stretches: readonly DamagedStretch[];
}

/** Where the tables stand: a log may not end before. */
export interface TablePosition {
  readonly topic: string;
  readonly partition: number;
  readonly nextOffset: number;
}

interface Partition {
  readonly topic: string;
  readonly topicId: number;
  readonly partition: number;
  readonly low: number;
  readonly high: number;
}

interface Segment {
  readonly topicId: number;
  readonly partition: number;
  readonly base: number;
  readonly last: number;
  readonly row: readonly SqlValue[];
  readonly kind: "whole" | "doubtful" | "unreadable";
}

const COLUMNS = ["id", "topic_id", "partition", "base_offset", "last_offset", "bytes", "crc", "created_ms", "records"];
/** So many segments may share a page: how far it is looked for them where the file cannot say how many there are. */
const SEGMENTS_OF_A_PAGE = 100;

/** Looks at everything in the file; changes nothing. Throws SQLite's error when it is no database at all. */
export function checkLogFile(path: string): LogReport {
  // SQLite would forget what is behind the damage as soon as it opens the file.
  const wal = damagedWal(path, PAGE_BYTES);
  if (wal) return { file: [walDamageText(wal)], stretches: [] };
  using db = openFile(path, true);
  const file = tolerant(() => rows(db, "PRAGMA quick_check(20)").map(([text]) => String(text)), ["it cannot be read"]);
  const partitions = partitionsOf(db);
  const stretches: DamagedStretch[] = [];
  const segments = Map.groupBy(segmentsOf(db), ({ topicId, partition }) => `${topicId}/${partition}`);
  for (const { topic, topicId, partition, low, high } of partitions) {
    const found = (segments.get(`${topicId}/${partition}`) ?? []).sort((a, b) => a.base - b.base);
    let next = low;
    const add = (kind: DamagedStretch["kind"], from: number, to: number) => {
      if (to > from) stretches.push({ topic, partition, from, to, kind });
    };
    for (const { base, last, kind } of found) {
      add("missing", next, base);
      if (kind !== "whole") add(kind, Math.max(base, next), last + 1);
      next = Math.max(next, last + 1);
    }
    add("missing", next, high);
  }
  return { file: file.filter((line) => line !== "ok"), stretches };
}

/** The number of segments that a repair took over, and where the damaged file is now. */
export interface Repaired {
  readonly segments: number;
  readonly setAside: string;
}

/**
 * Puts a new file in the place of the damaged one, with all that can be read of it, and sets that one aside. Partitions end
 * where they did, at the least where the tables stand, so that a run goes on: what is missing it tells of, as of any damage.
 */
export async function repairLogFile(
  path: string,
  { positions, clock }: { readonly positions: readonly TablePosition[]; readonly clock: Clock },
): Promise<Repaired> {
  keepPrivate();
  if (existsSync(repairedFile(path))) return await endRepair(path, clock);
  const making = `${path}.repairing`;
  for (const end of ["-wal", "-shm", ""]) await removeFile(`${making}${end}`);
  let copied = 0;
  await using source = await readableCopy(path);
  {
    await using made = await EmbeddedFile.open(making, clock);
    using db = tolerant(() => openFile(source.path, false), undefined);
    copied = await made.write("other", () => copyInto(made, db, positions));
    made.get("PRAGMA wal_checkpoint(TRUNCATE)");
  }
  for (const end of ["-wal", "-shm"]) await removeFile(`${making}${end}`);
  // From here on until its place is taken nobody opens the damaged file, which loses its write-ahead log first.
  await Deno.rename(making, repairedFile(path));
  return { segments: copied, setAside: await putInPlace(path, clock) };
}

/** Of one that was broken off after its file was made. */
async function endRepair(path: string, clock: Clock): Promise<Repaired> {
  const setAside = await putInPlace(path, clock);
  await using made = await EmbeddedFile.open(path, clock);
  return { segments: made.get<{ n: number }>("SELECT COUNT(*) AS n FROM segments")!.n, setAside };
}

/** Sets the damaged file aside, and puts the repaired one in its place; returns where the damaged one is. */
async function putInPlace(path: string, clock: Clock): Promise<string> {
  const setAside = `${path}.damaged-${new Date(clock.now()).toISOString().replace(/[:.]/g, "-")}`;
  for (const end of ["-wal", "-shm", ""]) await renameFile(`${path}${end}`, `${setAside}${end}`);
  await Deno.rename(repairedFile(path), path);
  return setAside;
}

/** The file itself, or, where its write-ahead log is damaged, a copy that has what is in there: removed when it is disposed of. */
async function readableCopy(path: string): Promise<{ readonly path: string } & AsyncDisposable> {
  const damage = damagedWal(path, PAGE_BYTES);
  if (!damage) return { path, [Symbol.asyncDispose]: () => Promise.resolve() };
  const copy = `${path}.folded`;
  const remove = async () => {
    for (const end of ["-wal", "-shm", ""]) await removeFile(`${copy}${end}`);
  };
  await remove();
  await Deno.copyFile(path, copy);
  foldWal(copy, `${path}-wal`, { last: damage.last, pageBytes: PAGE_BYTES });
  return { path: copy, [Symbol.asyncDispose]: remove };
}

function copyInto(made: EmbeddedFile, db: DatabaseSync | undefined, positions: readonly TablePosition[]): number {
  const ends = new Map<string, { low: number; high: number }>();
  const topics = new Map<string, number>();
  const endOf = (topicId: number, partition: number, low: number) => {
    const key = `${topicId}/${partition}`;
    if (!ends.has(key)) ends.set(key, { low, high: low });
    return ends.get(key)!;
  };
  let copied = 0;
  if (db) {
    for (const table of ["topics", "groups", "committed"]) {
      for (const row of tolerant(() => rows(db, `SELECT * FROM ${table}`), [])) {
        made.run(`INSERT OR IGNORE INTO ${table} VALUES (${row.map(() => "?").join(", ")})`, ...row);
        if (table === "topics") topics.set(String(row[1]), Number(row[0]));
      }
    }
    for (const { topicId, partition, low, high } of partitionsOf(db)) endOf(topicId, partition, low).high = high;
    const known = new Set(topics.values());
    for (const { topicId, partition, base, last, row, kind } of segmentsOf(db)) {
      // Records of a topic whose name is lost would come under another's.
      if (kind === "unreadable" || !known.has(topicId)) continue;
      const end = endOf(topicId, partition, base);
      end.low = Math.min(end.low, base);
      end.high = Math.max(end.high, last + 1);
      made.run(`INSERT INTO segments (${COLUMNS.join(", ")}) VALUES (${COLUMNS.map(() => "?").join(", ")})`, ...row);
      copied++;
    }
  }
  for (const { topic, partition, nextOffset } of positions) {
    let id = topics.get(topic);
    if (id === undefined) {
      id = Math.max(0, ...topics.values()) + 1;
      made.run("INSERT INTO topics VALUES (?, ?, ?)", id, topic, made.clock.now());
      topics.set(topic, id);
    }
    const end = endOf(id, partition, nextOffset);
    end.high = Math.max(end.high, nextOffset);
  }
  for (const [key, { low, high }] of ends) {
    const [topicId, partition] = key.split("/").map(Number);
    made.run("INSERT OR REPLACE INTO partitions VALUES (?, ?, ?, ?)", topicId!, partition!, low, high);
  }
  return copied;
}

function openFile(path: string, readOnly: boolean): DatabaseSync & Disposable {
  const db = new DatabaseSync(path, { readOnly });
  try {
    // The first to read the file: one that is no database fails here.
    db.prepare("PRAGMA schema_version").get();
  } catch (error) {
    db.close();
    throw error;
  }
  return Object.assign(db, { [Symbol.dispose]: () => db.close() });
}

function partitionsOf(db: DatabaseSync): Partition[] {
  const sql = `SELECT t.name, t.id, p.partition, p.low, p.high FROM partitions p JOIN topics t ON t.id = p.topic_id
    ORDER BY t.name, p.partition`;
  return tolerant(() => rows(db, sql), []).map(([topic, topicId, partition, low, high]) => ({
    topic: String(topic),
    topicId: Number(topicId),
    partition: Number(partition),
    low: Number(low),
    high: Number(high),
  }));
}

/** One by one, by number: pages that cannot be read hide what is on them, and nothing else. */
function* segmentsOf(db: DatabaseSync): Generator<Segment> {
  const columns = COLUMNS.join(", ");
  const one = tolerant(() => db.prepare(`SELECT ${columns} FROM segments NOT INDEXED WHERE id = ?`), undefined);
  const head = tolerant(
    () => db.prepare("SELECT topic_id, partition, base_offset, last_offset FROM segments NOT INDEXED WHERE id = ?"),
    undefined,
  );
  if (!one || !head) return;
  const last = lastSegment(db);
  for (let id = 1; id <= last; id++) {
    const row = tolerant(() => one.get(id), "unreadable" as const);
    if (row === undefined) continue;
    if (row !== "unreadable") {
      const values = Object.values(row) as SqlValue[];
      yield { ...placeOf(values.slice(1)), row: values, kind: kindOf(values) };
      continue;
    }
    const place = tolerant(() => head.get(id), undefined);
    if (place) yield { ...placeOf(Object.values(place) as SqlValue[]), row: [], kind: "unreadable" };
  }
}

function lastSegment(db: DatabaseSync): number {
  for (const how of ["NOT INDEXED", "INDEXED BY segments_by_offset"]) {
    const found = tolerant(() => rows(db, `SELECT MAX(id) FROM segments ${how}`), undefined);
    if (found) return Number(found[0]?.[0] ?? 0);
  }
  return tolerant(() => Number(rows(db, "PRAGMA page_count")[0]?.[0] ?? 0) * SEGMENTS_OF_A_PAGE, 0);
}

function placeOf([topicId, partition, base, last]: readonly SqlValue[]) {
  return { topicId: Number(topicId), partition: Number(partition), base: Number(base), last: Number(last) };
}

function kindOf([, , , base, last, , crc, , records]: readonly SqlValue[]): Segment["kind"] {
  if (!(records instanceof Uint8Array)) return "unreadable";
  const into: LogRecord[] = [];
  try {
    const count = Number(last) - Number(base) + 1;
    decodeSegment(records, { baseOffset: Number(base), count, fromOffset: Number(base) }, into);
  } catch {
    return "unreadable";
  }
  return crc32(records) === crc ? "whole" : "doubtful";
}

function rows(db: DatabaseSync, sql: string): SqlValue[][] {
  return db.prepare(sql).all().map((row) => Object.values(row) as SqlValue[]);
}

/** What `read` gives, or `otherwise` where the file is damaged there. */
function tolerant<T, E>(read: () => T, otherwise: E): T | E {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ERR_SQLITE_ERROR") return otherwise;
    throw error;
  }
}

async function removeFile(path: string): Promise<void> {
  await Deno.remove(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}

async function renameFile(from: string, to: string): Promise<void> {
  await Deno.rename(from, to).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}
