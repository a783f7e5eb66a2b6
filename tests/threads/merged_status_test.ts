// What the statuses of threads make together.

import { assertEquals } from "@std/assert";
import type { Phase } from "../../src/engine/status.ts";
import { mergedStatus } from "../../src/threads/merged_status.ts";
import { domainStatus, partitionStatus } from "../support/status.ts";

const totals = (records: number) => ({ records, accepted: 1, deadLetters: 2, late: 3, checkpoints: 4, restarts: 5 });

Deno.test("counts are summed, partitions put together, and times are the latest and the earliest", () => {
  const standstill = (since: number) => ({ kind: "stalled", reason: `since ${since}`, since }) as const;
  const status = mergedStatus([
    domainStatus({
      totals: totals(10),
      partitions: [partitionStatus({ partition: 2 })],
      openWindows: { A: 1, B: 2 },
      pausedPartitions: 1,
      lastCheckpointAt: 5,
      standstill: standstill(9),
      isShared: true,
    }),
    domainStatus({
      totals: totals(20),
      partitions: [partitionStatus({ partition: 0 }), partitionStatus({ partition: 1 })],
      openWindows: { B: 3 },
      pausedPartitions: 2,
      lastCheckpointAt: 7,
      standstill: standstill(8),
      lastError: "was away",
      isShared: true,
    }),
  ], 3);
  assertEquals(status, {
    ...domainStatus({
      totals: { records: 30, accepted: 2, deadLetters: 4, late: 6, checkpoints: 8, restarts: 10 },
      partitions: [0, 1, 2].map((partition) => partitionStatus({ partition })),
      openWindows: { A: 1, B: 5 },
      pausedPartitions: 3,
      lastCheckpointAt: 7,
      standstill: standstill(8),
      lastError: "was away",
    }),
  });
});

Deno.test("partitions that no thread has belong to another process", () => {
  const half = domainStatus({ partitions: [partitionStatus()], isShared: true });
  assertEquals(mergedStatus([half, domainStatus({ phase: "standby" })], 2).isShared, true);
  assertEquals(mergedStatus([half, domainStatus({ phase: "standby" })], 1).isShared, undefined);
});

Deno.test("a partition that two threads name for a while counts once, as far as it is", () => {
  const at = (nextOffset: number) => domainStatus({ partitions: [partitionStatus({ nextOffset })] });
  assertEquals(mergedStatus([at(5), at(9), at(7)], 1).partitions, [partitionStatus({ nextOffset: 9 })]);
});

Deno.test("the run is in the phase that matters most; some threads that stand by do not matter", () => {
  const merged = (...phases: Phase[]) => mergedStatus(phases.map((phase) => domainStatus({ phase })), 1).phase;
  assertEquals(merged("running", "standby"), "running");
  assertEquals(merged("standby", "standby"), "standby");
  assertEquals(merged("running", "joining"), "joining");
  assertEquals(merged("stopped", "running"), "running");
  assertEquals(merged("running", "restarting"), "restarting");
  assertEquals(merged("draining", "stopped"), "draining");
  assertEquals(merged("draining", "failed"), "failed");
});
