// The log contract: groups, their generations and committed offsets, and how everything ends.

import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import type { Generation, Log, Subscription } from "../../../src/log/log.ts";
import { startMember, untilPartitions } from "../../support/member.ts";
import { generationOf, type LogAdapter, logWithTopic, type Place, pull, soon, startAt, topicName } from "./place.ts";

export function groupTests(adapter: LogAdapter): void {
  const test = (name: string, body: (log: Log, topic: string, place: Place) => Promise<void>, partitions = 4) =>
    Deno.test({
      name: `${adapter.name} log: ${name}`,
      ignore: adapter.skip !== undefined,
      fn: async () => {
        await using place = await adapter.place();
        const { log, topic } = await logWithTopic(place, partitions);
        await using _log = log;
        await body(log, topic, place);
      },
    });

  test("two members share the partitions; one leaves and the other gets all of them", async (log, topic, place) => {
    await using first = await subscribe(log, topic);
    const alone = await generationOf(first, 4);
    await using otherLog = await place.open();
    const second = await subscribe(otherLog, topic);
    const [half, otherHalf] = await Promise.all([generationOf(first, 2), generationOf(second, 2)]);
    assert(alone.signal.aborted);
    assert(half.id > alone.id);
    assertEquals([...half.partitions, ...otherHalf.partitions].toSorted(), [0, 1, 2, 3]);
    await second[Symbol.asyncDispose]();
    assert(otherHalf.signal.aborted);
    const again = await generationOf(first, 4);
    assert(half.signal.aborted);
    assert(again.id > half.id);
  });

  test(
    "no record is lost or doubled when each generation goes on where the last one stopped",
    async (log, topic, place) => {
      const count = 8_000;
      const produced = produceSlowly(log, topic, count);
      const next = new Map<number, number>();
      const seen = new Set<string>();
      const done = () => seen.size >= count;
      await using first = await subscribe(log, topic);
      const firstDone = consume(first, next, seen, done);
      const otherLog = await place.open();
      const second = await subscribe(otherLog, topic);
      const secondDone = consume(second, next, seen, () => seen.size >= count / 2);
      await secondDone;
      await otherLog[Symbol.asyncDispose]();
      await soon(Promise.all([firstDone, produced]), "all records");
      assertEquals(seen.size, count);
    },
  );

  test("a member without a partition gets an empty generation", async (log, topic, place) => {
    await using first = await subscribe(log, topic);
    const alone = await generationOf(first, 1);
    await using otherLog = await place.open();
    await using second = await subscribe(otherLog, topic);
    const b = await nextSettled(second);
    // Who has the same as before may go on with it.
    const a = alone.signal.aborted ? await nextSettled(first) : alone;
    assertEquals([a.partitions.length, b.partitions.length].toSorted(), [0, 1]);
    const idle = a.partitions.length === 0 ? a : b;
    await idle.start(new Map());
    assertEquals(await idle.next(50), undefined);
    assertEquals([...await idle.bounds()], []);
  }, 1);

  test("a member that was killed is expelled and its partitions move", async (log, topic, place) => {
    await using member = startMember({ ...place.member, topic, group: "members" });
    await untilPartitions(member.generations, 4);
    await using subscription = await subscribe(log, topic);
    const half = await generationOf(subscription, 2);
    member.kill();
    const killedAt = Date.now();
    const all = await generationOf(subscription, 4);
    assert(half.signal.aborted && all.id > half.id);
    assert(Date.now() - killedAt < adapter.sessionTimeoutMs * 4 + 4_000);
  });

  test("a member whose thread stood still is expelled, notices it, and joins again", async (log, topic, place) => {
    await using subscription = await subscribe(log, topic);
    const before = await generationOf(subscription, 4);
    await startAt(before);
    await using member = startMember({ ...place.member, topic, group: "members" });
    const half = await generationOf(subscription, 2);
    await startAt(half);
    await untilPartitions(member.generations, 2);
    const standsStillUntil = Date.now() + adapter.sessionTimeoutMs * 1.5 + 1_000;
    while (Date.now() < standsStillUntil);
    await untilPartitions(member.generations, 4);
    const after = await generationOf(subscription, 2);
    assert(half.signal.aborted && after.id > half.id);
  });

  test("rejoining ends the generation and brings a new one", async (log, topic) => {
    await using subscription = await subscribe(log, topic);
    const before = await generationOf(subscription, 4);
    await startAt(before);
    await soon(subscription.rejoin(), "rejoining");
    assert(before.signal.aborted);
    assertEquals(await before.next(1000), undefined);
    const after = await generationOf(subscription, 4);
    assertNotEquals(after.id, before.id);
    assertEquals(after.signal.aborted, false);
    await log.produce(topic, [{ value: "x" }]);
    await startAt(after);
    await pull(after, 1);
  });

  test(
    "committed offsets are the group's, and an ended generation's commit does no harm",
    async (log, topic, place) => {
      assertEquals([...await log.committed(topic, "members")], []);
      await log.produce(topic, Array.from({ length: 8 }, (_, i) => ({ value: "x", partition: i % 4 })));
      await using subscription = await subscribe(log, topic);
      const generation = await generationOf(subscription, 4);
      await startAt(generation);
      await generation.commit(new Map([[0, 1], [3, 2]]));
      assertEquals(sorted(await log.committed(topic, "members")), [[0, 1], [3, 2]]);
      assertEquals([...await log.committed(topic, "others")], []);
      await subscription.rejoin();
      await generation.commit(new Map([[0, 0]]));
      await using otherLog = await place.open();
      assertEquals(sorted(await otherLog.committed(topic, "members")), [[0, 1], [3, 2]]);
    },
  );

  test("committed offsets do not decide where a generation starts", async (log, topic) => {
    await log.produce(topic, [{ value: "a" }, { value: "b" }]);
    await using subscription = await subscribe(log, topic);
    const first = await generationOf(subscription, 1);
    await first.commit(new Map([[0, 2]]));
    await subscription.rejoin();
    const second = await generationOf(subscription, 1);
    await startAt(second);
    assertEquals((await pull(second, 2))[0]!.records[0]!.offset, 0);
  }, 1);

  test("closing the subscription during next ends it quietly", async (log, topic) => {
    const subscription = await subscribe(log, topic);
    const generation = await generationOf(subscription, 4);
    await startAt(generation);
    const waiting = generation.next(60_000);
    await soon(subscription[Symbol.asyncDispose](), "closing");
    assertEquals(await soon(waiting, "next"), undefined);
    assert(generation.signal.aborted);
    assertEquals(await generation.next(60_000), undefined);
    await assertRejects(() => subscription.nextGeneration(), DOMException);
    await subscription[Symbol.asyncDispose]();
  });

  test("aborting the signal ends everything with its reason", async (log, topic) => {
    const controller = new AbortController();
    await using subscription = await log.subscribe({ topic, group: "members", signal: controller.signal });
    const generation = await generationOf(subscription, 4);
    await startAt(generation);
    const waiting = generation.next(60_000);
    const nextGeneration = subscription.nextGeneration();
    const reason = new Error("the operator wants it");
    controller.abort(reason);
    assertEquals(await soon(waiting, "next"), undefined);
    await assertRejects(() => nextGeneration, Error, reason.message);
    await assertRejects(() => subscription.nextGeneration(), Error, reason.message);
    await assertRejects(
      () => log.subscribe({ topic, group: "members", signal: controller.signal }),
      Error,
      reason.message,
    );
  });

  test("closing the log closes its subscriptions", async (_log, topic, place) => {
    const log = await place.open();
    const subscription = await subscribe(log, topic);
    const generation = await generationOf(subscription, 4);
    await log[Symbol.asyncDispose]();
    assert(generation.signal.aborted);
    await assertRejects(() => subscription.nextGeneration());
    await assertRejects(() => log.produce(topic, [{ value: "x" }]), Error, "closed");
    await log[Symbol.asyncDispose]();
  });

  test("groups do not take each other's partitions", async (log, topic) => {
    await using a = await log.subscribe({ topic, group: "a", signal: new AbortController().signal });
    await using b = await log.subscribe({ topic, group: topicName(), signal: new AbortController().signal });
    const [one, other] = await Promise.all([generationOf(a, 4), generationOf(b, 4)]);
    assertEquals([one.signal.aborted, other.signal.aborted], [false, false]);
  });
}

function subscribe(log: Log, topic: string): Promise<Subscription> {
  return log.subscribe({ topic, group: "members", signal: new AbortController().signal });
}

function sorted(offsets: ReadonlyMap<number, number>): [number, number][] {
  return [...offsets].toSorted(([a], [b]) => a - b);
}

/** The generation that stays: rebalances of members who joined one after the other may bring several. */
async function nextSettled(subscription: Subscription): Promise<Generation> {
  let generation = await soon(subscription.nextGeneration(), "a generation");
  while (true) {
    const settled = Promise.withResolvers<"settled">();
    const timer = setTimeout(() => settled.resolve("settled"), 1_500);
    const ended = Promise.withResolvers<"ended">();
    generation.signal.addEventListener("abort", () => ended.resolve("ended"), { once: true });
    if (generation.signal.aborted) ended.resolve("ended");
    const outcome = await Promise.race([settled.promise, ended.promise]);
    clearTimeout(timer);
    if (outcome === "settled") return generation;
    generation = await soon(subscription.nextGeneration(), "a generation");
  }
}

async function produceSlowly(log: Log, topic: string, count: number): Promise<void> {
  for (let i = 0; i < count; i += 100) {
    await log.produce(topic, Array.from({ length: 100 }, (_, j) => ({ value: `${i + j}` })));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/**
 * Processes as the engine does: positions live in a store that both members share, and a batch counts only if it begins
 * where the store says, as the conditional update in the warehouse makes sure.
 */
async function consume(
  subscription: Subscription,
  next: Map<number, number>,
  seen: Set<string>,
  done: () => boolean,
): Promise<void> {
  while (!done()) {
    const generation = await soon(subscription.nextGeneration(), "a generation");
    const positions = new Map(generation.partitions.map((p) => [p, next.get(p) ?? 0]));
    const own = new Map(positions);
    await generation.start(positions);
    while (!done() && !generation.signal.aborted) {
      const batch = await generation.next(50);
      if (batch === undefined) continue;
      const expected = own.get(batch.partition)!;
      const first = batch.records[0]?.offset ?? expected;
      assertEquals(first, expected, "a batch begins where the last one ended");
      own.set(batch.partition, batch.nextOffset);
      if ((next.get(batch.partition) ?? 0) !== expected) break; // fenced
      next.set(batch.partition, batch.nextOffset);
      for (const { offset } of batch.records) {
        const id = `${batch.partition}/${offset}`;
        assert(!seen.has(id), `${id} came twice`);
        seen.add(id);
      }
    }
    if (!done() && !generation.signal.aborted) await subscription.rejoin();
  }
}
