// The warehouse contract: claims, moves and fencing.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { FencedError } from "../../../src/errors.ts";
import type { Claim } from "../../../src/warehouse/warehouse.ts";
import { append, rowsOf, segment, type Test, TOPIC, unit } from "./suite.ts";

export function offsets(test: Test): void {
  test("a fresh partition starts at offset 0, and each claim raises its epoch", async ({ warehouse, writer }) => {
    const start = { nextOffset: 0, checkpoint: 0, watermark: null, maxEventTime: null, lastTimestamp: null };
    assertEquals(await writer.claim(TOPIC, [1, 0]), [
      { partition: 0, epoch: 1, ...start },
      { partition: 1, epoch: 1, ...start },
    ]);
    await using other = await warehouse.writer("domain");
    assertEquals((await other.claim(TOPIC, [1, 2])).map(({ partition, epoch }) => [partition, epoch]), [[1, 2], [
      2,
      1,
    ]]);
  });

  test("domains and topics have offsets of their own", async ({ warehouse, writer }) => {
    await writer.commit(unit(await writer.claim(TOPIC, [0]), 10));
    await using other = await warehouse.writer("other");
    assertEquals((await other.claim(TOPIC, [0]))[0]!.nextOffset, 0);
    assertEquals((await writer.claim("elsewhere", [0]))[0]!.nextOffset, 0);
    assertEquals((await writer.claim(TOPIC, [0]))[0]!.nextOffset, 10);
  });

  test("a unit moves its partitions, and positions say where they are", async ({ writer }) => {
    const [claim] = await writer.claim(TOPIC, [0, 1]);
    const to = { nextOffset: 7, watermark: 1.5, maxEventTime: 1_700_000_000_000.001, lastTimestamp: -3 };
    const move = { partition: 0, epoch: claim!.epoch, checkpoint: 0, expectedOffset: 0, to };
    await writer.commit(unit([], 0, { moves: [move] }));
    const [zero, one] = await writer.positions(TOPIC, [0, 1, 5]);
    assertEquals(zero, { partition: 0, epoch: 1, checkpoint: 1, ...to });
    assertEquals([one!.nextOffset, one!.checkpoint], [0, 0]);
  });

  test("a log timestamp that is no time comes back as it was: it is what a topic is recognised by", async ({ warehouse, writer }) => {
    // Nanoseconds, microseconds and what no number of the log can exceed, sent as milliseconds; and long before any calendar.
    const times = [1.79e18, 1_790_000_000_123_456, 2 ** 63, -(2 ** 63), -5e17, 253_402_300_800_000, -1];
    let [claim] = await writer.claim(TOPIC, [0]);
    for (const lastTimestamp of times) {
      const { epoch, checkpoint, nextOffset: expectedOffset } = claim!;
      const to = { nextOffset: expectedOffset + 1, watermark: 5, maxEventTime: 5, lastTimestamp };
      await writer.commit(unit([], 0, { moves: [{ partition: 0, epoch, checkpoint, expectedOffset, to }] }));
      [claim] = await writer.positions(TOPIC, [0]);
      assertEquals([claim!.nextOffset, claim!.lastTimestamp], [to.nextOffset, lastTimestamp]);
    }
    const told = await rowsOf(warehouse, "SELECT LAST_TIMESTAMP, LAST_TIMESTAMP_MS FROM FRESHET_OFFSETS");
    assertEquals(told, [["1969-12-31 23:59:59.999", null]]);
  });

  test("positions before the first event are null, not minus infinity", async ({ writer }) => {
    const [claim] = await writer.claim(TOPIC, [0]);
    const to = { nextOffset: 1, watermark: -Infinity, maxEventTime: null, lastTimestamp: null };
    await writer.commit(
      unit([], 0, { moves: [{ partition: 0, epoch: claim!.epoch, checkpoint: 0, expectedOffset: 0, to }] }),
    );
    assertEquals((await writer.positions(TOPIC, [0]))[0]!.watermark, null);
  });

  test("with a claim all partitions of the topic get a row, and the rows of others stay as they are", async ({ warehouse, writer }) => {
    const claims = await writer.claim(TOPIC, [1], [0, 1, 2]);
    assertEquals(claims.map(({ partition, epoch, watermark }) => [partition, epoch, watermark]), [[1, 1, null]]);
    await using other = await warehouse.writer("domain");
    const all = async () => (await other.positions(TOPIC, [0, 1, 2])).map(({ partition, epoch }) => [partition, epoch]);
    assertEquals(await all(), [[0, 0], [1, 1], [2, 0]]);
    await other.claim(TOPIC, [0, 2], [0, 1, 2]);
    assertEquals(await all(), [[0, 1], [1, 1], [2, 1]]);
    await writer.commit(unit(claims, 3));
  });

  test("a partition that is added begins with the greatest watermark of those that are there", async ({ writer }) => {
    const [first, second] = await writer.claim(TOPIC, [0, 1], [0, 1]);
    const to = (watermark: number) => ({ nextOffset: 1, watermark, maxEventTime: watermark, lastTimestamp: null });
    const move = ({ partition, epoch, checkpoint }: Claim, watermark: number) => (
      { partition, epoch, checkpoint, expectedOffset: 0, to: to(watermark) }
    );
    await writer.commit(unit([], 0, { moves: [move(first!, 5000), move(second!, 7000)] }));
    const claims = await writer.claim(TOPIC, [0, 2], [0, 1, 2, 3]);
    assertEquals(claims.map(({ partition, watermark, maxEventTime }) => [partition, watermark, maxEventTime]), [
      [0, 5000, 5000],
      [2, 7000, null],
    ]);
    assertEquals((await writer.positions(TOPIC, [3])).map(({ watermark, epoch }) => [watermark, epoch]), [[7000, 0]]);
  });

  test("the second writer to claim a partition fences the first", async ({ warehouse, writer }) => {
    const claims = await writer.claim(TOPIC, [0]);
    await using second = await warehouse.writer("domain");
    const newer = await second.claim(TOPIC, [0]);
    const appends = [append("EVENTS", segment([{ ID: 1, NAME: "a" }]))];
    await assertRejects(() => writer.commit(unit(claims, 1, { appends })), FencedError, "epoch 2");
    assertEquals(await rowsOf(warehouse, "SELECT * FROM EVENTS"), []);
    await second.commit(unit(newer, 1, { appends }));
    assertEquals(await rowsOf(warehouse, "SELECT * FROM EVENTS"), [[1, "a"]]);
  });

  test("a unit that was written already, or that skips offsets, is refused whole", async ({ warehouse, writer }) => {
    const claims = await writer.claim(TOPIC, [0, 1]);
    const appends = [append("EVENTS", segment([{ ID: 1, NAME: "a" }]))];
    await writer.commit(unit(claims, 5, { appends }));
    await assertRejects(() => writer.commit(unit(claims, 5, { appends })), FencedError);
    const now = await writer.positions(TOPIC, [0, 1]);
    await assertRejects(
      () => writer.commit(unit(now.map((it) => ({ ...it, nextOffset: 6 })), 9, { appends })),
      FencedError,
    );
    const half = [now[0]!, { ...now[1]!, checkpoint: 0 }];
    await assertRejects(() => writer.commit(unit(half, 9, { appends })), FencedError);
    await assertRejects(() => writer.commit(unit([{ ...now[0]!, partition: 9 }], 9, { appends })), FencedError);
    assertEquals(await writer.positions(TOPIC, [0, 1]), now);
    assertEquals(await rowsOf(warehouse, "SELECT * FROM EVENTS"), [[1, "a"]]);
  });

  test("claims at the same time give every partition one owner", async ({ warehouse }) => {
    const writers = await Promise.all(Array.from({ length: 4 }, () => warehouse.writer("domain")));
    const claimed = await Promise.allSettled(writers.map((writer) => writer.claim(TOPIC, [0, 1, 2])));
    // A claim that another has overtaken may say so at once, or leave it to the commit.
    const owners = writers.flatMap((writer, i) => {
      const outcome = claimed[i]!;
      return outcome.status === "fulfilled" ? [{ writer, claims: outcome.value }] : [];
    });
    for (const partition of [0, 1, 2]) {
      const epochs = owners.map(({ claims }) => claims[partition]!.epoch);
      assertEquals(new Set(epochs).size, owners.length, "no epoch was given out twice");
      assertEquals([Math.max(...epochs), ...epochs.filter((epoch) => epoch < 1)], [4]);
    }
    const committed = await Promise.allSettled(owners.map(({ writer, claims }) => writer.commit(unit(claims, 1))));
    const last = owners.findIndex(({ claims }) => claims[0]!.epoch === 4);
    assertEquals(committed.flatMap(({ status }, i) => status === "fulfilled" ? [i] : []), [last]);
    const refused = [...claimed, ...committed].filter((it): it is PromiseRejectedResult => it.status === "rejected");
    assertEquals(refused.length, 3);
    for (const { reason } of refused) assert(reason instanceof FencedError, String(reason));
    for (const writer of writers) await writer[Symbol.asyncDispose]();
  });

  test("domains commit at the same time", async ({ warehouse }) => {
    const names = ["a", "b", "c", "d", "e"];
    const writers = await Promise.all(names.map((name) => warehouse.writer(name)));
    await Promise.all(writers.map(async (writer, w) => {
      for (let round = 0; round < 10; round++) {
        const claims = round === 0 ? await writer.claim(TOPIC, [0]) : await writer.positions(TOPIC, [0]);
        const rows = Array.from({ length: 50 }, (_, i) => ({ ID: round * 50 + i, NAME: names[w] }));
        const state = [{ operator: "o", partition: 0, namespace: 0, key: `${round}`, value: "1" }];
        await writer.commit(unit(claims, (round + 1) * 50, {
          appends: [append("EVENTS", segment(rows))],
          state,
        }));
        if (round % 3 === 2) await writer.compactState(TOPIC, [0]);
      }
    }));
    assertEquals(
      await rowsOf(warehouse, "SELECT NAME, COUNT(*), COUNT(DISTINCT ID) FROM EVENTS GROUP BY NAME ORDER BY NAME"),
      names.map((name) => [name, 500, 500]),
    );
    for (const writer of writers) await writer[Symbol.asyncDispose]();
  });
}
