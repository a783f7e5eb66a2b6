// What has changed between two answers is enough to make the second of the first, and is short where little has changed.
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { applyDelta, deltaOf } from "../../src/http/dashboard/delta.ts";

/** As it goes over the wire. */
const overTheWire = <T>(value: T): T => JSON.parse(JSON.stringify(value));

function after(before: unknown, next: unknown): unknown {
  const delta = deltaOf(before, next);
  return delta === undefined ? before : applyDelta(before, overTheWire(delta));
}

const bytesOf = (value: unknown) => JSON.stringify(value).length;

/** Lists of few different items have much in common, and names like those that every object has are names like others. */
const few = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(null, 0, 1, 2, "a", "b", true),
    fc.array(tie("value"), { maxLength: 8 }),
    fc.dictionary(fc.constantFrom("a", "b", "toString", "__proto__", "items", "set"), tie("value")),
  ),
})).value;

Deno.test("a change makes the next answer of the one before, whatever both are", () => {
  for (const values of [few, fc.jsonValue()]) {
    fc.assert(
      fc.property(values, values, (made, next) => {
        // As an answer of the server, with what every object has.
        const before = overTheWire(made);
        assertEquals(JSON.stringify(after(before, next)), JSON.stringify(next));
      }),
      { numRuns: 2_000 },
    );
  }
});

Deno.test("of what is the same there is no change", () => {
  assertEquals(deltaOf({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }), undefined);
});

Deno.test("what JSON has no word for is as JSON has it", () => {
  const before = { a: 1, b: 2, c: [undefined, 1], d: new Date(0) };
  const next = { a: undefined, b: NaN, c: [undefined, 2], d: new Date(1) };
  assertEquals(after(overTheWire(before), next), overTheWire(next));
});

const timeline = (first: number, newest: number) => ({
  from: first,
  points: Array.from({ length: 100 }, (_, i) => i + first).flatMap((at) =>
    ["Red", "Blue", "Green"].map((series) => ({
      at,
      series,
      value: at === first + 99 ? newest : (at * 7919 + series.length) % 1000,
    }))
  ),
});

Deno.test("a chart whose window slides is told by what goes and what comes", () => {
  const [before, next] = [timeline(0, 5), timeline(1, 6)];
  assertEquals(after(before, next), next);
  const bytes = bytesOf(deltaOf(before, next));
  assert(bytes < bytesOf(next) / 20, `${bytes} of ${bytesOf(next)} bytes`);
});

Deno.test("a table whose rows change here and there is told by the cells that change", () => {
  const rows = (odd: number) =>
    Array.from(
      { length: 50 },
      (_, n) => [`train ${n}`, "Central Line", n % 10 === 0 ? odd : n, 1000, "2026-01-15 10:00:00"],
    );
  const bytes = bytesOf(deltaOf({ rows: rows(1) }, { rows: rows(2) }));
  assert(bytes < bytesOf(rows(1)) / 15, `${bytes} bytes`);
  assertEquals(after({ rows: rows(1) }, { rows: rows(2) }), { rows: rows(2) });
});

Deno.test("what little has stayed of is told whole", () => {
  const [before, next] = [Array.from({ length: 500 }, (_, n) => n), Array.from({ length: 500 }, (_, n) => n + 1000)];
  assertEquals(deltaOf(before, next), { set: next });
});

Deno.test("what has not changed stays the very same", () => {
  const [long, columns] = ["a text that is long", [{ name: "A" }]];
  const before = { rows: [[long, 1], [long, 2]], columns };
  const made = after(before, { rows: [[long, 1], [long, 3]], columns: [{ name: "A" }] }) as typeof before;
  assertEquals(made.rows, [[long, 1], [long, 3]]);
  assert(made.columns === before.columns);
  assert(made.rows[0] === before.rows[0]);
});

Deno.test("a change of another answer is refused", () => {
  assertThrows(() => applyDelta([1, 2], { items: [1] }), TypeError, "another length");
  assertThrows(() => applyDelta("text", { items: [1] }), TypeError);
  assertThrows(() => applyDelta(null, { in: {} }), TypeError);
});
