// Values in Protobuf's binary encoding as JSON text: every type, the well known ones, which message a value is, and bytes that
// do not fit. protobufjs encodes what is read here; Confluent's serializer does in schema_registry_peers_test.ts.

import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import protobuf from "protobufjs";
import descriptor from "protobufjs/ext/descriptor.js";
import { UnreadableValueError } from "../../../src/errors.ts";
import { compileSchema, type SchemaReference } from "../../../src/log/schemas/mod.ts";

type Read = (bytes: Uint8Array, indexes?: Uint8Array) => string;

async function reader(schema: string, references: readonly SchemaReference[] = []): Promise<Read> {
  const { read, problem } = await compileSchema({ type: "PROTOBUF", schema, references });
  if (!read) throw new Error(problem);
  return read;
}

/** A schema of one message. */
const proto3 = (fields: string) =>
  `syntax = "proto3"; package a.b;
   import "google/protobuf/timestamp.proto"; import "google/protobuf/wrappers.proto";
   import "google/protobuf/struct.proto"; import "google/protobuf/duration.proto"; import "google/protobuf/any.proto";
   import "google/protobuf/field_mask.proto"; import "confluent/type/decimal.proto"; import "google/type/money.proto";
   message M { ${fields} }
   message Other { int32 n = 1; }
   enum Kind { UNKNOWN = 0; RED = 1; }`;

const FIRST = Uint8Array.of(0);

/** The bytes of a field: its number, its wire type, and what it holds. */
const field = (id: number, wireType: number, ...bytes: number[]) => Uint8Array.of(id << 3 | wireType, ...bytes);
const sized = (...bytes: number[]) => [bytes.length, ...bytes];
const ascii = (text: string) => [...new TextEncoder().encode(text)];
const longest = [...Array(9).fill(255), 1];
const time = protobuf.Writer.create().uint32(8).int64(1_768_467_600).uint32(16).int32(200_000_000).finish();

/** Name, fields of the message, bytes, JSON text. */
const values: readonly (readonly [string, string, Uint8Array, string])[] = [
  [
    "what is not sent, as it is 0, empty or false",
    "int32 i = 1; int64 l = 2; double d = 3; string s = 4; bool b = 5; bytes y = 6; Kind k = 7; repeated int32 r = 8; map<string, int32> m = 9;",
    Uint8Array.of(),
    '{"i":0,"l":0,"d":0,"s":"","b":false,"y":"","k":"UNKNOWN","r":[],"m":{}}',
  ],
  [
    "nothing where 0 could have been sent",
    "optional int32 i = 1; Other o = 2; oneof x { int32 y = 3; }",
    Uint8Array.of(),
    "{}",
  ],
  ["a 0 that was sent", "optional int32 i = 1; oneof x { int32 y = 3; }", Uint8Array.of(8, 0, 24, 0), '{"i":0,"y":0}'],
  [
    "names as they are in the schema",
    "int32 passenger_count = 1; int32 speedKmh = 2;",
    Uint8Array.of(8, 1, 16, 2),
    '{"passenger_count":1,"speedKmh":2}',
  ],
  ["the smallest int64", "int64 l = 1;", field(1, 0, ...Array(9).fill(0x80), 1), '{"l":-9223372036854775808}'],
  ["the greatest uint64", "uint64 l = 1;", field(1, 0, ...longest), '{"l":18446744073709551615}'],
  ["a sint64", "sint64 l = 1;", field(1, 0, ...longest), '{"l":-9223372036854775808}'],
  ["a fixed64", "fixed64 l = 1;", field(1, 1, 1, 0, 0, 0, 0, 0, 32, 0), '{"l":9007199254740993}'],
  ["an sfixed64", "sfixed64 l = 1;", field(1, 1, ...Array(8).fill(255)), '{"l":-1}'],
  [
    "a float, by its own digits",
    "float f = 1;",
    field(1, 5, ...new Uint8Array(Float32Array.of(41.7).buffer)),
    '{"f":41.7}',
  ],
  [
    "a double that is none",
    "double d = 1;",
    field(1, 1, ...new Uint8Array(Float64Array.of(NaN).buffer)),
    '{"d":"NaN"}',
  ],
  [
    "text and bytes",
    "string s = 1; bytes b = 2;",
    Uint8Array.of(10, 2, 0xc3, 0xa9, 18, 2, 0, 255),
    '{"s":"é","b":"AP8="}',
  ],
  ["an enum", "Kind k = 1;", field(1, 0, 1), '{"k":"RED"}'],
  ["an enum that the schema does not know", "Kind k = 1;", field(1, 0, 7), '{"k":7}'],
  ["a packed list", "repeated sint32 r = 1;", field(1, 2, ...sized(1, 2)), '{"r":[-1,1]}'],
  ["a list that is not packed", "repeated int32 r = 1;", Uint8Array.of(8, 1, 8, 2), '{"r":[1,2]}'],
  ["messages", "repeated Other o = 1;", field(1, 2, ...sized(8, 1)), '{"o":[{"n":1}]}'],
  [
    "a map",
    "map<string, Other> m = 1;",
    field(1, 2, ...sized(...field(1, 2, ...sized(...ascii("k"))), ...field(2, 2, 0))),
    '{"m":{"k":{"n":0}}}',
  ],
  [
    "a map by numbers of 64 bits",
    "map<int64, bool> m = 1;",
    field(1, 2, ...sized(8, ...longest, 16, 1)),
    '{"m":{"-1":true}}',
  ],
  [
    "a key that objects have of themselves",
    "map<string, int32> m = 1;",
    field(1, 2, ...sized(...field(1, 2, ...sized(...ascii("__proto__"))), 16, 1)),
    '{"m":{"__proto__":1}}',
  ],
  ["the last of two in a oneof", "oneof x { int32 a = 1; string b = 2; }", Uint8Array.of(8, 1, 18, 1, 97), '{"b":"a"}'],
  ["fields that the schema does not know", "int32 i = 1;", Uint8Array.of(8, 1, 80, 5), '{"i":1}'],
  [
    "a timestamp",
    "google.protobuf.Timestamp t = 1;",
    field(1, 2, ...sized(...time)),
    '{"t":"2026-01-15T09:00:00.200Z"}',
  ],
  ["the beginning of 1970", "google.protobuf.Timestamp t = 1;", field(1, 2, 0), '{"t":"1970-01-01T00:00:00Z"}'],
  [
    "a duration",
    "google.protobuf.Duration d = 1;",
    field(1, 2, ...sized(8, 3, 16, 0xc0, 0x84, 0x3d)),
    '{"d":"3.001s"}',
  ],
  [
    "wrapped values",
    "google.protobuf.Int64Value l = 1; google.protobuf.StringValue s = 2;",
    Uint8Array.of(10, 2, 8, 5, 18, 0),
    '{"l":5,"s":""}',
  ],
  [
    "a field mask",
    "google.protobuf.FieldMask f = 1;",
    field(1, 2, ...sized(10, ...sized(...ascii("a_b")), 10, ...sized(...ascii("c")))),
    '{"f":"a_b,c"}',
  ],
  [
    "a decimal of Confluent's",
    "confluent.type.Decimal d = 1;",
    field(1, 2, ...sized(10, 2, 0x08, 0x5c, 16, 9, 24, 2)),
    '{"d":21.40}',
  ],
  [
    "money of Google's",
    "google.type.Money m = 1;",
    field(1, 2, ...sized(10, 3, ...ascii("EUR"), 16, 5)),
    '{"m":{"currency_code":"EUR","units":5,"nanos":0}}',
  ],
  [
    "any message that the schema knows",
    "google.protobuf.Any a = 1;",
    field(1, 2, ...sized(10, ...sized(...ascii("t/a.b.Other")), 18, 2, 8, 5)),
    '{"a":{"@type":"t/a.b.Other","n":5}}',
  ],
  [
    "any message that nobody knows",
    "google.protobuf.Any a = 1;",
    field(1, 2, ...sized(10, ...sized(...ascii("t/Who")), 18, 2, 8, 5)),
    '{"a":{"@type":"t/Who","value":"CAU="}}',
  ],
];

for (const [name, fields, bytes, text] of values) {
  Deno.test(`Protobuf: ${name}`, async () => {
    const read = await reader(proto3(fields));
    assertEquals(read(Uint8Array.of(...FIRST, ...bytes)), text);
    assertEquals(read(bytes, FIRST), text, "the same with the indexes elsewhere");
    JSON.parse(text);
  });
}

Deno.test("Protobuf: JSON as a message", async () => {
  const schema = proto3("google.protobuf.Struct s = 1;");
  const root = protobuf.parse(schema, { keepCase: true }).root;
  root.addJSON(protobuf.common.get("google/protobuf/struct.proto")!.nested!);
  const type = root.lookupType("google.protobuf.Struct");
  const listValue = { values: [{ boolValue: true }, { stringValue: "x" }, { structValue: { fields: {} } }] };
  const fields = { a: { numberValue: 1.5 }, b: { nullValue: 0 }, c: { listValue } };
  const bytes = type.encode(type.fromObject({ fields })).finish();
  const read = await reader(schema);
  assertEquals(read(field(1, 2, ...sized(...bytes)), FIRST), '{"s":{"a":1.5,"b":null,"c":[true,"x",{}]}}');
});

const MANY = `syntax = "proto3"; package x;
  service S {} enum E { Z = 0; }
  message A { message B { int32 b = 1; } enum F { Y = 0; } message C { message D { int32 d = 1; } } int32 a = 1; }
  message G { int32 g = 1; }`;

/** Indexes as numbers in zigzag, and what the value 1 of field 1 is then. */
const places: readonly (readonly [readonly number[], string])[] = [
  [[0], '{"a":1}'],
  [[2, 0], '{"a":1}'],
  [[2, 2], '{"g":1}'],
  [[4, 0, 0], '{"b":1}'],
  [[6, 0, 2, 0], '{"d":1}'],
];

for (const [indexes, text] of places) {
  Deno.test(`Protobuf: the message of the indexes ${indexes} is found, in the text and in the descriptor`, async () => {
    for (const schema of [MANY, base64Of(MANY)]) {
      const read = await reader(schema);
      assertEquals([read(Uint8Array.of(...indexes, 8, 1)), read(Uint8Array.of(8, 1), Uint8Array.from(indexes))], [
        text,
        text,
      ]);
    }
  });
}

/** A file as registries and serializers hand it around: its descriptor. */
function base64Of(text: string): string {
  const root = protobuf.parse(text, new protobuf.Root(), { keepCase: true }).root;
  root.resolveAll();
  const [file] = root.toDescriptor("proto3").file;
  return descriptor.FileDescriptorProto.encode(file!).finish().toBase64();
}

const PLACE = 'syntax = "proto3"; package p; message Place { double lat = 1; } message Unused {}';
const TRIP = 'syntax = "proto3"; package p; import "place.proto"; message Trip { Place at = 1; }';

Deno.test("Protobuf: files of one package that import each other, as text and as descriptors", async () => {
  for (const form of [String, base64Of]) {
    const read = await reader(TRIP, [
      { name: "place.proto", schema: form(PLACE) },
      {
        name: "google/protobuf/timestamp.proto",
        schema: 'syntax = "proto3"; package google.protobuf; message Timestamp {}',
      },
    ]);
    assertEquals(read(Uint8Array.of(0, 10, 0)), '{"at":{"lat":0}}');
  }
});

Deno.test("Protobuf: files of Google's and Confluent's that a registry has are read as any other", async () => {
  const address = 'syntax = "proto3"; package google.type; message PostalAddress { string region_code = 2; }';
  const meta =
    `syntax = "proto3"; package confluent; import "google/protobuf/descriptor.proto"; message Meta { string doc = 1; }
    extend google.protobuf.FieldOptions { Meta field_meta = 1088; }`;
  const read = await reader(
    `syntax = "proto3"; import "confluent/meta.proto"; import "google/type/postal_address.proto";
     message M { google.type.PostalAddress a = 1 [(confluent.field_meta) = { doc: "x" }]; }`,
    [
      { name: "google/protobuf/descriptor.proto", schema: 'syntax = "proto2"; package google.protobuf;' },
      { name: "confluent/meta.proto", schema: meta },
      { name: "google/type/postal_address.proto", schema: address },
    ],
  );
  assertEquals(read(Uint8Array.of(0, 10, 4, 18, 2, 70, 82)), '{"a":{"region_code":"FR"}}');
});

Deno.test("Protobuf: proto2, with what is required, its groups, and options of its own", async () => {
  const read = await reader(`syntax = "proto2"; import "google/protobuf/descriptor.proto";
    extend google.protobuf.FieldOptions { optional string note = 50001; }
    message M { required int32 a = 1 [(note) = "x"]; optional int32 b = 2 [default = 7]; repeated group R = 3 { optional int32 c = 4; } }`);
  assertEquals(read(Uint8Array.of(0, 8, 0, 27, 32, 5, 28)), '{"a":0,"r":[{"c":5}]}');
  assertThrows(() => read(Uint8Array.of(0)), UnreadableValueError, "missing required 'a'");
});

/** Name, fields, bytes with indexes, what is said. */
const misfits: readonly (readonly [string, string, Uint8Array, string])[] = [
  ["a value without its message", "int32 i = 1;", Uint8Array.of(), "indexes of its message"],
  ["indexes that end early", "int32 i = 1;", Uint8Array.of(4, 0), "indexes of its message"],
  ["negative indexes", "int32 i = 1;", Uint8Array.of(2, 1), "indexes of its message"],
  ["hundreds of indexes", "int32 i = 1;", Uint8Array.of(144, 3), "200 indexes"],
  ["a message that is not there", "int32 i = 1;", Uint8Array.of(2, 8), "[4]"],
  ["a length beyond the end", "string s = 1;", Uint8Array.of(0, 10, 5, 97), "no a.b.M"],
  ["a text that is not UTF-8", "string s = 1;", Uint8Array.of(0, 10, 1, 255), "no a.b.M"],
  ["a wire type that is none", "int32 i = 1;", Uint8Array.of(0, 15), "no a.b.M"],
  ["messages in each other without end", "M m = 1;", Uint8Array.of(0, ...nested(200)), "max depth"],
  [
    "a time beyond the calendar",
    "google.protobuf.Timestamp t = 1;",
    Uint8Array.of(0, 10, 10, 8, ...Array(8).fill(255), 127),
    "seconds and",
  ],
];

function nested(levels: number): Uint8Array {
  const writer = protobuf.Writer.create();
  for (let i = 0; i < levels; i++) writer.uint32(10).fork();
  for (let i = 0; i < levels; i++) writer.ldelim();
  return writer.finish();
}

for (const [name, fields, bytes, says] of misfits) {
  Deno.test(`Protobuf: ${name} does not fit`, async () => {
    const read = await reader(proto3(fields));
    assertStringIncludes(assertThrows(() => read(bytes), UnreadableValueError).message, says);
  });
}

/** What is said of schemas that are not to be used. */
const broken: readonly (readonly [string, string, string])[] = [
  ["a type that nobody declares", 'syntax = "proto3"; message M { Who w = 1; }', "Who"],
  ["what is no Protobuf", "hello { }", "hello"],
  ["no descriptor", "aGVsbG8", "wire type"],
];

for (const [name, schema, says] of broken) {
  Deno.test(`Protobuf: a schema with ${name} says so`, async () => {
    const { read, problem } = await compileSchema({ type: "PROTOBUF", schema, references: [] });
    assertEquals(read, undefined);
    assertStringIncludes(problem!, says);
  });
}
