// Of several changes for one key the last counts, whatever the parts of keys are, in the order in which the keys came.

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { KeyedRows } from "../../src/engine/pending.ts";
import type { KeyedChange } from "../../src/engine/rows.ts";
import { propertyRuns } from "../support/simulation/runs.ts";

/** Those that must be told apart, and those that a table holds as one. */
const cell = fc.constantFrom<unknown>(
  ...["", "a", "1", "null", "true", "[1]", "-0"],
  ...[1, 0, -0, 1.5, 2 ** 53, NaN, Infinity],
  ...[true, false, null, undefined, [1], [1, null], { a: 1 }],
);
const change = fc.record({
  op: fc.constantFrom<KeyedChange["op"]>("upsert", "delete"),
  row: fc.record({ A: cell, B: cell, N: fc.nat() }),
});

/** What a table tells apart: JSON's idea of the cells. */
const identity = ({ row }: KeyedChange) => JSON.stringify([row.A ?? null, row.B ?? null]);

Deno.test("of several changes for one key the last counts, in the order in which keys came", () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const rows = new KeyedRows({ keyColumns: ["A", "B"] });
      const model = new Map<string, KeyedChange>();
      for (const change of changes) {
        rows.add(change);
        model.set(identity(change), change);
      }
      assertEquals(rows.size, model.size);
      for (const op of ["upsert", "delete"] as const) {
        assertEquals(rows.rows(op), [...model.values()].filter((c) => c.op === op).map((c) => c.row));
      }
    }),
    propertyRuns(300),
  );
});

Deno.test("a key of one column, and a row that is older by the guard", () => {
  const rows = new KeyedRows({ keyColumns: ["K"], guardColumns: ["AT", "OFFSET"] });
  const upsert = (K: string, AT: number, OFFSET: number) => ({ op: "upsert" as const, row: { K, AT, OFFSET } });
  for (const [AT, OFFSET] of [[5, 1], [4, 9], [5, 0], [5, 2]] as const) rows.add(upsert("a", AT, OFFSET));
  rows.add(upsert("b", 1, 1));
  assertEquals(rows.rows("upsert"), [{ K: "a", AT: 5, OFFSET: 2 }, { K: "b", AT: 1, OFFSET: 1 }]);
  assertEquals(rows.rows("delete"), []);
  // No text of JSON has these.
  for (const ID of [1n, 2n, 1, 1n]) rows.add({ op: "upsert", row: { K: ID, AT: 0, OFFSET: 0 } });
  assertEquals(rows.size, 5);
});
