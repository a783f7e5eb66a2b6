import { assert, assertEquals } from "@std/assert";
import { bytesOf, type DeadLetter, deadLetterRecord, deadLetterRow, headersOf } from "../../src/engine/dead_letter.ts";

const utf8 = new TextEncoder();
const NOT_UTF8 = new Uint8Array([0xff, 0x00, 0x41]);

const letter = (record: Partial<DeadLetter["record"]>, detail = "speed_kmh: expected number"): DeadLetter => ({
  stage: "validate",
  reason: "wrong_type",
  detail,
  partition: 2,
  seenAt: 1234,
  record: { offset: 17, key: utf8.encode("T1"), value: utf8.encode("{}"), timestamp: 5, headers: {}, ...record },
});

Deno.test("a dead letter's row holds the record as text and says where and why it was given up", () => {
  assertEquals<unknown>(deadLetterRow("trains", "ats_telemetry", letter({})), {
    DOMAIN: "trains",
    TOPIC: "ats_telemetry",
    KAFKA_PARTITION: 2,
    KAFKA_OFFSET: 17,
    RECORD_KEY: "T1",
    RECORD_VALUE: "{}",
    ENCODING: "utf-8",
    KEY_ENCODING: "utf-8",
    RECORD_HEADERS: null,
    STAGE: "validate",
    REASON: "wrong_type",
    DETAIL: "speed_kmh: expected number",
    SEEN_AT: 1234,
  });
});

Deno.test("a value that is not UTF-8 is kept in base64, and a tombstone as null", () => {
  const binary = deadLetterRow("trains", "t", letter({ value: NOT_UTF8, key: NOT_UTF8 }));
  assertEquals([binary.RECORD_VALUE, binary.ENCODING, binary.RECORD_KEY], ["/wBB", "base64", "/wBB"]);
  const tombstone = deadLetterRow("trains", "t", letter({ value: null, key: null }));
  assertEquals([tombstone.RECORD_VALUE, tombstone.ENCODING, tombstone.RECORD_KEY], [null, null, null]);
  const empty = deadLetterRow("trains", "t", letter({ value: new Uint8Array() }));
  assertEquals([empty.RECORD_VALUE, empty.ENCODING], ["", "utf-8"]);
});

Deno.test("headers of any kind come back out of the row as they were, and a key that is not UTF-8 does", () => {
  const bom = utf8.encode("\ufeffx");
  const headers = {
    text: utf8.encode("é\n\0"),
    binary: NOT_UTF8,
    twice: [bom, null, NOT_UTF8],
    nothing: null,
    __proto__x: bom,
  };
  const row = deadLetterRow("trains", "t", letter({ key: NOT_UTF8, headers }));
  assertEquals(
    row.RECORD_HEADERS,
    JSON.stringify([
      ["text", "é\n\0"],
      ["binary", "/wBB", "base64"],
      ["twice", "\ufeffx"],
      ["twice", null],
      ["twice", "/wBB", "base64"],
      ["nothing", null],
      ["__proto__x", "\ufeffx"],
    ]),
  );
  assertEquals(headersOf(String(row.RECORD_HEADERS)), headers);
  assertEquals(bytesOf(String(row.RECORD_KEY), String(row.KEY_ENCODING)), NOT_UTF8);
  assertEquals(headersOf(null), {});
});

Deno.test("headers that are too long for a row are left out of it, and it says so", () => {
  const row = deadLetterRow("trains", "t", letter({ headers: { long: new Uint8Array(9 << 20).fill(255) } }));
  assertEquals([row.RECORD_HEADERS, row.ENCODING, row.RECORD_VALUE], [null, "utf-8, cut", "{}"]);
});

const LONG: readonly (readonly [what: string, value: Uint8Array, encoding: string])[] = [
  ["plain text", utf8.encode("x".repeat(20 << 20)), "utf-8, cut"],
  ["text that grows as JSON", new Uint8Array(9 << 20).fill(1), "utf-8, cut"],
  ["text of many bytes a character", utf8.encode("🍷".repeat(3 << 20)), "utf-8, cut"],
  ["what is not text", new Uint8Array(9 << 20).fill(255), "base64, cut"],
];

for (const [what, value, encoding] of LONG) {
  Deno.test(`a value too long for a row is cut there and says so: ${what}`, () => {
    const row = deadLetterRow("trains", "t", letter({ value }));
    assertEquals(row.ENCODING, encoding);
    const bytes = utf8.encode(JSON.stringify(JSON.stringify(row.RECORD_VALUE))).length;
    assert(bytes > 6 << 20 && bytes <= 7 << 20, `${bytes}`);
    assertEquals(deadLetterRecord("trains", "t", letter({ value })).value, value);
  });
}

Deno.test("a dead letter's record is the original bytes, key and headers, with Kafka Connect's error headers", () => {
  const headers = { trace: NOT_UTF8, twice: [utf8.encode("x"), utf8.encode("y")] };
  const record = deadLetterRecord("trains", "ats_telemetry", letter({ value: NOT_UTF8, headers }));
  assertEquals<unknown>(record, {
    key: utf8.encode("T1"),
    value: NOT_UTF8,
    headers: {
      trace: NOT_UTF8,
      twice: [utf8.encode("x"), utf8.encode("y")],
      "__connect.errors.topic": "ats_telemetry",
      "__connect.errors.partition": "2",
      "__connect.errors.offset": "17",
      "__connect.errors.connector.name": "freshet-trains",
      "__connect.errors.stage": "VALIDATE",
      "__connect.errors.exception.class.name": "wrong_type",
      "__connect.errors.exception.message": "speed_kmh: expected number",
    },
  });
});

Deno.test("a detail that is too long is cut, in the row and in the header", () => {
  const long = letter({}, "x".repeat(100_000));
  const row = deadLetterRow("trains", "t", long);
  const { headers } = deadLetterRecord("trains", "t", long);
  assertEquals([String(row.DETAIL).length, String(headers!["__connect.errors.exception.message"]).length], [
    2000,
    2000,
  ]);
});
