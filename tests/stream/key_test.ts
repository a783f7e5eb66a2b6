import { assertEquals } from "@std/assert";
import { Keys } from "../../src/stream/key.ts";

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
