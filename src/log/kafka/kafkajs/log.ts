// The log in Kafka, by kafkajs: topics, producing, consumer groups. Knows nothing of domains or warehouses.

import { ConstantBackoff, handleWhen, retry } from "cockatiel";
import type { Admin } from "kafkajs";
import type { Clock } from "../../../clock.ts";
import { FreshetError, LogRefusedError, LogUnavailableError, TopicMissingError } from "../../../errors.ts";
import type { KafkaLogOptions } from "../../kafka.ts";
import { connected, KafkaClient } from "./client.ts";
import { type Codecs, loadCodecs } from "../codecs.ts";
import { withDeadline } from "../deadline.ts";
import { KafkaProducer } from "./producer.ts";
import { KafkaSubscription } from "./subscription.ts";
import type {
  Log,
  NewRecord,
  PartitionBounds,
  ProduceOptions,
  RecordPosition,
  SubscribeOptions,
  Subscription,
  TopicInfo,
  TopicSpec,
} from "../../log.ts";
import { checkTopicName } from "../../topic_name.ts";

const CLOSE_PATIENCE_MS = 10_000;

/** Loads kafkajs. Connects when first needed: the errors of the broker come from the calls. */
export async function openKafkaJsLog(options: KafkaLogOptions): Promise<KafkaJsLog> {
  const client = await KafkaClient.load(options.settings, options.onWarning ?? (() => {}));
  return new KafkaJsLog(client, await loadCodecs(), options.clock);
}

/** See {@link Log}. Made by {@link openKafkaJsLog}. */
export class KafkaJsLog implements Log {
  readonly kind = "kafka";
  readonly description: string;
  readonly #producer: KafkaProducer;
  readonly #producedTo = new Set<string>();
  readonly #subscriptions = new Set<Subscription>();
  #admin: Promise<Admin> | undefined;
  #closed = false;

  constructor(readonly client: KafkaClient, readonly codecs: Codecs, readonly clock?: Clock) {
    this.description = `Kafka at ${client.settings.brokers.join(", ")}`;
    this.#producer = new KafkaProducer(client);
  }

  async topics(names?: readonly string[]): Promise<readonly TopicInfo[]> {
    return await this.#asAdmin(async (admin) => {
      const existing = (await admin.listTopics()).filter((topic) => names?.includes(topic) ?? !topic.startsWith("__"));
      const infos = existing.sort().map(async (topic): Promise<TopicInfo> => {
        return { topic, partitions: [...boundsOf(await offsetsOf(admin, topic)).values()] };
      });
      return await Promise.all(infos);
    }, names);
  }

  async createTopics(specs: readonly TopicSpec[]): Promise<readonly string[]> {
    for (const { topic, partitions } of specs) checkTopicName(topic, partitions);
    const topics = specs.map(({ topic }) => topic);
    const existing = await this.#asAdmin(async (admin) => new Set(await admin.listTopics()), topics);
    const missing = specs.filter(({ topic }) => !existing.has(topic));
    if (missing.length === 0) return [];
    // A client of its own: one kept from before asks for topics that were deleted since, and stops at them before it creates.
    const admin = await this.client.call(() => this.#connectAdmin(), { topics });
    try {
      await this.client.call(() => create(admin, missing), { topics });
      return missing.map(({ topic }) => topic);
    } finally {
      await admin.disconnect().catch(() => {});
    }
  }

  async produce(
    topic: string,
    records: readonly NewRecord[],
    options: ProduceOptions = {},
  ): Promise<readonly RecordPosition[]> {
    this.#assertOpen();
    // kafkajs would look for a missing topic for seconds.
    if (!this.#producedTo.has(topic)) await this.#assertExists(topic);
    this.#producedTo.add(topic);
    return await this.#producer.produce(topic, records, options);
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    options.signal.throwIfAborted();
    await this.#assertExists(options.topic); // says at once what is wrong with the broker, the login or the topic
    const { client, codecs, clock } = this;
    const bounds = (topic: string) => this.#bounds(topic);
    const subscription = new KafkaSubscription({ client, codecs, clock, bounds }, options);
    this.#subscriptions.add(subscription);
    void subscription.ended.then(() => this.#subscriptions.delete(subscription));
    return subscription;
  }

  async committed(topic: string, group: string): Promise<ReadonlyMap<number, number>> {
    return await this.#asAdmin(async (admin) => {
      const [found] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
      const offsets = found?.partitions.map(({ partition, offset }) => [partition, Number(offset)] as const) ?? [];
      return new Map(offsets.filter(([, offset]) => offset >= 0));
    }, [topic]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all([...this.#subscriptions].map((subscription) => subscription[Symbol.asyncDispose]()));
    const closing = Promise.all([this.#producer[Symbol.asyncDispose](), this.#dropAdmin()]);
    await withDeadline(closing, CLOSE_PATIENCE_MS, "Closing the connections").catch((error: Error) => {
      this.client.onWarning(error.message);
    });
  }

  /** Not asked for its ends: a partition without a leader has none to tell. */
  async #assertExists(topic: string): Promise<void> {
    await this.#asAdmin((admin) => assertExists(admin, topic), [topic]);
  }

  async #bounds(topic: string): Promise<Map<number, PartitionBounds>> {
    return await this.#asAdmin(async (admin) => {
      await assertExists(admin, topic);
      return boundsOf(await offsetsOf(admin, topic));
    }, [topic]);
  }

  /** Runs `body` with the admin client; once more with a new one when the connection kept from before has gone. */
  async #asAdmin<T>(body: (admin: Admin) => Promise<T>, topics?: readonly string[]): Promise<T> {
    this.#assertOpen();
    const isKept = this.#admin !== undefined;
    try {
      return await body(await (this.#admin ??= this.#connectAdmin()));
    } catch (thrown) {
      await this.#dropAdmin();
      const error = this.client.error(thrown, { topics });
      // A kept connection may have gone, and kafkajs goes on asking for topics that were deleted since.
      if (!isKept || thrown instanceof FreshetError || error instanceof LogRefusedError) throw error;
    }
    this.#assertOpen();
    return await this.client.call(async () => await body(await (this.#admin ??= this.#connectAdmin())), { topics });
  }

  #connectAdmin(): Promise<Admin> {
    return connected(this.client.connectable().admin());
  }

  async #dropAdmin(): Promise<void> {
    const admin = this.#admin;
    this.#admin = undefined;
    await admin?.then((connected) => connected.disconnect()).catch(() => {});
  }

  #assertOpen(): void {
    if (this.#closed) throw new LogUnavailableError(`The log (${this.description}) is closed`);
  }
}

async function create(admin: Admin, specs: readonly TopicSpec[]): Promise<void> {
  for (const { topic, partitions, replicationFactor } of specs) {
    const request = { topic, numPartitions: partitions, replicationFactor: replicationFactor ?? -1 };
    // False when it is there already: made meanwhile, or by a first try whose answer was lost. It was missing all the same.
    await admin.createTopics({ topics: [request], waitForLeaders: true }).catch(async (error) => {
      // kafkajs waits for leaders, but gives up at a broker that has not heard of the topic yet.
      if (error.type !== "UNKNOWN_TOPIC_OR_PARTITION") throw error;
      await listed.execute(() => assertExists(admin, topic));
    });
  }
}

/** A topic just made, or moved, has partitions without a leader for a moment, or that their broker does not know yet. */
const leaderElected = retry(
  handleWhen((error) =>
    /^(NOT_LEADER_FOR_PARTITION|LEADER_NOT_AVAILABLE|UNKNOWN_TOPIC_OR_PARTITION)$/.test(
      (error as { type?: string }).type ?? "",
    )
  ),
  { maxAttempts: 20, backoff: new ConstantBackoff(100) },
);

/** Until a broker has heard of a topic that was just made. */
const listed = retry(
  handleWhen((error) => error instanceof TopicMissingError),
  { maxAttempts: 50, backoff: new ConstantBackoff(100) },
);

async function assertExists(admin: Admin, topic: string): Promise<void> {
  if (!(await admin.listTopics()).includes(topic)) throw new TopicMissingError([topic]);
}

function offsetsOf(admin: Admin, topic: string) {
  return leaderElected.execute(() => admin.fetchTopicOffsets(topic));
}

function boundsOf(
  offsets: readonly { readonly partition: number; readonly low: string; readonly high: string }[],
): Map<number, PartitionBounds> {
  const sorted = offsets.toSorted((a, b) => a.partition - b.partition);
  return new Map(sorted.map(({ partition, low, high }) => [partition, { low: Number(low), high: Number(high) }]));
}
