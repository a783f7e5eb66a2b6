// Consumer groups of the log in memory. Rebalances are eager: everybody's generation ends and everybody gets a new one, except
// that an expelled member goes on, and is told only when it asks for its next batch.

import { LogDamagedError, LogDivergedError, LogUnavailableError } from "../../../src/errors.ts";
import type {
  Generation,
  LogBatch,
  Membership,
  PartitionBounds,
  PartitionLook,
  Subscription,
} from "../../../src/log/log.ts";
import type { LogStore } from "./memory_log.ts";
import type { Gate } from "./turns.ts";

/** How often a member without a generation looks for one, milliseconds. */
const JOIN_MS = 20;

export class Group {
  readonly committed = new Map<number, number>();
  readonly members: MemorySubscription[] = [];
  #generations = 0;

  constructor(private readonly store: LogStore, readonly topic: string) {}

  join(member: MemorySubscription): void {
    this.members.push(member);
    this.rebalance();
  }

  /** The member is no longer part of the group, whether it knows or not. */
  expel(member: MemorySubscription): void {
    const at = this.members.indexOf(member);
    if (at < 0) return;
    this.members.splice(at, 1);
    member.superseded();
    this.rebalance();
  }

  rebalance(): void {
    const id = ++this.#generations;
    const all = this.store.bounds(this.topic).map((_, partition) => partition);
    this.members.forEach((member, i) => member.assign(id, all.filter((p) => p % this.members.length === i)));
  }
}

export class MemorySubscription implements Subscription {
  #current: MemoryGeneration | undefined;
  #next: MemoryGeneration | undefined;
  #closed = false;

  constructor(private readonly store: LogStore, readonly gate: Gate, private readonly group: Group) {
    group.join(this);
  }

  assign(id: number, partitions: readonly number[]): void {
    this.#current?.end();
    this.#next?.end();
    this.#next = new MemoryGeneration(this.store, this.gate, this.group, id, partitions);
  }

  superseded(): void {
    this.#current?.supersede();
    this.#next?.end();
    this.#next = undefined;
  }

  async nextGeneration(): Promise<Generation> {
    while (true) {
      await this.gate.turn(this.gate.clock.monotonic() + this.gate.random.below(JOIN_MS));
      if (this.#closed) throw new DOMException("The subscription is closed", "AbortError");
      if (!this.group.members.includes(this)) this.group.join(this);
      const next = this.#next;
      if (!next) continue;
      this.#next = undefined;
      return this.#current = next;
    }
  }

  membership(): Membership {
    return { state: this.#current?.signal.aborted === false ? "member" : "joining", sinceMs: 0 };
  }

  rejoin(): Promise<void> {
    this.group.expel(this);
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.group.expel(this);
    this.#current?.end();
    await this.gate.turn();
  }
}

class MemoryGeneration implements Generation {
  readonly topic: string;
  readonly #ended = new AbortController();
  readonly #positions = new Map<number, number>();
  readonly #setAside = new Set<number>();
  #superseded = false;

  constructor(
    private readonly store: LogStore,
    private readonly gate: Gate,
    private readonly group: Group,
    readonly id: number,
    readonly partitions: readonly number[],
  ) {
    this.topic = group.topic;
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  end(): void {
    this.#ended.abort();
  }

  supersede(): void {
    this.#superseded = true;
    // Who owns nothing asks for no batch.
    if (this.partitions.length === 0) this.end();
  }

  async bounds(): Promise<ReadonlyMap<number, PartitionBounds>> {
    await this.store.answer(this.gate);
    if (this.store.away || this.gate.fault("log.bounds")) throw new LogUnavailableError("The log cannot be reached");
    const bounds = this.store.bounds(this.topic);
    return new Map(this.partitions.map((partition) => [partition, bounds[partition]!]));
  }

  async start(positions: ReadonlyMap<number, number>): Promise<void> {
    await this.gate.turn();
    for (const partition of this.partitions) {
      const position = positions.get(partition);
      if (position === undefined) throw new RangeError(`Partition ${partition} has no position to start from`);
      this.#positions.set(partition, position);
    }
  }

  skip(partition: number, offset: number): void {
    this.#positions.set(partition, offset);
    this.#setAside.delete(partition);
  }

  async next(waitMs: number): Promise<LogBatch | undefined> {
    await this.gate.turn();
    if (this.#superseded) this.end();
    if (this.signal.aborted) return undefined;
    if (this.gate.fault("log.next")) throw new LogUnavailableError("The log has closed the connection");
    if (this.#readable().length === 0) {
      const ready = () => this.signal.aborted || this.#readable().length > 0;
      await this.gate.turn(this.gate.clock.monotonic() + waitMs, ready);
    }
    const readable = this.signal.aborted || this.#superseded ? [] : this.#readable();
    return readable.length === 0 ? undefined : this.#read(this.gate.random.pick(readable));
  }

  /** Partitions with something to read. Throws for one whose position the log does not hold. */
  #readable(): number[] {
    if (this.store.away) return [];
    for (const [partition, position] of this.#positions) {
      const { low, high } = this.store.partition(this.topic, partition);
      if (position <= high) continue;
      throw new LogDivergedError(`Partition ${partition} holds the offsets ${low} to ${high}, not ${position}`);
    }
    return this.partitions.filter((partition) =>
      !this.#setAside.has(partition) && !this.store.partition(this.topic, partition).isSlow && this.#rest(partition) > 0
    );
  }

  caughtUp(partition: number): boolean {
    return !this.store.away && !this.#setAside.has(partition) && this.#rest(partition) <= 0;
  }

  look(partition: number): PartitionLook | undefined {
    if (this.store.away) return undefined;
    const { high } = this.store.partition(this.topic, partition);
    return { end: high, readableEnd: high, atMs: this.gate.clock.monotonic() };
  }

  async commit(offsets: ReadonlyMap<number, number>): Promise<void> {
    await this.store.answer(this.gate);
    if (this.signal.aborted || this.#superseded) return;
    for (const [partition, offset] of offsets) this.group.committed.set(partition, offset);
  }

  #rest(partition: number): number {
    return this.store.partition(this.topic, partition).high - this.#positions.get(partition)!;
  }

  #read(partition: number): LogBatch {
    const from = this.#positions.get(partition)!;
    const damage = this.store.damageAt(this.topic, partition, from);
    if (damage !== undefined && damage.from <= from) {
      this.#setAside.add(partition);
      const why = "a test has damaged it";
      throw new LogDamagedError({ topic: this.topic, partition, ...damage, from, why });
    }
    const rest = Math.min(this.store.maxBatch, this.#rest(partition), (damage?.from ?? Infinity) - from);
    const nextOffset = from + 1 + this.gate.random.below(rest);
    this.#positions.set(partition, nextOffset);
    return { partition, records: this.store.read(this.topic, partition, from, nextOffset), nextOffset };
  }
}
