// The log in Kafka: picks the client. Knows nothing of either client, nor of domains or warehouses: each has a folder of its
// own, loaded when it is wanted. What lies beside the folders is shared by both.

import type { Clock } from "../clock.ts";
import type { KafkaSettings } from "./kafka/settings.ts";
import type { Log } from "./log.ts";

export type { KafkaSettings };

export interface KafkaLogOptions {
  readonly settings: KafkaSettings;
  readonly clock?: Clock;
  /** Told of trouble that needs no action by the caller, the client's own warnings among it. */
  readonly onWarning?: (message: string) => void;
}

/** Loads the client. Connects when first needed: the errors of the broker come from the calls. */
export async function openKafkaLog(options: KafkaLogOptions): Promise<Log> {
  if (options.settings.client === "platformatic") {
    const { openPlatformaticLog } = await import("./kafka/platformatic/log.ts");
    return await openPlatformaticLog(options);
  }
  const { openKafkaJsLog } = await import("./kafka/kafkajs/log.ts");
  return await openKafkaJsLog(options);
}
