// The log in a SQLite file, for runs without Kafka: real topics, partitions, offsets and consumer groups, shared by the
// processes of one machine. Knows nothing of Kafka's protocol, of domains or of warehouses.

import { setImmediate } from "node:timers/promises";
import { join } from "node:path";
import { type Clock, systemClock } from "../clock.ts";
import { LogRefusedError, LogUnavailableError, TopicMissingError } from "../errors.ts";
import { EmbeddedFile } from "./embedded/file.ts";
import { readBounds } from "./embedded/generation.ts";
import { EmbeddedSubscription, type GroupOptions } from "./embedded/group.ts";
import { Presence } from "./embedded/presence.ts";
import { EmbeddedProducer, type ProducerTopic } from "./embedded/producer.ts";
import { DEFAULT_RETENTION, enforceRetention, type Retention, type Suspects } from "./embedded/retention.ts";
import { makePrivate, makePrivateFolder } from "../private_files.ts";
import type { Log, NewRecord, RecordPosition, SubscribeOptions, Subscription, TopicInfo, TopicSpec } from "./log.ts";
import { checkTopicName } from "./topic_name.ts";

export { DEFAULT_RETENTION, type Retention };

/** The log's file in a data folder. */
export const embeddedLogFile = (dataDir: string): string => join(dataDir, "freshet.log.db");

const RETENTION_INTERVAL_MS = 30_000;

export interface EmbeddedLogOptions {
  /** Folder of the file `freshet.log.db`; created when missing. */
  readonly dataDir: string;
  readonly clock?: Clock;
  readonly retention?: Partial<Retention>;
  /** The largest record that is taken; 1 MiB unless told, which is Kafka's default. */
  readonly recordMaxBytes?: number;
  /** A group's member that has not been heard of for this long is expelled. */
  readonly sessionTimeoutMs?: number;
  /** Told of trouble that needs no action by the caller. */
  readonly onWarning?: (message: string) => void;
}

/** Opens or creates the log. Errors: `LogRefusedError` (damaged, foreign, read-only), `LogUnavailableError` (locked). */
export async function openEmbeddedLog(options: EmbeddedLogOptions): Promise<EmbeddedLog> {
  try {
    await makePrivateFolder(options.dataDir);
  } catch (cause) {
    throw new LogRefusedError(`The data directory "${options.dataDir}" cannot be created: ${text(cause)}`, { cause });
  }
  const file = await EmbeddedFile.open(embeddedLogFile(options.dataDir), options.clock ?? systemClock);
  await makePrivate(file.path);
  return new EmbeddedLog(file, options);
}

/** See {@link Log}. Made by {@link openEmbeddedLog}. */
export class EmbeddedLog implements Log {
  readonly kind = "embedded";
  readonly description: string;
  readonly #producer: EmbeddedProducer;
  readonly #topics = new Map<string, ProducerTopic>();
  readonly #subscriptions = new Set<Subscription>();
  readonly #retention: Retention;
  readonly #suspects: Suspects = new Map();
  readonly #group: GroupOptions;
  #retentionDueMs = 0;
  #retaining: Promise<void> | undefined;
  readonly #presence: Presence;
  #closed = false;

  constructor(readonly file: EmbeddedFile, options: EmbeddedLogOptions) {
    this.description = file.path;
    this.#presence = new Presence(file);
    this.#producer = new EmbeddedProducer(file, options.recordMaxBytes);
    this.#retention = { ...DEFAULT_RETENTION, ...options.retention };
    this.#group = {
      sessionTimeoutMs: options.sessionTimeoutMs ?? 10_000,
      onWarning: options.onWarning ?? (() => {}),
    };
  }

  // deno-lint-ignore require-await -- a failing query must reject, not throw
  async topics(names?: readonly string[]): Promise<readonly TopicInfo[]> {
    this.#assertOpen();
    this.file.check();
    return this.file.all<{ id: number; name: string }>("SELECT id, name FROM topics ORDER BY name")
      .filter(({ name }) => names === undefined || names.includes(name))
      .map(({ id, name }) => ({ topic: name, partitions: [...readBounds(this.file, id).values()] }));
  }

  async createTopics(specs: readonly TopicSpec[]): Promise<readonly string[]> {
    this.#assertOpen();
    for (const { topic, partitions } of specs) checkTopicName(topic, partitions);
    if (specs.every(({ topic }) => this.#find(topic) !== undefined)) return [];
    return await this.file.write("other", () => specs.filter((spec) => this.#create(spec)).map(({ topic }) => topic));
  }

  async produce(topic: string, records: readonly NewRecord[]): Promise<readonly RecordPosition[]> {
    this.#assertOpen();
    const positions = await this.#producer.produce(this.#topic(topic), records);
    this.#keepRetention();
    return positions;
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    this.#assertOpen();
    const { id, partitions } = this.#topic(options.topic);
    await this.#presence.enter();
    const group = { ...this.#group, onEnded: () => this.#subscriptions.delete(subscription) };
    const subscription = new EmbeddedSubscription(this.file, { topicId: id, partitions }, options, group);
    await subscription.open();
    this.#subscriptions.add(subscription);
    return subscription;
  }

  // deno-lint-ignore require-await -- a failing query must reject, not throw
  async committed(topic: string, group: string): Promise<ReadonlyMap<number, number>> {
    this.#assertOpen();
    const rows = this.file.all<{ partition: number; next: number }>(
      "SELECT partition, next_offset AS next FROM committed WHERE topic_id = ? AND group_name = ?",
      this.#topic(topic).id,
      group,
    );
    return new Map(rows.map(({ partition, next }) => [partition, next]));
  }

  /** Deletes what is older or more than the retention allows; runs by itself after produces. Returns segments deleted. */
  async enforceRetention(): Promise<number> {
    return await enforceRetention(this.file, this.#retention, this.#suspects);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const subscription of this.#subscriptions) await subscription[Symbol.asyncDispose]();
    await this.#producer.drain();
    await this.#retaining;
    this.#presence[Symbol.dispose]();
    await this.file[Symbol.asyncDispose]();
  }

  /** True when the topic was missing. */
  #create({ topic, partitions }: TopicSpec): boolean {
    if (
      this.file.run("INSERT OR IGNORE INTO topics (name, created_ms) VALUES (?, ?)", topic, this.file.clock.now()) === 0
    ) {
      return false;
    }
    const { id } = this.file.get<{ id: number }>("SELECT id FROM topics WHERE name = ?", topic)!;
    for (let partition = 0; partition < partitions; partition++) {
      this.file.run("INSERT INTO partitions VALUES (?, ?, 0, 0)", id, partition);
    }
    return true;
  }

  #topic(name: string): ProducerTopic {
    const topic = this.#find(name);
    if (topic === undefined) throw new TopicMissingError([name]);
    return topic;
  }

  /** Topics are never deleted or resized, so what was found once stays true. */
  #find(name: string): ProducerTopic | undefined {
    let topic = this.#topics.get(name);
    if (topic === undefined) {
      topic = this.file.get<ProducerTopic>(
        `SELECT id, name, (SELECT count(*) FROM partitions WHERE topic_id = id) AS partitions FROM topics WHERE name = ?`,
        name,
      );
      if (topic !== undefined) this.#topics.set(name, topic);
    }
    return topic;
  }

  #keepRetention(): void {
    const now = this.file.clock.now();
    if (now < this.#retentionDueMs || this.#retaining !== undefined) return;
    this.#retentionDueMs = now + RETENTION_INTERVAL_MS;
    this.#retaining = setImmediate()
      .then(() => enforceRetention(this.file, this.#retention, this.#suspects))
      .then(() => {}, (cause) => this.#group.onWarning(`Retention of the log failed: ${text(cause)}`))
      .finally(() => this.#retaining = undefined);
  }

  #assertOpen(): void {
    if (this.#closed) throw new LogUnavailableError(`The log "${this.description}" is closed`);
  }
}

function text(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
