// Errors are the same behind a thread's border: class, code, what they say, and why.

import { assert, assertEquals } from "@std/assert";
import { FencedError, isRetriable, LogDamagedError, RowsRefusedError, WarehouseMemoryError } from "../src/errors.ts";
import { receivedError, sentError } from "../src/sent_errors.ts";

const across = (error: unknown) => receivedError(structuredClone(sentError(error)));

Deno.test("an error of ours is an instance of its class again, with all that it says", () => {
  const rows = [{ table: "T", partition: 1, offset: 2, detail: "no number" }];
  const refused = across(new RowsRefusedError(rows, { cause: new TypeError("inner") }));
  assert(refused instanceof RowsRefusedError && refused instanceof Error);
  assertEquals([refused.rows, refused.code, refused.name], [rows, "rows_refused", "RowsRefusedError"]);
  assertEquals(refused.message, new RowsRefusedError(rows).message);
  assertEquals((refused.cause as Error).message, "inner");
  const damage = { topic: "t", partition: 0, from: 3, to: 9, reason: "unreadable", why: "torn" } as const;
  const damaged = across(new LogDamagedError(damage));
  assert(!isRetriable(damaged));
  assert(damaged instanceof LogDamagedError);
  assertEquals(damaged.damage, damage);
});

Deno.test("whether trying again can help is the same behind the border, also of a class that another is made of", () => {
  assert(isRetriable(across(new FencedError("taken over"))));
  const memory = across(new WarehouseMemoryError("out of memory"));
  assert(memory instanceof WarehouseMemoryError && isRetriable(memory));
});

Deno.test("what is not ours keeps its name, its words and where it was thrown", () => {
  const thrown = Object.assign(new TypeError("x is not a function"), { held: () => {} });
  const error = across(thrown);
  assertEquals([error.name, error.message, error.stack], ["TypeError", "x is not a function", thrown.stack]);
  assertEquals(across("a text").message, "a text");
});
