// Records in a file, each written behind the last one: a record that is not needed any more leaves a hole, and a segment with
// many holes is copied and then written anew. So the file is at most about twice as large as what is in it, and what snapshots
// need beside that.

import {
  DAMAGED,
  HEADER_BYTES,
  lengthAt,
  mostBytes,
  readRecord,
  type SpilledRecord,
  SpilledStateError,
  type SpillFile,
  writeRecord,
} from "./spill_file.ts";
import type { SnapshotReader, SnapshotWriter } from "./snapshot.ts";

/** Records begin at multiples of this, so that an address has 32 bits. */
const UNIT_BYTES = 16;
const WORD_BITS = 32;
const SEGMENT_BYTES = 16 * 1024 * 1024;
/** More would have addresses of more than 32 bits. */
const MOST_BYTES = 2 ** 32 * UNIT_BYTES - UNIT_BYTES;
/** Written at once. */
const BUFFER_BYTES = 1024 * 1024;
/** Read at once: for one record, and for records that lie together. */
const NEAR_BYTES = 1024;
const BLOCK_BYTES = 256 * 1024;
/** Holes are never too many below this. */
const FEW_HOLES_BYTES = 4 * SEGMENT_BYTES;
/** Segments copied in one call, so that nobody waits long. */
const COPIED_AT_ONCE = 4;

/** What the log tells a table when it copies its records. */
export interface RecordOwner {
  /** A record in use is at another address from now on. */
  moved(record: SpilledRecord, from: number, to: number): void;
}

/** Sizes of the file's parts. */
export interface SpillLogSizes {
  /** What is copied and written anew at once, bytes. */
  readonly segmentBytes?: number;
  /** Holes are never too many below this, bytes. */
  readonly fewHolesBytes?: number;
  /** The file is not larger than this, bytes. */
  readonly mostBytes?: number;
}

function ofTheFile(work: () => void): void {
  try {
    work();
  } catch (cause) {
    throw new SpilledStateError((cause as Error).message, { cause });
  }
}

const padded = (bytes: number) => Math.ceil(bytes / UNIT_BYTES) * UNIT_BYTES;

/** Records by address. */
export class SpillLog {
  /** Bytes in use by segment. */
  readonly #live: number[] = [];
  /** By segment a bit for each unit: whether a record in use begins there. */
  readonly #begins: Uint32Array[] = [];
  /** Segments that nobody uses. */
  readonly #free: number[] = [];
  /** Segments that nobody uses but a snapshot: they are not written anew. */
  #held: number[] = [];
  /** Segments that snapshots have records in: the one that is kept, and the one that is being written. */
  #keptSegments: ReadonlySet<number> = new Set();
  #savedSegments: ReadonlySet<number> = new Set();
  readonly #owners: RecordOwner[] = [];
  readonly #segmentBytes: number;
  readonly #fewHolesBytes: number;
  readonly #mostBytes: number;
  #segment = -1;
  /** What the segment has that is not in the file yet: it begins at `#bufferAt` in the file. */
  #buffer = new Uint8Array(BUFFER_BYTES);
  #bufferAt = 0;
  #buffered = 0;
  /** Where what has been read at once begins; `NaN` when nothing has. */
  #blockAt = NaN;
  readonly #block = new Uint8Array(BLOCK_BYTES);
  #liveBytes = 0;
  private readonly file: SpillFile;

  /** Makes an empty log in a file of its own. What the file throws it throws as {@link SpilledStateError}. */
  constructor(file: SpillFile, sizes: SpillLogSizes = {}) {
    this.file = {
      write: (bytes, at) => ofTheFile(() => file.write(bytes, at)),
      read: (into, at) => ofTheFile(() => file.read(into, at)),
    };
    this.#segmentBytes = sizes.segmentBytes ?? SEGMENT_BYTES;
    this.#fewHolesBytes = sizes.fewHolesBytes ?? FEW_HOLES_BYTES;
    this.#mostBytes = Math.min(sizes.mostBytes ?? MOST_BYTES, MOST_BYTES);
  }

  /** Bytes in use. */
  get liveBytes(): number {
    return this.#liveBytes;
  }

  /** Bytes of the file. */
  get fileBytes(): number {
    return this.#live.length * this.#segmentBytes;
  }

  /** Names an owner of records by a number: the next one, when none is given. */
  register(owner: RecordOwner, number: number = this.#owners.length): number {
    this.#owners[number] = owner;
    return number;
  }

  /**
   * Writes what is in use into a snapshot, and all records into the file. From now on they stay there, as those of the kept
   * snapshot do, until one of both is the kept one: see {@link SpillLog.keep}.
   */
  save(snapshot: SnapshotWriter): void {
    this.#flush(0);
    snapshot.json([this.#segmentBytes, this.#live, [...this.#free, ...this.#held], this.#segment, this.#bufferAt]);
    for (const bits of this.#begins) snapshot.words(bits);
    this.#savedSegments = this.#inUse();
  }

  /** Becomes what a snapshot has, which is the kept one. The log must be empty. Throws when its segments are of another size. */
  load(snapshot: SnapshotReader): void {
    const [segmentBytes, live, free, segment, end] = snapshot.json<[number, number[], number[], number, number]>();
    if (segmentBytes !== this.#segmentBytes) throw new Error(`The snapshot has segments of ${segmentBytes} bytes`);
    this.#live.push(...live);
    this.#free.push(...free);
    for (const _ of live) this.#begins.push(snapshot.words());
    [this.#segment, this.#bufferAt] = [segment, end];
    this.#liveBytes = live.reduce((sum, bytes) => sum + bytes, 0);
    this.#keptSegments = this.#inUse();
  }

  /** The snapshot that was written last is the kept one from now on: nobody reads the one before any more. */
  keep(): void {
    this.#keptSegments = this.#savedSegments;
    this.#giveBackHeld();
  }

  /** The snapshot that was written last is of no use: the kept one stays. */
  drop(): void {
    this.#savedSegments = this.#keptSegments;
    this.#giveBackHeld();
  }

  #giveBackHeld(): void {
    const held = this.#held;
    this.#held = [];
    for (const segment of held) this.#giveBack(segment);
  }

  #inUse(): ReadonlySet<number> {
    return new Set(this.#live.keys().filter((segment) => this.#live[segment]! > 0));
  }

  #giveBack(segment: number): void {
    const isHeld = this.#keptSegments.has(segment) || this.#savedSegments.has(segment);
    (isHeld ? this.#held : this.#free).push(segment);
  }

  /** Writes a record; returns its address, or 0 when it is larger than the log takes. */
  append(record: SpilledRecord): number {
    const most = padded(mostBytes(record));
    if (most > this.#segmentBytes - UNIT_BYTES) return 0;
    if (this.#segment < 0 || !this.#fits(most)) {
      if (this.#free.length === 0 && this.fileBytes + this.#segmentBytes > this.#mostBytes) return 0;
      this.#begin();
    }
    if (this.#buffered + most > this.#buffer.length) this.#flush(most);
    const address = (this.#bufferAt + this.#buffered) / UNIT_BYTES;
    const bytes = padded(writeRecord(this.#buffer, this.#buffered, record));
    this.#buffered += bytes;
    this.#count(this.#segment, bytes);
    this.#mark(address, true);
    return address;
  }

  /** Whether a record in use begins at the address: the one that it was given for, or, once that one was released, another. */
  isUsed(address: number): boolean {
    const [bits, word, bit] = this.#bitOf(address);
    return (bits[word]! & bit) !== 0;
  }

  /** The record at an address. `near` when the next one asked for lies behind it. */
  read(address: number, near = false): SpilledRecord {
    const at = address * UNIT_BYTES;
    if (this.#isBuffered(at)) return readRecord(this.#buffer, at - this.#bufferAt);
    return readRecord(...this.#bytesAt(at, near));
  }

  /** The record is not needed any more. */
  release(address: number): void {
    const at = address * UNIT_BYTES;
    const [bytes, from] = this.#isBuffered(at)
      ? [this.#buffer, at - this.#bufferAt] as const
      : this.#bytesAt(at, false);
    const segment = Math.floor(at / this.#segmentBytes);
    this.#count(segment, -padded(lengthAt(bytes, from)));
    this.#mark(address, false);
    if (this.#live[segment] === 0 && segment !== this.#segment) this.#giveBack(segment);
  }

  /** Copies what is in use of the emptiest segments, where there are many holes. Addresses that were read are not valid after it. */
  compact(): void {
    for (let copied = 0; copied < COPIED_AT_ONCE && this.#holes() > this.#liveBytes + this.#fewHolesBytes; copied++) {
      const segment = this.#emptiest();
      if (segment < 0 || !this.#copy(segment)) return;
    }
  }

  #holes(): number {
    return (this.#live.length - this.#free.length - this.#held.length) * this.#segmentBytes - this.#liveBytes;
  }

  #emptiest(): number {
    let least = -1;
    this.#live.forEach((bytes, segment) => {
      if (segment === this.#segment || bytes === 0) return;
      if (least < 0 || bytes < this.#live[least]!) least = segment;
    });
    return least;
  }

  /** Says whether there was room for all that is in use of the segment: what there is no room for stays where it is. */
  #copy(segment: number): boolean {
    const bytes = new Uint8Array(this.#segmentBytes);
    this.file.read(bytes, segment * this.#segmentBytes);
    for (let at = segment === 0 ? UNIT_BYTES : 0; at + HEADER_BYTES <= this.#segmentBytes;) {
      const length = lengthAt(bytes, at);
      // A length of nothing ends a segment.
      if (length === 0) break;
      const from = (segment * this.#segmentBytes + at) / UNIT_BYTES;
      if (this.isUsed(from)) {
        const record = readRecord(bytes, at);
        const to = this.append(record);
        if (to === 0) return false;
        this.#owners[record.table]!.moved(record, from, to);
        this.#count(segment, -padded(length));
        this.#mark(from, false);
      }
      at += padded(length);
    }
    if (this.#live[segment] !== 0) throw new SpilledStateError(DAMAGED);
    this.#giveBack(segment);
    return true;
  }

  /** Whether so many bytes and the end fit into the segment. */
  #fits(bytes: number): boolean {
    const used = this.#bufferAt + this.#buffered - this.#segment * this.#segmentBytes;
    return used + bytes + UNIT_BYTES <= this.#segmentBytes;
  }

  /** Goes on with another segment. */
  #begin(): void {
    if (this.#segment >= 0) {
      this.#end();
      if (this.#live[this.#segment] === 0) this.#giveBack(this.#segment);
    }
    this.#segment = this.#free.pop() ?? this.#live.push(0) - 1;
    this.#begins[this.#segment] ??= new Uint32Array(Math.ceil(this.#segmentBytes / UNIT_BYTES / WORD_BITS));
    // Address 0 is nobody's.
    this.#bufferAt = this.#segment === 0 ? UNIT_BYTES : this.#segment * this.#segmentBytes;
  }

  /** Ends the segment: what a former use left behind it is not read. */
  #end(): void {
    if (this.#buffered + UNIT_BYTES > this.#buffer.length) this.#flush(UNIT_BYTES);
    this.#buffer.fill(0, this.#buffered, this.#buffered + UNIT_BYTES);
    this.#buffered += UNIT_BYTES;
    this.#flush(0);
  }

  /** Writes what is buffered, and makes room for so many bytes. */
  #flush(room: number): void {
    if (this.#buffered > 0) this.file.write(this.#buffer.subarray(0, this.#buffered), this.#bufferAt);
    this.#bufferAt += this.#buffered;
    this.#buffered = 0;
    this.#blockAt = NaN;
    if (room > this.#buffer.length) this.#buffer = new Uint8Array(room);
  }

  #isBuffered(at: number): boolean {
    return at >= this.#bufferAt && at < this.#bufferAt + this.#buffered;
  }

  /** Bytes that hold the record at a place of the file, and where in them. */
  #bytesAt(at: number, near: boolean): readonly [Uint8Array, number] {
    const from = at - this.#blockAt;
    if (from >= 0 && from + HEADER_BYTES <= this.#read && from + lengthAt(this.#block, from) <= this.#read) {
      return [this.#block, from];
    }
    this.#fill(at, near ? BLOCK_BYTES : NEAR_BYTES);
    const length = lengthAt(this.#block, 0);
    if (length > this.#segmentBytes) throw new SpilledStateError(DAMAGED);
    if (length <= this.#read) return [this.#block, 0];
    if (length <= BLOCK_BYTES) return this.#fill(at, BLOCK_BYTES), [this.#block, 0];
    const bytes = new Uint8Array(length);
    this.file.read(bytes, at);
    return [bytes, 0];
  }

  /** Bytes of the block that hold something. */
  #read = 0;

  #fill(at: number, bytes: number): void {
    this.file.read(this.#block.subarray(0, bytes), at);
    this.#blockAt = at;
    this.#read = bytes;
  }

  #mark(address: number, isUsed: boolean): void {
    const [bits, word, bit] = this.#bitOf(address);
    bits[word] = isUsed ? bits[word]! | bit : bits[word]! & ~bit;
  }

  #bitOf(address: number): readonly [bits: Uint32Array, word: number, bit: number] {
    const units = this.#segmentBytes / UNIT_BYTES;
    const unit = address % units;
    return [this.#begins[Math.floor(address / units)]!, Math.floor(unit / WORD_BITS), 1 << unit % WORD_BITS];
  }

  #count(segment: number, bytes: number): void {
    this.#live[segment]! += bytes;
    this.#liveBytes += bytes;
  }
}
