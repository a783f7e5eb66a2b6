import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { type KeyPart, Keys, keyTextOf } from "../../src/stream/key.ts";

Deno.test("keys say their parts again, whatever the parts hold", () => {
  const two = new Keys({ a: (e: readonly unknown[]) => e[0] as string, b: (e) => e[1] as number });
  for (const parts of [["x", 1], ["[1,2]", null], ['"', true], ["a/b", -0.5], ["__proto__", "ключ"]] as const) {
    assertEquals<unknown>(two.partsOf(two.textOf(parts)), { a: parts[0], b: parts[1] });
    const one = new Keys({ only: () => parts[0] });
    assertEquals<unknown>(one.partsOf(one.textOf(parts)), { only: parts[0] });
  }
  const numbers = new Keys({ n: (n: number | string | null | undefined) => n });
  assertEquals([1, "1", null, undefined, "null"].map((n) => numbers.partsOf(numbers.textOf(n)).n), [
    1,
    "1",
    null,
    null,
    "null",
  ]);
});

const pairs = () => new Keys({ a: (e: readonly KeyPart[]) => e[0], b: (e) => e[1] });

Deno.test("a key's text is the JSON of its parts, the first time and when it comes again", () => {
  const keys = pairs();
  const part = fc.oneof(
    fc.constantFrom(null, true, false, 0, -0, 1, "1", "null", "", "a", '"'),
    fc.double(),
    fc.string(),
  );
  fc.assert(fc.property(fc.array(fc.tuple(part, part), { maxLength: 20 }), (all) => {
    for (const parts of [...all, ...all]) {
      const text = keys.textOf(parts);
      assertEquals(text, keyTextOf(parts));
      const [a, b] = JSON.parse(text);
      assertEquals<unknown>(keys.partsOf(text), { a, b });
    }
  }));
});

Deno.test("keys are right however many there are, whether they come again or never do", () => {
  const keys = pairs();
  const check = (n: number) => {
    const parts = [`zone ${n % 300}`, n] as const;
    const text = keys.textOf(parts);
    if (text !== `["${parts[0]}",${n}]`) throw new Error(`${n} has the key ${text}`);
    const { a, b } = keys.partsOf(text);
    if (a !== parts[0] || b !== n) throw new Error(`${text} has the parts ${a} and ${b}`);
  };
  for (let n = 0; n < 130_000; n++) check(n); // never again
  for (let n = 0; n < 130_000; n++) check(n % 5_000);
});

Deno.test("a part that is an object after all is written as it is now", () => {
  const keys = pairs();
  const part = { n: 1 };
  const parts = [part as unknown as KeyPart, "x"];
  assertEquals(keys.textOf(parts), '[{"n":1},"x"]');
  part.n = 2;
  assertEquals(keys.textOf(parts), '[{"n":2},"x"]');
});
