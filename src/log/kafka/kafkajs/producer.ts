// Producing to Kafka by kafkajs: acknowledged by all replicas, idempotent, partitioned as Kafka's own clients do.
// Knows nothing of consuming.

import { Buffer } from "node:buffer";
import type { Message, PartitionerArgs, Producer, RecordMetadata } from "kafkajs";
import type { RecordTooLargeError } from "../../../errors.ts";
import { recordTooLarge, TOO_LARGE, writtenOf } from "../errors.ts";
import { connected, type KafkaClient } from "./client.ts";
import type { HeaderValue, NewRecord, ProduceOptions, RecordPosition } from "../../log.ts";
import { partitionOfKey } from "../../murmur2.ts";

/** kafkajs groups a send by partition in quadratic time, and brokers take batches of up to 1 MiB. */
const SEND_RECORDS = 500;
const SEND_BYTES = 768 * 1024;

const NO_BYTES = Buffer.alloc(0);

/** kafkajs's `CompressionTypes`; it comes with gzip. */
const [NO_COMPRESSION, GZIP] = [0, 1];

interface Sending {
  readonly topic: string;
  readonly messages: Message[];
  readonly compression: number;
}

export class KafkaProducer implements AsyncDisposable {
  #producer: Promise<Producer> | undefined;
  #turn = Math.floor(Math.random() * 1000);

  constructor(readonly client: KafkaClient) {}

  /**
   * Appends `records` in order. When a send fails, earlier ones of the same call may have been written: whoever calls
   * again may write those twice. `RecordTooLargeError` says which.
   */
  async produce(
    topic: string,
    records: readonly NewRecord[],
    { compressed = false }: ProduceOptions = {},
  ): Promise<readonly RecordPosition[]> {
    const positions: RecordPosition[] = [];
    const compression = compressed ? GZIP : NO_COMPRESSION;
    for (const messages of chunks(records)) {
      const sent = await this.#send({ topic, messages, compression });
      if (sent.some((position) => position === undefined)) throw await this.#tooLarge(topic, [...positions, ...sent]);
      positions.push(...sent as RecordPosition[]);
    }
    return positions;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reset();
  }

  /** Positions of the messages; `undefined` where a partition's batch is too large. */
  async #send({ topic, messages, compression }: Sending): Promise<(RecordPosition | undefined)[]> {
    try {
      const producer = await (this.#producer ??= this.#connect());
      return positionsOf(messages, await producer.send({ topic, messages, compression, acks: -1 }));
    } catch (thrown) {
      // An idempotent producer whose numbering broke stays broken: the next send begins a new one.
      await this.#reset();
      throw this.client.error(thrown, { topics: [topic] });
    }
  }

  /** Of a call of whose records these are written. */
  async #tooLarge(topic: string, positions: readonly (RecordPosition | undefined)[]): Promise<RecordTooLargeError> {
    // The numbering counts what was not written.
    await this.#reset();
    return recordTooLarge([topic], { written: writtenOf(positions) });
  }

  #connect(): Promise<Producer> {
    return connected(
      this.client.connectable().producer({
        allowAutoTopicCreation: false,
        idempotent: true,
        maxInFlightRequests: 1,
        retry: { retries: 8 },
        createPartitioner: () => (args) => this.#partition(args),
      }),
    );
  }

  /** Kafka's default, noted in the message: by the key's hash, without a key in turn. */
  #partition({ partitionMetadata, message }: PartitionerArgs): number {
    const count = partitionMetadata.length;
    message.partition ??= message.key ? partitionOfKey(message.key as Buffer, count) : this.#turn++ % count;
    return message.partition;
  }

  async #reset(): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    await producer?.then((producer) => producer.disconnect()).catch(() => {});
  }
}

/** Pieces that are small enough for one send; a record larger than that goes alone. */
function* chunks(records: readonly NewRecord[]): Generator<Message[]> {
  let messages: Message[] = [];
  let bytes = 0;
  for (const record of records) {
    const message = messageOf(record);
    const size = (message.value?.length ?? 0) + (message.key?.length ?? 0);
    if (messages.length > 0 && (messages.length >= SEND_RECORDS || bytes + size > SEND_BYTES)) {
      yield messages;
      messages = [];
      bytes = 0;
    }
    messages.push(message);
    bytes += size;
  }
  if (messages.length > 0) yield messages;
}

function messageOf(record: NewRecord): Message {
  return {
    key: record.key === undefined || record.key === null ? null : bufferOf(record.key),
    value: record.value === null ? null : bufferOf(record.value),
    partition: record.partition,
    timestamp: record.timestamp === undefined ? undefined : String(record.timestamp),
    headers: record.headers &&
      Object.fromEntries(Object.entries(record.headers).map(([name, value]) => [name, headerOf(value)])),
  };
}

function headerOf(value: string | HeaderValue | readonly HeaderValue[]): Buffer | Buffer[] {
  if (typeof value === "string" || value instanceof Uint8Array) return bufferOf(value);
  const values = value === null ? [null] : value;
  return values.includes(null) ? withNulls(values) : values.map((one) => bufferOf(one!));
}

/**
 * The values of a header of which some are null. kafkajs can write null, but measures a value before it looks whether it is
 * one, and fails: so the first who asks is told of no bytes.
 */
function withNulls(values: readonly HeaderValue[]): Buffer[] {
  const buffers: Buffer[] = [];
  buffers.map = <T>(make: (value: Buffer, index: number, all: Buffer[]) => T): T[] =>
    values.map((value, i) => {
      const header = make(value === null ? NO_BYTES : bufferOf(value), i, buffers);
      if (value !== null) return header;
      let isMeasured = false;
      return Object.defineProperty(header, "value", { get: () => isMeasured ? null : (isMeasured = true, NO_BYTES) });
    });
  return buffers;
}

/** kafkajs writes only Buffers as they are; other bytes it would turn into text. */
function bufferOf(value: string | Uint8Array): Buffer {
  return typeof value === "string" ? Buffer.from(value) : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

function positionsOf(
  messages: readonly Message[],
  answers: readonly RecordMetadata[],
): (RecordPosition | undefined)[] {
  const written = answers.filter(({ errorCode }) => !TOO_LARGE.has(errorCode));
  const next = new Map(written.map(({ partition, baseOffset }) => [partition, Number(baseOffset)]));
  return messages.map(({ partition }) => {
    const offset = next.get(partition!);
    if (offset === undefined) return undefined;
    next.set(partition!, offset + 1);
    return { partition: partition!, offset };
  });
}
