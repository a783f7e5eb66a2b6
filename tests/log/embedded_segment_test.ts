// The bytes of the embedded log's segments.

import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { decodeSegment, SegmentWriter } from "../../src/log/embedded/segment.ts";
import type { HeaderValue, LogRecord, NewRecord } from "../../src/log/log.ts";

const bytes = fc.uint8Array({ maxLength: 60 });
const value = fc.option(fc.oneof(bytes, fc.string({ unit: "binary", maxLength: 40 })), { nil: null });
const header = fc.option(bytes, { nil: null });
const record: fc.Arbitrary<NewRecord & { timestamp: number }> = fc.record({
  key: value,
  value,
  timestamp: fc.integer({ min: 0, max: 4e12 }),
  headers: fc.option(
    fc.dictionary(
      fc.string({ maxLength: 8 }),
      fc.oneof(header, fc.string({ maxLength: 9 }), fc.array(header, { minLength: 2, maxLength: 4 })),
    ),
    { nil: undefined },
  ),
});

function write(records: readonly (NewRecord & { timestamp: number })[]): SegmentWriter {
  const writer = new SegmentWriter(16);
  for (const one of records) writer.add(one, one.key ?? null, one.timestamp);
  return writer;
}

function read(segment: Uint8Array, count: number, fromOffset = 0): LogRecord[] {
  const records: LogRecord[] = [];
  decodeSegment(segment, { baseOffset: 100, count, fromOffset }, records);
  return records;
}

function asBytes(value: string | Uint8Array | null | undefined): number[] | null {
  if (value === null || value === undefined) return null;
  return [...(typeof value === "string" ? new TextEncoder().encode(value) : value)];
}

const asList = (header: string | HeaderValue | readonly HeaderValue[]) =>
  header === null || typeof header === "string" || header instanceof Uint8Array ? asBytes(header) : header.map(asBytes);

Deno.test("any records come back as they were written", () => {
  fc.assert(fc.property(fc.array(record, { maxLength: 20 }), (records) => {
    const decoded = read(write(records).bytes(), records.length);
    assertEquals(
      decoded.map(({ headers, ...rest }) => ({
        ...rest,
        key: asBytes(rest.key),
        value: asBytes(rest.value),
        headers: Object.entries(headers).map(([name, bytes]) => [name, asList(bytes)]),
      })),
      records.map(({ key, value, timestamp, headers }, i) => ({
        offset: 100 + i,
        key: asBytes(key),
        value: asBytes(value),
        timestamp,
        headers: Object.entries(headers ?? {}).map(([name, bytes]) => [name, asList(bytes)]),
      })),
    );
  }));
});

Deno.test("reading can begin inside a segment", () => {
  const writer = write(Array.from({ length: 10 }, (_, i) => ({ value: `${i}`, timestamp: i })));
  assertEquals(read(writer.bytes(), 10, 107).map(({ offset }) => offset), [107, 108, 109]);
});

Deno.test("a joined segment holds the records of both", () => {
  const [a, b] = [write([{ value: "a", timestamp: 1 }]), write([{ value: "b", timestamp: 2 }])];
  a.append(b.bytes(), b.count);
  assertEquals(read(a.bytes(), 2).map(({ timestamp }) => timestamp), [1, 2]);
});

Deno.test("a segment that is cut, too long or of another count is an error", () => {
  const whole = write(Array.from({ length: 5 }, (_, i) => ({ key: "key", value: `value ${i}`, timestamp: i }))).bytes();
  for (let length = 0; length < whole.length; length++) {
    assertThrows(() => read(whole.subarray(0, length), 5), RangeError);
  }
  assertThrows(() => read(new Uint8Array([...whole, 0]), 5), RangeError);
  assertThrows(() => read(whole, 4), RangeError);
  assertThrows(() => read(whole, 6), RangeError);
});
