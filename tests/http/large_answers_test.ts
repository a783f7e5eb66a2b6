import { assert, assertEquals } from "@std/assert";
import { Hono } from "hono";
import { LargeAnswers } from "../../src/http/large_answers.ts";

const LARGE = Array.from({ length: 40_000 }, (_, n) => `😀 ${n}`);

Deno.test("large answers that nobody takes are few, fewer of one address, and small ones are given out beside them", async () => {
  const large = new LargeAnswers((c) => c.req.param("address")!);
  const app = new Hono();
  app.get("/:address/:what", (c) => large.json(c, c.req.param("what") === "large" ? LARGE : ["small"]));
  app.onError((error) => new Response(error.name, { status: 503 }));
  const ask = async (path: string) => await app.request(`http://127.0.0.1${path}`);
  const untaken = [];
  for (let n = 0; n < 4; n++) untaken.push(await ask("/a/large"));
  assertEquals((await ask("/a/large")).status, 503);
  for (let n = 0; n < 4; n++) untaken.push(await ask("/b/large"));
  const refused = await ask("/c/large");
  assertEquals([refused.status, await refused.text()], [503, "QueryBusyError"]);
  assertEquals(await (await ask("/a/small")).json(), ["small"]);
  await untaken[0]!.body!.cancel();
  const taken = await ask("/c/large");
  assertEquals(taken.headers.get("content-type"), "application/json");
  assert(await taken.text() === JSON.stringify(LARGE));
  for (const one of untaken.slice(1)) await one.body!.cancel();
});
