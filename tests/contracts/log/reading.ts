// The log contract: what a generation delivers, from where, and when it is caught up.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { systemClock } from "../../../src/clock.ts";
import { LogDivergedError } from "../../../src/errors.ts";
import type { Generation, Log, LogRecord } from "../../../src/log/log.ts";
import {
  generationOf,
  type LogAdapter,
  logWithTopic,
  pull,
  pullRecords,
  readAll,
  soon,
  startAt,
  text,
  topicName,
  until,
} from "./place.ts";

const KIBIBYTE = "k".repeat(1024);

export function readingTests(adapter: LogAdapter): void {
  const test = (name: string, body: (log: Log, topic: string) => Promise<void>, partitions = 1) =>
    Deno.test({
      name: `${adapter.name} log: ${name}`,
      ignore: adapter.skip !== undefined,
      fn: async () => {
        await using place = await adapter.place();
        const { log, topic } = await logWithTopic(place, partitions);
        await using _log = log;
        await body(log, topic);
      },
    });

  test("records come back as they were produced", async (log, topic) => {
    const binary = Uint8Array.from({ length: 256 }, (_, i) => i);
    await log.produce(topic, [
      { key: "key", value: "väl√e 🚆", timestamp: 1_700_000_000_123, headers: { a: "text", b: binary, empty: "" } },
      { key: null, value: null, timestamp: 1_600_000_000_000 },
      { key: binary, value: binary, timestamp: 1_700_000_000_124 },
      { key: "", value: "", timestamp: 1_700_000_000_125 },
    ]);
    await using subscription = await subscribe(log, topic);
    const generation = await generationOf(subscription, 1);
    await startAt(generation);
    const records = await pullRecords(generation, 4);
    assertEquals(records.map(plain), [
      {
        offset: 0,
        key: [...new TextEncoder().encode("key")],
        value: [...new TextEncoder().encode("väl√e 🚆")],
        timestamp: 1_700_000_000_123,
        headers: { a: [...new TextEncoder().encode("text")], b: [...binary], empty: [] },
      },
      { offset: 1, key: null, value: null, timestamp: 1_600_000_000_000, headers: {} },
      { offset: 2, key: [...binary], value: [...binary], timestamp: 1_700_000_000_124, headers: {} },
      { offset: 3, key: [], value: [], timestamp: 1_700_000_000_125, headers: {} },
    ]);
  });

  test(
    "a header that is repeated comes back as often as it was there, and null is not the same as empty",
    async (log, topic) => {
      const [x, y] = [new Uint8Array([120]), new Uint8Array([255, 0])];
      const none = new Uint8Array();
      const headers = {
        once: x,
        twice: [x, y],
        thrice: [y, y, x],
        nothing: null,
        empty: none,
        mixed: [null, x, none, null],
      };
      await log.produce(topic, [{ value: "v", headers }, { value: "w" }]);
      const [record] = (await readAll(log, topic, 2)).flatMap(({ records }) => records);
      assertEquals(
        Object.entries(record!.headers).map(([name, value]) => [
          name,
          value === null || value instanceof Uint8Array ? value && [...value] : value.map((one) => one && [...one]),
        ]),
        [
          ["once", [120]],
          ["twice", [[120], [255, 0]]],
          ["thrice", [[255, 0], [255, 0], [120]]],
          ["nothing", null],
          ["empty", []],
          ["mixed", [null, [120], [], null]],
        ],
      );
    },
  );

  test("the log's clock stamps a record that brings no timestamp", async (log, topic) => {
    const before = Date.now();
    await log.produce(topic, [{ value: "x" }]);
    await using subscription = await subscribe(log, topic);
    const generation = await generationOf(subscription, 1);
    await startAt(generation);
    const [record] = await pullRecords(generation, 1);
    assert(record!.timestamp >= before - 1000 && record!.timestamp <= Date.now() + 1000);
  });

  test("each partition is delivered whole and in order, with offsets that batches account for", async (log, topic) => {
    const count = 20_000;
    await log.produce(topic, Array.from({ length: count }, (_, i) => ({ key: `k${i % 100}`, value: `${i}` })));
    await using subscription = await subscribe(log, topic);
    const generation = await generationOf(subscription, 3);
    await startAt(generation);
    const batches = await pull(generation, count);
    const next = new Map([[0, 0], [1, 0], [2, 0]]);
    for (const { partition, records, nextOffset } of batches) {
      for (const { offset } of records) {
        assertEquals(offset, next.get(partition));
        next.set(partition, offset + 1);
      }
      assertEquals(nextOffset, next.get(partition));
    }
    assertEquals([...next.values()].reduce((a, b) => a + b), count);
  }, 3);

  test("nothing is delivered before the start, then from the given positions on", async (log, topic) => {
    await log.produce(topic, Array.from({ length: 100 }, (_, i) => ({ value: `${i}`, partition: i % 2 })));
    await using subscription = await subscribe(log, topic);
    const generation = await generationOf(subscription, 2);
    assertEquals(await generation.next(300), undefined);
    assertEquals(generation.caughtUp(0), false);
    await assertRejects(() => generation.start(new Map([[0, 7]])), RangeError);
    await generation.start(new Map([[0, 7], [1, 50]]));
    const batches = await pull(generation, 43);
    assertEquals(new Set(batches.map(({ partition }) => partition)), new Set([0]));
    assertEquals(batches[0]!.records[0]!.offset, 7);
    assertEquals(text(batches[0]!.records[0]!.value), "14");
    await log.produce(topic, [{ value: "new", partition: 1 }]);
    const [record] = await pullRecords(generation, 1);
    assertEquals([record!.offset, text(record!.value)], [50, "new"]);
  }, 2);

  test("bounds are those of the owned partitions now", async (log, topic) => {
    await using subscription = await subscribe(log, topic);
    const generation = await generationOf(subscription, 2);
    assertEquals([...await generation.bounds()], [[0, { low: 0, high: 0 }], [1, { low: 0, high: 0 }]]);
    await log.produce(topic, [{ value: "x", partition: 1 }]);
    assertEquals([...await generation.bounds()], [[0, { low: 0, high: 0 }], [1, { low: 0, high: 1 }]]);
  }, 2);

  test("a new record reaches a waiting reader at once", async (log, topic) => {
    await using subscription = await subscribe(log, topic);
    const generation = await generationOf(subscription, 1);
    await startAt(generation);
    const waiting = generation.next(20_000);
    await log.produce(topic, [{ value: "x" }]);
    const asked = Date.now();
    assertEquals((await soon(waiting, "the record"))!.records.length, 1);
    assert(Date.now() - asked < 2_000);
  });

  test("next gives up after its time, and a wait of zero does not wait", async (log, topic) => {
    await using subscription = await subscribe(log, topic);
    const generation = await generationOf(subscription, 1);
    await startAt(generation);
    const asked = performance.now();
    assertEquals(await generation.next(0), undefined);
    assert(performance.now() - asked < 100);
    assertEquals(await generation.next(150), undefined);
    assert(performance.now() - asked >= 140);
  });

  test("caught up turns true at the end, false with each new record, and is kept by partition", async (log, topic) => {
    await log.produce(topic, [{ value: "a", partition: 0 }, { value: "b", partition: 0 }]);
    await using subscription = await subscribe(log, topic);
    const generation = await generationOf(subscription, 2);
    await startAt(generation);
    await until(() => generation.caughtUp(1), "the empty partition is caught up");
    assertEquals(generation.caughtUp(0), false);
    await pull(generation, 2);
    await until(() => generation.caughtUp(0), "the partition that was read is caught up");
    await log.produce(topic, [{ value: "c", partition: 0 }]);
    await until(() => !generation.caughtUp(0), "the new record is noticed");
    await pull(generation, 1);
    await until(() => generation.caughtUp(0), "caught up again");
  }, 2);

  test("a member knows that it is one, and how far its partitions reach", async (log, topic) => {
    await log.produce(topic, [{ value: "a", partition: 0 }, { value: "b", partition: 0 }]);
    await using subscription = await subscribe(log, topic);
    const generation = await generationOf(subscription, 2);
    const { state, sinceMs } = subscription.membership();
    assertEquals(state, "member");
    assert(sinceMs <= systemClock.monotonic());
    await startAt(generation);
    await until(() => generation.look(0)?.end === 2 && generation.look(1)?.end === 0, "the ends are known");
    const first = generation.look(0)!;
    assertEquals([first.readableEnd, first.obstacle], [2, undefined]);
    await pull(generation, 2);
    await log.produce(topic, [{ value: "c", partition: 0 }]);
    await until(() => generation.look(0)!.end === 3, "the new end is known");
    assert(generation.look(0)!.atMs > first.atMs);
  }, 2);

  test("a reader that does not pull keeps memory bounded and is not caught up", async (log, topic) => {
    const records = Array.from({ length: 500 }, () => ({ value: KIBIBYTE }));
    for (let i = 0; i < 160; i++) await log.produce(topic, records); // 80 MB
    await using subscription = await subscribe(log, topic);
    const generation = await generationOf(subscription, 1);
    const before = heldBytes();
    await startAt(generation);
    const pulled = await pullRecords(generation, 1);
    const giveUpAt = Date.now() + 2_000;
    while (Date.now() < giveUpAt) {
      assertEquals(generation.caughtUp(0), false);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const heldMegabytes = (heldBytes() - before) / 2 ** 20;
    assert(heldMegabytes < 60, `holds ${heldMegabytes} MB ahead`);
    await pull(generation, 80_000 - pulled.length);
    await until(() => generation.caughtUp(0), "caught up after all");
  });

  test("a position that the log does not hold is an error, not a silent reset", async (log, topic) => {
    await log.produce(topic, [{ value: "x" }]);
    await using subscription = await subscribe(log, topic);
    const generation = await generationOf(subscription, 1);
    await startAt(generation, 1000);
    await assertRejects(() => nextUntilItThrows(generation), LogDivergedError, "1000");
  });

  Deno.test({
    name: `${adapter.name} log: two topics of one group name do not mix`,
    ignore: adapter.skip !== undefined,
    fn: async () => {
      await using place = await adapter.place();
      const { log, topic } = await logWithTopic(place);
      await using _log = log;
      const other = topicName();
      await log.createTopics([{ topic: other, partitions: 1 }]);
      await log.produce(topic, [{ value: "one" }]);
      await log.produce(other, [{ value: "other" }]);
      for (const name of [topic, other]) {
        await using subscription = await subscribe(log, name);
        const generation = await generationOf(subscription, 1);
        await startAt(generation);
        const [record] = await pullRecords(generation, 1);
        assertEquals(text(record!.value), name === topic ? "one" : "other");
      }
    },
  });
}

function subscribe(log: Log, topic: string) {
  return log.subscribe({ topic, group: "readers", signal: new AbortController().signal });
}

async function nextUntilItThrows(generation: Generation): Promise<void> {
  const giveUpAt = Date.now() + 20_000;
  while (Date.now() < giveUpAt) await generation.next(100);
}

function heldBytes(): number {
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** A record with its bytes as plain numbers, so that a Buffer equals a Uint8Array. */
function plain({ key, value, headers, ...rest }: LogRecord) {
  const numbers = (bytes: Uint8Array | null) => bytes === null ? null : [...bytes];
  const entries = Object.entries(headers).map(([name, bytes]) => [name, numbers(bytes as Uint8Array)]);
  return { ...rest, key: numbers(key), value: numbers(value), headers: Object.fromEntries(entries) };
}
