import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { days, hours, minutes, parseTimestamp, seconds } from "@freshet/stream";
import { propertyRuns } from "../support/simulation/runs.ts";

const valid: readonly (readonly [text: string | number, sameAs: string])[] = [
  ["2024-05-01T12:34:56.789Z", "2024-05-01T12:34:56.789Z"],
  ["2024-05-01T12:34:56", "2024-05-01T12:34:56Z"],
  ["2024-05-01 12:34:56", "2024-05-01T12:34:56Z"],
  ["2024-05-01t12:34:56z", "2024-05-01T12:34:56Z"],
  ["2024-05-01T12:34", "2024-05-01T12:34:00Z"],
  ["2024-05-01T12:34Z", "2024-05-01T12:34:00Z"],
  ["2024-05-01", "2024-05-01T00:00:00Z"],
  ["2024-05-01T12:34:56+02:00", "2024-05-01T10:34:56Z"],
  ["2024-05-01T12:34:56-0330", "2024-05-01T16:04:56Z"],
  ["2024-05-01T12:34:56+05", "2024-05-01T07:34:56Z"],
  ["2024-05-01T12:34:56,25Z", "2024-05-01T12:34:56.25Z"],
  ["2024-05-01T12:34:56.1Z", "2024-05-01T12:34:56.1Z"],
  ["2024-05-01T12:34:56.123456Z", "2024-05-01T12:34:56.123456Z"],
  ["2024-05-01T12:34:56.123456789Z", "2024-05-01T12:34:56.123456Z"],
  ["2024-02-29T23:59:59Z", "2024-02-29T23:59:59Z"],
  ["2000-02-29T00:00:00Z", "2000-02-29T00:00:00Z"],
  ["9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"],
  ["1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"],
  [1_714_566_896_789, "2024-05-01T12:34:56.789Z"],
  [1_714_566_896_789.125, "2024-05-01T12:34:56.789125Z"],
  [1_714_566_896_789.1238, "2024-05-01T12:34:56.789123Z"],
  [1_714_567_199_999.9998, "2024-05-01T12:39:59.999999Z"],
];

for (const [text, sameAs] of valid) {
  Deno.test(`${JSON.stringify(text)} is the time ${sameAs}`, () => {
    const micros = Number(Temporal.Instant.from(sameAs).epochNanoseconds / 1000n);
    assertEquals(Math.round(parseTimestamp(text) * 1000), micros);
  });
}

Deno.test("a time of epoch milliseconds is in the window that its microseconds are in", () => {
  assert(parseTimestamp(1_714_567_199_999.9998) < 1_714_567_200_000);
  assertEquals(Math.round(parseTimestamp(1_714_567_199_999.9998) * 1000), 1_714_567_199_999_999);
});

const invalid: readonly (string | number)[] = [
  "",
  "now",
  "yesterday",
  "2024",
  "2024-05",
  "2024-5-1",
  "24-05-01T12:00:00Z",
  "2024/05/01",
  "2024-13-01",
  "2024-00-10",
  "2024-04-31",
  "2024-05-00",
  "2023-02-29T00:00:00Z",
  "1900-02-29T00:00:00Z",
  "1969-12-31T23:59:59Z",
  "+12024-05-01T00:00:00Z",
  "2024-05-01X12:34:56",
  "2024-05-01T",
  "2024-05-01T1:34:56Z",
  "2024-05-01T12",
  "2024-05-01T24:00:00Z",
  "2024-05-01T12:60:00Z",
  "2024-05-01T12:34:60Z",
  "2024-05-01T12:34:61Z",
  "2024-05-01T12:34:5Z",
  "2024-05-01T12:34:56.Z",
  "2024-05-01T12:34:56.Z12",
  "2024-05-01T12:34:56.1234567890Z",
  "2024-05-01T12:34:56ZZ",
  "2024-05-01T12:34:56 Z",
  "2024-05-01T12:34:56Z ",
  " 2024-05-01T12:34:56Z",
  "2024-05-01T12:34:56+2",
  "2024-05-01T12:34:56+24:00",
  "2024-05-01T12:34:56+02:60",
  "2024-05-01T12:34:56+02:0",
  "2024-05-01T12:34:56+02-00",
  "2024-05-01T12:34:56+020",
  "2024-05-01T12:34:56[Europe/Paris]",
  "2024-05-01Z",
  "2024-05-01\u0000",
  "２０２４-05-01",
  "1714566896",
  "NaN",
  1_714_566_896,
  0,
  -1,
  NaN,
  Infinity,
  1e300,
];

for (const text of invalid) {
  Deno.test(`${JSON.stringify(text)} (${text}) is no time`, () => assert(Number.isNaN(parseTimestamp(text))));
}

Deno.test("a date after a date that does not exist is read on its own", () => {
  assert(Number.isNaN(parseTimestamp("2023-02-29")));
  assertEquals(parseTimestamp("2023-02-28T01:00:00Z"), Date.UTC(2023, 1, 28, 1));
  assert(Number.isNaN(parseTimestamp("2023-02-29T01:00:00Z")));
});

Deno.test("a time in the minute of one before is read on its own", () => {
  assertEquals(parseTimestamp("2024-05-01T12:34:56.5Z"), Date.UTC(2024, 4, 1, 12, 34, 56, 500));
  assertEquals(parseTimestamp("2024-05-01T12:34:57+01:00"), Date.UTC(2024, 4, 1, 11, 34, 57));
  for (const end of ["", "5", "60Z", "6xZ", "56.Z", "56Zx", "56.5 Z", "56+16"]) {
    assertEquals(parseTimestamp(`2024-05-01T12:34:${end}`), NaN, end);
  }
});

Deno.test("any time from 1970 to 2109 is read as Temporal reads it, in any offset and to the microsecond", () => {
  const time = fc.record({
    // Beyond 2 ** 42 ms a double no longer holds microseconds.
    micros: fc.bigInt({ min: 86_400_000_000n, max: 4_397_900_000_000_000n }),
    digits: fc.constantFrom(0 as const, 1 as const, 2 as const, 3 as const, 4 as const, 5 as const, 6 as const),
    offsetMinutes: fc.integer({ min: -15 * 60 - 59, max: 15 * 60 + 59 }),
    separator: fc.constantFrom("T", "t", " "),
    named: fc.boolean(),
  });
  fc.assert(
    // Two after each other, mostly of one minute.
    fc.property(time, fc.bigInt({ min: 0n, max: 90_000_000n }), (first, later) => {
      const { digits, offsetMinutes, separator, named } = first;
      const unit = 10n ** BigInt(6 - digits);
      const sign = offsetMinutes < 0 ? "-" : "+";
      const [h, m] = [Math.floor(Math.abs(offsetMinutes) / 60), Math.abs(offsetMinutes) % 60];
      const zone = named ? `${sign}${String(h).padStart(2, "0")}:${String(m).padStart(2, "0")}` : "UTC";
      for (const micros of [first.micros, first.micros + later]) {
        const instant = new Temporal.Instant(micros / unit * unit * 1000n);
        const local = instant.toZonedDateTimeISO(zone).toPlainDateTime().toString({ fractionalSecondDigits: digits });
        const text = local.replace("T", separator) + (named ? zone : "");
        assertEquals(Math.round(parseTimestamp(text) * 1000), Number(instant.epochNanoseconds / 1000n), text);
      }
    }),
    propertyRuns(1500),
  );
});

Deno.test("no text makes reading a time throw or give anything but a time of these centuries or NaN", () => {
  const almost = fc.tuple(fc.constantFrom("2024-05-01", "2024-05-01T12:34:56", "2024-05-01T12:34:56.5"), fc.string())
    .map((
      [start, rest],
    ) => start + rest);
  fc.assert(
    fc.property(fc.oneof(fc.string(), almost), (text) => {
      const time = parseTimestamp(text);
      assert(Number.isNaN(time) || (time >= -days(1) && time < Date.UTC(10_000, 0, 2)), `${text} gives ${time}`);
    }),
    propertyRuns(1000),
  );
});

Deno.test("durations are in milliseconds", () => {
  assertEquals([seconds(2), minutes(2), hours(2), days(2)], [2000, 120_000, 7_200_000, 172_800_000]);
});
