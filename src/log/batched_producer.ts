// Many small produces made into few: what comes in while the log is busy with one is sent together as the next. The queue
// is bounded and so is the waiting. Knows only the log port, nothing of who produces.
import { setImmediate } from "node:timers/promises";
import type { Clock } from "../clock.ts";
import { LogOverloadedError, LogUnavailableError, ProduceUnknownError } from "../errors.ts";
import type { Log, NewRecord, RecordPosition } from "./log.ts";
import { type Outcome, produceInPieces } from "./produce_in_pieces.ts";

export interface BatchLimits {
  /** Records and bytes of a topic that may wait or be under way. */
  readonly maxRecords: number;
  readonly maxBytes: number;
  /** Records and bytes sent at once: one request to a broker. A call with more than that goes alone. */
  readonly batchRecords: number;
  readonly batchBytes: number;
  /** How long a caller waits at most. */
  readonly timeoutMs: number;
}

export const BATCH_LIMITS: BatchLimits = {
  maxRecords: 10_000,
  maxBytes: 32 * 1024 * 1024,
  batchRecords: 500,
  batchBytes: 512 * 1024,
  timeoutMs: 10_000,
};

/** A record whose size is known: key and value in bytes. */
export interface SizedRecord extends NewRecord {
  readonly bytes: number;
}

/** A call that waits for its answer. */
interface Caller {
  readonly records: readonly SizedRecord[];
  readonly bytes: number;
  readonly deadlineMs: number;
  readonly done: PromiseWithResolvers<readonly RecordPosition[]>;
}

/** Why the watch ends; an abort without a reason makes an error with a stack each time. */
const IDLE = "idle";

/** Produces for many callers at once. */
export class BatchedProducer {
  readonly #queues = new Map<string, TopicQueue>();

  constructor(
    readonly log: Pick<Log, "produce">,
    readonly clock: Clock,
    readonly limits: BatchLimits = BATCH_LIMITS,
  ) {}

  /**
   * Appends records; resolves with their positions when the log has them. Errors: those of the log; `LogOverloadedError`
   * and `LogUnavailableError` when nothing was written; `ProduceUnknownError` when nobody knows.
   */
  produce(topic: string, records: readonly SizedRecord[]): Promise<readonly RecordPosition[]> {
    let queue = this.#queues.get(topic);
    if (!queue) this.#queues.set(topic, queue = new TopicQueue(topic, this));
    return queue.produce(records);
  }

  /** Records of all topics that wait or are under way. */
  get waiting(): number {
    return this.#queues.values().reduce((sum, { records }) => sum + records, 0);
  }
}

class TopicQueue {
  #waiting: Caller[] = [];
  /** Sent and not answered; empty when they have been told that nobody knows. */
  #underWay: readonly Caller[] = [];
  #sending = false;
  /** Waiting and under way. */
  records = 0;
  bytes = 0;

  constructor(readonly topic: string, readonly group: BatchedProducer) {}

  produce(records: readonly SizedRecord[]): Promise<readonly RecordPosition[]> {
    const { limits, clock } = this.group;
    const bytes = records.reduce((sum, record) => sum + record.bytes, 0);
    const isOver = this.records + records.length > limits.maxRecords || this.bytes + bytes > limits.maxBytes;
    // One call larger than the limits is taken when nothing else waits: it could never be taken otherwise.
    if (isOver && this.records > 0) {
      return Promise.reject(
        new LogOverloadedError(`${this.records} records wait for topic "${this.topic}" already: send again later`),
      );
    }
    const done = Promise.withResolvers<readonly RecordPosition[]>();
    this.#waiting.push({ records, bytes, deadlineMs: clock.monotonic() + limits.timeoutMs, done });
    this.records += records.length;
    this.bytes += bytes;
    if (!this.#sending) void this.#send();
    return done.promise;
  }

  async #send(): Promise<void> {
    this.#sending = true;
    const idle = new AbortController();
    const watching = this.#watch(idle.signal);
    while (this.#waiting.length > 0) {
      // Requests that have arrived with the first one are still to be read.
      await setImmediate();
      const callers = this.#take();
      this.#underWay = callers;
      await this.#commit(callers);
      this.#underWay = [];
      for (const caller of callers) this.#leave(caller);
    }
    idle.abort(IDLE);
    await watching;
    this.#sending = false;
    // Somebody may have come while the watch ended.
    if (this.#waiting.length > 0) void this.#send();
  }

  /** The callers that go together next. */
  #take(): readonly Caller[] {
    const { batchRecords, batchBytes } = this.group.limits;
    let [count, records, bytes] = [0, 0, 0];
    for (const caller of this.#waiting) {
      records += caller.records.length;
      bytes += caller.bytes;
      if (count > 0 && (records > batchRecords || bytes > batchBytes)) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  async #commit(callers: readonly Caller[]): Promise<void> {
    const records = callers.length === 1 ? callers[0]!.records : callers.flatMap((caller) => caller.records);
    const outcomes = await produceInPieces(records, (some) => this.group.log.produce(this.topic, some));
    let at = 0;
    for (const { records: { length }, done } of callers) settle(done, outcomes.slice(at, at += length));
  }

  /** Lets nobody wait beyond the deadline, until `idle`. */
  async #watch(idle: AbortSignal): Promise<void> {
    const { clock, limits } = this.group;
    while (!idle.aborted) {
      // Callers wait in order, so the first is the next to run out of time; one that comes later has longer.
      const next = this.#underWay[0] ?? this.#waiting[0];
      const sleepMs = next === undefined ? limits.timeoutMs : next.deadlineMs - clock.monotonic();
      await clock.sleep(Math.max(1, sleepMs), idle).catch(() => {});
      if (idle.aborted) return;
      const now = clock.monotonic();
      if (this.#underWay.some(({ deadlineMs }) => deadlineMs <= now)) {
        for (const { done } of this.#underWay) done.reject(unknown(this.topic, limits));
        this.#underWay = [];
      }
      this.#expire(now);
    }
  }

  /** Whoever waited too long before being sent is told that nothing was written. */
  #expire(now: number): void {
    const count = this.#waiting.findIndex(({ deadlineMs }) => deadlineMs > now);
    for (const caller of this.#waiting.splice(0, count < 0 ? this.#waiting.length : count)) {
      caller.done.reject(
        new LogUnavailableError(`The log did not get to topic "${this.topic}" in time: send again later`),
      );
      this.#leave(caller);
    }
  }

  #leave({ records, bytes }: Caller): void {
    this.records -= records.length;
    this.bytes -= bytes;
  }
}

function settle(done: Caller["done"], outcomes: readonly Outcome[]): void {
  const failed = outcomes.find((outcome) => "failure" in outcome);
  if (failed !== undefined) done.reject(failed.failure);
  else done.resolve(outcomes.map((outcome) => (outcome as { position: RecordPosition }).position));
}

function unknown(topic: string, { timeoutMs }: BatchLimits): ProduceUnknownError {
  return new ProduceUnknownError(
    `The log did not answer for topic "${topic}" within ${timeoutMs} ms: the records may be in it or not`,
  );
}
