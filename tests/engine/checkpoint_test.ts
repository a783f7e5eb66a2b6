// A commit whose answer was lost is settled by what the warehouse says, never by guessing.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { Checkpointer } from "../../src/engine/checkpoint.ts";
import { CommitUnknownError, FencedError, WarehouseUnavailableError } from "../../src/errors.ts";
import type { Generation } from "../../src/log/log.ts";
import type { Claim, Unit, Writer } from "../../src/warehouse/warehouse.ts";
import { readings } from "../support/simulation/domain.ts";
import { World } from "../support/simulation/world.ts";

const NO_COPIES = { send: () => Promise.resolve() };
const claim = (partition: number, changes: Partial<Claim> = {}): Claim => (
  { partition, epoch: 4, checkpoint: 9, nextOffset: 100, watermark: 1, maxEventTime: 2, lastTimestamp: 3, ...changes }
);
const to = { nextOffset: 120, watermark: 5, maxEventTime: 6, lastTimestamp: 7 };

/** A checkpointer whose commit's answer is lost, over a warehouse that then says `stored`. */
function lost(stored: () => readonly Claim[]) {
  const committed: ReadonlyMap<number, number>[] = [];
  const world = new World(readings(Infinity));
  const writer: Pick<Writer, "commit" | "positions"> = {
    commit: () => Promise.reject(new CommitUnknownError("The answer never came")),
    positions: () => Promise.resolve().then(stored),
  };
  const generation = {
    signal: new AbortController().signal,
    commit: (offsets: ReadonlyMap<number, number>) => Promise.resolve(void committed.push(offsets)),
  };
  const claims = [claim(0), claim(1)];
  const checkpointer = new Checkpointer(
    world.domain,
    NO_COPIES,
    writer as Writer,
    generation as unknown as Generation,
    claims,
  );
  const moves = [checkpointer.move(0, to), checkpointer.move(1, to)];
  const unit: Unit = { topic: world.domain.topic, appends: [], upserts: [], deletes: [], state: [], moves };
  return { checkpointer, committed, commit: () => checkpointer.commit(unit, []) };
}

const written = { ...to, checkpoint: 10 };

Deno.test("a commit that turns out to be written counts, and the next one goes on from it", async () => {
  const { checkpointer, committed, commit } = lost(() => [claim(0, written), claim(1, written)]);
  await commit();
  assertEquals(checkpointer.claim(1), claim(1, written));
  assertEquals(checkpointer.move(0, to).checkpoint, 10);
  assertEquals(checkpointer.move(0, to).expectedOffset, 120);
  assertEquals(committed, [new Map([[0, 120], [1, 120]])]);
});

Deno.test("a commit that turns out not to be written is tried again from the last checkpoint", async () => {
  const { checkpointer, committed, commit } = lost(() => [claim(0), claim(1)]);
  const error = await assertRejects(commit, WarehouseUnavailableError, "has not written it");
  assert(error.retriable && error.cause instanceof CommitUnknownError);
  assertEquals([checkpointer.claim(0), committed], [claim(0), []]);
});

const takenOver: readonly (readonly [string, readonly Claim[]])[] = [
  ["another instance has claimed a partition", [claim(0), claim(1, { epoch: 5 })]],
  ["another instance has claimed a partition after the commit", [
    claim(0, written),
    claim(1, { ...written, epoch: 5 }),
  ]],
  ["the partition is further than this instance could have brought it", [claim(0, { checkpoint: 11 }), claim(1)]],
  ["a partition has no row any more", [claim(0)]],
  ["one partition has moved and the other has not", [claim(0, written), claim(1)]],
];

for (const [name, stored] of takenOver) {
  Deno.test(`after a lost answer this instance is fenced when ${name}`, async () => {
    const { committed, commit } = lost(() => stored);
    await assertRejects(commit, FencedError, "Another instance");
    assertEquals(committed, []);
  });
}

Deno.test("when the positions cannot be read back either, that is the error", async () => {
  const { commit } = lost(() => {
    throw new WarehouseUnavailableError("Still away");
  });
  await assertRejects(commit, WarehouseUnavailableError, "Still away");
});

Deno.test("a checkpoint does not wait for the group's offsets, and a group that is slow then gets the newest", async () => {
  const world = new World(readings(Infinity));
  const asked: ReadonlyMap<number, number>[] = [];
  const answer = Promise.withResolvers<void>();
  const generation = {
    signal: new AbortController().signal,
    commit: (offsets: ReadonlyMap<number, number>) => {
      asked.push(offsets);
      return answer.promise;
    },
  };
  const writer = { commit: () => Promise.resolve() };
  const checkpointer = new Checkpointer(
    world.domain,
    NO_COPIES,
    writer as unknown as Writer,
    generation as unknown as Generation,
    [claim(0)],
  );
  const { topic } = world.domain;
  for (const nextOffset of [120, 130, 140]) {
    const moves = [checkpointer.move(0, { ...to, nextOffset })];
    await checkpointer.commit({ topic, appends: [], upserts: [], deletes: [], state: [], moves }, []);
  }
  assertEquals([checkpointer.claim(0).nextOffset, asked], [140, [new Map([[0, 120]])]]);
  answer.resolve();
  await checkpointer.settled();
  assertEquals(asked, [new Map([[0, 120]]), new Map([[0, 140]])]);
});
