// Records that could not be used: why, as a row, and as a record for the dead letter topic.

import { Buffer } from "node:buffer";
import type { LogRecord, NewRecord } from "../log/log.ts";
import type { Row } from "../warehouse/warehouse.ts";
import { eachHeader, HeadersBuilder } from "../log/headers.ts";
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
  /** JSON Pointer (RFC 6901) of the one place that is wrong, where `detail` is about one. */
  readonly pointer?: string;
}

/** A record that was given up. */
export interface DeadLetter extends Verdict {
  readonly partition: number;
  readonly record: LogRecord;
  /** Epoch milliseconds, wall clock. */
  readonly seenAt: number;
}

const MAX_DETAIL = 2000;
/** Key and value each have at most this many bytes in a request to Snowflake, where they are JSON within JSON: it takes 16 MB. */
const MAX_TEXT_BYTES = 7 * 1024 * 1024;

/** What `ENCODING` says after the encoding where key or value do not fit into the row; the dead letter topic has them whole. */
export const CUT = ", cut";

/** The beginning of a text that a row takes. */
function fitting(text: string): string {
  // A character has at most seven bytes then.
  if (text.length <= MAX_TEXT_BYTES / 7) return text;
  let fits = text;
  for (let bytes = 0; (bytes = Buffer.byteLength(JSON.stringify(JSON.stringify(fits)))) > MAX_TEXT_BYTES;) {
    fits = fits.slice(0, Math.floor(fits.length * Math.min(0.95, MAX_TEXT_BYTES / bytes)));
  }
  return fits.toWellFormed();
}

/** A header in `RECORD_HEADERS`: its name, its value as text or null, and "base64" where that is no text. */
type HeaderText = readonly [name: string, value: string | null, encoding?: "base64"];

/** The headers as JSON, in their order; `null` when there are none. */
function headersText(headers: LogRecord["headers"]): string | null {
  const texts = Array.from(eachHeader(headers), ([name, value]): HeaderText => {
    if (value === null) return [name, null];
    const { text, encoding } = printable(value);
    return encoding === "base64" ? [name, text, encoding] : [name, text];
  });
  return texts.length === 0 ? null : JSON.stringify(texts);
}

/** The headers again, from what {@link deadLetterRow} has made of them. */
export function headersOf(text: string | null): LogRecord["headers"] {
  const headers = new HeadersBuilder();
  for (const [name, value, encoding] of JSON.parse(text ?? "[]") as HeaderText[]) {
    headers.add(name, value === null ? null : bytesOf(value, encoding));
  }
  return headers.build();
}

const utf8 = new TextEncoder();

/** The bytes again, of which `printable` made the text. */
export function bytesOf(text: string, encoding: string | null | undefined): Uint8Array {
  return encoding === "base64" ? Uint8Array.fromBase64(text) : utf8.encode(text);
}

/** The row in `DEAD_LETTERS`. */
export function deadLetterRow(domain: string, topic: string, letter: DeadLetter): Row {
  const { key, value, offset } = letter.record;
  const writtenKey = key === null ? null : printable(key);
  const keyText = writtenKey?.text ?? null;
  const written = value === null ? null : printable(value);
  const headers = headersText(letter.record.headers);
  const row = {
    DOMAIN: domain,
    TOPIC: topic,
    KAFKA_PARTITION: letter.partition,
    KAFKA_OFFSET: offset,
    RECORD_KEY: keyText && fitting(keyText),
    RECORD_VALUE: written && fitting(written.text),
    ENCODING: written?.encoding ?? null,
    KEY_ENCODING: writtenKey?.encoding ?? null,
    RECORD_HEADERS: headers && fitting(headers) === headers ? headers : null,
    STAGE: letter.stage,
    REASON: letter.reason,
    DETAIL: letter.detail.slice(0, MAX_DETAIL),
    SEEN_AT: letter.seenAt,
  };
  const isWhole = row.RECORD_KEY === keyText && row.RECORD_VALUE === (written?.text ?? null) &&
    row.RECORD_HEADERS === headers;
  return isWhole ? row : { ...row, ENCODING: `${row.ENCODING ?? "utf-8"}${CUT}` };
}

/**
 * The record for the dead letter topic: the original bytes, key and headers, and Kafka Connect's error headers
 * (KIP-298) that say where it came from and what was wrong.
 */
export function deadLetterRecord(domain: string, topic: string, letter: DeadLetter): NewRecord {
  const { key, value, offset, headers } = letter.record;
  return {
    key,
    value,
    headers: {
      ...headers,
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
