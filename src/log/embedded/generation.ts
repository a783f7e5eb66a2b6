// One generation of the embedded log: reads segments of the owned partitions, pulled by `next`, with nothing held ahead.
// Knows nothing of membership: the subscription ends it.

import { crc32 } from "node:zlib";
import { type Damage, LogDamagedError, LogDivergedError, LogRefusedError } from "../../errors.ts";
import type { EmbeddedFile } from "./file.ts";
import { decodeSegment } from "./segment.ts";
import type { Generation, LogBatch, LogRecord, PartitionBounds, PartitionLook } from "../log.ts";
import { Pull } from "../pull.ts";

const BATCH_RECORDS = 250;
const BATCH_BYTES = 1 << 20;

const SELECT_SEGMENTS = `SELECT base_offset AS base, last_offset AS last, bytes, crc, records FROM segments
  WHERE topic_id = ? AND partition = ? AND last_offset >= ? ORDER BY last_offset`;

/** Reads the index alone. */
const SELECT_LAST = `SELECT last_offset AS last FROM segments INDEXED BY segments_by_offset
  WHERE topic_id = ? AND partition = ? AND last_offset >= ? ORDER BY last_offset LIMIT 1`;

interface SegmentRow {
  readonly base: number;
  readonly last: number;
  readonly bytes: number;
  readonly crc: number;
  readonly records: Uint8Array;
}

/** What the subscription knows of a generation. */
export interface GenerationSpec {
  readonly id: number;
  readonly topic: string;
  readonly topicId: number;
  readonly partitions: readonly number[];
  /** Writes the group's offsets; never rejects. */
  readonly commit: (offsets: ReadonlyMap<number, number>) => Promise<void>;
}

/** A reader's place in one partition. */
interface Place {
  next: number;
  /** Log end when last asked. */
  high: number;
  /** What lies there cannot be read: `next` has told so. */
  setAside: boolean;
}

export class EmbeddedGeneration implements Generation {
  readonly id: number;
  readonly topic: string;
  readonly partitions: readonly number[];
  readonly #pull: Pull;
  readonly #places = new Map<number, Place>();

  constructor(readonly file: EmbeddedFile, readonly spec: GenerationSpec) {
    this.id = spec.id;
    this.topic = spec.topic;
    this.partitions = spec.partitions;
    this.#pull = new Pull(file.clock, spec.partitions);
    const stopListening = file.onChange("records", () => this.wake());
    this.signal.addEventListener("abort", stopListening, { once: true });
  }

  get signal(): AbortSignal {
    return this.#pull.signal;
  }

  /** Ends the generation; `failure` is what `next` then rejects with. */
  end(failure?: unknown): void {
    this.#pull.end(failure);
  }

  /** Looks for new records now: another process wrote. */
  wake(): void {
    this.#pull.wake();
  }

  // deno-lint-ignore require-await -- a failing query must reject, not throw
  async bounds(): Promise<ReadonlyMap<number, PartitionBounds>> {
    return new Map([...readBounds(this.file, this.spec.topicId)].filter(([p]) => this.partitions.includes(p)));
  }

  start(positions: ReadonlyMap<number, number>): Promise<void> {
    for (const partition of this.partitions) {
      const next = positions.get(partition);
      if (next === undefined) return Promise.reject(new RangeError(`Partition ${partition} has no start position`));
      this.#places.set(partition, { next, high: next, setAside: false });
    }
    this.#pull.wake();
    return Promise.resolve();
  }

  next(waitMs: number): Promise<LogBatch | undefined> {
    return this.#pull.next(waitMs, () => this.#readNext() ?? (this.#lookForMore() ? this.#readNext() : undefined));
  }

  skip(partition: number, offset: number): void {
    this.#places.set(partition, { next: offset, high: offset, setAside: false });
    this.#pull.wake();
  }

  caughtUp(partition: number): boolean {
    const place = this.#places.get(partition);
    const look = place && !place.setAside ? this.look(partition) : undefined;
    return look !== undefined && place!.next >= look.end;
  }

  look(partition: number): PartitionLook | undefined {
    if (this.signal.aborted) return undefined;
    try {
      const row = this.file.get<{ high: number }>(
        "SELECT high FROM partitions WHERE topic_id = ? AND partition = ?",
        this.spec.topicId,
        partition,
      );
      return row && { end: row.high, readableEnd: row.high, atMs: this.file.clock.monotonic() };
    } catch {
      return undefined; // whoever reads next hears of it
    }
  }

  commit(offsets: ReadonlyMap<number, number>): Promise<void> {
    return this.spec.commit(offsets);
  }

  #readNext(): LogBatch | undefined {
    return this.#pull.inTurn((partition) => {
      const place = this.#places.get(partition);
      return place && !place.setAside && place.next < place.high ? this.#readPartition(partition, place) : undefined;
    });
  }

  /** Asks for the log's ends; true when some partition has records waiting. */
  #lookForMore(): boolean {
    if (this.#places.size === 0) return false;
    let found = false;
    for (const [partition, { low, high }] of readBounds(this.file, this.spec.topicId)) {
      const place = this.#places.get(partition);
      if (place === undefined || place.setAside) continue;
      if (place.next < low) throw this.#deleted(partition, place, low);
      if (place.next > high) throw this.#diverged(partition, place.next, { low, high });
      place.high = high;
      if (place.next < high) found = true;
    }
    return found;
  }

  #readPartition(partition: number, place: Place): LogBatch {
    const records: LogRecord[] = [];
    const from = place.next;
    let bytes = 0;
    let next = from;
    let damage: Pick<Damage, "to" | "why"> | undefined;
    let doubt: string | undefined;
    try {
      for (const row of this.file.each<SegmentRow>(SELECT_SEGMENTS, this.spec.topicId, partition, from)) {
        if (row.base > next) damage = { to: row.base, why: "its rows are gone" };
        else if (crc32(row.records) !== row.crc) {
          // Of what comes before it is a batch, and it is one of its own.
          if (next > from) break;
          doubt = "The checksum does not match";
          damage = decode(row, from, records, doubt);
        } else damage = decode(row, from, records);
        if (damage !== undefined) break;
        bytes += row.bytes;
        next = row.last + 1;
        if (doubt !== undefined || records.length >= BATCH_RECORDS || bytes >= BATCH_BYTES) break;
      }
    } catch (error) {
      damage = this.#damagedRow(partition, next, error);
    }
    if (next === from) throw this.#unreadable(partition, place, damage);
    place.next = next;
    return doubt === undefined ? { partition, records, nextOffset: next } : {
      ...{ partition, records, nextOffset: next },
      damage: `${doubt}, in "${this.file.path}"`,
    };
  }

  /** SQLite cannot read the row that holds `offset`; the index, which lies elsewhere, may still say how far that goes. */
  #damagedRow(partition: number, offset: number, error: unknown): Pick<Damage, "to" | "why"> {
    if (!(error instanceof LogRefusedError)) throw error;
    try {
      const row = this.file.get<{ last: number }>(SELECT_LAST, this.spec.topicId, partition, offset);
      return { to: row === undefined ? undefined : row.last + 1, why: error.message };
    } catch {
      throw error;
    }
  }

  /** Where nothing at all was found the rows are gone, or the retention has just deleted them. */
  #unreadable(partition: number, place: Place, damage: Pick<Damage, "to" | "why"> | undefined): Error {
    const { low, high } = readBounds(this.file, this.spec.topicId).get(partition)!;
    if (place.next < low) return this.#deleted(partition, place, low);
    if (place.next > high) return this.#diverged(partition, place.next, { low, high });
    place.setAside = true;
    const { to, why } = damage ?? { to: high, why: "its rows are gone" };
    return new LogDamagedError({
      ...{ topic: this.topic, partition, from: place.next, to },
      ...{ reason: "unreadable", why: `${why}, in "${this.file.path}"` },
    });
  }

  #deleted(partition: number, place: Place, low: number): LogDamagedError {
    place.setAside = true;
    return new LogDamagedError({
      ...{ topic: this.topic, partition, from: place.next, to: low },
      ...{ reason: "deleted", why: `the log begins at ${low} now` },
    });
  }

  #diverged(partition: number, next: number, { low, high }: PartitionBounds): LogDivergedError {
    return new LogDivergedError(
      `"${this.topic}" partition ${partition} holds offsets ${low} to ${high}, but ${next} is expected next: ` +
        "the topic was created anew or its records were deleted",
    );
  }
}

/** Decodes a segment into `into`, or says what of it cannot be read: all of it. `why` is known already, or it is why it fails. */
function decode(
  row: SegmentRow,
  fromOffset: number,
  into: LogRecord[],
  why?: string,
): Pick<Damage, "to" | "why"> | undefined {
  const before = into.length;
  try {
    decodeSegment(row.records, { baseOffset: row.base, count: row.last - row.base + 1, fromOffset }, into);
  } catch (cause) {
    into.length = before;
    return { to: row.last + 1, why: why ?? (cause instanceof Error ? cause.message : String(cause)) };
  }
}

/** The bounds of a topic's partitions now. */
export function readBounds(file: EmbeddedFile, topicId: number): Map<number, PartitionBounds> {
  const rows = file.all<{ partition: number; low: number; high: number }>(
    "SELECT partition, low, high FROM partitions WHERE topic_id = ? ORDER BY partition",
    topicId,
  );
  return new Map(rows.map(({ partition, low, high }) => [partition, { low, high }]));
}
