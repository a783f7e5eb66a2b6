// A log in memory for seeded schedules: a model of the log port, with batches cut at random and faults on request.

import { type Damage, LogRefusedError, LogUnavailableError, TopicMissingError } from "../../../src/errors.ts";
import type {
  Log,
  LogRecord,
  NewRecord,
  PartitionBounds,
  RecordPosition,
  SubscribeOptions,
  Subscription,
  TopicInfo,
  TopicSpec,
} from "../../../src/log/log.ts";
import { partitionOfKey } from "../../../src/log/murmur2.ts";
import { checkTopicName } from "../../../src/log/topic_name.ts";
import { Group, MemorySubscription } from "./memory_group.ts";
import type { Gate } from "./turns.ts";

const utf8 = new TextEncoder();
const bytes = (text: string | Uint8Array) => typeof text === "string" ? utf8.encode(text) : text;

/** As Kafka's default, `max.message.bytes`. */
const RECORD_MAX_BYTES = 1_048_576;

/** How often a log that is silent is looked at again, milliseconds. */
const SILENT_MS = 1_000;

/** A partition as the log holds it. */
export interface StoredPartition {
  low: number;
  /** Offset of the next record. */
  high: number;
  records: LogRecord[];
  /** Nothing of it comes for now. */
  isSlow?: boolean;
  /** Stretches that cannot be read. */
  readonly damaged: Stretch[];
}

/** Without `to` nobody can tell where it ends, but it is one offset. */
interface Stretch {
  readonly from: number;
  readonly to?: number;
}

/** What all instances share. */
export class LogStore {
  readonly topics = new Map<string, StoredPartition[]>();
  readonly groups = new Map<string, Group>();
  /** The log cannot be reached. */
  away = false;
  /** It answers nothing but the records of those who read, as if its brokers stood still. */
  isSilent = false;
  /** What it has been given and did not take, because of a fault. */
  readonly failed: { readonly topic: string; readonly record: NewRecord }[] = [];
  /** Batches are cut at random, up to so many offsets. */
  maxBatch = 12;

  /** Waits until it answers. */
  async answer(gate: Gate): Promise<void> {
    do await gate.turn(this.isSilent ? gate.clock.monotonic() + SILENT_MS : undefined); while (this.isSilent);
  }

  create(topic: string, partitions: number): void {
    this.topics.set(topic, Array.from({ length: partitions }, () => ({ low: 0, high: 0, records: [], damaged: [] })));
  }

  partition(topic: string, partition: number): StoredPartition {
    const stored = this.topics.get(topic)?.[partition];
    if (!stored) throw new TopicMissingError([topic]);
    return stored;
  }

  append(topic: string, partition: number, record: NewRecord, now: number): RecordPosition {
    const stored = this.partition(topic, partition);
    const offset = stored.high++;
    const headers = Object.fromEntries(
      Object.entries(record.headers ?? {}).map((
        [name, value],
      ) => [name, typeof value === "string" ? bytes(value) : value]),
    );
    const key = record.key === null || record.key === undefined ? null : bytes(record.key);
    const value = record.value === null ? null : bytes(record.value);
    stored.records.push({ offset, key, value, timestamp: record.timestamp ?? now, headers });
    return { partition, offset };
  }

  /** The records from the offset `from` to before `to`. */
  read(topic: string, partition: number, from: number, to: number): LogRecord[] {
    const { records } = this.partition(topic, partition);
    let [low, high] = [0, records.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (records[middle]!.offset < from) low = middle + 1;
      else high = middle;
    }
    return records.slice(low, low + to - from).filter(({ offset }) => offset < to);
  }

  /** An offset without a record, as compaction and transaction markers leave them. */
  skip(topic: string, partition: number): void {
    this.partition(topic, partition).high++;
  }

  /** Loses the records from `offset` on, as a leader that lagged behind does. */
  truncate(topic: string, partition: number, offset: number): void {
    const stored = this.partition(topic, partition);
    stored.high = offset;
    stored.records = stored.records.filter((record) => record.offset < offset);
  }

  /** Deletes the records before `offset`. */
  retain(topic: string, partition: number, offset: number): void {
    const stored = this.partition(topic, partition);
    stored.low = offset;
    stored.records = stored.records.filter((record) => record.offset >= offset);
  }

  /** What cannot be read at `offset` or behind it, the nearest. */
  damageAt(topic: string, partition: number, offset: number): Pick<Damage, "from" | "to" | "reason"> | undefined {
    const { low, damaged } = this.partition(topic, partition);
    if (offset < low) return { from: offset, to: low, reason: "deleted" };
    const next = damaged.find(({ from, to = from + 1 }) => offset < to);
    return next && { from: next.from, to: next.to, reason: "unreadable" };
  }

  bounds(topic: string): PartitionBounds[] {
    return (this.topics.get(topic) ?? []).map(({ low, high }) => ({ low, high }));
  }

  group(topic: string, name: string): Group {
    const at = `${topic}/${name}`;
    let group = this.groups.get(at);
    if (!group) this.groups.set(at, group = new Group(this, topic));
    return group;
  }
}

/** One instance's connection to it. */
export class MemoryLog implements Log {
  readonly kind = "embedded";
  readonly description = "memory";

  constructor(private readonly store: LogStore, private readonly gate: Gate) {}

  async topics(names?: readonly string[]): Promise<readonly TopicInfo[]> {
    await this.#reach();
    return [...this.store.topics.keys()]
      .filter((topic) => !names || names.includes(topic)).sort()
      .map((topic) => ({ topic, partitions: this.store.bounds(topic) }));
  }

  async createTopics(specs: readonly TopicSpec[]): Promise<readonly string[]> {
    await this.#reach();
    for (const { topic, partitions } of specs) checkTopicName(topic, partitions);
    const missing = specs.filter(({ topic }) => !this.store.topics.has(topic));
    for (const { topic, partitions } of missing) this.store.create(topic, partitions);
    return missing.map(({ topic }) => topic);
  }

  async produce(topic: string, records: readonly NewRecord[]): Promise<readonly RecordPosition[]> {
    try {
      await this.#reach();
      if (this.gate.fault("log.produce")) throw new LogUnavailableError("The log did not take the records");
    } catch (error) {
      for (const record of records) this.store.failed.push({ topic, record });
      throw error;
    }
    const count = this.store.bounds(topic).length;
    if (count === 0) throw new TopicMissingError([topic]);
    const keyless = { next: this.store.bounds(topic).reduce((sum, { high }) => sum + high, 0) };
    const placed = records.map((record) => {
      const { key, value, partition } = record;
      if (value !== null && bytes(value).length > RECORD_MAX_BYTES) throw new LogRefusedError("A record is too large");
      if (partition !== undefined) return { record, partition };
      const isKeyed = key !== null && key !== undefined;
      return { record, partition: isKeyed ? partitionOfKey(bytes(key), count) : keyless.next++ % count };
    });
    const now = this.gate.clock.now();
    const positions = placed.map(({ record, partition }) => this.store.append(topic, partition, record, now));
    await this.gate.turn();
    return positions;
  }

  async subscribe({ topic, group }: SubscribeOptions): Promise<Subscription> {
    await this.#reach();
    if (!this.store.topics.has(topic)) throw new TopicMissingError([topic]);
    return new MemorySubscription(this.store, this.gate, this.store.group(topic, group));
  }

  async committed(topic: string, group: string): Promise<ReadonlyMap<number, number>> {
    await this.#reach();
    if (!this.store.topics.has(topic)) throw new TopicMissingError([topic]);
    return new Map(this.store.group(topic, group).committed);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #reach(): Promise<void> {
    await this.store.answer(this.gate);
    if (this.store.away) throw new LogUnavailableError("The log cannot be reached");
  }
}
