// Turns at the offsets: one after the other, in the order in which they were asked for.

import { assertEquals } from "@std/assert";
import { Turns } from "../../src/warehouse/snowflake/turns.ts";

const settle = () => new Promise((resolve) => setTimeout(resolve));

Deno.test("turns come one after the other, in the order in which they were asked for", async () => {
  const turns = new Turns();
  const told: string[] = [];
  const [a, b, c] = [turns.ticket(), turns.ticket(), turns.ticket()];
  for (const [name, ticket] of [["b", b], ["a", a], ["c", c]] as const) ticket.take().then(() => told.push(name));
  await settle();
  assertEquals(told, ["b"]);
  b[Symbol.dispose]();
  await settle();
  assertEquals(told, ["b", "a"]);
  a[Symbol.dispose]();
  await settle();
  assertEquals(told, ["b", "a", "c"]);
  c[Symbol.dispose]();
});

Deno.test("a ticket that was not used holds nobody up, nor one that is taken twice", async () => {
  const turns = new Turns();
  turns.ticket()[Symbol.dispose]();
  using first = turns.ticket();
  await first.take();
  await first.take();
});

Deno.test("who leaves the line lets nobody past those before", async () => {
  const turns = new Turns();
  const told: string[] = [];
  const [first, second, third] = [turns.ticket(), turns.ticket(), turns.ticket()];
  await first.take();
  second.take().then(() => told.push("second"));
  third.take().then(() => told.push("third"));
  second[Symbol.dispose]();
  await settle();
  assertEquals(told, []);
  first[Symbol.dispose]();
  await settle();
  assertEquals(told, ["second", "third"]);
  third[Symbol.dispose]();
});
