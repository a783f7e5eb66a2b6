// Partitions of a generation that meet a stretch which cannot be read. Either the stretch is skipped, with a gap on record, or
// the partition is set aside and the others go on: until somebody has the position moved past it (`freshet skip`), or the
// log can be read there again. Must not know how a unit is made.

import { type Damage, FencedError, LogDamagedError } from "../errors.ts";
import type { Generation } from "../log/log.ts";
import type { Claim, Writer } from "../warehouse/warehouse.ts";
import type { Checkpointer } from "./checkpoint.ts";
import { FIRST_START, type Gap } from "./gap.ts";
import type { PartitionIngest } from "./ingest.ts";
import type { RunnerOptions } from "./options.ts";
import type { Progress } from "./progress.ts";
import { hasGapBefore, isSkip } from "./skip.ts";

/** How often the log is asked whether it can be read again, milliseconds. */
const RETRY_MS = 60_000;
/** The warehouse is asked no more often than this whether somebody has moved the position, milliseconds. */
const MIN_ASK_MS = 1_000;

export interface SetAsideOptions {
  readonly options: Pick<RunnerOptions, "domain" | "logger" | "clock" | "onDamage" | "checkpointMs" | "warehouse">;
  readonly writer: Pick<Writer, "positions" | "claim">;
  readonly generation: Pick<Generation, "skip">;
  readonly partitions: ReadonlyMap<number, PartitionIngest>;
  /** Partitions of which nothing was ever read. */
  readonly unread: Iterable<number>;
  readonly checkpointer: Checkpointer;
  readonly progress: Progress;
  /** The record before the partition's position need not be the one that was read. */
  readonly accepted: (partition: number) => void;
}

/** What a topic lost before it was ever read is nobody's loss; it is on record all the same. */
export function beforeFirstRead(
  partition: number,
  { from, to, at }: { readonly from: number; readonly to: number; readonly at: number },
): Gap {
  const why = `the log began at ${to} when it was first read`;
  return { partition, from, to, reason: "before_first_read", why, by: FIRST_START, at };
}

/** The partitions of which nothing was ever read: at their beginning, or behind a gap from before the first read. */
export async function unreadOf(
  claims: readonly Claim[],
  options: Pick<RunnerOptions, "domain" | "warehouse">,
): Promise<readonly number[]> {
  const unread: number[] = [];
  for (const { partition, nextOffset, lastTimestamp } of claims) {
    const isUnread = nextOffset === 0 ||
      (lastTimestamp === null && await hasGapBefore(nextOffset, partition, { ...options, by: FIRST_START }));
    if (isUnread) unread.push(partition);
  }
  return unread;
}

export class SetAside {
  readonly #damages = new Map<number, Damage>();
  /** Nothing of these was ever read. */
  readonly #unread: Set<number>;
  #nextAsk = 0;
  #nextRetry = 0;

  constructor(private readonly options: SetAsideOptions) {
    this.#unread = new Set(options.unread);
  }

  get isEmpty(): boolean {
    return this.#damages.size === 0;
  }

  has(partition: number): boolean {
    return this.#damages.has(partition);
  }

  /** What the first of them met; undefined when there is none. */
  get error(): LogDamagedError | undefined {
    const [damage] = this.#damages.values();
    return damage && new LogDamagedError(damage);
  }

  /** What was told of a partition, which has nothing before it any more. Returns the gap to put on record where it is skipped. */
  tell({ damage }: LogDamagedError): Gap | undefined {
    const { options: { clock, onDamage }, generation } = this.options;
    const { partition, to, reason, why } = damage;
    const { nextOffset } = this.#ingest(partition).position;
    const from = Math.max(damage.from, nextOffset);
    if (to !== undefined && to <= from) {
      // Only the record before the position: it is in the tables, and was to be seen once more.
      generation.skip(partition, from);
      return undefined;
    }
    const isLostBefore = reason === "deleted" && this.#unread.has(partition);
    if ((onDamage !== "skip" && !isLostBefore) || to === undefined) {
      this.#stop({ ...damage, from });
      return undefined;
    }
    this.#ingest(partition).skipTo(to);
    generation.skip(partition, to);
    if (isLostBefore) return beforeFirstRead(partition, { from, to, at: clock.now() });
    this.#log("warn", "Offsets {from} to {last} of {at} are skipped and recorded in FRESHET_GAPS: {why}", damage);
    return { partition, from, to, reason, why, by: "FRESHET_ON_DAMAGE", at: clock.now() };
  }

  /** The log ends at `high`, before the partition's position. */
  truncated(partition: number, high: number): void {
    const { options: { domain: { topic } } } = this.options;
    const { nextOffset, lastTimestamp } = this.#ingest(partition).position;
    const why = lastTimestamp === null ? "it waits for the log to come that far" : "what it has from there on is lost";
    this.#stop({ topic, partition, from: high, to: nextOffset, reason: "truncated", why });
  }

  /** A batch of the partition has come: it can be read after all. */
  came(partition: number): void {
    this.#unread.delete(partition);
    const damage = this.#damages.get(partition);
    if (damage === undefined) return;
    this.#goOn(partition);
    this.#log("info", "{at} can be read again at offset {from}", damage);
  }

  /** The log ends at the partition's position, with nothing new: one that had lost its end has it again. */
  reachedPosition(partition: number): void {
    if (this.#damages.get(partition)?.reason === "truncated") this.came(partition);
  }

  /** Looks after those that are set aside. `now`: of the monotonic clock. The writer must have nothing else to do. */
  async tick(now: number): Promise<void> {
    if (this.#damages.size === 0) return;
    if (now >= this.#nextAsk) {
      this.#nextAsk = now + Math.max(MIN_ASK_MS, this.options.options.checkpointMs);
      await this.#ask();
    }
    if (now < this.#nextRetry) return;
    this.#nextRetry = now + RETRY_MS;
    for (const [partition, { from, reason }] of this.#damages) {
      if (reason !== "truncated") this.options.generation.skip(partition, from);
    }
  }

  /**
   * Whether `freshet skip` has moved a position past the damage; then the partition is taken over again, and goes on there.
   * Errors: `FencedError` when somebody else has moved it, whose state is not what is in memory here.
   */
  async #ask(): Promise<void> {
    const { writer, checkpointer, options } = this.options;
    const { topic } = options.domain;
    const found = await writer.positions(topic, [...this.#damages.keys()]);
    const moved = found.filter(({ partition, checkpoint }) => checkpoint !== checkpointer.claim(partition).checkpoint);
    if (moved.length === 0) return;
    for (const position of moved) {
      const before = checkpointer.claim(position.partition);
      if (!await isSkip({ before, found: position }, options)) throw fenced(topic, position);
    }
    const claims = await writer.claim(topic, moved.map(({ partition }) => partition));
    for (const claim of claims) {
      const { epoch, checkpoint } = moved.find(({ partition }) => partition === claim.partition)!;
      if (claim.epoch !== epoch + 1 || claim.checkpoint !== checkpoint) throw fenced(topic, claim);
      this.#takeOver(claim);
    }
  }

  #takeOver(claim: Claim): void {
    const { partition, nextOffset } = claim;
    const damage = this.#damages.get(partition)!;
    this.options.checkpointer.taken(claim);
    this.#ingest(partition).skipTo(nextOffset);
    this.#ingest(partition).decided = claim.decided;
    this.options.accepted(partition);
    if (damage.reason === "truncated") return this.truncated(partition, damage.from);
    this.options.generation.skip(partition, nextOffset);
    this.#goOn(partition);
    this.#log("info", "{at} goes on at offset {to}", { ...damage, to: nextOffset });
  }

  #stop(damage: Damage): void {
    const before = this.#damages.get(damage.partition);
    this.#damages.set(damage.partition, damage);
    this.options.progress.setAside(damage);
    if (before?.from === damage.from && before.to === damage.to) return;
    this.#nextRetry = this.options.options.clock.monotonic() + RETRY_MS;
    const { domain, logger } = this.options.options;
    logger.error("{domain}: partition {partition} stops, the others go on: {error}", {
      domain: domain.name,
      partition: damage.partition,
      error: new LogDamagedError(damage).message,
    });
  }

  #goOn(partition: number): void {
    this.#damages.delete(partition);
    this.options.progress.goesOn(partition);
  }

  #ingest(partition: number): PartitionIngest {
    return this.options.partitions.get(partition)!;
  }

  #log(level: "info" | "warn", message: string, { partition, from, to, why }: Omit<Damage, "topic" | "reason">): void {
    const { domain, logger } = this.options.options;
    const at = `partition ${partition} of "${domain.topic}"`;
    logger[level](message, { domain: domain.name, at, from, to, last: to === undefined ? undefined : to - 1, why });
  }
}

function fenced(topic: string, { partition }: Claim): FencedError {
  return new FencedError(
    `Another instance has moved partition ${partition} of "${topic}": it is taken over anew, with what is stored now`,
  );
}
