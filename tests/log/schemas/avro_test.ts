// Values in Avro's binary encoding as JSON text: every type, every logical type, and bytes that do not fit. avsc encodes what
// is read here.

import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import avro from "avsc";
import fc from "fast-check";
import { UnreadableValueError } from "../../../src/errors.ts";
import { compileSchema } from "../../../src/log/schemas/mod.ts";

async function reader(schema: unknown, references: readonly unknown[] = []): Promise<(bytes: Uint8Array) => string> {
  const { read, problem } = await compileSchema({
    type: "AVRO",
    schema: JSON.stringify(schema),
    references: references.map((one, i) => ({ name: `r${i}`, schema: JSON.stringify(one) })),
  });
  if (!read) throw new Error(problem);
  return (bytes) => read(bytes);
}

/** A long as bytes, whatever its size. */
function long(value: bigint): Uint8Array {
  const bytes = [];
  let bits = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  for (; bits > 127n; bits >>= 7n) bytes.push(Number(bits & 127n) | 128);
  return Uint8Array.of(...bytes, Number(bits));
}

const joined = (...parts: (Uint8Array | readonly number[])[]) => Uint8Array.from(parts.flatMap((part) => [...part]));
const sized = (...bytes: number[]) => joined(long(BigInt(bytes.length)), bytes);
const logical = (logicalType: string, type: string, more: object = {}) => ({ type, logicalType, ...more });
const fixed = (size: number, more: object = {}) => ({ type: "fixed", name: "Fixed", size, ...more });
const micros = 1_768_467_600_123_456n;

/** Name, schema, bytes, JSON text. */
const values: readonly (readonly [string, unknown, Uint8Array, string])[] = [
  ["null", "null", joined(), "null"],
  ["a boolean", "boolean", joined([1]), "true"],
  ["the smallest int", "int", long(-(2n ** 31n)), "-2147483648"],
  ["the greatest long", "long", long(2n ** 63n - 1n), "9223372036854775807"],
  ["the smallest long", "long", long(-(2n ** 63n)), "-9223372036854775808"],
  ["a long just beyond a number's integers", "long", long(2n ** 53n + 1n), "9007199254740993"],
  ["a long of 8 bytes that a number holds", "long", long(-(2n ** 52n)), "-4503599627370496"],
  ["a float, by its own digits", "float", new Uint8Array(Float32Array.of(41.7).buffer), "41.7"],
  ["the smallest float", "float", new Uint8Array(Float32Array.of(1e-45).buffer), "1.4013e-45"],
  ["a float that needs 9 digits", "float", new Uint8Array(Float32Array.of(16777217.5).buffer), "16777218"],
  ["a float that is none", "float", new Uint8Array(Float32Array.of(NaN).buffer), '"NaN"'],
  ["a double", "double", new Uint8Array(Float64Array.of(0.1).buffer), "0.1"],
  ["infinity", "double", new Uint8Array(Float64Array.of(-Infinity).buffer), '"-Infinity"'],
  ["bytes", "bytes", sized(0, 255), '"AP8="'],
  ["a string", "string", joined(sized(...new TextEncoder().encode('é"\n'))), '"é\\"\\n"'],
  ["a fixed", fixed(2), joined([1, 2]), '"AQI="'],
  ["an enum", { type: "enum", name: "E", symbols: ["A", "B"] }, long(1n), '"B"'],
  ["a list in two blocks", { type: "array", items: "int" }, joined([2, 2, 1, 2, 4, 0]), "[1,2]"],
  ["a list without items", { type: "array", items: "int" }, joined([0]), "[]"],
  ["a map", { type: "map", values: "int" }, joined([2], sized(107), [2, 0]), '{"k":1}'],
  ["a union's value alone", ["null", "string"], joined([2], sized(97)), '"a"'],
  ["a union's null", ["null", "string"], joined([0]), "null"],
  ["a union of named types", [fixed(1), { type: "enum", name: "E", symbols: ["A"] }], joined([2, 0]), '"A"'],
  ["a decimal", logical("decimal", "bytes", { precision: 9, scale: 2 }), sized(0x08, 0x5c), "21.40"],
  ["a decimal below 1", logical("decimal", "bytes", { precision: 9, scale: 2 }), sized(0xff), "-0.01"],
  ["a decimal of nothing", logical("decimal", "bytes", { precision: 9, scale: 2 }), sized(), "0.00"],
  [
    "a whole decimal",
    logical("decimal", "bytes", { precision: 20 }),
    sized(1, 0, 0, 0, 0, 0, 0, 1),
    "72057594037927937",
  ],
  ["a fixed decimal", fixed(2, { logicalType: "decimal", precision: 4, scale: 3 }), joined([0xfb, 0x2e]), "-1.234"],
  [
    "a decimal of more digits than a NUMBER has",
    logical("decimal", "bytes", { precision: 50, scale: 1 }),
    sized(0x7f, ...Array(16).fill(255)),
    `"${String(2n ** 135n - 1n).replace(/(.)$/, ".$1")}"`,
  ],
  ["what is no decimal", logical("decimal", "bytes", { precision: 2, scale: 3 }), sized(5), '"BQ=="'],
  ["a decimal that is a text", logical("decimal", "string", { precision: 2 }), sized(97), '"a"'],
  ["a day", logical("date", "int"), long(-1n), '"1969-12-31"'],
  ["a day beyond the calendar", logical("date", "int"), long(5_000_000n), "5000000"],
  ["a time of day", logical("time-millis", "int"), long(32_400_001n), '"09:00:00.001"'],
  ["a time of day in microseconds", logical("time-micros", "long"), long(86_399_999_999n), '"23:59:59.999999"'],
  ["a time of more than a day", logical("time-millis", "int"), long(86_400_000n), "86400000"],
  ["milliseconds", logical("timestamp-millis", "long"), long(micros / 1000n), '"2026-01-15T09:00:00.123Z"'],
  ["microseconds", logical("timestamp-micros", "long"), long(micros), '"2026-01-15T09:00:00.123456Z"'],
  ["nanoseconds", logical("timestamp-nanos", "long"), long(micros * 1000n + 789n), '"2026-01-15T09:00:00.123456789Z"'],
  ["a time before 1970", logical("timestamp-millis", "long"), long(-1n), '"1969-12-31T23:59:59.999Z"'],
  [
    "nanoseconds before 1970",
    logical("timestamp-nanos", "long"),
    long(-(10n ** 17n) - 1n),
    '"1966-10-31T14:13:19.999999999Z"',
  ],
  ["a local time", logical("local-timestamp-micros", "long"), long(micros), '"2026-01-15T09:00:00.123456"'],
  ["a time beyond the calendar", logical("timestamp-millis", "long"), long(10n ** 15n), "1000000000000000"],
  ["a time that is an int", logical("timestamp-millis", "int"), long(5n), "5"],
  ["a logical type of others", logical("temperature", "double"), new Uint8Array(8), "0"],
  [
    "a UUID of 16 bytes",
    fixed(16, { logicalType: "uuid" }),
    Uint8Array.fromHex("89791762233641869674299b90a802e2"),
    '"89791762-2336-4186-9674-299b90a802e2"',
  ],
  ["a UUID that is a text", logical("uuid", "string"), sized(97), '"a"'],
  [
    "a duration",
    fixed(12, { logicalType: "duration" }),
    joined([1, 0, 0, 0, 2, 0, 0, 0, 3, 1, 0, 0]),
    '{"months":1,"days":2,"millis":259}',
  ],
];

for (const [name, schema, bytes, text] of values) {
  Deno.test(`Avro: ${name} is ${text.slice(0, 40)}`, async () => {
    assertEquals((await reader(schema))(bytes), text);
    JSON.parse(text);
  });
}

const NODE = {
  type: "record",
  name: "Node",
  namespace: "a.b",
  fields: [{ name: "value", type: "int" }, { name: "next", type: ["null", "Node"] }],
};

Deno.test("Avro: a record that holds itself, and names in their namespaces", async () => {
  const read = await reader(NODE);
  assertEquals(read(joined([2, 2, 4, 0])), '{"value":1,"next":{"value":2,"next":null}}');
  const place = {
    type: "record",
    name: "c.d.Place",
    fields: [{ name: "at", type: "a.b.Node" }, { name: "of", type: "Kind" }],
  };
  const kind = { type: "enum", name: "c.d.Kind", symbols: ["X"] };
  const referring = await reader(place, [NODE, kind]);
  assertEquals(referring(joined([2, 0, 0])), '{"at":{"value":1,"next":null},"of":"X"}');
});

/** Name, schema, bytes, what is said. */
const misfits: readonly (readonly [string, unknown, Uint8Array, string])[] = [
  ["a value that ends early", NODE, joined([2]), "ends after 1 bytes"],
  ["bytes behind the value", "int", joined([2, 2]), "1 bytes more"],
  ["a length beyond the end", "string", long(10n ** 12n), "ends after"],
  ["a negative length", "bytes", long(-1n), "length is -1"],
  ["a list of more items than there are bytes", { type: "array", items: "int" }, long(2n ** 52n), "ends after"],
  ["a list that is as good as endless", { type: "array", items: "null" }, long(2n ** 52n), "more than 8388608"],
  ["a list of more items than a number holds", { type: "array", items: "int" }, long(2n ** 60n), "block of"],
  ["no such branch", ["null", "int"], joined([6]), "union of 2 types has the index 3"],
  ["no such symbol", { type: "enum", name: "E", symbols: ["A"] }, joined([2]), "enum of 1 symbols has the index 1"],
  ["no boolean", "boolean", joined([2]), "the byte 2"],
  ["an int of more than 32 bits", "int", long(2n ** 31n), "2147483648"],
  ["a number of more than 64 bits", "long", joined(Array(9).fill(255), [2]), "64 bits"],
  ["a number that does not end", "long", new Uint8Array(20).fill(255), "64 bits"],
  ["a string that is not UTF-8", "string", sized(255), "UTF-8"],
  ["a key that is not UTF-8", { type: "map", values: "int" }, joined([2], sized(255), [2, 0]), "UTF-8"],
  ["records in each other without end", NODE, joined(Array(2000).fill(2)), "deeper than 500"],
  [
    "a decimal of thousands of digits",
    logical("decimal", "bytes", { precision: 9 }),
    joined(long(600n), new Uint8Array(600)),
    "600 bytes",
  ],
];

for (const [name, schema, bytes, says] of misfits) {
  Deno.test(`Avro: ${name} does not fit`, async () => {
    const read = await reader(schema);
    const error = assertThrows(() => read(bytes), UnreadableValueError);
    assertStringIncludes(error.message, says);
  });
}

Deno.test("Avro: random bytes are read or do not fit, and nothing else happens", async () => {
  const schema = {
    type: "record",
    name: "R",
    fields: [
      { name: "a", type: { type: "array", items: { type: "map", values: ["null", "string", "R"] } } },
      { name: "b", type: ["null", logical("decimal", "bytes", { precision: 9, scale: 2 })] },
      { name: "c", type: { type: "array", items: { type: "array", items: "null" } } },
      { name: "d", type: logical("timestamp-micros", "long") },
    ],
  };
  const read = await reader(schema);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
    try {
      JSON.parse(read(bytes));
    } catch (error) {
      if (!(error instanceof UnreadableValueError)) throw error;
    }
  }));
});

Deno.test("Avro: what avsc writes is read as avsc reads it", async () => {
  const schema = {
    type: "record" as const,
    name: "R",
    fields: [
      { name: "s", type: "string" as const },
      { name: "l", type: { type: "array" as const, items: "long" as const } },
      { name: "m", type: { type: "map" as const, values: "double" as const } },
      { name: "b", type: "boolean" as const },
    ],
  };
  const read = await reader(schema);
  const type = avro.Type.forSchema(schema);
  const value = fc.record({
    s: fc.string({ unit: "grapheme" }),
    // avsc writes others wrongly that are below -2 ** 52, and refuses the largest safe integer.
    l: fc.array(fc.integer({ min: -(2 ** 52), max: Number.MAX_SAFE_INTEGER - 1 })),
    m: fc.dictionary(fc.string(), fc.double({ noNaN: true, noDefaultInfinity: true }).map((one) => one + 0)),
    b: fc.boolean(),
  });
  fc.assert(fc.property(value, (given) => {
    assertEquals(JSON.parse(read(type.toBuffer(given))), JSON.parse(JSON.stringify(given)));
  }));
});

/** What is said of schemas that are not to be used. */
const broken: readonly (readonly [string, string, string])[] = [
  ["a name that nobody defined", '["null","Place"]', "undefined type name: Place"],
  ["what is no JSON", "record", "JSON"],
  ["what is no type", '{"type":"thing"}', "thing"],
];

for (const [name, schema, says] of broken) {
  Deno.test(`Avro: a schema with ${name} says so`, async () => {
    const { read, problem } = await compileSchema({ type: "AVRO", schema, references: [] });
    assertEquals(read, undefined);
    assertStringIncludes(problem!, says);
  });
}

Deno.test("a schema of a type that nobody reads says so", async () => {
  const { type, read, problem } = await compileSchema({ type: "THRIFT", schema: "", references: [] });
  assertEquals([type, read], ["THRIFT", undefined]);
  assertStringIncludes(problem!, "AVRO and PROTOBUF");
});
