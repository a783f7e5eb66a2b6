// Membership in a Kafka consumer group: keeps one kafkajs consumer alive, replaces it when it crashes or falls silent, and
// makes a generation of each assignment. Knows nothing of how records are encoded.
//
// How a partition begins where the reader says, through eager rebalances, expulsions and stale answers: when the group is
// joined (kafkajs tells before its first fetch) the old generation ends and all partitions are paused; `start` seeks and
// resumes them; what arrives and does not begin at the expected offset is refused and fetched again.

import type { Consumer, ConsumerGroupJoinEvent, EachBatchPayload, PartitionAssigner } from "kafkajs";
import { type Clock, systemClock } from "../../../clock.ts";
import { FreshetError, LogUnavailableError } from "../../../errors.ts";
import { Wakeup } from "../../wakeup.ts";
import { Mailbox } from "../../mailbox.ts";
import type { KafkaClient } from "./client.ts";
import { ROUND_ROBIN } from "../assignors.ts";
import { withDeadline } from "../deadline.ts";
import type { Codecs } from "../codecs.ts";
import { strangerInGroup } from "../errors.ts";
import { type FetchedMessage, hookFetch } from "./fetch_hook.ts";
import { obstacleOf } from "../fetch.ts";
import { type Fetching, KafkaGeneration } from "../generation.ts";
import type { Generation, Membership, PartitionBounds, SubscribeOptions, Subscription } from "../../log.ts";

const WATCH_MS = 1_000;
const DISCONNECT_PATIENCE_MS = 15_000;
const COMMIT_PATIENCE_MS = 5_000;
const BACKOFF_MS = { first: 500, most: 10_000 };
const FETCH_BYTES = 16 * 1024 * 1024;
/** A partition is never held to less than this, however many there are. */
const MIN_PARTITION_BYTES = 256 * 1024;
/** Beyond the broker's own wait, an answer may be this old and still say that a partition is read to its end. */
const RECENT_SLACK_MS = 3_000;

/** What the log lends to its subscriptions. */
export interface SubscriptionParts {
  readonly client: KafkaClient;
  readonly codecs: Codecs;
  readonly clock?: Clock;
  readonly bounds: (topic: string) => Promise<ReadonlyMap<number, PartitionBounds>>;
}

/** Why a consumer has to go. */
type Down =
  | { readonly kind: "crash"; readonly error: unknown }
  | { readonly kind: "silent" }
  | { readonly kind: "rejoin" }
  | { readonly kind: "closed" };

export class KafkaSubscription implements Subscription {
  readonly #mailbox = new Mailbox<Generation>();
  readonly #clock: Clock;
  readonly #wakeup: Wakeup;
  #generation: KafkaGeneration | undefined;
  #generations = 0;
  #consumer: Consumer | undefined;
  #down: Down | undefined;
  #lastSignMs = 0;
  #backoffMs: number = BACKOFF_MS.first;
  #closed = false;
  #membership: Membership;
  #left = Promise.withResolvers<void>();
  readonly #supervising: Promise<void>;

  constructor(readonly parts: SubscriptionParts, readonly options: SubscribeOptions) {
    this.#clock = parts.clock ?? systemClock;
    this.#wakeup = new Wakeup(this.#clock);
    this.#membership = { state: "joining", sinceMs: this.#clock.monotonic() };
    options.signal.addEventListener("abort", this.#onAbort);
    this.#supervising = this.#supervise();
  }

  /** Resolves when nothing of it is left. */
  get ended(): Promise<void> {
    return this.#supervising;
  }

  nextGeneration(): Promise<Generation> {
    return this.#mailbox.next();
  }

  membership(): Membership {
    return this.#membership;
  }

  async rejoin(): Promise<void> {
    if (this.#consumer === undefined) return; // between two consumers: the next one joins anyway
    const left = this.#left.promise;
    this.#fell({ kind: "rejoin" });
    await left;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close(new DOMException("The subscription is closed", "AbortError"));
    await this.#supervising;
  }

  readonly #onAbort = () => this.#close(this.options.signal.reason);

  #close(reason: unknown): void {
    this.#closed = true;
    this.#mailbox.close(reason);
    this.#endGeneration();
    this.#fell({ kind: "closed" });
    this.#wakeup.wake(); // a back-off ends too
    this.options.signal.removeEventListener("abort", this.#onAbort);
  }

  /** The consumer has to go; the first reason counts. */
  #fell(down: Down): void {
    this.#down ??= down;
    this.#wakeup.wake();
  }

  #endGeneration(): void {
    if (this.#membership.state === "member") {
      this.#membership = { state: "joining", sinceMs: this.#clock.monotonic() };
    }
    this.#generation?.end();
    this.#generation = undefined;
    this.#mailbox.withdraw();
  }

  /** One consumer after another, until the subscription closes or gives up. */
  async #supervise(): Promise<void> {
    while (!this.#closed) {
      this.#down = undefined;
      const { consumer, running } = this.#begin();
      const down = await this.#untilDown();
      this.#endGeneration();
      this.#consumer = undefined;
      await this.#dismantle(consumer, running);
      this.#left.resolve();
      this.#left = Promise.withResolvers<void>();
      if (down.kind === "crash" || down.kind === "silent") await this.#recover(down);
    }
  }

  #begin(): { consumer: Consumer; running: Promise<void> } {
    const { settings } = this.parts.client;
    const kafka = this.parts.client.connectable();
    const consumer: Consumer = kafka.consumer({
      groupId: this.options.group,
      sessionTimeout: settings.sessionTimeoutMs,
      rebalanceTimeout: settings.rebalanceTimeoutMs,
      heartbeatInterval: Math.floor(settings.sessionTimeoutMs / 10),
      maxWaitTimeInMs: settings.fetchWaitMs,
      minBytes: 1,
      maxBytes: FETCH_BYTES,
      maxBytesPerPartition: settings.fetchPartitionBytes,
      metadataMaxAge: settings.metadataMaxAgeMs,
      allowAutoTopicCreation: false,
      // Restarting is ours: kafkajs would do it for ever, and does it when it is being closed.
      retry: { retries: 5, restartOnFailure: () => Promise.resolve(false) },
      partitionAssigners: [
        hookFetch(named(ROUND_ROBIN, this.parts.client.kafkajs.PartitionAssigners.roundRobin), this.#fetchListener),
      ],
    });
    this.#listen(consumer);
    this.#consumer = consumer;
    this.#lastSignMs = this.#clock.monotonic();
    const running = this.#run(consumer).catch((error) => {
      if (this.#consumer === consumer) this.#fell({ kind: "crash", error });
    });
    return { consumer, running };
  }

  async #run(consumer: Consumer): Promise<void> {
    await consumer.connect();
    await consumer.subscribe({ topic: this.options.topic, fromBeginning: true });
    await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: this.#eachBatch });
  }

  #listen(consumer: Consumer): void {
    const ifCurrent = (listener: () => void) => () => {
      if (this.#consumer === consumer) listener();
    };
    const sign = ifCurrent(() => this.#lastSignMs = this.#clock.monotonic());
    consumer.on(consumer.events.FETCH, sign);
    consumer.on(consumer.events.HEARTBEAT, sign);
    consumer.on(consumer.events.REBALANCING, ifCurrent(() => this.#endGeneration()));
    consumer.on(consumer.events.GROUP_JOIN, (event) => ifCurrent(() => this.#joined(consumer, event))());
    consumer.on(consumer.events.CRASH, ({ payload: { error } }) => {
      ifCurrent(() => this.#fell({ kind: "crash", error }))();
    });
  }

  /** Runs synchronously before the first fetch of the new assignment. */
  #joined(consumer: Consumer, { payload }: ConsumerGroupJoinEvent): void {
    this.#endGeneration();
    this.#lastSignMs = this.#clock.monotonic();
    this.#backoffMs = BACKOFF_MS.first;
    if (this.#closed) return;
    const { topic, group } = this.options;
    // No member leads a group that the broker itself shares out, as it does when one member wants KIP-848. Such a member
    // is none of ours, and takes partitions without a word.
    if (payload.leaderId === "") return this.#close(strangerInGroup(group));
    const partitions = [...payload.memberAssignment[topic] ?? []].sort((a, b) => a - b);
    if (partitions.length > 0) consumer.pause([{ topic, partitions }]);
    const { settings } = this.parts.client;
    const room = Math.floor(settings.readAheadBytes / Math.max(1, partitions.length));
    this.#generation = new KafkaGeneration(this.#fetchingOf(consumer), {
      id: ++this.#generations,
      topic,
      partitions,
      codecs: this.parts.codecs,
      clock: this.#clock,
      partitionBytes: Math.max(MIN_PARTITION_BYTES, room),
      recentMs: 2 * settings.fetchWaitMs + RECENT_SLACK_MS,
      unservedMs: settings.unservedMs,
    });
    this.#membership = { state: "member", sinceMs: this.#lastSignMs };
    this.#mailbox.offer(this.#generation);
  }

  #fetchingOf(consumer: Consumer): Fetching {
    const { topic } = this.options;
    // The calls throw while the consumer is between two runs; then a new generation is on its way.
    const quietly = (call: () => void) => {
      try {
        call();
      } catch {
        this.#endGeneration();
      }
    };
    return {
      pause: (partitions) => quietly(() => consumer.pause([{ topic, partitions: [...partitions] }])),
      resume: (partitions) => quietly(() => consumer.resume([{ topic, partitions: [...partitions] }])),
      seek: (partition, offset) => quietly(() => consumer.seek({ topic, partition, offset: String(offset) })),
      bounds: async (partitions) => {
        const bounds = await this.parts.bounds(topic);
        return new Map([...bounds].filter(([partition]) => partitions.includes(partition)));
      },
      commit: (offsets) => this.#commit(consumer, offsets),
      failed: (failure) => this.#close(failure),
    };
  }

  readonly #fetchListener: Parameters<typeof hookFetch>[1] = {
    answered: (fetched, fromOffset) => this.#generation?.answered(fetched, fromOffset),
    outOfRange: (partition, fromOffset) => void this.#generation?.outOfRange(partition, fromOffset),
    refused: (partition, errorCode) => this.#generation?.blocked(partition, obstacleOf(errorCode)),
    damaged: (partition, fromOffset, stretch) => this.#generation?.damaged(partition, fromOffset, stretch),
    unserved: (partition, fromOffset) => this.#generation?.unserved(partition, fromOffset),
    unreadable: (error) => this.#close(error),
    crc32c: (bytes) => this.parts.codecs.crc32c(bytes),
  };

  /** No await and no work in here: kafkajs fetches and sends heartbeats only between the handlers. */
  readonly #eachBatch = ({ batch, resolveOffset }: EachBatchPayload): Promise<void> => {
    // Our decoder makes the messages: see fetch_hook.ts.
    const [message] = batch.messages as unknown as [FetchedMessage | undefined];
    if (message?.fetched === undefined) throw new LogUnavailableError("kafkajs did not use our decoder");
    // kafkajs's batch has it; its types do not.
    const { fetchedOffset } = batch as unknown as { readonly fetchedOffset: string };
    if (this.#generation?.enqueue(message.fetched, Number(fetchedOffset))) resolveOffset(message.offset);
    return Promise.resolve();
  };

  async #commit(consumer: Consumer, offsets: ReadonlyMap<number, number>): Promise<void> {
    const { topic, group } = this.options;
    const entries = [...offsets].map(([partition, offset]) => ({ topic, partition, offset: String(offset) }));
    try {
      await withDeadline(consumer.commitOffsets(entries), COMMIT_PATIENCE_MS, "Committing offsets");
    } catch (cause) {
      const { message } = this.parts.client.error(cause, { topics: [topic], group });
      this.parts.client.onWarning(`Offsets of group "${group}" were not committed to Kafka: ${message}`);
    }
  }

  async #untilDown(): Promise<Down> {
    const { sessionTimeoutMs, rebalanceTimeoutMs } = this.parts.client.settings;
    const silenceMs = sessionTimeoutMs + rebalanceTimeoutMs;
    while (this.#down === undefined) {
      await this.#wakeup.wait(WATCH_MS);
      if (this.#clock.monotonic() - this.#lastSignMs > silenceMs) this.#fell({ kind: "silent" });
    }
    return this.#down;
  }

  /** Leaves the group. A consumer whose run has not settled would join after it was told to stop: that is waited for. */
  async #dismantle(consumer: Consumer, running: Promise<void>): Promise<void> {
    const leave = running.then(() => consumer.disconnect());
    try {
      await withDeadline(leave, DISCONNECT_PATIENCE_MS, "Leaving the group");
    } catch (cause) {
      this.parts.client.onWarning(`Group "${this.options.group}": ${cause instanceof Error ? cause.message : cause}`);
    }
  }

  /** Waits before the next consumer; gives up only when trying again cannot help. Brokers may be away for as long as they are. */
  async #recover(down: Down): Promise<void> {
    if (this.#closed) return;
    const error = down.kind === "crash"
      ? this.parts.client.error(down.error, { topics: [this.options.topic], group: this.options.group })
      : new LogUnavailableError("Kafka has not answered this member for too long");
    if (error instanceof FreshetError && !error.retriable) return this.#close(error);
    this.parts.client.onWarning(`Group "${this.options.group}" connects again: ${error.message}`);
    this.#membership = { ...this.#membership, trouble: error.message };
    await this.#wakeup.wait(this.#backoffMs);
    this.#backoffMs = Math.min(this.#backoffMs * 2, BACKOFF_MS.most);
  }
}

/** The assigner under another name. */
function named(name: string, assigner: PartitionAssigner): PartitionAssigner {
  return (config) => ({ ...assigner(config), name });
}
