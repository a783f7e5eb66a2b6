// The log in Kafka, by the connections of @platformatic/kafka and our own reading, group and producer on them.
// Knows nothing of domains or warehouses.

import { LogUnavailableError } from "../../../errors.ts";
import type { KafkaLogOptions } from "../../kafka.ts";
import type {
  Log,
  NewRecord,
  ProduceOptions,
  RecordPosition,
  SubscribeOptions,
  Subscription,
  TopicInfo,
  TopicSpec,
} from "../../log.ts";
import { checkTopicName } from "../../topic_name.ts";
import { type Codecs, loadCodecs } from "../codecs.ts";
import { Admin } from "./admin.ts";
import { answerOf, Client } from "./client.ts";
import { Cluster } from "./cluster.ts";
import { Producer } from "./producer.ts";
import { PlatformaticSubscription } from "./subscription.ts";

/** Loads the package. Connects when first needed: the errors of the broker come from the calls. */
export async function openPlatformaticLog(options: KafkaLogOptions): Promise<PlatformaticLog> {
  return new PlatformaticLog(await Client.load(options), await loadCodecs());
}

/** See {@link Log}. Made by {@link openPlatformaticLog}. */
export class PlatformaticLog implements Log {
  readonly kind = "kafka";
  readonly description: string;
  readonly #cluster: Cluster;
  readonly #admin: Admin;
  readonly #producer: Producer;
  readonly #subscriptions = new Set<Subscription>();
  #closed = false;

  constructor(readonly client: Client, readonly codecs: Codecs) {
    this.description = `Kafka at ${client.settings.brokers.join(", ")}`;
    this.#cluster = new Cluster(client);
    this.#admin = new Admin(client, this.#cluster);
    this.#producer = new Producer(client, this.#cluster, codecs.crc32c);
  }

  async topics(names?: readonly string[]): Promise<readonly TopicInfo[]> {
    return await this.#call(async () => {
      const found = await this.#admin.topicNames(names);
      return await Promise.all(found.map((topic) => this.#admin.topicInfo(topic)));
    }, names);
  }

  async createTopics(specs: readonly TopicSpec[]): Promise<readonly string[]> {
    for (const { topic, partitions } of specs) checkTopicName(topic, partitions);
    const names = specs.map(({ topic }) => topic);
    return await this.#call(async () => {
      const existing = new Set(await this.#admin.topicNames(names));
      const missing = specs.filter(({ topic }) => !existing.has(topic));
      for (const spec of missing) await this.#admin.createTopic(spec);
      return missing.map(({ topic }) => topic);
    }, names);
  }

  async produce(
    topic: string,
    records: readonly NewRecord[],
    options?: ProduceOptions,
  ): Promise<readonly RecordPosition[]> {
    this.#assertOpen();
    return await this.#producer.produce(topic, records, options);
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    options.signal.throwIfAborted();
    await this.#call(() => this.#cluster.view(options.topic)); // says at once what is wrong with the login or the topic
    const { client, codecs } = this;
    const parts = { client, codecs, cluster: this.#cluster, bounds: this.#bounds };
    const subscription: Subscription = new PlatformaticSubscription(parts, options, () => {
      this.#subscriptions.delete(subscription);
    });
    this.#subscriptions.add(subscription);
    return subscription;
  }

  async committed(topic: string, group: string): Promise<ReadonlyMap<number, number>> {
    return await this.#call(() => this.#admin.committed(topic, group), [topic]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all([...this.#subscriptions].map((subscription) => subscription[Symbol.asyncDispose]()));
    await this.#cluster[Symbol.asyncDispose]();
  }

  readonly #bounds = (topic: string, partitions: readonly number[]) =>
    this.#call(() => this.#admin.bounds(topic, partitions), [topic]);

  /** Runs a call, its errors translated; once more when a connection kept from before has gone. */
  async #call<T>(body: () => Promise<T>, topics?: readonly string[]): Promise<T> {
    this.#assertOpen();
    try {
      return await body();
    } catch (thrown) {
      const error = this.client.error(thrown, { topics });
      if (!error.retriable || error === thrown || answerOf(thrown) !== undefined || this.#closed) throw error;
    }
    try {
      return await body();
    } catch (thrown) {
      throw this.client.error(thrown, { topics });
    }
  }

  #assertOpen(): void {
    if (this.#closed) throw new LogUnavailableError(`The log (${this.description}) is closed`);
  }
}
