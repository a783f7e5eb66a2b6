import { assertEquals, assertRejects } from "@std/assert";
import { LogOverloadedError, LogUnavailableError, ProduceUnknownError, RecordTooLargeError } from "../../src/errors.ts";
import { BatchedProducer, type BatchLimits } from "../../src/log/batched_producer.ts";
import type { NewRecord, RecordPosition } from "../../src/log/log.ts";
import { ManualClock } from "../support/manual_clock.ts";

const LIMITS: BatchLimits = {
  maxRecords: 5,
  maxBytes: 1_000,
  batchRecords: 3,
  batchBytes: 600,
  timeoutMs: 1_000,
};

const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

/** A log that answers when it is told to. */
class SlowLog {
  /** Values of each call, in order. */
  readonly calls: string[][] = [];
  readonly #open: { readonly values: string[]; readonly answer: PromiseWithResolvers<readonly RecordPosition[]> }[] =
    [];
  #offset = 0;

  produce(_topic: string, records: readonly NewRecord[]): Promise<readonly RecordPosition[]> {
    const values = records.map(({ value }) => String(value));
    const answer = Promise.withResolvers<readonly RecordPosition[]>();
    this.calls.push(values);
    this.#open.push({ values, answer });
    return answer.promise;
  }

  /** Answers the oldest open call, waiting for one. */
  async answer(error?: Error): Promise<void> {
    while (this.#open.length === 0) await turn();
    const { values, answer } = this.#open.shift()!;
    if (error) answer.reject(error);
    else answer.resolve(values.map(() => ({ partition: 0, offset: this.#offset++ })));
    await turn();
  }
}

function setUp(changes: Partial<BatchLimits> = {}) {
  const log = new SlowLog();
  const clock = new ManualClock();
  const group = new BatchedProducer(log, clock, { ...LIMITS, ...changes });
  const produce = (value: string, { bytes = 1, topic = "t" } = {}) => group.produce(topic, [{ value, bytes }]);
  return { log, clock, group, produce };
}

Deno.test("calls that come together are one produce, and each gets its own positions", async () => {
  const { log, produce } = setUp();
  const answers = Promise.all([produce("a"), produce("b"), produce("c")]);
  await log.answer();
  assertEquals(log.calls, [["a", "b", "c"]]);
  assertEquals((await answers).flat().map(({ offset }) => offset), [0, 1, 2]);
});

Deno.test("what comes while the log is busy goes together as the next, never two at once for a topic", async () => {
  const { log, produce } = setUp();
  const first = produce("a");
  await turn();
  const rest = Promise.all([produce("b"), produce("c")]);
  await turn();
  assertEquals(log.calls, [["a"]]);
  await log.answer();
  await log.answer();
  assertEquals(log.calls, [["a"], ["b", "c"]]);
  await Promise.all([first, rest]);
});

Deno.test("topics do not wait for each other", async () => {
  const { log, produce } = setUp();
  const answers = Promise.all([produce("a"), produce("b", { topic: "u" })]);
  await turn();
  assertEquals(log.calls, [["a"], ["b"]]);
  await log.answer();
  await log.answer();
  await answers;
});

for (
  const [limit, sizes, expected] of [
    ["records", [1, 1, 1, 1], [["0", "1", "2"], ["3"]]],
    ["bytes", [300, 300, 300], [["0", "1"], ["2"]]],
    ["bytes, and one that is larger goes alone", [10, 700, 10], [["0"], ["1"], ["2"]]],
  ] as const
) {
  Deno.test(`a produce has no more than its limit of ${limit}`, async () => {
    const { log, produce } = setUp();
    const answers = Promise.all(sizes.map((bytes, i) => produce(String(i), { bytes })));
    for (const _ of expected) await log.answer();
    await answers;
    assertEquals(log.calls, expected.map((call) => [...call]));
  });
}

Deno.test("the queue is bounded by records and by bytes, counting what is under way, and takes more when it has drained", async () => {
  const { log, group, produce } = setUp({ batchRecords: 5 });
  const taken = [1, 2, 3, 4, 5].map((n) => produce(String(n)));
  await assertRejects(() => produce("6"), LogOverloadedError);
  assertEquals(group.waiting, 5);
  await log.answer();
  await Promise.all(taken);
  assertEquals(group.waiting, 0);
  const large = produce("large", { bytes: 990 });
  await assertRejects(() => produce("11 more bytes", { bytes: 11 }), LogOverloadedError);
  await log.answer();
  await large;
});

Deno.test("one call larger than the whole queue is taken when nothing waits", async () => {
  const { log, group } = setUp();
  const answer = group.produce("t", Array.from({ length: 9 }, (_, n) => ({ value: String(n), bytes: 1 })));
  await log.answer();
  assertEquals((await answer).length, 9);
});

Deno.test("a failure is told to all of its produce and to no other", async () => {
  const { log, produce } = setUp({ batchRecords: 2 });
  const answers = Promise.allSettled([produce("a"), produce("b"), produce("c")]);
  await log.answer(new LogUnavailableError("away"));
  await log.answer();
  assertEquals((await answers).map(({ status }) => status), ["rejected", "rejected", "fulfilled"]);
});

Deno.test("a record that is too large fails alone", async () => {
  const { log, produce } = setUp();
  const answers = Promise.allSettled([produce("a"), produce("huge"), produce("c")]);
  const tooLarge = new RecordTooLargeError("too large");
  await log.answer(tooLarge); // a huge c
  await log.answer(tooLarge); // a huge
  await log.answer(); // a
  await log.answer(tooLarge); // huge
  await log.answer(); // c
  assertEquals((await answers).map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
});

Deno.test("nobody waits for ever: sent ones hear that nobody knows, unsent ones that nothing was written", async () => {
  const { log, clock, group, produce } = setUp({ batchRecords: 1 });
  const sent = produce("sent");
  await turn();
  const unsent = produce("unsent");
  const outcomes = Promise.allSettled([sent, unsent]);
  await clock.advance(1_000);
  await clock.advance(1_000);
  const [first, second] = await outcomes as [PromiseRejectedResult, PromiseRejectedResult];
  assertEquals([first.reason.constructor, second.reason.constructor], [ProduceUnknownError, LogUnavailableError]);
  // What is under way still counts, or the queue would grow behind a log that hangs.
  assertEquals(group.waiting, 1);
  await log.answer();
  assertEquals([group.waiting, log.calls], [0, [["sent"]]]);
  const later = produce("later");
  await log.answer();
  assertEquals((await later).length, 1);
});
