import { assert, assertEquals, assertThrows } from "@std/assert";
import { Hono } from "hono";
import { QueryBusyError } from "../../src/errors.ts";
import { LARGE_ANSWERS, QueryAnswers } from "../../src/http/query_answer.ts";
import type { QueryResult } from "../../src/warehouse/warehouse.ts";

const answer = (rows: readonly (readonly unknown[])[]): QueryResult => ({
  columns: [{ name: "N", type: "BIGINT" }, { name: "TEXT", type: "VARCHAR" }],
  rows,
  truncated: true,
});
const SMALL = answer([[1, "ü😀\ud800"], [null, undefined], [{ a: [1] }, true]]);
const LARGE = answer(Array.from({ length: 60_000 }, (_, n) => [n, `😀 ${n} ${"x".repeat(30)}`]));

/** Answers a request with each result in turn. */
function served(results: readonly QueryResult[]) {
  const answers = new QueryAnswers(() => "an address");
  const app = new Hono();
  const waiting = [...results];
  app.get("/", (c) => answers.respond(c, waiting.shift()!));
  app.onError((error) => {
    throw error;
  });
  return async () => await app.request("http://127.0.0.1/");
}

for (const [name, result] of Object.entries({ "no rows": answer([]), "a few": SMALL, "a large number": LARGE })) {
  Deno.test(`an answer of ${name} is the JSON that it would be as a whole`, async () => {
    const response = await served([result])();
    assertEquals(response.headers.get("content-type"), "application/json");
    assert(await response.text() === JSON.stringify(result));
  });
}

Deno.test("a large answer that nobody takes is held for few clients, and small ones are given out beside it", async () => {
  const ask = served([LARGE, LARGE, LARGE, SMALL, LARGE]);
  const untaken = [await ask(), await ask()];
  assertEquals(untaken.length, LARGE_ANSWERS.total);
  const refused = await ask().catch((error: unknown) => error);
  assertThrows(() => {
    throw refused;
  }, QueryBusyError);
  assertEquals((await (await ask()).json()).rows.length, 3);
  await untaken[0]!.body!.cancel();
  assertEquals((await (await ask()).json()).rows.length, 60_000);
  await untaken[1]!.body!.cancel();
});
