// Reads the partitions of one generation, each from whoever leads it: brokers are asked independently of each other, and what
// one broker or partition cannot do holds up nothing else. Knows nothing of groups, nor of what becomes of the records.

import type { FreshetError } from "../../../errors.ts";
import { Wakeup } from "../../wakeup.ts";
import { damageIn, isRoomy, isUnserved } from "../damage.ts";
import { type DamagedStretch, type FetchedPartition, obstacleOf, OFFSET_OUT_OF_RANGE } from "../fetch.ts";
import { type Address, type Client, isHopeless } from "./client.ts";
import { type Cluster, keyOf, type TopicView } from "./cluster.ts";
import { PASSING_ERRORS } from "./codes.ts";
import { fetchFrom } from "./fetch_request.ts";

/**
 * Fetches under way at once at one broker, each on a connection of its own: one may wait at the broker for new records while a
 * partition that has room again is fetched by the other.
 */
const FETCHES_PER_BROKER = 2;
/** A partition that could not be fetched is tried again after this long. */
const RETRY_MS = 200;
/** A fetch that takes this much longer than it may wait at the broker: its partitions may have another leader by now. */
const SLOW_MS = 1_500;

const NO_LEADER = "has no leader";
/** Without anything to do the loops look about this often. */
const IDLE_MS = 60_000;

export interface FetchSink {
  /** Whether `fetched` was taken and reading goes on behind it. If not, it is fetched again. */
  fetched(fetched: FetchedPartition, fromOffset: number): boolean;
  outOfRange(partition: number, fromOffset: number): void;
  /** What the log holds at `fromOffset` cannot be read. */
  damaged(partition: number, fromOffset: number, stretch: DamagedStretch): void;
  /** The broker says that it has records behind `fromOffset`, and gave none although nothing kept it from that. */
  unserved(partition: number, fromOffset: number): void;
  /** The partition is not read just now, for a reason that passes by itself. */
  blocked(partition: number, obstacle: string): void;
  /** The leader of a partition is to be looked up again. */
  leaderMissed(): void;
  /** Trying again cannot help. */
  failed(error: FreshetError): void;
}

export interface FetcherOptions {
  readonly topic: string;
  readonly purpose: string;
  readonly crc32c: (bytes: Uint8Array) => number;
}

/** A partition that is read. */
interface Lane {
  readonly partition: number;
  offset: number;
  paused: boolean;
  leader: Address | undefined;
  /** The fetch under way for it; one that was given up finds another one here, or none. */
  flight: symbol | undefined;
  slow: boolean;
  notBeforeMs: number;
  /** When it was last fetched: who waited longest comes first. */
  turn: number;
}

export class Fetcher implements AsyncDisposable {
  readonly #lanes = new Map<number, Lane>();
  readonly #wakeups = new Map<string, Wakeup>();
  readonly #loops = new Set<Promise<void>>();
  #turn = 0;
  #closed = false;
  #view: TopicView | undefined;

  constructor(
    readonly client: Client,
    readonly cluster: Cluster,
    readonly options: FetcherOptions,
    readonly sink: FetchSink,
  ) {}

  /** Begins, or goes on, at `offset`; a partition that is new is paused. */
  seek(partition: number, offset: number): void {
    const lane = this.#lanes.get(partition);
    if (lane !== undefined) {
      lane.offset = offset;
      return;
    }
    const leader = this.#view?.leaders[partition];
    if (leader === undefined) this.sink.blocked(partition, NO_LEADER);
    this.#lanes.set(partition, {
      ...{ partition, offset, leader, paused: true, flight: undefined },
      ...{ slow: false, notBeforeMs: 0, turn: 0 },
    });
  }

  pause(partitions: readonly number[]): void {
    for (const lane of this.#lanesOf(partitions)) lane.paused = true;
  }

  resume(partitions: readonly number[]): void {
    for (const lane of this.#lanesOf(partitions)) lane.paused = false;
    this.#wake();
  }

  /** Takes over who leads what; returns whether that must be looked up again soon. */
  lead(view: TopicView): boolean {
    this.#view = view;
    let misses = false;
    for (const lane of this.#lanes.values()) {
      const leader = view.leaders[lane.partition];
      misses ||= leader === undefined || lane.slow;
      if (leader !== undefined && lane.leader !== undefined && keyOf(leader) === keyOf(lane.leader)) continue;
      lane.leader = leader;
      lane.flight = undefined; // what the old leader still answers counts no more
      lane.slow = false;
      if (leader === undefined) this.sink.blocked(lane.partition, NO_LEADER);
    }
    this.#wake();
    return misses;
  }

  /** No broker says who leads what. */
  unled(why: string): void {
    for (const { partition, leader } of this.#lanes.values()) {
      if (leader === undefined) this.sink.blocked(partition, why);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#lanes.clear();
    for (const wakeup of this.#wakeups.values()) wakeup.wake();
    for (let slot = 0; slot < FETCHES_PER_BROKER; slot++) await this.cluster.drop(this.#purpose(slot));
    await Promise.all(this.#loops);
  }

  /** Lets every broker that leads a partition be asked. */
  #wake(): void {
    if (this.#closed) return;
    for (const { leader } of this.#lanes.values()) if (leader !== undefined) this.#attend(leader);
    for (const wakeup of this.#wakeups.values()) wakeup.wake();
  }

  #attend(broker: Address): void {
    for (let slot = 0; slot < FETCHES_PER_BROKER; slot++) {
      const purpose = this.#purpose(slot);
      const key = `${purpose} ${keyOf(broker)}`;
      if (this.#wakeups.has(key)) continue;
      const wakeup = new Wakeup(this.client.clock);
      this.#wakeups.set(key, wakeup);
      const loop = this.#loop(broker, purpose, wakeup).finally(() => this.#loops.delete(loop));
      this.#loops.add(loop);
    }
  }

  #lanesOf(partitions: readonly number[]): Lane[] {
    return partitions.flatMap((partition) => this.#lanes.get(partition) ?? []);
  }

  #purpose(slot: number): string {
    return `${this.options.purpose}-${slot}`;
  }

  /** Fetches from one broker for as long as it leads anything. */
  async #loop(broker: Address, purpose: string, wakeup: Wakeup): Promise<void> {
    const key = keyOf(broker);
    while (!this.#closed) {
      const led = [...this.#lanes.values()].filter(({ leader }) => leader !== undefined && keyOf(leader) === key);
      if (led.length === 0) break;
      const now = this.client.clock.monotonic();
      const ready = led.filter(({ paused, flight }) => !paused && flight === undefined);
      const due = ready.filter(({ notBeforeMs }) => notBeforeMs <= now);
      if (due.length > 0) await this.#fetch(broker, purpose, due);
      else await wakeup.wait(Math.min(...ready.map(({ notBeforeMs }) => notBeforeMs - now), IDLE_MS));
    }
    this.#wakeups.delete(`${purpose} ${key}`);
  }

  async #fetch(broker: Address, purpose: string, due: readonly Lane[]): Promise<void> {
    const { topic, crc32c } = this.options;
    const flight = Symbol("flight");
    const lanes = due.toSorted((a, b) => a.turn - b.turn);
    const asked = new Map(lanes.map(({ partition, offset }) => [partition, offset]));
    for (const lane of lanes) [lane.flight, lane.turn] = [flight, ++this.#turn];
    const isOurs = (lane: Lane | undefined) => lane?.flight === flight;
    const slow = setTimeout(() => this.#slow(broker, lanes.filter(isOurs)), this.client.settings.fetchWaitMs + SLOW_MS);
    try {
      const connection = await this.cluster.connection(broker, purpose);
      const request = { topic, partitions: lanes.map(({ partition, offset }) => ({ partition, offset })) };
      const answer = await fetchFrom(connection, request, { client: this.client, crc32c });
      if (answer.errorCode !== 0) throw new this.client.library.ProtocolError(answer.errorCode);
      const hadRoom = isRoomy(answer.throttleMs, answer.partitions);
      for (const fetched of answer.partitions) {
        const lane = this.#lanes.get(fetched.partition);
        if (!isOurs(lane)) continue;
        const fromOffset = asked.get(fetched.partition)!;
        const isEmpty = hadRoom && isUnserved(fetched, fromOffset);
        if (isEmpty) this.sink.unserved(fetched.partition, fromOffset);
        this.#take(lane!, fetched, fromOffset);
        if (isEmpty) lane!.notBeforeMs = this.client.clock.monotonic() + RETRY_MS;
      }
    } catch (thrown) {
      if (!this.#closed) await this.#failed(broker, purpose, { thrown, lanes: lanes.filter(isOurs) });
    } finally {
      clearTimeout(slow);
      for (const lane of lanes) if (isOurs(lane)) lane.flight = undefined;
    }
  }

  #take(lane: Lane, fetched: FetchedPartition, fromOffset: number): void {
    const { errorCode, partition } = fetched;
    lane.flight = undefined;
    lane.slow = false;
    const damage = damageIn(fetched, fromOffset);
    if (damage !== undefined) {
      lane.notBeforeMs = this.client.clock.monotonic() + RETRY_MS;
      return this.sink.damaged(partition, fromOffset, damage);
    }
    if (errorCode === 0) {
      if (this.sink.fetched(fetched, fromOffset)) lane.offset = fetched.nextOffset!;
      return;
    }
    lane.notBeforeMs = this.client.clock.monotonic() + RETRY_MS;
    if (errorCode === OFFSET_OUT_OF_RANGE) return this.sink.outOfRange(partition, fromOffset);
    const error = this.client.error(new this.client.library.ProtocolError(errorCode), { topics: [this.options.topic] });
    if (PASSING_ERRORS.has(errorCode)) {
      lane.leader = undefined;
      this.sink.blocked(partition, obstacleOf(errorCode));
      return this.sink.leaderMissed();
    }
    if (isHopeless(error)) return this.sink.failed(error);
    this.sink.blocked(partition, error.message);
    this.client.warnOnce(`"${this.options.topic}" partition ${partition} cannot be read just now: ${error.message}`);
  }

  /** A broker does not do what it was asked: who leads its partitions is looked up, and all others are read on. */
  async #failed(
    broker: Address,
    purpose: string,
    { thrown, lanes }: { readonly thrown: unknown; readonly lanes: readonly Lane[] },
  ): Promise<void> {
    const error = this.client.error(thrown, { topics: [this.options.topic] });
    if (isHopeless(error)) return this.sink.failed(error);
    for (const lane of lanes) {
      lane.leader = undefined;
      lane.slow = false;
      this.sink.blocked(lane.partition, `the broker ${keyOf(broker)} does not answer`);
      lane.notBeforeMs = this.client.clock.monotonic() + RETRY_MS;
    }
    const { topic } = this.options;
    this.client.warnOnce(
      `"${topic}": the broker ${keyOf(broker)} does not answer, its partitions wait: ${error.message}`,
    );
    this.sink.leaderMissed();
    await this.cluster.drop(purpose, broker);
  }

  #slow(broker: Address, lanes: readonly Lane[]): void {
    for (const lane of lanes) {
      lane.slow = true;
      this.sink.blocked(lane.partition, `the broker ${keyOf(broker)} does not answer`);
    }
    if (lanes.length === 0) return;
    this.cluster.suspect(broker);
    this.sink.leaderMissed();
  }
}
