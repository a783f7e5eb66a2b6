// Duplicate names in JSON, against a reader that does nothing clever.

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { duplicateName } from "../../src/engine/duplicate_names.ts";
import { parseJson } from "../../src/engine/decode.ts";
import { reading } from "../../src/engine/text.ts";
import { propertyRuns } from "../support/simulation/runs.ts";

/** A JSON value as it is written: members are a list, so that a name can be there twice. */
type Written =
  | { readonly kind: "plain"; readonly text: string }
  | { readonly kind: "list"; readonly items: readonly Written[] }
  | { readonly kind: "object"; readonly members: readonly (readonly [name: string, value: Written])[] };

/** Whether an object holds two names that mean the same: the recursive definition. */
function holdsDuplicate(value: Written): boolean {
  if (value.kind === "plain") return false;
  if (value.kind === "list") return value.items.some(holdsDuplicate);
  const names = value.members.map(([name]) => JSON.parse(name));
  return new Set(names).size < names.length || value.members.some(([, inner]) => holdsDuplicate(inner));
}

function textOf(value: Written, space: string): string {
  if (value.kind === "plain") return value.text;
  if (value.kind === "list") return `[${value.items.map((item) => textOf(item, space)).join(`${space},${space}`)}]`;
  const members = value.members.map(([name, inner]) => `${name}${space}:${space}${textOf(inner, space)}`);
  return `{${space}${members.join(`,${space}`)}}`;
}

/** Few names, each in several spellings, so that the same comes twice. */
const names = fc.constantFrom(
  ...['"a"', '"\\u0061"', '"b"', '"__proto__"', '"\\u005f_proto__"', '"1"', '""', '"a:"', '"\\""', '"é"', '"\\u00e9"'],
);
/** Texts that look like names, ends of objects, and escapes. */
const plain = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'a:"\\,{}[] é\n'), maxLength: 8 }).map((text) => JSON.stringify(text)),
  fc.constantFrom("1", "-0", "1e2", "true", "null", '"\\u003a"', '":"', '"\\":"'),
).map((text): Written => ({ kind: "plain", text }));
const { value: values } = fc.letrec<{ value: Written }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    plain,
    fc.array(tie("value"), { maxLength: 3 }).map((items): Written => ({ kind: "list", items })),
    fc.array(fc.tuple(names, tie("value")), { maxLength: 4 }).map((members): Written => ({ kind: "object", members })),
  ),
}));

Deno.test("a duplicate name is found exactly where an object holds one, in whatever spelling and layout", () => {
  let found = 0;
  let clear = 0;
  fc.assert(
    fc.property(values, fc.constantFrom("", " ", "\n\t"), (value, space) => {
      const text = textOf(value, space);
      const duplicate = duplicateName(text, JSON.parse(text));
      assertEquals(duplicate !== undefined, holdsDuplicate(value), text);
      if (duplicate) found++;
      else clear++;
    }),
    propertyRuns(3000),
  );
  // The generator must show both.
  assertEquals([found > 100, clear > 100], [true, true]);
});

Deno.test("records read out of one stretch are told apart as by themselves", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(values, fc.constantFrom("", " ")), { minLength: 1, maxLength: 8 }), (records) => {
      const texts = records.map(([value, space]) => new TextEncoder().encode(textOf(value, space)));
      const all = new Uint8Array(texts.reduce((sum, { length }) => sum + length, 0));
      let at = 0;
      const views = texts.map((bytes) => {
        all.set(bytes, at);
        return all.subarray(at, at += bytes.length);
      });
      const reader = reading(views[0], views.at(-1));
      assertEquals(
        views.map((view) => "stage" in parseJson(view, reader)),
        records.map(([value]) => holdsDuplicate(value)),
      );
    }),
    propertyRuns(1000),
  );
});

const PLACES: readonly (readonly [text: string, name: string, pointer: string])[] = [
  ['{"a":1,"a":2}', "a", "/a"],
  ['{"x":[{"a":1},{"b":{"c":1,"c":1}}]}', "c", "/x/1/b/c"],
  ['{"a/b~":1,"a\\/b~":1}', "a/b~", "/a~1b~0"],
  ['[[],[1,{"":1,"":2}]]', "", "/1/1/"],
];

for (const [text, name, pointer] of PLACES) {
  Deno.test(`the duplicate name in ${text} is at ${pointer}`, () => {
    assertEquals(duplicateName(text, JSON.parse(text)), { name, pointer });
  });
}
