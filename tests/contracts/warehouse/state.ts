// The warehouse contract: operator state and fingerprints.

import { assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { WarehouseRefusedError } from "../../../src/errors.ts";
import type { StateChange } from "../../../src/warehouse/warehouse.ts";
import { append, rowsOf, segment, stateOf, stateSince, type Test, TOPIC, unit } from "./suite.ts";

interface Changed {
  readonly change: StateChange;
  readonly checkpoint: number;
}

export function state(test: Test): void {
  const identity = ({ operator, partition, namespace, key }: StateChange) =>
    JSON.stringify([operator, partition, namespace, key]);

  test("state comes back as it was last written, also after compacting, like a map", async ({ warehouse, writer }) => {
    const change = fc.record<StateChange>({
      operator: fc.constantFrom("count", "session"),
      partition: fc.constantFrom(0, 1),
      namespace: fc.constantFrom(0, -3_600_000, 1_700_000_000_000),
      key: fc.constantFrom("a", "b", "", "é🍷\x1e\x1d'"),
      value: fc.option(fc.constantFrom("{}", '{"a":1}', '"x\\u001e"', "[]")),
    });
    const step = fc.record({
      changes: fc.uniqueArray(change, { selector: identity, maxLength: 12 }),
      compact: fc.subarray([0, 1]),
      back: fc.tuple(fc.nat(5), fc.nat(5)),
      keeps: fc.boolean(),
    });
    const model = new Map<string, StateChange>();
    // The last change of each key, by its checkpoint; those of deletions until they are compacted.
    const last = new Map<string, Changed>();
    let claims = await writer.claim(TOPIC, [0, 1]);
    await fc.assert(
      fc.asyncProperty(step, async ({ changes, compact, back, keeps }) => {
        await writer.commit(unit(claims, claims[0]!.nextOffset + 1, { state: changes }));
        claims = await writer.positions(TOPIC, [0, 1]);
        for (const change of changes) {
          if (change.value === null) model.delete(identity(change));
          else model.set(identity(change), change);
          last.set(identity(change), { change, checkpoint: claims[change.partition]!.checkpoint });
        }
        const from = new Map(claims.map(({ partition, checkpoint }) => [partition, checkpoint - back[partition]!]));
        const isSince = ({ change, checkpoint }: Changed) => checkpoint >= from.get(change.partition)!;
        if (compact.length > 0) await writer.compactState(TOPIC, compact, keeps ? from : undefined);
        for (const [key, changed] of last) {
          const isDropped = changed.change.value === null && compact.includes(changed.change.partition);
          if (isDropped && !(keeps && isSince(changed))) last.delete(key);
        }
        const found = await stateOf(writer, [0, 1]);
        const order = (changes: Iterable<StateChange>) => [...changes].map((it) => JSON.stringify(it)).sort();
        assertEquals(order(found.map(sorted)), order([...model.values()].map(sorted)));
        const expected = [...last.values()].filter(isSince).map(({ change }) => change);
        const since = await stateSince(writer, from);
        assertEquals(order(since.map(sorted)), order(expected.map(sorted)));
      }),
      { numRuns: 40 },
    );
    await writer.compactState(TOPIC, [0, 1]);
    assertEquals(await rowsOf(warehouse, "SELECT COUNT(*) FROM FRESHET_STATE"), [[model.size]]);
  });

  test("state is read for the partitions asked for, of this domain and topic", async ({ warehouse, writer }) => {
    const one = (partition: number) => ({ operator: "o", partition, namespace: 0, key: "k", value: "1" });
    await writer.commit(unit(await writer.claim(TOPIC, [1, 11]), 1, { state: [one(1), one(11)] }));
    assertEquals(await stateOf(writer, [1]), [one(1)]);
    assertEquals(await stateOf(writer, []), []);
    await using other = await warehouse.writer("other");
    assertEquals(await stateOf(other, [1, 11]), []);
    assertEquals(await stateSince(writer, new Map([[11, 1]])), [one(11)]);
    assertEquals(await stateSince(writer, new Map([[1, 2], [11, 2]])), []);
    assertEquals(await stateSince(writer, new Map()), []);
    assertEquals(await stateSince(other, new Map([[1, 0], [11, 0]])), []);
  });

  test("of a unit with rows nothing but its state is among the changes", async ({ writer }) => {
    const state = [{ operator: "o", partition: 0, namespace: 0, key: "k", value: null }];
    const appends = [append("EVENTS", segment([{ ID: 1, NAME: "a" }]))];
    await writer.commit(unit(await writer.claim(TOPIC, [0]), 1, { appends, state }));
    assertEquals(await stateSince(writer, new Map([[0, 1]])), state);
  });

  test("state carries the number of the checkpoint that wrote it", async ({ warehouse, writer }) => {
    const state = [{ operator: "o", partition: 0, namespace: 0, key: "k", value: "1" }];
    await writer.commit(unit(await writer.claim(TOPIC, [0]), 1, { state }));
    await writer.commit(unit(await writer.positions(TOPIC, [0]), 2, { state }));
    const ids = await rowsOf(warehouse, "SELECT CHECKPOINT_ID FROM FRESHET_STATE ORDER BY CHECKPOINT_ID");
    assertEquals(ids, [[1], [2]]);
    assertEquals((await writer.positions(TOPIC, [0]))[0]!.checkpoint, 2);
  });

  test("state of a partition that the unit does not move is refused", async ({ writer }) => {
    const claims = await writer.claim(TOPIC, [0, 1]);
    const state = [{ operator: "o", partition: 1, namespace: 0, key: "k", value: "1" }];
    await assertRejects(
      () => writer.commit(unit(claims.slice(0, 1), 1, { state })),
      WarehouseRefusedError,
      "partition 1",
    );
    assertEquals(await writer.positions(TOPIC, [0, 1]), claims);
  });

  test("much state is read in chunks, and reading may stop early", async ({ writer }) => {
    const state = Array.from(
      { length: 30_000 },
      (_, i) => ({ operator: "o", partition: 0, namespace: i, key: `k${i}`, value: `{"n":${i}}` }),
    );
    await writer.commit(unit(await writer.claim(TOPIC, [0]), 1, { state }));
    let chunks = 0;
    for await (const _ of writer.state(TOPIC, [0])) if (++chunks === 2) break;
    assertEquals(chunks, 2);
    assertEquals((await stateOf(writer, [0])).length, 30_000);
  });
}

function sorted({ operator, partition, namespace, key, value }: StateChange): StateChange {
  return { operator, partition, namespace, key, value };
}

export function operators(test: Test): void {
  test("operators are remembered by domain and replaced as a whole", async ({ warehouse, writer }) => {
    assertEquals(await writer.operators(), new Map());
    await writer.registerOperators(new Map([["a", "1"], ["b", "2"]]));
    await writer.registerOperators(new Map([["b", "3"], ["c", "4"]]));
    assertEquals(await writer.operators(), new Map([["b", "3"], ["c", "4"]]));
    await using other = await warehouse.writer("other");
    assertEquals(await other.operators(), new Map());
    await writer.registerOperators(new Map());
    assertEquals(await writer.operators(), new Map());
  });
}
