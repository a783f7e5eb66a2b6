// The warehouse contract: every type comes back as it was given.

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { append, type Bench, loose, rowsOf, segment, type Test, type WarehouseFeatures } from "./suite.ts";

/** Stored and read-back cells, by column of EVERY_TYPE. */
type Cells = readonly (readonly [given: unknown, read: unknown])[];

export function types(test: Test, features: WarehouseFeatures): void {
  /** Writes the cells together, those without NULLs together, and each beside a NULL: loaders treat these differently. */
  const roundTrip = async ({ warehouse, writer }: Bench, column: string, cells: Cells) => {
    const whole = cells.filter(([, read]) => read !== null);
    const units: Cells[] = [cells, whole, ...whole.map((cell): Cells => [cell, [null, null]])];
    let next = 0;
    for (const unit of units) {
      const rows = unit.map(([given]) => given === undefined ? { ID: next++ } : { ID: next++, [column]: given });
      await writer.commit(loose({ appends: [append("EVERY_TYPE", segment(rows))] }));
    }
    const read = (await rowsOf(warehouse, `SELECT ${column} FROM EVERY_TYPE ORDER BY ID`)).map(([cell]) => cell);
    const exact = features.negativeZero && column === "A_DOUBLE";
    const zero = (cell: unknown) => cell === 0 && !exact ? 0 : cell;
    assertEquals(read.map(zero), units.flat().map(([, cell]) => zero(cell)));
  };

  test("integers come back as they were, large ones as text", (bench) =>
    roundTrip(bench, "A_BIGINT", [
      [0, 0],
      [-0, 0],
      [-1, -1],
      [2 ** 53 - 1, 2 ** 53 - 1],
      [-(2 ** 53) + 1, -(2 ** 53) + 1],
      [2 ** 53, "9007199254740992"],
      [1e15, 1e15],
      [NaN, null],
      [Infinity, null],
      [null, null],
      [undefined, null],
    ]));

  test("doubles come back to the last bit; NaN and infinities are NULL", (bench) =>
    roundTrip(bench, "A_DOUBLE", [
      [0, 0],
      [-0, -0],
      [0.1 + 0.2, 0.1 + 0.2],
      [1e300, 1e300],
      [-1.7976931348623157e308, -1.7976931348623157e308],
      [5e-324, 5e-324],
      [123456789.123456789, 123456789.123456789],
      [NaN, null],
      [Infinity, null],
      [-Infinity, null],
      [null, null],
      [undefined, null],
    ]));

  const texts = [
    "",
    " ",
    "null",
    "NULL",
    "it's \"quoted\" `twice` \\' \\n \\",
    "line\r\nbreak\ttab",
    "Château d'Yquem 🍷 日本語 ﷽",
    "\x01\x08\x1b\x1c\x1d\x1e\x1f\x7f",
    "\x1e",
    "\x1d",
    "\x1d\x1e\x1d",
    "'); DROP TABLE EVERY_TYPE; --",
    "$1 ? :1 %s {} $$",
    "x".repeat(1_000_000),
    "é🍷".repeat(300_000),
    ...(features.nulCharacter ? ["a\0b", "\0"] : []),
  ];

  test("text comes back as it was, whatever is in it", (bench) =>
    roundTrip(bench, "A_VARCHAR", [...texts.map((text) => [text, text] as const), [null, null], [undefined, null]]));

  test("any text comes back, alone or among NULLs", async ({ warehouse, writer }) => {
    let next = 0;
    const cell = fc.option(
      fc.string({ unit: fc.constantFrom("a", "'", "\\", "\x1d", "\x1e", "🍷", "\n", ";", '"', ",", "]") }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(cell, { minLength: 1, maxLength: 20 }), async (cells) => {
        const first = next;
        const rows = cells.map((A_VARCHAR) => ({ ID: next++, A_VARCHAR }));
        await writer.commit(loose({ appends: [append("EVERY_TYPE", segment(rows))] }));
        const read = await rowsOf(warehouse, `SELECT A_VARCHAR FROM EVERY_TYPE WHERE ID >= ${first} ORDER BY ID`);
        assertEquals(read.map(([text]) => text), cells);
      }),
      { numRuns: 50 },
    );
  });

  test("booleans come back as they were", (bench) =>
    roundTrip(bench, "A_BOOLEAN", [[true, true], [false, false], [null, null], [undefined, null]]));

  const times: Cells = [
    [0, "1970-01-01 00:00:00"],
    [1, "1970-01-01 00:00:00.001"],
    [1_700_000_000_000, "2023-11-14 22:13:20"],
    [1_700_000_000_123, "2023-11-14 22:13:20.123"],
    [1_700_000_000_123.456, "2023-11-14 22:13:20.123456"],
    [1_709_164_800_000, "2024-02-29 00:00:00"],
    [-1, "1969-12-31 23:59:59.999"],
    [253_402_300_799_999, "9999-12-31 23:59:59.999"],
    [NaN, null],
    [null, null],
    [undefined, null],
  ];
  test("timestamps keep their microseconds", (bench) => roundTrip(bench, "A_NTZ", times));
  test("timestamps with time zone are shown in UTC", (bench) => roundTrip(bench, "A_LTZ", times));

  test("dates come back as they were", (bench) =>
    roundTrip(bench, "A_DATE", [["2024-02-29", "2024-02-29"], ["0001-01-01", "0001-01-01"], [null, null]]));

  test("JSON comes back parsed, whether it was text or bytes", (bench) => {
    const values = [{ a: [1, 2.5, null, true, "x"], "é🍷": {} }, [], "text", 12, true, { big: "x".repeat(1_000_000) }];
    return roundTrip(bench, "A_VARIANT", [
      ...values.map((value) => [JSON.stringify(value), value] as const),
      ...values.map((value) => [new TextEncoder().encode(JSON.stringify(value)), value] as const),
      [JSON.stringify({ a: "\x1d\x1e\u2028'\\" }), { a: "\x1d\x1e\u2028'\\" }],
      ['{ "a" : 1 }', { a: 1 }],
      [null, null],
      [undefined, null],
    ]);
  });

  test("columns have the types that scripts give them", async ({ warehouse }) => {
    const { columns } = await warehouse.query("SELECT * FROM EVERY_TYPE");
    assertEquals(
      columns.map(({ name, type }) => `${name} ${type}`),
      [
        "ID BIGINT",
        "A_BIGINT BIGINT",
        "A_DOUBLE DOUBLE",
        "A_VARCHAR VARCHAR",
        "A_BOOLEAN BOOLEAN",
        "A_NTZ TIMESTAMP_NTZ",
        "A_LTZ TIMESTAMP_LTZ",
        "A_DATE DATE",
        "A_VARIANT VARIANT",
      ],
    );
  });

  test("columns that no row mentions keep their defaults", async ({ warehouse, writer }) => {
    await writer.commit(loose({ appends: [append("DEFAULTED", segment([{ ID: 1 }]))] }));
    await writer.commit(loose({ appends: [append("DEFAULTED", segment([{ ID: 2, KIND: null }]))] }));
    assertEquals(await rowsOf(warehouse, "SELECT * FROM DEFAULTED ORDER BY ID"), [[1, "none"], [2, null]]);
  });
}
