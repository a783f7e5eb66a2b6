// The reader by schema against the authority: whatever it takes, JSON.parse and the schema make the same of.
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { z } from "zod";
import { parseJson } from "../../src/engine/decode.ts";
import { NOT_MINE, SchemaReader } from "../../src/engine/schema_reader/mod.ts";
import { domainModules } from "../../src/domains/mod.ts";
import { domainOf } from "../support/domains.ts";
import { simulatorOf } from "../support/simulators.ts";

const utf8 = new TextEncoder();

/** What JSON.parse and the schema make of a text. */
function authority(schema: z.ZodType, bytes: Uint8Array): unknown {
  const decoded = parseJson(bytes);
  if ("stage" in decoded) return NOT_MINE;
  const parsed = schema.safeParse(decoded.json);
  return parsed.success ? parsed.data : NOT_MINE;
}

/** Reads as the engine does, and compares. */
function readLikeAuthority(reader: SchemaReader, schema: z.ZodType, bytes: Uint8Array): void {
  const expected = authority(schema, bytes);
  const read = reader.read(bytes);
  if (read !== NOT_MINE) assertEquals(read, expected, new TextDecoder().decode(bytes));
  else if (expected !== NOT_MINE) reader.learn(bytes, JSON.parse(new TextDecoder().decode(bytes)), expected);
}

/** As Python's json.dumps writes it: with spaces, and with escapes for what is not ASCII. */
function likePython(json: unknown): string {
  if (Array.isArray(json)) return `[${json.map(likePython).join(", ")}]`;
  if (typeof json === "object" && json !== null) {
    return `{${Object.entries(json).map(([name, value]) => `${likePython(name)}: ${likePython(value)}`).join(", ")}}`;
  }
  const text = JSON.stringify(json);
  return text.replace(/[\u0080-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

for (const { name } of domainModules) {
  const { schema } = domainOf(name);
  const simulated = simulatorOf(name).generate({ seed: 7, start: Date.UTC(2026, 2, 1), intervalMs: 60_000 });
  const values = [...simulated.take(2_000).map(({ value }) => value as string)];

  Deno.test(`${name}: records of one layout are read by their schema, whatever white space and escapes they have`, () => {
    for (const write of [(value: string) => value, (value: string) => likePython(JSON.parse(value))]) {
      const reader = new SchemaReader(schema);
      for (const value of values) readLikeAuthority(reader, schema, utf8.encode(write(value)));
      assert(reader.counts.read > 0.95 * values.length, JSON.stringify(reader.counts));
    }
  });

  Deno.test(`${name}: bytes that were changed are read as JSON.parse and zod read them, or not at all`, () => {
    const reader = new SchemaReader(schema);
    for (const value of values) readLikeAuthority(reader, schema, utf8.encode(value));
    fc.assert(
      fc.property(fc.constantFrom(...values), changes, (value, changes) => {
        const bytes = changed(utf8.encode(value), changes);
        readLikeAuthority(reader, schema, bytes);
        readLikeAuthority(reader, schema, bytes); // learnt meanwhile
      }),
      { numRuns: 2_000 },
    );
  });
}

Deno.test("numbers of any length are the doubles that JSON.parse makes of them", () => {
  const reader = new SchemaReader(z.object({ n: z.number() }));
  const example = utf8.encode('{"n":1}');
  reader.learn(example, { n: 1 }, { n: 1 });
  const digits = (min: number, max: number) =>
    fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: min, maxLength: max });
  const written = fc.oneof(
    fc.tuple(fc.constantFrom("", "-"), digits(1, 22), digits(0, 24)).map(([sign, whole, fraction]) =>
      `${sign}${BigInt(whole)}${fraction && "."}${fraction}`
    ),
    // What programs write: the shortest text of a double; and what lies between two doubles, or nearly.
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
    fc.double({ min: -1e6, max: 1e6, noNaN: true }).map(String),
    fc.tuple(fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n }), fc.nat(21)).map(([n, shift]) => {
      const text = String(n).padStart(shift + 1, "0");
      return shift === 0 ? text : `${text.slice(0, -shift)}.${text.slice(-shift)}`;
    }),
    fc.tuple(fc.integer({ min: 1, max: 2 ** 31 }), fc.integer({ min: 1, max: 22 })).map(([n, bits]) =>
      // A double and half of the step to the next one, exactly.
      (n * 2 ** 22 + 0.5 * 2 ** (22 - bits)).toFixed(22).replace(/0+$/, "0")
    ),
  );
  fc.assert(
    fc.property(written, (text) => {
      const read = reader.read(utf8.encode(`{"n":${text}}`));
      const parsed = JSON.parse(text);
      if (read !== NOT_MINE) assert(Object.is((read as { n: number }).n, parsed), text);
      else assert(!Number.isFinite(parsed), text);
    }),
    { numRuns: 20_000 },
  );
});

const jsonish = fc.constantFrom(...'0123456789-+.eE"\\,:{}[] \ttruefalsné', "null", "-0", "1e5", '"a"', "\\u00", "{}");
const changes = fc.array(
  fc.record({
    at: fc.nat(),
    remove: fc.nat(5),
    put: fc.oneof(fc.uint8Array({ maxLength: 3 }), jsonish.map((text) => utf8.encode(text))),
  }),
  { minLength: 1, maxLength: 3 },
);

type Change = { readonly at: number; readonly remove: number; readonly put: Uint8Array };

function changed(bytes: Uint8Array, changes: readonly Change[]): Uint8Array {
  for (const { at, remove, put } of changes) {
    const from = at % (bytes.length + 1);
    bytes = new Uint8Array([...bytes.subarray(0, from), ...put, ...bytes.subarray(from + remove)]);
  }
  return bytes;
}

/** Schemas of fields, each with values that may fit. */
const { field } = fc.letrec<{ field: [z.ZodType, fc.Arbitrary<unknown>]; leaf: [z.ZodType, fc.Arbitrary<unknown>] }>(
  (tie) => ({
    leaf: fc.constantFrom<[z.ZodType, fc.Arbitrary<unknown>]>(
      [z.string(), fc.string({ unit: "grapheme" })],
      [z.string().min(2).max(4), fc.string({ maxLength: 6 })],
      [z.string().trim(), fc.string({ maxLength: 6 })],
      [z.email(), fc.constantFrom("a@b.cd", "a")],
      [z.number(), fc.oneof(fc.double(), fc.integer(), fc.maxSafeInteger())],
      [z.int(), fc.oneof(fc.integer(), fc.double(), fc.maxSafeInteger())],
      [z.number().min(-5).lt(10), fc.double({ min: -20, max: 20, noNaN: true })],
      [z.number().multipleOf(2), fc.integer()],
      [z.boolean(), fc.boolean()],
      [z.literal("a"), fc.constantFrom("a", "b")],
      [z.enum(["x", "y"]), fc.constantFrom("x", "y", "z")],
      [z.literal([1, null, true]), fc.constantFrom(1, null, true, false)],
      [z.union([z.string(), z.number()]), fc.oneof(fc.string(), fc.double())],
      [z.union([z.string(), z.object({ in: z.int() })]), fc.oneof(fc.string(), fc.record({ in: fc.integer() }))],
      [z.string().refine((text) => text.length % 2 === 0), fc.string({ maxLength: 4 })],
      [z.string().default("none"), fc.string()],
      [z.unknown(), fc.jsonValue()],
      [z.record(z.string(), z.number()), fc.dictionary(fc.string(), fc.integer())],
    ),
    field: fc.oneof(
      { weight: 4, arbitrary: tie("leaf") },
      tie("leaf").map(([schema, value]) => [schema.nullish(), fc.option(value)] as [z.ZodType, fc.Arbitrary<unknown>]),
      tie("leaf").map(([schema, value]) => [schema.optional(), value] as [z.ZodType, fc.Arbitrary<unknown>]),
      tie("leaf").map(([schema, value]) =>
        [z.array(schema).max(3), fc.array(value, { maxLength: 4 })] as [
          z.ZodType,
          fc.Arbitrary<unknown>,
        ]
      ),
    ),
  }),
);

Deno.test("any object schema: what is read is what JSON.parse and zod make of it", () => {
  const names = fc.constantFrom("a", "b", "c", "long_name", "é", '"', "__proto__", "1");
  const fields = fc.dictionary(names, field, { minKeys: 1 });
  const kinds = fc.constantFrom(
    (shape: z.ZodRawShape) => z.object(shape),
    (shape: z.ZodRawShape) => z.looseObject(shape),
    (shape: z.ZodRawShape) => z.strictObject(shape),
    (shape: z.ZodRawShape) => z.object({ inner: z.object(shape).nullish(), tail: z.int() }),
    (shape: z.ZodRawShape) => z.object(shape).refine((value) => Object.keys(value).length !== 2),
  );
  let read = 0;
  fc.assert(
    fc.property(fields, kinds, fc.gen(), fc.boolean(), (fields, kind, gen, spaced) => {
      const shape = Object.fromEntries(Object.entries(fields).map(([name, [schema]]) => [name, schema]));
      const schema = kind(shape);
      const reader = new SchemaReader(schema);
      for (let i = 0; i < 30; i++) {
        const value = Object.fromEntries(
          Object.entries(fields).filter(() => gen(fc.integer, { min: 0, max: 9 }) > 0)
            .map(([name, [, values]]) => [name, gen(() => values)]),
        );
        if (gen(fc.integer, { min: 0, max: 9 }) === 0) value.unknown = gen(fc.jsonValue);
        const json = "inner" in schema.shape && "tail" in schema.shape ? { inner: value, tail: 1 } : value;
        const text = spaced ? likePython(json) : JSON.stringify(json);
        const bytes = utf8.encode(text);
        readLikeAuthority(reader, schema, bytes);
        readLikeAuthority(reader, schema, changed(bytes, gen(() => changes)));
      }
      read += reader.counts.read;
    }),
    { numRuns: 300 },
  );
  assert(read > 300, `${read} records were read by their schema`);
});

/** A reader that has seen a record of each text, and so knows how they are laid out. */
function readerThatHasSeen(schema: z.ZodType, texts: readonly string[]): SchemaReader {
  const reader = new SchemaReader(schema);
  for (const text of texts) for (let i = 0; i < 4; i++) readLikeAuthority(reader, schema, utf8.encode(text));
  return reader;
}

/** Texts and their schemas, of all that is read by itself: lists, objects, kinds beside each other, what is left to others. */
const WHOLE: readonly (readonly [schema: z.ZodType, text: string])[] = [
  [z.object({ a: z.array(z.number()), b: z.int() }), '{"a":[1,-2.5e1,0],"b":7}'],
  [z.object({ a: z.array(z.number()) }), '{"a": [1]}'],
  [z.object({ a: z.array(z.string()).max(3), b: z.boolean() }), '{"a": ["x", "\\u00e9"], "b": true}'],
  [z.object({ a: z.array(z.array(z.int())) }), '{"a":[[1],[],[2,3]]}'],
  [z.object({ a: z.array(z.union([z.string(), z.number(), z.null()])) }), '{"a":["x",1,null]}'],
  [z.object({ o: z.object({ n: z.number(), u: z.unknown() }), s: z.string() }), '{"o":{"n":1,"u":[{}]},"s":"é"}'],
  [z.object({ l: z.literal("on"), r: z.record(z.string(), z.number()) }), '{"l":"on","r":{"k":1}}'],
];

for (const [schema, text] of WHOLE) {
  Deno.test(`whichever byte of ${text} is another, left out or too much, it is read as JSON.parse and zod read it`, () => {
    const bytes = utf8.encode(text);
    const reader = readerThatHasSeen(schema, [text]);
    const before = reader.counts.read;
    assert(reader.read(bytes) !== NOT_MINE);
    for (let at = 0; at <= bytes.length; at++) {
      readLikeAuthority(reader, schema, changed(bytes, [{ at, remove: 1, put: new Uint8Array() }]));
      readLikeAuthority(reader, schema, bytes.subarray(0, at));
      for (let byte = 0; byte < 256; byte++) {
        const put = Uint8Array.of(byte);
        for (const remove of [0, 1]) readLikeAuthority(reader, schema, changed(bytes, [{ at, remove, put }]));
      }
    }
    assert(reader.counts.read > before + 10, `${reader.counts.read - before} were read by the schema`);
  });
}

Deno.test("a check is asked once for a text that it takes, and each time for one that it refuses", () => {
  const asked: string[] = [];
  const even = z.string().refine((text) => {
    asked.push(text);
    return text.length % 2 === 0;
  });
  const reader = readerThatHasSeen(z.object({ a: even }), ['{"a":"seen"}']);
  asked.length = 0;
  const read = ["ab", "abc", "ab", "abc", "ab"].map((a) => reader.read(utf8.encode(JSON.stringify({ a }))));
  assertEquals(read, [{ a: "ab" }, NOT_MINE, { a: "ab" }, NOT_MINE, { a: "ab" }]);
  assertEquals(asked, ["ab", "abc", "abc"]);
});

Deno.test("what a schema makes of a text is made anew for each record", () => {
  const reader = readerThatHasSeen(z.object({ a: z.string().transform((text) => [text]) }), ['{"a":"x"}']);
  const [one, two] = [1, 2].map(() => reader.read(utf8.encode('{"a":"x"}')) as { a: string[] });
  assertEquals([one, two], [{ a: ["x"] }, { a: ["x"] }]);
  assert(one!.a !== two!.a);
});

Deno.test("the rules of one kind of records are asked of records of that kind, and of no others", () => {
  let asked = 0;
  const ruled = z.object({ kind: z.literal("ruled"), from: z.int(), to: z.int() }).refine(({ from, to }) => {
    asked++;
    return from <= to;
  });
  const plain = z.object({ kind: z.literal("plain"), from: z.int(), to: z.int() });
  const schema = z.discriminatedUnion("kind", [ruled, plain]);
  const text = (kind: string, from: number, to: number) => `{"kind":"${kind}","from":${from},"to":${to}}`;
  const reader = readerThatHasSeen(schema, [text("ruled", 1, 2), text("plain", 1, 2)]);
  const read = (kind: string, from: number, to: number) => reader.read(utf8.encode(text(kind, from, to)));
  asked = 0;
  assertEquals(read("plain", 9, 1), { kind: "plain", from: 9, to: 1 });
  assertEquals(asked, 0);
  assertEquals(read("ruled", 1, 9), { kind: "ruled", from: 1, to: 9 });
  assertEquals(read("ruled", 9, 1), NOT_MINE);
  assertEquals(asked, 2);
  const all = schema.refine(({ from }) => from < 100);
  const ofAll = readerThatHasSeen(all, [text("ruled", 1, 2), text("plain", 1, 2)]);
  assertEquals(ofAll.read(utf8.encode(text("plain", 100, 1))), NOT_MINE);
  assertEquals(ofAll.read(utf8.encode(text("plain", 99, 1))), { kind: "plain", from: 99, to: 1 });
});
