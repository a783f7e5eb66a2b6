// Values in Avro's binary encoding as JSON text. avsc reads the schema: names, namespaces, references, logical types. The bytes
// are read here: avsc believes a value that says how many items it has, so that five bytes that do not fit the schema take all
// memory. It also takes what is not UTF-8, and no long beyond 2^53.
//
// Unions are their value alone, as connectors write them; a decimal is a number with all its digits.

import avro, { type Type, types } from "avsc";
import { guidText } from "../wire_format.ts";
import { AvroBytes } from "./avro_bytes.ts";
import {
  bounded,
  bytesText,
  dateText,
  decimalText,
  doubleText,
  floatText,
  mismatch,
  stringText,
  timeOfDayText,
  timestampText,
} from "./json_text.ts";
import type { SchemaSource } from "./mod.ts";

/** Takes a value from the bytes and gives its JSON text. */
type Read = (from: AvroBytes) => string;

/** The reader of values written by the schema. Throws what is wrong with the schema. */
export function avroReader({ schema, references }: SchemaSource): (payload: Uint8Array) => string {
  const options = { registry: {}, wrapUnions: true, logicalTypes: LOGICAL_TYPES };
  for (const reference of references) avro.Type.forSchema(JSON.parse(reference.schema), options);
  const read = new Readers().of(avro.Type.forSchema(JSON.parse(schema), options));
  return (payload) => {
    const from = new AvroBytes(payload);
    const text = read(from);
    if (from.left > 0) throw mismatch(`The value has ${from.left} bytes more than the schema says`);
    return text;
  };
}

/** Of a type, as avsc hands it on. */
type Definition = ConstructorParameters<typeof types.LogicalType>[0];

/** What the specification says of a logical type beside its name. */
interface Logical {
  readonly logicalType?: unknown;
  readonly scale?: unknown;
  readonly precision?: unknown;
}

/** A type whose values mean more than their type says. What is not as specified is its underlying type. */
class LogicalType extends types.LogicalType {
  readonly read: Read;

  constructor(schema: Definition, options?: object) {
    super(schema, options);
    // What names a logical type is an object.
    const read = logicalReader(schema as Logical, this.underlyingType);
    if (!read) throw new TypeError("The logical type is not as specified");
    this.read = read;
  }
}

const LOGICAL_TYPES = Object.fromEntries(
  [
    ...["decimal", "uuid", "date", "duration", "time-millis", "time-micros"],
    ...["timestamp-millis", "timestamp-micros", "timestamp-nanos"],
    ...["local-timestamp-millis", "local-timestamp-micros", "local-timestamp-nanos"],
  ].map((name) => [name, LogicalType]),
);

/** Of times: by which underlying type they come, and how. */
const TIMES: Readonly<Record<string, readonly [typeName: "int" | "long", Read]>> = {
  "date": ["int", (from) => dateText(from.int())],
  "time-millis": ["int", (from) => timeOfDayText(from.int(), 3)],
  "time-micros": ["long", (from) => timeOfDayText(from.long(), 6)],
  "timestamp-millis": ["long", (from) => timestampText(from.long(), 3, "Z")],
  "timestamp-micros": ["long", (from) => timestampText(from.long(), 6, "Z")],
  "timestamp-nanos": ["long", (from) => timestampText(from.long(), 9, "Z")],
  "local-timestamp-millis": ["long", (from) => timestampText(from.long(), 3, "")],
  "local-timestamp-micros": ["long", (from) => timestampText(from.long(), 6, "")],
  "local-timestamp-nanos": ["long", (from) => timestampText(from.long(), 9, "")],
};

function logicalReader({ logicalType, scale = 0, precision }: Logical, underlying: Type): Read | undefined {
  const size = underlying instanceof types.FixedType ? underlying.size : undefined;
  if (logicalType === "decimal") {
    const isSpecified = Number.isSafeInteger(scale) && Number.isSafeInteger(precision) &&
      Number(scale) >= 0 && Number(precision) >= Math.max(1, Number(scale));
    if (!isSpecified || (size === undefined && underlying.typeName !== "bytes")) return undefined;
    return (from) => decimalText(size === undefined ? from.sized() : from.fixed(size), Number(scale));
  }
  if (logicalType === "uuid") return size === 16 ? (from) => `"${guidText(from.fixed(size))}"` : undefined;
  if (logicalType === "duration") return size === 12 ? (from) => durationText(from.fixed(size)) : undefined;
  const [typeName, read] = TIMES[String(logicalType)] ?? [];
  return underlying.typeName === typeName ? read : undefined;
}

/** Three numbers of 32 bits, little endian. */
function durationText(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const [months, days, millis] = [0, 4, 8].map((at) => view.getUint32(at, true));
  return `{"months":${months},"days":${days},"millis":${millis}}`;
}

const PRIMITIVES: Readonly<Record<string, Read>> = {
  null: () => "null",
  boolean: (from) => String(from.boolean()),
  int: (from) => String(from.int()),
  long: (from) => String(from.long()),
  float: (from) => floatText(from.float()),
  double: (from) => doubleText(from.double()),
  bytes: (from) => bytesText(from.sized()),
  string: (from) => from.quotedString(),
};

/** Makes readers of types, each once: a type may hold itself. */
class Readers {
  readonly #readers = new Map<Type, Read>();

  of(type: Type): Read {
    const known = this.#readers.get(type);
    if (known) return known;
    this.#readers.set(type, (from) => read(from));
    const read = this.#make(type);
    this.#readers.set(type, read);
    return read;
  }

  #make(type: Type): Read {
    if (type instanceof LogicalType) return type.read;
    if (type instanceof types.RecordType) return this.#record(type);
    if (type instanceof types.ArrayType) return manyReader(this.of(type.itemsType), "[", "]");
    if (type instanceof types.MapType) return manyReader(entryReader(this.of(type.valuesType)), "{", "}");
    if (type instanceof types.WrappedUnionType) return this.#union(type);
    if (type instanceof types.EnumType) return enumReader(type);
    if (type instanceof types.FixedType) return fixedReader(type);
    const read = PRIMITIVES[type.typeName];
    if (!read) throw new TypeError(`The type ${type.typeName} is none of Avro's`);
    return read;
  }

  #record({ fields }: types.RecordType): Read {
    const read = fields.map(({ type }) => this.of(type));
    const before = fields.map(({ name }, i) => `${i === 0 ? "" : ","}${stringText(name)}:`);
    return (from) => {
      from.enter();
      let text = "{";
      for (let i = 0; i < read.length; i++) text += before[i]! + read[i]!(from);
      from.leave();
      return bounded(text + "}");
    };
  }

  #union(union: types.WrappedUnionType): Read {
    const branches = union.types.map((type) => this.of(type));
    return (from) => {
      const index = from.size();
      const branch = branches[index];
      if (!branch) throw mismatch(`A union of ${branches.length} types has the index ${index}`);
      return branch(from);
    };
  }
}

function enumReader({ symbols }: types.EnumType): Read {
  const texts = symbols.map(stringText);
  return (from) => {
    const index = from.size();
    const text = texts[index];
    if (text === undefined) throw mismatch(`An enum of ${texts.length} symbols has the index ${index}`);
    return text;
  };
}

function entryReader(value: Read): Read {
  return (from) => `${from.quotedString()}:${value(from)}`;
}

/** Of lists and maps: blocks of items, and an empty one at the end. */
function manyReader(item: Read, begin: string, end: string): Read {
  return (from) => {
    from.enter();
    let text = begin;
    for (let count = from.block(); count > 0; count = from.block()) {
      // What an item of no bytes costs is its text.
      for (let i = 0; i < count; i++) text = bounded(text + (text === begin ? "" : ",") + item(from));
    }
    from.leave();
    return text + end;
  };
}

function fixedReader({ size }: types.FixedType): Read {
  return (from) => bytesText(from.fixed(size));
}
