// What members of a group tell each other through the broker: what a member has, who gets what. The bodies are those of
// Kafka's own consumers (consumer protocol, versions 0 to 3), so its tools can read them. Knows nothing of requests.

import { Buffer } from "node:buffer";
import { ROUND_ROBIN, STICKY } from "../assignors.ts";
import { type Candidate, shareOut } from "./assignment.ts";
import type { Library } from "./client.ts";

type Member = Awaited<ReturnType<Library["joinGroupV5"]["api"]["async"]>>["members"][number];

export const PROTOCOL_TYPE = "consumer";
/** The better one first: the broker takes the first that every member knows. */
export const PROTOCOLS = [STICKY, ROUND_ROBIN] as const;

const SUBSCRIPTION_VERSION = 3;
const ASSIGNMENT_VERSION = 0;

/** What a member says of itself when it joins. */
export interface Joining {
  readonly topic: string;
  readonly owned: readonly number[];
  readonly generation: number;
  /** How often it has joined: what differs makes the broker ask everybody anew. */
  readonly times: number;
}

/** What a member was given. */
export interface Given {
  readonly partitions: readonly number[];
  /**
   * How many partitions the topic had for the leader: none when it was another topic, as for a static member that reads another
   * one since it was restarted; undefined when the leader is a client that does not say.
   */
  readonly partitionCount: number | undefined;
}

export function encodeJoining(library: Library, { topic, owned, generation, times }: Joining): Buffer {
  return library.encodeConsumerProtocolSubscription({
    version: SUBSCRIPTION_VERSION,
    topics: [topic],
    userData: int32(times),
    ownedPartitions: [{ topic, partitions: [...owned] }],
    generationId: generation,
  });
}

/** The leader's work: who of `members` gets which partitions, encoded. */
export function encodeShares(
  library: Library,
  members: readonly Member[],
  partitionCounts: ReadonlyMap<string, number>,
): { memberId: string; assignment: Buffer }[] {
  const subscriptions = members.map(({ memberId, metadata }) => ({
    memberId,
    ...library.decodeConsumerProtocolSubscription(metadata),
  }));
  const given = new Map<string, { topic: string; partitions: number[] }[]>(
    members.map(({ memberId }) => [memberId, []]),
  );
  for (const [topic, count] of partitionCounts) {
    const candidates = subscriptions.filter(({ topics }) => topics.includes(topic)).map((member): Candidate => ({
      memberId: member.memberId,
      owned: member.ownedPartitions.find((owned) => owned.topic === topic)?.partitions ?? [],
      generation: member.generationId,
    }));
    for (const [memberId, partitions] of shareOut(count, candidates)) given.get(memberId)!.push({ topic, partitions });
  }
  return subscriptions.map(({ memberId, topics }) => ({
    memberId,
    assignment: library.encodeConsumerProtocolAssignment({
      version: ASSIGNMENT_VERSION,
      assignedPartitions: given.get(memberId)!,
      userData: Buffer.concat([int32(partitionCounts.get(topics[0]!) ?? 0), Buffer.from(topics[0]!)]),
    }),
  }));
}

/** The topics that any of `members` reads. */
export function topicsOf(library: Library, members: readonly Member[]): readonly string[] {
  return [...new Set(members.flatMap(({ metadata }) => library.decodeConsumerProtocolSubscription(metadata).topics))];
}

export function decodeGiven(library: Library, topic: string, assignment: Buffer): Given {
  const { assignedPartitions, userData } = library.decodeConsumerProtocolAssignment(assignment);
  const partitions = assignedPartitions.find((given) => given.topic === topic)?.partitions ?? [];
  const isOurs = userData.length > 4 && userData.toString("utf8", 4) === topic;
  return {
    partitions: partitions.toSorted((a, b) => a - b),
    partitionCount: userData.length <= 4 ? undefined : isOurs ? userData.readInt32BE() : 0,
  };
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
