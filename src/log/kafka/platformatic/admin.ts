// What is asked of the cluster and the group coordinators besides reading and producing: topics, their ends, offsets that a
// group has committed. Knows nothing of generations.

import { LogUnavailableError } from "../../../errors.ts";
import type { PartitionBounds, TopicInfo, TopicSpec } from "../../log.ts";
import { type Address, answerOf, type Client } from "./client.ts";
import type { Cluster } from "./cluster.ts";
import { PASSING_ERRORS, TOPIC_ALREADY_EXISTS } from "./codes.ts";

const CONSUMER = -1;
const READ_COMMITTED = 1;
const EARLIEST = -2n;
const LATEST = -1n;
/** A topic just made, or moved, has partitions without a leader for a moment. */
const ELECTION = { tries: 20, pauseMs: 100 };

const UNKNOWN = { low: 0, high: 0, isUnknown: true } as const;

type OffsetsAnswer = Awaited<ReturnType<Client["library"]["listOffsetsV5"]["api"]["async"]>>;

export class Admin {
  constructor(readonly client: Client, readonly cluster: Cluster) {}

  /** Those among `names`, or all that are not internal, by name. */
  async topicNames(names?: readonly string[]): Promise<readonly string[]> {
    if (names?.length === 0) return [];
    const { topics } = await this.cluster.metadata(names ?? null);
    const isAsked = (name: string) => names !== undefined || !name.startsWith("__");
    return topics.filter(({ name, errorCode, isInternal }) => errorCode === 0 && !isInternal && isAsked(name))
      .map(({ name }) => name).toSorted();
  }

  async topicInfo(topic: string): Promise<TopicInfo> {
    const { leaders } = await this.cluster.view(topic);
    const bounds = await this.bounds(topic, [...leaders.keys()]);
    return { topic, partitions: [...leaders.keys()].map((partition) => bounds.get(partition) ?? UNKNOWN) };
  }

  /** First and last offsets that readers can see, of the partitions that have a leader. Rejects when none of them has one. */
  async bounds(topic: string, partitions: readonly number[]): Promise<ReadonlyMap<number, PartitionBounds>> {
    const bounds = new Map<number, PartitionBounds>();
    let failure: unknown;
    for (let tries = 0; tries < ELECTION.tries; tries++) {
      const missing = partitions.filter((partition) => !bounds.has(partition));
      if (missing.length === 0) break;
      if (tries > 0) await this.client.clock.sleep(ELECTION.pauseMs);
      const { leaders } = await this.cluster.view(topic);
      const byLeader = Map.groupBy(missing, (partition) => leaders[partition]);
      const asked = [...byLeader].map(async ([leader, led]) => {
        if (leader === undefined) failure ??= new LogUnavailableError(`"${topic}" partition ${led[0]} has no leader`);
        else for (const [partition, found] of await this.#boundsAt(leader, topic, led)) bounds.set(partition, found);
      });
      for (const { reason } of (await Promise.allSettled(asked)).filter((result) => result.status === "rejected")) {
        failure = this.client.error(reason, { topics: [topic] });
        if (!(failure as LogUnavailableError).retriable) throw failure;
      }
    }
    if (bounds.size === 0 && partitions.length > 0) {
      throw failure ?? new LogUnavailableError(`"${topic}" has partitions without a leader`);
    }
    return new Map([...bounds].toSorted(([a], [b]) => a - b));
  }

  /** Creates a topic; false when it is there already. */
  async createTopic({ topic, partitions, replicationFactor = -1 }: TopicSpec): Promise<boolean> {
    const { createTopicsV4 } = this.client.library;
    const { requestTimeoutMs } = this.client.settings;
    const spec = { name: topic, numPartitions: partitions, replicationFactor, assignments: [], configs: [] };
    const { controllerId, brokers } = await this.cluster.metadata([topic]);
    const controller = brokers.find(({ nodeId }) => nodeId === controllerId) ?? brokers[0]!;
    const connection = await this.cluster.connection(controller, "any");
    try {
      await createTopicsV4.api.async(connection, [spec], requestTimeoutMs, false);
    } catch (thrown) {
      const [answer] = answerOf<{ topics: readonly { errorCode: number }[] }>(thrown)?.topics ?? [];
      if (answer?.errorCode === TOPIC_ALREADY_EXISTS) return false;
      throw thrown;
    }
    await this.#untilLed(topic);
    return true;
  }

  async committed(topic: string, group: string): Promise<ReadonlyMap<number, number>> {
    const { leaders } = await this.cluster.view(topic);
    const coordinator = await this.client.patiently(() => this.cluster.coordinator(group));
    const connection = await this.cluster.connection(coordinator, "any");
    const asked = [{
      groupId: group,
      memberEpoch: -1,
      topics: [{ name: topic, partitionIndexes: [...leaders.keys()] }],
    }];
    const { topics } = await this.client.patiently(() =>
      this.client.library.offsetFetchV5.api.async(connection, asked as never, false)
    );
    const partitions = (topics as readonly OffsetsOfTopic[]).flatMap((info) => info.partitions);
    return new Map(
      partitions.filter(({ committedOffset }) => committedOffset >= 0n)
        .map(({ partitionIndex, committedOffset }) => [partitionIndex, Number(committedOffset)]),
    );
  }

  async #boundsAt(leader: Address, topic: string, partitions: readonly number[]) {
    const connection = await this.cluster.connection(leader, "any");
    const ask = async (timestamp: bigint) => {
      const asked = partitions.map((partitionIndex) => ({ partitionIndex, currentLeaderEpoch: -1, timestamp }));
      const { listOffsetsV5 } = this.client.library;
      const answer = await listOffsetsV5.api.async(connection, CONSUMER, READ_COMMITTED, [
        { name: topic, partitions: asked },
      ]).catch((thrown: unknown) => {
        const answer = answerOf<OffsetsAnswer>(thrown);
        if (answer === undefined) throw thrown;
        return answer;
      });
      return new Map(answer.topics[0]!.partitions.map((found) => [found.partitionIndex, found]));
    };
    const [lows, highs] = await Promise.all([ask(EARLIEST), ask(LATEST)]);
    const bounds = new Map<number, PartitionBounds>();
    for (const partition of partitions) {
      const [low, high] = [lows.get(partition)!, highs.get(partition)!];
      const code = low.errorCode || high.errorCode;
      if (code === 0) bounds.set(partition, { low: Number(low.offset), high: Number(high.offset) });
      else if (!PASSING_ERRORS.has(code)) throw new this.client.library.ProtocolError(code);
    }
    return bounds;
  }

  async #untilLed(topic: string): Promise<void> {
    for (let tries = 0; tries < ELECTION.tries; tries++) {
      const { topics: [info] } = await this.cluster.metadata([topic]);
      const isLed = info?.errorCode === 0 && info.partitions.every(({ leaderId }) => leaderId >= 0);
      if (isLed && info.partitions.length > 0) return;
      await this.client.clock.sleep(ELECTION.pauseMs);
    }
  }
}

interface OffsetsOfTopic {
  readonly partitions: readonly { readonly partitionIndex: number; readonly committedOffset: bigint }[];
}
