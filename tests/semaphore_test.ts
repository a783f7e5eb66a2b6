// Work in turn, and its end: which work runs, in which order, and what ends it.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { Deadline } from "../src/deadline.ts";
import { Semaphore } from "../src/semaphore.ts";

const FULL = new Error("full");
const semaphore = (maxRunning: number, maxWaiting = 10) => new Semaphore({ maxRunning, maxWaiting, full: () => FULL });
const nothing = () => Promise.resolve();
const never = Promise.withResolvers<void>().promise;
const late = () => new Error("late");

Deno.test("as many run as may, the others in the order they came", async () => {
  const turns = semaphore(2);
  const gates = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
  const began: number[] = [];
  const all = gates.map(({ promise }, i) => turns.run(() => (began.push(i), promise)));
  assertEquals(began, [0, 1]);
  gates[0]!.resolve();
  gates[1]!.resolve();
  gates[2]!.resolve();
  await Promise.all([all[0], all[1], all[2]]);
  assertEquals(began, [0, 1, 2, 3, 4]);
  for (const { resolve } of gates) resolve();
  await Promise.all(all);
});

Deno.test("a failure hands the place on", async () => {
  const turns = semaphore(1);
  const failing = assertRejects(() => turns.run(() => Promise.reject(new Error("no"))), Error, "no");
  assertEquals(await turns.run(() => Promise.resolve("next")), "next");
  await failing;
});

Deno.test("where all places are taken, the next is refused", async () => {
  const turns = semaphore(1, 1);
  const gate = Promise.withResolvers<void>();
  const running = [turns.run(() => gate.promise), turns.run(() => gate.promise)];
  assertEquals(await assertRejects(() => turns.run(nothing)), FULL);
  gate.resolve();
  await Promise.all(running);
});

Deno.test("whoever is aborted while waiting leaves at once, never works, and gives its place to another", async () => {
  const turns = semaphore(1, 1);
  const gate = Promise.withResolvers<void>();
  const running = turns.run(() => gate.promise);
  const stop = new AbortController();
  let worked = false;
  const waiting = assertRejects(() => turns.run(() => Promise.resolve(worked = true), stop.signal), Error, "gone");
  stop.abort(new Error("gone"));
  await waiting;
  const next = turns.run(() => Promise.resolve("next"));
  gate.resolve();
  assertEquals(await next, "next");
  await running;
  assert(!worked);
  assertEquals(await turns.run(() => Promise.resolve("again")), "again");
});

Deno.test("whoever is aborted while it works keeps its place until it has ended", async () => {
  const turns = semaphore(1);
  const gate = Promise.withResolvers<string>();
  const stop = new AbortController();
  const running = turns.run(() => gate.promise, stop.signal);
  let next = false;
  const waiting = turns.run(() => Promise.resolve(next = true));
  stop.abort();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert(!next);
  gate.resolve("ended");
  assertEquals(await running, "ended");
  await waiting;
});

Deno.test("an aborted signal is told before the line is looked at", async () => {
  const aborted = AbortSignal.abort(new Error("gone"));
  await assertRejects(() => semaphore(1, 0).run(nothing, aborted), Error, "gone");
});

Deno.test("a deadline ends waiting with its own error, and a signal with its reason", async () => {
  using short = new Deadline({ timeoutMs: 1, late });
  await assertRejects(() => short.within(never), Error, "late");
  await assertRejects(() => short.within(nothing()), Error, "late");
  const stop = new AbortController();
  using aborted = new Deadline({ signal: stop.signal, timeoutMs: 60_000, late });
  const waiting = assertRejects(() => aborted.within(never), Error, "gone");
  stop.abort(new Error("gone"));
  await waiting;
});

Deno.test("work that ends in time is not touched by its deadline", async () => {
  using deadline = new Deadline({ timeoutMs: 60_000, late });
  assertEquals(await deadline.within(Promise.resolve(1)), 1);
  await assertRejects(() => deadline.within(Promise.reject(new Error("its own"))), Error, "its own");
  deadline.shorten(1);
  await assertRejects(() => deadline.within(never), Error, "late");
});
