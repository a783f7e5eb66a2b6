// Kafka's default partitioner for records with a key: murmur2 over the key's bytes, sign bit cleared, modulo partitions.
// Knows nothing of logs. Source: org.apache.kafka.common.utils.Utils.murmur2 (seed 0x9747b28c).

const SEED = 0x9747b28c;
const M = 0x5bd1e995;

/** Kafka's murmur2 of `bytes`, as a signed 32-bit number. */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length;
  const tail = length & ~3;
  let hash = SEED ^ length;
  for (let i = 0; i < tail; i += 4) {
    let k = bytes[i]! | bytes[i + 1]! << 8 | bytes[i + 2]! << 16 | bytes[i + 3]! << 24;
    k = Math.imul(k, M);
    k = Math.imul(k ^ k >>> 24, M);
    hash = Math.imul(hash, M) ^ k;
  }
  const rest = length & 3;
  if (rest === 3) hash ^= bytes[tail + 2]! << 16;
  if (rest >= 2) hash ^= bytes[tail + 1]! << 8;
  if (rest >= 1) hash = Math.imul(hash ^ bytes[tail]!, M);
  hash = Math.imul(hash ^ hash >>> 13, M);
  return hash ^ hash >>> 15;
}

/** The partition Kafka's default partitioner chooses for `key` among `partitions`. */
export function partitionOfKey(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}
