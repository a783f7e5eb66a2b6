// Kafka's rules for topics, kept by every adapter so that what works on one works on all.

import { LogRefusedError } from "../errors.ts";

/** Partition numbers of a topic fit 16 bits in the embedded log; more than this is a mistake anyway. */
const MAX_PARTITIONS = 10_000;

/** Throws `LogRefusedError` for a name or a number of partitions that Kafka would refuse. */
export function checkTopicName(topic: string, partitions: number): void {
  if (!/^[a-zA-Z0-9._-]{1,249}$/.test(topic) || topic === "." || topic === "..") {
    throw new LogRefusedError(`"${topic}" is no topic name: use 1 to 249 letters, digits, ".", "_" and "-"`);
  }
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > MAX_PARTITIONS) {
    throw new LogRefusedError(`A topic has 1 to ${MAX_PARTITIONS} partitions, not ${partitions}`);
  }
}
