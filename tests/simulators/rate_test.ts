// The greatest rate that may be asked for: every simulator still gets on, and is about as fast as it is told.

import { assert } from "@std/assert";
import { MAX_RATE } from "../../simulators/mod.ts";
import { domainModules } from "../../src/domains/mod.ts";
import { simulatorOf } from "../support/simulators.ts";

const MORNING = Date.parse("2026-11-19T08:00:00Z");
const RECORDS = 20_000;

for (const { name } of domainModules) {
  Deno.test(`${name} can be simulated at ${MAX_RATE} records a second`, () => {
    const { generate, sources } = simulatorOf(name);
    let last = MORNING;
    let made = 0;
    for (const { timestamp } of generate({ seed: 1, start: MORNING, intervalMs: sources * 1000 / MAX_RATE })) {
      assert(timestamp >= last, "event time goes back");
      last = timestamp;
      if (++made === RECORDS) break;
    }
    const seconds = (last - MORNING) / 1000;
    assert(made / seconds > MAX_RATE / 4 && made / seconds < MAX_RATE * 4, `${made} in ${seconds} s of event time`);
  });
}
