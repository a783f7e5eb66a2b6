// A subscription: the group says which partitions, the fetcher reads them, and a generation is what the reader sees of both.
// A generation ends when what this member has changes, never because a leader moves or a broker is away.
// Knows nothing of requests or of how records are encoded.

import type { FreshetError } from "../../../errors.ts";
import { Mailbox } from "../../mailbox.ts";
import type { Generation, Membership, PartitionBounds, SubscribeOptions, Subscription } from "../../log.ts";
import type { Codecs } from "../codecs.ts";
import type { FetchedPartition } from "../fetch.ts";
import { type Fetching, KafkaGeneration } from "../generation.ts";
import type { Client } from "./client.ts";
import type { Cluster, TopicView } from "./cluster.ts";
import { Fetcher } from "./fetcher.ts";
import { GroupMember } from "./group.ts";
import { TopicWatch } from "./topic_watch.ts";

/** A partition is never held to less than this, however many there are. */
const MIN_PARTITION_BYTES = 256 * 1024;
/** Beyond the broker's own wait, an answer may be this old and still say that a partition is read to its end. */
const RECENT_SLACK_MS = 3_000;

/** What the log lends to its subscriptions. */
export interface SubscriptionParts {
  readonly client: Client;
  readonly cluster: Cluster;
  readonly codecs: Codecs;
  readonly bounds: (topic: string, partitions: readonly number[]) => Promise<ReadonlyMap<number, PartitionBounds>>;
}

/** A generation and what reads for it. */
interface Reading {
  readonly generation: KafkaGeneration;
  readonly fetcher: Fetcher;
}

let subscriptions = 0;

export class PlatformaticSubscription implements Subscription {
  readonly #mailbox = new Mailbox<Generation>();
  readonly #purpose = `${++subscriptions}`;
  readonly #watch: TopicWatch;
  readonly #group: GroupMember;
  readonly #ending = new Set<Promise<void>>();
  #reading: Reading | undefined;
  #partitionCount: number | undefined;
  #generations = 0;
  #closed: Promise<void> | undefined;

  /** `onEnded` is called when nothing of it is left. */
  constructor(readonly parts: SubscriptionParts, readonly options: SubscribeOptions, readonly onEnded: () => void) {
    const { client, cluster } = parts;
    const { topic, group } = options;
    const failed = (error: FreshetError) => void this.#close(error);
    this.#watch = new TopicWatch(client, cluster, topic, {
      seen: (view) => {
        if (view.leaders.length !== this.#partitionCount) this.#group.lookAgain();
        this.#partitionCount = view.leaders.length;
        return this.#reading?.fetcher.lead(view) ?? false;
      },
      unseen: (error) => {
        this.#reading?.fetcher.unled("no broker answers");
        client.warnOnce(`"${topic}" cannot be read just now and is tried again: ${error.message}`);
      },
      failed,
    });
    const partitionCount = () => this.#partitionCount;
    this.#group = new GroupMember(
      client,
      cluster,
      { group, topic, purpose: `group-${this.#purpose}`, partitionCount },
      {
        assigned: (partitions) => this.#assigned(partitions),
        lost: () => this.#endReading(),
        failed,
      },
    );
    options.signal.addEventListener("abort", this.#onAbort);
  }

  nextGeneration(): Promise<Generation> {
    return this.#mailbox.next();
  }

  membership(): Membership {
    return this.#group.membership();
  }

  async rejoin(): Promise<void> {
    await this.#group.rejoin();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close(new DOMException("The subscription is closed", "AbortError"));
  }

  readonly #onAbort = () => void this.#close(this.options.signal.reason);

  #close(reason: unknown): Promise<void> {
    return this.#closed ??= (async () => {
      this.options.signal.removeEventListener("abort", this.#onAbort);
      this.#mailbox.close(reason);
      this.#endReading();
      await Promise.all([this.#watch[Symbol.asyncDispose](), this.#group[Symbol.asyncDispose]()]);
      await Promise.all(this.#ending);
      this.onEnded();
    })();
  }

  /** The group has decided. Who has the same as before reads on. */
  #assigned(partitions: readonly number[]): void {
    if (this.#closed !== undefined) return;
    const had = this.#reading?.generation.partitions;
    if (had !== undefined && had.length === partitions.length && had.every((p, i) => p === partitions[i])) return;
    this.#endReading();
    this.#reading = this.#read(partitions);
    this.#mailbox.offer(this.#reading.generation);
  }

  #read(partitions: readonly number[]): Reading {
    const { client, cluster, codecs } = this.parts;
    const { settings } = client;
    const { topic } = this.options;
    const id = ++this.#generations;
    const purpose = `fetch-${this.#purpose}-${id}`;
    const fetcher: Fetcher = new Fetcher(client, cluster, { topic, purpose, crc32c: codecs.crc32c }, {
      fetched: (fetched, fromOffset) => take(generation, fetched, fromOffset),
      outOfRange: (partition, fromOffset) => void generation.outOfRange(partition, fromOffset),
      damaged: (partition, fromOffset, stretch) => generation.damaged(partition, fromOffset, stretch),
      unserved: (partition, fromOffset) => generation.unserved(partition, fromOffset),
      blocked: (partition, obstacle) => generation.blocked(partition, obstacle),
      leaderMissed: () => this.#watch.lookAgain(),
      failed: (error) => generation.fail(error),
    });
    const room = Math.floor(settings.readAheadBytes / Math.max(1, partitions.length));
    const generation: KafkaGeneration = new KafkaGeneration(this.#fetchingBy(fetcher, () => generation), {
      id,
      topic,
      partitions,
      codecs,
      clock: client.clock,
      partitionBytes: Math.max(MIN_PARTITION_BYTES, room),
      recentMs: 2 * settings.fetchWaitMs + RECENT_SLACK_MS,
      unservedMs: settings.unservedMs,
    });
    return { generation, fetcher };
  }

  #fetchingBy(fetcher: Fetcher, generation: () => KafkaGeneration): Fetching {
    return {
      seek: (partition, offset) => fetcher.seek(partition, offset),
      pause: (partitions) => fetcher.pause(partitions),
      resume: (partitions) => {
        const view: TopicView | undefined = this.#watch.view;
        if (view === undefined || fetcher.lead(view)) this.#watch.lookAgain();
        fetcher.resume(partitions);
      },
      bounds: (partitions) => this.parts.bounds(this.options.topic, partitions),
      commit: (offsets) => this.#group.commit(offsets, generation().signal),
      failed: (failure) => void this.#close(failure),
    };
  }

  #endReading(): void {
    const reading = this.#reading;
    this.#reading = undefined;
    this.#mailbox.withdraw();
    if (reading === undefined) return;
    reading.generation.end();
    const ending = reading.fetcher[Symbol.asyncDispose]().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }
}

/** Gives the generation what was fetched; whether it has taken anything. */
function take(generation: KafkaGeneration, fetched: FetchedPartition, fromOffset: number): boolean {
  generation.answered(fetched, fromOffset);
  if (fetched.nextOffset === undefined || fetched.nextOffset <= fromOffset) return false;
  return generation.enqueue(fetched, fromOffset);
}
