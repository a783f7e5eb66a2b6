import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Candidate, shareOut } from "../../src/log/kafka/platformatic/assignment.ts";

const member = (memberId: string, owned: readonly number[] = [], generation = 1): Candidate => ({
  ...{ memberId, owned, generation },
});

const sharesOf = (partitionCount: number, ...candidates: Candidate[]) =>
  Object.fromEntries(shareOut(partitionCount, candidates));

Deno.test("a lone member gets everything, and more members than partitions leave some without", () => {
  assertEquals(sharesOf(3, member("a")), { a: [0, 1, 2] });
  assertEquals(sharesOf(1, member("a"), member("b", [0])), { a: [], b: [0] });
});

Deno.test("who comes gets what is over, and the others keep the rest", () => {
  assertEquals(sharesOf(5, member("a", [0, 1, 2, 3, 4]), member("b")), { a: [0, 1, 2], b: [3, 4] });
});

Deno.test("a partition that two claim belongs to the newer claim", () => {
  assertEquals(sharesOf(2, member("a", [0, 1], 3), member("b", [1], 7)), { a: [0], b: [1] });
});

Deno.test("each partition has one owner, the shares are equal but for one, and nothing moves without need", () => {
  const members = fc.uniqueArray(fc.nat(30), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(fc.nat(40), members, fc.array(fc.nat(8), { minLength: 40, maxLength: 40 }), (count, ids, owners) => {
      const partitions = Array.from({ length: count }, (_, partition) => partition);
      const candidates = ids.map((id, i) => member(`m${id}`, partitions.filter((p) => owners[p] === i)));
      const shares = shareOut(count, candidates);
      assertEquals([...shares.values()].flat().toSorted((a, b) => a - b), partitions);
      const sizes = [...shares.values()].map((share) => share.length);
      assert(Math.max(...sizes) - Math.min(...sizes) <= 1);
      // Whoever gets something new has kept all that was theirs.
      for (const { memberId, owned } of candidates) {
        const share = shares.get(memberId)!;
        const kept = share.filter((partition) => owned.includes(partition));
        assert(kept.length === share.length || kept.length === owned.length);
      }
      const settled = candidates.map(({ memberId }) => member(memberId, shares.get(memberId)!, 2));
      assertEquals(shareOut(count, settled), shares);
    }),
  );
});
