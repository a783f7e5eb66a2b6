// What the parts of the log contract share: where an adapter's logs live, reading up to a point, waiting with a deadline.

import type { Generation, Log, LogBatch, LogRecord, Subscription } from "../../../src/log/log.ts";

/** Somewhere an adapter keeps logs: a folder, a broker. */
export interface Place extends AsyncDisposable {
  /** Another log on the same topics, as a second process would open it. */
  open(): Promise<Log>;
  /** Damages, behind the log's back, the produced run of records that `offset` is in. No log is open meanwhile. */
  damage(topic: string, partition: number, offset: number): Promise<void>;
  /** What `member.ts` needs to open the same log in a process of its own. */
  readonly member: Readonly<Record<string, unknown>>;
}

export interface LogAdapter {
  readonly name: string;
  /** Why its tests do not run here. */
  readonly skip?: string;
  place(): Promise<Place>;
  /** A member that says nothing for this long is expelled. */
  readonly sessionTimeoutMs: number;
}

/** The longest that anything in these tests may take. */
export const PATIENCE_MS = 40_000;

const decoder = new TextDecoder();

/** A topic name that no other test uses. */
export function topicName(): string {
  return `t-${crypto.randomUUID().slice(0, 8)}`;
}

/** Bytes as text. */
export function text(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : decoder.decode(bytes);
}

/** A log with one new topic. */
export async function logWithTopic(place: Place, partitions = 1): Promise<{ log: Log; topic: string }> {
  const log = await place.open();
  const topic = topicName();
  await log.createTopics([{ topic, partitions }]);
  return { log, topic };
}

/** Fails when `promise` takes longer than the tests' patience. */
export async function soon<T>(promise: PromiseLike<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took more than ${PATIENCE_MS} ms`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Polls until `condition` holds; fails after the tests' patience. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const giveUpAt = Date.now() + PATIENCE_MS;
  while (!await condition()) {
    if (Date.now() > giveUpAt) throw new Error(`Waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The next generation that has `count` partitions; others, from rebalances under way, are passed over. */
export async function generationOf(subscription: Subscription, count: number): Promise<Generation> {
  while (true) {
    const generation = await soon(subscription.nextGeneration(), `a generation of ${count} partitions`);
    if (generation.partitions.length === count) return generation;
  }
}

/** Starts all partitions of a generation at their lowest offset, or at `position`. */
export async function startAt(generation: Generation, position?: number): Promise<void> {
  const bounds = await generation.bounds();
  await generation.start(new Map(generation.partitions.map((p) => [p, position ?? bounds.get(p)!.low])));
}

/** Pulls batches until `count` records have come. */
export async function pull(generation: Generation, count: number): Promise<LogBatch[]> {
  const batches: LogBatch[] = [];
  let records = 0;
  const giveUpAt = Date.now() + PATIENCE_MS;
  while (records < count) {
    if (Date.now() > giveUpAt) throw new Error(`Only ${records} of ${count} records came`);
    const batch = await generation.next(200);
    if (batch === undefined) {
      if (generation.signal.aborted) throw new Error(`The generation ended after ${records} of ${count} records`);
      continue;
    }
    batches.push(batch);
    records += batch.records.length;
  }
  return batches;
}

/** Pulls `count` records. */
export async function pullRecords(generation: Generation, count: number): Promise<LogRecord[]> {
  return (await pull(generation, count)).flatMap(({ records }) => records);
}

/** Reads `count` records of a topic from the beginning, in a group of its own. */
export async function readAll(log: Log, topic: string, count: number): Promise<LogBatch[]> {
  await using subscription = await log.subscribe({
    topic,
    group: `reader-${crypto.randomUUID()}`,
    signal: new AbortController().signal,
  });
  const generation = await soon(subscription.nextGeneration(), "a generation");
  await startAt(generation);
  return await pull(generation, count);
}
