// Messages of protobufjs as JSON text: see protobuf.ts for what differs from ProtoJSON.

import protobuf from "protobufjs";
import {
  bounded,
  bytesText,
  decimalText,
  doubleText,
  FIRST_SECOND,
  floatText,
  LAST_SECOND,
  mismatch,
  secondsText,
  stringText,
} from "./json_text.ts";
import { DECIMAL } from "./known_protobuf.ts";

/** A decoded message: what was sent, over the defaults of its type. */
type Fields = Readonly<Record<string, unknown>>;
/** The JSON text of a value. */
type Write = (value: unknown) => string;

/** How values of the scalar types are written; what is not here is written by its own digits. */
const SCALARS: Readonly<Record<string, Write>> = {
  double: (value) => doubleText(Number(value)),
  float: (value) => floatText(Number(value)),
  string: (value) => stringText(String(value)),
  bytes: (value) => bytesText(value as Uint8Array),
};

/** What a field without presence is when it was not sent. */
const NOT_SENT: Readonly<Record<string, string>> = { bool: "false", string: '""', bytes: '""' };

const LONG_KEYS = new Set(["int64", "sint64", "sfixed64", "uint64", "fixed64"]);

/** How a field is found in a message and written. */
interface FieldWriter {
  readonly name: string;
  /** Its name as JSON, with a colon. */
  readonly label: string;
  readonly write: Write;
  /** When it was not sent; `undefined` leaves it out. */
  readonly otherwise: string | undefined;
}

/** Makes writers of message types, each once: a type may hold itself. */
export class Writers {
  readonly #writers = new Map<protobuf.Type, Write>();

  of(type: protobuf.Type): Write {
    const known = this.#writers.get(type);
    if (known) return known;
    this.#writers.set(type, (value) => write(value));
    const write = this.#wellKnown(type) ?? this.#message(type);
    this.#writers.set(type, write);
    return write;
  }

  #message({ fieldsArray }: protobuf.Type): Write {
    const fields = fieldsArray.map((field) => this.#field(field.resolve()));
    return (value) => {
      const message = value as Fields;
      let text = "{";
      for (const { name, label, write, otherwise } of fields) {
        const field = Object.hasOwn(message, name) ? write(message[name]) : otherwise;
        if (field !== undefined) text += (text === "{" ? "" : ",") + label + field;
      }
      return bounded(text + "}");
    };
  }

  #field(field: protobuf.Field): FieldWriter {
    const { name, protoName } = field;
    const one = this.#value(field);
    const labelled = { name, label: `${stringText(protoName)}:` };
    if (field instanceof protobuf.MapField) return { ...labelled, write: mapWriter(field, one), otherwise: "{}" };
    if (field.repeated) return { ...labelled, write: listWriter(one), otherwise: "[]" };
    return { ...labelled, write: one, otherwise: notSent(field, one) };
  }

  /** Of one value of the field. */
  #value({ resolvedType, type }: protobuf.Field): Write {
    if (resolvedType instanceof protobuf.Type) return (value) => this.of(resolvedType)(value);
    if (resolvedType instanceof protobuf.Enum) return enumWriter(resolvedType);
    return SCALARS[type] ?? String;
  }

  #wellKnown(type: protobuf.Type): Write | undefined {
    switch (type.fullName) {
      case ".google.protobuf.Timestamp":
        return timestampText;
      case ".google.protobuf.Duration":
        return durationText;
      case ".google.protobuf.FieldMask":
        return (value) => stringText((value as { readonly paths?: readonly string[] }).paths?.join(",") ?? "");
      case ".google.protobuf.Value":
        return valueText;
      case ".google.protobuf.Struct":
        return structText;
      case ".google.protobuf.ListValue":
        return listText;
      case ".google.protobuf.Any":
        return (value) => this.#any(type.root, value as Fields);
      case DECIMAL:
        return (value) => {
          const { value: digits, scale } = value as { readonly value: Uint8Array | string; readonly scale: number };
          // What was not sent is an empty text in protobufjs.
          return decimalText(typeof digits === "string" ? new Uint8Array() : Uint8Array.from(digits), scale);
        };
    }
    if (!/^\.google\.protobuf\.\w+Value$/.test(type.fullName)) return undefined;
    const write = this.#value(type.fields.value!.resolve());
    return (value) => write((value as Fields).value);
  }

  /** A message of a type that the schema knows, with the type's name; of another the bytes. */
  #any(root: protobuf.Root, { type_url = "", value }: Fields): string {
    const url = String(type_url);
    const bytes = value instanceof Uint8Array ? value : new Uint8Array();
    const label = `{"@type":${stringText(url)}`;
    const type = root.lookup(url.slice(url.lastIndexOf("/") + 1), [protobuf.Type]);
    if (!(type instanceof protobuf.Type)) return `${label},"value":${bytesText(bytes)}}`;
    const isWellKnown = this.#wellKnown(type) !== undefined;
    const text = this.of(type)(type.decode(bytes));
    if (isWellKnown) return bounded(`${label},"value":${text}}`);
    return text === "{}" ? `${label}}` : bounded(`${label},${text.slice(1)}`);
  }
}

/** What stands for a field that was not sent: nothing, where that is not the same as 0. */
function notSent({ resolvedType, type, hasPresence }: protobuf.Field, write: Write): string | undefined {
  if (hasPresence || resolvedType instanceof protobuf.Type) return undefined;
  return resolvedType instanceof protobuf.Enum ? write(0) : NOT_SENT[type] ?? "0";
}

function enumWriter({ valuesById }: protobuf.Enum): Write {
  return (value) => {
    const name = valuesById[Number(value)];
    return name === undefined ? String(value) : stringText(name);
  };
}

function listWriter(one: Write): Write {
  return (value) => {
    let text = "[";
    for (const item of value as readonly unknown[]) text = bounded(text + (text === "[" ? "" : ",") + one(item));
    return text + "]";
  };
}

function mapWriter({ keyType }: protobuf.MapField, one: Write): Write {
  const isUnsigned = keyType.startsWith("u") || keyType.startsWith("fixed");
  // protobufjs keeps keys of 64 bits as texts of their bytes.
  const keyText = LONG_KEYS.has(keyType)
    ? (key: string) => String(protobuf.util.longFromHash(key, isUnsigned))
    : (key: string) => key;
  return (value) => {
    let text = "{";
    for (const [key, item] of Object.entries(value as Fields)) {
      text = bounded(`${text}${text === "{" ? "" : ","}${stringText(keyText(key))}:${one(item)}`);
    }
    return text + "}";
  };
}

/** Seconds, which protobufjs has as a number or as one of 64 bits, and nanoseconds. */
interface Moment {
  readonly seconds: unknown;
  readonly nanos: number;
}

function timestampText(value: unknown): string {
  const { seconds: given, nanos } = value as Moment;
  const seconds = Number(given);
  if (seconds < FIRST_SECOND || seconds > LAST_SECOND || nanos < 0 || nanos > 999_999_999) {
    throw mismatch(`A timestamp has ${given} seconds and ${nanos} nanoseconds`);
  }
  return `"${secondsText(seconds)}${fraction(nanos)}Z"`;
}

function durationText(value: unknown): string {
  const { seconds: given, nanos } = value as Moment;
  const seconds = Number(given);
  if (Math.abs(seconds) > 315_576_000_000 || Math.abs(nanos) > 999_999_999 || seconds * nanos < 0) {
    throw mismatch(`A duration has ${given} seconds and ${nanos} nanoseconds`);
  }
  return `"${seconds < 0 || nanos < 0 ? "-" : ""}${Math.abs(seconds)}${fraction(Math.abs(nanos))}s"`;
}

/** None, or 3, 6 or 9 digits, as ProtoJSON has it. */
function fraction(nanos: number): string {
  return nanos === 0 ? "" : `.${String(nanos).padStart(9, "0").replace(/(000|000000)$/, "")}`;
}

/** JSON as a message. */
interface JsonValue {
  readonly numberValue?: number;
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly structValue?: unknown;
  readonly listValue?: unknown;
}

function valueText(value: unknown): string {
  const json = value as JsonValue;
  if (Object.hasOwn(json, "numberValue")) return doubleText(json.numberValue!);
  if (Object.hasOwn(json, "stringValue")) return stringText(json.stringValue!);
  if (Object.hasOwn(json, "boolValue")) return String(json.boolValue);
  if (Object.hasOwn(json, "structValue")) return structText(json.structValue);
  return Object.hasOwn(json, "listValue") ? listText(json.listValue) : "null";
}

const structFields = (value: unknown) => Object.entries((value as { readonly fields: Fields }).fields);

function structText(value: unknown): string {
  return bounded(`{${structFields(value).map(([name, one]) => `${stringText(name)}:${valueText(one)}`).join(",")}}`);
}

function listText(value: unknown): string {
  return bounded(`[${(value as { readonly values: readonly unknown[] }).values.map(valueText).join(",")}]`);
}
