// The contract of the log port: one suite that every adapter passes.

import { damageTests } from "./log/damage.ts";
import { groupTests } from "./log/groups.ts";
import type { LogAdapter } from "./log/place.ts";
import { readingTests } from "./log/reading.ts";
import { topicTests } from "./log/topics.ts";

export type { LogAdapter, Place } from "./log/place.ts";

/** Registers the contract's tests for one adapter. */
export function logContract(adapter: LogAdapter): void {
  if (adapter.skip !== undefined) console.info(`The log contract of ${adapter.name} is skipped: ${adapter.skip}`);
  topicTests(adapter);
  readingTests(adapter);
  damageTests(adapter);
  groupTests(adapter);
}
