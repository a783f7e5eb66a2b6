import { assertEquals } from "@std/assert";
import type { DomainStatus } from "../../src/engine/status.ts";
import { Liveness } from "../../src/http/liveness.ts";

const STALL_MS = 1_000;

interface Look {
  /** When, milliseconds. */
  readonly at: number;
  readonly phase?: DomainStatus["phase"];
  readonly next: number;
  /** The log's end; 10 when left out. */
  readonly high?: number | null;
  readonly restarts?: number;
}

function statusOf({ phase = "running", next, high = 10, restarts = 0 }: Look): DomainStatus {
  return {
    domain: "d",
    topic: "t",
    phase,
    lastError: null,
    lastCheckpointAt: null,
    totals: { records: 0, accepted: 0, deadLetters: 0, late: 0, checkpoints: 0, restarts },
    partitions: [{ partition: 0, nextOffset: next, highOffset: high, watermark: null }],
    openWindows: {},
    pausedPartitions: 0,
  };
}

const CASES: readonly (readonly [name: string, looks: readonly Look[], stalled: boolean])[] = [
  ["records wait and nothing is committed for too long", [{ at: 0, next: 5 }, { at: 1_000, next: 5 }], true],
  ["the time is not up yet", [{ at: 0, next: 5 }, { at: 999, next: 5 }], false],
  ["something was committed meanwhile", [{ at: 0, next: 5 }, { at: 900, next: 6 }, { at: 1_500, next: 6 }], false],
  ["nothing waits", [{ at: 0, next: 10 }, { at: 5_000, next: 10 }], false],
  ["a record comes after a long silence", [
    { at: 0, next: 10 },
    { at: 60_000, next: 10 },
    { at: 60_001, next: 10, high: 11 },
  ], false],
  ["it goes on standing still after a long silence", [
    { at: 0, next: 10 },
    { at: 60_000, next: 10, high: 11 },
    { at: 61_000, next: 10, high: 11 },
  ], true],
  ["the log's end is not known", [{ at: 0, next: 5, high: null }, { at: 5_000, next: 5, high: null }], false],
  ["it is starting again", [
    { at: 0, next: 5, phase: "restarting" },
    { at: 5_000, next: 5, phase: "restarting" },
  ], false],
  ["it started again meanwhile", [{ at: 0, next: 5 }, { at: 900, next: 5, restarts: 1 }, {
    at: 1_500,
    next: 5,
    restarts: 1,
  }], false],
  ["it stands by", [{ at: 0, next: 5, phase: "waiting" }, { at: 5_000, next: 5, phase: "waiting" }], false],
];

for (const [name, looks, expected] of CASES) {
  Deno.test(`a domain is ${expected ? "" : "not "}stalled when ${name}`, () => {
    let now = 0;
    const liveness = new Liveness({ stallMs: STALL_MS, now: () => now });
    let stalled: readonly string[] = [];
    for (const look of looks) {
      now = look.at;
      stalled = liveness.stalled([statusOf(look)]);
    }
    assertEquals(stalled, expected ? ["d"] : []);
  });
}
