// Producing: acknowledged by all replicas, idempotent, partitioned as Kafka's own clients do. One call at a time
// for each topic.
// Knows nothing of consuming.

import type { Connection } from "@platformatic/kafka";
import { LogUnavailableError } from "../../../errors.ts";
import type { NewRecord, ProduceOptions, RecordPosition } from "../../log.ts";
import { partitionOfKey } from "../../murmur2.ts";
import { recordTooLarge, TOO_LARGE, writtenOf } from "../errors.ts";
import { type Address, answerOf, type Client, request } from "./client.ts";
import { type Cluster, keyOf, type TopicView } from "./cluster.ts";
import { PASSING_ERRORS } from "./codes.ts";
import { encodeBatch } from "./record_batch.ts";

/** Brokers take batches of up to 1 MiB. */
const SEND_BYTES = 768 * 1024;
const SEND_RECORDS = 5_000;
const PRODUCE = 0;
const VERSION = 7;
const ALL_REPLICAS = -1;
/** Not enough replicas, for a moment. */
const TOO_FEW_REPLICAS: ReadonlySet<number> = new Set([19, 20]);
/** A broker that takes this long may stand still. */
const SLOW_MS = 2_000;
/** Connections of its own: a send waits for all replicas, and what else is asked must not wait with it. */
const PURPOSE = "produce";
const RETRY = { forMs: 10_000, pauseMs: 100 };

/** Records on their way to one partition; `indexes` says which of the call's they are. */
interface Part {
  readonly partition: number;
  readonly records: NewRecord[];
  readonly indexes: number[];
}

/** A producer's number and how far it has counted in each partition. */
interface Identity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** By topic and partition. */
  readonly sequences: Map<string, number>;
}

interface Sending {
  readonly topic: string;
  readonly identity: Identity;
  readonly compressed: boolean;
}

interface Outcome {
  readonly part: Part;
  /** Where the first record is; undefined when the part is to be sent again. */
  readonly baseOffset: number | "too large" | undefined;
}

export class Producer {
  readonly #views = new Map<string, TopicView>();
  #turn = Math.floor(Math.random() * 1000);
  #identity: Identity | undefined;
  /** The last call by topic: one topic's trouble holds up no other. */
  readonly #last = new Map<string, Promise<unknown>>();

  constructor(
    readonly client: Client,
    readonly cluster: Cluster,
    readonly crc32c: (bytes: Uint8Array) => number,
  ) {}

  /**
   * Appends `records` in order. When a send fails, earlier ones of the same call may have been written: whoever calls
   * again may write those twice. `RecordTooLargeError` says which.
   */
  produce(
    topic: string,
    records: readonly NewRecord[],
    { compressed = false }: ProduceOptions = {},
  ): Promise<readonly RecordPosition[]> {
    const before = this.#last.get(topic) ?? Promise.resolve();
    const produced = before.then(() => this.#produce(topic, records, compressed));
    const settled = produced.catch(() => {}).then(() => {
      if (this.#last.get(topic) === settled) this.#last.delete(topic);
    });
    this.#last.set(topic, settled);
    return produced;
  }

  async #produce(
    topic: string,
    records: readonly NewRecord[],
    compressed: boolean,
  ): Promise<readonly RecordPosition[]> {
    const positions = new Array<RecordPosition>(records.length);
    try {
      const { leaders } = await this.#view(topic);
      const sending = { topic, compressed, identity: this.#identity ??= await this.#identify() };
      for (const parts of this.#chunks(records, leaders.length)) {
        const outcomes = await this.#deliver(sending, parts);
        for (const { part, baseOffset } of outcomes) {
          if (typeof baseOffset !== "number") continue;
          part.indexes.forEach((index, i) => {
            positions[index] = { partition: part.partition, offset: baseOffset + i };
          });
        }
        if (outcomes.some(({ baseOffset }) => baseOffset === "too large")) {
          throw recordTooLarge([topic], { written: writtenOf(positions) });
        }
      }
      return positions;
    } catch (thrown) {
      // A producer whose counting broke stays broken: the next call begins a new one.
      this.#identity = undefined;
      this.#views.delete(topic);
      throw this.client.error(thrown, { topics: [topic] });
    }
  }

  /** Sends until everything is written that is not too large; leaders that move are looked up again. */
  async #deliver(sending: Sending, parts: readonly Part[]): Promise<Outcome[]> {
    const delivered: Outcome[] = [];
    const giveUpAt = this.client.clock.monotonic() + RETRY.forMs;
    let left = parts;
    while (true) {
      const failures: unknown[] = [];
      const { leaders } = await this.#view(sending.topic);
      const byLeader = Map.groupBy(left, ({ partition }) => leaders[partition]);
      const sends = [...byLeader].map(async ([leader, led]): Promise<Outcome[]> => {
        if (leader === undefined) throw new LogUnavailableError(`Partition ${led[0]!.partition} has no leader`);
        const connection = await this.cluster.connection(leader, PURPOSE);
        const sent = this.#send(sending, led, connection);
        await this.#whileLed(sending.topic, { leader, led, sent, connection });
        return await sent.catch(async (thrown: unknown) => {
          if (answerOf(thrown) === undefined) await this.cluster.dropOne(connection);
          throw thrown;
        });
      });
      for (const result of await Promise.allSettled(sends)) {
        if (result.status === "fulfilled") {
          delivered.push(...result.value.filter(({ baseOffset }) => baseOffset !== undefined));
        } else failures.push(result.reason);
      }
      const done = new Set(delivered.map(({ part }) => part));
      left = left.filter((part) => !done.has(part));
      if (left.length === 0) return delivered;
      const hopeless = failures.map((failure) => this.client.error(failure, { topics: [sending.topic] })).find((
        { retriable },
      ) => !retriable);
      if (hopeless !== undefined) throw hopeless;
      if (this.client.clock.monotonic() > giveUpAt) {
        throw failures[0] ?? new LogUnavailableError(`"${sending.topic}" takes no records just now: its leaders move`);
      }
      this.#views.delete(sending.topic);
      await this.client.clock.sleep(RETRY.pauseMs);
    }
  }

  /**
   * Waits until a send has been answered; gives its connection up when a partition gets another leader meanwhile, as happens
   * when a broker stands still. What it had written already is known by its number there.
   */
  async #whileLed(
    topic: string,
    { leader, led, sent, connection }: {
      readonly leader: Address;
      readonly led: readonly Part[];
      readonly sent: Promise<unknown>;
      readonly connection: Connection;
    },
  ): Promise<void> {
    const answered = new AbortController();
    const settled = sent.then(() => answered.abort(), () => answered.abort());
    const { clock } = this.client;
    while (!answered.signal.aborted) {
      await Promise.race([settled, clock.sleep(SLOW_MS, answered.signal).catch(() => {})]);
      if (answered.signal.aborted) return;
      this.cluster.suspect(leader);
      const view = await this.cluster.view(topic).catch(() => undefined);
      const hasMoved = led.some(({ partition }) => {
        const now = view?.leaders[partition];
        return now !== undefined && keyOf(now) !== keyOf(leader);
      });
      if (hasMoved) return await this.cluster.dropOne(connection);
    }
  }

  /** One request to one broker. */
  async #send(sending: Sending, parts: readonly Part[], connection: Connection): Promise<Outcome[]> {
    const { identity } = sending;
    const answer = await this.#ask(sending, parts, connection);
    const answers = new Map(answer.responses[0]!.partitionResponses.map((response) => [response.index, response]));
    return parts.map((part): Outcome => {
      const { errorCode, baseOffset } = answers.get(part.partition)!;
      if (PASSING_ERRORS.has(errorCode) || TOO_FEW_REPLICAS.has(errorCode)) return { part, baseOffset: undefined };
      if (TOO_LARGE.has(errorCode)) return { part, baseOffset: "too large" };
      if (errorCode !== 0) throw new this.client.library.ProtocolError(errorCode);
      const counter = counterOf(sending.topic, part);
      identity.sequences.set(counter, (identity.sequences.get(counter) ?? 0) + part.records.length);
      return { part, baseOffset: Number(baseOffset) };
    });
  }

  async #ask(
    { topic, compressed, identity }: Sending,
    parts: readonly Part[],
    connection: Connection,
  ): Promise<ProduceAnswer> {
    const { library, settings } = this.client;
    const { crc32c } = this;
    const batchOf = (part: Part) => {
      const baseSequence = identity.sequences.get(counterOf(topic, part)) ?? 0;
      return encodeBatch(part.records, { ...identity, baseSequence, compressed, crc32c });
    };
    const write = () =>
      library.Writer.create()
        .appendString(null, false) // no transaction
        .appendInt16(ALL_REPLICAS)
        .appendInt32(settings.requestTimeoutMs)
        .appendArray(
          [topic],
          (writer, name) => {
            writer.appendString(name, false).appendArray(
              [...parts],
              (writer, part) => {
                writer.appendInt32(part.partition).appendBytes(batchOf(part), false);
              },
              false,
              false,
            );
          },
          false,
          false,
        );
    const parse = library.produceV7.parseResponse;
    return await request(connection, { api: PRODUCE, version: VERSION, write, parse }).catch((thrown: unknown) => {
      const answer = answerOf<ProduceAnswer>(thrown);
      if (answer === undefined) throw thrown;
      return answer;
    });
  }

  async #identify(): Promise<Identity> {
    const { initProducerIdV1 } = this.client.library;
    const { requestTimeoutMs } = this.client.settings;
    const { producerId, producerEpoch } = await this.client.patiently(() =>
      this.cluster.askAny((connection) => initProducerIdV1.api.async(connection, null, requestTimeoutMs, 0n, 0))
    );
    return { producerId, producerEpoch, sequences: new Map() };
  }

  async #view(topic: string): Promise<TopicView> {
    const kept = this.#views.get(topic);
    if (kept !== undefined) return kept;
    const view = await this.cluster.view(topic);
    this.#views.set(topic, view);
    return view;
  }

  /** Pieces that are small enough for one send, by partition; a record larger than that goes alone. */
  *#chunks(records: readonly NewRecord[], partitionCount: number): Generator<readonly Part[]> {
    let parts = new Map<number, Part>();
    let [count, bytes] = [0, 0];
    for (const [index, record] of records.entries()) {
      const partition = record.partition ?? this.#partitionOf(record, partitionCount);
      const size = (record.value?.length ?? 0) + (record.key?.length ?? 0);
      if (count > 0 && (count >= SEND_RECORDS || bytes + size > SEND_BYTES)) {
        yield [...parts.values()];
        parts = new Map();
        [count, bytes] = [0, 0];
      }
      const part = parts.get(partition) ?? { partition, records: [], indexes: [] };
      parts.set(partition, part);
      part.records.push(record);
      part.indexes.push(index);
      count += 1;
      bytes += size;
    }
    if (count > 0) yield [...parts.values()];
  }

  /** Kafka's default: by the key's hash, without a key in turn. */
  #partitionOf({ key }: NewRecord, count: number): number {
    if (key === undefined || key === null) return this.#turn++ % count;
    return partitionOfKey(typeof key === "string" ? encoder.encode(key) : key, count);
  }
}

const encoder = new TextEncoder();

function counterOf(topic: string, { partition }: Part): string {
  return `${topic}/${partition}`;
}

interface ProduceAnswer {
  readonly responses: readonly {
    readonly partitionResponses: readonly {
      readonly index: number;
      readonly errorCode: number;
      readonly baseOffset: bigint;
    }[];
  }[];
}
