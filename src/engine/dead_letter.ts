// Records that could not be used: why, as a row, and as a record for the dead letter topic.

import type { LogRecord, NewRecord } from "../log/log.ts";
import type { Row } from "../warehouse/warehouse.ts";
import { printable } from "./text.ts";

/** Where a record was given up. */
export type Stage = "decode" | "validate" | "time" | "operator" | "write";

/** Why a record was given up. */
export interface Verdict {
  readonly stage: Stage;
  /** A stable code, `snake_case`. */
  readonly reason: string;
  /** For people: which field, which position. */
  readonly detail: string;
}

/** A record that was given up. */
export interface DeadLetter extends Verdict {
  readonly partition: number;
  readonly record: LogRecord;
  /** Epoch milliseconds, wall clock. */
  readonly seenAt: number;
}

const MAX_DETAIL = 2000;

/** The row in `DEAD_LETTERS`. */
export function deadLetterRow(domain: string, topic: string, letter: DeadLetter): Row {
  const { key, value, offset } = letter.record;
  const written = value === null ? null : printable(value);
  return {
    DOMAIN: domain,
    TOPIC: topic,
    KAFKA_PARTITION: letter.partition,
    KAFKA_OFFSET: offset,
    RECORD_KEY: key === null ? null : printable(key).text,
    RECORD_VALUE: written?.text ?? null,
    ENCODING: written?.encoding ?? null,
    STAGE: letter.stage,
    REASON: letter.reason,
    DETAIL: letter.detail.slice(0, MAX_DETAIL),
    SEEN_AT: letter.seenAt,
  };
}

/**
 * The record for the dead letter topic: the original bytes, key and headers, and Kafka Connect's error headers
 * (KIP-298) that say where it came from and what was wrong.
 */
export function deadLetterRecord(domain: string, topic: string, letter: DeadLetter): NewRecord {
  const { key, value, offset, headers } = letter.record;
  const single = Object.entries(headers).map(([name, content]) =>
    [name, content instanceof Uint8Array ? content : content.at(-1)!] as const
  );
  return {
    key,
    value,
    headers: {
      ...Object.fromEntries(single),
      "__connect.errors.topic": topic,
      "__connect.errors.partition": String(letter.partition),
      "__connect.errors.offset": String(offset),
      "__connect.errors.connector.name": `freshet-${domain}`,
      "__connect.errors.stage": letter.stage.toUpperCase(),
      "__connect.errors.exception.class.name": letter.reason,
      "__connect.errors.exception.message": letter.detail.slice(0, MAX_DETAIL),
    },
  };
}
