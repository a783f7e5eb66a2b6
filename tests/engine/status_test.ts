import { assertEquals } from "@std/assert";
import { isWell } from "../../src/engine/mod.ts";
import type { DomainStatus } from "../../src/engine/status.ts";
import { domainStatus, partitionStatus } from "../support/status.ts";

const waiting = [partitionStatus({ lag: 0 }), partitionStatus({ partition: 1, lag: 7 })];
const done = [partitionStatus({ lag: 0 })];
const lastError = "The table is gone";

const CASES: readonly (readonly [name: string, Partial<DomainStatus>, boolean])[] = [
  ["runs", { phase: "running", partitions: waiting }, true],
  ["stands by", { phase: "standby" }, true],
  ["waits for its group", { phase: "joining" }, true],
  ["starts again", { phase: "restarting" }, false],
  ["has failed", { phase: "failed", lastError }, false],
  ["runs again with records that it failed at before", { phase: "running", lastError, partitions: waiting }, false],
  ["joins again with records that it failed at before", { phase: "joining", lastError, partitions: waiting }, false],
  ["runs again and does not know yet what waits", { phase: "running", lastError, partitions: [] }, false],
  ["runs again and nothing waits", { phase: "running", lastError, partitions: done }, true],
  ["stands by after a failure", { phase: "standby", lastError }, true],
  ["stands still", {
    phase: "running",
    standstill: { kind: "unreachable", reason: "the log does not answer", since: 0 },
  }, false],
];

for (const [name, status, expected] of CASES) {
  Deno.test(`a domain that ${name} is ${expected ? "" : "not "}well`, () => {
    assertEquals(isWell(domainStatus(status)), expected);
  });
}
