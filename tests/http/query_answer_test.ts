import { assert, assertEquals, assertThrows } from "@std/assert";
import { Hono } from "hono";
import { QueryBusyError } from "../../src/errors.ts";
import { AnswerMemory } from "../../src/http/answer_memory.ts";
import { LARGE_ANSWERS, QueryAnswers } from "../../src/http/query_answer.ts";
import { AnswerSize } from "../../src/warehouse/answer_size.ts";
import type { HeldBytes, QueryResult } from "../../src/warehouse/warehouse.ts";

const answer = (rows: readonly (readonly unknown[])[]): QueryResult => ({
  columns: [{ name: "N", type: "BIGINT" }, { name: "TEXT", type: "VARCHAR" }],
  rows,
  truncated: true,
});
const SMALL = answer([[1, "ü😀\ud800"], [null, undefined], [{ a: [1] }, true]]);
const LARGE = answer(Array.from({ length: 60_000 }, (_, n) => [n, `😀 ${n} ${"x".repeat(30)}`]));
/** Room for one of these. */
const LARGE_BYTES = 5_000_000;

/** Answers a request with each result in turn. */
function served(results: readonly QueryResult[]) {
  const answers = new QueryAnswers(() => "an address");
  const app = new Hono();
  const waiting = [...results];
  app.get("/", (c) => answers.respond(c, () => Promise.resolve(waiting.shift()!)));
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

Deno.test("what answers hold together has a bound, from the first row that is read to the last that is taken", () => {
  const memory = new AnswerMemory(1_000);
  const [one, other] = [memory.begin(), memory.begin()];
  one.grow(600);
  other.grow(400);
  assertThrows(() => other.grow(1), QueryBusyError, "ask again");
  one.release();
  other.grow(600);
  other.release();
  other.release();
  assertEquals(memory.held, 0);
});

Deno.test("an answer gives its memory back when it is taken, refused, or nobody takes it", async () => {
  const memory = new AnswerMemory(LARGE_BYTES);
  const answers = new QueryAnswers(() => "an address", memory);
  const app = new Hono();
  const query = (held: HeldBytes, result: QueryResult) => {
    const size = new AnswerSize(1 << 30, held);
    for (const row of result.rows) size.add(row);
    return Promise.resolve(result);
  };
  app.get("/:rows", (c) => answers.respond(c, (held) => query(held, c.req.param("rows") === "few" ? SMALL : LARGE)));
  app.onError((error) => new Response(error.name, { status: 503 }));
  const ask = async (rows: string) => await app.request(`http://127.0.0.1/${rows}`);
  await (await ask("few")).body!.cancel();
  assertEquals(memory.held, 0);
  const untaken = await ask("many");
  assert(memory.held > LARGE_BYTES / 2);
  assertEquals(await (await ask("many")).text(), "QueryBusyError");
  assertEquals((await (await ask("few")).json()).rows.length, 3);
  await untaken.body!.cancel();
  assertEquals(memory.held, 0);
  await (await ask("many")).text();
  assertEquals(memory.held, 0);
});
