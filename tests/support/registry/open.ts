// A log on the broker with a registry beside it, which must have nothing to warn of.

import { assert } from "@std/assert";
import { systemClock } from "../../../src/clock.ts";
import type { Log } from "../../../src/log/log.ts";
import { openRegisteredLog } from "../../../src/log/registered_log.ts";
import type { KafkaBroker } from "../kafka/broker.ts";
import { openOn } from "../kafka/fixture.ts";

/** Reads what names schemas of the registry; writes plain JSON. */
export async function openBeside(broker: KafkaBroker, url: string): Promise<Log> {
  return openRegisteredLog({
    log: await openOn(broker),
    registry: { url },
    schemas: new Map(),
    clock: systemClock,
    onWarning: (message) => assert(false, message),
  });
}
