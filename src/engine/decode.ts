// From a record's bytes to a JSON value, refusing what JSON.parse would take or choke on. A value is plain JSON, or in the wire
// format of a Schema Registry: JSON, or what the log's registry makes JSON of.

import { UnreadableValueError } from "../errors.ts";
import type { LogRecord, WrittenSchema, WrittenSchemas } from "../log/log.ts";
import { isFramed, namedBy, SCHEMA_HEADER, schemaHeader, type SchemaRef } from "../log/wire_format.ts";
import type { Verdict } from "./dead_letter.ts";
import { type DuplicateName, duplicateName } from "./duplicate_names.ts";
import { oneByOne, type TextReader } from "./text.ts";

/** A decoded record: its JSON text, without a frame and else as it came, and what it says. */
export interface Decoded {
  readonly text: string;
  /** The text as the bytes that came; as itself where it was made of other bytes, or may hold what a warehouse refuses. */
  readonly content: Uint8Array | string;
  readonly json: unknown;
  /** The schema that the record says it was written by. */
  readonly schema?: SchemaRef;
}

/** Deeper nesting is refused: parsers and warehouses give up at different depths. */
export const MAX_DEPTH = 500;
/** Larger values are refused, in bytes: a VARIANT holds 16 MiB on older Snowflake accounts, and text may grow there. */
export const MAX_VALUE_BYTES = 8 * 1024 * 1024;

/** The reason of a record that is JSON, and says a name twice. */
export const DUPLICATE_NAME = "duplicate_name";

const dead = (reason: string, detail: string): Verdict => ({ stage: "decode", reason, detail });

/**
 * Reads a record's value as JSON, or says why it cannot be. `schemas` are those of the log's registry; without one a frame
 * is taken off unasked: what it holds is checked as any other JSON is.
 */
export function decodeJson(
  record: LogRecord,
  schemas?: WrittenSchemas,
  reader: TextReader = oneByOne,
): Decoded | Verdict {
  const { value } = record;
  if (value === null) return dead("tombstone", "The record has a key and no value");
  const header = schemas && SCHEMA_HEADER in record.headers ? schemaHeader(record) : undefined;
  if (header !== undefined) return decodeNamed(header, value, schemas!);
  if (!isFramed(value)) return decodePlain(value, reader);
  const frame = namedBy(value);
  if (frame) return decodeWritten(frame.schema, frame.rest, schemas);
  return dead(
    "truncated_frame",
    `The value begins with byte ${value[0]} and ends after ${value.length} bytes, before a schema id`,
  );
}

function decodePlain(value: Uint8Array, reader: TextReader): Decoded | Verdict {
  const parsed = parseJson(value, reader);
  if (!("stage" in parsed) || !beginsWithControl(value)) return parsed;
  return dead(
    "wrong_magic_byte",
    `The value begins with byte ${value[0]}: it is neither JSON nor the frame of a schema id`,
  );
}

/** A byte that no JSON begins with, nor a text that was meant to be some. */
function beginsWithControl([first = 32]: Uint8Array): boolean {
  const [space, tab, lineFeed, carriageReturn] = [32, 9, 10, 13];
  return first < space && first !== tab && first !== lineFeed && first !== carriageReturn;
}

/** Reads a value whose header names its schema. */
function decodeNamed(header: Uint8Array, value: Uint8Array, schemas: WrittenSchemas): Decoded | Verdict {
  const named = namedBy(header);
  if (named === undefined) {
    return dead(
      "wrong_magic_byte",
      `The header ${SCHEMA_HEADER} names no schema: neither byte 0 and an id, nor 1 and a GUID`,
    );
  }
  return decodeWritten(named.schema, value, schemas, named.rest);
}

/** Reads what was written by a schema. `indexes` is what its name has behind it in a header. */
function decodeWritten(
  schema: SchemaRef,
  payload: Uint8Array,
  schemas: WrittenSchemas | undefined,
  indexes?: Uint8Array,
): Decoded | Verdict {
  let written: WrittenSchema | undefined;
  if (schemas !== undefined) {
    written = schemas.of(schema);
    if (!written) return dead("unknown_schema_id", `The Schema Registry does not know the schema ${schema}`);
    if (written.problem !== undefined) {
      const { type, problem } = written;
      return dead("unreadable_schema", `The schema ${schema}, of type ${type}, cannot be used: ${cut(problem)}`);
    }
  }
  if (indexes?.length && written?.type !== "PROTOBUF") {
    return dead(
      "wrong_magic_byte",
      `The header ${SCHEMA_HEADER} has ${indexes.length} bytes behind the schema ${schema}`,
    );
  }
  const parsed = written?.read ? parseWritten(written.read, payload, indexes) : parseJson(payload);
  if (!("stage" in parsed)) return { ...parsed, schema };
  const hint = schemas === undefined && parsed.reason !== DUPLICATE_NAME ? UNASKED : "";
  return { ...parsed, detail: `${parsed.detail} (after the frame of schema ${schema}${hint})` };
}

/** What may help with a frame that holds no JSON. */
const UNASKED = "; if that is Avro or Protobuf, SCHEMA_REGISTRY_URL must say where its schema is";

function parseWritten(
  read: NonNullable<WrittenSchema["read"]>,
  payload: Uint8Array,
  indexes: Uint8Array | undefined,
): Decoded | Verdict {
  try {
    const parsed = parseJson(payload, { ...oneByOne, read: (bytes) => read(bytes, indexes) });
    return "stage" in parsed ? parsed : { ...parsed, content: parsed.text };
  } catch (error) {
    if (error instanceof UnreadableValueError) return dead(error.reason, error.message);
    throw error;
  }
}

/** Reads bytes as JSON, or says why they cannot be. */
export function parseJson(value: Uint8Array, reader: TextReader = oneByOne): Decoded | Verdict {
  if (value.length === 0) return dead("empty_value", "The value has no bytes");
  if (value.length > MAX_VALUE_BYTES) {
    return dead("too_large", `The value has ${value.length} bytes, more than ${MAX_VALUE_BYTES}`);
  }
  const text = reader.read(value);
  if (text === undefined) return dead("invalid_utf8", "The value is not UTF-8");
  if (text.length > 2 * MAX_DEPTH && nestedDeeperThan(text, MAX_DEPTH)) {
    return dead("nested_too_deep", `The value is nested deeper than ${MAX_DEPTH} levels`);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return dead("invalid_json", (error as Error).message);
  }
  const duplicate = duplicateName(text, json, reader.namesAtMost);
  return duplicate ? duplicateVerdict(duplicate) : { text, content: text.includes("\\u") ? text : value, json };
}

/** Longer texts are cut in what is said of them. */
const SAID_CHARACTERS = 300;
const cut = (text: string) => text.length > SAID_CHARACTERS ? `${text.slice(0, SAID_CHARACTERS)}…` : text;

function duplicateVerdict({ name, pointer }: DuplicateName): Verdict {
  const detail = `An object has the name ${JSON.stringify(cut(name))} twice, at ${cut(pointer)}: write each name once`;
  return { ...dead(DUPLICATE_NAME, detail), pointer: cut(pointer) };
}

function nestedDeeperThan(text: string, limit: number): boolean {
  const [quote, backslash, bracket, brace, bracketEnd, braceEnd] = [34, 92, 91, 123, 93, 125];
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (quoted) {
      if (char === backslash) i++;
      else if (char === quote) quoted = false;
    } else if (char === quote) quoted = true;
    else if (char === bracket || char === brace) {
      if (++depth > limit) return true;
    } else if (char === bracketEnd || char === braceEnd) depth--;
  }
  return false;
}
