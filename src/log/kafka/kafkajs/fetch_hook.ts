// The way from kafkajs's consumer to our own reading of fetch answers. kafkajs hands its cluster to the partition assigner;
// from there each broker's `fetch` is given our decoder. Knows kafkajs 2.2.4 from inside, which is why it is pinned.
//
// Our decoder instead of kafkajs's: kafkajs delivers records of aborted transactions, stops for ever at batches that
// compaction emptied, resets in silence when an offset is out of range, checks no checksum, and takes three times as long.

import type { PartitionAssigner } from "kafkajs";
import { LogRefusedError } from "../../../errors.ts";
import { damageIn, isRoomy, isUnserved } from "../damage.ts";
import {
  type DamagedStretch,
  decodeFetchAnswer,
  FETCH_VERSIONS,
  type FetchedPartition,
  OFFSET_OUT_OF_RANGE,
} from "../fetch.ts";

/** Told of each partition of each answer before kafkajs sees it. */
export interface FetchListener {
  /** The broker answered for `partition`, asked from `fromOffset`. */
  answered(fetched: FetchedPartition, fromOffset: number): void;
  /** The log does not hold `fromOffset`. */
  outOfRange(partition: number, fromOffset: number): void;
  /** The broker does not hand out the partition just now. */
  refused(partition: number, errorCode: number): void;
  /** What the log holds at `fromOffset` cannot be read. */
  damaged(partition: number, fromOffset: number, stretch: DamagedStretch): void;
  /** The broker says that it has records behind `fromOffset`, and gave none although nothing kept it from that. */
  unserved(partition: number, fromOffset: number): void;
  /** An answer cannot be read, and will not become readable. */
  unreadable(error: Error): void;
  /** Kafka's checksum. */
  readonly crc32c: (bytes: Uint8Array) => number;
}

/** The only message of a batch that kafkajs hands over: everything that was fetched of a partition. */
export interface FetchedMessage {
  readonly offset: string;
  readonly isControlRecord: false;
  readonly fetched: FetchedPartition;
}

interface FetchRequest {
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly { readonly partition: number; readonly fetchOffset: string }[];
  }[];
}

interface Protocol {
  readonly request: { readonly apiVersion: number };
  readonly response: { decode(payload: Uint8Array): Promise<unknown>; parse(decoded: unknown): Promise<unknown> };
}

type Lookup = (apiKey: number, definition: unknown) => (request: FetchRequest) => Protocol;

interface Broker {
  lookupRequest: Lookup;
  fetch(request: FetchRequest): Promise<unknown>;
}

interface Cluster {
  findBroker(node: { nodeId: string }): Promise<Broker>;
}

/** `assigner`, whose consumer then fetches by our decoder and tells `listener`. */
export function hookFetch(assigner: PartitionAssigner, listener: FetchListener): PartitionAssigner {
  return (config) => {
    // Its types say nothing of a cluster; the pinned version has this method.
    const cluster = config.cluster as unknown as Cluster;
    const hooked = new WeakSet<Broker>();
    const findBroker = cluster.findBroker.bind(cluster);
    cluster.findBroker = async (node) => {
      const broker = await findBroker(node);
      if (!hooked.has(broker)) {
        hooked.add(broker);
        hookBroker(broker, listener);
      }
      return broker;
    };
    return assigner(config);
  };
}

function hookBroker(broker: Broker, listener: FetchListener): void {
  const fetch = broker.fetch;
  broker.fetch = function (request) {
    // `fetch` looks the protocol up before its first await, so it is exchanged for just that moment.
    const lookup = this.lookupRequest;
    this.lookupRequest = (apiKey, definition) => (asked) =>
      ownDecoder(lookup(apiKey, definition)(asked), asked, listener);
    try {
      return fetch.call(this, request);
    } finally {
      this.lookupRequest = lookup;
    }
  };
}

function ownDecoder(protocol: Protocol, asked: FetchRequest, listener: FetchListener): Protocol {
  const version = protocol.request.apiVersion;
  const decode = (payload: Uint8Array) => {
    try {
      return Promise.resolve(answerFor(version, payload, asked, listener));
    } catch (cause) {
      const error = new LogRefusedError(`An answer of Kafka cannot be read: ${textOf(cause)}`, { cause });
      listener.unreadable(error);
      return Promise.reject(error);
    }
  };
  return { ...protocol, response: { decode, parse: (decoded) => protocol.response.parse(decoded) } };
}

function answerFor(version: number, payload: Uint8Array, asked: FetchRequest, listener: FetchListener) {
  if (version < FETCH_VERSIONS.oldest || version > FETCH_VERSIONS.newest) {
    throw new RangeError(`the broker speaks fetch version ${version}, Kafka 0.11 or later is needed`);
  }
  const { throttleMs, errorCode, sessionId, topics } = decodeFetchAnswer(version, payload, listener.crc32c);
  const hadRoom = isRoomy(throttleMs, topics.flatMap(({ partitions }) => partitions));
  return {
    throttleTime: 0,
    clientSideThrottleTime: version >= 8 ? throttleMs : 0,
    errorCode,
    sessionId,
    responses: topics.map(({ topic, partitions }) => ({
      topicName: topic,
      partitions: partitions.map((fetched) => {
        const fromOffset = offsetAsked(asked, topic, fetched.partition);
        if (hadRoom && isUnserved(fetched, fromOffset)) listener.unserved(fetched.partition, fromOffset);
        return partitionFor(fetched, fromOffset, listener);
      }),
    })),
  };
}

/** A partition as kafkajs expects it, with one message that stands for everything. */
function partitionFor(fetched: FetchedPartition, fromOffset: number, listener: FetchListener) {
  const { partition, errorCode } = fetched;
  const isOutOfRange = errorCode === OFFSET_OUT_OF_RANGE;
  const damage = damageIn(fetched, fromOffset);
  if (isOutOfRange) listener.outOfRange(partition, fromOffset);
  else if (damage) listener.damaged(partition, fromOffset, damage);
  else if (errorCode === 0) listener.answered(fetched, fromOffset);
  else listener.refused(partition, errorCode);
  const messages: FetchedMessage[] = [];
  if (!damage && fetched.nextOffset !== undefined && fetched.nextOffset > fromOffset) {
    messages.push({ offset: String(fetched.nextOffset - 1), isControlRecord: false, fetched });
  }
  return {
    partition,
    errorCode: isOutOfRange || damage ? 0 : errorCode,
    highWatermark: String(fetched.highWatermark),
    lastStableOffset: String(fetched.lastStableOffset),
    abortedTransactions: [],
    preferredReadReplica: fetched.preferredReadReplica,
    messages,
  };
}

function offsetAsked(asked: FetchRequest, topic: string, partition: number): number {
  for (const entry of asked.topics) {
    if (entry.topic !== topic) continue;
    const found = entry.partitions.find((p) => p.partition === partition);
    if (found !== undefined) return Number(found.fetchOffset);
  }
  return -1;
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
