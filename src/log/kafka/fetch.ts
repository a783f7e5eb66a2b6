// Kafka's fetch answer, read down to the heads of its record batches; the records stay as they came until somebody pulls
// them. Knows Kafka's wire format and nothing of kafkajs. Source: the Kafka protocol guide, Fetch v4 to v11, and KIP-98.
//
// Here is decided what a reader may see: batches of aborted transactions and control batches are left out. The offset after
// the last whole batch counts them all, so that a stretch without visible records is passed over. And here damage is found:
// every batch is checked, and reading ends before the first that cannot be read.

import { CODEC_MASK } from "./codecs.ts";

/** Kafka's error code for an offset that the log does not hold. */
export const OFFSET_OUT_OF_RANGE = 1;
/** Kafka's error code where the broker itself finds that what it holds is damaged. */
export const CORRUPT_MESSAGE = 2;
/** Other answers, for people; all of them pass by themselves. */
const OBSTACLES: ReadonlyMap<number, string> = new Map([
  [3, "is not known to its broker"],
  [5, "has no leader"],
  [6, "has another leader now"],
  [9, "has no replica that answers"],
  [56, "cannot be read from its broker's disk"],
  [74, "has another leader now"],
  [76, "has another leader now"],
]);

/** What an error of a partition means for its reader, for people. */
export function obstacleOf(errorCode: number): string {
  return OBSTACLES.get(errorCode) ?? `is answered with Kafka's error ${errorCode}`;
}

/** Fetch versions read here; older ones belong to brokers before 0.11 (2017). */
export const FETCH_VERSIONS = { oldest: 4, newest: 11 } as const;

const BATCH_HEAD_BYTES = 61;
/** A batch's length counts what comes after offset and length. */
const LENGTH_END = 12;
const MAGIC_AT = 16;
const MAGIC = 2;
const LOG_APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;
const ABORT_MARKER = 0;

/** A record batch that a reader may see, still encoded. */
export interface RecordBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly count: number;
  /** Kafka's codec number, 0 for none. */
  readonly codec: number;
  /** What the records' timestamps count from; a bigint beyond 2^53. */
  readonly baseTimestamp: number | bigint;
  /** The timestamp of every record, when the topic stamps them itself. */
  readonly appendTimestamp: number | undefined;
  readonly records: Uint8Array;
}

/** What cannot be read, from the offset that was asked for. */
export interface DamagedStretch {
  /** Where what can be read begins again; undefined where nothing in the answer tells. */
  readonly to: number | undefined;
  /** For people. */
  readonly why: string;
}

/** What the answer says of one partition. */
export interface FetchedPartition {
  readonly partition: number;
  readonly errorCode: number;
  readonly highWatermark: number;
  /** Where a reader of committed records must stop. */
  readonly lastStableOffset: number;
  readonly preferredReadReplica: number;
  readonly batches: readonly RecordBatch[];
  /** The offset after the last whole batch; undefined when there was none. */
  readonly nextOffset: number | undefined;
  /**
   * Set when the very first batch cannot be read: the batches are those behind it then. Where it is a later one, the next
   * fetch begins with it.
   */
  readonly damage?: DamagedStretch;
  readonly bytes: number;
}

export interface FetchAnswer {
  readonly throttleMs: number;
  readonly errorCode: number;
  readonly sessionId: number;
  readonly topics: readonly { readonly topic: string; readonly partitions: readonly FetchedPartition[] }[];
}

/** Reads big-endian numbers one after another. */
class Cursor {
  readonly #view: DataView;
  at = 0;
  constructor(readonly bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  int8(): number {
    return this.#view.getInt8(this.at++);
  }
  int16(): number {
    this.at += 2;
    return this.#view.getInt16(this.at - 2);
  }
  int32(): number {
    this.at += 4;
    return this.#view.getInt32(this.at - 4);
  }
  /** Offsets and producer ids stay far below 2^53. */
  int64(): number {
    this.at += 8;
    return this.#view.getInt32(this.at - 8) * 0x1_0000_0000 + this.#view.getUint32(this.at - 4);
  }
  /** A timestamp is whatever a producer sent: a bigint where a number would not be exact. */
  timestamp(): number | bigint {
    const number = this.int64();
    return Number.isSafeInteger(number) ? number : this.#view.getBigInt64(this.at - 8);
  }
  take(length: number): Uint8Array {
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
  array<T>(read: () => T): T[] {
    return Array.from({ length: Math.max(0, this.int32()) }, read);
  }
}

const decoder = new TextDecoder();

/** Kafka's checksum. */
type Checksum = (bytes: Uint8Array) => number;

/** Reads a fetch answer of `version`. Throws `RangeError` when the answer itself is damaged; a batch may be, see there. */
export function decodeFetchAnswer(version: number, payload: Uint8Array, crc32c: Checksum): FetchAnswer {
  // A plain Uint8Array: its views cost half of a Buffer's, and there are two for each record.
  const cursor = new Cursor(new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength));
  const throttleMs = cursor.int32();
  const errorCode = version >= 7 ? cursor.int16() : 0;
  const sessionId = version >= 7 ? cursor.int32() : 0;
  const topics = cursor.array(() => ({
    topic: decoder.decode(cursor.take(cursor.int16())),
    partitions: cursor.array(() => decodePartition(version, cursor, crc32c)),
  }));
  return { throttleMs, errorCode, sessionId, topics };
}

interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

function decodePartition(version: number, cursor: Cursor, crc32c: Checksum): FetchedPartition {
  const partition = cursor.int32();
  const errorCode = cursor.int16();
  const highWatermark = cursor.int64();
  const lastStableOffset = cursor.int64();
  if (version >= 5) cursor.int64(); // log start offset
  const aborted = cursor.array((): AbortedTransaction => ({ producerId: cursor.int64(), firstOffset: cursor.int64() }));
  const preferredReadReplica = version >= 11 ? cursor.int32() : -1;
  const records = cursor.take(Math.max(0, cursor.int32()));
  const readable = readableBatches(records, aborted, { crc32c, highWatermark });
  // What came too early comes again: it counts as not given.
  const bytes = readable.nextOffset === undefined && readable.damage === undefined ? 0 : records.length;
  return { partition, errorCode, highWatermark, lastStableOffset, preferredReadReplica, ...readable, bytes };
}

/** What a batch is checked by. */
interface Checks {
  readonly crc32c: Checksum;
  /** As it was before the broker read: a batch may reach beyond it for a moment, but none begins there. */
  readonly highWatermark: number;
}

/**
 * The batches outside of aborted transactions, up to the first that cannot be read. A producer's transaction is aborted from
 * the offset that the broker names until its abort marker. The broker's list is in no order, and one producer can be in it
 * several times.
 */
function readableBatches(
  records: Uint8Array,
  aborted: readonly AbortedTransaction[],
  checks: Checks,
): Pick<FetchedPartition, "batches" | "nextOffset" | "damage"> {
  const waiting = [...aborted].sort((a, b) => b.firstOffset - a.firstOffset); // the next one is last
  const aborting = new Set<number>();
  const batches: RecordBatch[] = [];
  let nextOffset: number | undefined;
  let damage: DamagedStretch | undefined;
  for (let at = 0; at < records.length;) {
    const found = batchAt(records, at, checks);
    if (typeof found === "string") {
      // The broker gives at least one whole batch. A later one it has cut, or it is damaged: the next fetch begins with it.
      if (nextOffset !== undefined) break;
      const behind = endOfDamage(records, checks);
      damage = { to: behind.offset, why: found };
      at = behind.at;
      continue;
    }
    if (found.batch.baseOffset < (nextOffset ?? 0) || found.isEarly) break;
    const { batch, attributes, producerId, end } = found;
    nextOffset = batch.lastOffset + 1;
    while (waiting.length > 0 && waiting.at(-1)!.firstOffset <= batch.lastOffset) {
      aborting.add(waiting.pop()!.producerId);
    }
    const isControl = (attributes & CONTROL) !== 0;
    const isAborted = (attributes & TRANSACTIONAL) !== 0 && aborting.has(producerId);
    if (!isControl && !isAborted && batch.count > 0) batches.push(batch);
    if (isControl && controlType(batch) === ABORT_MARKER) aborting.delete(producerId);
    at = end;
  }
  return { batches, nextOffset, damage };
}

/** A batch whose head and checksum are right. */
interface FoundBatch {
  readonly batch: RecordBatch;
  readonly attributes: number;
  readonly producerId: number;
  /** Where the next one begins in the bytes. */
  readonly end: number;
  /** It ends beyond the high watermark that came with it: written meanwhile, or its offset is damaged. The next answer tells. */
  readonly isEarly: boolean;
}

/** The batch that begins at `at`, or why there is none that can be read. */
function batchAt(records: Uint8Array, at: number, { crc32c, highWatermark }: Checks): FoundBatch | string {
  if (at + BATCH_HEAD_BYTES > records.length) return "A batch is cut off";
  const cursor = new Cursor(records);
  cursor.at = at + LENGTH_END - 4;
  const end = at + LENGTH_END + cursor.int32();
  if (end > records.length || end < at + BATCH_HEAD_BYTES) return "A batch says a length that it does not have";
  const magic = records[at + MAGIC_AT];
  if (magic !== MAGIC) return `Record format ${magic} of Kafka before 0.11 is not supported, or the head is damaged`;
  const head = decodeBatchHead(records, at, end);
  const { batch, crc, checked } = head;
  if (crc32c(checked) !== crc) return "The checksum does not match";
  // The offset of a batch is the one thing in it that its checksum does not know.
  const isBeyond = batch.baseOffset < 0 || (highWatermark >= 0 && batch.baseOffset > highWatermark);
  if (isBeyond) return `A batch says that it begins at offset ${batch.baseOffset}`;
  return { ...head, end, isEarly: highWatermark >= 0 && batch.lastOffset >= highWatermark };
}

/**
 * Behind the damaged batch at the beginning: where the next one that can be read begins, be it by looking for it byte by
 * byte, since a damaged head need not say the right length. Without any: behind what the damaged head says.
 */
function endOfDamage(
  records: Uint8Array,
  checks: Checks,
): { readonly offset: number | undefined; readonly at: number } {
  for (let at = 1; at + BATCH_HEAD_BYTES <= records.length; at++) {
    if (records[at + MAGIC_AT] !== MAGIC) continue;
    const found = batchAt(records, at, checks);
    if (typeof found !== "string") return { offset: found.batch.baseOffset, at };
  }
  const at = records.length;
  if (at < BATCH_HEAD_BYTES || records[MAGIC_AT] !== MAGIC) return { offset: undefined, at };
  const { baseOffset, lastOffset, count } = decodeBatchHead(records, 0, records.length).batch;
  const isPlausible = count >= 0 && count <= lastOffset - baseOffset + 1 && lastOffset < checks.highWatermark;
  return { offset: isPlausible ? lastOffset + 1 : undefined, at };
}

/** Reads a head without a doubt. */
function decodeBatchHead(
  records: Uint8Array,
  at: number,
  end: number,
): Omit<FoundBatch, "end" | "isEarly"> & { readonly crc: number; readonly checked: Uint8Array } {
  const cursor = new Cursor(records);
  cursor.at = at;
  const baseOffset = cursor.int64();
  cursor.at += 4 + 4 + 1; // length, partition leader epoch, magic
  const crc = cursor.int32() >>> 0;
  const checked = records.subarray(cursor.at, end);
  const attributes = cursor.int16();
  const lastOffset = baseOffset + cursor.int32();
  const baseTimestamp = cursor.timestamp();
  const maxTimestamp = cursor.timestamp();
  const producerId = cursor.int64();
  cursor.at += 6; // producer epoch, base sequence
  const count = cursor.int32();
  const batch: RecordBatch = {
    baseOffset,
    lastOffset,
    count,
    codec: attributes & CODEC_MASK,
    baseTimestamp,
    appendTimestamp: (attributes & LOG_APPEND_TIME) === 0 ? undefined : Number(maxTimestamp),
    records: records.subarray(cursor.at, end),
  };
  return { batch, attributes, producerId, crc, checked };
}

/**
 * The type of a control batch's only record: 0 abort, 1 commit. The record is: varint length, attributes, varlong
 * timestamp delta, varint offset delta, varint key length; the key: int16 version, int16 type.
 */
function controlType({ records }: RecordBatch): number | undefined {
  let at = 0;
  const skipVarint = () => {
    while (records[at++]! >= 0x80);
  };
  skipVarint();
  at += 1;
  for (let i = 0; i < 3; i++) skipVarint();
  const high = records[at + 2];
  const low = records[at + 3];
  return high === undefined || low === undefined ? undefined : high << 8 | low;
}
