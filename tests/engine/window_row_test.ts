// The row of a window is what it says of itself, whatever its columns are called.

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { windowRow } from "../../src/engine/rows.ts";

const names = fc.oneof(
  fc.constantFrom("ZONE", "N", "1", "0", "__proto__", "constructor", "WINDOW_START", "VERSION", '"', "a b", "é\\n"),
  fc.string(),
);
const cells = fc.dictionary(names, fc.oneof(fc.string(), fc.double(), fc.constant(null)), {
  maxKeys: 5,
  noNullPrototype: true,
});

Deno.test("a window's row has its partition, key, bounds, values and version, in this order, under any names", () => {
  fc.assert(fc.property(fc.array(fc.tuple(cells, cells), { minLength: 1, maxLength: 6 }), (kinds) => {
    for (const [key, values] of [...kinds, ...kinds]) {
      const of = { key, partition: 3, start: 10, end: 20, values, final: true, version: 2 };
      const row = windowRow(of, 99);
      const expected = {
        KAFKA_PARTITION: 3,
        ...key,
        WINDOW_START: 10,
        WINDOW_END: 20,
        ...values,
        IS_FINAL: true,
        VERSION: 2,
        UPDATED_AT: 99,
      };
      assertEquals(Object.entries(row), Object.entries(expected));
      assertEquals(Object.getPrototypeOf(row), Object.prototype);
    }
  }));
});

Deno.test("rows of many kinds of windows are right, each time they come", () => {
  for (let n = 0; n < 300; n++) {
    const of = {
      key: { K: n },
      partition: 0,
      start: 0,
      end: 1,
      values: { [`V${n % 100}`]: n },
      final: false,
      version: 1,
    };
    const row = windowRow(of, 5);
    assertEquals([row.K, row[`V${n % 100}`], Object.keys(row).length], [n, n, 8]);
  }
});
