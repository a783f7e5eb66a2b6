import { assertEquals } from "@std/assert";
import { Reachability } from "../../src/http/mod.ts";
import { ManualClock } from "../support/manual_clock.ts";

function setUp() {
  const clock = new ManualClock();
  const questions: PromiseWithResolvers<void>[] = [];
  const ask = () => {
    const question = Promise.withResolvers<void>();
    questions.push(question);
    return question.promise;
  };
  return { clock, questions, probe: new Reachability({ ask, clock, timeoutMs: 2_000, freshMs: 1_000 }) };
}

Deno.test("many who ask at once are one question, and the answer holds for a while", async () => {
  const { clock, questions, probe } = setUp();
  const answers = Promise.all([probe.isReachable(), probe.isReachable(), probe.isReachable()]);
  questions[0]!.resolve();
  assertEquals(await answers, [true, true, true]);
  await clock.advance(999);
  assertEquals([await probe.isReachable(), questions.length], [true, 1]);
  await clock.advance(1);
  const again = probe.isReachable();
  questions[1]!.reject(new Error("away"));
  assertEquals(await again, false);
});

Deno.test("an answer that is slow to come is not waited for while the last one is young, and then tells", async () => {
  const { clock, questions, probe } = setUp();
  const first = probe.isReachable();
  questions[0]!.resolve();
  assertEquals(await first, true);
  await clock.advance(5_000);
  const soon = probe.isReachable();
  await clock.advance(300);
  assertEquals([await soon, questions.length], [true, 2]);
  // What was asked then still has no answer: it hangs.
  await clock.advance(1_700);
  assertEquals([await probe.isReachable(), questions.length], [false, 2]);
  questions[1]!.resolve();
  await clock.advance(0);
  assertEquals(await probe.isReachable(), true);
  await clock.advance(15_000);
  const late = probe.isReachable();
  await clock.advance(2_000);
  assertEquals(await late, false);
});

Deno.test("what hangs is unreachable after the time limit, and is not asked anew until it has answered", async () => {
  const { clock, questions, probe } = setUp();
  const first = probe.isReachable();
  await clock.advance(2_000);
  assertEquals(await first, false);
  assertEquals([await probe.isReachable(), questions.length], [false, 1]);
  questions[0]!.resolve();
  await clock.advance(0);
  assertEquals([await probe.isReachable(), questions.length], [true, 1]);
});
