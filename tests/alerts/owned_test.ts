// Whose alerts a process tells of: those of the partitions that it has.
import { assertEquals } from "@std/assert";
import { ownedOf } from "../../src/alerts/mod.ts";
import type { Phase } from "../../src/engine/status.ts";
import { domainStatus, partitionStatus } from "../support/status.ts";

Deno.test("a process tells of its partitions while it has them; alone also while it waits for the log", () => {
  const partitions = [partitionStatus({ partition: 3 })];
  const owns = (phase: Phase, isShared?: true) =>
    ownedOf([domainStatus({ phase, partitions, isShared })]).map(({ partition }) => partition);
  for (const phase of ["running", "draining", "stopped"] as const) assertEquals(owns(phase, true), [3], phase);
  for (const phase of ["restarting", "joining"] as const) {
    assertEquals([owns(phase), owns(phase, true)], [[3], []], phase);
  }
  for (const phase of ["starting", "standby", "failed"] as const) assertEquals(owns(phase), [], phase);
});
