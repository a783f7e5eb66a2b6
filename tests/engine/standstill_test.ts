import { assertEquals, assertStringIncludes } from "@std/assert";
import { type DomainView, type PartitionView, type Stand, StandstillWatch } from "../../src/engine/standstill.ts";

const PATIENCE = { outsideMs: 1_000, stallMs: 10_000 };

/** A partition read to its end, whose end is confirmed at every look. */
const read: Omit<PartitionView, "confirmedMs"> = {
  partition: 0,
  nextOffset: 10,
  takenOffset: 10,
  highOffset: 10,
  readableOffset: 10,
  obstacle: null,
};

interface Look extends Partial<Omit<DomainView, "partitions">> {
  readonly at: number;
  readonly partitions?: readonly Partial<PartitionView>[];
}

function lastOf(looks: readonly Look[]): Stand | undefined {
  const watch = new StandstillWatch(PATIENCE);
  let stand: Stand | undefined;
  for (const { at, partitions = [{}], ...view } of looks) {
    const complete = {
      phase: "running" as const,
      membership: { state: "member" as const, sinceMs: 0 },
      turns: 1,
      stopped: [],
      ...view,
      partitions: partitions.map((each, partition) => ({ ...read, partition, confirmedMs: at, ...each })),
    };
    stand = watch.look(complete, at);
  }
  return stand;
}

const waits = { nextOffset: 5, takenOffset: 5 };
const joining = { state: "joining" as const, sinceMs: 0 };
const hidden = { highOffset: 511, readableOffset: 10 };

const CASES: readonly (readonly [when: string, looks: readonly Look[], expected: Stand["kind"] | undefined])[] = [
  ["nothing waits", [{ at: 0 }, { at: 60_000 }], undefined],
  ["records wait and none are committed for long", [{ at: 0, partitions: [waits] }, {
    at: 10_000,
    partitions: [waits],
  }], "stalled"],
  ["that has not lasted long enough", [{ at: 0, partitions: [waits] }, { at: 9_999, partitions: [waits] }], undefined],
  ["something was committed meanwhile", [
    { at: 0, partitions: [waits] },
    { at: 9_000, partitions: [{ ...waits, nextOffset: 6 }] },
    { at: 15_000, partitions: [{ ...waits, nextOffset: 6 }] },
  ], undefined],
  ["records come after a long silence", [{ at: 0 }, { at: 60_000 }, { at: 60_001, partitions: [waits] }], undefined],
  ["the log's end is not known", [
    { at: 0, partitions: [{ ...waits, highOffset: null, readableOffset: null }] },
    { at: 60_000, partitions: [{ ...waits, highOffset: null, readableOffset: null }] },
  ], undefined],
  ["it is starting again", [
    { at: 0, phase: "restarting", partitions: [waits] },
    { at: 60_000, phase: "restarting", partitions: [waits] },
  ], undefined],
  ["its group shares out the partitions again and again", [
    { at: 0, partitions: [waits] },
    { at: 4_000, phase: "joining", membership: { ...joining, sinceMs: 4_000 }, partitions: [waits] },
    { at: 6_000, turns: 2, partitions: [waits] },
    { at: 10_000, turns: 3, partitions: [waits] },
  ], "rebalancing"],
  [
    "it stands by",
    [{ at: 0, phase: "standby", partitions: [] }, { at: 60_000, phase: "standby", partitions: [] }],
    undefined,
  ],
  ["it cannot join its group", [{ at: 1_000, phase: "starting", membership: joining }], "joining"],
  [
    "it lost its place in the group and does not get it back",
    [{ at: 1_000, phase: "joining", membership: joining }],
    "joining",
  ],
  ["it has only begun to join", [{ at: 999, phase: "joining", membership: joining }], undefined],
  ["its log was away and it has begun to join again", [
    { at: 1_000, partitions: [{ confirmedMs: 0 }] },
    { at: 1_100, phase: "joining", membership: { ...joining, sinceMs: 1_050 }, partitions: [{ confirmedMs: 0 }] },
    { at: 1_200, phase: "restarting", membership: { ...joining, sinceMs: 1_050 }, partitions: [{ confirmedMs: 0 }] },
  ], "unreachable"],
  ["its log was away and it has joined again", [
    { at: 1_000, partitions: [{ confirmedMs: 0 }] },
    { at: 1_100, phase: "joining", membership: { ...joining, sinceMs: 1_050 }, partitions: [{ confirmedMs: 0 }] },
    { at: 1_200 },
  ], undefined],
  [
    "a partition has stopped at damage",
    [{ at: 0, stopped: [{ why: "offsets 3 to 5 are damaged", sinceMs: 0 }] }],
    "partition_stopped",
  ],
  ["it drains", [{ at: 60_000, phase: "draining", partitions: [{ ...waits, confirmedMs: 0 }] }], undefined],
  [
    "the log does not answer for any partition",
    [{ at: 1_000, partitions: [{ confirmedMs: 0 }, { confirmedMs: 0 }] }],
    "unreachable",
  ],
  [
    "the log does not answer for one partition",
    [{ at: 1_000, partitions: [{}, { confirmedMs: 0 }] }],
    "partition_blocked",
  ],
  [
    "a partition has no leader",
    [{ at: 1_000, partitions: [{ confirmedMs: 0, obstacle: "has no leader" }] }],
    "partition_blocked",
  ],
  ["a partition has had no leader for a moment", [{
    at: 999,
    partitions: [{ confirmedMs: 0, obstacle: "has no leader" }],
  }], undefined],
  [
    "a transaction hides what comes after it",
    [{ at: 0, partitions: [hidden] }, { at: 1_000, partitions: [hidden] }],
    "open_transaction",
  ],
  ["one transaction after the other hides records", [
    { at: 0, partitions: [hidden] },
    { at: 900, partitions: [{ ...hidden, readableOffset: 20, takenOffset: 20, nextOffset: 20 }] },
    { at: 1_800, partitions: [{ ...hidden, readableOffset: 20, takenOffset: 20, nextOffset: 20 }] },
  ], undefined],
  ["records before a transaction are still being read", [
    { at: 0, partitions: [{ ...hidden, takenOffset: 9 }] },
    { at: 5_000, partitions: [{ ...hidden, takenOffset: 9, nextOffset: 9 }] },
  ], undefined],
];

for (const [when, looks, expected] of CASES) {
  Deno.test(`a domain ${expected ? `stands still (${expected})` : "does not stand still"} when ${when}`, () => {
    assertEquals(lastOf(looks)?.kind, expected);
  });
}

Deno.test("a standstill says what holds it up, and since when", () => {
  const blocked = lastOf([{
    at: 5_000,
    partitions: [{}, { confirmedMs: 400, obstacle: "has no leader" }, { confirmedMs: 300 }],
  }])!;
  assertEquals([blocked.reason, blocked.sinceMs], ["Partition 1 has no leader, and 1 more cannot be read", 300]);
  const hiding = lastOf([{ at: 100, partitions: [hidden] }, { at: 1_100, partitions: [hidden] }])!;
  assertStringIncludes(hiding.reason, "Partition 0 waits at offset 10");
  assertStringIncludes(hiding.reason, "501 records");
  assertEquals(hiding.sinceMs, 100);
  const outside = lastOf([{
    at: 5_000,
    phase: "joining",
    membership: { ...joining, trouble: "the group speaks another protocol" },
  }])!;
  assertEquals(outside.reason, "It cannot join its consumer group: the group speaks another protocol");
});
