// Sends records of DEAD_LETTERS to their topic again, as new ones, after what was wrong is mended. Must not know who asks.

import { FreshetError } from "../errors.ts";
import type { Log, NewRecord, RecordPosition } from "../log/log.ts";
import type { Warehouse } from "../warehouse/warehouse.ts";
import { bytesOf, CUT, headersOf } from "./dead_letter.ts";

/** A row of `DEAD_LETTERS`; the last two columns are not there before the tables were migrated. */
export interface DeadLetterRow extends Readonly<Record<string, unknown>> {
  readonly TOPIC: unknown;
  readonly KAFKA_PARTITION: unknown;
  readonly KAFKA_OFFSET: unknown;
  readonly RECORD_KEY: string | null;
  readonly RECORD_VALUE: string | null;
  readonly ENCODING: string | null;
  readonly KEY_ENCODING?: string | null;
  readonly RECORD_HEADERS?: string | null;
}

/** Says in a republished record where it was before: partition and offset. */
const REPUBLISHED_HEADER = "freshet.republished.from";

/** Whether the row holds all of the record. */
export function isWhole({ ENCODING }: DeadLetterRow): boolean {
  return !String(ENCODING).endsWith(CUT);
}

/** The record as it was, and where; rows that an older Freshet wrote have no headers, and keys as text. */
export function originalRecord(letter: DeadLetterRow): NewRecord {
  const { RECORD_KEY: key, RECORD_VALUE: value, ENCODING, KEY_ENCODING, RECORD_HEADERS = null } = letter;
  return {
    key: key === null ? null : bytesOf(key, KEY_ENCODING),
    value: value === null ? null : bytesOf(value, ENCODING),
    headers: {
      ...headersOf(RECORD_HEADERS),
      [REPUBLISHED_HEADER]: `${letter.KAFKA_PARTITION}/${letter.KAFKA_OFFSET}`,
    },
  };
}

/** One dead letter. */
export interface RepublishRequest {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Instead of its own value. */
  readonly value?: string;
}

/** There is no such dead letter, or not enough of it. */
export class RepublishRefusedError extends FreshetError {
  readonly code = "republish_refused";
  readonly retriable = false;
}

export interface RepublishOptions {
  readonly log: Pick<Log, "produce">;
  readonly warehouse: Pick<Warehouse, "query">;
}

/** Sends one again, with its key and headers; where it is then. Errors: `RepublishRefusedError`, and those of the ports. */
export async function republishOne(request: RepublishRequest, options: RepublishOptions): Promise<RecordPosition> {
  const { topic, partition, offset, value } = request;
  const letter = await letterOf(request, options);
  if (letter === undefined) {
    throw new RepublishRefusedError(`There is no dead letter of ${topic}, partition ${partition}, offset ${offset}`);
  }
  if (!isWhole(letter)) {
    throw new RepublishRefusedError("It was too long to be whole in DEAD_LETTERS: take it from the dead letter topic");
  }
  const original = originalRecord(letter);
  const record = value === undefined ? original : { ...original, value };
  const [position] = await options.log.produce(topic, [record], { asIs: true });
  return position!;
}

async function letterOf(
  { topic, partition, offset }: RepublishRequest,
  { warehouse }: RepublishOptions,
): Promise<DeadLetterRow | undefined> {
  const { columns, rows: [row] } = await warehouse.query(
    "SELECT * FROM DEAD_LETTERS WHERE TOPIC = ? AND KAFKA_PARTITION = ? AND KAFKA_OFFSET = ?",
    { binds: [topic, partition, offset], maxRows: 1 },
  );
  if (row === undefined) return undefined;
  return Object.fromEntries(columns.map(({ name }, i) => [name, row[i]])) as unknown as DeadLetterRow;
}
