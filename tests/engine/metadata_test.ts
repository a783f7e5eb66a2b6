// The metadata of a record is what JSON.stringify makes of it, whatever its key, headers and numbers are.

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { MetadataWriter } from "../../src/engine/metadata.ts";
import { printable } from "../../src/engine/text.ts";

const utf8 = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const whole = fc.oneof(
  fc.nat(),
  fc.maxSafeNat(),
  fc.constantFrom(0, 9, 10, 9_999_999, 10_000_000, 10_000_001, 99_999_999_999_999, 100_000_000_000_000, 2 ** 53 - 1),
);
const time = fc.oneof(whole, fc.integer(), fc.constantFrom(-1, 1.5, 2 ** 60));
const key = fc.oneof(
  fc.constant(null),
  fc.string().map((text) => utf8.encode(text)),
  fc.string({ unit: fc.constantFrom("a", '"', "\\", "\n", "\x7f", "é", "🍷") }).map((text) => utf8.encode(text)),
  fc.uint8Array({ maxLength: 20 }),
  fc.constant(utf8.encode("long".repeat(20_000))),
);
const headers = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  fc.dictionary(fc.string(), fc.option(fc.uint8Array({ maxLength: 5 }))),
);
const schema = fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, fc.nat(), fc.uuid());

const records = fc.array(fc.record({ offset: whole, key, timestamp: time, headers, schema, pushedAt: whole }), {
  minLength: 1,
});
/** Records as a partition has them: a little later each, pushed together, with keys of one length or two. */
const following = fc.tuple(whole, whole, whole, fc.array(fc.tuple(fc.nat(300), fc.nat(300_000), fc.nat(11))))
  .map(([offset, timestamp, pushedAt, steps]) =>
    steps.map(([offsetStep, timeStep, train], i) => ({
      offset: offset + offsetStep * i,
      timestamp: timestamp + timeStep * i,
      pushedAt,
      key: train === 0 ? null : utf8.encode(`TRAIN_${train}`),
      headers: {},
      schema: undefined,
    })).filter(({ offset, timestamp }) => Number.isSafeInteger(offset) && Number.isSafeInteger(timestamp))
  );

Deno.test("metadata is what JSON.stringify makes of it, record after record", () => {
  fc.assert(fc.property(
    fc.record({ topic: fc.string(), partition: fc.nat(), timestampName: fc.constantFrom(undefined, "ts", 'a"b') }),
    fc.oneof(records, following),
    (of, records) => {
      const writer = new MetadataWriter(of);
      // Rows written later must leave earlier ones as they are.
      const written = records.map(({ schema, pushedAt, ...record }) =>
        writer.write({ ...record, value: null }, schema, pushedAt)
      );
      records.forEach(({ offset, key, timestamp, headers, schema, pushedAt }, i) => {
        const text = (bytes: Uint8Array | null) => bytes && printable(bytes).text;
        const expected = JSON.stringify({
          topic: of.topic,
          partition: of.partition,
          offset,
          ...key === null ? {} : { key: text(key) },
          ...schema === undefined ? {} : { [typeof schema === "number" ? "schema_id" : "schema_guid"]: schema },
          ...of.timestampName === undefined ? {} : { [of.timestampName]: timestamp },
        }).slice(0, -1) + `,"headers":${
          "{" + Object.entries(headers).map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(text(value))}`)
            .join(",") +
          "}"
        },"CreateTime":${timestamp},"SnowflakeConnectorPushTime":${pushedAt}}`;
        assertEquals(decoder.decode(written[i]), expected);
      });
    },
  ));
});
