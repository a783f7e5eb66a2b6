// The log port: topics with partitions, producing, and consumer groups that hand out generations of batches.
// Adapters: embedded.ts (a SQLite file) and kafka.ts. Knows nothing of domains or warehouses.

/** A header's value: bytes, or null, which is not the same as none. */
export type HeaderValue = Uint8Array | null;

/** A record as the log holds it. */
export interface LogRecord {
  readonly offset: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  /** Epoch milliseconds. */
  readonly timestamp: number;
  /** Empty object when there are none. A header repeated in the log is an array. */
  readonly headers: Readonly<Record<string, HeaderValue | readonly HeaderValue[]>>;
}

/** Consecutive records of one partition. Offsets may have gaps (compaction, transaction markers). */
export interface LogBatch {
  readonly partition: number;
  readonly records: readonly LogRecord[];
  /** Offset after the last one this batch accounts for; may exceed the last record's offset + 1. */
  readonly nextOffset: number;
  /** Why what the records say cannot be trusted, where they lie in a damaged stretch and can be told apart all the same. */
  readonly damage?: string;
}

/** A record to be produced. Strings are encoded as UTF-8. */
export interface NewRecord {
  readonly key?: string | Uint8Array | null;
  readonly value: string | Uint8Array | null;
  /** An array is a header that is repeated. */
  readonly headers?: Readonly<Record<string, string | HeaderValue | readonly HeaderValue[]>>;
  /** Epoch milliseconds; the log's own clock when left out. */
  readonly timestamp?: number;
  /** By the key's murmur2 hash when left out (Kafka's default partitioner; without a key, in turn). */
  readonly partition?: number;
}

export interface ProduceOptions {
  /** Compress what is sent, where the log can: a topic's limit on a record's size is one on its compressed size. */
  readonly compressed?: boolean;
  /** Leave values as they are, whatever schema the topic has: they were in the topic before. */
  readonly asIs?: boolean;
}

/** Where a produced record is. */
export interface RecordPosition {
  readonly partition: number;
  readonly offset: number;
}

/** A partition's range: the first offset still held and the offset after the last record a reader can see. */
export interface PartitionBounds {
  readonly low: number;
  readonly high: number;
}

/** What the log last said of a partition that is being read. */
export interface PartitionLook {
  /** The offset after the last record that the log holds: Kafka's high watermark. */
  readonly end: number;
  /** The offset after the last record that a reader may see: below `end` while a transaction is open. */
  readonly readableEnd: number;
  /** When the log said so, milliseconds of the monotonic clock. */
  readonly atMs: number;
  /** Why the partition cannot be read just now, for people: "has no leader". */
  readonly obstacle?: string;
}

/** How a member of a group is doing. */
export interface Membership {
  /** `joining` until the group has given out its partitions, and again while it does so anew. */
  readonly state: "joining" | "member";
  /** Since when, milliseconds of the monotonic clock. */
  readonly sinceMs: number;
  /** What went wrong last while joining, for people. */
  readonly trouble?: string;
}

export interface TopicSpec {
  readonly topic: string;
  readonly partitions: number;
  /** Ignored by the embedded log. */
  readonly replicationFactor?: number;
}

/** A partition of a topic, and its bounds: 0 and 0 where nobody can tell them just now, because it has no leader. */
export interface TopicPartition extends PartitionBounds {
  readonly isUnknown?: true;
}

export interface TopicInfo {
  readonly topic: string;
  /** Indexed by partition number. */
  readonly partitions: readonly TopicPartition[];
}

/**
 * A set of partitions that this member owns until the next rebalance. A rebalance that leaves it the same set need not end
 * the generation.
 *
 * Nothing is delivered before `start`. Backpressure is the pull by `next`: the adapter reads at most a bounded number of
 * records per partition ahead of it.
 */
export interface Generation {
  /** Rises with each generation of a subscription. */
  readonly id: number;
  readonly topic: string;
  readonly partitions: readonly number[];
  /** Aborted when the generation ends (rebalance, or the subscription closes). */
  readonly signal: AbortSignal;
  /** Low and high offsets of the owned partitions, asked from the log now; without those that nobody can tell of just now. */
  bounds(): Promise<ReadonlyMap<number, PartitionBounds>>;
  /** Begins delivery of each owned partition at its offset in `positions` (every owned partition must be named). */
  start(positions: ReadonlyMap<number, number>): Promise<void>;
  /**
   * The next batch of any partition, in offset order within each; `undefined` when none came within `waitMs`,
   * or when the generation has ended (then `signal` is aborted). One call at a time. Gives way to the event loop when it
   * is called in a tight loop.
   *
   * Rejects with `LogDamagedError` when a stretch of one partition cannot be read, once everything before it has been
   * handed out: the partition is set aside until `skip`, and `next` goes on with the others. Rejects with another error
   * when the log has failed for good: `LogDivergedError` when it ends before the offset that is expected next.
   */
  next(waitMs: number): Promise<LogBatch | undefined>;
  /** Delivery of a partition that was set aside goes on at `offset`. */
  skip(partition: number, offset: number): void;
  /**
   * Whether the partition has nothing more to read: everything up to the log's end has been handed out by `next`,
   * and the log has confirmed that recently. False while paused by backpressure, set aside, or while the log is away.
   */
  caughtUp(partition: number): boolean;
  /** What the log last said of the partition; `undefined` before it has said anything. Asks nobody. */
  look(partition: number): PartitionLook | undefined;
  /** How many partitions are paused by backpressure just now; left out by adapters that never read ahead. */
  paused?(): number;
  /** Moves the group's committed offsets, for lag tools only; failures are reported in a log line, never thrown. */
  commit(offsets: ReadonlyMap<number, number>): Promise<void>;
}

/** Membership in a consumer group. */
export interface Subscription extends AsyncDisposable {
  /**
   * The next generation, after the previous one has ended. Rejects with the signal's reason when aborted, and with the
   * log's error when the subscription has failed for good.
   * A group with more members than partitions gives this member generations without partitions.
   */
  nextGeneration(): Promise<Generation>;
  membership(): Membership;
  /** Leaves and joins again, so that the group decides anew who owns what (after being fenced). */
  rejoin(): Promise<void>;
}

export interface SubscribeOptions {
  readonly topic: string;
  readonly group: string;
  readonly signal: AbortSignal;
}

/** How values that were written by a schema are read. */
export interface WrittenSchema {
  /** `JSON`, `AVRO`, `PROTOBUF`, or what else the registry calls it. */
  readonly type: string;
  /**
   * The value as JSON text; left out where it is JSON. `indexes` say which message of a Protobuf schema it is, where they
   * do not stand before it. Throws `UnreadableValueError`.
   */
  readonly read?: (payload: Uint8Array, indexes?: Uint8Array) => string;
  /** Why nothing written by it can be read. */
  readonly problem?: string;
}

/** What a Schema Registry has said about the schemas that delivered records name. */
export interface WrittenSchemas {
  /** `undefined` for a schema (by id, or by GUID) that the registry does not know. */
  of(schema: number | string): WrittenSchema | undefined;
}

/** A log of topics. Errors: `LogUnavailableError`, `LogRefusedError`, `TopicMissingError`. */
export interface Log extends AsyncDisposable {
  readonly kind: "embedded" | "kafka";
  /** For people: the file's path or the brokers, without secrets. */
  readonly description: string;
  /** When a Schema Registry belongs to the log: knows the schema of every record that `Generation.next` has delivered. */
  readonly schemas?: WrittenSchemas;
  /** Existing topics among `names`, or all of them that are not internal. */
  topics(names?: readonly string[]): Promise<readonly TopicInfo[]>;
  /** Creates those that are missing; returns the names created. */
  createTopics(specs: readonly TopicSpec[]): Promise<readonly string[]>;
  /** Appends durably (acknowledged by all replicas; on disk for the embedded log). One position per record, in order. */
  produce(topic: string, records: readonly NewRecord[], options?: ProduceOptions): Promise<readonly RecordPosition[]>;
  subscribe(options: SubscribeOptions): Promise<Subscription>;
  /** The group's committed offsets by partition, for lag; a partition without one is absent. */
  committed(topic: string, group: string): Promise<ReadonlyMap<number, number>>;
}
