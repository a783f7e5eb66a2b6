// Where state goes that memory has no room for: bytes at places, and what is written down of a key. The file is only a copy of
// what somebody else has stored for good. A later run may read it, so what has become of it meanwhile must be noticed.

/** A file that is read and written at places, at once. Whoever makes it takes it away again. */
export interface SpillFile {
  /** Writes all bytes at a place, in bytes from the beginning. Throws when there is no room. */
  write(bytes: Uint8Array, at: number): void;
  /** Fills `into` from a place as far as the file goes. */
  read(into: Uint8Array, at: number): void;
}

/** Keys that have left memory cannot be had: the file fails, or has not what was written to it. No element is to blame. */
export class SpilledStateError extends Error {
  /** The class's own. */
  override name = "SpilledStateError";
}

/** What is written down of a key. */
export interface SpilledRecord {
  /** Number of the table that it belongs to. */
  readonly table: number;
  /** When its table must look at it again, by a clock of the table's; `Infinity` for never. */
  readonly due: number;
  /** The key as text. */
  readonly key: string;
  /** JSON text. */
  readonly value: string;
}

/** Bytes before the key: a checksum of all that follows, the record's length, its table, when it is due, the key's length in bytes. */
export const HEADER_BYTES = 24;
const CHECKSUM_BYTES = 4;
/** Of a key whose length says so the JSON text is written: one that is not well-formed has no UTF-8. */
const IS_JSON = 0x8000_0000;

/** What is said of bytes that are not as they were written. */
export const DAMAGED = "The file of keyed state is damaged";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** How many bytes a record takes at most. */
export function mostBytes({ key, value }: Pick<SpilledRecord, "key" | "value">): number {
  return HEADER_BYTES + 18 * (key.isWellFormed() ? 0 : key.length) + 3 * (key.length + value.length) + 2;
}

/** Writes a record into `bytes` from `at` on, where there is room for {@link mostBytes}; returns how many bytes it takes. */
export function writeRecord(bytes: Uint8Array, at: number, { table, due, key, value }: SpilledRecord): number {
  const isPlain = key.isWellFormed();
  const start = at + HEADER_BYTES;
  const keyBytes = encoder.encodeInto(isPlain ? key : JSON.stringify(key), bytes.subarray(start)).written;
  const valueBytes = encoder.encodeInto(value, bytes.subarray(start + keyBytes)).written;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, HEADER_BYTES);
  const length = HEADER_BYTES + keyBytes + valueBytes;
  view.setUint32(4, length);
  view.setUint32(8, table);
  view.setFloat64(12, due);
  view.setUint32(20, (keyBytes | (isPlain ? 0 : IS_JSON)) >>> 0);
  view.setUint32(0, checksumOf(bytes, at + CHECKSUM_BYTES, at + length));
  return length;
}

/** FNV-1a: any change of one byte changes it. */
function checksumOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  return hash >>> 0;
}

/** How many bytes the record at `at` takes. */
export function lengthAt(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset + at, HEADER_BYTES).getUint32(4);
}

/** Reads the record at `at`. Throws {@link SpilledStateError} where there is none, or not as it was written. */
export function readRecord(bytes: Uint8Array, at: number): SpilledRecord {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, HEADER_BYTES);
  const [checksum, length, table, due, keyLength] = [
    view.getUint32(0),
    view.getUint32(4),
    view.getUint32(8),
    view.getFloat64(12),
    view.getUint32(20),
  ];
  if (length > bytes.length - at || checksumOf(bytes, at + CHECKSUM_BYTES, at + length) !== checksum) {
    throw new SpilledStateError(DAMAGED);
  }
  const start = at + HEADER_BYTES;
  const end = start + (keyLength & ~IS_JSON);
  const text = decoder.decode(bytes.subarray(start, end));
  const key = (keyLength & IS_JSON) === 0 ? text : JSON.parse(text) as string;
  return { table, due, key, value: decoder.decode(bytes.subarray(end, at + length)) };
}
