// The log in memory that the simulation runs on obeys the port: it passes the parts of the log contract that do not take
// processes, in real time.

import { systemClock } from "../../src/clock.ts";
import { readingTests } from "../contracts/log/reading.ts";
import { topicTests } from "../contracts/log/topics.ts";
import { LogStore, MemoryLog } from "../support/simulation/memory_log.ts";
import { Random } from "../support/simulation/random.ts";
import type { Gate } from "../support/simulation/turns.ts";

/** Cuts batches as large as they may be. */
class Greedy extends Random {
  override below(limit: number): number {
    return limit - 1;
  }
}

const gate: Gate = {
  clock: systemClock,
  random: new Greedy(1),
  async turn(notBefore = 0, ready = () => false) {
    while (systemClock.monotonic() < notBefore && !ready()) await systemClock.sleep(5);
  },
  fault: () => false,
};

const adapter = {
  name: "memory",
  sessionTimeoutMs: 1000,
  place() {
    const store = new LogStore();
    store.maxBatch = 1000;
    return Promise.resolve({
      open: () => Promise.resolve(new MemoryLog(store, gate)),
      damage(topic: string, partition: number, offset: number) {
        const from = offset - offset % 5; // runs have no ends in here: the suite's have five records
        store.partition(topic, partition).damaged.push({ from, to: from + 5 });
        return Promise.resolve();
      },
      member: {},
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
  },
};

topicTests(adapter);
readingTests(adapter);
