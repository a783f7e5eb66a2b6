// One fetch: the request (Fetch v11), and its answer by our own decoder. Knows nothing of when to fetch what.
// Source: the Kafka protocol guide, Fetch v11.

import type { Connection } from "@platformatic/kafka";
import { LogRefusedError } from "../../../errors.ts";
import { decodeFetchAnswer, type FetchedPartition } from "../fetch.ts";
import { type Client, request } from "./client.ts";

const FETCH = 1;
const VERSION = 11;
const CONSUMER = -1;
const READ_COMMITTED = 1;
const NO_SESSION = { id: 0, epoch: -1 };
const FETCH_BYTES = 4 * 1024 * 1024;

export interface FetchRequest {
  readonly topic: string;
  readonly partitions: readonly { readonly partition: number; readonly offset: number }[];
}

export interface Fetched {
  readonly errorCode: number;
  readonly throttleMs: number;
  readonly partitions: readonly FetchedPartition[];
}

/** Asks a broker for records. Rejects with `LogRefusedError` when the answer is damaged. */
export async function fetchFrom(
  connection: Connection,
  asked: FetchRequest,
  { client, crc32c }: { readonly client: Client; readonly crc32c: (bytes: Uint8Array) => number },
): Promise<Fetched> {
  const answer = await send(connection, asked, client);
  try {
    const { errorCode, throttleMs, topics } = decodeFetchAnswer(VERSION, answer, crc32c);
    return { errorCode, throttleMs, partitions: topics.flatMap(({ partitions }) => partitions) };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new LogRefusedError(`An answer of Kafka cannot be read: ${why}`, { cause });
  }
}

function send(connection: Connection, { topic, partitions }: FetchRequest, { library, settings }: Client) {
  const write = () =>
    library.Writer.create()
      .appendInt32(CONSUMER)
      .appendInt32(settings.fetchWaitMs)
      .appendInt32(1) // answers as soon as there is anything
      .appendInt32(FETCH_BYTES)
      .appendInt8(READ_COMMITTED)
      .appendInt32(NO_SESSION.id)
      .appendInt32(NO_SESSION.epoch)
      .appendArray(
        [topic],
        (writer, name) => {
          writer.appendString(name, false).appendArray(
            [...partitions],
            (writer, { partition, offset }) => {
              writer.appendInt32(partition)
                .appendInt32(-1) // whatever the leader's epoch
                .appendInt64(BigInt(offset))
                .appendInt64(-1n)
                .appendInt32(settings.fetchPartitionBytes);
            },
            false,
            false,
          );
        },
        false,
        false,
      )
      .appendArray([], () => {}, false, false)
      .appendString("", false); // no rack
  return request<Uint8Array>(connection, {
    ...{ api: FETCH, version: VERSION, write },
    parse: (_correlationId, _api, _version, { buffer }) => buffer.buffer,
  });
}
