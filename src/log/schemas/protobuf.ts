// Values in Protobuf's binary encoding as JSON text, decoded by protobufjs. As ProtoJSON has it, but for what would not be read
// as the domains' JSON is: names of fields are those of the schema, integers of 64 bits are numbers, and what is not sent
// because it is 0, empty or false is there.
//
// Sources: https://protobuf.dev/programming-guides/json/, and "Protobuf" under the wire format of wire_format.ts.

import type protobuf from "protobufjs";
import { mismatch } from "./json_text.ts";
import type { SchemaSource } from "./mod.ts";
import { messagesOf } from "./protobuf_files.ts";
import { Writers } from "./protobuf_text.ts";

type Read = (payload: Uint8Array) => string;

/** Deeper messages there are none: what names one has at most so many indexes. */
const MAX_INDEXES = 100;

/** The reader of values written by the schema. Throws what is wrong with the schema. */
export function protobufReader(source: SchemaSource): (payload: Uint8Array, indexes?: Uint8Array) => string {
  const messages = messagesOf(source);
  const writers = new Writers();
  const readers = new Map<string, Read>();
  return (payload, indexes) => {
    const { path, length } = pathIn(indexes ?? payload);
    const name = path.join(".");
    let read = readers.get(name);
    if (!read) readers.set(name, read = reader(messageAt(messages, path), writers));
    return read(indexes ? payload : payload.subarray(length));
  };
}

function reader(type: protobuf.Type, writers: Writers): Read {
  const write = writers.of(type);
  return (payload) => {
    let message: protobuf.Message;
    try {
      message = type.decode(payload);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw mismatch(`The value is no ${type.fullName.slice(1)}: ${why}`);
    }
    return write(message);
  };
}

/** The message at the path of indexes, each into what is declared in the one before. Entries of maps do not count. */
function messageAt(messages: readonly protobuf.Type[], path: readonly number[]): protobuf.Type {
  let [declared, found]: [readonly protobuf.Type[], protobuf.Type | undefined] = [messages, undefined];
  for (const index of path) {
    found = declared[index];
    if (!found) break;
    declared = found.nestedArray.filter((nested): nested is protobuf.Type => "fieldsArray" in nested);
  }
  if (found) return found;
  throw mismatch(`The value is of the message [${path.join(", ")}], which the schema has not`);
}

/** The indexes that begin the bytes, and how many bytes they are: their count, and each, as zigzag numbers. None mean 0. */
function pathIn(bytes: Uint8Array): { readonly path: readonly number[]; readonly length: number } {
  if (bytes[0] === 0) return { path: [0], length: 1 };
  const at = { offset: 0 };
  const count = indexIn(bytes, at);
  if (count > MAX_INDEXES) throw mismatch(`The value names its message by ${count} indexes`);
  const path = Array.from({ length: count }, () => indexIn(bytes, at));
  return { path, length: at.offset };
}

function indexIn(bytes: Uint8Array, at: { offset: number }): number {
  let [zigzag, factor] = [0, 1];
  for (let i = 0; i < 5; i++) {
    const byte = bytes[at.offset++];
    if (byte === undefined) break;
    zigzag += (byte & 127) * factor;
    factor *= 128;
    if (byte < 128 && zigzag % 2 === 0) return zigzag / 2;
    if (byte < 128) break;
  }
  throw mismatch("The value does not begin with the indexes of its message");
}
