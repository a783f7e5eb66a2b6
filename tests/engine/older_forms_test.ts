// Records in older forms: what is put where, which form a record is of, and what is said of one that fits none.

import { assertEquals } from "@std/assert";
import { z } from "zod";
import { type OlderForm, RECORD_TIME } from "../../src/domains/older_form.ts";
import { OlderForms } from "../../src/engine/older_forms.ts";
import { parseTimestamp } from "@freshet/stream";

const schema = z.object({ id: z.string(), at: z.union([z.string(), z.number()]), kind: z.enum(["a", "b"]) });
type Event = z.infer<typeof schema>;

const LOGGED_AT = Date.UTC(2026, 0, 1);
const forms: readonly OlderForm[] = [{
  only: { field: "sort", type: "string" },
  fields: { kind: { from: "sort", words: { alpha: "a" } }, id: { text: true }, at: { seconds: true } },
}, {
  fields: { kind: { from: "inner.deep.kind", missing: "b" }, id: { text: true }, at: { missing: RECORD_TIME } },
}];

const reader = () => new OlderForms({ schema, eventTime: (e) => parseTimestamp((e as Event).at) }, forms);
const read = (json: unknown) => reader().read(json, LOGGED_AT);

for (
  const [name, json, event] of [
    ["another name and another word", { id: "x", at: 2e11, sort: "alpha" }, { id: "x", at: 2e11, kind: "a" }],
    ["a number for an id", { id: 57, at: 2e11, kind: "a" }, { id: "57", at: 2e11, kind: "a" }],
    ["an object within an object", { id: "x", at: 2e11, inner: { deep: { kind: "a" } } }, {
      id: "x",
      at: 2e11,
      kind: "a",
    }],
    ["nothing where a text is meant", { id: "x", at: 2e11, inner: null }, { id: "x", at: 2e11, kind: "b" }],
    ["no time", { id: "x", kind: "a" }, { id: "x", at: LOGGED_AT, kind: "a" }],
    ["its own field beside another's", { id: "x", at: 2e11, kind: "b", sort: "alpha" }, {
      id: "x",
      at: 2e11,
      kind: "b",
    }],
  ] as const
) {
  Deno.test(`a record in an older form is read: ${name}`, () => assertEquals(read(json)?.event, event));
}

for (const json of [null, 5, "text", [], { id: 1.5, at: 2e11, kind: "a" }, { id: "x", at: 5, kind: "a" }]) {
  Deno.test(`a record of no form is not read: ${JSON.stringify(json)}`, () => assertEquals(read(json), undefined));
}

Deno.test("seconds are read to the nearest microsecond, whatever a double makes of them", () => {
  for (let i = 0; i < 20_000; i++) {
    const micros = 1_763_629_502_000_000 + i * 7_919;
    const time = read({ id: "x", at: micros / 1e6, sort: "alpha" })!.time;
    assertEquals(time, micros / 1000);
  }
});

Deno.test("of a record that fits no form the least is said", () => {
  const json = { id: 5, at: 2e11, kind: "gamma" };
  const older = reader();
  const own = schema.safeParse(json).error!.issues;
  assertEquals(older.read(json, LOGGED_AT), undefined);
  assertEquals(own.map(({ path }) => path[0]), ["id", "kind"]);
  assertEquals(older.fewerIssues(own).map(({ path }) => path[0]), ["kind"]);
});
