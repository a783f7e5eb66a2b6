// The dead letter topic's copies. The row in DEAD_LETTERS is the one that lasts, so a copy that the topic does not take as it
// is never holds the pipeline up: it is compressed, then cut, then left out.

import { Buffer } from "node:buffer";
import { LogRefusedError, RecordTooLargeError, TimestampRefusedError, TopicMissingError } from "../errors.ts";
import type { Log, NewRecord } from "../log/log.ts";

/** What has become of copies that the topic did not take as they were. */
export interface Copies {
  readonly cut: number;
  readonly leftOut: number;
  /** Why the last one was left out. */
  readonly why?: string;
}

/** Says how many bytes the record's value had, where the copy has only its beginning. */
export const CUT_HEADER = "freshet.cut.value.bytes";
/** How much of a value is tried, bytes. */
const CUTS = [512 * 1024, 64 * 1024, 4 * 1024, 0];

/** A copy, and the time that the log gave the record that it is of. */
export interface DeadLetterCopy {
  readonly record: NewRecord;
  /** Epoch milliseconds. */
  readonly loggedAt: number;
}

const NONE: Copies = { cut: 0, leftOut: 0 };
const both = (a: Copies, b: Copies): Copies => ({
  cut: a.cut + b.cut,
  leftOut: a.leftOut + b.leftOut,
  why: b.why ?? a.why,
});

/** Where a topic's dead letters go: to its name with something behind it. */
export const deadLetterTopic = (topic: string, suffix = ".dlq"): string => topic + suffix;

export class DeadLetterTopic {
  constructor(private readonly log: Log, private readonly topic: string) {}

  /**
   * Sends the copies, each at least once unless the topic refuses it. Rejects when the log cannot be reached: then it has not
   * refused them.
   */
  async send(copies: readonly DeadLetterCopy[]): Promise<Copies> {
    if (copies.length === 0) return NONE;
    try {
      await this.#produce(copies.map(({ record }) => record));
      return NONE;
    } catch (error) {
      if (!(error instanceof LogRefusedError)) throw error;
      if (error instanceof TimestampRefusedError && copies.some(({ record }) => record.timestamp === undefined)) {
        // The clock here is not the broker's, which concerns all of them; the records' own times it has taken before.
        return await this.send(copies.map(({ record, loggedAt }) => ({
          record: { ...record, timestamp: record.timestamp ?? loggedAt },
          loggedAt,
        })));
      }
      // Which of them it is about is found by halves.
      if (copies.length === 1) return await this.#sendRefused(copies[0]!.record, error);
      const middle = Math.ceil(copies.length / 2);
      const first = await this.send(copies.slice(0, middle));
      return both(first, await this.send(copies.slice(middle)));
    }
  }

  async #produce(records: readonly NewRecord[], compressed = false): Promise<void> {
    try {
      await this.log.produce(this.topic, records, { compressed });
    } catch (error) {
      if (!(error instanceof TopicMissingError)) throw error;
      // Somebody has deleted it since the start.
      await this.log.createTopics([{ topic: this.topic, partitions: 1 }]);
      await this.log.produce(this.topic, records, { compressed });
    }
  }

  async #sendRefused(record: NewRecord, refusal: LogRefusedError): Promise<Copies> {
    if (!(refusal instanceof RecordTooLargeError)) return { cut: 0, leftOut: 1, why: refusal.message };
    if (await this.#fits(record)) return NONE;
    for (const cut of cutRecords(record)) if (await this.#fits(cut)) return { cut: 1, leftOut: 0 };
    return { cut: 0, leftOut: 1, why: refusal.message };
  }

  /** Sends a record compressed, unless it is too large even so. */
  async #fits(record: NewRecord): Promise<boolean> {
    try {
      await this.#produce([record], true);
      return true;
    } catch (error) {
      if (error instanceof RecordTooLargeError) return false;
      throw error;
    }
  }
}

/** The record with less and less of its value, and at last without its key and its own headers. */
function* cutRecords(record: NewRecord): Generator<NewRecord> {
  const value = record.value === null ? new Uint8Array() : bytesOf(record.value);
  const headers = { ...record.headers, [CUT_HEADER]: String(value.length) };
  for (const length of CUTS) {
    if (length < value.length) yield { ...record, value: value.subarray(0, length), headers };
  }
  const ours = Object.entries(headers).filter(([name]) => name.startsWith("__connect.errors.") || name === CUT_HEADER);
  yield { ...record, key: null, value: new Uint8Array(), headers: Object.fromEntries(ours) };
}

const bytesOf = (text: string | Uint8Array) => typeof text === "string" ? Buffer.from(text) : text;
