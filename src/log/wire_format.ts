// The wire format of Schema Registries: how a record says which schema its value was written by. Knows bytes, no registry.
//
// Source: "Schema Registry Wire Format", https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/
// index.html#wire-format, and Confluent's own clients: a schema is named by byte 0 and its id as 4 bytes big endian, or by
// byte 1 and its GUID as 16 bytes. That stands before the payload, or in the header `__value_schema_id`. Behind it, in either
// place, Protobuf has the indexes of the message.

import type { LogRecord, NewRecord } from "./log.ts";

/** A schema as a record names it: by its id in the registry, or by its GUID in lower case. */
export type SchemaRef = number | string;

/** Header that names the schema of a record's value. */
export const SCHEMA_HEADER = "__value_schema_id";

const MAGIC_ID = 0;
const MAGIC_GUID = 1;
const ID_BYTES = 5;
const GUID_BYTES = 17;

/** The greatest byte that a value in the wire format begins with. */
const LAST_MAGIC = MAGIC_GUID;

/** Whether the value begins as one in the wire format; text in UTF-8 that is JSON never does. */
export function isFramed(value: Uint8Array): boolean {
  return value[0]! <= LAST_MAGIC;
}

/** The value in the wire format. */
export function framed(id: number, value: string | Uint8Array): Uint8Array {
  const payload = typeof value === "string" ? new TextEncoder().encode(value) : value;
  const bytes = new Uint8Array(ID_BYTES + payload.length);
  new DataView(bytes.buffer).setUint32(1, id);
  bytes.set(payload, ID_BYTES);
  return bytes;
}

/** The record in the wire format. Tombstones and empty values have no payload, and what names a schema already keeps it. */
export function framedRecord(id: number, record: NewRecord): NewRecord {
  const { value, headers } = record;
  if (value === null || value.length === 0 || (headers && SCHEMA_HEADER in headers)) return record;
  if (typeof value !== "string" && isFramed(value)) return record;
  return { ...record, value: framed(id, value) };
}

/** The schema that bytes begin with, and what follows it; `undefined` when they name none. */
export function namedBy(bytes: Uint8Array): { readonly schema: SchemaRef; readonly rest: Uint8Array } | undefined {
  if (bytes[0] === MAGIC_ID && bytes.length >= ID_BYTES) return { schema: idAt(bytes), rest: bytes.subarray(ID_BYTES) };
  if (bytes[0] !== MAGIC_GUID || bytes.length < GUID_BYTES) return undefined;
  return { schema: guidText(bytes.subarray(1, GUID_BYTES)), rest: bytes.subarray(GUID_BYTES) };
}

/** The bytes of the record's {@link SCHEMA_HEADER}; of several the last, as Kafka's own clients read it. Null names none. */
export function schemaHeader({ headers }: LogRecord): Uint8Array | undefined {
  const header = headers[SCHEMA_HEADER];
  return (Array.isArray(header) ? header.at(-1) : header) ?? undefined;
}

/** The schema that a record names, where it names one. */
export function schemaOf(record: LogRecord): SchemaRef | undefined {
  const header = schemaHeader(record);
  if (header !== undefined) return namedBy(header)?.schema;
  return record.value !== null && isFramed(record.value) ? namedBy(record.value)?.schema : undefined;
}

/** 16 bytes as a GUID is written, in lower case. */
export function guidText(bytes: Uint8Array): string {
  return bytes.toHex().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function idAt(bytes: Uint8Array): number {
  return ((bytes[1]! << 24) | (bytes[2]! << 16) | (bytes[3]! << 8) | bytes[4]!) >>> 0;
}
