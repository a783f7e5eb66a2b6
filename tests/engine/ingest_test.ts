// What becomes of every kind of record: its raw row, or a dead letter that says where it failed, why and in which field.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { TrainTelemetry } from "../../src/domains/trains/mod.ts";
import { z } from "zod";
import { Condemned, PartitionIngest } from "../../src/engine/ingest.ts";
import { MAX_DEPTH, MAX_VALUE_BYTES } from "../../src/engine/decode.ts";
import type { LogRecord, WrittenSchema } from "../../src/log/log.ts";
import { framed, SCHEMA_HEADER } from "../../src/log/wire_format.ts";
import { TELEMETRY, trainsDomain } from "../support/simulation/trains.ts";
import { START } from "../support/simulation/world.ts";

const domain = trainsDomain();
const utf8 = new TextEncoder();
const clock = { now: () => START, monotonic: () => 0, sleep: () => Promise.resolve() };
const NOWHERE = { nextOffset: 0, watermark: null, maxEventTime: null, lastTimestamp: null };

const record = (value: string | Uint8Array | null, offset = 0, more: Partial<LogRecord> = {}): LogRecord => ({
  offset,
  key: utf8.encode("T1"),
  value: typeof value === "string" ? utf8.encode(value) : value,
  timestamp: START - 5,
  headers: {},
  ...more,
});

function ingest(condemned = new Condemned()): PartitionIngest {
  return new PartitionIngest(NOWHERE, { domain, time: domain.time, partition: 3, condemned, clock });
}

/** A cell that is bytes, or the text that was made of other bytes. */
const textOf = (cell: unknown) =>
  cell instanceof Uint8Array ? new TextDecoder("utf-8", { fatal: true }).decode(cell) : String(cell);

const take = (...records: LogRecord[]) =>
  ingest().take({ partition: 3, records, nextOffset: records.at(-1)!.offset + 1 });

const telemetry = (changes: Record<string, unknown> = {}) => JSON.stringify({ ...TELEMETRY, ...changes });
/** With one field's value written as it is: JSON.stringify would not write it so. */
const written = (field: string, text: string) => telemetry({ [field]: "@" }).replace('"@"', text);
const nested = (depth: number) => written("next_stop", "[".repeat(depth) + "]".repeat(depth));
const iso = (time: number) => new Date(time).toISOString();

/** Name, value, stage, reason, and what the detail must say. */
const bad: readonly (readonly [string, string | Uint8Array | null, string, string, string])[] = [
  ["bytes that are not UTF-8", new Uint8Array([123, 34, 0xff, 0xfe, 34, 125]), "decode", "invalid_utf8", "UTF-8"],
  ["a UTF-8 sequence cut short", utf8.encode('"é"').slice(0, 2), "decode", "invalid_utf8", "UTF-8"],
  ["a surrogate in UTF-8", new Uint8Array([34, 0xed, 0xa0, 0x80, 34]), "decode", "invalid_utf8", "UTF-8"],
  ["what is not JSON", "train 7 is late", "decode", "invalid_json", "JSON"],
  ["JSON that ends too early", telemetry().slice(0, -1), "decode", "invalid_json", "JSON"],
  ["JSON with something behind it", `${telemetry()} x`, "decode", "invalid_json", "JSON"],
  ["a byte order mark", `\ufeff${telemetry()}`, "decode", "invalid_json", "JSON"],
  ["NaN", written("speed_kmh", "NaN"), "decode", "invalid_json", "JSON"],
  ["a frame that ends too early", new Uint8Array([0, 0, 0, 1]), "decode", "truncated_frame", "4 bytes"],
  ["a frame of a GUID that ends too early", new Uint8Array(16).fill(1), "decode", "truncated_frame", "16 bytes"],
  ["a frame with nothing in it", framed(7, ""), "decode", "empty_value", "schema 7"],
  ["a frame that holds no JSON", framed(7, "train 7 is late"), "decode", "invalid_json", "schema 7"],
  ["a frame that holds bytes", framed(7, Uint8Array.of(2, 0xff)), "decode", "invalid_utf8", "schema 7"],
  ["a frame that holds too little", framed(7, "{}"), "validate", "missing_field", "timestamp: "],
  ["another magic byte", new Uint8Array([2, 0, 0, 0, 1, 123, 125]), "decode", "wrong_magic_byte", "byte 2"],
  ["another magic byte and no UTF-8", new Uint8Array([3, 0xff]), "decode", "wrong_magic_byte", "byte 3"],
  ["200 000 levels of nesting", nested(200_000), "decode", "nested_too_deep", String(MAX_DEPTH)],
  ["nesting just too deep", nested(MAX_DEPTH), "decode", "nested_too_deep", String(MAX_DEPTH)],
  ["an empty value", "", "decode", "empty_value", "no bytes"],
  ["a tombstone", null, "decode", "tombstone", "no value"],
  [
    "a value that is too large",
    new Uint8Array(MAX_VALUE_BYTES + 1).fill(32),
    "decode",
    "too_large",
    String(MAX_VALUE_BYTES),
  ],
  ["1e400", written("power_draw_kw", "1e400"), "validate", "wrong_type", "power_draw_kw: "],
  ["a missing field", telemetry({ speed_kmh: undefined }), "validate", "missing_field", "speed_kmh: "],
  ["a missing timestamp", telemetry({ timestamp: undefined }), "validate", "missing_field", "timestamp: "],
  ["a null where there must be none", telemetry({ train_id: null }), "validate", "wrong_type", "train_id: "],
  ["text for a number", telemetry({ passenger_count: "300" }), "validate", "wrong_type", "passenger_count: "],
  ["a number for text", telemetry({ train_id: 7 }), "validate", "wrong_type", "train_id: "],
  ["an object for a time", telemetry({ timestamp: {} }), "validate", "wrong_type", "timestamp: "],
  ["half a passenger", telemetry({ passenger_count: 1.5 }), "validate", "wrong_type", "passenger_count: "],
  ["negative passengers", telemetry({ passenger_count: -1 }), "validate", "out_of_range", "passenger_count: "],
  [
    "an unsafe integer",
    written("passenger_count", "9007199254740993"),
    "validate",
    "out_of_range",
    "passenger_count: ",
  ],
  ["a capacity of 0", telemetry({ capacity: 0 }), "validate", "out_of_range", "capacity: "],
  ["a place that is nowhere", telemetry({ latitude: 90.5 }), "validate", "out_of_range", "latitude: "],
  ["an empty key", telemetry({ train_id: "" }), "validate", "out_of_range", "train_id: "],
  ["a huge string", telemetry({ train_id: "T".repeat(100_000) }), "validate", "out_of_range", "train_id: "],
  ["a list", "[]", "validate", "wrong_type", "(value): "],
  ["null", "null", "validate", "wrong_type", "(value): "],
  [
    "a duplicate key whose last is wrong",
    written("speed_kmh", '1,"speed_kmh":"x"'),
    "decode",
    "duplicate_name",
    "/speed_kmh",
  ],
  [
    "a duplicate key, both right",
    written("train_id", '"T9","train_id":"T1"'),
    "decode",
    "duplicate_name",
    '"train_id" twice',
  ],
  [
    "a duplicate key, once escaped",
    written("train_id", '"T9","\\u0074rain_id":"T1"'),
    "decode",
    "duplicate_name",
    "/train_id",
  ],
  [
    "a duplicate key in a field that nobody knows",
    telemetry().replace("{", '{"extra":[0,{"a/b":1,"a/b":2}],'),
    "decode",
    "duplicate_name",
    "/extra/1/a~1b",
  ],
  ["a duplicate key in a frame", framed(7, written("line", '"A","line":"B"')), "decode", "duplicate_name", "schema 7"],
  ["a timestamp that is no time", telemetry({ timestamp: "soon" }), "time", "invalid_timestamp", "event time"],
  [
    "a date that does not exist",
    telemetry({ timestamp: "2027-02-29T00:00:00Z" }),
    "time",
    "invalid_timestamp",
    "event time",
  ],
  ["epoch seconds", telemetry({ timestamp: START / 1000 }), "time", "invalid_timestamp", "event time"],
  [
    "an hour in the future",
    telemetry({ timestamp: iso(START + 3_600_000) }),
    "time",
    "future_timestamp",
    "3600 s ahead",
  ],
  [
    "a year in the future",
    telemetry({ timestamp: iso(START + 365 * 86_400_000) }),
    "time",
    "future_timestamp",
    "ahead",
  ],
];

for (const [name, value, stage, reason, says] of bad) {
  Deno.test(`${name} becomes a dead letter of stage ${stage} with the reason ${reason}`, () => {
    const { batch, raw, dead } = take(record(value, 41), record(telemetry(), 42));
    assertEquals([batch.elements.length, raw.length, dead.length], [1, 1, 1]);
    const [letter] = dead;
    assertEquals([letter!.stage, letter!.reason, letter!.partition, letter!.record.offset], [stage, reason, 3, 41]);
    assertStringIncludes(letter!.detail, says);
    assertEquals(batch.elements[0]!.watermark, -Infinity, "A dead letter must not move the watermark");
    assertEquals([batch.nextOffset, batch.elements[0]!.offset], [43, 42]);
  });
}

const good: readonly (readonly [string, string])[] = [
  ["an event a little ahead of the clock", telemetry({ timestamp: iso(START + 299_000) })],
  ["nesting as deep as allowed", nested(MAX_DEPTH - 1).replace('"next_stop"', '"extra"')],
  ["brackets inside a string", telemetry({ extra: "[".repeat(5000) + '\\"' })],
  ["a field called __proto__", telemetry().replace("{", '{"__proto__":{"train_id":"evil"},')],
  ["-0", written("passenger_count", "-0")],
  ["control characters, HTML and formulas", telemetry({ train_id: "=cmd|'/C calc'!A0 <img onerror=x> \u0001\n" })],
  ["a name that is in two objects", telemetry().replace("{", '{"extra":{"train_id":"T9"},')],
  ["a text that looks like names", telemetry({ extra: '":":" : \\":' })],
  ["names with white space around them", JSON.stringify(TELEMETRY, null, "\t").replaceAll('":', '" \n:')],
];

for (const [name, value] of good) {
  Deno.test(`${name} is taken, and its raw row holds the text as it came`, () => {
    const { raw, dead } = take(record(value));
    assertEquals(dead, []);
    assertEquals(raw.map((row) => textOf(row.value.RECORD_CONTENT)), [value]);
  });
}

Deno.test("content is the bytes that came, but text where a warehouse may refuse it: for an escaped half of a pair", () => {
  const values = [
    telemetry(),
    telemetry({ next_stop: "É" }),
    telemetry({ next_stop: "\\ud800" }),
    telemetry({ line: "\n" }),
  ];
  const halves = [telemetry({ next_stop: "\ud800" }), telemetry({ extra: { a: ["\udc00"] } })];
  const of = ingest();
  // Twice, as they are read by their schema from then on.
  for (const texts of [values, halves, values, halves]) {
    const records = texts.map((text, offset) => record(text, offset));
    const { raw, dead } = of.take({ partition: 3, records, nextOffset: texts.length });
    assertEquals([dead, raw.map(({ value }) => textOf(value.RECORD_CONTENT))], [[], texts]);
    const kinds = raw.map(({ value }) => typeof value.RECORD_CONTENT);
    if (texts === halves) assertEquals(kinds, ["string", "string"]);
    else assertEquals(kinds.slice(0, 2), ["object", "object"]);
  }
});

Deno.test("records laid out alike are read by their schema, and have the same rows as when they are not", () => {
  const schema = TrainTelemetry.clone(); // nobody has read any record of it
  const of = new PartitionIngest(NOWHERE, {
    ...{ domain: { ...domain, schema }, time: domain.time, partition: 3, condemned: new Condemned(), clock },
  });
  const texts = [telemetry(), telemetry({ train_id: "É" }), telemetry({ speed_kmh: 0.1 }), telemetry({ line: "A" })];
  const records = texts.map((text, offset) => record(text, offset));
  const { readBySchema, raw, batch, dead } = of.take({ partition: 3, records, nextOffset: 4 });
  assertEquals([readBySchema, dead.length], [2, 0]);
  assertEquals(raw.map(({ value }) => textOf(value.RECORD_CONTENT)), texts);
  assertEquals(batch.elements.map(({ value }) => value), texts.map((text) => TrainTelemetry.parse(JSON.parse(text))));
});

Deno.test("a schema that throws on a record makes it a dead letter and not the end of the run", () => {
  const schema = z.unknown().transform((): unknown => {
    throw new Error("no idea");
  });
  const of = new PartitionIngest(NOWHERE, {
    domain: { ...domain, schema },
    time: domain.time,
    partition: 3,
    condemned: new Condemned(),
    clock,
  });
  const { dead, batch } = of.take({ partition: 3, records: [record(telemetry())], nextOffset: 1 });
  const said = dead.map(({ stage, reason, detail }) => [stage, reason, detail]);
  assertEquals([said, batch.elements.length], [[["validate", "schema_error", "Error: no idea"]], 0]);
});

Deno.test("records whose rows went ahead are not judged anew by the clock: what is there is taken, what is not is dead", () => {
  const of = ingest();
  of.decided = { before: 5, accepted: [{ from: 0, to: 1 }, { from: 2, to: 3 }] };
  const future = telemetry({ timestamp: iso(START + 3_600_000) });
  const values = [future, future, telemetry(), telemetry(), "no JSON", telemetry(), future];
  const records = values.map((value, offset) => record(value, offset));
  const { raw, dead } = of.take({ partition: 3, records, nextOffset: 7 });
  assertEquals(raw.map(({ offset }) => offset), [0, 2, 5]);
  assertEquals(dead.map(({ record: { offset }, stage, reason }) => [offset, stage, reason]), [
    [1, "time", "future_timestamp"],
    [3, "write", "row_refused"],
    [4, "decode", "invalid_json"],
    [6, "time", "future_timestamp"],
  ]);
});

Deno.test("all wrong fields are named, and the first gives the reason", () => {
  const { dead } = take(record(telemetry({ passenger_count: -3, speed_kmh: undefined, latitude: "north" })));
  assertEquals(dead[0]!.reason, "out_of_range");
  assertMatch(dead[0]!.detail, /passenger_count: .*; speed_kmh: .*; latitude: /);
});

Deno.test("the raw row's metadata is that of the Snowflake Kafka connector", () => {
  const headers = {
    trace: utf8.encode("a1"),
    twice: [utf8.encode("x"), utf8.encode("y")],
    odd: new Uint8Array([0xff]),
  };
  const { raw } = take(record(telemetry(), 7, { key: utf8.encode('T"1'), headers }));
  assertEquals<unknown>(JSON.parse(textOf(raw[0]!.value.RECORD_METADATA)), {
    topic: "ats_telemetry",
    partition: 3,
    offset: 7,
    key: 'T"1',
    headers: { trace: "a1", twice: ["x", "y"], odd: "/w==" },
    CreateTime: START - 5,
    SnowflakeConnectorPushTime: START,
  });
  const [keyless] = take(record(telemetry(), 7, { key: null })).raw;
  assert(!("key" in JSON.parse(textOf(keyless!.value.RECORD_METADATA))));
});

Deno.test("a record that was condemned before is a dead letter with that verdict, and does not move the watermark", () => {
  const condemned = new Condemned();
  condemned.add(3, 5, { stage: "operator", reason: "operator_error", detail: "boom" });
  condemned.add(3, 5, { stage: "write", reason: "row_refused", detail: "later" });
  condemned.add(4, 6, { stage: "operator", reason: "operator_error", detail: "of another partition" });
  const of = ingest(condemned);
  const { dead, batch } = of.take({
    partition: 3,
    records: [record(telemetry(), 5), record(telemetry(), 6)],
    nextOffset: 7,
  });
  assertEquals(dead.map(({ stage, detail, record }) => [stage, detail, record.offset]), [["operator", "boom", 5]]);
  assertEquals(batch.elements.map(({ offset, watermark }) => [offset, watermark]), [[6, -Infinity]]);
});

Deno.test("what was condemned and is committed is forgotten, so that a long run keeps only what can come again", () => {
  const condemned = new Condemned();
  const verdict = { stage: "operator", reason: "operator_error", detail: "boom" } as const;
  for (let offset = 0; offset < 1000; offset++) assert(condemned.add(offset % 2, offset, verdict));
  assert(!condemned.add(0, 998, verdict));
  condemned.forget(0, 998);
  condemned.forget(1, 5000);
  condemned.forget(2, 5000);
  assertEquals([condemned.size, condemned.get(0, 998), condemned.get(0, 996), condemned.get(1, 3)], [
    1,
    verdict,
    undefined,
    undefined,
  ]);
});

Deno.test("the position is where the batch ends, also past records that are not there", () => {
  const of = ingest();
  assertEquals(of.position, NOWHERE);
  of.take({ partition: 3, records: [record(telemetry(), 0)], nextOffset: 1 });
  const time = START - 60_000;
  const moved = { watermark: time - 30_000, maxEventTime: time };
  assertEquals<unknown>(of.position, { nextOffset: 1, lastTimestamp: START - 5, ...moved });
  // Transaction markers follow: the record before the position is none that could be compared.
  of.take({ partition: 3, records: [record(telemetry(), 4)], nextOffset: 9 });
  assertEquals<unknown>(of.position, { nextOffset: 9, lastTimestamp: null, ...moved });
});

const GUID = "89791762-2336-4186-9674-299b90a802e2";
const BROKEN = { type: "AVRO", problem: "undefined type name: Place" };
const SCHEMAS = new Map<number | string, WrittenSchema>([[5, { type: "JSON" }], [6, BROKEN], [GUID, { type: "JSON" }]]);
const header = (...bytes: number[]) => ({ headers: { [SCHEMA_HEADER]: Uint8Array.from(bytes) } });
const guidHeader = header(1, ...Uint8Array.fromHex(GUID.replaceAll("-", "")));

const framedByGuid = (text: string) =>
  Uint8Array.from([1, ...Uint8Array.fromHex(GUID.replaceAll("-", "")), ...utf8.encode(text)]);

function takeWith(known: typeof SCHEMAS | undefined, given: LogRecord) {
  const schemas = known && { of: (schema: number | string) => known.get(schema) };
  const of = new PartitionIngest(NOWHERE, {
    domain,
    time: domain.time,
    partition: 3,
    condemned: new Condemned(),
    clock,
    schemas,
  });
  return of.take({ partition: 3, records: [given], nextOffset: given.offset + 1 });
}

const namedSchemas: readonly (readonly [string, typeof SCHEMAS | undefined, LogRecord, Record<string, unknown>])[] = [
  ["framed JSON of a known schema", SCHEMAS, record(framed(5, telemetry())), { schema_id: 5 }],
  ["framed JSON where there is no registry", undefined, record(framed(9, telemetry())), { schema_id: 9 }],
  ["JSON framed by a GUID", SCHEMAS, record(framedByGuid(telemetry())), { schema_guid: GUID }],
  ["plain JSON beside a registry", SCHEMAS, record(telemetry()), {}],
  ["JSON whose header names a GUID", SCHEMAS, record(telemetry(), 0, guidHeader), { schema_guid: GUID }],
  ["JSON whose header names an id", SCHEMAS, record(telemetry(), 0, header(0, 0, 0, 0, 5)), { schema_id: 5 }],
  ["JSON whose header nobody can look up", undefined, record(telemetry(), 0, guidHeader), {}],
];

for (const [name, types, given, metadata] of namedSchemas) {
  Deno.test(`${name} is taken: the raw row holds the JSON alone, and the metadata which schema it was written by`, () => {
    const { raw, dead } = takeWith(types, given);
    assertEquals(dead, []);
    assertEquals(textOf(raw[0]!.value.RECORD_CONTENT), telemetry());
    const { schema_id, schema_guid } = JSON.parse(textOf(raw[0]!.value.RECORD_METADATA));
    assertEquals(JSON.parse(JSON.stringify({ schema_id, schema_guid })), metadata);
  });
}

const unreadable: readonly (readonly [string, LogRecord, string, string])[] = [
  ["a schema id that the registry does not know", record(framed(8, telemetry())), "unknown_schema_id", "schema 8"],
  [
    "a schema that is not to be used",
    record(framed(6, telemetry())),
    "unreadable_schema",
    "undefined type name: Place",
  ],
  [
    "a header with more behind the schema",
    record(telemetry(), 0, header(0, 0, 0, 0, 5, 0)),
    "wrong_magic_byte",
    "1 bytes behind the schema 5",
  ],
  ["a header of another magic byte", record(telemetry(), 0, header(2, 0, 0, 0, 5)), "wrong_magic_byte", SCHEMA_HEADER],
  ["a header cut short", record(telemetry(), 0, header(1, 2, 3)), "wrong_magic_byte", SCHEMA_HEADER],
  [
    "a GUID that the registry does not know",
    record(telemetry(), 0, header(1, ...Array(16).fill(7))),
    "unknown_schema_id",
    "07070707-0707",
  ],
];

for (const [name, given, reason, says] of unreadable) {
  Deno.test(`${name} makes a dead letter of stage decode with the reason ${reason}, its bytes kept`, () => {
    const { dead: [letter], raw } = takeWith(SCHEMAS, given);
    assertEquals([letter!.stage, letter!.reason, letter!.record, raw.length], ["decode", reason, given, 0]);
    assertStringIncludes(letter!.detail, says);
  });
}
